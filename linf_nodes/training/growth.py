"""A larger network that begins as a smaller, trained one: same function at the first step, room to go on."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from ..errors import BadValue
from ..models.edsr import EDSR
from ..models.linf import LINF

_LAST_CONV = re.compile(r"encoder\.body\.(\d+)\.(weight|bias)")
_BLOCK_END = re.compile(r"encoder\.body\.(\d+)\.body\.2\.(weight|bias)")
# What may widen with the encoder; all else keeps its shape: waves and textures lie in a fixed order of channels.
_WIDER = re.compile(r"encoder\..*|(coef|freq)\.weight")


@torch.no_grad()
def grow(net: LINF, small: LINF) -> None:
    """Give a LINF with a plain residual (EDSR) encoder the function of one whose encoder has fewer blocks or channels.

    Old channels come first; what they read from new channels begins at zero, while new channels keep the random
    weights they were made with. Added residual blocks end in zeros, and so add nothing. (Net2Net, Chen et al. 2016,
    in the form that needs no noise to tell copies apart.)

    Parameters
    ----------
    net
        The larger network, with its random weights.
    small
        The smaller one.

    Raises
    ------
    BadValue
        When an encoder is of another kind, a part of `small` is larger, or the two differ outside the encoder.
    """
    _check_kind(net, small)
    state, old = net.state_dict(), small.state_dict()
    renamed = {_moved(name, old, state): tensor for name, tensor in old.items()}
    for name in sorted({*renamed, *(n for n in state if not n.startswith("encoder."))}):
        _check_room(name, renamed.get(name), state.get(name))
    for name, tensor in renamed.items():
        new = state[name]
        new[: tensor.shape[0]] = 0
        new[tuple(slice(n) for n in tensor.shape)] = tensor
    for name, new in state.items():
        if name not in renamed and _BLOCK_END.fullmatch(name):
            new.zero_()


def _check_kind(net: LINF, small: LINF) -> None:
    both = (net.encoder, small.encoder)
    scales = []
    for encoder in both:
        if not isinstance(encoder, EDSR):
            raise BadValue(
                f"The encoder {type(encoder).__name__} cannot grow: only plain residual ones ('edsr-baseline') can."
            )
        scales.append(encoder.res_scale)
    if scales[0] != scales[1]:
        raise BadValue(f"res_scale is {scales[0]:g}, but {scales[1]:g} in the weights to grow from: keep it the same.")


def _check_room(name: str, old: Tensor | None, new: Tensor | None) -> None:
    shapes = ["nothing" if t is None else str(list(t.shape)) for t in (old, new)]
    fits = old is not None and new is not None and old.ndim == new.ndim
    if old is not None and new is not None and fits:
        wider = _WIDER.fullmatch(name) is not None
        fits = all(a <= b if wider else a == b for a, b in zip(old.shape, new.shape, strict=True))
    if not fits:
        raise BadValue(
            f"The weights to grow from have {shapes[0]} as {name}, the recipe's network {shapes[1]}: only the "
            "encoder's blocks and channels can grow, the rest must stay as it is."
        )


def _moved(name: str, small: Mapping[str, Tensor], large: Mapping[str, Tensor]) -> str:
    """The convolution after the last block has another index when blocks were added."""
    found = _LAST_CONV.fullmatch(name)
    return f"encoder.body.{_last(large)}.{found[2]}" if found and int(found[1]) == _last(small) else name


def _last(state: Mapping[str, Tensor]) -> int:
    return max((int(m[1]) for m in map(_LAST_CONV.fullmatch, state) if m), default=-1)
