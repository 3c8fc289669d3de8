"""Volumes that napari draws as they are looked at."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ....errors import BadValue
from ....pipeline.blocks import Block
from ....stacks.axes import Array, Index
from ....stacks.volume import Output, Volume


@dataclass(frozen=True, eq=False)
class Drawn(Volume):
    """A volume of which windows with NaN become NaN, and the reason is told to `say`.

    An error while napari draws would not reach the user but come again at every move of the view.
    """

    say: Callable[[str], None] = lambda text: None

    def window(self, index: Index, pixels: Block, output: str = Output.SAMPLE) -> Array:
        try:
            return super().window(index, pixels, output)
        except BadValue as error:
            if self.dtype_of(output).kind != "f":
                raise
            self.say(str(error))
            shape = self.axes.enlarged(self.source.shape, pixels.size)
            kept = [n for a, n in enumerate(shape) if a not in self.axes.looped]
            return np.full(kept, np.nan, self.dtype_of(output))
