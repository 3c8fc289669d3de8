"""What a model was made from: the training entry of its card, and the page with the pictures' attributions."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from ..atomic import atomic_write
from .picture_set import held_out, picture_files
from .recipe import Recipe

MANIFEST = "manifest.csv"

_FAMILIES = {"by-sa": "CC BY-SA", "by-nc": "CC BY-NC", "by-nd": "CC BY-ND", "cc-by": "CC BY"}


def training_card(recipe: Recipe, step: int, hours: float, device: torch.device, pictures: int) -> dict[str, Any]:
    """How a model was trained, as plain JSON."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    return {
        "pictures": pictures
        or len(picture_files(recipe.folders(), recipe.hold_out)),  # older checkpoints did not count
        "licences": licences(recipe),
        "recipe": _without_folders(recipe),
        "steps": step,
        "hours": round(hours, 2),
        "device": name,
        "torch": torch.__version__,
    }


def licences(recipe: Recipe) -> dict[str, int]:
    """Pictures of each kind of licence, of the folders that have a manifest."""
    return dict(Counter(licence_family(row["licence"]) for row in _rows(recipe)).most_common())


def licence_family(text: str) -> str:
    """The kind of a licence, however it was written: "CC BY", "CC BY-SA", "CC0", or the text itself."""
    plain = text.lower().replace(" ", "-")
    if "cc0" in plain or "public-domain" in plain:
        return "CC0 or public domain"
    return next((name for key, name in _FAMILIES.items() if key in plain), text)


def write_page(path: Path, name: str, card: Mapping[str, Any], recipe: Recipe) -> bool:
    """Write a model's page in Markdown, unless there is one; True when it was written."""
    if path.exists():
        return False
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join([*_head(name, card), *_table(recipe)]) + "\n", "utf-8")
    return True


def _without_folders(recipe: Recipe) -> dict[str, Any]:
    """The recipe with files by their names: where they lay is no one's business."""
    entry = recipe.entry()
    names = {key: Path(entry[key]).name for key in ("out", "init")}
    lists = {key: [Path(name).name for name in entry[key]] for key in ("data", "perceptual")}
    return {**entry, **names, **lists}


def _rows(recipe: Recipe) -> list[dict[str, str]]:
    rows = []
    for manifest in (folder / MANIFEST for folder in dict.fromkeys(recipe.folders())):
        if manifest.is_file():
            with manifest.open(newline="", encoding="utf-8") as file:
                rows += [row for row in csv.DictReader(file) if row.get("licence")]
    return [row for row in rows if not held_out(row.get("file") or "", recipe.hold_out)]


def _head(name: str, card: Mapping[str, Any]) -> Iterable[str]:
    yield f"# {name}\n"
    yield f"Trained for {card['steps']} steps and {card['hours']} hours on {card['device']}."
    if card["licences"]:
        yield f"Licences: {', '.join(f'{kind} {n}' for kind, n in card['licences'].items())}."


def _table(recipe: Recipe) -> Iterable[str]:
    found = Counter((row.get("attribution", ""), row["licence"], row.get("source_repo", "")) for row in _rows(recipe))
    if found:
        yield "\n## Training pictures\n\n| pictures | by | licence | source |\n| --- | --- | --- | --- |"
    for (by, licence, source), count in sorted(found.items()):
        yield "| " + " | ".join(part.replace("|", "/") for part in (str(count), by, licence, source)) + " |"
