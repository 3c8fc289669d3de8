"""The output size that was asked for: the one place that decides it, for every host."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor
from torch.nn.functional import interpolate

from ..errors import BadValue
from .features import has_alpha
from .grid import Size

MAX_SCALE = 32.0
ASPECTS = ("stretch", "fit", "fill")
_ORDER = (("megapixels",), ("longest_side",), ("shortest_side",), ("height", "width"), ("scale", "scale_x"))


@dataclass(frozen=True)
class Target:
    """What becomes of a picture: enlarged to `grid`, reduced from there to `fitted`, and of that the middle, `size`.

    `computed` is False for a picture that is passed on or reduced without the model.
    """

    lr_size: Size
    grid: Size
    fitted: Size
    size: Size
    computed: bool

    def finish(self, picture: Tensor) -> Tensor:
        """The picture `[b, c, *size]` of one `[b, c, *grid]`: reduced with antialiasing, alpha too, and cut."""
        if self.fitted != self.grid:
            picture = interpolate(picture, self.fitted, mode="bicubic", antialias=True)
            if has_alpha(picture):
                picture[:, -1].clamp_(0, 1)
        (top, left), (h, w) = ((n - m) // 2 for n, m in zip(self.fitted, self.size, strict=True)), self.size
        return picture if self.fitted == self.size else picture[..., top : top + h, left : left + w].clone()


@dataclass(frozen=True)
class SizeWish:
    """The options that say a size, under the names of Upscale's inputs.

    The first that is given decides: megapixels, longest_side, shortest_side, height and width, scale. All but scale_x,
    and height and width together, keep the aspect. `aspect` says what height and width together mean: `stretch` to
    them, `fit` within them, `fill` them and cut what stands out. `multiple_of` rounds both sides; with `fill` it cuts.

    A picture larger than asked is refused, passed on with `only_enlarge`, and reduced with `reduce`.
    """

    scale: float = 4.0
    scale_x: float = 0.0
    height: int = 0
    width: int = 0
    megapixels: float = 0.0
    only_enlarge: bool = False
    longest_side: int = 0
    shortest_side: int = 0
    multiple_of: int = 1
    aspect: str = "stretch"
    reduce: bool = False

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "SizeWish":
        """Out of a node's inputs; what is not given has its default."""
        return cls(**{f.name: values[f.name] for f in fields(cls) if f.name in values})

    def target(self, lr_size: Size) -> Target:
        """What becomes of a picture of `lr_size`.

        Raises
        ------
        BadValue
            When what was given is no size, smaller than the picture with neither `only_enlarge` nor `reduce`, or more
            than 32 times larger; the message speaks of what was given alone.
        """
        if self.aspect not in ASPECTS:
            raise BadValue(f"aspect is {self.aspect!r}: choose one of {', '.join(ASPECTS)}.")
        if self.multiple_of < 0:
            raise BadValue(f"multiple_of is {self.multiple_of}: give a positive number, or 0 for none.")
        size = asked = self._asked(lr_size)
        smaller_ok = self.reduce and not self.only_enlarge
        if self.multiple_of > 1:
            down = self.aspect == "fit" and self._boxed
            sides = zip(lr_size, size, strict=True)
            size = _pair(_rounded(s, self.multiple_of, 0 if smaller_ok else min(s, n), n, down) for n, s in sides)
        cut = self.aspect == "fill" and (self._boxed or size != asked)
        fitted = _covering(lr_size, size) if cut else size
        grid = _pair(max(n, f) for n, f in zip(lr_size, fitted, strict=True))
        return Target(lr_size, grid, fitted, size, grid != lr_size or not (self.only_enlarge or self.reduce))

    @property
    def rounding(self) -> int:
        """The multiple that both sides become where nothing else changes the aspect; else 1."""
        keeps = self.scale_x in (0, self.scale) if "scale" in self.deciding else not self._boxed
        return self.multiple_of if keeps else 1

    def idle(self) -> list[str]:
        """The options that change nothing, given the others: another decides the size, or it keeps the aspect."""
        aspect = [] if self._boxed or self.multiple_of > 1 else ["aspect"]
        return [name for names in _ORDER[_ORDER.index(self.deciding) + 1 :] for name in names] + aspect

    @property
    def deciding(self) -> tuple[str, ...]:
        """The options that say the size."""
        return next((names for names in _ORDER if any(getattr(self, name) > 0 for name in names)), _ORDER[-1])

    def _asked(self, lr_size: Size) -> Size:
        """The size before it is rounded to a multiple; with `fill`, that of what is kept."""
        h, w = lr_size
        self._check_numbers()
        if self.megapixels > 0:
            ratio = math.sqrt(self.megapixels * 1e6 / (h * w))
            self._check("megapixels", self.megapixels, h * w / 1e6, MAX_SCALE**2)
            return self._scaled(lr_size, ratio, 1)
        for name, own in (("longest_side", max(lr_size)), ("shortest_side", min(lr_size))):
            if value := getattr(self, name):
                self._check(name.replace("_", " "), value, own)
                return self._scaled(lr_size, value, own)
        if self._boxed:
            return self._box(lr_size)
        if self.height or self.width:
            name, value, own = ("height", self.height, h) if self.height else ("width", self.width, w)
            self._check(name, value, own)
            return self._scaled(lr_size, value, own)
        return scaled_size(lr_size, (self.scale, self.scale_x or self.scale))

    def _box(self, lr_size: Size) -> Size:
        """Height and width together."""
        sides = list(zip(("height", "width"), (self.height, self.width), lr_size, strict=True))
        if self.aspect == "stretch":
            for name, value, own in sides:
                self._check(name, value, own)
            return _pair(max(v, own) if self.only_enlarge else v for _, v, own in sides)
        choose = min if self.aspect == "fit" else max
        name, value, own = choose(sides, key=lambda side: side[1] / side[2])
        self._check(name, value, own)
        if self.only_enlarge and value <= own:
            return lr_size
        return (self.height, self.width) if self.aspect == "fill" else self._scaled(lr_size, value, own)

    def _scaled(self, lr_size: Size, value: float, own: float) -> Size:
        """Both sides by `value / own`."""
        if self.only_enlarge and value <= own:
            return lr_size
        return _pair(max(1, math.floor(n * value / own + 0.5)) for n in lr_size)

    def _check_numbers(self) -> None:
        if self.megapixels < 0 or not math.isfinite(self.megapixels):
            raise BadValue(
                f"The size of {self.megapixels:g} megapixels is not positive: give a positive number, or 0 for none."
            )
        for name in ("longest_side", "shortest_side", "height", "width"):
            if getattr(self, name) < 0:
                what = name.replace("_", " ")
                raise BadValue(f"The {what} {getattr(self, name)} is negative: give a positive number, or 0 for none.")

    def _check(self, name: str, value: float, own: float, most: float = MAX_SCALE) -> None:
        many = name == "megapixels"
        what, are = (f"{value:g} {name}", "are") if many else (f"{name} {value}", "is")
        if value < own and not (self.only_enlarge or self.reduce):
            least = f"{math.ceil(own * 1e4) / 1e4:g}" if many else f"{own}"
            raise BadValue(
                f"The {what} {are} smaller than the input's {own:g}: give at least {least}, or turn on Upscale's "
                "only_enlarge, which passes such a picture on, or its reduce."
            )
        if value > most * own:
            raise BadValue(
                f"The {what} {are} more than {most:g} times the input's {own:g}: give at most {most * own:g}."
            )

    @property
    def _boxed(self) -> bool:
        """Whether height and width decide together."""
        others = self.megapixels or self.longest_side or self.shortest_side
        return not others and self.height > 0 and self.width > 0


