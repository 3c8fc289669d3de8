"""Plots of an evaluation: the PSNR-LPIPS curve over temperatures, and the calibration curve."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..atomic import atomic_write
from ..errors import BadValue

_SIZE, _DPI = (5.0, 4.0), 150


def check_matplotlib() -> None:
    """Raises BadValue when there is none."""
    if find_spec("matplotlib") is None:
        raise BadValue("plots need matplotlib: pip install 'linf-nodes[train]'.")


def write_plots(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write `calibration.png`, and `tau-curve.png` where there is a sweep; returns the files.

    Raises
    ------
    BadValue
        When matplotlib is missing, or the folder cannot be written to.
    """
    check_matplotlib()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadValue(f"cannot make the folder '{folder}': {error.strerror}; choose another.") from error
    drawings = {"calibration.png": _calibration} | ({"tau-curve.png": _tau_curve} if report["sweep"] else {})
    files = []
    for name, draw in drawings.items():
        figure = _figure()
        draw(report, figure.add_subplot())
        with atomic_write(folder / name) as part:
            figure.savefig(part, dpi=_DPI)
        files.append(folder / name)
    return files


def _figure() -> Any:
    from matplotlib.figure import Figure  # not pyplot: that would choose a window system

    return Figure(_SIZE, layout="constrained")


def _tau_curve(report: Mapping[str, Any], axes: Any) -> None:
    """LINF's Fig. 5: fidelity against likeness to the eye, one point per temperature; SSIM where there is no LPIPS."""
    measure = "lpips" if report["lpips_network"] else "ssim"
    points = [p for p in report["sweep"] if p["psnr"] is not None and p[measure] is not None]
    axes.plot([p["psnr"] for p in points], [p[measure] for p in points], "o-", label=report["model"])
    for p in points:
        axes.annotate(f"{p['temperature']:g}", (p["psnr"], p[measure]), (4, 4), textcoords="offset points", fontsize=8)
    base = report["bicubic"]
    if base["psnr"] is not None and base[measure] is not None:
        axes.plot(base["psnr"], base[measure], "s", label="bicubic")
    better = "less" if measure == "lpips" else "more"
    axes.set(xlabel="PSNR dB", ylabel=f"{measure.upper()} ({better} is better)", title=f"x{report['scale']:g}")
    axes.legend()


def _calibration(report: Mapping[str, Any], axes: Any) -> None:
    """Share of samples inside every interval against what it should be; the diagonal is perfect."""
    found = report["calibration"]
    curve = found["curve"]
    axes.plot([0, 1], [0, 1], "--", color="grey", label="perfect")
    axes.plot(curve["nominal"], curve["observed"], "o-", label=f"{report['model']}, as it comes")
    if found["coverage_with_card"]:
        pairs = [(float(level), share) for level, share in found["coverage_with_card"].items()]
        axes.plot(*zip(*pairs, strict=True), "s", label="with the card's factors")
    state = "" if found["coverage_with_card"] else " (uncalibrated)"
    axes.set(xlabel="nominal coverage", ylabel="share inside", title=f"x{report['scale']:g}{state}", aspect="equal")
    axes.legend()
