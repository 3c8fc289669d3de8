"""Loss terms: of LINF (CVPR 2023, eq. 10) and of the learned prior (LINF-LP, CVPR 2024, eqs 6-8)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.contract import Network
from ..models.corners import Corners
from ..models.flow import Condition
from ..models.latent_front import LatentPrior
from ..models.linf import LINF
from ..pipeline.residual import initial_residual
from .batch import Batch
from .grid_batch import GridBatch
from .resampling import enlarge
from .spectrum import pattern_excess, spectra, texture_deficit

Terms = dict[str, Tensor]
LEAST = 0.05  # distance that an enlarged LR picture counts as having, near scale 1

Distance = Callable[[Tensor, Tensor], Tensor]
Autocast = torch.dtype | None


def query_terms(model: Network, batch: Batch, autocast: Autocast) -> Terms:
    """Stage 1 of any model: `texture_terms` of a LINF; of a model without latents `l1`, its papers' loss."""
    if isinstance(model, LINF):
        return texture_terms(model, batch, autocast)
    found = answers(model, batch.lr, batch.rel_cell, batch.corners, autocast)
    return {"l1": (found - batch.texture).abs().mean()}


def texture_terms(model: LINF, batch: Batch, autocast: Autocast) -> Terms:
    """Stage 1. `l1`: mean |mu - texture| in the [-1, 1] domain; `nll`: mean over queries in nats.

    The encoder and the MLP may run in `autocast`; the flow is always float32.
    """
    cond = condition(model, batch.lr, batch.rel_cell, batch.corners, autocast)
    with torch.autocast(batch.lr.device.type, enabled=False):
        log_p, mean = model.imnet.fit(batch.texture, cond)
        nll, l1 = -log_p.mean(), (mean - batch.texture).abs().mean()
    return {"l1": l1, "nll": nll}


def picture_terms(model: LINF, batch: GridBatch, z: Tensor, distance: Distance | None, autocast: Autocast) -> Terms:
    """Stage 2 (eq. 10): stage 1's terms over whole crops, and `perceptual` of the pictures drawn with `z [q, d]`."""
    device = batch.hr.device.type
    cond = condition(model, 2 * batch.lr - 1, batch.rel_cell, batch.corners, autocast)
    with torch.autocast(device, enabled=False):
        texture = to_rows(2 * (batch.hr - batch.base), model.patch_size)
        log_p, mean = model.imnet.fit(texture, cond)
        nll, l1 = -log_p.mean(), (mean - texture).abs().mean()
        terms = {"l1": l1, "nll": nll}
        drawn = to_pictures(model.imnet.inverse(z, cond), batch, model.patch_size) if distance else None
    if distance and drawn is not None:
        with torch.autocast(device, autocast, enabled=autocast is not None):
            terms["perceptual"] = distance(drawn, batch.hr)
    return terms


def prior_terms(
    linf: LINF,
    prior: LatentPrior,
    batch: GridBatch,
    distance: Distance | None,
    autocast: Autocast,
    *,
    latent: bool = False,
    pattern: bool = False,
    texture: bool = False,
    balanced: bool = False,
) -> Terms:
    """The learned prior over a frozen LINF in eval mode.

    `l1`: mean |picture - HR| in the [-1, 1] domain; `perceptual` of the pictures, when there is a `distance` (eq. 7);
    when asked for, `latent`: mean |learned z - z of the HR picture| (eq. 6), `pattern`: see `pattern_excess`, and
    `texture`: see `texture_deficit`. `balanced`: all of them over the perceptual distance of the enlarged LR picture.
    """
    device = batch.hr.device.type
    with torch.no_grad():
        cond = condition(linf, 2 * batch.lr - 1, batch.rel_cell, batch.corners, autocast)
        initial = linf.imnet(to_rows(2 * initial_prior(batch), linf.patch_size), cond)[0]
        wanted = linf.imnet(to_rows(2 * (batch.hr - batch.base), linf.patch_size), cond)[0] if latent else None
    learned = predict(prior, initial, batch, autocast)
    with torch.autocast(device, enabled=False):
        picture = to_pictures(linf.imnet.inverse(learned, cond), batch, linf.patch_size)
        terms = {"l1": 2 * (picture - batch.hr).abs().mean()}
        if pattern or texture:
            found, true = spectra(picture), spectra(batch.hr)
            terms |= {"pattern": pattern_excess(found, true)} if pattern else {}
            terms |= {"texture": texture_deficit(found, true)} if texture else {}
        if wanted is not None:
            terms["latent"] = (learned - wanted).abs().mean()
    if distance is not None:
        with torch.autocast(device, autocast, enabled=autocast is not None):
            terms["perceptual"] = distance(picture, batch.hr)
            if balanced:
                with torch.no_grad():
                    unit = distance(batch.base, batch.hr) + LEAST
                terms = {name: term / unit for name, term in terms.items()}
    return terms


