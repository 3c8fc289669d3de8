"""A real ComfyUI server with the pack in it, for tests: started, asked over HTTP, stopped.

`COMFYUI_PATH` names a checkout of ComfyUI and `COMFYUI_PYTHON` the interpreter that has its requirements (this one by
default); or several of each, as PATH does, and every test of a server runs in all of them. Nothing in
the checkouts is written: the server's pictures, models and packs lie in a folder of their own.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
START_SECONDS = 180.0
RUN_SECONDS = 240.0

Graph = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Core:
    """A checkout of ComfyUI, and the interpreter that has its requirements."""

    checkout: str
    python: str

    def __str__(self) -> str:
        return Path(self.checkout).name


def _cores() -> list[Core]:
    paths = [path for path in os.environ.get("COMFYUI_PATH", "").split(os.pathsep) if path]
    pythons = os.environ.get("COMFYUI_PYTHON", sys.executable).split(os.pathsep)
    return [Core(path, pythons[min(i, len(pythons) - 1)]) for i, path in enumerate(paths)]


CORES = _cores()

# A pack of two nodes that carry exact tensors in and out: LoadImage and SaveImage know 8 bits and three channels only.
_PROBE = """
import ctypes, gc, os, sys, folder_paths, numpy, torch

class Array:
    CATEGORY, RETURN_TYPES, FUNCTION = "probe", ("IMAGE",), "run"
    INPUT_TYPES = classmethod(lambda cls: {"required": {"file": ("STRING", {})}})
    def run(self, file):
        return (torch.from_numpy(numpy.load(os.path.join(folder_paths.get_input_directory(), file))),)

class Keep:
    CATEGORY, RETURN_TYPES, FUNCTION, OUTPUT_NODE = "probe", (), "run", True
    INPUT_TYPES = classmethod(lambda cls: {"required": {"image": ("IMAGE", {}), "file": ("STRING", {})}})
    def run(self, image, file):
        numpy.save(os.path.join(folder_paths.get_output_directory(), file), image.numpy())
        gc.collect()
        if sys.platform == "linux":  # what the allocator only keeps is not in use
            ctypes.CDLL(None).malloc_trim(0)
        return {"ui": {"text": [f"{image.dtype} {image.device}"]}}

NODE_CLASS_MAPPINGS = {"ProbeArray": Array, "ProbeKeep": Keep}
"""


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    """One entry of a graph in API format."""
    return {"class_type": kind, "inputs": inputs}


def shipped_files() -> list[Path]:
    """What the registry's archive of the pack holds: files that git knows or would add, less those of .comfyignore."""
    known = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    left_out = subprocess.run(
        ["git", "-c", "core.excludesFile=.comfyignore", "check-ignore", "--no-index", "--stdin", "-z"],
        cwd=ROOT, input="\0".join(known), capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    return [Path(name) for name in known if name and name not in left_out and (ROOT / name).is_file()]


def as_clone(packs: Path) -> None:
    """Put the pack into `custom_nodes` as the registry's archive would."""
    for file in shipped_files():
        target = packs / "linf-nodes" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, target)


@dataclass(frozen=True)
class Run:
    """A graph that was run: what it showed, which nodes came out of the cache, and what went wrong."""

    outputs: Mapping[str, Any]
    cached: frozenset[str]
    events: tuple[str, ...]
    error: str

    @property
    def succeeded(self) -> bool:
        return "execution_success" in self.events


class Refused(Exception):
    """The server refused a graph before running it; the text is its answer."""


