"""What a model is: a frozen description, read from a file's own spec or deduced from tensor shapes."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from torch import nn

from ..errors import UnsupportedWeights
from .edsr import EDSR
from .edsr_prior import EDSRPrior
from .linf import LINF
from .rdn import RDN
from .rrdb import RRDB
from .smfanet import SMFANet
from .span import SPAN
from .swin_prior import SwinPrior
from .swinir import SwinIR
from .unet import UNetPrior

Args = Mapping[str, Any]

# Constructor arguments of published specs that change nothing here: every LINF encoder runs without up-sampling.
_INERT = {"no_upsampling", "scale", "rgb_range", "n_colors", "in_nc", "out_nc", "name", "cell_input", "inp_size"}


@dataclass(frozen=True)
class Spec:
    """A registry entry `{"name": ..., "args": {...}}` as published checkpoints carry it."""

    name: str
    args: Args = field(default_factory=dict)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Spec":
        """Read an entry, of older ones too; raises UnsupportedWeights when it has no name."""
        name, args = entry.get("name"), entry.get("args") or {}
        if not isinstance(name, str) or not isinstance(args, Mapping):
            raise UnsupportedWeights(f"The model description {str(entry)[:80]!r} has no name and args to build from.")
        old = args.get(_OLD_ENSEMBLE)
        if name in LINF_NAMES and isinstance(old, bool) and "ensemble" not in args:
            args = {k: v for k, v in args.items() if k != _OLD_ENSEMBLE} | {"ensemble": _OLD_ENSEMBLES[old]}
        return cls(name, args)

    def entry(self) -> dict[str, Any]:
        """The same as a plain dictionary."""
        return {"name": self.name, "args": dict(self.args)}


MOST = 4096  # of anything that a network has a number of
_MOST = {"flow_layers": 256, "num_layer": 64, "patch_size": 31}


def _checked(model: str, key: str, value: Any, wanted: Any) -> Any:
    """An argument of the kind that a network takes, within bounds: a file may say anything.

    Raises
    ------
    UnsupportedWeights
    """
    most = _MOST.get(key, MOST)
    if wanted is int:
        fits, kind = _counts(value, most), f"a whole number from 1 to {most}"
    elif wanted is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most
        kind = f"a number from 0 to {most}"
    elif get_origin(wanted) is Literal:
        fits, kind = value in get_args(wanted), " or ".join(map(repr, get_args(wanted)))
    elif wanted in (str, bool):
        fits, kind = isinstance(value, wanted), "text" if wanted is str else "true or false"
    else:
        fits = isinstance(value, list | tuple) and 0 < len(value) <= 64 and all(_counts(v, most) for v in value)
        kind = f"a list of whole numbers from 1 to {most}"
    if not fits:
        raise UnsupportedWeights(f"Model {model!r} has {key} = {value!r:.60}: give {kind}.")
    return tuple(value) if isinstance(value, list) else value


def _counts(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _call(spec: Spec, build: Callable[..., nn.Module], names: Mapping[str, str], defaults: Args) -> nn.Module:
    args = dict(defaults)
    parameters = inspect.signature(build).parameters
    for key, value in spec.args.items():
        if key in names:
            args[names[key]] = _checked(spec.name, key, value, parameters[names[key]].annotation)
        elif key not in _INERT:
            raise UnsupportedWeights(f"Model {spec.name!r} has an argument {key!r} that is not known here.")
    return build(**args)


def _same(*names: str) -> dict[str, str]:
    return {n: n for n in names}


_EDSR = _same("n_resblocks", "n_feats", "res_scale")
_RDN = {"G0": "G0", "RDNkSize": "kernel_size", "RDNconfig": "config"}
_SWINIR = _same("embed_dim", "depths", "num_heads", "window_size", "mlp_ratio", "img_size")

_Entry = tuple[Callable[..., nn.Module], Mapping[str, str], Args]

ENCODERS: Mapping[str, _Entry] = {
    "edsr-baseline": (EDSR, _EDSR, {}),
    "edsr": (EDSR, _EDSR, {"n_resblocks": 32, "n_feats": 256, "res_scale": 0.1}),
    "rdn": (RDN, _RDN, {}),
    "rrdb": (RRDB, _same("nf", "nb", "gc"), {}),
    "swinir": (SwinIR, _SWINIR, {}),
    "smfanet": (SMFANet, _same("dim", "n_blocks", "ffn_scale"), {}),
    "span": (SPAN, _same("dim", "n_blocks"), {}),
}

PRIORS: Mapping[str, _Entry] = {
    "unet": (UNetPrior, _same("in_chans", "depth", "dim", "bilinear", "inputs", "centred"), {}),
    "edsr-baseline-latent": (EDSRPrior, _same("in_chans", "n_resblocks", "dim", "res_scale", "inputs"), {}),
    "swin_latent": (SwinPrior, _same("in_chans", "embed_dim", "depths", "num_heads", "window_size", "inputs"), {}),
}

LINF_NAMES = ("linf", "linf-patch")
ENSEMBLES = ("features", "local", "nearest")  # how the four LR cells around a query are put together
# Older files and recipes, from when only the first and the last were known here, chose between them by this name.
_OLD_ENSEMBLE = "local_ensemble"
_OLD_ENSEMBLES = {True: "features", False: "nearest"}


def _known(spec: Spec, table: Mapping[str, _Entry], what: str) -> _Entry:
    if spec.name not in table:
        raise UnsupportedWeights(f"The {what} {spec.name!r} is not known here; known are {', '.join(table)}.")
    return table[spec.name]


def build_encoder(spec: Spec) -> nn.Module:
    """An encoder with fresh weights."""
    return _call(spec, *_known(spec, ENCODERS, "encoder"))


def build_prior(spec: Spec) -> nn.Module:
    """A latent module of LINF-LP with fresh weights."""
    return _call(spec, *_known(spec, PRIORS, "latent module"))


def build_linf(spec: Spec) -> LINF:
    """A LINF with fresh weights."""
    if spec.name not in LINF_NAMES:
        raise UnsupportedWeights(f"The model {spec.name!r} is not known here; known are {', '.join(LINF_NAMES)}.")
    args = dict(spec.args)
    encoder = build_encoder(Spec.of(args.pop("encoder_spec", {})))
    args.pop("imnet_spec", None)
    if spec.name == "linf":
        args.pop("patch_size", None)
    patch = args.get("patch_size", 3 if spec.name == "linf-patch" else 1)
    if not isinstance(patch, int) or patch < 1 or patch % 2 == 0:
        raise UnsupportedWeights(f"patch_size is {patch!r}; it must be an odd whole number.")
    args["patch_size"] = patch
    _settle_switches(args)
    for key in ("patch_size", "flow_layers", "num_layer", "hidden_dim"):
        if key in args:
            _checked(spec.name, key, args[key], int)
    if args.get("hidden_dim", 2) % 2:
        raise UnsupportedWeights(f"Model {spec.name!r} has hidden_dim = {args['hidden_dim']}: give an even number.")
    known = {"patch_size", "flow_layers", "num_layer", "hidden_dim", "ensemble", "amplitude_weighting"}
    if unknown := sorted(set(args) - known):
        raise UnsupportedWeights(f"Model {spec.name!r} has an argument {unknown[0]!r} that is not known here.")
    return LINF(encoder, **args)  # type: ignore[arg-type]


def _settle_switches(args: dict[str, Any]) -> None:
    """Check the paper's ablations among a LINF's arguments, and put the new name in the place of the old."""
    for switch in (_OLD_ENSEMBLE, "amplitude_weighting"):
        if not isinstance(args.get(switch, True), bool):
            raise UnsupportedWeights(f"{switch} is {args[switch]!r:.60}; it must be true or false.")
    if _OLD_ENSEMBLE in args:
        old = _OLD_ENSEMBLES[args.pop(_OLD_ENSEMBLE)]
        if args.setdefault("ensemble", old) != old:
            raise UnsupportedWeights(
                f"{_OLD_ENSEMBLE} stands for ensemble = {old!r}, but {args['ensemble']!r:.60} is given too."
            )
    if args.get("ensemble", ENSEMBLES[0]) not in ENSEMBLES:
        raise UnsupportedWeights(
            f"ensemble is {args['ensemble']!r:.60}; it must be {', '.join(ENSEMBLES[:-1])} or {ENSEMBLES[-1]}."
        )
