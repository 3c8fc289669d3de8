"""Speed, memory and time to first pixel, as shares of this machine's own convolution rate.

    python benchmarks/speed.py [--repeat 15] [--threads 2] [--out docs/benchmark.md]

The rate is that of a 64-channel 3x3 float32 convolution on a 96x96 picture, channels last, measured before and after
every row. Work is counted as the published code's (multiply and add are two), whatever is saved here, so that a
share above 100 % is possible. Every row runs in a process of its own.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LR = 96  # pixels a side, enlarged 4 times


class Row(NamedTuple):
    """A model, and what is asked of it.

    `gflop` is the published code's work, `floors` the least shares in % for float32 and bfloat16, `published` its
    peak memory in MB, of which `part` is allowed here.
    """

    family: str
    encoder: str
    gflop: float
    floors: tuple[int, int]
    prior: str | None = None
    published: float | None = None
    part: float = 1 / 3


CASES = {
    "EDSR-baseline 3x3": Row("linf-patch", "edsr-baseline", 46, (45, 80), published=460),
    "EDSR-baseline 1x1": Row("linf", "edsr-baseline", 154, (40, 55), published=1800),
    "EDSR-baseline 3x3 + U-Net prior": Row("linf-patch", "edsr-baseline", 112, (60, 100), "unet"),
    "RRDB 3x3": Row("linf-patch", "rrdb", 329, (55, 100)),
    "LIIF": Row("liif", "edsr-baseline", 430, (65, 65), published=769, part=1 / 4),
    "MetaSR": Row("metasr", "edsr-baseline", 154, (55, 55), published=669, part=1 / 4),
    "LTE": Row("lte", "edsr-baseline", 261, (40, 40), published=601, part=1 / 4),
    "LTE fast": Row("lte-fast", "edsr-baseline", 261, (40, 40), published=1070, part=1 / 4),
}


def megabytes() -> float:
    """Highest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident() -> float:
    """Resident size of this process now."""
    import psutil

    return float(psutil.Process().memory_info().rss) / 2**20


def timed(work: Any, repeat: int) -> list[float]:
    for _ in range(3):
        work()
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


def conv_rate() -> float:
    """GFLOP/s of the reference convolution."""
    import torch

    x = torch.randn(1, 64, LR, LR).to(memory_format=torch.channels_last)
    conv = torch.nn.Conv2d(64, 64, 3, padding=1).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        seconds = timed(lambda: conv(x), 60)
    return 2 * 64 * 64 * 9 * LR * LR / median(seconds) / 1e9


def model(name: str, dtype: str) -> Any:
    """A full-size model with fresh weights: the time does not depend on their values."""
    import torch

    from linf_nodes.models.registry import build_network, build_prior
    from linf_nodes.models.spec import Spec
    from linf_nodes.pipeline.model import LoadedModel, prepare

    row = CASES[name]
    torch.manual_seed(0)
    network = build_network(Spec(row.family, {"encoder_spec": {"name": row.encoder, "args": {}}}))
    latent = build_prior(Spec(row.prior, {"in_chans": network.dim})) if row.prior else None
    kind, device = getattr(torch, dtype), torch.device("cpu")
    return LoadedModel(*prepare(network, latent, device, kind), name, "0" * 16, device, kind)


def enlarge(net: Any, picture: Any) -> Any:
    from linf_nodes.pipeline.features import Features
    from linf_nodes.pipeline.grid import Grid
    from linf_nodes.pipeline.latent import latent_for
    from linf_nodes.pipeline.render import Amount
    from linf_nodes.pipeline.upscale import upscale

    h, w = picture.shape[-2:]
    grid = Grid((h, w), (4 * h, 4 * w), net.patch)
    kind = "learned" if net.prior else "drawn" if net.dim else "faithful"
    return upscale(Features(net, picture), latent_for(kind, grid, net), Amount(1.0 if net.prior else 0.5))


def measure_row(name: str, dtype: str, repeat: int) -> dict[str, Any]:
    import torch

    before = conv_rate()
    net, picture = model(name, dtype), torch.rand(1, 3, LR, LR)
    idle = resident()
    seconds = timed(lambda: enlarge(net, picture), repeat)
    peak = megabytes()
    rate = median([before, conv_rate()])
    spread = quantiles(seconds, n=4)
    done = CASES[name].gflop / median(seconds)
    return {"seconds": median(seconds), "quartiles": [spread[0], spread[2]], "rate": rate, "share": 100 * done / rate,
            "memory": max(0.0, peak - idle)}  # fmt: skip


def measure_large() -> dict[str, Any]:
    import torch

    net, picture = model("EDSR-baseline 3x3", "float32"), torch.rand(1, 3, 1024, 1024)
    start = time.perf_counter()
    enlarge(net, picture)
    return {"seconds": time.perf_counter() - start, "total": megabytes()}


def beside(work: Callable[[], Any]) -> float:
    """Seconds of work in a thread beside the main one, as hosts run it: memory is handed out otherwise there."""
    start = time.perf_counter()
    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    return time.perf_counter() - start


