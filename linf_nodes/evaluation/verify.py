"""Run a folder of reference vectors through the networks and report the worst error of every output.

A vector was computed in float32 somewhere, and so is our result: both are rounded, each as its processor does. So the
same network in float64, whose result is the same on every processor, must lie within `EXACT` tolerances of the vector,
which is what the vector itself is rounded by at most; the float32 result may then lie within `ROUNDED`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import BadValue, LinfError, UnsupportedWeights
from ..models.clit import CLIT
from ..models.linf import LINF
from ..pipeline.fields.patches import unfold
from .official import official_base, official_initial_residual, official_near, sampled
from .vectors import Case, Drive

EXACT, ROUNDED = 2, 4


@dataclass(frozen=True)
class Outcome:
    """What became of one case: errors are max|ours - reference| / max|reference| per output.

    `errors` are those of the float32 run, `exact` those of the float64 run.
    """

    case: str
    family: str
    tolerance: float
    errors: Mapping[str, float] = field(default_factory=dict)
    exact: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""

    @property
    def passed(self) -> bool:
        return not self.reason and all(
            self.exact[name] <= EXACT * self.tolerance and error <= ROUNDED * self.tolerance
            for name, error in self.errors.items()
        )


_Outputs = Mapping[str, Callable[[], Tensor]]


def _plain(case: Case) -> _Outputs:
    drive = Drive(case)
    return {"sr": lambda: drive.picture_of(drive.answers)}


def _clit(case: Case) -> _Outputs:
    net = case.network()
    if not isinstance(net, CLIT):
        raise UnsupportedWeights(f"The case is of a CLIT, its model of {net.family}.")
    lr, branches = case.get("in.lr"), json.loads(case.meta["stage_scales"])
    grids = [case.tensors[f"in.coords{i}"] for i in range(len(branches))]
    coord = grids[-1].reshape(-1, 2)
    initial = seen = net.conv_ch(net.encode(lr))
    found = torch.zeros((), dtype=case.dtype)
    for branch, grid in enumerate(grids):
        size = (seen.shape[-2], seen.shape[-1])
        cells = net.branch_cells(branch, seen, (slice(None), slice(None)))
        asked = sampled(cells[:, : net.dim_in].T.reshape(1, -1, *size), coord)
        near = official_near(coord, size, net.around)
        near = near._replace(way_y=near.way_y.to(case.dtype), way_x=near.way_x.to(case.dtype))
        phase = (case.tensors["in.cell"].reshape(-1, 2) * torch.tensor(size, dtype=torch.float32)).to(case.dtype)
        found = net.answer(branch, cells, asked, near, phase, size) + 0.75 * found
        seen = sampled(initial, grid.reshape(-1, 2)).T.reshape(1, -1, *grid.shape[1:3])
    h, w = case.size("hr_hw")
    return {"sr": lambda: (found + official_base(lr, coord)).T.reshape(1, 3, h, w)}


def _linf(case: Case) -> _Outputs:
    drive, net = _driven(case)
    flow, condition = net.imnet, net.imnet.condition(drive.answers)
    z, given = drive.flat(case.get("in.z")), drive.flat(case.get("in.flow_gt"))
    x = given if net.patch_size > 1 else given - drive.base()
    return {
        "inverse_residual_given_z": lambda: drive.map(flow.inverse(z, condition)),
        "sr_tau0": lambda: drive.picture_of(flow.inverse(0 * z, condition)),
        "inverse_given_z": lambda: drive.picture_of(flow.inverse(z, condition)),
        "sr_tau0.6_given_z": lambda: drive.picture_of(flow.inverse(0.6 * z, condition)),
        "log_p": lambda: flow.log_prob(x, condition).view(1, *drive.map_size),
        "nll": lambda: -flow.log_prob(x, condition).mean().view(1),
        "z_forward": lambda: drive.map(flow(x, condition)[0]),
        "raw_inverse_given_z": lambda: drive.raw(flow.inverse(z, condition)),
    }


def _linf_lp(case: Case) -> _Outputs:
    drive, net = _driven(case)
    flow, condition, patch = net.imnet, net.imnet.condition(drive.answers), net.patch_size
    residual = official_initial_residual(case.get("in.lr"), case.size("hr_hw"))[0]
    extra = [n * patch - s for n, s in zip(drive.map_size, residual.shape[1:], strict=True)]
    residual = nn.functional.pad(residual, (0, extra[1], 0, extra[0]))
    z_lr = flow(unfold(residual, patch).flatten(0, 1), condition)[0]
    learned = drive.flat(case.prior()(drive.map(z_lr), case.get("in.lr")))
    return {
        "sr_lp": lambda: drive.picture_of(flow.inverse(learned, condition)),
        "sr_prior_bypassed": lambda: drive.picture_of(flow.inverse(z_lr, condition)),
        "raw_lp": lambda: drive.raw(flow.inverse(learned, condition)),
    }


def _driven(case: Case) -> tuple[Drive, LINF]:
    drive = Drive(case)
    if not isinstance(drive.net, LINF):
        raise UnsupportedWeights(f"The case is of a LINF, its model of {drive.net.family}.")
    return drive, drive.net


# Outputs, and tolerances relative to max|reference|.
FAMILIES: Mapping[str, tuple[Callable[[Case], _Outputs], float]] = {
    "linf": (_linf, 2e-6),
    "linf-patch": (_linf, 2e-6),
    "linf-lp": (_linf_lp, 2e-5),
    "liif": (_plain, 2e-6),
    "metasr": (_plain, 2e-6),
    "lte": (_plain, 2e-6),
    "lte-fast": (_plain, 2e-6),
    "clit": (_clit, 5e-6),  # the waves of its position bias reach 7000 radians, where float32 has 5e-4 left
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
    """Compute every output that the file holds, in float32 and in float64, and compare."""
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
        ours, exact = outputs(case), outputs(replace(case, dtype=torch.float64))
        errors: tuple[dict[str, float], dict[str, float]] = {}, {}
        for key, reference in case.tensors.items():
            if not key.startswith("out."):
                continue
            name = key.removeprefix("out.")
            if name not in ours:
                return Outcome(path.stem, family, tolerance, *errors, f"the output {name!r} is not known")
            for found, made in zip(errors, (ours, exact), strict=True):
                found[name] = _error(made[name](), reference)
    except (LinfError, RuntimeError, KeyError, ValueError) as error:
        return Outcome(path.stem, "", 0.0, reason=f"{type(error).__name__}: {error}")
    return Outcome(path.stem, family, tolerance, *errors, "" if errors[0] else "the file holds no output")


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
    """`{"cases", "passed", "failed", "errors", "exact", "reasons"}` as plain JSON values."""
    every = list(outcomes)
    return {
        "cases": len(every),
        "passed": sum(o.passed for o in every),
        "failed": [o.case for o in every if not o.passed],
        "errors": {o.case: dict(o.errors) for o in every},
        "exact": {o.case: dict(o.exact) for o in every},
        "reasons": {o.case: o.reason for o in every if o.reason},
    }


def _error(ours: Tensor, reference: Tensor) -> float:
    if ours.shape != reference.shape:
        raise BadValue(f"an output has shape {tuple(ours.shape)}, the reference {tuple(reference.shape)}")
    worst = (ours.double() - reference.double()).abs().max() / reference.double().abs().max()
    return float(worst) if torch.isfinite(worst) else float("inf")