def scaled_size(lr_size: Size, scale: float | Sequence[float]) -> Size:
    """Output size of a scale, one number or `(y, x)`: `floor(n * s + 1/2)`, never below the input.

    Raises
    ------
    BadValue
        When a scale is not a number from 1 to 32.
    """
    pair = [scale, scale] if isinstance(scale, int | float) else list(scale)
    if len(pair) != 2:
        raise BadValue(f"The scale {scale!r} has {len(pair)} parts: give one number, or two as Y,X.")
    for s in pair:
        if not math.isfinite(s) or not 1 <= s <= MAX_SCALE:
            raise BadValue(f"The scale {s:g} is outside 1 to {MAX_SCALE:g}: choose a scale in that range.")
    return math.floor(lr_size[0] * pair[0] + 0.5), math.floor(lr_size[1] * pair[1] + 0.5)


def checked_size(lr_size: Size, hr_size: Size) -> Size:
    """`hr_size` itself, when it is not smaller than the input and not more than 32 times larger.

    Raises
    ------
    BadValue
        Otherwise.
    """
    for name, value, own in zip(("height", "width"), hr_size, lr_size, strict=True):
        SizeWish()._check(name, value, own)
    return hr_size


def output_size(
    lr_size: Size, scale: float = 4.0, scale_x: float = 0.0, size: Size = (0, 0), megapixels: float = 0.0
) -> Size:
    """The output size of the options that say nothing but a size (`SizeWish`)."""
    return SizeWish(scale, scale_x, *size, megapixels).target(lr_size).size


def _rounded(side: int, multiple: int, least: int, own: int, down: bool) -> int:
    """A multiple near `side`, not below `least`, nor more than the largest scale allows."""
    near = max(1, math.floor(side / multiple + (0 if down else 0.5))) * multiple
    if near < least:
        near += multiple
    if near > MAX_SCALE * own:
        near = int(MAX_SCALE * own) // multiple * multiple
    if near < max(1, least):
        raise BadValue(
            f"No multiple of {multiple} lies within {MAX_SCALE:g} times the input's {own}: give a smaller multiple_of."
        )
    return near


def _covering(lr_size: Size, size: Size) -> Size:
    """The smallest size of the picture's own aspect that covers `size`."""
    sides = list(zip(size, lr_size, strict=True))
    value, own = max(sides, key=lambda side: side[0] / side[1])
    return _pair(max(s, math.floor(n * value / own + 0.5)) for s, n in sides)


def _pair(values: Any) -> Size:
    height, width = values
    return height, width
