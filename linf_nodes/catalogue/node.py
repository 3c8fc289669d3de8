"""The decorator that makes a function a node, and what is read off its signature."""

import functools
import inspect
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor

from ..errors import BadValue, quoted
from ..meant import meant
from .types import Socket

Function = TypeVar("Function", bound=Callable[..., Any])

REQUIRED = inspect.Parameter.empty
PROGRESS = "progress"


@dataclass(frozen=True)
class Input:
    """One input of a node. `kind` is a socket's name, or INT, FLOAT, STRING, BOOLEAN or COMBO.

    `options` are magicgui's: min, max, step, choices, tooltip; `formerly` maps choices of older files to today's. A
    socket without a default must be wired.
    """

    name: str
    kind: str
    default: Any
    options: Mapping[str, Any]

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def socket(self) -> bool:
        return self.kind not in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")

    def checked(self, value: Any) -> Any:
        """The value in this input's own type.

        Raises
        ------
        BadValue
            When it cannot be, or lies outside the range; the message names the input and its range.
        """
        if self.socket:
            return self._made(value)
        if self.kind == "COMBO":
            choices = self.options["choices"]
            value = self.options.get("formerly", {}).get(value, value) if isinstance(value, str) else value
            if not callable(choices) and value not in choices:
                hint = meant(str(value), choices)
                raise BadValue(f"{self.name} is {value!r}: choose one of {', '.join(map(str, choices))}.{hint}")
        if self.kind in ("COMBO", "STRING"):
            return self._text(value)
        if self.kind == "BOOLEAN":
            if value not in (True, False):
                raise BadValue(f"{self.name} is {value!r}: give true or false.")
            return bool(value)
        return self._number(value)

    def choices(self) -> list[str]:
        """What a COMBO offers now. Where `choices` is a function the list may grow, and the node itself checks."""
        choices = self.options.get("choices", ())
        return list(choices() if callable(choices) else choices)

    def _made(self, value: Any) -> Any:
        """What is wired must be of its type: a model's name is no model. Of pictures the pipeline says it better."""
        if isinstance(value, self.options.get("type", object)):
            return value
        maker = next((n.name for n in NODES.values() if n.outputs and n.outputs[0][1] == self.kind), None)
        raise BadValue(f"{self.name} is {quoted(value)}: give what {maker} gives.")

    def _text(self, value: Any) -> str:
        if not isinstance(value, str):
            raise BadValue(f"{self.name} is {value!r}: give text.")
        return value

    def _number(self, value: Any) -> int | float:
        low, high = self.options.get("min", -math.inf), self.options.get("max", math.inf)
        try:
            number = int(value) if self.kind == "INT" else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not low <= number <= high or (self.kind == "INT" and number != value):
            raise BadValue(f"{self.name} is {value!r}: give a number from {low:g} to {high:g}.")
        return number


@dataclass(frozen=True)
class Node:
    """A catalogue function with its inputs in the order that saved graphs rely on.

    `id` is the type that saved graphs name; `outputs` are pairs of (name, socket).
    """

    id: str
    title: str
    category: str
    function: Callable[..., Any]
    inputs: tuple[Input, ...]
    outputs: tuple[tuple[str, str], ...]
    aliases: tuple[str, ...]
    cancellable: bool

    @property
    def name(self) -> str:
        """The function's own name."""
        return self.function.__name__

    @property
    def defaults(self) -> dict[str, Any]:
        """What the inputs are that nobody gives."""
        return {i.name: i.default for i in self.inputs if not i.required}

    @property
    def description(self) -> str:
        """The docstring's first sentence."""
        text = inspect.getdoc(self.function) or ""
        return re.sub(r"\s+", " ", text.split("\n\n")[0])

    def __call__(self, values: Mapping[str, Any], progress: Callable[..., None] | None = None) -> Any:
        """Call the function with checked values; an unknown or missing input is named."""
        known = {i.name: i for i in self.inputs}
        for name in values:
            if name not in known:
                raise BadValue(f"{self.title} has no input {name!r}; its inputs are {', '.join(known)}.")
        for name, i in known.items():
            if i.required and values.get(name) is None:
                raise BadValue(f"{self.title} needs its input {name!r}: connect it.")
        given = {name: known[name].checked(value) for name, value in values.items() if value is not None}
        if self.cancellable:
            given[PROGRESS] = progress
        return self.function(**given)


