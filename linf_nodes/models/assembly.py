"""From weights to networks: built without memory, checked by name and shape, then given the tensors themselves."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import LinfError, UnsupportedWeights
from ..memory import fits, shortage
from .latent_front import LatentPrior
from .linf import LINF
from .spec import Spec, build_linf, build_prior
from .weights import Weights
from .window_attention import SwinBlock, relative_position_index

_COUNTS = {"n_resblocks", "nb", "n_blocks", "flow_layers", "num_layer", "depth", "depths"}
_DEFAULTS = {"patch_size": 1, "depth": 0, "window_size": 8, "img_size": 48}
_SHOWN = 3
TRAINED = 20  # bytes of a value while it is trained: itself, its average, its gradient and two moments

Net = TypeVar("Net", bound=nn.Module)


class Unfilled(TorchFunctionMode):
    """Parameters take no memory and no random numbers; buffers, which are computed, stay real.

    The device "meta" alone would take the buffers too, and its arithmetic costs a second of imports.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.empty:
            kwargs["device"] = "meta"
        elif func in (Tensor.uniform_, Tensor.normal_):
            return args[0]
        return func(*args, **kwargs)


def build(weights: Weights) -> tuple[LINF, LatentPrior | None]:
    """Networks with these weights, in float32 on the CPU and in eval mode. Memory is shared with `weights`.

    Raises
    ------
    UnsupportedWeights
        When there is no LINF, the description cannot be built, tensors are missing, extra or of another shape, a value
        is not finite, or the latent module is for another patch size.
    """
    if weights.linf is None:
        raise UnsupportedWeights("There is a latent module but no LINF: load the LINF it was trained with, too.")
    linf = _network(build_linf, weights.linf, weights.linf_state)
    if weights.prior is None:
        return linf, None
    prior = _network(build_prior, weights.prior, weights.prior_state)
    if not isinstance(prior, LatentPrior):
        raise UnsupportedWeights(f"The model {weights.prior.name!r} is no latent module.")
    chans = prior.in_chans
    if chans != linf.dim:
        raise UnsupportedWeights(
            f"The latent module {weights.prior.name!r} has in_chans {chans}, but a LINF with patch_size "
            f"{linf.patch_size} has latents of {linf.dim}: load the two that were trained together."
        )
    return linf, prior


def check_asked(make: Callable[[Spec], nn.Module], spec: Spec) -> None:
    """Refuse a description without tensors, a recipe's say, of which no network can be made and trained here.

    Raises
    ------
    UnsupportedWeights
    """
    _check_room(spec, {})
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
    _check_room(spec, state)
    net = _unfilled(make, spec)
    wanted = net.state_dict()
    _check_names_and_shapes(spec, wanted, state)
    cast = {name: state[name].detach().to("cpu", value.dtype) for name, value in wanted.items()}
    if bad := next((name for name, value in cast.items() if not value.isfinite().all()), None):
        raise UnsupportedWeights(f"The tensor {bad} of model {spec.name!r} has values that are not finite.")
    net.load_state_dict(cast, strict=True, assign=True)
    _check_attention(net)
    return net.train(False)


def _check_room(spec: Spec, state: Mapping[str, Tensor]) -> None:
    """Refuse a description that asks for far more than its tensors, or any, hold: before anything is made."""
    inner = spec.args.get("encoder_spec")
    args = {**spec.args, **(Spec.of(inner).args if isinstance(inner, Mapping) else {})}
    side = max([1024, *(max(t.shape, default=1) for t in state.values())])
    values = max(10**7, sum(t.numel() for t in state.values()))
    for key, value in args.items():
        if _size(value) > (max(64, len(state)) if key in _COUNTS else side):
            raise _too_much(key, value, state)
    patch, depth, window, image = (_size(args.get(k, n)) for k, n in _DEFAULTS.items())
    blocks = _size(args.get("depths", 36))
    for key, asked, most in (
        ("patch_size", 3 * patch**2, side),
        ("depth", _size(args.get("dim", 64)) * 2**depth, 2 * side),
        ("window_size", blocks * (max(window, image) * window) ** 2, 4 * values),
    ):
        if asked > most:
            raise _too_much(key, args.get(key), state)


def _size(value: Any) -> int:
    """A whole number's size, or a list's: of its length and its sum the larger; 0 for anything else."""
    if isinstance(value, list | tuple):
        return max(len(value), sum(abs(v) for v in value if isinstance(v, int)))
    return abs(value) if isinstance(value, int) else 0


def _too_much(key: str, value: Any, state: Mapping[str, Tensor]) -> UnsupportedWeights:
    shown = f" {value!r:.60}" if _size(value) < 10**18 else ""  # Python prints no integers of thousands of digits
    most = "the file's tensors hold" if state else "a model has: make it smaller"
    return UnsupportedWeights(f"The model's argument {key}{shown} asks for far more than {most}.")


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
