"""`models/linf`: where users put weights, as ComfyUI and its extra_model_paths.yaml know it."""

from collections.abc import Mapping
from pathlib import Path

import folder_paths

from ...pipeline.store import SUFFIXES, Shelf, use_shelf

FOLDER = "linf"


def register() -> None:
    """Add the folder to ComfyUI's, after those that the user configured, and make the default one."""
    default = Path(folder_paths.models_dir) / FOLDER
    default.mkdir(parents=True, exist_ok=True)
    folder_paths.add_model_folder_path(FOLDER, str(default))
    # without extensions of its own ComfyUI would list every file
    folder_paths.folder_names_and_paths[FOLDER] = (folder_paths.folder_names_and_paths[FOLDER][0], set(SUFFIXES))
    use_shelf(Shelf(default, models))


def models() -> Mapping[str, Path]:
    """Names, without their ending as in every host, and files; where two share a name the second keeps its ending."""
    found: dict[str, Path] = {}
    for file in folder_paths.get_filename_list(FOLDER):
        path = folder_paths.get_full_path(FOLDER, file)
        if path is not None:
            name = Path(file).with_suffix("").as_posix()
            found[name if name not in found else Path(file).as_posix()] = Path(path)
    return found
