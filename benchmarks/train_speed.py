"""Steps a second of a recipe, in turns: this version, others beside it, and other settings of OpenMP.

    git worktree add ../before COMMIT
    python benchmarks/train_speed.py [--recipe photo.toml] [--before ../before] [--threads 2] [--steps 12] [--turns 3]

Every turn runs each version once, in a process of its own, as `linf train` would run it. Other processes disturb a
step, never speed it up: so a version's time is the lower quartile of its steps, and ratios are of the same turns.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import quantiles

from kernels import noise

ROOT = Path(__file__).resolve().parents[1]

# The version under test is what the working directory holds; whatever its command line sets before torch, it sets here.
CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, str(Path.cwd()))
import linf_nodes.hosts.cli.main as cli
getattr(cli, "_share_cores", lambda: None)()
import torch
from linf_nodes.training.recipe import Recipe
from linf_nodes.training.run import Run
recipe, data, out, steps = sys.argv[1:]
ran = Run(Recipe.read(Path(recipe), data=[data], out=out, preview_every=0), torch.device("cpu"))
marks = []
ran.train(lambda *_: marks.append(time.perf_counter()), stop=int(steps))
print(*(b - a for a, b in zip(marks[1:], marks[2:])))
print(getattr(ran, "remark", ""), file=sys.stderr)
"""


def seconds(version: Path, recipe: str, data: Path, steps: int, env: dict[str, str]) -> tuple[list[float], str]:
    """Seconds of each step but the first two, and what the run says of itself."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-c", CHILD, f"recipes/{recipe}", str(data), out, str(steps)]
        done = subprocess.run(command, cwd=version, env={**os.environ, **env}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return [float(s) for s in done.stdout.split()], done.stderr.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="photo.toml", help="in recipes/ of every version")
    parser.add_argument("--before", type=Path, help="a checkout of another version")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--spinning", action="store_true", help="also this version with OpenMP's own way to wait")
    args = parser.parse_args()
    threads = {"OMP_NUM_THREADS": str(args.threads)}
    versions = {"now": (ROOT, threads)}
    if args.before:
        versions = {"before": (args.before.resolve(), threads), **versions}
    if args.spinning:
        versions["now, spinning"] = (ROOT, {**threads, "OMP_WAIT_POLICY": "ACTIVE"})
    found: dict[str, list[float]] = {name: [] for name in versions}
    with tempfile.TemporaryDirectory() as folder:
        data = noise(Path(folder), 8, 400)
        for turn in range(args.turns):
            for name, (version, env) in versions.items():
                taken, said = seconds(version, args.recipe, data, args.steps, env)
                found[name] += taken
                print(f"turn {turn}  {name:14} {quantiles(taken)[0]:.3f} s a step  {said}", flush=True)
    first = quantiles(found[next(iter(versions))])[0]
    for name, taken in found.items():
        quarter, middle, _ = quantiles(taken)
        print(
            f"{name:14} {quarter:.3f} s a step (median {middle:.3f}), {first / quarter:.2f} times the first's steps/s"
        )


if __name__ == "__main__":
    main()
