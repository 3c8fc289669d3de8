"""What the checks of `linf stack` cost a block: `python benchmarks/checks.py REVISION [--turns N] [--model NAME]`.

Writes the same stack to an OME-Zarr at the default block, one thread, with this code and with that of an older revision
of the repository, in turns, with the network left out: a block reads its window of the source and gets samples that
were computed before. So the difference is that of the checks, which the network's own seconds, 100 times as long and
never twice the same, would hide. Prints it as a share of a whole block, from the first block to the end of the run.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

RUN = """
import json, sys, time
try:
    from linf_nodes.stacks.ome_zarr import write_ome_zarr
    from linf_nodes.stacks.stack_file import open_stack
    from linf_nodes.stacks.volume import Settings, Volume
except ImportError:  # where stacks lay in older revisions
    from linf_nodes.workflow.ome_zarr import write_ome_zarr
    from linf_nodes.workflow.stack_file import open_stack
    from linf_nodes.workflow.volume import Settings, Volume

source, target, model = sys.argv[1:]
stack = open_stack(source)
size = tuple(2 * n for n in stack.source.shape[1:])
volume = Volume(stack.source, stack.axes, size, Settings(model, device="cpu"), threads=1).settled()
every = volume.blocks()
block, took, began = every[0], [], []
for _ in range(3):
    start = time.perf_counter()
    samples = volume.block(block)
    took.append(time.perf_counter() - start)

def read(self, index, pixels, output):
    self.source[(*index, *(slice(max(0, run.start // 2 - 16), run.stop // 2 + 16) for run in pixels))]
    return samples[: pixels.size[0], : pixels.size[1]]

def progress(done, total, _):
    began.append(time.perf_counter())

Volume.window = read
write_ome_zarr(volume, target, progress=progress)
print(json.dumps([(time.perf_counter() - began[0]) / (len(every) - 1), min(took)]))
"""


def seconds(code: Path, source: Path, model: str) -> tuple[float, float]:
    """Of a block without the network, and of one with it."""
    target = source.with_name("o.ome.zarr")
    shutil.rmtree(target, ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", RUN, str(source), str(target), model]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, cwd=source.parent)
    if done.returncode:
        raise SystemExit(done.stderr or f"a run ended with the status {done.returncode}")
    without, whole = json.loads(done.stdout)
    return without, whole


def main() -> None:
    import numpy as np
    import zarr

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", help="what to compare with")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--planes", type=int, default=20)
    parser.add_argument("--model", default="photo-tiny")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        archive = subprocess.run(["git", "archive", args.revision], cwd=ROOT, capture_output=True, check=True).stdout
        older = folder / "older"
        older.mkdir()
        subprocess.run(["tar", "x"], input=archive, cwd=older, check=True)
        source = folder / "s.zarr"
        samples = np.random.default_rng(0).gamma(2, 300, (args.planes, 512, 512)).astype("u2")
        zarr.create_array(str(source), shape=samples.shape, chunks=(1, 256, 256), dtype="u2")[...] = samples
        shares = []
        for turn in range(args.turns):
            both = {code: seconds(code, source, args.model) for code in ((ROOT, older), (older, ROOT))[turn % 2]}
            (now, _), (before, block) = both[ROOT], both[older]
            shares.append((now - before) / block)
            print(
                f"turn {turn}: {1e3 * before:.1f} ms before, {1e3 * now:.1f} ms now beside the network's "
                f"{block:.2f} s: {shares[-1]:+.2%}",
                flush=True,
            )
    print(f"{args.model}: {statistics.median(shares):+.2%} of a block")


if __name__ == "__main__":
    main()
