"""Measure a model on pictures: the loop behind `linf evaluate`. What is reported is in docs/metrics.md."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..errors import BadValue
from ..pipeline.detail import Detail
from ..pipeline.fields import Draws, require
from ..pipeline.grid import Grid
from ..pipeline.model import LoadedModel
from .calibration import LEVELS, Calibration, split
from .enlargement import enlarge, latents_of
from .lpips import Lpips
from .metrics import Protocol, diversity, grid_energy, inf_share, lr_psnr, psnr, ssim
from .pairs import Example, Pair, read_pair
from .resize import bicubic
from .stamp import phases, strength

Report = dict[str, Any]
Progress = Callable[[int, int, Any], None]


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes
    ----------
    shave
        Border pixels left out of PSNR and SSIM; None: what the papers do (`default_shave`).
    temperature
        Of a drawn latent; None: the learned latent where the model has a prior, else the card's best at this scale.
    samples
        How many draws the diversity is taken over; their seeds follow `seed`, which names the measured draw.
    sweep
        More temperatures to measure the same draw at.
    tile
        LR pixels; None chooses.
    stretch
        Give grey pictures of more than 8 bits the contrast that they have in training.
    """

    scale: float = 4.0
    protocol: Protocol = "y"
    shave: int | None = None
    temperature: float | None = None
    samples: int = 5
    seed: int = 0
    sweep: tuple[float, ...] = ()
    tile: int | None = None
    stretch: bool = False


def default_shave(scale: float, protocol: Protocol, learned: bool) -> int:
    """The papers': the scale, and 6 more over RGB unless the latent is learned; a fraction counts as a whole pixel."""
    return math.ceil(scale) + (6 if protocol == "rgb" and not learned else 0)


def evaluate(
    model: LoadedModel,
    pairs: Sequence[Pair],
    settings: Settings,
    lpips: Lpips | None = None,
    progress: Progress | None = None,
) -> Report:
    """Measure every picture; the report is plain JSON values, NaN and infinity becoming None.

    Parameters
    ----------
    progress
        Called as `progress(done, total, None)` after every picture; may raise `Cancelled`.

    Raises
    ------
    BadValue
        When a sweep is asked of learned detail, or there is no picture.
    BadShape
        When a picture does not fit the scale, or is too small for a measure.
    """
    if not pairs:
        raise BadValue("There is no picture to measure: give a folder that holds some.")
    run = _Run(model, settings, lpips)
    start = time.perf_counter()
    images, calibrations, sweeps, stamps = [], [], [], []
    for done, pair in enumerate(pairs):
        if progress is not None:
            progress(done, len(pairs), None)
        image, calibration, sweep, stamp = run.measure(pair)
        images.append(image)
        calibrations += [] if calibration is None else [calibration]
        sweeps.append(sweep)
        stamps.append(stamp)
    if progress is not None:
        progress(len(pairs), len(pairs), None)
    report = {
        **run.facts(),
        "lr": "made by Pillow's bicubic filter" if pairs[0].lr is None else "given",
        "count": len(images),
        "mean": means(images),
        "bicubic": means([image["bicubic"] for image in images]),
        "stamp": dict(zip(("picture", "original"), map(strength, zip(*stamps, strict=True)), strict=True)),
        "sweep": [{"temperature": t, **means([s[i] for s in sweeps])} for i, t in enumerate(settings.sweep)],
        "calibration": None
        if not calibrations
        else {
            "scale": settings.scale,
            **Calibration.merged(calibrations).report(model.factors(settings.scale)),
            "split": split(calibrations),
        },
        "images": images,
        "seconds": round(time.perf_counter() - start, 2),
    }
    return {name: _plain(value) for name, value in report.items()}


