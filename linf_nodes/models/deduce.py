"""What a bare state dict is: its architecture, deduced from the names and shapes of its tensors."""

import math
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..errors import UnsupportedWeights
from .rdn import CONFIGS
from .spec import ENCODERS, PRIORS, Spec

State = Mapping[str, Tensor]

# Families that share nodes or files with LINF: all prefixes present. The first that fits is the one.
_FOREIGN = (
    ("SRFlow", ("flowUpsamplerNet.",)),
    ("SRFlow-LP", ("input_proj0.",)),
    ("LIT/CLIT", ("pb_encoder.",)),
    ("LTE", ("coef.", "imnet.layers.")),
    ("LIIF", ("encoder.", "imnet.layers.")),
    ("LTEP", ("coef.", "layers.")),
)
_LINF_MARK, _PRIOR_MARK = "imnet.last._weight", "input_proj.conv1.weight"
_KNOWN = f"LINF with {', '.join(ENCODERS)}, and the latent modules {', '.join(PRIORS)}"


def is_linf(state: State) -> bool:
    """Whether the tensors have the flow of a LINF."""
    return _LINF_MARK in state


def is_prior(state: State) -> bool:
    """Whether the tensors have the first convolution of a LINF-LP latent module."""
    return _PRIOR_MARK in state


def foreign_family(state: State) -> str | None:
    """The model family that is known by name but cannot run here, or None."""
    if any(name.startswith(("imnet.linears.", "imnet.last.")) for name in state):
        return None
    for family, prefixes in _FOREIGN:
        if all(any(name.startswith(p) for name in state) for p in prefixes):
            first = state.get("imnet.layers.0.weight")
            # MetaSR's MLP reads an offset and a scale; LIIF's reads features too.
            return "MetaSR" if family == "LIIF" and first is not None and first.shape[-1] == 3 else family
    return None


def unknown(state: State) -> UnsupportedWeights:
    """The error for tensors of no architecture that runs here; it names their family if that is known."""
    if family := foreign_family(state):
        return UnsupportedWeights(f"The weights are of {family}, which is not supported yet; supported are {_KNOWN}.")
    names = ", ".join(list(state)[:4]) or "no tensor at all"
    return UnsupportedWeights(f"The weights are of an unknown architecture ({names}, ...); supported are {_KNOWN}.")


