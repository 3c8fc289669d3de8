"""Command-line options out of catalogue nodes."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ...catalogue import Input, Node
from ...catalogue.tensors import Levels, image_of
from ...errors import BadValue
from ...pictures import read_picture

Values = dict[str, Any]
Inputs = Mapping[str, Input]


@dataclass(frozen=True)
class Option:
    """One flag that stands for one or more inputs of a node; `read` turns its text into their values."""

    flag: str
    names: tuple[str, ...]
    metavar: str
    help: str
    read: Callable[[str], Mapping[str, Any]]


def _parts(text: str, *names: str, mark: str) -> Values:
    parts = text.lower().split(mark)
    if len(parts) != len(names):
        raise BadValue(f"{text!r} has {len(parts)} parts: give {mark.join(n.upper() for n in names)}.")
    return dict(zip(names, parts, strict=True))


def _scale(text: str) -> Values:
    return _parts(text, "scale", "scale_x", mark=",") if "," in text else {"scale": text}


def _temperature(text: str) -> Values:
    return {"auto_temperature": True} if text == "auto" else {"auto_temperature": False, "temperature": text}


# Inputs that read better together, or in other words, on a command line.
_FOLDED = (
    Option(
        "--scale", ("scale", "scale_x"), "S|SY,SX", "enlargement from 1 to 32, or height,width (default: 4)", _scale
    ),
    Option(
        "--size",
        ("height", "width"),
        "HxW",
        "exact height x width in pixels, in this order; a side of 0 keeps the aspect",
        lambda text: _parts(text, "height", "width", mark="x"),
    ),
    Option(
        "--temperature",
        ("temperature", "auto_temperature"),
        "T|auto",
        "amount of detail, from 0 (faithful) to 2; auto: learned detail whole where there is a prior, else drawn "
        "detail at the temperature on the weights' card (default: auto)",
        _temperature,
    ),
    Option(
        "--tile",
        ("tile",),
        "N|auto",
        "side of the tiles in input pixels; the result does not depend on it (default: auto)",
        lambda text: {"tile": 0 if text == "auto" else text},
    ),
    Option(
        "--origin",
        ("origin_y", "origin_x"),
        "Y,X",
        "first output pixel of this picture within a whole that it was cropped from (default: 0,0)",
        lambda text: _parts(text, "origin_y", "origin_x", mark=","),
    ),
)

_SIDES = ("width", "height")  # have an option each beside the folded one

_OTHER_NAMES = {"precision": "dtype", "model": "model"}
_METAVARS = {"INT": "N", "FLOAT": "X", "STRING": "TEXT", "IMAGE": "FILE", "MASK": "FILE"}
_OWN_METAVARS = {"model": "NAME|PATH", "prior": "auto|none|PATH", "device": "auto|cpu|cuda[:i]"}


def options_of(node: Node, skip: tuple[str, ...] = ()) -> list[Option]:
    """The options of a node. Sockets other than pictures and masks, and the inputs in `skip`, have none."""
    inputs = {i.name: i for i in node.inputs if i.name not in skip and (not i.socket or i.kind in ("IMAGE", "MASK"))}
    folded = {o.names[0]: o for o in _FOLDED if set(o.names) <= set(inputs)}
    taken = {name for o in folded.values() for name in o.names[1:]}
    found = [folded.get(name) or _plain(i) for name, i in inputs.items() if name not in taken]
    return [*found, *(_plain(inputs[name]) for name in _SIDES if "height" in folded)]


def add_options(parser: argparse.ArgumentParser, node: Node, skip: tuple[str, ...] = ()) -> None:
    """Give a parser the options of a node; they end up in the namespace as the node's values (`read_options`)."""
    inputs = {i.name: i for i in node.inputs}
    for option in options_of(node, skip):
        first = inputs[option.names[0]]
        settings: dict[str, Any] = {"help": option.help.replace("%", "%%"), "dest": option.flag}
        if first.kind == "BOOLEAN" and len(option.names) == 1:
            parser.add_argument(option.flag, action=argparse.BooleanOptionalAction, **settings)
            continue
        required = first.socket and first.required
        kind = _converter(option, inputs)
        parser.add_argument(option.flag, metavar=option.metavar, type=kind, required=required, **settings)


def add_folder_options(parser: argparse.ArgumentParser) -> None:
    """What commands that take folders have in common."""
    parser.add_argument("--recursive", action="store_true", help="sub-folders too; results keep them")
    parser.add_argument("--skip-existing", action="store_true", help="leave out pictures whose results are there")


def read_options(args: argparse.Namespace, node: Node) -> Values:
    """The values given for a node's inputs; pictures are read. What was not given is left to the node."""
    values: Values = {}
    flags: dict[str, str] = {}
    for flag, found in _given(args, node):
        for name in found.keys() & values.keys():
            if values[name] != found[name]:
                raise BadValue(f"{flags[name]} says {name} {values[name]}, and {flag} {found[name]}: give one of them.")
        values |= found
        flags |= dict.fromkeys(found, flag)
    kinds = {i.name: i.kind for i in node.inputs if i.socket}
    return {name: _picture(value, kinds[name]) if name in kinds else value for name, value in values.items()}


def flags_of(args: argparse.Namespace, node: Node) -> dict[str, str]:
    """The flags that gave a node's inputs, by the inputs' names."""
    return {name: flag for flag, found in _given(args, node) for name in found}


def _given(args: argparse.Namespace, node: Node) -> Iterator[tuple[str, Values]]:
    for option in options_of(node):
        if (given := getattr(args, option.flag, None)) is not None:
            yield option.flag, given if isinstance(given, dict) else {option.names[0]: given}


def option_files(args: argparse.Namespace, node: Node) -> list[str]:
    """The picture files that options name."""
    flags = [o.flag for o in options_of(node) if o.metavar == "FILE"]
    return [path for flag in flags for path in (getattr(args, flag, None) or {}).values()]


def default_of(node: Node, name: str) -> Any:
    """What a node takes for an input that is not given."""
    return next(i.default for i in node.inputs if i.name == name)


def _plain(i: Input) -> Option:
    flag = "--" + _OTHER_NAMES.get(i.name, i.name).replace("_", "-")
    metavar = _OWN_METAVARS.get(i.name) or _METAVARS.get(i.kind, "NAME")
    if i.kind == "COMBO" and i.name not in _OWN_METAVARS:
        metavar = "|".join(f'"{c}"' if " " in c else c for c in i.choices())
    default = "" if i.socket else f" (default: {i.default})"
    return Option(flag, (i.name,), metavar, i.options["tooltip"].rstrip(".") + default, lambda text: {i.name: text})


def _converter(option: Option, inputs: Inputs) -> Callable[[str], Values]:
    def convert(text: str) -> Values:
        try:
            return {
                name: inputs[name].checked(_typed(inputs[name], value)) for name, value in option.read(text).items()
            }
        except BadValue as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


def _typed(i: Input, value: Any) -> Any:
    """Text as the number that it spells; what spells none is left for the input to refuse."""
    if not isinstance(value, str) or i.kind not in ("INT", "FLOAT"):
        return value
    try:
        return int(value) if i.kind == "INT" else float(value)
    except ValueError:
        return value


def _picture(path: str, kind: str) -> Tensor:
    picture = read_picture(path)
    image = image_of(picture, Levels.of(picture))
    if kind == "IMAGE":
        return image
    return image[:, : picture.pixels.shape[2]].mean(1)  # white is full
