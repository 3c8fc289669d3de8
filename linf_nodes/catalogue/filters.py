"""Filters over scikit-image, so that chains exist in every host. Alpha passes through untouched."""

import math
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import BadShape, BadValue
from ..memory import check_result
from ..pipeline.features import check_image, has_alpha
from .node import node
from .types import Image, Pixels

_CATEGORY = "LINF/filters"

Radius = Annotated[float, {"min": 0.1, "max": 500.0, "step": 0.1}]
Weight = Annotated[float, {"min": 0.0, "max": 10.0, "step": 0.01}]


@node("Unsharp Mask", ("sharpened",), _CATEGORY, ("sharpen",))
def unsharp_mask(image: Image, radius: Radius = 1.0, amount: Weight = 1.0) -> Image:
    """Sharpen: add `amount` times the difference from a Gaussian blur.

    Parameters
    ----------
    image
        Any picture.
    radius
        Standard deviation of the blur in pixels.
    amount
        How much of the difference is added.
    """
    from skimage.filters import unsharp_mask as sharpen

    # scikit-image 0.26 takes an axis of -1 for 0, and leaves most of its result as it found the memory
    return _each(image, lambda p: sharpen(p, radius, amount, preserve_range=True, channel_axis=2))


@node("Denoise", ("denoised",), _CATEGORY, ("noise",))
def denoise(
    image: Image,
    method: Annotated[str, {"choices": ("total variation", "non-local means", "bilateral")}] = "total variation",
    strength: Annotated[float, {"min": 0.001, "max": 1.0, "step": 0.001}] = 0.05,
) -> Image:
    """Remove noise before enlarging, so that it is not enlarged too.

    Parameters
    ----------
    image
        Any picture.
    method
        total variation: flat areas; non-local means: repeated texture; bilateral: fast, keeps edges.
    strength
        Total variation weight, or the noise's standard deviation in units of the full range.
    """
    from skimage.restoration import denoise_bilateral, denoise_nl_means, denoise_tv_chambolle

    check_image(image)
    axis = 2 if image.shape[1] > 2 else None  # bilateral takes no colour axis of length 1

    def bilateral(picture: Any) -> Any:
        low = min(0.0, float(picture.min()))  # scikit-image weighs differences wrongly where samples are negative
        return low + denoise_bilateral(
            picture - low, sigma_color=strength, sigma_spatial=2, mode="edge", channel_axis=axis
        )

    methods: dict[str, Callable[[Any], Any]] = {
        "total variation": lambda p: denoise_tv_chambolle(p, strength, channel_axis=axis),
        "non-local means": lambda p: denoise_nl_means(p, 5, 6, strength, sigma=strength, channel_axis=axis),
        "bilateral": bilateral,
    }
    return _each(image, lambda p: methods[method](p if axis else p[..., 0]))


@node("Remove Background", ("corrected",), _CATEGORY, ("flat field", "rolling ball", "illumination"))
def remove_background(image: Image, radius: Radius = 50.0, dark_objects: bool = False) -> Image:
    """Subtract an uneven background, estimated with a rolling ball.

    Parameters
    ----------
    image
        Any picture.
    radius
        Of the ball in pixels; larger than the objects.
    dark_objects
        The objects are darker than the background.
    """
    from skimage.restoration import rolling_ball

    def background(plane: Any) -> Any:
        return (
            rolling_ball(plane * 255, radius=radius) / 255
        )  # the ball is round where a grey level is as high as a pixel

    def correct(plane: Any) -> Any:
        return plane + background(1 - plane) if dark_objects else plane - background(plane)

    return _each(image, lambda p: np.stack([correct(p[..., c]) for c in range(p.shape[-1])], -1))