class Server:
    """A server over the folder `base`; a context manager that starts and ends it."""

    def __init__(
        self,
        base: Path,
        install: Callable[[Path], None],
        env: Mapping[str, str] | None = None,
        extra_models: Path | None = None,
        core: Core | None = None,
    ) -> None:
        self.base = base
        self.core = core or CORES[0]
        self.extra_models = extra_models
        self.env = {**os.environ, "OMP_NUM_THREADS": "1", **(env or {})}
        for name in ("custom_nodes/probe", "models", "input", "output", "user", "temp"):
            (base / name).mkdir(parents=True, exist_ok=True)
        (base / "custom_nodes/probe/__init__.py").write_text(_PROBE)
        install(base / "custom_nodes")

    def __enter__(self) -> Self:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        command = [self.core.python, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(self.port)]
        command += ["--base-directory", str(self.base), "--database-url", "sqlite:///:memory:"]
        if self.extra_models is not None:
            listed = self.base / "extra_model_paths.yaml"
            listed.write_text(f"tests:\n    linf: {self.extra_models}\n")
            command += ["--extra-model-paths-config", str(listed)]
        self._log = (self.base / "server.log").open("w")
        self._process = subprocess.Popen(
            command, cwd=self.core.checkout, env=self.env, stdout=self._log, stderr=self._log
        )
        self._wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    @property
    def log(self) -> str:
        return (self.base / "server.log").read_text("utf-8", "replace")

    @property
    def pid(self) -> int:
        return self._process.pid

    def read(self, route: str) -> bytes:
        """The body of an answer to GET."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{route}", timeout=60) as answer:
            return bytes(answer.read())

    def get(self, route: str) -> Any:
        return json.loads(self.read(route))

    def post(self, route: str, body: Any = None) -> Any:
        data = json.dumps(body or {}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{route}", data, method="POST")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def submit(self, graph: Graph, client: str = "") -> str:
        """Queue a graph; its id. Raises `Refused` with the server's answer when the graph is not valid."""
        try:
            answer = self.post("/prompt", {"prompt": graph, "client_id": client})
        except urllib.error.HTTPError as error:
            raise Refused(error.read().decode()) from error
        if answer["node_errors"]:  # the server runs the valid branches and leaves out the others
            raise Refused(json.dumps(answer["node_errors"]))
        return str(answer["prompt_id"])

    def wait(self, prompt: str, seconds: float = RUN_SECONDS) -> Run:
        """The run of a graph that was queued, once it is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := self.get(f"/history/{prompt}").get(prompt):
                return _run(found)
            time.sleep(0.05)
        raise TimeoutError(f"{prompt} is not over after {seconds} s:\n{self.log[-4000:]}")

    def run(self, graph: Graph, seconds: float = RUN_SECONDS) -> Run:
        """Queue a graph and wait; a failure of any node fails the test with what the server said."""
        found = self.wait(self.submit(graph), seconds)
        assert found.succeeded, found.error
        return found

    def fail(self, graph: Graph) -> str:
        """What the user reads of a graph that must not succeed, whether it is refused or fails while it runs."""
        try:
            found = self.wait(self.submit(graph))
        except Refused as refused:
            return str(refused)
        assert not found.succeeded, "it succeeded"
        return found.error

    def put_array(self, array: NDArray[Any]) -> dict[str, Any]:
        """A node that gives an array as an IMAGE; named by its contents, as the server's cache goes by names."""
        name = f"{zlib.crc32(array.tobytes())}-{array.dtype}-{array.shape}.npy"
        np.save(self.base / "input" / name, array)
        return node("ProbeArray", file=name)

    def array(self, name: str) -> NDArray[Any]:
        """What a ProbeKeep node wrote."""
        return np.asarray(np.load(self.base / "output" / name))

    def files(self, found: Run) -> list[Path]:
        """Pictures that a run saved or previewed."""
        images = [image for output in found.outputs.values() for image in output.get("images", ())]
        return [self.base / i["type"] / i["subfolder"] / i["filename"] for i in images]

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self.read("/system_stats")
            except OSError:
                time.sleep(0.2)
            else:
                return
        self.__exit__()
        raise RuntimeError(f"the server did not start:\n{self.log[-4000:]}")


def _run(found: Mapping[str, Any]) -> Run:
    messages: Iterable[tuple[str, Mapping[str, Any]]] = found["status"]["messages"]
    told = dict(messages)
    failed = told.get("execution_error", {})
    return Run(
        found["outputs"],
        frozenset(told.get("execution_cached", {}).get("nodes", ())),
        tuple(event for event, _ in messages),
        f"{failed.get('exception_type', '')}: {failed.get('exception_message', '')}",
    )
