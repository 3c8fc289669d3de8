"""A LINF to go on from: a published SMFANet's encoder, made local, under the head of a LINF over another encoder.

    python recipes/warm_start.py SMFANET.pth LINF.safetensors PICTURES OUT.safetensors

The constant that stands for each variance is the variance's mean over the pictures. The head's first layers, amplitudes
and frequencies, are the linear maps that come nearest (least squares) to the LINF's own over the same pictures; the
rest is the LINF's.
"""

import sys
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from linf_nodes.models.checkpoint import Weights, build, read_weights, write_weights
from linf_nodes.models.smfanet import SMFANet, smfanet_args
from linf_nodes.models.spec import Spec

COUNT, SIDE, REDUCED = 24, 160, 3  # pictures, LR pixels a side, and how much smaller they are made


def encoder_of(path: Path) -> SMFANet:
    """The published network without its up-sampler."""
    state = torch.load(path, weights_only=True)["params"]
    state = {name: tensor for name, tensor in state.items() if not name.startswith("to_img.")}
    encoder = SMFANet(**smfanet_args(state))
    wanting = encoder.load_state_dict(state, strict=False)
    if wanting.unexpected_keys or any(not name.endswith("smfa.const") for name in wanting.missing_keys):
        raise SystemExit(f"'{path}' holds another network: {wanting}")
    return encoder


def lr_pictures(folder: Path) -> list[Tensor]:
    """Reduced middles of pictures spread over the folder, `[1, 3, n, n]` in [-1, 1]."""
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in (".avif", ".png", ".jpg", ".webp"))
    found = []
    for file in islice(files, 0, None, max(1, len(files) // COUNT)):
        with Image.open(file) as image:
            small = image.convert("RGB").reduce(REDUCED)
        left, top = (max(0, (n - SIDE) // 2) for n in small.size)
        crop = np.array(small)[top : top + SIDE, left : left + SIDE]
        found.append(torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 127.5 - 1)
    return found


def settle_variances(encoder: SMFANet, pictures: list[Tensor]) -> None:
    """Constants for what the published network measures of each picture."""
    seen: dict[nn.Module, list[Tensor]] = {}

    def measure(linear: nn.Module, _: Any, out: Tensor) -> None:
        variance = out.chunk(2, 1)[1].var((-2, -1), keepdim=True)
        owner[linear].const.data = variance
        seen.setdefault(linear, []).append(variance)

    owner = {block.smfa.linear_0: block.smfa for block in encoder.feats}
    hooks = [linear.register_forward_hook(measure) for linear in owner]
    for picture in pictures:
        encoder(picture)
    for hook in hooks:
        hook.remove()
    for linear, found in seen.items():
        owner[linear].const.data = torch.cat(found).mean(0, keepdim=True)


def fit(layers: tuple[nn.Conv2d, nn.Conv2d], old: nn.Module, encoder: nn.Module, pictures: list[Tensor]) -> float:
    """Make both `layers` map the encoder's features to what the old LINF's map its own to; gives the relative error."""
    gram, cross, power = 0.0, 0.0, 0.0
    for picture in pictures:
        rows = F.unfold(encoder(picture), 3, padding=1)[0].double()
        rows = torch.cat((rows, torch.ones_like(rows[:1])))
        features = old.encode(picture)
        wanted = torch.cat((old.coef(features), old.freq(features)), 1)[0].flatten(1).double()
        gram, cross, power = gram + rows @ rows.mT, cross + rows @ wanted.mT, power + wanted.square().sum()
    gram += 1e-6 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    solved = torch.linalg.solve(gram, cross)
    missed = power - 2 * (solved * cross).sum() + (solved * (gram @ solved)).sum()
    for layer, part in zip(layers, solved.mT.float().chunk(2), strict=True):
        layer.weight.data = part[:, :-1].reshape(layer.weight.shape).clone()
        layer.bias.data = part[:, -1].clone()
    return float((missed / power).sqrt())


@torch.no_grad()
def main(smfanet: Path, linf: Path, folder: Path, out: Path) -> None:
    weights = read_weights(linf)
    old, pictures = build(weights)[0].eval(), lr_pictures(folder)
    encoder = encoder_of(smfanet)
    settle_variances(encoder, pictures)
    described = {"name": "smfanet", "args": smfanet_args(encoder.state_dict())}
    spec = Spec(weights.model.name, {**weights.model.args, "encoder_spec": described})
    rest = {n: t for n, t in old.state_dict().items() if not n.startswith(("encoder.", "coef.", "freq."))}
    layers = tuple(nn.Conv2d(encoder.out_dim, old.hidden_dim, 3, padding=1) for _ in range(2))
    error = fit(layers, old, encoder, pictures)
    parts = zip(("encoder", "coef", "freq"), (encoder, *layers), strict=True)
    state = rest | {f"{part}.{n}": t for part, module in parts for n, t in module.state_dict().items()}
    write_weights(out, Weights(spec, state, None, {}, {"licence": weights.card.get("licence")}))
    sys.stdout.write(f"{len(pictures)} pictures; amplitudes and frequencies within {100 * error:.1f} %\n")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        raise SystemExit(__doc__)
    main(*map(Path, sys.argv[1:]))
