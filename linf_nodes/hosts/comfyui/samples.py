"""The pictures that the templates open: ComfyUI's nodes find them in its input folder only."""

import shutil
from pathlib import Path

import folder_paths

from ...atomic import atomic_write
from ...errors import BadValue

_SHIPPED = Path(__file__).resolve().parents[3] / "example_workflows" / "input"


def offer(shipped: Path = _SHIPPED) -> None:
    """Copy into the input folder what is not there yet; where that cannot be, the templates open without a picture."""
    folder = Path(folder_paths.get_input_directory())
    for file in sorted(shipped.glob("*.*")):  # a wheel has none, nor templates
        target = folder / file.name
        try:
            if folder.is_dir() and not target.exists():
                with atomic_write(target) as temporary:
                    shutil.copyfile(file, temporary)
        except (BadValue, OSError):  # a folder that cannot be written must not keep the pack from loading
            return
