"""`linf stack` under faults at random moments: `python benchmarks/faults.py [--runs N] [--seed N] [--kinds NAME ...]`.

Each run enlarges a small stack, and something happens to it: a process is killed, the source or the target goes away or
becomes another, the disk is full. A run is right when it ends with 0 and the files of a run that nothing disturbed,
byte by byte; it is said when it ends otherwise with one sentence. Afterwards, with everything back in its place,
`--resume` must give the undisturbed files. All else is a failure. Prints a Markdown table, and every failure.

Runs are forks of this process, which has imported everything, so that they are short. Linux only.
"""

import argparse
import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import NamedTuple

import tifffile

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"] = "4s"  # how long a lost scheduler is waited for

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SHAPE, CHUNK = (8, 80, 80), (1, 40, 40)
WORDS = ["--scale", "2", "--model", "photo-tiny", "--device", "cpu", "--tile", "40", "--temperature", "1"]
HANGS = 120.0  # seconds after which a run is taken for one that never ends
RECORD = ".linf-blocks.jsonl"  # tells when it began, so it is never the same
DISK = 4 << 20  # bytes of the small disk


class Outcome(NamedTuple):
    """How a run ended: its exit status, or minus the signal that ended it, and what it said."""

    status: int
    said: str

    @property
    def is_sentence(self) -> bool:
        lines = [line for line in self.said.splitlines() if "waiting for" not in line]
        return len(lines) == 1 and lines[0].startswith("linf: ")


class Stage:
    """The folder of one run: a source, and the place of the result."""

    def __init__(self, folder: Path, kind: str, chance: random.Random, seconds: float):
        self.folder, self.chance, self.seconds = folder, chance, seconds
        self.source, self.target = folder / f"s.{kind}", folder / "o.ome.zarr"
        self.other = folder / f"other.{kind}"
        self.cluster: list[int] = []
        self.more: list[str] = []
        self.resumable = True
        copy(folder.parent / "source" / self.source.name, self.source)
        copy(folder.parent / "other" / self.source.name, self.other)

    def moment(self) -> None:
        """Wait for a random moment of a run."""
        time.sleep(self.chance.uniform(0, 1.1 * self.seconds))

    def begin(self, *more: str) -> int:
        words = ["stack", str(self.source), str(self.target), *WORDS, *self.more, *more]
        return fork(lambda: command(words), self.folder / "said")

    def end(self, pid: int) -> Outcome:
        return Outcome(wait(pid), (self.folder / "said").read_text())

    def whole(self, which: str) -> dict[str, bytes]:
        """The undisturbed result of the source, or of the other one."""
        name = f"undisturbed-{which}-{self.source.suffix[1:]}-{self.target.suffix[1:]}"
        return files(self.folder.parent / name / self.target.name)

    def blocks(self) -> list[Path]:
        return [p for p in self.target.rglob("*") if p.is_file() and p.name.isdigit()]


def command(words: list[str]) -> int:
    from linf_nodes.hosts.cli.main import main

    return main(words)


