"""From weights to networks: built without memory, checked by name and shape, then given the tensors themselves."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..errors import LinfError, UnsupportedWeights
from ..memory import fits, shortage
from .contract import Network
from .latent_front import LatentPrior
from .registry import build_network, build_prior
from .room import check_room
from .spec import Spec
from .unfilled import Unfilled
from .weights import Weights
from .window_attention import SwinBlock, relative_position_index

_SHOWN = 3
TRAINED = 20  # bytes of a value while it is trained: itself, its average, its gradient and two moments

Net = TypeVar("Net", bound=nn.Module)


def build(weights: Weights) -> tuple[Network, LatentPrior | None]:
    """Networks with these weights, in float32 on the CPU and in eval mode. Memory is shared with `weights`.

    Raises
    ------
    UnsupportedWeights
        When there is no model, the description cannot be built, tensors are missing, extra or of another shape, a value
        is not finite, or the latent module is for another patch size.
    """
    if weights.model is None:
        raise UnsupportedWeights("There is a latent module but no model: load the LINF it was trained with, too.")
    network = _network(build_network, weights.model, weights.model_state)
    if weights.prior is None:
        return network, None
    if not network.dim:
        raise UnsupportedWeights(
            f"The latent module {weights.prior.name!r} predicts latents, and a {network.family} has none: load it with "
            "the LINF it was trained with."
        )
    prior = _network(build_prior, weights.prior, weights.prior_state)
    if prior.in_chans != network.dim:
        raise UnsupportedWeights(
            f"The latent module {weights.prior.name!r} has in_chans {prior.in_chans}, but a LINF with patch_size "
            f"{network.patch_size} has latents of {network.dim}: load the two that were trained together."
        )
    return network, prior


def check_asked(make: Callable[[Spec], nn.Module], spec: Spec) -> None:
    """Refuse a description without tensors, a recipe's say, of which no network can be made and trained here.

    Raises
    ------
    UnsupportedWeights
    """
    check_room(spec, {})
    net = _unfilled(make, spec)
    _check_attention(net)
    _check_layers(spec, net)
    count = sum(p.numel() for p in net.parameters())
    if not fits(TRAINED * count):
        raise UnsupportedWeights(
            f"The model {spec.name!r} has {count:,} values, and training them {shortage(TRAINED * count)}: make it "
            "smaller."
        )


def _check_layers(spec: Spec, net: nn.Module) -> None:
    """Refuse layers that would fail at the first picture: without channels, or with kernels that have no middle."""
    if empty := next((name for name, p in net.named_parameters() if not p.numel()), None):
        raise UnsupportedWeights(f"The model {spec.name!r} would have no channels in {empty}: make it larger.")
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d) and layer.padding != (0, 0) and layer.kernel_size[0] % 2 == 0:
            raise UnsupportedWeights(
                f"The model {spec.name!r} would have a kernel of {layer.kernel_size[0]} in {name}: give an odd number."
            )


def _unfilled(make: Callable[[Spec], Net], spec: Spec) -> Net:
    try:
        with Unfilled():
            return make(spec)
    except LinfError:
        raise
    except Exception as error:  # whatever a constructor makes of arguments from a file
        raise UnsupportedWeights(f"The model {spec.name!r} cannot be built from its arguments: {error}.") from error


def _network(make: Callable[[Spec], Net], spec: Spec, state: Mapping[str, Tensor]) -> Net:
    check_room(spec, state)
    net = _unfilled(make, spec)
    wanted = net.state_dict()
    _check_names_and_shapes(spec, wanted, state)
    cast = {name: state[name].detach().to("cpu", value.dtype) for name, value in wanted.items()}
    if bad := next((name for name, value in cast.items() if not value.isfinite().all()), None):
        raise UnsupportedWeights(f"The tensor {bad} of model {spec.name!r} has values that are not finite.")
    net.load_state_dict(cast, strict=True, assign=True)
    _check_attention(net)
    return net.train(False)


def _check_names_and_shapes(spec: Spec, wanted: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
    both = [name for name in wanted if name in state]
    other = [
        f"{n} {list(state[n].shape)} for {list(wanted[n].shape)}" for n in both if state[n].shape != wanted[n].shape
    ]
    kinds = [n for n in both if state[n].is_floating_point() != wanted[n].is_floating_point()]
    faults = [
        _listed("missing", [name for name in wanted if name not in state]),
        _listed("extra", [name for name in state if name not in wanted]),
        _listed("of another shape", other),
        _listed("of another number type", kinds),
    ]
    if any(faults):
        raise UnsupportedWeights(
            f"The tensors do not fit the model {spec.name!r}: {'; '.join(f for f in faults if f)}. "
            "Take the file of the architecture it states, or export it again."
        )


def _listed(what: str, names: Iterable[str]) -> str:
    names = list(names)
    more = ", ..." if len(names) > _SHOWN else ""
    return f"{len(names)} {what} ({', '.join(names[:_SHOWN])}{more})" if names else ""


def _check_attention(net: nn.Module) -> None:
    """The stored index of relative positions has one right value: another would be read outside its table."""
    for name, block in net.named_modules():
        if not isinstance(block, SwinBlock):
            continue
        attention = block.attn
        if not torch.equal(attention.relative_position_index, relative_position_index(block.window)):
            raise UnsupportedWeights(f"The tensor {name}.attn.relative_position_index is not that of its window.")
        if attention.qkv.in_features % attention.heads:
            raise UnsupportedWeights(f"The {attention.heads} heads of {name} do not divide its channels.")
