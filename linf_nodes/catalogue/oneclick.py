"""The whole chain as one node."""

from ..pipeline import features
from ..pipeline import upscale as whole
from ..pipeline.grid import Grid
from ..pipeline.latent import latent_for, patch_origin
from ..pipeline.render import Progress
from ..pipeline.size import SizeWish
from .amount import amount_of, detail_of
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
    Passes,
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
    passes: Passes = 1,
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
    seen = features.Features(linf_model, image, edges=edges, passes=passes)
    wish = SizeWish(
        scale, scale_x, height, width, megapixels,
        only_enlarge, longest_side, shortest_side, multiple_of, aspect, reduce,
    )  # fmt: skip
    target = wish.target(seen.lr_size)
    if not target.computed:
        return target.finish(seen.image)
    detail = detail_of(latent, temperature, auto_temperature, strength)
    kind = detail.kind(linf_model)
    grid = Grid(seen.lr_size, target.grid, linf_model.patch)
    z = latent_for(kind, grid, linf_model, seed, frame, patch_origin((origin_y, origin_x), grid.patch))
    amount = amount_of(seen, grid, kind, detail, mask)
    return target.finish(whole.upscale(seen, z, amount, tile or None, progress))