def fork(work: Callable[[], int], log: Path) -> int:
    """Do some work in a process of its own; returns its number."""
    pid = os.fork()
    if pid:
        return pid
    status = 99
    try:
        os.setsid()
        with log.open("wb", buffering=0) as stream:
            os.dup2(stream.fileno(), 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def wait(pid: int) -> int:
    """The exit status of a child; one that hangs is killed, and its status is 98."""
    until = time.monotonic() + HANGS
    while time.monotonic() < until:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    kill(pid)
    os.waitpid(pid, 0)
    return 98


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def files(folder: Path) -> dict[str, bytes]:
    """What a result is told by: all its files, or the samples of a TIFF, whose metadata name it anew each time."""
    if folder.is_file():
        return {"": tifffile.imread(folder).tobytes()}
    every = (p for p in folder.rglob("*") if p.is_file() and p.name != RECORD)
    return {str(p.relative_to(folder)): p.read_bytes() for p in every}


# Faults. Each begins a run, disturbs it, and returns how it ended, with everything back in its place.


def killed(stage: Stage) -> Outcome:
    """The process is killed."""
    pid = stage.begin()
    stage.moment()
    kill(pid)
    return stage.end(pid)


def killed_and_damaged(stage: Stage) -> Outcome:
    """The process is killed, and a block of the result is empty, cut or garbage, as after a power cut."""
    outcome = killed(stage)
    blocks = sorted(stage.blocks())
    if blocks:
        block = stage.chance.choice(blocks)
        data = block.read_bytes()
        block.write_bytes(stage.chance.choice([b"", data[: len(data) // 2], os.urandom(len(data))]))
    return outcome if outcome.status else stage.end(stage.begin("--resume"))


def stopped(stage: Stage) -> Outcome:
    """Ctrl-C twice, or SIGTERM."""
    pid = stage.begin()
    stage.moment()
    for number in stage.chance.choice([(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)]):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        time.sleep(0.1)
    return stage.end(pid)


def stopped_tiff(stage: Stage) -> Outcome:
    """SIGTERM or a kill while a TIFF is written: it is there whole or not at all."""
    stage.target, stage.resumable = stage.folder / "o.ome.tif", False
    pid = stage.begin()
    stage.moment()
    with suppress(ProcessLookupError):
        os.kill(pid, stage.chance.choice([signal.SIGTERM, signal.SIGKILL]))
    outcome = stage.end(pid)
    if outcome.status and stage.target.exists():
        return Outcome(97, "half a TIFF was left")
    return outcome


def away(stage: Stage, path: Path, back: bool) -> Outcome:
    pid = stage.begin()
    stage.moment()
    aside = path.with_name(f"aside-{path.name}")
    gone = path.exists()
    if gone:
        path.rename(aside)
    if back:
        time.sleep(stage.chance.uniform(0, 2))
    else:
        outcome = stage.end(pid)
    if gone:
        if path.exists():  # what was written to a mount point while nothing was mounted there
            remove(path)
        aside.rename(path)
    return stage.end(pid) if back else outcome


def source_away(stage: Stage) -> Outcome:
    """The source goes away."""
    return away(stage, stage.source, back=False)


def source_blinks(stage: Stage) -> Outcome:
    """The source goes away and comes back within two seconds."""
    return away(stage, stage.source, back=True)


def target_away(stage: Stage) -> Outcome:
    """The target goes away."""
    return away(stage, stage.target, back=False)


def target_blinks(stage: Stage) -> Outcome:
    """The target goes away and comes back within two seconds."""
    return away(stage, stage.target, back=True)


def replaced(stage: Stage) -> Outcome:
    """The source becomes another one of the same size. Going on with that must be refused."""
    pid = stage.begin()
    stage.moment()
    aside = stage.folder / f"aside-{stage.source.name}"
    stage.source.rename(aside)
    stage.other.rename(stage.source)
    outcome = stage.end(pid)
    others = stage.whole("other")
    went_on = outcome if files(stage.target) == others else stage.end(stage.begin("--resume"))
    is_other = files(stage.target) == others
    stage.source.rename(stage.other)
    aside.rename(stage.source)
    if went_on.status == 0 and not is_other:
        return Outcome(97, "went on with another source")
    if is_other:  # nothing was read of the first one yet
        remove(stage.target)
    return stage.end(stage.begin()) if is_other and outcome.status == 0 else outcome


def damaged(stage: Stage) -> Outcome:
    """A chunk of the source, or half of its only file, is lost or cut."""
    pid = stage.begin()
    stage.moment()
    chunks = [p for p in stage.source.rglob("*") if p.is_file() and p.name.isdigit()]
    part = stage.chance.choice(sorted(chunks)) if chunks else stage.source
    kept, times = part.read_bytes(), part.stat()
    if chunks and stage.chance.random() < 0.5:
        part.unlink()
    else:
        part.write_bytes(kept[: len(kept) // 2])
    outcome = stage.end(pid)
    part.write_bytes(kept)
    os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
    return outcome


def disk_full(stage: Stage) -> Outcome:
    """Another program fills the disk."""
    disk = stage.folder / "disk"
    disk.mkdir()
    mounted = not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(disk)], capture_output=True
    ).returncode
    if not mounted:
        raise SystemExit("a small disk cannot be mounted here: run as root, or leave out --kinds disk_full")
    stage.target = disk / stage.target.name
    stage.more = ["--ignore-free-space"]
    pid = stage.begin()
    stage.moment()
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(stage.chance.choice((1 << 12, 1 << 16))))
    outcome = stage.end(pid)
    ballast.unlink()
    return outcome


def second_run(stage: Stage) -> Outcome:
    """Another run begins in the same place: one of them is refused, and the other right."""
    first = stage.begin()
    stage.moment()
    words = ["stack", str(stage.source), str(stage.target), *WORDS, "--resume"]
    second = fork(lambda: command(words), stage.folder / "second")
    one = stage.end(first)
    two = Outcome(wait(second), (stage.folder / "second").read_text())
    if one.status == 0 and (two.status == 0 or two.is_sentence):
        return one
    return two if two.status == 0 and one.is_sentence else Outcome(97, f"{one}, {two}")


def killed_second(stage: Stage) -> Outcome:
    """The process is killed while another one wants to begin in the same place, which takes over."""
    first = stage.begin()
    stage.moment()
    kill(first)
    second = stage.begin("--resume")
    stage.end(first)
    return stage.end(second)


def on_cluster(stage: Stage) -> int:
    """Begin a run on a scheduler and two workers of its own."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    stage.cluster.append(fork(lambda: serve(port, None), stage.folder / "scheduler"))
    stage.cluster += [fork(lambda: serve(0, address), stage.folder / f"worker-{i}") for i in range(2)]
    time.sleep(1)
    return stage.begin("--client", address)


def serve(port: int, address: str | None) -> int:
    """Be a dask scheduler, or a worker of one."""
    from distributed import Scheduler, Worker

    async def work() -> None:
        common = {"host": "127.0.0.1", "dashboard": False}
        if address is None:
            async with Scheduler(port=port, dashboard_address=":0", host="127.0.0.1") as scheduler:
                await scheduler.finished()
        async with Worker(address, nthreads=1, local_directory=tempfile.gettempdir(), **common) as worker:
            await worker.finished()

    asyncio.run(work())
    return 0


def worker_killed(stage: Stage) -> Outcome:
    """One of two workers of a dask cluster is killed."""
    pid = on_cluster(stage)
    stage.moment()
    kill(stage.chance.choice(stage.cluster[1:]))
    return stage.end(pid)


def scheduler_killed(stage: Stage) -> Outcome:
    """The scheduler of a dask cluster is killed."""
    pid = on_cluster(stage)
    stage.moment()
    kill(stage.cluster[0])
    return stage.end(pid)


def client_killed(stage: Stage) -> Outcome:
    """The client of a dask cluster is killed, while its workers live on."""
    pid = on_cluster(stage)
    stage.moment()
    kill(pid)
    return stage.end(pid)


def source_away_on_cluster(stage: Stage) -> Outcome:
    """The source goes away from the workers of a dask cluster."""
    pid = on_cluster(stage)
    stage.moment()
    aside = stage.source.with_name("aside")
    stage.source.rename(aside)
    outcome = stage.end(pid)
    aside.rename(stage.source)
    return outcome


def own_worker_killed(stage: Stage) -> Outcome:
    """One of the processes of --workers 2 is killed."""
    words = [
        sys.executable,
        "-m",
        "linf_nodes",
        "stack",
        str(stage.source),
        str(stage.target),
        *WORDS,
        "--workers",
        "2",
    ]
    with (stage.folder / "said").open("wb") as log:
        run = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=log, cwd=ROOT)
        until = time.monotonic() + HANGS
        while run.poll() is None and not stage.blocks() and time.monotonic() < until:
            time.sleep(0.05)
        stage.moment()
        found = subprocess.run(["pgrep", "-P", str(run.pid), "-f", "spawn_main"], capture_output=True, text=True)
        workers = [int(number) for number in found.stdout.split()]
        if workers:
            kill(stage.chance.choice(workers))
        try:
            status = run.wait(HANGS)
        except subprocess.TimeoutExpired:
            run.kill()
            status = 98
    return Outcome(status, (stage.folder / "said").read_text())


KINDS = {
    fault.__name__: fault
    for fault in (
        killed, killed_and_damaged, killed_second, stopped, stopped_tiff, second_run, source_away, source_blinks,
        replaced, damaged, target_away, target_blinks, disk_full, worker_killed, scheduler_killed, client_killed,
        source_away_on_cluster, own_worker_killed,
    )
}  # fmt: skip


def prepare(folder: Path) -> dict[str, float]:
    """Two stacks as Zarr, TIFF and .npy, and what becomes of the first undisturbed; returns the seconds of each."""

    def make() -> int:
        import numpy as np
        import zarr

        for number, name in enumerate(("source", "other")):
            (folder / name).mkdir()
            samples = np.random.default_rng(number).gamma(2, 300, SHAPE).astype("u2")
            zarr.create_array(str(folder / name / "s.zarr"), shape=SHAPE, chunks=CHUNK, dtype="u2")[...] = samples
            tifffile.imwrite(folder / name / "s.tif", samples, photometric="minisblack", compression="zlib")
            np.save(folder / name / "s.npy", samples)
        return 0

    if wait(fork(make, folder / "said")):
        raise SystemExit((folder / "said").read_text())
    took = {}
    for kind, which, ending in product(("zarr", "tif", "npy"), ("source", "other"), ("zarr", "tif")):
        stage = Stage(new(folder, f"undisturbed-{which}-{kind}-{ending}"), kind, random.Random(0), 0)
        stage.source, stage.target = (stage.source, stage.other)[which == "other"], stage.folder / f"o.ome.{ending}"
        start = time.monotonic()
        outcome = stage.end(stage.begin())
        if outcome.status:
            raise SystemExit(outcome.said)
        if (which, ending) == ("source", "zarr"):
            took[kind] = time.monotonic() - start
    return took


def new(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def judged(stage: Stage, outcome: Outcome) -> tuple[str, str]:
    """One word for a run, and what is wrong with it."""
    whole = stage.whole("source")
    if outcome.status == 0 and files(stage.target) != whole:
        return "wrong", "ended with 0, and another result"
    if outcome.status not in (0, -signal.SIGKILL) and not outcome.is_sentence:
        return "unsaid", f"status {outcome.status}, said {outcome.said!r}"
    for pid in stage.cluster:
        kill(pid)
    again = stage.end(stage.begin(*(["--resume"] if stage.resumable else [])))
    if again.status or files(stage.target) != whole:
        return "not resumed", f"after {outcome}: {again}"
    return {0: "right", -signal.SIGKILL: "killed"}.get(outcome.status, "said"), ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS), metavar="NAME")
    args = parser.parse_args()
    import distributed  # noqa: F401  # so that forks need not
    import ome_zarr.writer  # noqa: F401  # the same
    import torch

    import linf_nodes.hosts.cli.stack  # noqa: F401  # the same

    torch.set_num_threads(1)
    counts: dict[str, Counter[str]] = {name: Counter() for name in args.kinds}
    failures = []
    with tempfile.TemporaryDirectory(prefix="linf-faults-") as text:
        folder = Path(text)
        took = prepare(folder)
        for number in range(args.runs):
            name = args.kinds[number % len(args.kinds)]
            chance = random.Random(f"{args.seed} {number}")
            kind = chance.choice(list(took))
            stage = Stage(new(folder, f"run-{number}"), kind, chance, took[kind])
            try:
                word, wrong = judged(stage, KINDS[name](stage))
            finally:
                for pid in stage.cluster:
                    kill(pid)
                    os.waitpid(pid, 0)
                subprocess.run(["umount", str(stage.folder / "disk")], capture_output=True)
            counts[name][word] += 1
            if wrong:
                failures.append(f"run {number}, {name}, {kind}: {wrong}")
                print(failures[-1], file=sys.stderr, flush=True)
            shutil.rmtree(stage.folder, ignore_errors=True)
    print(table(counts))
    print(*failures, sep="\n")
    sys.exit(bool(failures))


def table(counts: dict[str, Counter[str]]) -> str:
    words = ("right", "said", "killed", "wrong", "unsaid", "not resumed")
    lines = ["| what happens | runs | " + " | ".join(words) + " |", "|---|" + "---|" * (len(words) + 1)]
    for name, count in counts.items():
        said = (KINDS[name].__doc__ or name).rstrip(".")
        lines.append(f"| {said} | {count.total()} | " + " | ".join(str(count[word]) for word in words) + " |")
    total = sum(counts.values(), Counter[str]())
    lines.append(f"| **all** | {total.total()} | " + " | ".join(str(total[word]) for word in words) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
