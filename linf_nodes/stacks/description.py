"""What a volume is, before anything is computed of it."""

import threading
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch

from ..catalogue.settings import Output, Settings
from ..catalogue.tensors import Levels
from ..errors import BadShape
from ..pipeline.grid import Grid, Size
from ..pipeline.model import LoadedModel
from ..pipeline.size import checked_size
from .axes import Axes, Index
from .checked_source import checked
from .levels import check_samples, levels_of

_SAMPLING = threading.RLock()


@dataclass(frozen=True, eq=False)
class VolumeDescription:
    """What is enlarged, to what size, and by which settings: all that decides the pixels of a `Volume`.

    Parameters
    ----------
    source
        Anything with `shape`, `dtype` and basic indexing: numpy, dask, zarr, xarray, `TiffStack`.
    size
        Height and width of the result, neither smaller than the source's nor more than 32 times larger.
    levels
        The samples that 0 and 1 stand for, in all channels or in each; None: `levels_of` the source, when they are
        first needed.
    threads
        Threads of one block on a CPU, of which the last bits depend; None: as many as torch uses here.
    at_once
        Blocks of a plane that are computed side by side; of it nothing depends.

    Raises
    ------
    BadShape, BadValue
        When the axes do not fit, the samples are no intensities, or the size cannot be.
    """

    source: Any
    axes: Axes
    size: Size
    settings: Settings = field(default_factory=Settings)
    levels: Levels | tuple[Levels, ...] | None = None
    threads: int | None = None
    at_once: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", checked(self.source))  # frozen
        self.axes.checked(self.source.shape)
        self.check(self.source_dtype)
        checked_size(self.axes.lr_size(self.source.shape), self.size)

    @staticmethod
    def check(dtype: np.dtype[Any]) -> None:
        """Refuse samples that are no intensities."""
        check_samples(dtype)

    @property
    def model_hash(self) -> str:
        """Of the weights that this process finds under the model's name."""
        return self.settings.load().hash

    @property
    def source_dtype(self) -> np.dtype[Any]:
        """In this machine's byte order, whatever the file's."""
        dtype: np.dtype[Any] = np.dtype(self.source.dtype).newbyteorder("=")
        return dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the result."""
        return self.axes.enlarged(self.source.shape, self.size)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of means and samples, as the source's; deviations are float32."""
        return self.source_dtype

    def dtype_of(self, output: str) -> np.dtype[Any]:
        return np.dtype(np.float32) if output == Output.DEVIATION else self.source_dtype

    @property
    def planes(self) -> list[Index]:
        """Indices of the looped axes, in order."""
        return list(self.axes.planes(self.source.shape))

    @cached_property
    def every_levels(self) -> tuple[Levels, ...]:
        """The normalisation of every channel: given, or sampled once from a few planes."""
        count = self.axes.channels(self.source.shape)
        if self.levels is not None:
            given = self.levels if isinstance(self.levels, tuple) else (self.levels,) * count
            if len(given) != count:
                raise BadShape(f"There are {len(given)} levels for {count} channels: give one pair, or one each.")
            return given
        with _SAMPLING:
            return tuple(levels_of(self.source, self.axes, channel) for channel in range(count))

    @property
    def chosen_levels(self) -> Levels:
        """The normalisation, of the first channel if there are several."""
        return self.every_levels[0]

    def levels_at(self, index: Index) -> Levels:
        """The normalisation of a plane."""
        return self.every_levels[self.axes.channel_of(index)]

    def settled(self) -> Self:
        """The same volume with levels, threads and precision chosen here: in other processes it gives the same bits."""
        threads = self.threads or torch.get_num_threads()
        return replace(self, settings=self.settings.settled(), levels=self.every_levels, threads=threads)

    def of(self, source: Any) -> Self:
        """The same of another array of the same shape."""
        return replace(self, source=source)

    def draw(self, k: int) -> Self:
        """The same volume with another draw: the seed `k` further on."""
        return replace(self, settings=replace(self.settings, seed=self.settings.seed + k), levels=self.every_levels)

    def grid(self, model: LoadedModel) -> Grid:
        """Of every plane."""
        return Grid(self.axes.lr_size(self.source.shape), self.size, model.patch)
