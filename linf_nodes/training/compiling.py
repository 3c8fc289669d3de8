"""torch.compile on the chains of layers that training spends its time in."""

from collections.abc import Iterator
from importlib.util import find_spec

import torch
from torch import nn

from ..models.contract import Network


def wanted(asked: bool | str, device: torch.device) -> bool:
    """ "auto" compiles on a CUDA GPU where Triton is installed."""
    return asked is True or (asked == "auto" and device.type == "cuda" and find_spec("triton") is not None)


def compile_chains(net: nn.Module, backend: str = "inductor") -> None:
    """Compile in place; names and values of the weights stay what they are."""
    for chain in chains(net):
        chain.compile(backend=backend)


def chains(net: nn.Module) -> Iterator[nn.Module]:
    """The encoder and the outermost Sequentials of a model; of any other network its outermost Sequentials."""
    if isinstance(net, Network):
        yield net.encoder
        for name, child in net.named_children():
            yield from chains(child) if name != "encoder" else ()
    elif isinstance(net, nn.Sequential):
        yield net
    else:
        for child in net.children():
            yield from chains(child)
