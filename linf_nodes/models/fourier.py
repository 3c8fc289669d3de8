"""The Fourier feature ensemble of LINF (CVPR 2023, eqs 5-9): what a query point sees of the LR feature map."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .corners import Corners


class Workspace:
    """Arrays that `fourier_features` writes over in inference: fresh ones cost more in page faults than the arithmetic.

    Parameters
    ----------
    queries
        The most that come at a time.
    fields
        Gives the width, precision and device.
    """

    def __init__(self, queries: int, fields: Tensor):
        hidden = fields.shape[1] // 2
        self.seen = fields.new_empty(queries * 4, 2 * hidden)
        self.angle = fields.new_empty(queries, 4, hidden // 2)
        self.wave = torch.empty_like(self.angle)
        self.basis = fields.new_empty(queries, 4, 2, hidden // 2)


def fourier_features(fields: Tensor, phase: Tensor, corners: Corners, work: Workspace | None = None) -> Tensor:
    """Amplitude times cos and sin of the estimated waves at each corner, concatenated.

    Parameters
    ----------
    fields
        `[cells, 2 * hidden]`: per LR cell the amplitudes, then the frequencies (first half y, second half x), in
        radians per half LR pixel.
    phase
        `[1 or q, hidden / 2]` in radians, from the query's cell size.
    corners
        Of q queries.
    work
        For inference with four corners: the result is a part of it, good until the next call.

    Returns
    -------
    Tensor
        `[q, corners * hidden]`.
    """
    if work is not None:
        return _fourier_features_into(fields, phase, corners, work)
    (q, n), half = corners.cell.shape, phase.shape[-1]
    seen = fields.index_select(0, corners.cell.flatten()).view(q, n, 4, half)
    amplitude, frequency = seen.chunk(2, 2)
    offset = torch.stack((corners.rel_y, corners.rel_x), 2).unsqueeze(-1)
    angle = phase.unsqueeze(1) + (frequency * offset).sum(2)
    amplitude = amplitude * corners.weight.view(q, n, 1, 1)
    waves: Tensor = Waves.apply(angle)  # type: ignore[no-untyped-call]  # torch types no Function
    return (waves * amplitude).flatten(1)


class Waves(torch.autograd.Function):
    """Cos and sin of `angle [q, n, h]`, `[q, n, 2, h]`: each is the other's derivative, and is not computed twice."""

    @staticmethod
    def forward(ctx: Any, angle: Tensor) -> Tensor:
        waves = angle.new_empty(*angle.shape[:2], 2, angle.shape[2])
        torch.cos(angle, out=waves[:, :, 0])
        torch.sin(angle, out=waves[:, :, 1])
        ctx.save_for_backward(waves)
        return waves

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        cos, sin = ctx.saved_tensors[0].unbind(2)
        return torch.addcmul(grad[:, :, 1] * cos, grad[:, :, 0], sin, value=-1)


def _fourier_features_into(fields: Tensor, phase: Tensor, corners: Corners, work: Workspace) -> Tensor:
    q, half = len(corners.cell), phase.shape[-1]
    seen, angle, wave, basis = work.seen[: 4 * q], work.angle[:q], work.wave[:q], work.basis[:q]
    torch.index_select(fields, 0, corners.cell.flatten(), out=seen)
    seen = seen.view(q, 4, 4, half)
    torch.addcmul(phase.unsqueeze(1), seen[:, :, 2], corners.rel_y.unsqueeze(-1), out=angle)
    angle.addcmul_(seen[:, :, 3], corners.rel_x.unsqueeze(-1))
    for i, function in enumerate((torch.cos, torch.sin)):
        torch.mul(function(angle, out=wave), seen[:, :, i], out=basis[:, :, i])
    return basis.mul_(corners.weight.view(q, 4, 1, 1)).flatten(1)