def means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Mean over the rows of every number that they hold; None where a row has none."""
    names = [name for name, value in rows[0].items() if value is None or isinstance(value, float)]
    columns = {name: [row[name] for row in rows] for name in names}
    return {name: None if None in column else sum(column) / len(column) for name, column in columns.items()}


class _Run:
    """A model under one set of settings."""

    def __init__(self, model: LoadedModel, settings: Settings, lpips: Lpips | None):
        self.model, self.settings, self.lpips = model, settings, lpips
        self.detail = Detail(temperature=settings.temperature)
        self.learned = self.detail.kind(model) == "learned"
        if self.learned and settings.sweep:
            raise BadValue(
                f"The detail of {model.name!r} is learned, so there are no temperatures to sweep: give one with "
                "--temperature too, or measure the model without its prior (--prior none)."
            )
        if settings.sweep:
            require(model, Draws, "a sweep of temperatures")
        self.amount = self.detail.amount(model, settings.scale, self.detail.kind(model))
        self.temperature = None if self.learned else self.amount
        given = settings.shave
        self.shave = default_shave(settings.scale, settings.protocol, self.learned) if given is None else given

    @property
    def diverse(self) -> bool:
        return not self.learned and self.settings.samples > 1 and bool(self.temperature)

    def facts(self) -> Report:
        return {
            "model": self.model.name,
            "model_hash": self.model.hash,
            "latent": self.detail.record(self.model, self.settings.scale, self.settings.seed)["latent"],
            "scale": self.settings.scale,
            "protocol": self.settings.protocol,
            "stretch": self.settings.stretch,
            "shave": self.shave,
            "temperature": self.temperature,
            "seed": None if self.learned else self.settings.seed,
            "samples": self.settings.samples if self.diverse else None,
            "lpips_network": self.lpips and self.lpips.name,
            "device": str(self.model.device),
            "precision": str(self.model.dtype).removeprefix("torch."),
        }

    def measure(
        self, pair: Pair
    ) -> tuple[Report, Calibration | None, list[Report], tuple[Tensor | None, Tensor | None]]:
        """The picture's entry, its calibration, its measures along the sweep, and its and the original's phases."""
        start = time.perf_counter()
        example = read_pair(pair, self.settings.scale, self.settings.stretch)
        grid = Grid(example.lr_size, example.hr_size, self.model.patch)
        seeds = [self.settings.seed + k for k in range(self.settings.samples if self.diverse else 1)]
        found = enlarge(self.model, example, latents_of(self.model, grid, seeds, self.learned), self.settings.tile)
        amount, patch = self.amount, self.model.patch
        drawn = found.picture(amount)
        entry = {
            "name": example.name,
            "lr_size": list(example.lr_size),
            "hr_size": list(example.hr_size),
            **self._scores(drawn, example),
            "diversity": diversity(found.pictures(amount)) if self.diverse else None,
            **self._calibrated(found.calibration),
            "bicubic": self._likeness(bicubic(example.lr, example.hr_size).expand(3, -1, -1), example),
        }
        sweep = [self._scores(found.picture(t), example) for t in self.settings.sweep]
        entry["seconds"] = round(time.perf_counter() - start, 3)
        return entry, found.calibration, sweep, (phases(drawn, patch), phases(example.hr, patch))

    def _calibrated(self, found: Calibration | None) -> Report:
        if found is None:
            return {}
        return {
            "z2_per_dim": found.z2_per_dim,
            "coverage": {str(level): found.coverage(level) for level in LEVELS},
        }

    def _likeness(self, picture: Tensor, example: Example) -> Report:
        how = (self.settings.protocol, self.shave)
        return {
            "psnr": psnr(picture, example.hr, *how),
            "ssim": ssim(picture, example.hr, *how),
            "lpips": None if self.lpips is None else self.lpips(picture, example.hr),
        }

    def _scores(self, picture: Tensor, example: Example) -> Report:
        return {
            **self._likeness(picture, example),
            "lr_psnr": lr_psnr(picture, example.lr.expand(3, -1, -1)),
            "grid_energy": grid_energy(picture, example.hr, self.model.patch),
            "inf_percent": 100 * inf_share(picture),
        }


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value