def measure_prior() -> dict[str, Any]:
    import torch

    from linf_nodes import load_model, upscale

    net, picture = load_model("photo"), torch.rand(1, 3, 1024, 1024, generator=torch.Generator().manual_seed(1))
    return {"seconds": beside(lambda: upscale(net, picture, scale=2.0)), "total": megabytes()}


def measure_maps() -> dict[str, Any]:
    """Microseconds of the encoder per LR pixel, where a map takes 30 MB and where it takes 72."""
    import torch

    from linf_nodes import load_model

    encoder, found = load_model("photo").network.encoder, {}
    for side in (340, 530):
        picture = torch.rand(1, 3, side, side).to(memory_format=torch.channels_last)

        @torch.inference_mode()
        def encode(picture: Any = picture) -> None:
            encoder(picture)

        found[str(side)] = 1e6 * median([beside(encode) for _ in range(7)][2:]) / side**2
    return found


def measure_half() -> dict[str, Any]:
    """PSNR of bfloat16 against float32 with the bundled weights on a smooth random picture."""
    import torch

    from linf_nodes.pipeline.store import STORE

    noise = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    picture = torch.nn.functional.interpolate(noise, (LR, LR), mode="bicubic").clamp(0, 1)
    a, b = (
        enlarge(STORE.get("photo", "auto", torch.device("cpu"), d), picture) for d in (torch.float32, torch.bfloat16)
    )
    return {"psnr": float(-10 * (a - b).square().mean().log10())}


def measure_first_pixel() -> dict[str, Any]:
    """A fresh interpreter: import, load the bundled model, enlarge a 96x96 picture, hold its pixels."""
    code = (
        "import torch; from linf_nodes.catalogue import NODES;"
        "m = NODES['LINFLoadModel']({'model': 'photo', 'device': 'cpu'});"
        f"NODES['LINFUpscale']({{'linf_model': m, 'image': torch.rand(1, 3, {LR}, {LR})}})"
    )
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        seconds.append(time.perf_counter() - start)
    return {"seconds": median(seconds), "worst": max(seconds)}


TASKS: dict[str, Callable[[], dict[str, Any]]] = {
    "large": measure_large,
    "prior": measure_prior,
    "maps": measure_maps,
    "half": measure_half,
    "first": measure_first_pixel,
}


def alone(task: list[str], threads: int) -> dict[str, Any]:
    """Run one measurement in a process of its own."""
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [sys.executable, __file__, "--task", *task], check=True, env=env, capture_output=True, text=True
    )
    return dict(json.loads(found.stdout.splitlines()[-1]))


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def report(repeat: int, threads: int) -> str:
    import torch

    lines = [
        "# Speed and memory\n",
        f"`python benchmarks/speed.py --repeat {repeat} --threads {threads}` on {processor()}, {threads} threads,",
        f"torch {torch.__version__}. {LR}x{LR} enlarged 4 times, median of {repeat} runs after 3, quartiles in",
        "brackets. GFLOP are those of the published code (multiply and add are two); the rate is this machine's",
        "float32 64-channel 3x3 convolution in the same process; memory is the peak above the idle process, allowed a",
        "third of the published code's for LINF, a quarter for the others.\n",
        "| model | precision | seconds | rate GFLOP/s | share of rate | floor | memory MB | allowed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, case in CASES.items():
        for dtype, floor in zip(("float32", "bfloat16"), case.floors, strict=True):
            row = alone(["row", name, dtype, str(repeat)], threads)
            low, high = row["quartiles"]
            most = "-" if case.published is None else f"{case.part * case.published:.0f}"
            lines.append(
                f"| {name} | {dtype} | {row['seconds']:.3f} ({low:.3f} to {high:.3f}) | {row['rate']:.0f} | "
                f"{row['share']:.0f} % | {floor} % | {row['memory']:.0f} | {most} |"
            )
            sys.stderr.write(lines[-1] + "\n")
    found = {task: alone([task], threads) for task in TASKS}
    large, prior, maps, half, first = (found[task] for task in ("large", "prior", "maps", "half", "first"))
    lines += [
        "",
        f"- 1024x1024 enlarged 4 times with EDSR-baseline 3x3: {large['seconds']:.1f} s, {large['total']:.0f} MB "
        "in all (at most 1500).",
        f"- 1024x1024 enlarged twice with the bundled `photo` and its prior: {prior['seconds']:.1f} s, "
        f"{prior['total']:.0f} MB in all, 50 of them the picture.",
        f"- Encoder of `photo`, per LR pixel: {maps['340']:.1f} microseconds where a map takes 30 MB, "
        f"{maps['530']:.1f} where it takes 72 and comes in fresh pages every time, so pictures are encoded in parts.",
        f"- PSNR of bfloat16 against float32, bundled `photo`: {half['psnr']:.1f} dB (at least 45).",
        f"- Time to first pixel, imports and weights included: {first['seconds']:.2f} s, worst of 5 "
        f"{first['worst']:.2f} s (at most 3).",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        kind, *rest = options.task
        result = measure_row(rest[0], rest[1], int(rest[2])) if kind == "row" else TASKS[kind]()
        print(json.dumps(result))
        return
    text = report(options.repeat, options.threads)
    if options.out:
        options.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