NODES: dict[str, Node] = {}

_KINDS = {int: "INT", float: "FLOAT", str: "STRING", bool: "BOOLEAN"}


def node(
    title: str, outputs: tuple[str, ...], category: str = "LINF", aliases: tuple[str, ...] = ()
) -> Callable[[Function], Function]:
    """Register a function as a node: its signature is the schema, its Parameters section and types the help.

    Called from Python it checks what it is given as it is in every host.
    """

    def register(function: Function) -> Function:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(*args, **kwargs).arguments
            return function(
                **{n: v if v is defaults.get(n, REQUIRED) else known[n].checked(v) for n, v in given.items()}
            )

        described = describe(checked, title, outputs, category, aliases)
        known = {i.name: i for i in described.inputs} | {PROGRESS: Input(PROGRESS, PROGRESS, None, {})}
        defaults = {**described.defaults, PROGRESS: None}
        NODES[described.id] = described
        return typing.cast(Function, checked)

    return register


def describe(
    function: Callable[..., Any],
    title: str,
    outputs: tuple[str, ...],
    category: str = "LINF",
    aliases: tuple[str, ...] = (),
) -> Node:
    """A function as a node, read off its signature, types and docstring, without registering it for every host."""
    tips = _tooltips(function)
    parameters = inspect.signature(function).parameters
    hints = typing.get_type_hints(function, include_extras=True)
    inputs = tuple(
        _input(name, hints[name], p.default, tips.get(name, "")) for name, p in parameters.items() if name != PROGRESS
    )
    found = hints["return"]
    returned = typing.get_args(found) if typing.get_origin(found) is tuple else (found,)
    pairs = tuple(zip(outputs, (_kind(r)[0] for r in returned), strict=True))
    identity = "LINF" + "".join(word.capitalize() for word in function.__name__.split("_"))
    return Node(identity, title, category, function, inputs, pairs, aliases, PROGRESS in parameters)


def _input(name: str, hint: Any, default: Any, tip: str) -> Input:
    kind, options = _kind(hint)
    return Input(name, kind, default, {**options, "tooltip": tip or options.get("tooltip", "")})


def _kind(hint: Any) -> tuple[str, Mapping[str, Any]]:
    """Socket or widget kind of an annotation, and its options."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(a for a in typing.get_args(hint) if a is not type(None))
    extras = getattr(hint, "__metadata__", ())
    for extra in extras:
        if isinstance(extra, Socket):
            base = typing.get_args(hint)[0]
            plain = base is not Tensor and typing.get_origin(base) is None and not getattr(base, "_is_protocol", False)
            return extra.name, {"type": base} if plain else {}
    options = next((e for e in extras if isinstance(e, Mapping)), {})
    base = typing.get_args(hint)[0] if extras else hint
    return ("COMBO" if "choices" in options else _KINDS[base]), options


def _tooltips(function: Callable[..., Any]) -> dict[str, str]:
    """Sentences of a numpydoc Parameters section by parameter."""
    text = inspect.getdoc(function) or ""
    section = re.search(r"Parameters\n-+\n(.*?)(?:\n\n[A-Z]\w+\n-+\n|\Z)", text, re.S)
    tips: dict[str, str] = {}
    if section:
        for names, body in re.findall(r"^(\S[^\n]*)\n((?:    [^\n]*\n?|\n)+)", section.group(1) + "\n", re.M):
            for name in names.split(","):
                tips[name.strip()] = re.sub(r"\s+", " ", body).strip()
    return tips
