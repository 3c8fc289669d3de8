"""Enlarged layers lie exactly on their sources; needs napari's layers, but no display."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari", reason="napari is not installed")

from napari.layers import Image

from linf_nodes.errors import BadValue
from linf_nodes.hosts.napari.dock.preset_values import changes_of, needs_source
from linf_nodes.hosts.napari.layers.options import Options, Sizing
from linf_nodes.hosts.napari.layers.placement import Place, corners, linear_matrix, looks, transform
from linf_nodes.hosts.napari.layers.source import default_axes, source_of
from linf_nodes.hosts.napari.layers.view import Rectangle

# napari draws such layers without their out-of-slice part and says so whenever one is made
pytestmark = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing is being requested:UserWarning")

FACTORS = [1.7, 2.0, math.pi]


def layer_2d(h: int = 21, w: int = 34, **options: Any) -> Image:
    affine = np.array([[1.1, 0.2, 3.0], [-0.1, 0.9, -7.0], [0, 0, 1]])
    data = np.zeros((h, w), np.uint16)
    where = {"scale": (0.3, 0.7), "translate": (11.0, -5.0), "rotate": 33.0, "shear": [0.4], "affine": affine}
    return Image(data, **{**where, "units": ("um", "um"), "axis_labels": ("y", "x"), **options})


def layer_3d(shape: tuple[int, int, int]) -> Image:
    rotate = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    affine = np.eye(4) + 0.1 * np.random.default_rng(2).normal(size=(4, 4))
    affine[3] = 0, 0, 0, 1
    where = {"scale": (2.0, 0.3, 0.7), "translate": (1.0, -5.0, 9.0), "rotate": rotate, "shear": [0.1, -0.3, 0.2]}
    return Image(np.zeros(shape, np.uint16), **where, affine=affine, units=("um", "um", "um"))


def enlarged(layer: Image, y: int, x: int, factors: tuple[float, float]) -> Image:
    """A layer as the widget adds it, of pixels that do not matter here."""
    source = source_of(layer, y, x)
    size = Options(scale=factors).hr_size(source.size, source.pixel)
    ratio = source.size[0] / size[0], source.size[1] / size[1]
    shape = list(layer.data.shape)
    shape[source.y], shape[source.x] = size
    place = Place.of(source.ndim, (source.y, source.x), ratio)
    return Image(np.zeros(shape, np.uint16), **transform(layer, place), **looks(layer))


@pytest.mark.parametrize("factor", FACTORS)
def test_corners_agree_in_2d(factor: float) -> None:
    small = layer_2d()
    large = enlarged(small, -2, -1, (factor, factor))
    np.testing.assert_allclose(corners(large, large.data.shape), corners(small, small.data.shape), atol=1e-8, rtol=0)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(("y", "x"), list(itertools.permutations(range(3), 2)))
def test_corners_agree_in_3d_whichever_axes_are_enlarged(factor: float, y: int, x: int) -> None:
    small = layer_3d((7, 12, 9))
    large = enlarged(small, y, x, (factor, 1 + factor / 2))
    np.testing.assert_allclose(corners(large, large.data.shape), corners(small, small.data.shape), atol=1e-8, rtol=0)
    assert large.data.shape != small.data.shape


def test_every_corner_agrees_not_two_alone() -> None:
    small = layer_3d((5, 8, 6))
    large = enlarged(small, 1, 2, (math.pi, 1.7))
    for ends in itertools.product((0, 1), repeat=3):
        before = small.data_to_world([n * e - 0.5 for n, e in zip(small.data.shape, ends, strict=True)])
        after = large.data_to_world([n * e - 0.5 for n, e in zip(large.data.shape, ends, strict=True)])
        np.testing.assert_allclose(after, before, atol=1e-8, rtol=0)


def test_a_piece_lies_where_it_lies_in_the_whole() -> None:
    """Plane 3 and rows 4 to 9 of the enlarged stack keep their world coordinates."""
    small = layer_3d((7, 12, 9))
    source = source_of(small, 1, 2)
    size = 37, 20
    ratio = 12 / 37, 9 / 20
    whole = Image(np.zeros((7, *size), np.uint16), **transform(small, Place.of(3, (1, 2), ratio)))
    piece = Image(np.zeros((1, 5, 6), np.uint16), **transform(small, Place.of(3, (1, 2), ratio, (3, 4, 11))))
    assert source.size == (12, 9)
    np.testing.assert_allclose(piece.data_to_world((0, 0, 0)), whole.data_to_world((3, 4, 11)), atol=1e-8, rtol=0)
    np.testing.assert_allclose(piece.data_to_world((0, 4, 5)), whole.data_to_world((3, 8, 16)), atol=1e-8, rtol=0)


def test_the_linear_part_is_napari_s_own() -> None:
    layer = layer_3d((4, 5, 6))
    ours = linear_matrix(layer.scale, layer.rotate, layer.shear)
    at = np.array([layer.world_to_data(np.zeros(3)), layer.world_to_data(np.ones(3))])
    affine = layer.affine.affine_matrix
    world = [affine[:3, :3] @ (ours @ p + layer.translate) + affine[:3, 3] for p in at]
    np.testing.assert_allclose(world, [np.zeros(3), np.ones(3)], atol=1e-8, rtol=0)


def test_looks_and_names_are_kept() -> None:
    small = layer_2d(contrast_limits=(100, 4000), gamma=0.7, colormap="magenta", blending="additive", opacity=0.6)
    large = enlarged(small, -2, -1, (2, 2))
    for name in ("contrast_limits", "gamma", "blending", "opacity", "units", "axis_labels"):
        assert getattr(large, name) == getattr(small, name)
    assert large.colormap.name == "magenta"


def test_a_small_rgb_layer_stays_rgb() -> None:
    """napari guesses rgb from 30 pixels a side on."""
    small = Image(np.zeros((6, 7, 3), np.uint8), rgb=True)
    source = source_of(small)
    assert (source.size, source.colour, source.ndim) == ((6, 7), 2, 2)
    assert Image(np.zeros((12, 14, 3), np.uint8), **looks(small)).rgb


def test_axes_come_from_the_labels() -> None:
    assert default_axes(("z", "y", "x")) == (-2, -1)
    assert default_axes(("x", "Y", "c")) == (-2, -3)
    assert default_axes(("-2", "-1")) == (-2, -1)


def test_a_labelled_channel_axis_is_known() -> None:
    layer = Image(np.zeros((2, 3, 8, 9)), axis_labels=("z", "C", "y", "x"))
    assert source_of(layer).channel == 1
    assert source_of(layer_2d()).channel is None


@pytest.mark.parametrize("pixel", [0.1, 0.25, 0.3])
def test_target_pixel_size_in_the_layer_s_units(pixel: float) -> None:
    options = Options(sizing=Sizing.PIXEL, pixel=(pixel, pixel))
    assert options.hr_size((100, 40), (0.3, 0.5)) == (math.floor(30 / pixel + 0.5), math.floor(20 / pixel + 0.5))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(sizing=Sizing.PIXEL, pixel=(0.0, 0.1)), "pixel size y = 0 is not a positive"),
        (Options(sizing=Sizing.PIXEL, pixel=(0.6, 0.1)), "pixel size y = 0.6 is larger than the layer's 0.5"),
        (Options(sizing=Sizing.PIXEL, pixel=(0.5, 0.001)), "more than 32 times"),
        (Options(sizing=Sizing.SIZE, size=(9, 100)), "height 9 is smaller than the input's 20"),
        (Options(sizing=Sizing.SIZE), "exact size is 0x0"),
        (Options(scale=(0.5, 2)), "scale 0.5 is outside 1 to 32"),
    ],
)
def test_sizes_that_cannot_be(options: Options, words: str) -> None:
    with pytest.raises(BadValue, match=words):
        options.hr_size((20, 30), (0.5, 0.5))


def test_options_become_a_preset_and_come_back() -> None:
    options = Options(
        scale=(1.5, 3.0), model="photo", prior="none", device="cpu", precision="float32", latent="noise",
        temperature=0.2, auto_temperature=False, strength=0.7, seed=2**60, tile=512, passes=8,
    )  # fmt: skip
    values = options.load_values(), options.upscale_values()
    changed = changes_of(*values, (10, 10))
    assert Options(**changed) == options


@pytest.mark.parametrize(
    ("upscale", "size"),
    [
        ({"megapixels": 0.01}, (100, 100)),
        ({"longest_side": 128}, (128, 128)),
        ({"shortest_side": 90, "multiple_of": 8}, (88, 88)),
        ({"scale": 2.1, "multiple_of": 8}, (104, 104)),
        ({"height": 100, "width": 120, "aspect": "fit"}, (100, 100)),
        ({"height": 100, "width": 120, "aspect": "fill"}, (100, 120)),
    ],
    ids=str,
)
def test_a_preset_s_size_of_a_source_becomes_an_exact_one(upscale: dict[str, Any], size: tuple[int, int]) -> None:
    assert needs_source(upscale)
    assert changes_of({}, upscale, (50, 50))["size"] == size


def test_other_sizes_of_a_preset_need_no_source() -> None:
    for upscale in ({}, {"scale": 3.0}, {"height": 70}, {"megapixels": 0.0, "multiple_of": 1, "aspect": "stretch"}):
        assert not needs_source(upscale)


def test_rectangles_grow_outwards_and_shrink_to_the_middle() -> None:
    assert Rectangle(1, 3, 0, 2).scaled((1.5, 2.0), (100, 3)) == Rectangle(1, 5, 0, 3)
    assert Rectangle(10, 110, 0, 8).middle(50) == Rectangle(35, 85, 0, 8)
