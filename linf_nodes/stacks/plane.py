"""One plane of a volume, computed block by block."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..catalogue.amount import amount_of
from ..catalogue.tensors import Levels
from ..errors import BadValue, DamagedPart
from ..pipeline.blocks import Block, Plan, Span
from ..pipeline.cells import interpolate
from ..pipeline.features import Features
from ..pipeline.fields import Gaussian, narrowed
from ..pipeline.grid import Grid
from ..pipeline.latent import latent_for
from ..pipeline.model import LoadedModel
from ..pipeline.prior import seen
from ..pipeline.render import Amount, plan_for, stream
from .axes import Array, Index
from .description import VolumeDescription
from .levels import REACH, fetched, full_range

SIDE = 1024  # output pixels of a block at most: a chunk of 2 MB in 16 bits
ALIGN = 8  # patches: so a block can be cut into two, four or eight equal chunks
HELD = 1 << 26  # samples of a plane that is read at once; of a larger one, a window at a time


class Window(NamedTuple):
    """A window of the source in the network's units.

    The features are of a grey or RGB picture `[1, c, h, w]`, held within what the network is shown; `excess [c, h, w]`
    is what samples lie outside of that, and `alpha [1, h, w]` the alpha, where there are any. `samples [c, h, w]` are
    the source's own.
    """

    features: Features
    excess: Tensor | None
    alpha: Tensor | None
    samples: Array

    def enlarged(self, picture: Tensor, grid: Grid, pixels: Block) -> Array:
        """Bilinear enlargement of a picture of this window at a rectangle of output pixels."""
        y, x = (grid.pixels(axis, *run).shifted(self.features.origin[axis]) for axis, run in enumerate(pixels))
        return interpolate(picture, y, x).numpy()

    def kept(self, values: Array, result: Array, grid: Grid, pixels: Block) -> Array:
        """`result`, with the source's very sample wherever `values` say that nothing was added to a constant."""
        y, x = (grid.pixels(axis, *run).shifted(self.features.origin[axis]) for axis, run in enumerate(pixels))
        seen = self.features.image[0].numpy()
        corners = [(i.numpy()[:, None], j.numpy()) for i in (y.low, y.high) for j in (x.low, x.high)]
        first, *others = (self.samples[: len(seen), i, j] for i, j in corners)
        same = values == seen[:, corners[0][0], corners[0][1]]
        for other in others:
            same &= other == first
        return np.where(same, first, result)


