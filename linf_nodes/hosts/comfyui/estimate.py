"""How many bytes a node needs on the device beside the weights: ComfyUI makes that much room, and no more."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...pipeline.encoding import MAP_BYTES
from ...pipeline.features import Features
from ...pipeline.fields.local import CELLS
from ...pipeline.grid import Size
from ...pipeline.model import LoadedModel
from ...pipeline.prior import halo as prior_halo
from ...pipeline.render import AUTO_TILE, HELD_BYTES
from ...pipeline.size import SizeWish

_LATENT_BYTES, _PIXEL_BYTES = 12, 40  # of one output pixel: z, and texture, base and sums when the encoder is through


def work_bytes(model: LoadedModel, lr_size: Size, hr_size: Size, tile: int = 0) -> int:
    """Bytes for one block of `tile` LR pixels (0: the core's own choice), the largest that is computed at once."""
    side = tile or AUTO_TILE
    window, block = 1, 1
    for lr, hr in zip(lr_size, hr_size, strict=True):
        window *= min(lr, side + 2 * model.halo)
        block *= min(hr, -(-side * hr // lr))
    width = model.network.encoder.out_dim * model.dtype.itemsize
    cells = model.network.width * 4 * min(CELLS, window)
    part = window * width if model.device.type != "cpu" else min(window * width, MAP_BYTES)  # encoded at a time
    encoding = window * width + part * model.network.encoder.copies
    total = block * _LATENT_BYTES + max(encoding, block * _PIXEL_BYTES) + 2 * cells
    if model.prior is not None:
        held = block // model.patch**2 * 4 * model.network.answers
        total += int(min(held, HELD_BYTES)) + prior_halo(model.prior) ** 2 * model.dim * 8
    return int(total)


def node_bytes(model: LoadedModel, values: Mapping[str, Any]) -> int:
    """The same for a node, from its inputs in the core's form."""
    image, features, latent, reference = (values.get(name) for name in ("image", "features", "latent", "reference"))
    lr = features.lr_size if isinstance(features, Features) else tuple(image.shape[-2:])  # type: ignore[union-attr]
    if hasattr(latent, "grid"):
        hr = latent.grid.hr_size  # type: ignore[union-attr]
    elif isinstance(reference, Tensor):
        hr = (reference.shape[-2], reference.shape[-1])
    elif "scale" in values:
        hr = SizeWish.of(values).target(lr).grid
    else:
        hr = lr
    return work_bytes(model, lr, hr, values.get("tile", 0))
