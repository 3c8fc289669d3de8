"""One kind of network: how its description is read, checked, deduced from tensors, and built."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from torch import Tensor, nn

from ..errors import UnsupportedWeights, quoted

Args = Mapping[str, Any]
State = Mapping[str, Tensor]
Channels = Callable[[], int]  # of a model's encoder, found when they are asked for

MOST = 4096  # of anything that a network has a number of
_MOST = {"flow_layers": 256, "num_layer": 64, "patch_size": 31}

# Arguments of published descriptions that change nothing here: every encoder runs without up-sampling.
_INERT = {"no_upsampling", "scale", "rgb_range", "n_colors", "in_nc", "out_nc", "name", "cell_input", "inp_size"}


@dataclass(frozen=True)
class Entry:
    """What the registry knows of one kind of network.

    Attributes
    ----------
    build
        Its constructor; the annotations of its parameters bound what a description may say.
    takes
        The arguments that a description may have, and the constructor's names of them where they differ.
    recognised
        Whether a state dict without a description is of this kind.
    deduced
        The arguments of such a state dict; of a model, given a way to its encoder's channels too.
    defaults
        What the name alone stands for, by the constructor's names.
    inert
        Arguments that are known and change nothing, beside those that never do.
    unseen
        Arguments that change the result and that no tensor shows, with their value: words for the hash of weights.
    """

    build: Callable[..., nn.Module]
    takes: tuple[str, ...] | Mapping[str, str]
    recognised: Callable[[State], bool]
    deduced: Callable[..., dict[str, Any]]
    defaults: Args = field(default_factory=dict)
    inert: tuple[str, ...] = ()
    unseen: Mapping[tuple[str, Any], str] = field(default_factory=dict)

    @property
    def names(self) -> Mapping[str, str]:
        """The constructor's name of every argument."""
        return self.takes if isinstance(self.takes, Mapping) else {name: name for name in self.takes}

    def make(self, name: str, args: Args, **more: Any) -> Any:
        """The network of a description, with fresh weights.

        Raises
        ------
        UnsupportedWeights
            When an argument is unknown, or no value of its kind.
        """
        given, parameters = dict(self.defaults), inspect.signature(self.build).parameters
        for key, value in args.items():
            if key in self.names:
                given[self.names[key]] = checked(name, key, value, parameters[self.names[key]].annotation)
            elif key not in _INERT and key not in self.inert:
                raise UnsupportedWeights(f"Model {name!r} has an argument {key!r} that is not known here.")
        return self.build(**more, **given)

    def unseen_words(self, args: Args) -> list[str]:
        """What the hash of weights says of arguments that no tensor shows."""
        return [words for (key, value), words in self.unseen.items() if args.get(key) == value]


def checked(model: str, key: str, value: Any, wanted: Any) -> Any:
    """An argument of the kind that a network takes, within bounds: a file may say anything.

    Raises
    ------
    UnsupportedWeights
    """
    most = _MOST.get(key, MOST)
    if wanted is int:
        fits, kind = _counts(value, most), f"a whole number from 1 to {most}"
    elif wanted is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most
        kind = f"a number from 0 to {most}"
    elif get_origin(wanted) is Literal:
        fits, kind = value in get_args(wanted), " or ".join(map(repr, get_args(wanted)))
    elif wanted in (str, bool):
        fits, kind = isinstance(value, wanted), "text" if wanted is str else "true or false"
    else:
        fits = isinstance(value, list | tuple) and 0 < len(value) <= 64 and all(_counts(v, most) for v in value)
        kind = f"a list of whole numbers from 1 to {most}"
    if not fits:
        raise UnsupportedWeights(f"Model {model!r} has {key} = {quoted(value)}: give {kind}.")
    return tuple(value) if isinstance(value, list) else value


def _counts(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def below(state: State, prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def side(state: State, name: str, axis: int = 0) -> int:
    """One side of a named tensor.

    Raises
    ------
    UnsupportedWeights
    """
    if name not in state:
        raise UnsupportedWeights(f"The architecture cannot be told: the tensor {name} is missing.")
    shape = state[name].shape
    if not -len(shape) <= axis < len(shape):
        raise UnsupportedWeights(f"The architecture cannot be told: the tensor {name} has the shape {list(shape)}.")
    return shape[axis]


def count(state: State, pattern: str) -> int:
    """How many different numbers the pattern's group finds among the names."""
    return len({found.group(1) for name in state if (found := re.match(pattern, name))})
