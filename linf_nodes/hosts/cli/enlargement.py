"""What the options of `linf upscale` ask for, and how it is made and recorded."""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...catalogue import NODES
from ...catalogue.amount import detail_of
from ...catalogue.tensors import Levels, image_of, picture_of
from ...errors import BadValue
from ...pictures import Depth, Header, Picture, check_target, write_picture
from ...pictures.writing import DTYPES
from ...pipeline.detail import Detail
from ...pipeline.grid import Size
from ...pipeline.model import LoadedModel
from ...pipeline.size import SizeWish, Target
from ...version import made_by
from .aspect import say_aspect
from .file_tasks import FileTask
from .idle import say_idle, unmoved
from .need import check_need
from .options import Values, default_of, flags_of, read_options
from .progress import Bar

LOAD, UPSCALE = NODES["LINFLoadModel"], NODES["LINFUpscale"]


@dataclass(frozen=True)
class Enlargement:
    """What the options ask for."""

    values: Values
    flags: Mapping[str, str]
    seeds: range
    depth: Depth | None

    @classmethod
    def of(cls, args: argparse.Namespace) -> "Enlargement":
        """Read the options; raises `BadValue` when there are not so many seeds."""
        values = read_options(args, UPSCALE)
        first = values.get("seed", default_of(UPSCALE, "seed"))
        last = first + (args.samples or 1)
        next(i for i in UPSCALE.inputs if i.name == "seed").checked(last - 1)
        return cls(values, flags_of(args, UPSCALE), range(first, last), args.depth)

    def option(self, name: str) -> Any:
        """What was given for an input of Upscale, or its default."""
        return self.values.get(name, default_of(UPSCALE, name))

    def hr_size(self, lr_size: Size) -> Size:
        """Height and width of the result."""
        return self._target(lr_size).size

    def _target(self, lr_size: Size) -> Target:
        return SizeWish.of(self.values).target(lr_size)

    def forecast(self, header: Header, job: FileTask) -> None:
        """Refuse a result that memory cannot hold, by the header alone; say so where it takes much of what is free."""
        height, width = self.hr_size((header.height, header.width))
        itemsize = header.itemsize if self.depth is None else DTYPES[self.depth].itemsize
        result = Header(height, width, header.channels, itemsize)
        check_need(job.source, header, result)

    def check(self, picture: Picture, job: FileTask) -> None:
        """Refuse a size, or a format of the result, that cannot be."""
        target = self._target(picture.size)
        wish = SizeWish.of(self.values)
        say_aspect(job.source, picture.size, target.fitted, wish.rounding)  # what is cut is not squeezed
        for path in job.targets:
            check_target(picture, path, target.size, self.depth)

    @property
    def detail(self) -> Detail:
        """Which detail is added, and how much of it."""
        names = ("latent", "temperature", "auto_temperature", "strength")
        return detail_of(*(self.option(name) for name in names))

    def check_model(self, model: LoadedModel) -> None:
        """Refuse several draws where nothing is drawn; remark on options that change nothing."""
        why, _ = unmoved(self.detail, model)
        if why and len(self.seeds) > 1:
            raise BadValue(f"{why}, so --samples {len(self.seeds)} would be copies of one picture: add --latent drawn.")
        say_idle(self.values, self.flags, self.detail, model)

    def enlarge(self, model: LoadedModel, picture: Picture, source: Path, target: Path, seed: int) -> Values:
        """Write one result; returns what is to be said of it."""
        start = time.perf_counter()
        levels = Levels.of(picture)
        inputs = {**self.values, "linf_model": model, "image": image_of(picture, levels), "seed": seed}
        with Bar(target.name) as bar:
            image = UPSCALE(inputs, bar)
        recipe = self._recipe(model, picture, seed)
        if not levels.usual:
            recipe["levels"] = [levels.low, levels.high]
        write_picture(picture_of(image, picture, levels, self.depth), target, depth=self.depth, recipe=recipe)
        seconds = round(time.perf_counter() - start, 3)
        facts = {"path": str(target), "source": str(source), "seconds": seconds, "device": str(model.device)}
        return {**facts, "dtype": recipe["precision"], **recipe}

    def _recipe(self, model: LoadedModel, picture: Picture, seed: int) -> Values:
        target = self._target(picture.size)
        scale = [o / i for o, i in zip(target.grid, target.lr_size, strict=True)]
        detail = self.detail if target.computed else Detail("faithful")
        return {
            **made_by("upscale"),
            "model": model.name,
            "model_hash": model.hash,
            "scale": scale,
            "lr_size": list(target.lr_size),
            "hr_size": list(target.size),
            **detail.record(model, max(scale), seed, self.option("frame")),
            "precision": str(model.dtype).removeprefix("torch."),
            **{name: self.values[name] for name in ("edges", "passes") if name in self.values},
        }
