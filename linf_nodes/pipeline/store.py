"""The process-wide model cache: every model is loaded once, counted in bytes, and released on request."""

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import UnsupportedWeights
from ..models.checkpoint import Weights, build, read_weights, weights_hash
from .model import LinfModel, prepare

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt")
BUDGET = 4 << 30

_PACKAGE = Path(__file__).resolve().parent.parent
_BUNDLED = (_PACKAGE / "weights", _PACKAGE.parent / "weights")  # in a wheel; in a clone


def user_folder() -> Path:
    """Where users put their own weights: `$LINF_MODELS`, else `linf-nodes/models` in the user's data folder."""
    if named := os.environ.get("LINF_MODELS"):
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA") or str(Path.home() / ".local" / "share")
    return Path(data) / "linf-nodes" / "models"


def bundled_folder() -> Path:
    """Where the weights that come with the package lie."""
    return next((f for f in _BUNDLED if any(f.glob("*.safetensors"))), _BUNDLED[0])


def available_models() -> dict[str, Path]:
    """Names and files of the bundled models and of the user's folder; the user's come second."""
    found: dict[str, Path] = {}
    for folder in (bundled_folder(), user_folder()):
        files = sorted(f for f in folder.glob("*") if f.suffix in SUFFIXES) if folder.is_dir() else []
        for file in files:
            found.setdefault(file.stem, file)
    return found


def find_weights(name: str) -> Path:
    """The file of a model given by name or by path.

    Raises
    ------
    UnsupportedWeights
        When there is neither; the message lists the names and says where to put a file.
    """
    path = Path(name).expanduser()
    if path.suffix in SUFFIXES or path.is_file():
        if not path.is_file():
            raise UnsupportedWeights(f"There is no weights file {name}: check the path.")
        return path
    models = available_models()
    if name not in models:
        known = ", ".join(models) or "none"
        raise UnsupportedWeights(
            f"There is no model named {name!r} (known: {known}): give one of these, a path, or put {name}.safetensors "
            f"into {user_folder()}."
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


class ModelStore:
    """Models by (file contents, prior, device, dtype); the least recently used go when `budget` bytes are passed."""

    def __init__(self, budget: int = BUDGET):
        self.budget = budget
        self._models: OrderedDict[_Key, LinfModel] = OrderedDict()
        self._files: dict[tuple[str, int, int], tuple[Weights, str]] = {}
        self._lock = threading.RLock()

    def get(self, name: str, prior: str, device: torch.device, dtype: torch.dtype) -> LinfModel:
        """The model of a name or path; `prior` is `auto` (its own), `none`, or another file's name or path."""
        with self._lock:
            path = find_weights(name)
            weights, digest = self._read(path)
            if prior not in ("auto", "none"):
                other, other_digest = self._read(find_weights(prior))
                if other.prior is None:
                    raise UnsupportedWeights(f"{prior} holds no learned prior: give one that does, or none.")
                weights = Weights(weights.linf, weights.linf_state, other.prior, other.prior_state, weights.card)
                digest = f"{digest}+{other_digest}"
            key = (digest, "none" if prior == "none" else "own", str(device), str(dtype))
            if key not in self._models:
                self._models[key] = self._load(weights, digest, path.stem, prior != "none", device, dtype)
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
            self._files.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return freed

    def _read(self, path: Path) -> tuple[Weights, str]:
        """Weights of a file; the file is read again when its time or size changes. Only the digest is remembered."""
        stat = path.stat()
        key = (str(path.resolve()), stat.st_mtime_ns, stat.st_size)
        if key not in self._files:
            weights = read_weights(path)
            self._files.clear()
            self._files[key] = weights, weights_hash(weights)
        return self._files[key]

    def _load(
        self, weights: Weights, digest: str, name: str, own: bool, device: torch.device, dtype: torch.dtype
    ) -> LinfModel:
        if weights.linf is None:
            raise UnsupportedWeights(f"{name} holds a learned prior without its LINF: give it as the prior of a model.")
        linf, prior = build(weights)
        linf, prior = prepare(linf, prior if own else None, device, dtype)
        return LinfModel(linf, prior, name, digest, device, dtype, weights.card)

    def _evict(self) -> None:
        while len(self._models) > 1 and sum(m.nbytes for m in self._models.values()) > self.budget:
            self._models.popitem(last=False)


STORE = ModelStore()
