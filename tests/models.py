"""Small models with random weights, for tests."""

from pathlib import Path
from typing import Any

import torch

from linf_nodes.models.checkpoint import Weights, write_weights
from linf_nodes.models.linf import LINF
from linf_nodes.models.registry import build_network, build_prior
from linf_nodes.models.spec import Spec
from linf_nodes.pipeline.features import Features
from linf_nodes.pipeline.grid import Grid
from linf_nodes.pipeline.latent import latent_for
from linf_nodes.pipeline.model import LoadedModel, prepare
from linf_nodes.pipeline.render import Amount
from linf_nodes.pipeline.upscale import upscale

Entry = dict[str, Any]

EDSR: Entry = {"name": "edsr-baseline", "args": {"n_resblocks": 2, "n_feats": 8}}
RDN: Entry = {"name": "rdn", "args": {"G0": 8, "RDNconfig": "A"}}
RRDB: Entry = {"name": "rrdb", "args": {"nf": 8, "nb": 2, "gc": 4}}
SWINIR: Entry = {
    "name": "swinir",
    "args": {"img_size": 16, "embed_dim": 24, "depths": [2, 2], "num_heads": [2, 3], "window_size": 8},
}
SMFANET: Entry = {"name": "smfanet", "args": {"dim": 8, "n_blocks": 3}}
SPAN: Entry = {"name": "span", "args": {"dim": 8, "n_blocks": 2}}
ENCODERS: dict[str, Entry] = {
    "edsr-baseline": EDSR,
    "edsr": {"name": "edsr", "args": {"n_resblocks": 2, "n_feats": 8, "res_scale": 0.5}},
    "rdn": RDN,
    "rrdb": RRDB,
    "swinir": SWINIR,
    "smfanet": SMFANET,
    "span": SPAN,
}
_LINF: Entry = {"flow_layers": 3, "num_layer": 2, "hidden_dim": 16}
_MLP: Entry = {"imnet_spec": {"name": "mlp", "args": {"out_dim": 3, "hidden_list": [16, 16]}}}
NETWORKS: dict[str, Entry] = {
    "linf": _LINF,
    "linf-patch": {**_LINF, "patch_size": 3},
    "liif": _MLP,
    "lte": {**_MLP, "hidden_dim": 16},
    "lte-fast": {"num_layer": 2, "hidden_dim": 16},
    "ipe-liif": {**_MLP, "bands": 4},
    "ipe-metasr": {"bands": 4},
    "clit": {**_MLP, "base_dim": 8, "head": 2, "r": 2, "enc_dims": 8, "posenc_scale": 3.0},
}
"""Small sizes of the models that have any; of another name the defaults."""
PRIORS: dict[str, Entry] = {
    "unet": {"depth": 3, "dim": 8},
    "edsr-baseline-latent": {"n_resblocks": 2, "dim": 8},
    "swin_latent": {"embed_dim": 12, "depths": [2, 2], "num_heads": [2, 3]},
}


def make_model(
    encoder: Entry = EDSR, patch: int = 3, prior: str | None = None, dtype: torch.dtype = torch.float32
) -> LoadedModel:
    """A model of random weights, the same at every call."""
    generator = torch.random.get_rng_state()
    torch.manual_seed(5)
    args = {"encoder_spec": encoder, "patch_size": patch, "flow_layers": 3, "num_layer": 2, "hidden_dim": 16}
    linf = build_network(Spec("linf-patch" if patch > 1 else "linf", args))
    assert isinstance(linf, LINF)
    with torch.no_grad():
        linf.freq.weight.mul_(5)
    latent = None if prior is None else build_prior(Spec(prior, {"in_chans": 3 * patch**2, **PRIORS[prior]}))
    torch.random.set_rng_state(generator)
    device = torch.device("cpu")
    return LoadedModel(*prepare(linf, latent, device, dtype), "test", "0123", device, dtype)


def make_network(name: str, encoder: Entry = EDSR, dtype: torch.dtype = torch.float32) -> LoadedModel:
    """A model of any family of the registry, of random weights, the same at every call."""
    generator = torch.random.get_rng_state()
    torch.manual_seed(6)
    network = build_network(Spec(name, {"encoder_spec": encoder, **NETWORKS.get(name, {})}))
    with torch.no_grad():
        for part, weight in network.named_parameters():
            if part == "freq.weight" or part.endswith("layers.0.weight"):
                weight.mul_(3)  # so that where a query lies tells
    torch.random.set_rng_state(generator)
    device = torch.device("cpu")
    return LoadedModel(*prepare(network, None, device, dtype), "test", "0123", device, dtype)


def linf_of(model: LoadedModel) -> LINF:
    """Its network, which must be a LINF."""
    assert isinstance(model.network, LINF)
    return model.network


def write_network(path: Path, name: str) -> None:
    """A weights file of `make_network`."""
    spec = Spec(name, {"encoder_spec": EDSR, **NETWORKS.get(name, {})})
    state = dict(make_network(name).network.state_dict())
    write_weights(path, Weights(spec, state, None, {}, {"name": name}))


def picture(h: int, w: int, channels: int = 3, batch: int = 1, seed: int = 1) -> torch.Tensor:
    """Smooth random pixels `[b, c, h, w]` in [0, 1]."""
    noise = torch.rand(batch, channels, h, w, generator=torch.Generator().manual_seed(seed))
    return 0.5 * noise + 0.5 * torch.nn.functional.avg_pool2d(noise, 3, 1, 1)


def enlarge(
    model: LoadedModel,
    image: torch.Tensor,
    hr_size: tuple[int, int],
    tile: int | None = None,
    amount: float = 0.7,
    seed: int = 3,
    origin: tuple[int, int] = (0, 0),
) -> torch.Tensor:
    """Upscale with the model's prior if it has one, else with noise if it draws."""
    grid = Grid((image.shape[-2], image.shape[-1]), hr_size, model.patch)
    kind = "faithful" if not model.dim else "drawn" if model.prior is None else "learned"
    latent = latent_for(kind, grid, model, seed, 0, origin)
    return upscale(Features(model, image), latent, Amount(amount), tile)