class Plane:
    """The pixels of one plane. Every block is computed the same, whoever asks for it and in whatever order.

    Parameters
    ----------
    hold
        Read the source's plane once and keep it, unless it is very large: for callers that want every block.
    """

    def __init__(self, volume: VolumeDescription, index: Index, model: LoadedModel, hold: bool = False):
        self.volume, self.index, self.model = volume, index, model
        self.grid = volume.grid(model)
        self.frame = volume.axes.flat(index, volume.source.shape)  # also checks the index
        settings = volume.settings
        self.latent = latent_for(settings.detail.kind(model), self.grid, model, settings.seed, self.frame)
        self._hold = hold and self.grid.lr_size[0] * self.grid.lr_size[1] <= HELD

    @property
    def levels(self) -> Levels:
        """What 0 and 1 stand for in this plane; samples the volume when it is first asked for."""
        return self.volume.levels_at(self.index)

    @cached_property
    def plan(self) -> Plan:
        """The lattice of blocks: it depends on the sizes, the model and the tile alone."""
        tile, prior = self.volume.settings.tile, self.model.prior
        steps = plan_for(Features(self.model, torch.empty(0)), self.latent, tile or None).step
        align = ALIGN if prior is None else int(np.lcm(ALIGN, prior.align))
        most = max(steps) if tile else SIDE // self.grid.patch
        y, x = (_even(n, min(step, most), align) for n, step in zip(self.grid.patches, steps, strict=True))
        return Plan(self.grid, (y, x))

    def prepare(self) -> None:
        """Find out here what threads would find out all at the same time."""
        _ = self.plan, self.levels
        if self._hold:
            _ = self._whole

    @torch.inference_mode()
    def compute(self, block: Block, output: str) -> Array:
        """Samples `[c, r, s]` of a block of the lattice, in the result's dtype."""
        with _threads(self.volume.threads):
            return self._compute(block, output)

    def _compute(self, block: Block, output: str) -> Array:
        window = self._window(block)
        if output == "deviation":
            return self._deviation(window, block)
        pixels = block.pixels(self.grid)
        parts = stream(window.features, self.latent, 0, self._amount(window, output), self.plan, pixels)
        out: Array = np.empty((window.features.image.shape[1], *pixels.size), np.float32)
        for part, values in parts:
            out[(slice(None), *part.within(pixels))] = values.numpy()
        whole = out if window.excess is None else out + window.enlarged(window.excess, self.grid, pixels)
        result = window.kept(out, self._intensities(whole), self.grid, pixels)
        return self._joined(result, window, pixels)

    def _amount(self, window: Window, output: str) -> Amount:
        if output == "mean":
            return Amount(0.0)
        return amount_of(window.features, self.grid, self.latent.kind, self.volume.settings.detail)

    def _window(self, block: Block) -> Window:
        """What a block must see."""
        if self._hold:
            return self._whole
        return self.read(seen(self.model, self.grid, block, self.latent.kind == "learned"))

    @cached_property
    def _whole(self) -> Window:
        return self.read(Block(*(Span(0, n) for n in self.grid.lr_size)))

    def read(self, lr: Block) -> Window:
        """A rectangle of source pixels; raises `DamagedPart` for NaN and infinite ones: how many the plane holds."""
        volume = self.volume
        where = volume.axes.where(self.index, *lr.slices())
        samples = volume.axes.to_planes(np.array(fetched(volume.source[where])))  # a copy: memory may change
        if samples.dtype.kind == "f" and not np.isfinite(samples).all():
            raise DamagedPart(self._not_finite())
        colours = 3 if len(samples) > 1 else 1
        picture = _tensor(self.levels, samples[:colours])
        seen = picture.clamp(-REACH, 1 + REACH)
        excess = None if torch.equal(seen, picture) else picture - seen
        alpha = _tensor(full_range(samples.dtype), samples[colours:]) if len(samples) > colours else None
        origin, passes = (lr.rows.start, lr.cols.start), volume.settings.passes
        features = Features(self.model, seen[None], None, origin, passes=passes)
        return Window(features, excess, alpha, samples)

    def _not_finite(self) -> str:
        """One sentence that counts a plane's bad samples, some rows at a time."""
        height, bad = self.grid.lr_size[0], 0
        for row in range(0, height, 256):
            where = self.volume.axes.where(self.index, slice(row, min(row + 256, height)), slice(None))
            bad += int((~np.isfinite(fetched(self.volume.source[where]))).sum())
        name = f"The plane {self.index}" if self.index else "The picture"
        return f"{name} holds {bad} samples that are NaN or infinite: fill them first, with numpy.nan_to_num say."

    def _intensities(self, values: Array) -> Array:
        """Back to the source's intensities and dtype."""
        if not np.isfinite(values).all():
            raise BadValue(
                f"The model {self.model.name!r} overflowed in plane {self.index}: use the precision float32."
            )
        return self.levels.samples(values, self.volume.source_dtype)

    def _joined(self, result: Array, window: Window, pixels: Block) -> Array:
        """With the alpha, enlarged bilinearly, where there is one."""
        if window.alpha is None:
            return result
        dtype = self.volume.source_dtype
        alpha = full_range(dtype).samples(window.enlarged(window.alpha, self.grid, pixels), dtype)
        return np.concatenate((result, alpha))

    def _deviation(self, window: Window, block: Block) -> Array:
        """Standard deviations in the source's intensities; an alpha has none."""
        field = narrowed(window.features.field(0, self.grid), Gaussian, "the deviation")
        grey = window.features.image.shape[1] == 1
        values = field.deviation(block, grey).cpu().numpy()[: 1 if grey else 3]
        levels = self.levels
        values = (values * (levels.high - levels.low)).astype(np.float32)
        return values if window.alpha is None else np.concatenate((values, np.zeros_like(values[:1])))


def side_by_side(plane: Plane, blocks: list[Block], output: str, count: int) -> Iterator[tuple[Block, Array]]:
    """Blocks and their samples, in order; so many of them are computed at once, each by a thread of its own."""
    if count < 2 or len(blocks) < 2:
        yield from ((block, plane.compute(block, output)) for block in blocks)
        return
    plane.prepare()
    executor = ThreadPoolExecutor(count, "linf")
    try:
        yield from zip(blocks, executor.map(lambda block: plane.compute(block, output), blocks), strict=True)
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Compute with so many threads in this one: the last bits of a convolution depend on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _tensor(levels: Levels, samples: Array) -> Tensor:
    """Samples `[c, h, w]` in the network's units, float32."""
    return torch.from_numpy(np.ascontiguousarray(levels.normal(samples), np.float32))


def _even(patches: int, most: int, align: int) -> int:
    """The side of equal blocks of at most `most` patches, rounded up to a multiple of `align`."""
    cuts = -(-patches // most)
    return -(-patches // cuts // align) * align
