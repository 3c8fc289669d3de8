"""Small models with random weights, for tests."""

import torch

from linf_nodes.models.spec import Spec, build_linf, build_prior
from linf_nodes.pipeline.features import Features
from linf_nodes.pipeline.grid import Grid
from linf_nodes.pipeline.latent import Latent, NoiseLatent, PriorLatent
from linf_nodes.pipeline.model import LinfModel, prepare
from linf_nodes.pipeline.render import Amount
from linf_nodes.pipeline.upscale import upscale

EDSR = {"name": "edsr-baseline", "args": {"n_resblocks": 2, "n_feats": 8}}
RDN = {"name": "rdn", "args": {"G0": 8, "RDNconfig": "A"}}
RRDB = {"name": "rrdb", "args": {"nf": 8, "nb": 2, "gc": 4}}
SWINIR = {
    "name": "swinir",
    "args": {"img_size": 16, "embed_dim": 24, "depths": [2, 2], "num_heads": [2, 3], "window_size": 8},
}
SMFANET = {"name": "smfanet", "args": {"dim": 8, "n_blocks": 3}}
SPAN = {"name": "span", "args": {"dim": 8, "n_blocks": 2}}
PRIORS = {
    "unet": {"depth": 3, "dim": 8},
    "edsr-baseline-latent": {"n_resblocks": 2, "dim": 8},
    "swin_latent": {"embed_dim": 12, "depths": [2, 2], "num_heads": [2, 3]},
}


def make_model(
    encoder: dict[str, object] = EDSR, patch: int = 3, prior: str | None = None, dtype: torch.dtype = torch.float32
) -> LinfModel:
    """A model of random weights, the same at every call."""
    generator = torch.random.get_rng_state()
    torch.manual_seed(5)
    args = {"encoder_spec": encoder, "patch_size": patch, "flow_layers": 3, "num_layer": 2, "hidden_dim": 16}
    linf = build_linf(Spec("linf-patch" if patch > 1 else "linf", args))
    with torch.no_grad():
        linf.freq.weight.mul_(5)
    latent = None if prior is None else build_prior(Spec(prior, {"in_chans": 3 * patch**2, **PRIORS[prior]}))
    torch.random.set_rng_state(generator)
    device = torch.device("cpu")
    return LinfModel(*prepare(linf, latent, device, dtype), "test", "0123", device, dtype)


def picture(h: int, w: int, channels: int = 3, batch: int = 1, seed: int = 1) -> torch.Tensor:
    """Smooth random pixels `[b, c, h, w]` in [0, 1]."""
    noise = torch.rand(batch, channels, h, w, generator=torch.Generator().manual_seed(seed))
    return 0.5 * noise + 0.5 * torch.nn.functional.avg_pool2d(noise, 3, 1, 1)


def enlarge(
    model: LinfModel,
    image: torch.Tensor,
    hr_size: tuple[int, int],
    tile: int | None = None,
    amount: float = 0.7,
    seed: int = 3,
    origin: tuple[int, int] = (0, 0),
) -> torch.Tensor:
    """Upscale with the model's prior if it has one, else with noise."""
    grid = Grid((image.shape[-2], image.shape[-1]), hr_size, model.patch)
    latent: Latent = PriorLatent(grid, model.hash)
    if model.prior is None:
        latent = NoiseLatent(grid, model.hash, seed, 0, origin, model.dim)
    return upscale(Features(model, image), latent, Amount(amount), tile)