def deduce_linf(state: State) -> Spec:
    """The description of a LINF from its state dict.

    Raises
    ------
    UnsupportedWeights
        When the tensors are of another family, of an unknown encoder, or too few to tell.
    """
    if not is_linf(state):
        raise unknown(state)
    dim = _side(state, _LINF_MARK)
    patch = math.isqrt(dim // 3)
    if dim != 3 * patch**2 or patch % 2 == 0:
        raise UnsupportedWeights(f"The flow has {dim} components, which is no odd square patch of three colours.")
    args: dict[str, Any] = {
        "encoder_spec": _deduce_encoder(_below(state, "encoder.")).entry(),
        "flow_layers": _count(state, r"imnet\.linears\.(\d+)\."),
        "num_layer": _count(state, r"layers\.(\d+)\.weight") - 1,
        "hidden_dim": _side(state, "coef.weight"),
    }
    return Spec("linf", args) if patch == 1 else Spec("linf-patch", {**args, "patch_size": patch})


def deduce_prior(state: State) -> Spec:
    """The description of a LINF-LP latent module from its state dict; raises as `deduce_linf` does."""
    if not is_prior(state):
        raise unknown(state)
    if "outc.conv.weight" in state:
        return Spec("unet", _unet(state))
    if "last_conv.weight" in state:
        blocks = _count(state, r"body\.(\d+)\.body\.")
        dims = {"in_chans": _side(state, "last_conv.weight"), "dim": _side(state, "last_conv.weight", 1)}
        return Spec("edsr-baseline-latent", {**dims, "n_resblocks": blocks})
    if "head.4.weight" in state:
        dims = {"in_chans": _side(state, "head.4.weight"), "embed_dim": _side(state, "norm.weight") // 2}
        return Spec("swin_latent", {**dims, **_stages(state, "blocks.")})
    raise unknown(state)


def _deduce_encoder(state: State) -> Spec:
    if "SFENet1.weight" in state:
        return Spec("rdn", _rdn(state))
    if "RRDB_trunk.0.RDB1.conv1.weight" in state:
        gc = _side(state, "RRDB_trunk.0.RDB1.conv1.weight")
        nb = _count(state, r"RRDB_trunk\.(\d+)\.")
        return Spec("rrdb", {"nf": _side(state, "conv_first.weight"), "nb": nb, "gc": gc})
    if "conv_first.weight" in state and "patch_embed.norm.weight" in state:
        return Spec("swinir", _swinir(state))
    if "feats.0.smfa.const" in state:
        return Spec("smfanet", smfanet_args(state))
    if "blocks.0.convs.0.weight" in state and "fuse.weight" in state:
        return Spec("span", {"dim": _side(state, "head.weight"), "n_blocks": _count(state, r"blocks\.(\d+)\.")})
    if "head.0.weight" in state and not any("conv_du." in name for name in state):  # conv_du: RCAN
        return _edsr(state)
    names = ", ".join(list(state)[:4]) or "no tensor at all"
    raise UnsupportedWeights(f"The encoder is unknown ({names}, ...); known are {', '.join(ENCODERS)}.")


def _edsr(state: State) -> Spec:
    """No shape shows `res_scale`: the published large EDSR has 0.1, every other has 1."""
    args = {"n_resblocks": _count(state, r"body\.(\d+)\.body\."), "n_feats": _side(state, "head.0.weight")}
    return Spec("edsr" if args == {"n_resblocks": 32, "n_feats": 256} else "edsr-baseline", args)


def _rdn(state: State) -> dict[str, Any]:
    blocks = _count(state, r"RDBs\.(\d+)\.")
    convs = _count(state, r"RDBs\.0\.convs\.(\d+)\.")
    found = (blocks, convs, _side(state, "RDBs.0.convs.0.conv.0.weight"))
    config = next((name for name, sizes in CONFIGS.items() if sizes == found), None)
    if config is None:
        raise UnsupportedWeights(f"The RDN has blocks, convolutions and growth {found}; known are {CONFIGS}.")
    kernel = _side(state, "SFENet1.weight", -1)
    return {"G0": _side(state, "SFENet1.weight"), "RDNkSize": kernel, "RDNconfig": config}


def smfanet_args(state: State) -> dict[str, Any]:
    """The sizes of a SMFANet, also of a published one; raises as `deduce_linf` does."""
    dim, hidden = _side(state, "to_feat.weight"), _side(state, "feats.0.pcfn.conv_0.weight")
    return {"dim": dim, "n_blocks": _count(state, r"feats\.(\d+)\."), "ffn_scale": hidden / max(dim, 1)}


def _swinir(state: State) -> dict[str, Any]:
    """A picture size that is not above the window means unshifted blocks, which store no mask."""
    args = _stages(state, "residual_group.blocks.")
    embed, window = _side(state, "conv_first.weight"), args["window_size"]
    hidden = _side(state, "layers.0.residual_group.blocks.0.mlp.fc1.weight")
    masks = [value for name, value in state.items() if name.endswith(".attn_mask")]
    windows = math.isqrt(len(masks[0])) if masks and masks[0].ndim else 1
    return {"embed_dim": embed, **args, "mlp_ratio": hidden / max(embed, 1), "img_size": windows * window}


def _stages(state: State, blocks: str) -> dict[str, Any]:
    """Depths, heads and window of a transformer's stages."""
    stages = range(_count(state, rf"layers\.(\d+)\.{re.escape(blocks)}"))
    depths = [_count(state, rf"layers\.{i}\.{re.escape(blocks)}(\d+)\.") for i in stages]
    tables = [f"layers.{i}.{blocks}0.attn.relative_position_bias_table" for i in stages]
    rows = _side(state, tables[0]) if tables else 1
    heads = [_side(state, table, 1) for table in tables]
    return {"depths": depths, "num_heads": heads, "window_size": (math.isqrt(rows) + 1) // 2}


def _unet(state: State) -> dict[str, Any]:
    return {
        "in_chans": _side(state, "outc.conv.weight"),
        "depth": _count(state, r"down_layers\.(\d+)\."),
        "dim": _side(state, "outc.conv.weight", 1),
        "bilinear": not any(name.startswith("up_layers.0.up.") for name in state),
    }


def _below(state: State, prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _side(state: State, name: str, axis: int = 0) -> int:
    """One side of a named tensor."""
    if name not in state:
        raise UnsupportedWeights(f"The architecture cannot be told: the tensor {name} is missing.")
    shape = state[name].shape
    if not -len(shape) <= axis < len(shape):
        raise UnsupportedWeights(f"The architecture cannot be told: the tensor {name} has the shape {list(shape)}.")
    return shape[axis]


def _count(state: State, pattern: str) -> int:
    """How many different numbers the pattern's group finds."""
    return len({found.group(1) for name in state if (found := re.match(pattern, name))})
