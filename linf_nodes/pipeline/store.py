"""The process-wide model cache: every model is loaded once, counted in bytes, and released on request."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ..errors import UnsupportedWeights
from ..meant import meant
from ..models.checkpoint import build, read_weights, weights_hash
from .model import LoadedModel, prepare

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt")
BUDGET = 4 << 30

_PACKAGE = Path(__file__).resolve().parent.parent
_BUNDLED = (_PACKAGE / "weights", _PACKAGE.parent / "weights")  # in a wheel; in a clone


def data_folder() -> Path:
    """`linf-nodes` in the user's data folder: what is the user's own and outlives an update."""
    data = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA") or str(Path.home() / ".local" / "share")
    return Path(data) / "linf-nodes"


def user_folder() -> Path:
    """Where users put their own weights: `$LINF_MODELS`, else `models` in the user's data folder."""
    if named := os.environ.get("LINF_MODELS"):
        return Path(named)
    return data_folder() / "models"


def bundled_folder() -> Path:
    """Where the weights that come with the package lie."""
    return next((f for f in _BUNDLED if any(f.glob("*.safetensors"))), _BUNDLED[0])


@dataclass(frozen=True)
class Shelf:
    """A host's own place for weights: the folder to put a file into, and the names and files that are there now."""

    folder: Path
    models: Callable[[], Mapping[str, Path]]


_SHELVES: list[Shelf] = []


def use_shelf(shelf: Shelf) -> None:
    """Look for models there too; a host has one shelf, and the last that it names counts."""
    _SHELVES[:] = [shelf]


def models_folder() -> Path:
    """Where users put weights in this host."""
    return _SHELVES[0].folder if _SHELVES else user_folder()


def available_models() -> dict[str, Path]:
    """Names and files of the bundled models, the host's shelves and the user's folder; the first of a name wins."""
    found: dict[str, Path] = {}
    for models in (_in_folder(bundled_folder()), *(s.models() for s in _SHELVES), _in_folder(user_folder())):
        for name, file in models.items():
            found.setdefault(name, file)
    return found


def _in_folder(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(f for f in folder.glob("*") if f.suffix in SUFFIXES) if folder.is_dir() else []:
        found.setdefault(file.stem, file)
    return found


def expanded(name: str) -> Path:
    """A path with the `~` of a user's home resolved; one of nobody's home stays as it is."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def find_weights(name: str) -> Path:
    """The file of a model given by name or by path.

    Raises
    ------
    UnsupportedWeights
        When there is neither; the message lists the names and says where to put a file.
    """
    path = expanded(name)
    if path.suffix in SUFFIXES or path.is_file():
        if not path.is_file():
            raise UnsupportedWeights(f"There is no weights file {name}: check the path.")
        return path
    models = available_models()
    if name not in models:
        known = ", ".join(models) or "none"
        raise UnsupportedWeights(
            f"There is no model named {name!r} (known: {known}): give one of these, a path, or put {name}.safetensors "
            f"into {models_folder()}.{meant(name, models)}"
        )
    return models[name]


@dataclass(frozen=True)
class Held:
    """One line of the cache's contents."""

    name: str
    hash: str
    device: str
    dtype: str
    nbytes: int


_Key = tuple[str, str, str, str]
_File = tuple[str, int, int]


def _file(path: Path) -> _File:
    """What tells a file from its next version: its place, time and size."""
    stat = path.stat()
    return str(path.resolve()), stat.st_mtime_ns, stat.st_size


class ModelStore:
    """Models by (file contents, prior, device, dtype); the least recently used go when `budget` bytes are passed.

    Where a host's memory manager moves the weights, `rest` is where they are loaded to and lie until then.
    """

    def __init__(self, budget: int = BUDGET, rest: torch.device | None = None):
        self.budget, self.rest = budget, rest
        self._models: OrderedDict[_Key, LoadedModel] = OrderedDict()
        self._digests: dict[_File, str] = {}
        self._lock = threading.RLock()

    def configure(self, *, budget: int | None = None, rest: torch.device | None = None) -> None:
        """What a host wants of it: bytes of weights to keep, and where they lie while nobody computes."""
        self.budget = self.budget if budget is None else budget
        self.rest = self.rest if rest is None else rest

    def get(self, name: str, prior: str, device: torch.device, dtype: torch.dtype) -> LoadedModel:
        """The model of a name or path; `prior` is `auto` (its own), `none`, or another file's name or path."""
        with self._lock:
            paths = [find_weights(name)] + ([] if prior in ("auto", "none") else [find_weights(prior)])
            files = [_file(p) for p in paths]
            if not all(f in self._digests for f in files) or self._key(files, prior, device, dtype) not in self._models:
                self._load(paths, files, prior, device, dtype)
            key = self._key(files, prior, device, dtype)
            self._models.move_to_end(key)
            self._evict()
            return self._models[key]

    def held(self) -> list[Held]:
        """What is loaded, least recently used first."""
        with self._lock:
            every = self._models.values()
            return [Held(m.name, m.hash, str(m.device), str(m.dtype).split(".")[-1], m.nbytes) for m in every]

    def release(self) -> int:
        """Forget every model; returns the bytes of weights that were held."""
        with self._lock:
            freed = sum(m.nbytes for m in self._models.values())
            self._models.clear()
            self._digests.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return freed

    def _key(self, files: list[_File], prior: str, device: torch.device, dtype: torch.dtype) -> _Key:
        digest = "+".join(self._digests[f] for f in files)
        return digest, "none" if prior == "none" else "own", str(device), str(dtype)

    def _load(
        self, paths: list[Path], files: list[_File], prior: str, device: torch.device, dtype: torch.dtype
    ) -> None:
        """Read the files and keep the model they make, unless the same weights are held under another file's name."""
        read = [read_weights(p) for p in paths]
        self._digests |= {f: weights_hash(w) for f, w in zip(files, read, strict=True)}
        key = self._key(files, prior, device, dtype)
        if key in self._models:
            return
        weights = read[0]
        if weights.model is None:
            raise UnsupportedWeights(f"{paths[0]} holds a learned prior without its model: give it as a model's prior.")
        if len(read) > 1:
            if read[1].prior is None:
                raise UnsupportedWeights(f"{prior} holds no learned prior: give one that does, or none.")
            weights = replace(weights, prior=read[1].prior, prior_state=read[1].prior_state)
        network, latent = build(weights)
        network, latent = prepare(network, None if prior == "none" else latent, self.rest or device, dtype)
        self._models[key] = LoadedModel(network, latent, paths[0].stem, key[0], device, dtype, weights.card)

    def _evict(self) -> None:
        while len(self._models) > 1 and sum(m.nbytes for m in self._models.values()) > self.budget:
            self._models.popitem(last=False)


STORE = ModelStore()
