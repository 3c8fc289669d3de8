"""What a model is: a frozen description, read from a file's own spec or deduced from tensor shapes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import UnsupportedWeights, quoted
from .entry import Args

# Older LINF files and recipes, from when only two ensembles were known here, chose between them by this name.
_OLD_ENSEMBLE = "local_ensemble"
_OLD_ENSEMBLES = {True: "features", False: "nearest"}


@dataclass(frozen=True)
class Spec:
    """A registry entry `{"name": ..., "args": {...}}` as published checkpoints carry it."""

    name: str
    args: Args = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name.startswith("linf"):
            object.__setattr__(self, "args", _renamed(self.args))

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Spec":
        """Read an entry, of older ones too; raises UnsupportedWeights when it has no name."""
        name, args = entry.get("name"), entry.get("args") or {}
        if not isinstance(name, str) or not isinstance(args, Mapping):
            raise UnsupportedWeights(f"The model description {str(entry)[:80]!r} has no name and args to build from.")
        return cls(name, args)

    def entry(self) -> dict[str, Any]:
        """The same as a plain dictionary."""
        return {"name": self.name, "args": dict(self.args)}


def _renamed(args: Args) -> Args:
    if _OLD_ENSEMBLE not in args:
        return args
    old = args[_OLD_ENSEMBLE]
    if not isinstance(old, bool):
        raise UnsupportedWeights(f"{_OLD_ENSEMBLE} is {quoted(old)}; it must be true or false.")
    new = _OLD_ENSEMBLES[old]
    if args.get("ensemble", new) != new:
        given = quoted(args["ensemble"])
        raise UnsupportedWeights(f"{_OLD_ENSEMBLE} stands for ensemble = {new!r}, but {given} is given too.")
    return {k: v for k, v in args.items() if k != _OLD_ENSEMBLE} | {"ensemble": new}
