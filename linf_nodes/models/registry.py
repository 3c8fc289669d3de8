"""Every kind of network that runs here, once: encoders, learned priors, and the models themselves."""

from collections.abc import Mapping
from typing import Any

from ..errors import UnsupportedWeights, quoted
from . import clit, edsr, edsr_prior, ipe, liif, linf, lte, metasr, rdn, rrdb, smfanet, span, swin_prior, swinir, unet
from .contract import Encoder, Network
from .entry import Entry, State, below
from .latent_front import LatentPrior
from .room import check_room
from .spec import Spec
from .unfilled import Unfilled

ENCODERS: Mapping[str, Entry] = {
    **edsr.ENTRIES, **rdn.ENTRIES, **rrdb.ENTRIES, **swinir.ENTRIES, **smfanet.ENTRIES, **span.ENTRIES
}  # fmt: skip
PRIORS: Mapping[str, Entry] = {**unet.ENTRIES, **edsr_prior.ENTRIES, **swin_prior.ENTRIES}
NETWORKS: dict[str, Entry] = {}
NETWORKS |= linf.ENTRIES
NETWORKS |= metasr.ENTRIES
NETWORKS |= lte.ENTRIES
NETWORKS |= clit.ENTRIES
NETWORKS |= ipe.ENTRIES
NETWORKS |= liif.ENTRIES

# Families that share nodes or files with ours and do not run yet: tensors whose names begin so.
_FOREIGN = {"SRFlow": "flowUpsamplerNet.", "SRFlow-LP": "input_proj0.", "LIT": "conv_freq."}


def build_encoder(spec: Spec) -> Encoder:
    """An encoder with fresh weights."""
    encoder: Encoder = _known(spec, ENCODERS, "encoder").make(spec.name, spec.args)
    return encoder


def build_prior(spec: Spec) -> LatentPrior:
    """A latent module of LINF-LP with fresh weights."""
    prior: LatentPrior = _known(spec, PRIORS, "latent module").make(spec.name, spec.args)
    return prior


def build_network(spec: Spec) -> Network:
    """A model with fresh weights: its own arguments, those of its parts (`imnet_spec`), and its encoder's."""
    entry, args = _known(spec, NETWORKS, "model"), dict(spec.args)
    encoder = _inner(args.pop("encoder_spec", {}))
    for part in [args.pop(key) or {} for key in list(args) if key.endswith("_spec")]:  # of its MLP, say
        if isinstance(part, Mapping) and isinstance(part.get("args"), Mapping):
            args = {k: v for k, v in part["args"].items() if k in entry.names} | args
    network: Network = entry.make(spec.name, args, encoder=build_encoder(encoder))
    return network


def describe_network(state: State) -> Spec:
    """The description of a model from its state dict.

    Raises
    ------
    UnsupportedWeights
        When the tensors are of another family, of an unknown encoder, or too few to tell.
    """
    if foreign_family(state) is not None:
        raise unknown(state)
    for name, entry in NETWORKS.items():
        if entry.recognised(state):
            encoder = describe_encoder(below(state, "encoder."))
            args = entry.deduced(state, lambda: _channels(encoder, state))  # noqa: B023 (used at once)
            return Spec(name, {"encoder_spec": encoder.entry(), **args})
    raise unknown(state)


def _channels(encoder: Spec, state: State) -> int:
    check_room(encoder, state)
    with Unfilled():
        return build_encoder(encoder).out_dim


def describe_prior(state: State) -> Spec:
    """The description of a latent module from its state dict; raises as `describe_network` does."""
    for name, entry in PRIORS.items():
        if entry.recognised(state):
            return Spec(name, entry.deduced(state))
    raise unknown(state)


def describe_encoder(state: State) -> Spec:
    """The description of an encoder from its own tensors; raises as `describe_network` does."""
    for name, entry in ENCODERS.items():
        if entry.recognised(state):
            return Spec(name, entry.deduced(state))
    names = ", ".join(list(state)[:4]) or "no tensor at all"
    raise UnsupportedWeights(f"The encoder is unknown ({names}, ...); known are {', '.join(ENCODERS)}.")


def recognises(state: State) -> bool:
    """Whether the tensors are of a model that runs here."""
    return foreign_family(state) is None and any(entry.recognised(state) for entry in NETWORKS.values())


def foreign_family(state: State) -> str | None:
    """The model family that is known by name but cannot run here, or None."""
    for family, prefix in _FOREIGN.items():
        if any(name.startswith(prefix) for name in state):
            return family
    return None


def unknown(state: State) -> UnsupportedWeights:
    """The error for tensors of no architecture that runs here: it names what of them is known."""
    known = f"{', '.join(_families())} with {', '.join(ENCODERS)}, and the latent modules {', '.join(PRIORS)}"
    if family := foreign_family(state):
        return UnsupportedWeights(f"The weights are of {family}, which is not supported yet; supported are {known}.")
    seen = [name for name, entry in ENCODERS.items() if entry.recognised(below(state, "encoder."))]
    part = f"their encoder is {seen[0]}, but what follows it is missing or unknown; " if seen else ""
    names = ", ".join([n for n in state if not (seen and n.startswith("encoder."))][:4]) or "no tensor at all"
    return UnsupportedWeights(
        f"The weights are of an unknown architecture ({names}, ...); {part}supported are {known}."
    )


def family_of(spec: Spec) -> str:
    """A model's family, for people; its own name where it is not known."""
    entry = NETWORKS.get(spec.name)
    return spec.name if entry is None else str(getattr(entry.build, "family", spec.name))


def _families() -> list[str]:
    return list(dict.fromkeys(str(getattr(entry.build, "family", "")) for entry in NETWORKS.values()))


def _known(spec: Spec, table: Mapping[str, Entry], what: str) -> Entry:
    if spec.name not in table:
        raise UnsupportedWeights(f"The {what} {spec.name!r} is not known here; known are {', '.join(table)}.")
    return table[spec.name]


def _inner(entry: Any) -> Spec:
    if not isinstance(entry, Mapping):
        raise UnsupportedWeights(f"The encoder_spec is {quoted(entry)}: give a name and args.")
    return Spec.of(entry)
