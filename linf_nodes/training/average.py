"""The running average of a network: what a run exports, and shows in previews."""

import copy
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from .flat import Flat


class Average:
    """A copy `net` of a network that follows it. The parameters of both become parts of a tensor for each group.

    Parameters
    ----------
    net
        What is trained; `flats` are its groups afterwards.
    names
        Parameters of each group.
    """

    def __init__(self, net: nn.Module, names: Sequence[Sequence[str]]):
        self.net = copy.deepcopy(net).requires_grad_(False)
        self.flats, means = ([Flat([n.get_parameter(k) for k in group]) for group in names] for n in (net, self.net))
        self._pairs = [(mean.value, now.value) for mean, now in zip(means, self.flats, strict=True)]
        self._buffers = [*zip(self.net.buffers(), net.buffers(), strict=True)]

    @torch.no_grad()
    def follow(self, keep: float) -> None:
        """Move towards the network, weights and running statistics of norm layers, keeping so much of what was."""
        pairs = [*self._pairs, *(pair for pair in self._buffers if pair[0].is_floating_point())]
        means, nows = zip(*pairs, strict=True)
        torch._foreach_lerp_(list(means), list(nows), 1 - keep)
        for mean, now in self._buffers:
            if not mean.is_floating_point():
                mean.copy_(now)


def settle(model: nn.Module, average: nn.Module | None) -> None:
    """Let norm layers use running statistics, those of `average` where one is given."""
    if average is not None:
        model.load_state_dict(dict(average.named_buffers()), strict=False)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
