"""Run a folder of reference vectors through the networks and report the worst error of every output."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..errors import BadValue, LinfError, UnsupportedWeights
from ..models.flow import Condition
from ..models.linf import LINF
from ..models.spec import Spec, build_linf, build_prior
from ..pipeline.scene import fold, unfold
from .official import official_base, official_corners, official_initial_residual, pad_symmetric
from .recipe import draw_state_dict

QUERIES = 4096


@dataclass(frozen=True)
class Outcome:
    """What became of one case: errors are max|ours - reference| / max|reference| per output."""

    case: str
    family: str
    tolerance: float
    errors: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""

    @property
    def passed(self) -> bool:
        return not self.reason and all(e <= self.tolerance for e in self.errors.values())


@dataclass(frozen=True)
class Case:
    """One reference file: its tensors and its metadata."""

    tensors: Mapping[str, Tensor]
    meta: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> "Case":
        try:
            with safe_open(path, "pt") as file:
                return cls({k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {})  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise UnsupportedWeights(f"The reference file {path.name} cannot be read: {error}.") from error

    def size(self, key: str) -> tuple[int, int]:
        h, w = json.loads(self.meta[key])
        return h, w

    def spec(self, key: str) -> Spec:
        return Spec.of(json.loads(self.meta[key]))

    def load(self, net: nn.Module, prefix: str, seed: int, gains: str) -> None:
        """Give `net` the stored weights, or those that the case's recipe draws."""
        stored = {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}
        if not stored:
            manifest = json.loads(self.meta["sd_manifest"])[prefix]
            drawn = draw_state_dict(manifest, seed, json.loads(self.meta.get(gains, "[]")))
            stored = {**net.state_dict(), **{k: torch.from_numpy(v) for k, v in drawn.items()}}
        net.load_state_dict(stored)
        net.requires_grad_(False).train(False)

    def network(self) -> LINF:
        net = build_linf(self.spec("model"))
        self.load(net, "sd.", int(self.meta["seed"]), "gains")
        return net

    def prior(self) -> nn.Module:
        net = build_prior(self.spec("prior_model"))
        seed = int(self.meta.get("prior_seed", int(self.meta["seed"]) + 5000))
        self.load(net, "prior_sd.", seed, "prior_gains")
        return net


class _Drive:
    """A network on the official grid of one case."""

    def __init__(self, case: Case):
        self.case, self.net = case, case.network()
        tensors = case.tensors
        coord = tensors["in.coord"][0]
        self.map_size = (coord.shape[0], coord.shape[1])
        self.coord = coord.reshape(-1, 2)
        self.window = int(case.meta.get("window", 0))
        self.picture = pad_symmetric(tensors["in.lr"], self.window) if self.window else tensors["in.lr"]
        features = self.net.encode(self.net.encoder.padded(self.picture))
        size = (features.shape[-2], features.shape[-1])
        corners = official_corners(self.coord, size)
        cell = tensors.get("in.cell_eff", tensors["in.cell"])
        phase = self.net.phases(cell * torch.tensor(size, dtype=torch.float32))
        fields = self.net.fields(features)
        parts = (slice(i, i + QUERIES) for i in range(0, len(self.coord), QUERIES))
        self.condition: Condition = self.net.imnet.condition(
            torch.cat([self.net.info(fields, phase, corners.rows(p)) for p in parts])
        )

    def flat(self, latent_map: Tensor) -> Tensor:
        """`[1, d, qh, qw]` to `[q, d]`."""
        return latent_map[0].flatten(1).T

    def map(self, rows: Tensor) -> Tensor:
        """`[q, d]` to `[1, d, qh, qw]`."""
        return rows.T.reshape(1, -1, *self.map_size)

    def inverse(self, z: Tensor) -> Tensor:
        return self.net.imnet.inverse(z, self.condition)

    def raw(self, texture: Tensor) -> Tensor:
        """Folded texture before crop and base; a pixel-wise network adds its base itself."""
        if self.net.patch_size == 1:
            return self.map(texture + official_base(self.picture, self.coord))
        return fold(texture.view(*self.map_size, -1), self.net.patch_size)[None]

    def picture_of(self, texture: Tensor) -> Tensor:
        """The final picture, un-clamped, in [-1, 1]."""
        h, w = self.case.size("hr_hw")
        cut = self.raw(texture)[:, :, :h, :w]
        if self.net.patch_size == 1:
            return cut
        base = nn.functional.interpolate(self.case.tensors["in.lr"], (h, w), mode="bilinear", align_corners=False)
        return cut + base


