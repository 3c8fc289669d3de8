"""A training recipe: one TOML file, one frozen dataclass."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import BadValue


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run. Paths are relative to the recipe file."""

    data: tuple[str, ...]
    model: Mapping[str, Any]
    out: str
    steps: int = 28_000
    batch: int = 16
    crop: int = 32
    queries: int = 256
    scales: tuple[float, float] = (1.0, 4.0)
    lr: float = 1e-3
    warmup: int = 200
    nll: float = 5e-4
    l1: float = 1.0
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 1
    bfloat16: bool = True
    save_every: int = 500
    home: Path = field(default=Path(), compare=False)

    @classmethod
    def read(cls, path: Path) -> "Recipe":
        """Parse a recipe; an unknown key is named, with the known ones."""
        try:
            table = tomllib.loads(path.read_text())
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise BadValue(f"The recipe {path} cannot be read: {error}.") from error
        known = [f.name for f in fields(cls) if f.name != "home"]
        for key in table:
            if key not in known:
                raise BadValue(f"The recipe {path} has a key {key!r}; known keys are {', '.join(known)}.")
        for key in ("data", "model", "out"):
            if key not in table:
                raise BadValue(f"The recipe {path} lacks the key {key!r}.")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
        return cls(**values, home=path.parent)

    def folders(self) -> list[Path]:
        return [self.home / d for d in self.data]

    def folder(self) -> Path:
        return self.home / self.out
