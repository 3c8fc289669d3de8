"""A catalogue node on layers: planes in, node, planes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ....catalogue import Node
from ....errors import BadValue
from ....version import made_by
from ..budget import check_memory
from ..layers.planes import LayerData, Stack, deviation_looks, mask_of
from ..settings import Preferences, in_force
from .schema import MAKERS, schema_of

Progress = Callable[[int, int, Any], None]
Values = Mapping[str, Any]

_PARTS = 100  # of a plane, for progress


@dataclass(frozen=True, eq=False)
class Made:
    """What a node made that is no picture, and the layer that it came from: hand it on to the next command."""

    value: Any
    stack: Stack | None


def run(node: Node, given: Values, progress: Progress | None = None) -> LayerData | Made | str:
    """Run a node.

    Parameters
    ----------
    node
        Of the catalogue.
    given
        By input name: layers, options, and what earlier commands made. What is missing is made from the options.

    Returns
    -------
    result
        Layer data where a picture comes out, a text, or what the next command takes.
    """
    values = _preferred(node, {name: value for name, value in given.items() if value is not None})
    made = {name: value for name, value in values.items() if isinstance(value, Made)}
    stacks = _stacks(node, values, made)
    masks = {i.name: mask_of(values[i.name]) for i in schema_of(node).layers if i.kind == "MASK" and i.name in values}
    first = next(iter(stacks.values()), None) or next((m.stack for m in made.values()), None)
    plain = {n: v.value if n in made else v for n, v in values.items() if n not in stacks and n not in masks}
    work = _Work(node, plain, stacks, masks, first, progress)
    with torch.inference_mode():
        if not work.is_picture:
            result = work.whole()
            return result if isinstance(result, str) else Made(result, first)
        return work.layer(planewise=not made)


@dataclass(frozen=True, eq=False)
class _Work:
    node: Node
    plain: Values
    stacks: Mapping[str, Stack]
    masks: Mapping[str, Tensor]
    first: Stack | None
    progress: Progress | None

    @property
    def is_picture(self) -> bool:
        return self.node.outputs[0][1] == "IMAGE"

    def whole(self) -> Any:
        """The node on all planes at once, as a batch."""
        count = len(self.first.planes) if self.first else 1
        images = {n: torch.cat([self._image(s, p) for p in range(count)]) for n, s in self.stacks.items()}
        return _resolved(self.node, {**self.plain, **images, **self.masks}, self.progress)

    def layer(self, planewise: bool) -> LayerData:
        """The node on one plane after the other, or on the batch that an earlier command encoded."""
        if self.first is None:
            raise BadValue(f"{self.node.title} needs a layer, or what an earlier command made of one: give it.")
        batch = None if planewise else self.whole()
        room = None
        for p in range(len(self.first.planes)):
            picture = self._plane(p) if batch is None else batch[p]
            samples = self.first.restored(picture, p, self.is_deviation)
            if room is None:
                check_memory(samples.nbytes * len(self.first.planes))
                room = self.first.empty(samples)
            self.first.put(room, p, samples)
        assert room is not None  # no layer is empty: `source_of` refuses it
        data, options, kind = self.first.layer_data(room, self.node.title.lower(), self._recipe(), self._covers)
        return data, options | deviation_looks(room) if self.is_deviation else options, kind

    @property
    def is_deviation(self) -> bool:
        return self.node.outputs[0][0] == "deviation" and self.plain.get("display") != "map"

    @property
    def _covers(self) -> bool:
        return self.plain.get("mode") != "side by side" and self.plain.get("display") != "map"

    def _image(self, stack: Stack, p: int) -> Tensor:
        """All pictures are in the intensities of the first: of its channel that the plane is of."""
        return stack.image(p, self.first.levels_at(p) if self.first else None)

    def _plane(self, p: int) -> Any:
        images = {n: self._image(s, p) for n, s in self.stacks.items()}
        masks = {n: m[p : p + 1] if len(m) > 1 else m for n, m in self.masks.items()}
        frame = {"frame": self.plain.get("frame", 0) + p} if "frame" in schema_names(self.node) else {}
        total = len(self.first.planes) if self.first else 1
        progress = None if self.progress is None else part_of(self.progress, p, total)
        result = _resolved(self.node, {**self.plain, **images, **masks, **frame}, progress)
        if progress is not None:
            progress(1, 1, None)
        return result[0]

    def _recipe(self) -> dict[str, Any]:
        options = {n: v for n, v in self.plain.items() if isinstance(v, bool | int | float | str)}
        recipe = {**made_by("node"), "node": self.node.id}
        return {**recipe, "values": options, "layers": {n: s.source.name for n, s in self.stacks.items()}}


def schema_names(node: Node) -> tuple[str, ...]:
    return schema_of(node).names


def _resolved(node: Node, values: dict[str, Any], progress: Progress | None) -> Any:
    """Call a node; what it needs and is not there is made first, once."""
    inputs: dict[str, Any] = {}
    for i in node.inputs:
        if i.name not in values and i.kind in MAKERS:
            values[i.name] = _resolved(MAKERS[i.kind], values, None)
        if i.name in values:
            inputs[i.name] = values[i.name]
    return node(inputs, progress)


def _stacks(node: Node, values: Values, made: Mapping[str, Made]) -> dict[str, Stack]:
    """The pictures that were given; all are computed in intensities of the first, or of what was made before."""
    found: dict[str, Stack] = {}
    levels = next((m.stack.levels for m in made.values() if m.stack), None)
    for i in schema_of(node).layers:
        if i.name in values and i.kind == "IMAGE":
            found[i.name] = Stack.of(values[i.name], levels)
            levels = levels or found[i.name].levels
    return found


def _preferred(node: Node, values: dict[str, Any]) -> dict[str, Any]:
    """Options left on automatic take what the preferences page says."""
    page, automatic = in_force(), Preferences()
    for name in {"device", "precision", "tile"} & {i.name for i in schema_of(node).options}:
        if values.get(name, getattr(automatic, name)) == getattr(automatic, name):
            values[name] = getattr(page, name)
    return values


def part_of(progress: Progress, done: int, total: int) -> Progress:
    def tell(part: int, parts: int, preview: Any = None) -> None:
        progress(done * _PARTS + (part * _PARTS) // max(parts, 1), total * _PARTS, preview)

    return tell
