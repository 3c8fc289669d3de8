"""How much a description may ask for, before any network is made of it."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..errors import UnsupportedWeights, quoted
from .spec import Spec

_COUNTS = {"n_resblocks", "nb", "n_blocks", "flow_layers", "num_layer", "depth", "depths"}
_WIDTHS, _LAYERS = {"hidden_list"}, 16  # the widths of so many layers are added up
_DEFAULTS = {"patch_size": 1, "depth": 0, "window_size": 8, "img_size": 48}


def check_room(spec: Spec, state: Mapping[str, Tensor]) -> None:
    """Refuse a description that asks for far more than its tensors, or any, hold: before anything is made."""
    inner = [part for name, part in spec.args.items() if name.endswith("_spec")]
    args = dict(spec.args)
    for part in inner:
        args |= Spec.of(part).args if isinstance(part, Mapping) else {}
    side = max([1024, *(max(t.shape, default=1) for t in state.values())])
    values = max(10**7, sum(t.numel() for t in state.values()))
    for key, value in args.items():
        most = max(64, len(state)) if key in _COUNTS else side * (_LAYERS if key in _WIDTHS else 1)
        if _size(value) > most:
            raise _too_much(key, value, state)
    patch, depth, window, image = (_size(args.get(k, n)) for k, n in _DEFAULTS.items())
    blocks = _size(args.get("depths", 36))
    for key, asked, most in (
        ("patch_size", 3 * patch**2, side),
        ("depth", _size(args.get("dim", 64)) * 2**depth, 2 * side),
        ("window_size", blocks * (max(window, image) * window) ** 2, 4 * values),
    ):
        if asked > most:
            raise _too_much(key, args.get(key), state)


def _size(value: Any) -> int:
    """A whole number's size, or a list's: of its length and its sum the larger; 0 for anything else."""
    if isinstance(value, list | tuple):
        return max(len(value), sum(abs(v) for v in value if isinstance(v, int)))
    return abs(value) if isinstance(value, int) else 0


def _too_much(key: str, value: Any, state: Mapping[str, Tensor]) -> UnsupportedWeights:
    shown = f" {quoted(value)}" if _size(value) < 10**18 else ""  # Python prints no integers of thousands of digits
    most = "the file's tensors hold" if state else "a model has: make it smaller"
    return UnsupportedWeights(f"The model's argument {key}{shown} asks for far more than {most}.")
