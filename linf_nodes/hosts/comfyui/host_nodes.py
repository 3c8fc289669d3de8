"""Every node that ComfyUI shows: the catalogue's, and those that only a host with graphs and a user folder can have."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from ...catalogue import NODES
from ...catalogue.files import write_numbered
from ...catalogue.node import Input, Node, describe
from ...catalogue.types import Image, Mask, Socket
from ...pipeline.render import Progress

# What ComfyUI knows of the running graph; never an input that a user sees.
Prompt = Annotated[Mapping[str, Any], Socket("PROMPT")]
NodeId = Annotated[str, Socket("UNIQUE_ID")]


def every_node() -> list[Node]:
    """In the order of the menu; some of the catalogue's have inputs here that no user sees."""
    return [*(OWN_NODES.get(n.id, n) for n in NODES.values()), *HOST_NODES]


def save_preset(image: Image, prompt: Prompt, node_id: NodeId, name: str = "my preset", replace: bool = False) -> str:
    """Save everything that leads to a picture as a named preset, which runs in every host.

    Parameters
    ----------
    image
        The picture that the preset makes, out of the picture of its Load Image node.
    name
        Of the preset; a file of this name is written to the user folder.
    replace
        An older preset of this name may go.
    """
    from . import presets  # late, like the other one: ComfyUI's modules

    return presets.save(prompt, node_id, name, replace)


def _presets() -> list[str]:
    from . import preset_files

    return preset_files.names()


def run_preset(
    image: Image,
    preset: Annotated[str, {"choices": _presets}] = "",
    mask: Mask | None = None,
    progress: Progress | None = None,
) -> Image:
    """Run a preset on pictures: what its Load Image node would load comes in here, what it would save goes out.

    Parameters
    ----------
    image
        The pictures.
    preset
        Bundled, or saved by Save Preset.
    mask
        What the preset's Load Image node gives as its mask.
    """
    from . import presets

    return presets.run_named(preset, image, mask, progress)


def _with_graph(save: Node) -> Node:
    """A saved PNG carries its graph, as those of ComfyUI's own Save Image do: dropped on the canvas, it comes back."""

    def save_16bit_image(image: Image, path: str = save.defaults["path"], prompt: Any = None, extra: Any = None) -> str:
        from .metadata import embedded  # late: ComfyUI's modules

        return "\n".join(map(str, write_numbered(image, Path(path), embedded(prompt, extra))))

    save_16bit_image.__doc__ = save.function.__doc__
    hidden = (Input("prompt", "PROMPT", None, {}), Input("extra", "EXTRA_PNGINFO", None, {}))
    return replace(save, function=save_16bit_image, inputs=(*save.inputs, *hidden))


OWN_NODES = {"LINFSave16bitImage": _with_graph(NODES["LINFSave16bitImage"])}

HOST_NODES = (
    describe(save_preset, "Save Preset", ("preset",), aliases=("preset", "template", "save workflow")),
    describe(run_preset, "Run Preset", ("result",), aliases=("preset", "template", "recipe")),
)
