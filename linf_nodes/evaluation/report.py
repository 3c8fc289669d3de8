"""An evaluation as a Markdown page."""

from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[Sequence[str]]

_COLUMNS = {
    "psnr": ("PSNR dB", 2),
    "ssim": ("SSIM", 4),
    "lpips": ("LPIPS", 4),
    "lr_psnr": ("LR-PSNR dB", 2),
    "diversity": ("diversity", 2),
    "grid_energy": ("grid energy", 3),
    "inf_percent": ("%Inf", 3),
}


def markdown(report: Mapping[str, Any]) -> str:
    """What `linf evaluate` prints: how it was measured, a table of pictures, the sweep, the calibration."""
    columns = [c for c in _COLUMNS if report["mean"].get(c) is not None]
    head = ["picture", *(_COLUMNS[c][0] for c in columns)]
    rows = [[str(image["name"]), *_cells(image, columns)] for image in report["images"]]
    rows.append(["**mean**", *_cells(report["mean"], columns)])
    rows.append(["bicubic", *_cells(report["bicubic"], columns)])
    parts = [f"## {_title(report)}", _table([head, *rows])]
    if report["sweep"]:
        swept = [c for c in columns if c in report["sweep"][0]]
        lines = [[f"{point['temperature']:g}", *_cells(point, swept)] for point in report["sweep"]]
        parts.append(_table([["temperature", *(_COLUMNS[c][0] for c in swept)], *lines]))
    if report["stamp"]["picture"] is not None:
        parts.append(_stamp(report["stamp"]))
    return "\n\n".join([*parts, _calibration(report["calibration"])])


def _title(report: Mapping[str, Any]) -> str:
    amount = str(report["latent"])
    if amount == "drawn":
        amount = f"drawn at temperature {report['temperature']:g}"
    where = "Y" if report["protocol"] == "y" else "RGB"
    network = f", LPIPS ({report['lpips_network']})" if report["lpips_network"] else ""
    count = f"{report['count']} picture{'s' if report['count'] > 1 else ''}"
    return (
        f"{report['model']} x{report['scale']:g}, {amount}: {count}, {where}, "
        f"shave {report['shave']}{network}, LR {report['lr']}"
    )


def _stamp(found: Mapping[str, Any]) -> str:
    return (
        f"Pattern fixed to the grid of patches: {_number(found['picture'], 3)} grey levels, "
        f"original {_number(found['original'], 3)}."
    )


def _calibration(found: Mapping[str, Any]) -> str:
    levels = list(found["coverage"])
    head = ["interval", "holds", "conformal factor"]
    rows = [[_percent(float(p)), _percent(found["coverage"][p]), _number(found["conformal"][p], 3)] for p in levels]
    card = found["coverage_with_card"]
    if card:
        head.append("holds with the card's factor")
        rows = [[*row, _percent(card.get(p))] for row, p in zip(rows, levels, strict=True)]
    if found["split"]:
        head += ["with either half's factors, the other", "with the others' factors, each picture"]
        halves, left_out = found["split"]["coverage"], found["split"]["left_out"]
        more = [[" and ".join(_percent(c) for c in halves[p]), _percent(left_out[p])] for p in levels]
        rows = [[*row, *cells] for row, cells in zip(rows, more, strict=True)]
    state = "calibrated by its card" if card else "uncalibrated: its card holds no factors"
    return (
        f"Uncertainty at temperature 1 ({state}), {found['patches']} patches: |z|² per dimension "
        f"{_number(found['z2_per_dim'], 3)} (1 is true), distance from chi-squared {_number(found['ks'], 3)}.\n\n"
        + _table([head, *rows])
    )


def _cells(row: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    return [_number(row.get(c), _COLUMNS[c][1]) for c in columns]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.4g} %"


def _table(rows: Rows) -> str:
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])
