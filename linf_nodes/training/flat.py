"""Parameters as parts of one long tensor: what is done to all of them takes one kernel, not one a layer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Flat:
    """Makes parameters parts of `value`, in place; their names, shapes and strides stay what they are.

    Every parameter must be dense; they lie in `value` one after the other, in the order of their memory.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]):
        self.parameters = list(parameters)
        self.value = nn.Parameter(torch.cat([_row(p.detach()) for p in self.parameters]))
        for parameter, part in zip(self.parameters, self.parts(self.value.detach()), strict=True):
            parameter.data = part

    def parts(self, flat: Tensor) -> tuple[Tensor, ...]:
        """Parts of a tensor like `value`, each like its parameter."""
        rows = torch.split(flat, [p.numel() for p in self.parameters])
        return tuple(_like(row, p) for row, p in zip(rows, self.parameters, strict=True))

    def gather(self) -> Tensor:
        """Take the parameters' gradients together, as the gradient of `value`; what saw none has zeros."""
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        self.value.grad = flat = join(grads, self.parameters)
        for parameter in self.parameters:
            parameter.grad = None
        return flat

    def adopt(self, states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The optimizer's state of `value` out of those of single parameters, as older checkpoints hold them."""
        names = [name for name, entry in states[0].items() if isinstance(entry, Tensor) and entry.ndim]
        joined = {name: join([state[name] for state in states], self.parameters) for name in names}
        return {**states[0], **joined}


class Lowered(torch.autograd.Function):
    """Parameters in another precision, all cast at once, and their gradients cast back at once."""

    @staticmethod
    def forward(ctx: Any, dtype: torch.dtype, *parameters: Tensor) -> tuple[Tensor, ...]:
        ctx.likes = [(p.shape, p.stride()) for p in parameters]
        ctx.dtype = parameters[0].dtype
        return _cast(parameters, dtype, ctx.likes)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return None, *_cast(grads, ctx.dtype, ctx.likes)


@contextmanager
def lowered(net: nn.Module, dtype: torch.dtype | None) -> Iterator[None]:
    """Within, convolutions and linear layers of `net` that are trained have weights in `dtype`; None changes nothing.

    Autocast does the same with two kernels a parameter and step instead of four for all.
    """
    held = [
        (module, name)
        for module in net.modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
        for name, parameter in module._parameters.items()
        if parameter is not None and parameter.requires_grad
    ]
    if dtype is None or not held:
        yield
        return
    kept = [module._parameters[name] for module, name in held]
    cast: tuple[Any, ...] = Lowered.apply(dtype, *kept)  # type: ignore[no-untyped-call]  # torch types no Function
    try:
        for (module, name), low in zip(held, cast, strict=True):
            module._parameters[name] = low
        yield
    finally:
        for (module, name), parameter in zip(held, kept, strict=True):
            module._parameters[name] = parameter


def clipped(grads: Sequence[Tensor], highest: float) -> Tensor:
    """Scale gradients, in place, so that their norm is at most `highest`; the norm that they had."""
    norms = [torch.linalg.vector_norm(grad) for grad in grads]
    norm: Tensor = norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms))
    factor = (highest / (norm + 1e-6)).clamp(max=1.0)
    for grad in grads:
        grad.mul_(factor)
    return norm


def join(tensors: Sequence[Tensor], likes: Sequence[Tensor]) -> Tensor:
    """Tensors in a row, each in the order of memory of its `like`."""
    return torch.cat([_row(_strided(t, like.shape, like.stride())) for t, like in zip(tensors, likes, strict=True)])


def _cast(tensors: Sequence[Tensor], dtype: torch.dtype, likes: Any) -> tuple[Tensor, ...]:
    rows = [_row(_strided(t, *like)) for t, like in zip(tensors, likes, strict=True)]
    parts = torch.split(torch.cat(rows).to(dtype), [len(row) for row in rows])
    return tuple(
        torch.as_strided(part, shape, stride, part.storage_offset())
        for part, (shape, stride) in zip(parts, likes, strict=True)
    )


def _strided(tensor: Tensor, shape: Any, stride: Any) -> Tensor:
    """The tensor, or a copy with these strides."""
    if tensor.stride() == stride:
        return tensor
    return torch.empty_strided(shape, stride, dtype=tensor.dtype, device=tensor.device).copy_(tensor)


def _row(tensor: Tensor) -> Tensor:
    return torch.as_strided(tensor, (tensor.numel(),), (1,))


def _like(row: Tensor, parameter: Tensor) -> Tensor:
    return torch.as_strided(row, parameter.shape, parameter.stride(), row.storage_offset())
