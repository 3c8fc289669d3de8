"""Loss terms of LINF training (CVPR 2023, eq. 10)."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..models.linf import LINF
from .batch import Batch


class Losses(NamedTuple):
    """`nll`: mean negative log-likelihood per query in nats; `l1`: mean |mu - texture| in the [-1, 1] domain."""

    nll: Tensor
    l1: Tensor


def losses(model: LINF, batch: Batch, autocast: torch.dtype | None) -> Losses:
    """Both terms of one batch. The encoder and the MLP may run in `autocast`; the flow is always float32."""
    device = batch.lr.device.type
    with torch.autocast(device, autocast, enabled=autocast is not None):
        lr = batch.lr.contiguous(memory_format=torch.channels_last)
        phase = model.phases(batch.rel_cell)
        info = model.info(model.fields(model.encode(lr)), phase, batch.corners)
    with torch.autocast(device, enabled=False):
        cond = model.imnet.condition(info.float())
        nll = -model.imnet.log_prob(batch.texture, cond).mean()
        l1 = (model.imnet.mean(cond) - batch.texture).abs().mean()
    return Losses(nll, l1)
