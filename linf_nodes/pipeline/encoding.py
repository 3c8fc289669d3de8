"""The encoder's features of one LR picture, rectangle by rectangle."""

from collections.abc import Iterator

import torch
from torch import Tensor

from .blocks import Block, Span
from .grid import Size
from .model import LoadedModel

MAP_BYTES = 32e6  # of one map inside an encoder: a larger one comes in fresh pages every time (docs/benchmark.md)


class Encoding:
    """Encodes rectangles of a picture as they are asked for, each seen with the encoder's halo.

    Parameters
    ----------
    model
        On its device.
    picture
        LR picture `[3, h, w]` in [0, 1] on that device, or a window of it.
    size
        Of the whole picture.
    origin
        The window's first row and column.
    """

    def __init__(self, model: LoadedModel, picture: Tensor, size: Size, origin: tuple[int, int]):
        self.model, self.picture, self.size, self.origin = model, picture, size, origin
        self._kept: tuple[Block, Tensor] | None = None

    def features(self, lr: Block, again: int | None = None) -> Tensor:
        """Features `[1, c, r, s]` of a rectangle of LR pixels, channels last.

        With `again`, the columns from there on are kept: the next call takes them over if it asks for the same rows.
        """
        channels = self.model.network.encoder.out_dim
        out = torch.empty(
            (1, channels, *lr.size),
            dtype=self.model.dtype,
            device=self.model.device,
            memory_format=torch.channels_last,
        )
        rest = lr
        if self._kept is not None:
            known, features = self._kept
            shared = known.shared(lr)
            if shared.rows == lr.rows and shared.cols.start == lr.cols.start and shared.cols.size > 0:
                out[(..., *shared.within(lr))] = features[(..., *shared.within(known))]
                rest = Block(lr.rows, Span(shared.cols.stop, lr.cols.stop))
        self._kept = None
        for part in self._parts(rest):
            out[(..., *part.within(lr))] = self._encode(part)
        if again is not None and again < lr.cols.stop and self._independent:
            last = Block(lr.rows, Span(max(again, lr.cols.start), lr.cols.stop))
            self._kept = last, out[(..., *last.within(lr))].clone(memory_format=torch.channels_last)
        return out

    @property
    def _independent(self) -> bool:
        """Whether a feature is the same in whatever rectangle it is computed."""
        return self.model.halo >= self.model.network.encoder.receptive_field

    def _parts(self, lr: Block) -> Iterator[Block]:
        """Cut a rectangle in halves until the encoder's maps are small, on a CPU."""
        if min(lr.size) == 0:
            return
        rows, cols = lr.grown(self.model.halo, self.size).size
        heavy = rows * cols * self.model.network.encoder.out_dim * self.model.dtype.itemsize > MAP_BYTES
        if self.model.device.type != "cpu" or not heavy or max(lr.size) <= self.model.halo:
            yield lr
            return
        for part in lr.cut():
            yield from self._parts(part)

    def _encode(self, lr: Block) -> Tensor:
        encoder = self.model.network.encoder
        rows, cols = (
            Span(s.start // encoder.align * encoder.align, min(n, -(-s.stop // encoder.align) * encoder.align))
            for s, n in zip(lr.grown(self.model.halo, self.size), self.size, strict=True)
        )
        wide = Block(rows, cols)
        seen = 2 * self.picture[(None, ..., *wide.slices(self.origin))] - 1
        seen = seen.to(self.model.dtype, memory_format=torch.channels_last)
        features: Tensor = encoder(encoder.padded(seen))
        return features[(..., *lr.within(wide))]