def mean_picture(model: Network, batch: GridBatch, autocast: Autocast) -> Tensor:
    """The mean of the distribution, or what a model without one gives, as pictures in [0, 1]."""
    found = answers(model, 2 * batch.lr - 1, batch.rel_cell, batch.corners, autocast)
    if isinstance(model, LINF):
        found = model.imnet.mean(model.imnet.condition(found))
    picture = to_pictures(found, batch, model.patch_size)
    return picture if model.over_bilinear else picture - batch.base + 0.5


def prior_picture(linf: LINF, prior: LatentPrior, batch: GridBatch, autocast: Autocast) -> Tensor:
    """The pictures in [0, 1] of the prior's latents."""
    cond = condition(linf, 2 * batch.lr - 1, batch.rel_cell, batch.corners, autocast)
    initial = linf.imnet(to_rows(2 * initial_prior(batch), linf.patch_size), cond)[0]
    return to_pictures(linf.imnet.inverse(predict(prior, initial, batch, autocast), cond), batch, linf.patch_size)


def condition(model: LINF, lr: Tensor, rel_cell: Tensor, corners: Corners, autocast: Autocast) -> Condition:
    """The flow's condition at every query, from LR pictures `[b, 3, h, w]` in [-1, 1]."""
    return model.imnet.condition(answers(model, lr, rel_cell, corners, autocast))


def answers(model: Network, lr: Tensor, rel_cell: Tensor, corners: Corners, autocast: Autocast) -> Tensor:
    """What a network answers at every query, float32, from LR pictures `[b, 3, h, w]` in [-1, 1]."""
    with torch.autocast(lr.device.type, autocast, enabled=autocast is not None):
        seen = lr.contiguous(memory_format=torch.channels_last)
        feat = model.encode(model.encoder.padded(seen))[..., : lr.shape[-2], : lr.shape[-1]]
        size = (feat.shape[-2], feat.shape[-1])
        found = model.at(model.cells(feat), model.phases(rel_cell), corners, None, size)
    return found.float()


def initial_prior(batch: GridBatch) -> Tensor:
    """The initial prior's residual `[b, 3, n, n]`: what is lost when the enlarged LR picture goes down and up again."""
    flat = initial_residual(batch.lr.flatten(0, 1), batch.grid)
    return enlarge(flat, batch.grid.hr_size).view(batch.hr.shape)


def predict(prior: LatentPrior, initial: Tensor, batch: GridBatch, autocast: Autocast) -> Tensor:
    """Learned latents `[q, d]` of the initial ones."""
    rows, cols = batch.grid.patches
    # the permuted view is what a channels-last map looks like in memory
    maps = initial.view(len(batch.hr), rows, cols, -1).permute(0, 3, 1, 2)
    lr = (2 * batch.lr - 1).contiguous(memory_format=torch.channels_last)
    with torch.autocast(batch.hr.device.type, autocast, enabled=autocast is not None):
        learned: Tensor = prior(maps, lr)
    return learned.float().permute(0, 2, 3, 1).flatten(0, 2)


def to_rows(pictures: Tensor, patch: int) -> Tensor:
    """Textures `[b * p, 3 * patch**2]` of pictures `[b, 3, n, n]`, in the flow's order of components."""
    return F.pixel_unshuffle(pictures, patch).permute(0, 2, 3, 1).flatten(0, 2)


def to_pictures(texture: Tensor, batch: GridBatch, patch: int) -> Tensor:
    """Pictures `[b, 3, n, n]` in [0, 1] of textures in the [-1, 1] domain: the inverse of `to_rows`, and the base."""
    rows, cols = batch.grid.patches
    maps = texture.view(len(batch.hr), rows, cols, -1).permute(0, 3, 1, 2)
    return batch.base + 0.5 * F.pixel_shuffle(maps, patch)
