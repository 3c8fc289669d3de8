"""A larger network that begins as a smaller, trained one: same function at the first step, room to go on."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..errors import BadValue

_LAST_CONV = re.compile(r"encoder\.body\.(\d+)\.(weight|bias)")
_BLOCK_END = re.compile(r"encoder\.body\.(\d+)\.body\.2\.(weight|bias)")


@torch.no_grad()
def grow(net: nn.Module, small: Mapping[str, Tensor]) -> None:
    """Give a LINF with a plain residual (EDSR) encoder the function of one with fewer blocks or channels.

    Old channels come first; what they read from new channels begins at zero, while new channels keep the random
    weights they were made with. Added residual blocks end in zeros, and so add nothing. (Net2Net, Chen et al. 2016,
    in the form that needs no noise to tell copies apart.)

    Parameters
    ----------
    net
        The larger network, with its random weights.
    small
        State of the smaller one.

    Raises
    ------
    BadValue
        When a tensor is larger in `small`, or of another kind.
    """
    state = net.state_dict()
    renamed = {_moved(name, small, state): tensor for name, tensor in small.items()}
    for name, tensor in renamed.items():
        new = state.get(name)
        if new is None or new.ndim != tensor.ndim or any(a < b for a, b in zip(new.shape, tensor.shape, strict=True)):
            raise BadValue(
                f"The weights to grow from have {name} {list(tensor.shape)}, which does not fit into "
                f"{'nothing' if new is None else list(new.shape)}: describe a network that is no smaller in any part."
            )
        rows = tensor.shape[0]
        new[:rows] = 0
        new[tuple(slice(n) for n in tensor.shape)] = tensor
    for name, new in state.items():
        if name not in renamed and _BLOCK_END.fullmatch(name):
            new.zero_()
    net.load_state_dict(state)


def _moved(name: str, small: Mapping[str, Tensor], large: Mapping[str, Tensor]) -> str:
    """The convolution after the last block has another index when blocks were added."""
    found = _LAST_CONV.fullmatch(name)
    return f"encoder.body.{_last(large)}.{found[2]}" if found and int(found[1]) == _last(small) else name


def _last(state: Mapping[str, Tensor]) -> int:
    return max((int(m[1]) for m in map(_LAST_CONV.fullmatch, state) if m), default=-1)
