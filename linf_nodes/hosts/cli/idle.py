"""Options that were given and change nothing: they are said, with the reason."""

from collections.abc import Iterable, Mapping

from ...catalogue.amount import DRAW
from ...pipeline.detail import Detail
from ...pipeline.model import LoadedModel
from ...pipeline.size import SizeWish
from .console import say
from .options import Values


def unmoved(detail: Detail, model: LoadedModel) -> tuple[str, tuple[str, ...]]:
    """Why no draw, and perhaps no amount, counts, and the inputs that then do not; nothing where all do."""
    kind = detail.kind(model)
    if kind == "faithful":
        return "the detail is faithful", (*DRAW, "temperature", "strength")
    if detail.strength == 0:
        return "at strength 0 the detail is faithful", (*DRAW, "temperature")
    if detail.temperature == 0:
        return "at temperature 0 the detail is faithful", (*DRAW, "strength")
    return (f"the detail of {model.name!r} is learned", DRAW) if kind == "learned" else ("", ())


def say_idle(values: Values, flags: Mapping[str, str], detail: Detail, model: LoadedModel) -> None:
    """Remark on options of detail and size that change nothing; `flags` gave the values."""

    def given(names: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(flag for name, flag in flags.items() if name in names))

    why, names = unmoved(detail, model)
    hint = "; --latent drawn uses it" if detail.kind(model) != "drawn" and model.dim else ""
    _say(why, given(names), hint)
    idle, decides = set(SizeWish.of(values).idle()), given(SizeWish.of(values).deciding)
    _say(f"{' and '.join(decides)} decide{'s' * (len(decides) == 1)} the size", given(idle - {"aspect"}))
    _say("it is about height and width together", given(idle & {"aspect"}))


def _say(why: str, flags: list[str], hint: str = "") -> None:
    if flags:
        say(f"note: {why}, so {' and '.join(flags)} change{'s' * (len(flags) == 1)} nothing{hint}")
