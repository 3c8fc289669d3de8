"""How far the encoders and learned priors really look: worst change of a pixel when only a halo is seen.

    python benchmarks/halo.py [--side 144] [--out docs/tiling.md]

A full-size network sees a picture whole, and once more through a 16-pixel window with a halo. The difference is that
of the finished x2 picture, in units of its range [0, 1]. No published weights can be bundled, so two random draws
stand in: torch's own initialisation, and one with weights of standard deviation 0.7 / sqrt(fan-in), in which far
pixels count for more.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

HALOS = {"encoder": (8, 16, 24, 32, 48), "prior": (8, 16, 24, 32, 48, 64)}
ENCODERS = {
    "EDSR-baseline": "edsr-baseline",
    "RDN B": "rdn",
    "RRDB": "rrdb",
    "SwinIR": "swinir",
    "SMFANet": "smfanet",
    "SPAN": "span",
}
PRIORS = {"U-Net": "unet", "EDSR latent": "edsr-baseline-latent", "Swin latent": "swin_latent"}


def high_gain(net: Any) -> None:
    import torch

    for layer in net.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.normal_(layer.weight, std=0.7 / layer.weight[0].numel() ** 0.5)


def networks(encoder: str, prior: str | None) -> Iterator[tuple[str, Any]]:
    import torch

    from linf_nodes.models.registry import build_network, build_prior
    from linf_nodes.models.spec import Spec
    from linf_nodes.pipeline.model import LoadedModel, prepare

    for draw in ("torch's", "gain 0.7"):
        torch.manual_seed(1)
        linf = build_network(Spec("linf-patch", {"encoder_spec": {"name": encoder, "args": {}}, "patch_size": 3}))
        latent = build_prior(Spec(prior, {"in_chans": 27})) if prior else None
        if draw == "gain 0.7":
            high_gain(latent if latent is not None else linf.encoder)
        device = torch.device("cpu")
        yield draw, LoadedModel(*prepare(linf, latent, device, torch.float32), "", "", device, torch.float32)


def encoder_row(name: str, side: int) -> list[str]:
    import torch

    from linf_nodes.pipeline.blocks import Block, Span
    from linf_nodes.pipeline.fields.affine import AffineField
    from linf_nodes.pipeline.grid import Grid

    rows = []
    picture = torch.rand(3, side, side, generator=torch.Generator().manual_seed(2))
    grid = Grid((side, side), (2 * side, 2 * side), 3)
    middle = grid.patches[0] // 2
    block = Block(Span(middle - 5, middle + 5), Span(middle - 5, middle + 5))
    for draw, net in networks(ENCODERS[name], None):
        encoder = net.network.encoder
        rows.append(f"| {name}, {draw} |")
        with torch.inference_mode():
            encoder.halo = side
            whole = AffineField(net, picture, grid).mean(block)
            for halo in HALOS["encoder"]:
                encoder.halo = halo
                rows[-1] += f" {float((AffineField(net, picture, grid).mean(block) - whole).abs().max()):.1e} |"
    return rows


def prior_row(name: str, side: int) -> list[str]:
    import torch

    from linf_nodes.pipeline import prior as priors
    from linf_nodes.pipeline.blocks import Block, Span
    from linf_nodes.pipeline.fields.affine import AffineField
    from linf_nodes.pipeline.grid import Grid

    rows = []
    picture = torch.rand(3, side, side, generator=torch.Generator().manual_seed(2))
    grid = Grid((side, side), (5 * side, 5 * side), 3)
    for draw, net in networks("edsr-baseline", PRIORS[name]):
        align = net.prior.align
        start = grid.patches[0] // 2 // align * align
        block = Block(Span(start, start + 2 * align), Span(start, start + 2 * align))
        rows.append(f"| {name}, {draw} |")
        field = AffineField(net, picture, grid)
        results = {}
        with torch.inference_mode():
            for halo in (*HALOS["prior"], side * 2):
                priors.halo = lambda prior, h=halo: -(-h // prior.align) * prior.align  # type: ignore[misc]
                z, held = priors.learned_latent(field, block)
                results[halo] = field.draw(block, z, held)
        whole = results.pop(side * 2)
        rows[-1] += "".join(f" {float((r - whole).abs().max()):.1e} |" for r in results.values())
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=144)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = [
        "# How far a tile must see\n",
        "`python benchmarks/halo.py`: " + " ".join((__doc__ or "").split("\n\n")[2].split()),
        "",
    ]
    for what, names, row in (("encoder", ENCODERS, encoder_row), ("prior", PRIORS, prior_row)):
        unit = "LR pixels" if what == "encoder" else "latents"
        lines += [
            f"| {what}, weights | " + " | ".join(f"halo {h} {unit}" for h in HALOS[what]) + " |",
            "|---" * (len(HALOS[what]) + 1) + "|",
        ]
        for name in names:
            lines += row(name, options.side)
            sys.stderr.write(lines[-1] + "\n")
        lines.append("")
    text = "\n".join(lines)
    if options.out:
        options.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
