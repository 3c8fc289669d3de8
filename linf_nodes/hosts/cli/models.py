"""`linf models`: what is at hand, and what is published."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import UnsupportedWeights
from ...memory import memory_text
from ...models.checkpoint import read_weights
from ...models.registry import family_of
from ...pipeline.store import available_models, bundled_folder, user_folder
from .console import out, out_json, table
from .official import PUBLISHED
from .parser import Parser


def run(argv: Sequence[str]) -> int:
    """List both."""
    parser = Parser(prog="linf models", description="List the models at hand and the published ones.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    found = [_describe(name, path) for name, path in available_models().items()]
    if args.json:
        out_json({"folder": str(user_folder()), "models": found, "published": [asdict(p) for p in PUBLISHED]}, indent=2)
        return 0
    out(_at_hand(found) if found else "No models are at hand.")
    out(f"\nPut your own .safetensors or .pth files into {user_folder()}\n")
    out("Published models, to be fetched from their authors (named here: GitHub repositories):")
    out(_published())
    return 0


def _describe(name: str, path: Path) -> dict[str, Any]:
    line: dict[str, Any] = {"name": name, "path": str(path), "bytes": path.stat().st_size}
    line["where"] = "bundled" if path.parent == bundled_folder() else "user folder"
    try:
        weights = read_weights(path)
    except UnsupportedWeights as error:
        return {**line, "error": str(error)}
    tensors = (*weights.model_state.values(), *weights.prior_state.values())
    return {
        **line,
        "values": sum(t.numel() for t in tensors),
        "linf": weights.model is not None,
        "family": weights.model and family_of(weights.model),
        "prior": weights.prior is not None,
        "uncertainty": calibration_of(weights.card),
        "licence": licence_of(weights.card),
    }


def calibration_of(card: dict[str, Any]) -> str:
    """At which scales a card has factors that make the model's uncertainty true."""
    known = card.get("calibration")
    scales = [f"x{scale}" for scale in known] if isinstance(known, dict) else []
    return f"calibrated at {', '.join(scales)}" if scales else "uncalibrated"


def licence_of(card: dict[str, Any]) -> str | None:
    """The licence that a card states."""
    found = card.get("licence") or card.get("license")
    return None if found is None else str(found)


def _at_hand(found: Sequence[dict[str, Any]]) -> str:
    rows = [("NAME", "WHERE", "FAMILY", "PARAMETERS", "SIZE", "PRIOR", "UNCERTAINTY", "LICENCE")]
    for m in found:
        if "error" in m:
            rows.append((m["name"], m["where"], "cannot be read:", m["error"], "", "", "", ""))
            continue
        kind = "yes" if m["prior"] and m["linf"] else "only a prior" if m["prior"] else "no"
        licence = m["licence"] or "not stated"
        size = (f"{m['values']:,}", memory_text(m["bytes"]))
        rows.append((m["name"], m["where"], m["family"] or "", *size, kind, m["uncertainty"], licence))
    return table(rows)


def _published() -> str:
    rows = [("NAME", "PARAMETERS", "REPOSITORY", "")]
    for p in PUBLISHED:
        note = p.note if p.supported else "family not supported yet"
        rows.append((p.name, f"{p.parameters:,}" if p.parameters else "-", p.repository, note))
    return table(rows)
