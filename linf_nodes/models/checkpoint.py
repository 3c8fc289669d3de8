"""Weights files: our own format and what published ones come in.

Ours is safetensors: tensors `linf.*`, of whatever family, and `prior.*`; in the header `format` "linf-nodes/1", `spec`
and `card` as JSON.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..atomic import atomic_write
from ..errors import BadValue, UnsupportedWeights, quoted
from .assembly import build
from .pickled import from_bare, read_pickled
from .spec import Spec
from .weights import Weights, own_copies, weights_hash

__all__ = ["VERSION", "Weights", "build", "read_weights", "stated", "weights_hash", "write_card", "write_weights"]

VERSION = 1
_PARTS = ("linf", "prior")  # of the format from its first day: the first holds the model


def read_weights(path: Path) -> Weights:
    """Read a weights file. Its content decides the format, not its name; nothing in it is ever executed.

    Raises
    ------
    UnsupportedWeights
        When the file is missing, empty, damaged, unsafe, or of an architecture that cannot run here.
    """
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise UnsupportedWeights(f"'{path}' cannot be read ({error.strerror or error}): check the path.") from error
    try:
        if not head:
            raise UnsupportedWeights("It is empty; copy or download it again.")
        if head[8:] == b"{":
            return _read_safetensors(path)
        if head[:2] == b"PK" or head[:1] == b"\x80":
            return read_pickled(path)
        raise UnsupportedWeights("It is no weights file; give a .safetensors or a torch checkpoint (.pth, .pt, .ckpt).")
    except UnsupportedWeights as error:
        said = "".join(c if c.isprintable() else " " for c in str(error))  # it may quote the file
        raise UnsupportedWeights(f"'{path}': {said}") from error


def stated(path: Path) -> tuple[str | None, bool]:
    """What the header of one of our own files says: the model's kind, and whether there is a learned prior.

    None and False for every other file, and for what is not there.
    """
    try:
        with safe_open(path, "pt") as file:
            spec = _json(dict(file.metadata() or {}), "spec")
        return Spec.of(spec["linf"]).name if spec.get("linf") else None, bool(spec.get("prior"))
    except (SafetensorError, OSError, AttributeError, UnsupportedWeights):
        return None, False


def write_weights(path: Path, weights: Weights, half: bool = True) -> None:
    """Write our own format, whole or not at all; the same weights give the same bytes.

    Parameters
    ----------
    half
        Store real numbers in float16, except the flow's matrices and biases (its inverse multiplies their errors), the
        statistics of norm layers, and tensors with values beyond float16.

    Raises
    ------
    BadValue
        When the card or a description is not plain JSON, or the file cannot be written.
    """
    specs = (weights.model, weights.prior)
    try:
        header = {
            "format": f"linf-nodes/{VERSION}",
            "spec": json.dumps({part: s and s.entry() for part, s in zip(_PARTS, specs, strict=True)}, allow_nan=False),
            "card": json.dumps(weights.card, allow_nan=False),
        }
    except (TypeError, ValueError) as error:
        raise BadValue(f"The model card or the description of '{path}' is not plain JSON: {error}.") from error
    states = zip(_PARTS, (weights.model_state, weights.prior_state), strict=True)
    tensors = {f"{part}.{n}": _stored(n, t, half) for part, state in states for n, t in own_copies(state).items()}
    data = _in_order(save(tensors, header))
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def write_card(path: Path, card: Mapping[str, Any]) -> None:
    """Give one of our own files another card; its tensors stay as they are, byte for byte.

    Raises
    ------
    BadValue
        When the card is not plain JSON, or the file cannot be written.
    UnsupportedWeights
        When the file is not of our own format.
    """
    read_weights(path)
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size]) if data[8:9] == b"{" else {}
    meta = header.get("__metadata__", {})
    if not meta.get("format", "").startswith("linf-nodes/"):
        raise UnsupportedWeights(f"'{path}' has no card: make it one of our files by linf convert.")
    try:
        meta["card"] = json.dumps(dict(card), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadValue(f"The model card of '{path}' is not plain JSON: {error}.") from error
    with atomic_write(path) as temporary:
        temporary.write_bytes(_packed(header) + data[8 + size :])


def _stored(name: str, tensor: Tensor, half: bool) -> Tensor:
    if not half or not tensor.is_floating_point() or name.startswith("imnet.") or ".running_" in name:
        return tensor
    small = tensor.half()
    return small if bool(small.isfinite().all()) else tensor


def _in_order(data: bytes) -> bytes:
    """The same file with a sorted header: safetensors writes the metadata in random order."""
    size = int.from_bytes(data[:8], "little")
    return _packed(json.loads(data[8 : 8 + size])) + data[8 + size :]


def _packed(header: Mapping[str, Any]) -> bytes:
    packed = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    packed += b" " * (-len(packed) % 8)
    return len(packed).to_bytes(8, "little") + packed


def _read_safetensors(path: Path) -> Weights:
    try:
        with safe_open(path, "pt") as file:
            meta = dict(file.metadata() or {})
            form = meta.get("format", "")
            if form.startswith("linf-nodes/"):
                _check_version(form)
            tensors = own_copies({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, KeyError, AttributeError, RuntimeError) as error:
        raise UnsupportedWeights(f"It is damaged or cut short ({error}); copy or download it again.") from error
    return _from_header(meta, tensors) if form.startswith("linf-nodes/") else from_bare(tensors)


def _check_version(form: str) -> None:
    found = re.fullmatch(r"linf-nodes/([1-9]\d{0,8})", form)
    if found is None:
        raise UnsupportedWeights(f"Its format is {quoted(form)}; this linf-nodes reads linf-nodes/{VERSION}.")
    if int(found[1]) > VERSION:
        raise UnsupportedWeights(
            f"Its format {form} is newer than what this linf-nodes reads (linf-nodes/{VERSION}): update linf-nodes."
        )


def _from_header(meta: Mapping[str, str], tensors: Mapping[str, Tensor]) -> Weights:
    spec, card = _json(meta, "spec"), _json(meta, "card")
    states: dict[str, dict[str, Tensor]] = {part: {} for part in _PARTS}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        if part not in states or not spec.get(part):
            raise UnsupportedWeights(f"Its tensor {name:.80} belongs to no model that the header describes.")
        states[part][rest] = tensor
    model, prior = (Spec.of(spec[part]) if spec.get(part) else None for part in _PARTS)
    if model is None and prior is None:
        raise UnsupportedWeights("Its header describes no model.")
    return Weights(model, states["linf"], prior, states["prior"], card)


def _json(meta: Mapping[str, str], key: str) -> dict[str, Any]:
    try:
        value = json.loads(meta.get(key, "{}"))
    except (ValueError, RecursionError) as error:
        raise UnsupportedWeights(f"The {key} in its header is not JSON ({error}).") from error
    if not isinstance(value, dict):
        raise UnsupportedWeights(f"The {key} in its header is {quoted(value)}, not an object with names.")
    return value
