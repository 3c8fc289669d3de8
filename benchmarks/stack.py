"""What blocks, laziness and files cost a stack: `python benchmarks/stack.py [--model NAME] [--size N]`.

Seconds per plane of one block, of small blocks (each encodes its halo again), of a lazy array, and of an OME-Zarr; and
how long a lazy view of 100 GB takes to open.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


class Virtual:
    """100 GB that are nowhere: 2000 planes of 5000 x 5000 in 16 bits."""

    shape, dtype = (2000, 5000, 5000), np.dtype(np.uint16)

    def __getitem__(self, index: tuple[int | slice, ...]) -> Any:
        counts = [len(range(*i.indices(n))) for i, n in zip(index, self.shape, strict=True) if isinstance(i, slice)]
        return np.random.default_rng(0).integers(0, 4096, counts, np.uint16)


def best(work: Callable[[], Any], repeat: int) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    import torch

    from linf_nodes.stacks.axes import Axes
    from linf_nodes.stacks.ome_tiff import write_ome_tiff
    from linf_nodes.stacks.ome_zarr import write_ome_zarr
    from linf_nodes.stacks.volume import Settings, Volume

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--size", type=int, default=256, help="side of the planes, in pixels")
    parser.add_argument("--scale", type=float, default=2.0)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    source = (np.random.default_rng(0).random((2, args.size, args.size)) * 4095).astype(np.uint16)
    size = (round(args.size * args.scale),) * 2

    def volume(tile: int) -> Volume:
        settings = Settings(args.model, tile=tile, device="cpu")
        return Volume(source, Axes.of(source.shape), size, settings).settled()

    whole = volume(args.size)
    whole.plane((0,))  # loads the model
    one = best(lambda: whole.plane((0,)), args.repeat)
    print(f"{args.model}, {args.size}x{args.size} to {size[0]}x{size[1]}, {torch.get_num_threads()} threads")
    print(f"{'one block':28} {one:7.2f} s per plane")
    for tile in (128, 64, 32):
        v = volume(tile)
        seconds = best(lambda v=v: v.plane((0,)), args.repeat)
        print(f"{f'blocks of {tile}, {len(v.blocks()) // 2} of them':28} {seconds:7.2f} s, {seconds / one:.2f} times")
    v = volume(128)
    plane = best(lambda: v.plane((0,)), args.repeat)
    lazy = best(lambda: v.lazy()[0].compute(scheduler="synchronous"), args.repeat)
    print(f"{'lazy, blocks of 128':28} {lazy:7.2f} s, {lazy / plane:.2f} times the same blocks")
    for name, write in (("OME-Zarr", write_ome_zarr), ("OME-TIFF", write_ome_tiff)):
        with tempfile.TemporaryDirectory() as folder:
            suffix = ".ome.zarr" if name == "OME-Zarr" else ".ome.tif"
            paths = iter(Path(folder) / f"{i}{suffix}" for i in range(args.repeat))
            seconds = best(lambda write=write, paths=paths: write(v, next(paths)), args.repeat) / 2
        print(f"{f'{name}, blocks of 128':28} {seconds:7.2f} s, {seconds / plane:.2f} times the same blocks")
    start = time.perf_counter()
    big = Volume(Virtual(), Axes(3, 1, 2), (10000, 10000), Settings(args.model, device="cpu")).lazy()
    opened = time.perf_counter() - start
    big[1000, :64, :64].compute(scheduler="synchronous")
    print(f"{'lazy view of 100 GB':28} {opened:7.2f} s to open, {time.perf_counter() - start:.2f} s to its first block")


if __name__ == "__main__":
    main()
