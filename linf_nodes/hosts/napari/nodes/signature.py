"""A node's schema as a Python signature: what magicgui makes fields of, and napari fills in."""

import inspect
from collections.abc import Iterable
from typing import Annotated, Any

from ....catalogue import Input, Node
from .on_layers import Made
from .schema import is_report, schema_of

_KEYWORD = inspect.Parameter.POSITIONAL_OR_KEYWORD
_TYPES: dict[str, Any] = {"INT": int, "FLOAT": float, "BOOLEAN": bool, "STRING": str, "COMBO": str}


def command_signature(node: Node) -> inspect.Signature:
    """Layers, options, and values of earlier commands; napari gives the active layer where none is given."""
    from napari.layers import Layer
    from napari.types import LayerDataTuple

    schema = schema_of(node)
    layers = [_layer(i, Layer if i is schema.main else None, optional=bool(schema.made)) for i in schema.layers]
    made = [inspect.Parameter(i.name, _KEYWORD, default=None, annotation=Made | None) for i in schema.made]
    picture = [kind for _, kind in node.outputs] == ["IMAGE"]
    returned = LayerDataTuple if picture else str if is_report(node) else Made
    return _signature([*layers, *(_option(i) for i in schema.options), *made], returned)


def widget_signature(node: Node) -> inspect.Signature:
    """The viewer, which napari gives, then layers and options."""
    from napari.viewer import Viewer

    schema = schema_of(node)
    viewer = inspect.Parameter("viewer", _KEYWORD, annotation=Viewer)
    return _signature([viewer, *(_layer(i) for i in schema.layers), *(_option(i) for i in schema.options)], None)


def dressed(function: Any, signature: inspect.Signature, name: str, doc: str) -> Any:
    """A function of `**values` as one with this signature: it is called by position or by name."""

    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return function(**bound.arguments)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = doc
    call.__signature__ = signature  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    call.__annotations__["return"] = signature.return_annotation
    return call


def _signature(parameters: Iterable[inspect.Parameter], returned: Any) -> inspect.Signature:
    """Parameters in an order that Python accepts: those without a default first."""
    ordered = sorted(parameters, key=lambda p: p.default is not inspect.Parameter.empty)
    return inspect.Signature(ordered, return_annotation=returned)


def _layer(i: Input, kind: Any = None, optional: bool = False) -> inspect.Parameter:
    from napari.layers import Image, Labels

    own = kind or (Labels if i.kind == "MASK" else Image)
    if i.required and not optional:
        return inspect.Parameter(i.name, _KEYWORD, annotation=own)
    return inspect.Parameter(i.name, _KEYWORD, default=None, annotation=own | None)


def _option(i: Input) -> inspect.Parameter:
    """magicgui's own vocabulary is the catalogue's: min, max, step, choices, tooltip."""
    options = {name: value for name, value in i.options.items() if name != "formerly"}
    if "choices" in options:
        options["choices"] = lambda _: i.choices()  # asked again whenever the widget is reset
    return inspect.Parameter(i.name, _KEYWORD, default=i.default, annotation=Annotated[_TYPES[i.kind], options])
