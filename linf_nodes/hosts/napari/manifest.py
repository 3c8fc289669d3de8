"""The plugin's manifest, written from the catalogue: `python -m linf_nodes.hosts.napari.manifest`.

A test compares `plugin_manifest/napari.yaml` with it, so that a new node is one function and no line of yaml.
"""

from typing import Any

from ...catalogue import NODES, Node
from .layers.options import Target
from .layers.result_files import SUFFIX
from .layers.samples import TITLES
from .nodes.schema import has_widget, is_filter
from .settings import PLUGIN, page

Entry = dict[str, Any]

_HERE = __package__
_SUBMENU = "linf_nodes_layers"
_MENU = "napari/layers/filter"
_FILES = "napari/file/io_utilities"
_MAIN, _PRESET = "LINF Super-Resolution", "Run Preset"


def manifest() -> Entry:
    """The manifest as npe2 reads it."""
    return {
        "name": PLUGIN,
        "display_name": "LINF",
        "visibility": "public",
        "schema_version": "0.3.0",
        "categories": ["Image Processing", "Transformations", "Utilities"],
        "contributions": {
            "commands": [*_own_commands(), *(_command(n) for n in NODES.values()), *_widget_commands()],
            "widgets": [*_own_widgets(), *(_widget(n) for n in NODES.values() if has_widget(n))],
            "menus": _menus(),
            "submenus": [{"id": _SUBMENU, "label": "LINF"}],
            "sample_data": [{"command": _id(key), "key": key, "display_name": text} for key, text in TITLES.items()],
            "readers": [
                {
                    "command": _id("read_result"),
                    "filename_patterns": ["zarr.json", ".zattrs"],
                    "accepts_directories": False,  # napari would ask for every folder which reader to take
                }
            ],
            "writers": [
                _writer("write_ome_zarr", SUFFIX[Target.ZARR], "OME-Zarr with pixel size"),
                _writer("write_ome_tiff", SUFFIX[Target.TIFF], "OME-TIFF with pixel size"),
            ],
            "configurations": page(),
        },
    }


def text() -> str:
    """`plugin_manifest/napari.yaml`."""
    import yaml  # type: ignore[import-untyped]

    head = f"# Written by `python -m {_HERE}.manifest`; a test compares.\n"
    return f"{head}{yaml.safe_dump(manifest(), sort_keys=False, allow_unicode=True, width=110)}"


def _id(name: str) -> str:
    return f"{PLUGIN}.{name}"


def _own_commands() -> list[Entry]:
    own = [
        ("super_resolution", _MAIN, "dock:SuperResolution"),
        ("run_preset", "Run a preset on layers", "run_preset:run_preset"),
        ("run_preset_widget", _PRESET, "nodes.panels:run_preset"),
        ("read_result", "Read OME-Zarr", "reader:get_reader"),
        ("open_result", "Open OME-Zarr or OME-TIFF with LINF...", "layers.opening:open_result"),
        ("write_ome_zarr", "Save as OME-Zarr", "layers.writer:write_ome_zarr"),
        ("write_ome_tiff", "Save as OME-TIFF", "layers.writer:write_ome_tiff"),
        *((key, title, f"layers.samples:{key}") for key, title in TITLES.items()),
    ]
    return [{"id": _id(name), "title": title, "python_name": f"{_HERE}.{place}"} for name, title, place in own]


def _command(node: Node) -> Entry:
    """A node as a command. Where it needs more than the active layer it is for scripts and other plugins."""
    enabled = "active_layer_type == 'image'" if is_filter(node) else "False"
    return {
        "id": _id(node.name),
        "title": node.title,
        "python_name": f"{_HERE}.commands:{node.name}",
        "enablement": enabled,
    }


def _widget_commands() -> list[Entry]:
    nodes = [n for n in NODES.values() if has_widget(n)]
    return [
        {"id": _id(f"{n.name}_widget"), "title": n.title, "python_name": f"{_HERE}.nodes.panels:{n.name}"}
        for n in nodes
    ]


def _own_widgets() -> list[Entry]:
    return [
        {"command": _id("super_resolution"), "display_name": _MAIN},
        {"command": _id("run_preset_widget"), "display_name": _PRESET},
    ]


def _widget(node: Node) -> Entry:
    return {"command": _id(f"{node.name}_widget"), "display_name": node.title}


def _writer(name: str, suffix: str, title: str) -> Entry:
    return {"command": _id(name), "layer_types": ["image+"], "filename_extensions": [suffix], "display_name": title}


def _menus() -> Entry:
    layered = [n for n in NODES.values() if has_widget(n) and n.inputs and any(i.socket for i in n.inputs)]
    names = ["super_resolution", "run_preset_widget", *(f"{n.name}_widget" for n in layered)]
    files = [{"command": _id("open_result")}]
    return {_FILES: files, _MENU: [{"submenu": _SUBMENU}], _SUBMENU: [{"command": _id(name)} for name in names]}


if __name__ == "__main__":
    import sys

    sys.stdout.write(text())
