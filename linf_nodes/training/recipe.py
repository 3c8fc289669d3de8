"""A training recipe: one TOML file, one frozen dataclass."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import BadValue, quoted
from ..meant import meant

KINDS = ("linf", "prior")
SCHEDULES = ("cosine", "multistep")

_NUMBERS = (int, float)
# What values are like where the default does not show it.
_LIKE: Mapping[str, Any] = {
    "data": ("folder",),
    "out": "folder",
    "model": {"name": "linf-patch"},
    "prior": {"name": "unet"},
    "origin": {"licence": "CC0"},
}
_NAMES = ("data", "hold_out", "perceptual")
_LEAST = dict.fromkeys(("scales", "small"), 1)
# Beyond these a run would never end, or never begin.
_MOST = {
    **dict.fromkeys(("steps", "warmup", "save_every", "preview_every", "minutes"), 10**9),
    **dict.fromkeys(("batch", "queries", "planes"), 10**6),
    **dict.fromkeys(("crop", "hr"), 8192),
    **dict.fromkeys(("scales", "small"), 32.0),
    **dict.fromkeys(("lr", "clip", "encoder_rate", "gamma", "tau", "noise", "blur"), 1e6),
    **dict.fromkeys(("nll", "l1", "latent", "pattern", "texture", "perceptual_weight"), 1e9),
    **dict.fromkeys(("ema", "settle", "small_until", "milestones"), 1.0),
    "jpeg": 100,
    "seed": 1 << 62,
}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run. Paths are relative to the recipe file; docs/training.md explains every key."""

    data: tuple[str, ...]
    out: str
    hold_out: tuple[str, ...] = ()
    planes: int = 0
    kind: str = "linf"
    model: Mapping[str, Any] = field(default_factory=dict)
    prior: Mapping[str, Any] = field(default_factory=dict)
    init: str = ""
    grow: bool = False
    origin: Mapping[str, Any] = field(default_factory=dict)

    steps: int = 28_000
    minutes: float = 0.0
    batch: int = 16
    crop: int = 32
    queries: int = 256
    hr: int = 96
    scales: tuple[float, ...] = (1.0, 4.0)
    small: tuple[float, ...] = ()
    small_until: float = 0.5
    blur: tuple[float, ...] = ()
    noise: tuple[float, ...] = ()
    jpeg: tuple[float, ...] = ()

    lr: float = 1e-3
    encoder_rate: float = 1.0
    schedule: str = "cosine"
    warmup: int = 200
    milestones: tuple[float, ...] = (0.5, 0.75, 0.9)
    gamma: float = 0.5
    clip: float = 1.0
    ema: float = 0.999
    settle: float = 1.0

    nll: float = 5e-4
    l1: float = 1.0
    latent: float = 0.0
    pattern: float = 0.0
    texture: float = 0.0
    balanced: bool = False
    perceptual: tuple[str, ...] = ()
    perceptual_weight: float = 0.025
    tau: float = 0.8

    seed: int = 1
    bfloat16: bool | str = "auto"
    compile: bool | str = False
    save_every: int = 500
    preview_every: int = 1000
    home: Path = field(default=Path(), compare=False)

    @classmethod
    def read(cls, path: Path, **changes: Any) -> "Recipe":
        """Parse a recipe; `changes` replace its values, and its own replace those of the `base` that it names.

        Raises
        ------
        BadValue
            When the file cannot be read, or a key is unknown, missing, or has a value that cannot be.
        """
        table = _table(path)
        known = {f.name: f for f in fields(cls) if f.name != "home"}
        for key in table:
            if key not in known:
                raise BadValue(
                    f"The recipe '{path}' has a key {key!r}; known keys are {', '.join(known)}.{meant(key, known)}"
                )
        table |= changes
        for key in ("data", "out"):
            if key not in table:
                raise BadValue(f"The recipe '{path}' lacks the key {key!r}.")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
        if isinstance(values.get("perceptual"), str):
            values["perceptual"] = (values["perceptual"],)
        recipe = cls(**values, home=path.parent)
        recipe._check(path)
        return recipe

    def folders(self) -> list[Path]:
        """Folders of training pictures."""
        return [self.home / d for d in self.data]

    def folder(self) -> Path:
        """Where the run's files go."""
        return self.home / self.out

    def weights(self) -> Path | None:
        """Weights to start from, or the frozen LINF of a prior."""
        return self.home / self.init if self.init else None

    def trunks(self) -> list[Path]:
        """The perceptual networks."""
        return [self.home / name for name in self.perceptual]

    def entry(self) -> dict[str, Any]:
        """Every value as plain JSON."""
        table = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "home"}
        return {
            k: list(v) if isinstance(v, tuple) else dict(v) if isinstance(v, Mapping) else v for k, v in table.items()
        }

    def _check(self, path: Path) -> None:
        for f in fields(self):
            value, like = getattr(self, f.name), _LIKE.get(f.name, f.default)
            if f.name == "home" or (f.name in ("compile", "bfloat16") and value == "auto"):
                continue
            switch = isinstance(like, bool) or f.name == "bfloat16"
            kind: Any = bool if switch else Mapping if isinstance(like, Mapping) else type(like)
            fits = isinstance(value, _NUMBERS if kind is float else kind) and (switch or value is not True)
            if not fits:
                shown = list(like) if isinstance(like, tuple) else like
                raise BadValue(f"The recipe '{path}' has {f.name} = {quoted(value)}: give it like {shown!r}.")
        self._check_items(path)
        for name in ("planes", "steps", "batch", "crop", "queries", "hr", "save_every", "preview_every"):
            if getattr(self, name) < (name not in ("planes", "steps", "hr", "preview_every")):
                raise BadValue(f"The recipe '{path}' has {name} = {getattr(self, name)}: give a positive whole number.")
        for name in ("minutes", "encoder_rate"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise BadValue(f"The recipe '{path}' has {name} = {getattr(self, name)}: give 0 or a positive number.")
        for name, value, choices in (("kind", self.kind, KINDS), ("schedule", self.schedule, SCHEDULES)):
            if value not in choices:
                raise BadValue(f"The recipe '{path}' has {name} = {value!r}: use {' or '.join(choices)}.")
        for name, pair in (("scales", self.scales), ("small", self.small or self.scales)):
            if len(pair) != 2 or not 1 <= pair[0] <= pair[1]:
                raise BadValue(f"The recipe '{path}' has {name} = {list(pair)}: give two numbers, 1 or more, in order.")
        if self.small and not self.scales[0] <= self.small[0] <= self.small[1] <= self.scales[1]:
            raise BadValue(
                f"The recipe '{path}' has small = {list(self.small)}: keep it within scales = {list(self.scales)}."
            )
        for name, low, high in (("blur", 0, 1000), ("noise", 0, 255), ("jpeg", 1, 100)):
            span = getattr(self, name)
            if span and not (len(span) == 2 and low <= span[0] <= span[1] <= high):
                raise BadValue(
                    f"The recipe '{path}' has {name} = {list(span)}: give two numbers from {low} to {high}, in order."
                )

    def _check_items(self, path: Path) -> None:
        """Numbers are finite and not beyond all measure, and lists hold what they are lists of."""
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, tuple):
                kind, what = (str, "names of files") if f.name in _NAMES else (_NUMBERS, "numbers")
                if any(not isinstance(v, kind) or isinstance(v, bool) for v in value):
                    raise BadValue(f"The recipe '{path}' has {f.name} = {quoted(list(value))}: give a list of {what}.")
            for number in value if isinstance(value, tuple) else (value,):
                least, most = _LEAST.get(f.name, 0), _MOST.get(f.name, 1 << 62)
                if isinstance(number, _NUMBERS) and not least <= number <= most:
                    raise BadValue(
                        f"The recipe '{path}' has {f.name} = {quoted(number)}: give a number from {least} to {most:g}."
                    )


def _table(path: Path, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """The values of a recipe, over those of the recipe in its folder that `base` names."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadValue(f"The recipe '{path}' cannot be read: {error}.") from error
    base = table.pop("base", None)
    if base is None:
        return table
    if not isinstance(base, str) or Path(base).name != base or base in (path.name, *above):
        raise BadValue(f"The recipe '{path}' has base = {base!r}: name another recipe in its folder.")
    return _over(_table(path.with_name(base), (path.name, *above)), table)


def _over(base: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `table`, table by table; the arguments of another network are not those of the base."""
    if table.get("name", base.get("name")) != base.get("name"):
        return dict(table)
    both = {k: _over(base[k], v) for k, v in table.items() if isinstance(v, dict) and isinstance(base.get(k), dict)}
    return {**base, **table, **both}
