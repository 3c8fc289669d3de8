"""The Load node: names of files in ComfyUI's folders, its device, and when a file has changed."""

from collections.abc import Mapping
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import comfy.model_management as mm

from ...errors import UnsupportedWeights
from ...pipeline.store import SUFFIXES, available_models, models_folder
from . import names

ID = "LINFLoadModel"
_WORDS = ("auto", "none")  # that `prior` takes beside names


def resolved(values: Mapping[str, Any]) -> dict[str, Any]:
    """Files for the names, ComfyUI's own device for `auto`, and the half precision that it allows there."""
    given: dict[str, Any] = {name: str(file) for name, file in _files(values).items()}
    if values.get("device", "auto") == "auto":
        place = mm.get_torch_device()
        given["device"] = str(place)
        if values.get("precision", "auto") == "auto" and not (mm.should_use_fp16(place) or mm.should_use_bf16(place)):
            given["precision"] = "float32"
    return given


def validate_inputs(cls: type[Any], model: str | None = None) -> bool | str:
    """Before anything runs: that the model is missing, and where it belongs. A wired name is not known yet.

    ComfyUI blames every input that is named here for what is wrong with one: so the prior is judged when the node runs.
    """
    try:
        return model is None or bool(file_of(model))
    except UnsupportedWeights as error:
        return str(error)


def fingerprint_inputs(cls: type[Any], **values: Any) -> tuple[Any, ...]:
    """Place, time and size of the files: a changed file is loaded again."""
    return tuple(names.version(file) for file in _files(values).values())


def _files(values: Mapping[str, Any]) -> dict[str, Path]:
    given = {name: values.get(name) for name in ("model", "prior")}
    return {k: file_of(v, k) for k, v in given.items() if v is not None and not (k == "prior" and v in _WORDS)}


def file_of(name: str, what: str = "model") -> Path:
    """The file of a name, with or without its ending; a path is not a name. The sentence says `what` was named.

    Raises
    ------
    UnsupportedWeights
        When there is none; the message says which, what there is, and where to put it.
    """
    known = available_models()
    ending = PurePosixPath(name).suffix
    bare = name.removesuffix(ending) if ending in SUFFIXES else name
    for candidate in (name, bare):
        if candidate in known and known[candidate].is_file():
            return known[candidate]
    file = PurePath(name if ending in SUFFIXES else f"{name}.safetensors").name
    taken = "a path, and a name is taken here" if file not in (name, f"{name}.safetensors") else "not there"
    raise UnsupportedWeights(
        f"The {what} {name!r} is {taken} (known: {', '.join(known) or 'none'}): choose one of these, or put {file} "
        f"into {models_folder()} and press R."
    )
