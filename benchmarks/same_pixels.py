"""What a checkout computes, as arrays, so that another checkout can be compared with it to the bit.

    python benchmarks/same_pixels.py OUT             every bundled model, kind of detail and option, on small crops
    python benchmarks/same_pixels.py A --against B   the largest difference of each array of two such folders

Bits depend on the processor: make both folders on one machine, with OMP_NUM_THREADS=1.
"""

import argparse
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import linf_nodes as linf
from linf_nodes.workflow.library import bundled_presets
from linf_nodes.workflow.preset import Preset


def pictures() -> dict[str, torch.Tensor]:
    """Small pictures of every number of channels: smooth shapes with noise and a flat corner."""
    y, x = torch.meshgrid(torch.linspace(0, 3, 44), torch.linspace(0, 4, 50), indexing="ij")
    planes = [(0.5 + 0.4 * torch.sin((k + 2) * y) * torch.cos(x * (k + 1))) for k in range(4)]
    whole = torch.stack(planes) + 0.05 * torch.randn(4, 44, 50, generator=torch.manual_seed(3))
    whole[:, :20, :20] = 0.25
    whole = whole.clamp(0, 1)[None]
    return {"rgb": whole[:, :3], "grey": whole[:, :1], "rgba": whole, "batch": whole[:, :3].repeat(2, 1, 1, 1)}


def runs() -> Iterator[tuple[str, torch.Tensor]]:
    """Every array by its name."""
    every = pictures()
    for name in ("photo", "photo-tiny", "microscopy"):
        model = linf.load_model(name, device="cpu")
        for kind in ("faithful", "drawn", "auto"):
            for scale in (2.0, 3.3, 4.0, 9.0):
                for what in ("rgb", "grey") if scale < 5 else ("rgb",):
                    options: dict[str, Any] = {"scale": scale, "latent": kind, "tile": 20, "seed": 5}
                    yield f"{name}-{kind}-x{scale:g}-{what}", linf.upscale(model, every[what], **options)
        yield f"{name}-anisotropic", linf.upscale(model, every["rgba"], height=97, width=61, latent="drawn")
        yield f"{name}-batch", linf.upscale(model, every["batch"], 2.0, latent="drawn")
        yield f"{name}-seamless", linf.upscale(model, every["rgb"], 3.0, latent="drawn", edges="seamless")
        yield f"{name}-passes", linf.upscale(model, every["rgb"], 2.0, passes=8)
        mask = torch.linspace(0, 1, 88 * 100).view(1, 88, 100)
        yield f"{name}-mask", linf.upscale(model, every["rgb"], 2.0, latent="drawn", mask=mask)
        features = linf.encode_lr(model, every["rgb"], tile=24)
        latent = linf.sample_latent(features, 2.0, seed=9)
        texture = linf.flow_inverse(features, latent, tile=24)
        yield f"{name}-mean", texture.mean
        yield f"{name}-detail", texture.detail
        yield f"{name}-composed", linf.compose(texture, 0.7, False)
        yield f"{name}-uncertainty", linf.uncertainty(features, 2.0)
        reference = linf.encode_reference(features, linf.compose(texture, 0.7, False))
        yield f"{name}-reference", linf.compose(linf.flow_inverse(features, reference))
        half = linf.load_model(name, device="cpu", precision="bfloat16")
        yield f"{name}-bfloat16", linf.upscale(half, every["rgb"], 2.0, latent="drawn")
    small = linf.Picture(every["rgb"][0, :, :, :40].permute(1, 2, 0).numpy(), None, np.dtype("float32"))
    for preset in sorted(f for f in bundled_presets().glob("*.json") if "poster" not in f.name):  # a minute
        yield f"preset-{preset.stem}", torch.from_numpy(Preset.read(preset).transform(small)[0].pixels)


def main() -> int:
    parser = argparse.ArgumentParser(description=inspect.getdoc(sys.modules[__name__]))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--against", type=Path)
    args = parser.parse_args()
    if args.against is None:
        args.folder.mkdir(parents=True, exist_ok=True)
        for name, array in runs():
            np.save(args.folder / f"{name}.npy", array.float().numpy())
        return 0
    worst = 0.0
    names = sorted({f.name for folder in (args.folder, args.against) for f in folder.glob("*.npy")})
    for name in names:
        a, b = (np.load(folder / name) for folder in (args.folder, args.against))
        difference = float(np.abs(a - b).max()) if a.shape == b.shape else float("inf")
        worst = max(worst, difference)
        if difference:
            print(f"{name}: {difference:g}")
    print(f"{len(names)} arrays, largest difference {worst:g}")
    return int(worst > 0)


if __name__ == "__main__":
    raise SystemExit(main())
