"""torch.compile on the chains of layers that training spends its time in."""

from collections.abc import Iterator
from importlib.util import find_spec

import torch
from torch import nn

from ..models.linf import LINF


def wanted(asked: bool | str, device: torch.device) -> bool:
    """ "auto" compiles on a CUDA GPU where Triton is installed."""
    return asked is True or (asked == "auto" and device.type == "cuda" and find_spec("triton") is not None)


def compile_chains(net: nn.Module, backend: str = "inductor") -> None:
    """Compile in place; names and values of the weights stay what they are."""
    for chain in chains(net):
        chain.compile(backend=backend)


def chains(net: nn.Module) -> Iterator[nn.Module]:
    """The encoder and the MLP of a LINF; of any other network its outermost Sequentials."""
    if isinstance(net, LINF):
        yield from (m for m in (net.encoder, net.layers) if isinstance(m, nn.Module))
    elif isinstance(net, nn.Sequential):
        yield net
    else:
        for child in net.children():
            yield from chains(child)