@node("Resize", ("resized",), _CATEGORY, ("downscale", "shrink", "scale"))
def resize(
    image: Image,
    height: Pixels = 0,
    width: Pixels = 0,
    factor: Annotated[float, {"min": 0.001, "max": 32.0, "step": 0.001}] = 0.5,
    order: Annotated[str, {"choices": ("nearest", "bilinear", "bicubic")}] = "bicubic",
) -> Image:
    """Resize with antialiasing, alpha too; mostly to reduce a picture after it was enlarged.

    Parameters
    ----------
    image
        Any picture.
    height, width
        Exact size in pixels; one alone keeps the aspect; 0: not used.
    factor
        Used when neither height nor width is given.
    order
        Interpolation.
    """
    from skimage.transform import resize as scale

    check_image(image)
    h, w = image.shape[-2:]
    if height or width:
        size = (height or max(1, round(h * width / w)), width or max(1, round(w * height / h)))
    else:
        size = (max(1, round(h * factor)), max(1, round(w * factor)))
    check_result("A result", size, 4 * math.prod((*image.shape[:2], *size)))
    degree = {"nearest": 0, "bilinear": 1, "bicubic": 3}[order]
    smooth = degree > 0 and (size[0] < h or size[1] < w)

    def one(picture: Any) -> Any:
        return scale(picture, size, degree, mode="edge", anti_aliasing=smooth, preserve_range=True, clip=False)

    return torch.stack([_tensor(one(_array(p))) for p in image])


@node("Match Histogram", ("matched",), _CATEGORY, ("colour transfer", "color match"))
def match_histogram(image: Image, reference: Image) -> Image:
    """Give a picture the histogram of another, channel by channel.

    Parameters
    ----------
    image
        The picture to change.
    reference
        The picture whose histogram is wanted.
    """
    from skimage.exposure import match_histograms

    check_image(image)
    check_image(reference)
    target = _array(reference[0][:-1] if has_alpha(reference[0]) else reference[0])
    planes = image.shape[1] - has_alpha(image[0])
    if planes != target.shape[-1]:
        raise BadShape(
            f"The picture has {planes} colour channels, the reference {target.shape[-1]}: use the same kind."
        )
    return _each(image, lambda p: match_histograms(p, target, channel_axis=-1))


@node("Compare", ("comparison",), aliases=("difference", "before after"))
def compare(
    image_a: Image,
    image_b: Image,
    mode: Annotated[str, {"choices": ("side by side", "split", "difference")}] = "side by side",
    gain: Annotated[float, {"min": 0.1, "max": 100.0, "step": 0.1}] = 1.0,
) -> Image:
    """Put two pictures of one size beside each other, or show how they differ.

    Parameters
    ----------
    image_a, image_b
        Two pictures; a smaller one is enlarged to the other's size by repeating its pixels, and of a smaller batch the
        last picture is repeated.
    mode
        side by side; split: the left half of the first, the right half of the second; difference: around mid-grey.
    gain
        Multiplies the difference.
    """
    check_image(image_a)
    check_image(image_b)
    size = tuple(max(a, b) for a, b in zip(image_a.shape[-2:], image_b.shape[-2:], strict=True))
    if image_a.shape[1] != image_b.shape[1]:
        raise BadShape(f"The pictures have {image_a.shape[1]} and {image_b.shape[1]} channels: use the same kind.")
    a, b = (torch.nn.functional.interpolate(i, size, mode="nearest-exact") for i in (image_a.float(), image_b.float()))
    a, b = (_repeated(i, max(len(a), len(b))) for i in (a, b))
    if mode == "side by side":
        return torch.cat((a, b), -1)
    if mode == "split":
        return torch.cat((a[..., : size[1] // 2], b[..., size[1] // 2 :]), -1)
    return (0.5 + 0.5 * gain * (a - b)).clamp(0, 1)


def _repeated(image: Tensor, count: int) -> Tensor:
    """A batch of `count` pictures: the last one stands for those that are not there."""
    return image[torch.arange(count).clamp(max=len(image) - 1)]


def _each(image: Tensor, change: Callable[[Any], Any]) -> Tensor:
    """Apply `change`, over `[h, w, c]` arrays, to the colour planes of every picture."""
    check_image(image)
    results = []
    for picture in image:
        planes = picture[:-1] if has_alpha(picture) else picture
        array = _array(planes)
        changed = _tensor(np.reshape(change(array), array.shape))
        if not bool(torch.isfinite(changed).all()):
            raise BadValue("The filter gave pixels that are not numbers: choose a smaller radius or strength.")
        results.append(torch.cat((changed, picture[-1:])) if has_alpha(picture) else changed)
    return torch.stack(results)


def _array(picture: Tensor) -> Any:
    return picture.detach().float().movedim(0, -1).contiguous().numpy()


def _tensor(array: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32)).movedim(-1, 0)
