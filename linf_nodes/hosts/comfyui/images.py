"""Pictures and masks between ComfyUI's `[b, h, w, c]` and the core's `[b, c, h, w]`; inputs are never changed."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from ...catalogue.tensors import painted
from ...errors import BadShape


def image_in(image: Tensor) -> Tensor:
    """A batch `[b, h, w, c]` of any precision on any device as float32 `[b, c, h, w]` on the CPU.

    Raises
    ------
    BadShape
        When it holds no picture, or is no batch of pictures.
    """
    if image.ndim != 4:
        raise BadShape(f"The image has shape {tuple(image.shape)}: give [batch, height, width, channels].")
    if 0 in image.shape:
        raise BadShape(f"The image batch is empty, {tuple(image.shape)}: give at least one picture.")
    return image.movedim(-1, 1).to("cpu", torch.float32)


def image_out(image: Tensor, device: Any = "cpu", dtype: torch.dtype = torch.float32) -> Tensor:
    """A result `[b, c, h, w]` as ComfyUI has it, `[b, h, w, c]` within [0, 1]: other packs rely on that range.

    The result is cut in place: a copy of a large picture would double what the node holds.
    """
    return image.movedim(1, -1).clamp_(0, 1).to(device, dtype)


def unshared(image: Tensor, others: Iterable[Any]) -> Tensor:
    """The image itself, or a copy where it lies in the memory of one of `others`, which must not change."""
    places = {t.untyped_storage().data_ptr() for t in others if isinstance(t, Tensor)}
    return image.clone() if image.untyped_storage().data_ptr() in places else image


def mask_in(mask: Tensor) -> Tensor | None:
    """A mask as float32 on the CPU, or None for the placeholder that Load Image makes up."""
    given = painted(mask)
    return None if given is None else given.to("cpu", torch.float32)
