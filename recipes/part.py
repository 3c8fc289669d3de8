"""Copies a part of a folder of training pictures, evenly spread over its names, with the rows of its manifest.

python recipes/part.py FROM TO MIB
"""

import csv
import shutil
import sys
from pathlib import Path

MANIFEST = "manifest.csv"


def evenly(files: list[Path], room: int) -> list[Path]:
    """As many files as fit into so many bytes: every k-th by name, then every k-th of the rest."""
    taken: list[Path] = []
    rest, step = files, max(1, sum(f.stat().st_size for f in files) // max(1, room) + 1)
    while rest:
        for file in rest[::step]:
            if file.stat().st_size <= room:
                taken.append(file)
                room -= file.stat().st_size
        rest = [file for i, file in enumerate(rest) if i % step] if step > 1 else []
    return sorted(taken)


def main(source: Path, target: Path, mib: float) -> None:
    files = sorted(f for f in source.rglob("*") if f.is_file() and f.name != MANIFEST)
    taken = evenly(files, int(mib * 2**20))
    if not taken:
        raise SystemExit(f"No file of '{source}' fits into {mib:g} MiB.")
    for file in taken:
        to = target / file.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
    manifest = source / MANIFEST
    if manifest.is_file():
        names = {file.name for file in taken}
        with (
            manifest.open(newline="", encoding="utf-8") as old,
            (target / MANIFEST).open("w", newline="", encoding="utf-8") as new,
        ):
            rows = csv.DictReader(old)
            writer = csv.DictWriter(new, rows.fieldnames or [])
            writer.writeheader()
            writer.writerows(row for row in rows if Path(row.get("file") or "").name in names)
    size = sum(file.stat().st_size for file in taken) / 2**20
    sys.stdout.write(f"{len(taken)} of {len(files)} files, {size:.1f} MiB\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