def _linf(case: Case) -> dict[str, Callable[[], Tensor]]:
    drive = _Drive(case)
    flow, condition = drive.net.imnet, drive.condition
    z, given = drive.flat(case.tensors["in.z"]), drive.flat(case.tensors["in.flow_gt"])
    x = given if drive.net.patch_size > 1 else given - official_base(drive.picture, drive.coord)
    return {
        "inverse_residual_given_z": lambda: drive.map(drive.inverse(z)),
        "sr_tau0": lambda: drive.picture_of(drive.inverse(0 * z)),
        "inverse_given_z": lambda: drive.picture_of(drive.inverse(z)),
        "sr_tau0.6_given_z": lambda: drive.picture_of(drive.inverse(0.6 * z)),
        "log_p": lambda: flow.log_prob(x, condition).view(1, *drive.map_size),
        "nll": lambda: -flow.log_prob(x, condition).mean().view(1),
        "z_forward": lambda: drive.map(flow(x, condition)[0]),
        "raw_inverse_given_z": lambda: drive.raw(drive.inverse(z)),
    }


def _linf_lp(case: Case) -> dict[str, Callable[[], Tensor]]:
    drive = _Drive(case)
    patch = drive.net.patch_size
    residual = official_initial_residual(case.tensors["in.lr"], case.size("hr_hw"))[0]
    extra = [n * patch - s for n, s in zip(drive.map_size, residual.shape[1:], strict=True)]
    residual = nn.functional.pad(residual, (0, extra[1], 0, extra[0]))
    z_lr = drive.net.imnet(unfold(residual, patch).flatten(0, 1), drive.condition)[0]
    learned = drive.flat(case.prior()(drive.map(z_lr), case.tensors["in.lr"]))
    return {
        "sr_lp": lambda: drive.picture_of(drive.inverse(learned)),
        "sr_prior_bypassed": lambda: drive.picture_of(drive.inverse(z_lr)),
        "raw_lp": lambda: drive.raw(drive.inverse(learned)),
    }


_Outputs = Callable[[Case], dict[str, Callable[[], Tensor]]]

# Tolerances relative to max|reference|, float32.
FAMILIES: Mapping[str, tuple[_Outputs, float]] = {
    "linf": (_linf, 2e-6),
    "linf-patch": (_linf, 2e-6),
    "linf-lp": (_linf_lp, 2e-5),
}


@contextmanager
def _threads() -> Iterator[None]:
    """Two threads at least, as when the vectors were made: convolutions sum in an order that depends on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(2, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def verify_case(path: Path) -> Outcome:
    """Compute every output that the file holds and compare."""
    with _threads(), torch.inference_mode():
        return _verify(path)


def _verify(path: Path) -> Outcome:
    try:
        case = Case.read(path)
        family = case.meta.get("family", "")
        if family not in FAMILIES:
            known = ", ".join(FAMILIES)
            return Outcome(path.stem, family, 0.0, reason=f"the family {family!r} is not known; known are {known}")
        outputs, tolerance = FAMILIES[family]
        ours = outputs(case)
        errors: dict[str, float] = {}
        for key, reference in case.tensors.items():
            if not key.startswith("out."):
                continue
            name = key.removeprefix("out.")
            if name not in ours:
                return Outcome(path.stem, family, tolerance, errors, f"the output {name!r} is not known")
            errors[name] = _error(ours[name](), reference)
    except (LinfError, RuntimeError, KeyError, ValueError) as error:
        return Outcome(path.stem, "", 0.0, reason=f"{type(error).__name__}: {error}")
    reason = "" if errors else "the file holds no output"
    return Outcome(path.stem, family, tolerance, errors, reason)


def verify_folder(folder: Path) -> Iterable[Outcome]:
    """Verify every `.safetensors` file of a folder.

    Raises
    ------
    BadValue
        When the folder is missing or holds no such file.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise BadValue(f"{folder} holds no .safetensors reference file: give the folder that does.")
    return map(verify_case, files)


def summary(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """`{"cases", "passed", "failed", "errors", "reasons"}` as plain JSON values."""
    every = list(outcomes)
    return {
        "cases": len(every),
        "passed": sum(o.passed for o in every),
        "failed": [o.case for o in every if not o.passed],
        "errors": {o.case: dict(o.errors) for o in every},
        "reasons": {o.case: o.reason for o in every if o.reason},
    }


def _error(ours: Tensor, reference: Tensor) -> float:
    if ours.shape != reference.shape:
        raise BadValue(f"an output has shape {tuple(ours.shape)}, the reference {tuple(reference.shape)}")
    worst = (ours.double() - reference.double()).abs().max() / reference.double().abs().max()
    return float(worst) if torch.isfinite(worst) else float("inf")
