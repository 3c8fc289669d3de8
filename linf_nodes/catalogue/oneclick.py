"""The whole chain as one node."""

from ..pipeline import features
from ..pipeline import upscale as whole
from ..pipeline.render import Progress
from ..pipeline.size import SizeWish
from .amount import amount_of, detail_of
from .chain import learned_prior, sample_latent
from .node import node
from .types import (
    Aspect,
    AutoTemperature,
    Edges,
    Frame,
    Image,
    LatentKind,
    LongestSide,
    Mask,
    Megapixels,
    Model,
    MultipleOf,
    OnlyEnlarge,
    Origin,
    Reduce,
    Scale,
    ScaleX,
    Seed,
    ShortestSide,
    Side,
    Strength,
    Temperature,
    Tile,
)

_SEARCH = ("upscale", "upscaler", "super resolution", "hires", "enlarge image", "increase resolution")


@node("Upscale", ("upscaled",), aliases=_SEARCH)
def upscale(
    linf_model: Model,
    image: Image,
    scale: Scale = 4.0,
    latent: LatentKind = "auto",
    temperature: Temperature = 0.5,
    auto_temperature: AutoTemperature = True,
    strength: Strength = 1.0,
    seed: Seed = 0,
    frame: Frame = 0,
    scale_x: ScaleX = 0.0,
    height: Side = 0,
    width: Side = 0,
    megapixels: Megapixels = 0.0,
    tile: Tile = 0,
    origin_y: Origin = 0,
    origin_x: Origin = 0,
    mask: Mask | None = None,
    edges: Edges = "usual",
    only_enlarge: OnlyEnlarge = False,
    longest_side: LongestSide = 0,
    shortest_side: ShortestSide = 0,
    multiple_of: MultipleOf = 1,
    aspect: Aspect = "stretch",
    reduce: Reduce = False,
    progress: Progress | None = None,
) -> Image:
    """Enlarge a picture to any size in one step: exactly the chain of the other nodes, holding one window at a time.

    Of the inputs that say a size the first that is given decides: megapixels, longest_side, shortest_side, height and
    width, scale.

    Parameters
    ----------
    linf_model
        From Load LINF Model.
    image
        The picture to be enlarged; grey, RGB, with or without alpha.
    mask
        Multiplies the amount of detail pixel by pixel.
    """
    features.check_image(image)
    seen = features.Features(linf_model, image, edges=edges)
    wish = SizeWish(
        scale, scale_x, height, width, megapixels,
        only_enlarge, longest_side, shortest_side, multiple_of, aspect, reduce,
    )  # fmt: skip
    target = wish.target(seen.lr_size)
    if not target.computed:
        return target.finish(image)
    detail = detail_of(latent, temperature, auto_temperature, strength)
    kind, (height, width) = detail.kind(linf_model), target.grid
    draw = {} if kind == "learned" else {"seed": seed, "frame": frame, "origin_y": origin_y, "origin_x": origin_x}
    z = (learned_prior if kind == "learned" else sample_latent)(seen, height=height, width=width, **draw)
    amount = amount_of(seen, z.grid, kind, detail, mask)
    return target.finish(whole.upscale(seen, z, amount, tile or None, progress))
