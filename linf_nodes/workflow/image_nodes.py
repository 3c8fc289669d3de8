"""Image in and out, under the names that ComfyUI gives them."""

from typing import Any

from ..catalogue.node import NODES, REQUIRED, Input, Node

LOAD = "LoadImage"
SAVE = "SaveImage"
PREVIEW = "PreviewImage"


def _text(name: str, default: str) -> Input:
    return Input(name, "STRING", default, {"tooltip": ""})


def _node(
    identity: str, title: str, function: Any, inputs: tuple[Input, ...], outputs: tuple[tuple[str, str], ...]
) -> Node:
    return Node(identity, title, "image", function, inputs, outputs, (), cancellable=False)


def load_image(image: str = "", upload: str = "image") -> None:
    """A picture from outside the graph, and its mask: the inverted alpha, 1 where it is transparent."""


def save_image(images: Any, filename_prefix: str = "") -> Any:
    """A picture that leaves the graph."""
    return images


_IMAGES = Input("images", "IMAGE", REQUIRED, {"tooltip": ""})
_PREFIX = _text("filename_prefix", "ComfyUI")

IMAGE_NODES = {
    LOAD: _node(
        LOAD,
        "Load Image",
        load_image,
        (_text("image", ""), _text("upload", "image")),
        (("IMAGE", "IMAGE"), ("MASK", "MASK")),
    ),
    SAVE: _node(SAVE, "Save Image", save_image, (_IMAGES, _PREFIX), ()),
    PREVIEW: _node(PREVIEW, "Preview Image", save_image, (_IMAGES,), ()),
}


def node_types() -> dict[str, Node]:
    """Every class type that a graph may name."""
    return {**NODES, **IMAGE_NODES}


def is_output(node: Node) -> bool:
    """Whether a node is run for its own sake: it saves a picture, writes a file or reports."""
    return all(kind == "STRING" for _, kind in node.outputs)
