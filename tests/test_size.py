"""Every way to ask for a size, alone and together; what passes through; what messages speak of."""

import itertools
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from linf_nodes.catalogue import NODES
from linf_nodes.errors import BadValue
from linf_nodes.hosts.cli.main import main
from linf_nodes.pictures import read_picture
from linf_nodes.pipeline.size import SizeWish

from .models import make_model, picture

UPSCALE = NODES["LINFUpscale"]


def test_options_that_are_called_idle_change_nothing_and_the_others_do() -> None:
    other: dict[str, Any] = {
        "scale": 2.5, "scale_x": 3.5, "height": 77, "width": 99, "megapixels": 0.02, "longest_side": 88,
        "shortest_side": 66, "multiple_of": 8, "aspect": "fill",
    }  # fmt: skip
    free = SizeWish()
    for names in (c for n in range(4) for c in itertools.combinations(other, n)):
        wish = replace(free, **{name: other[name] for name in names})
        for name in wish.idle():
            for value in (other[name], getattr(free, name)):
                assert replace(wish, **{name: value}).target((30, 40)) == wish.target((30, 40)), (names, name)
    assert free.idle() == ["aspect"]
    assert SizeWish(height=77).idle() == ["scale", "scale_x", "aspect"]
    assert SizeWish(shortest_side=50, multiple_of=8).idle() == ["height", "width", "scale", "scale_x"]


@pytest.mark.parametrize(
    ("wish", "size"),
    [
        ({"scale": 2.0}, (60, 80)),
        ({"longest_side": 100}, (75, 100)),
        ({"shortest_side": 100}, (100, 133)),
        ({"height": 90}, (90, 120)),
        ({"height": 90, "width": 90}, (90, 90)),
        ({"height": 90, "width": 90, "aspect": "fit"}, (68, 90)),
        ({"height": 90, "width": 90, "aspect": "fill"}, (90, 90)),
        ({"multiple_of": 64}, (128, 192)),
        ({"height": 90, "width": 90, "aspect": "fit", "multiple_of": 8}, (64, 88)),
        ({"longest_side": 100, "multiple_of": 8, "aspect": "fill"}, (72, 104)),
        ({"megapixels": 0.0108, "longest_side": 1, "height": 1, "scale": 2.0}, (90, 120)),
        ({"longest_side": 100, "shortest_side": 1, "height": 1}, (75, 100)),
        ({"shortest_side": 60, "height": 1, "width": 1}, (60, 80)),
    ],
)
def test_the_first_that_is_given_decides(wish: dict[str, Any], size: tuple[int, int]) -> None:
    assert SizeWish(**wish).target((30, 40)).size == size


@pytest.mark.parametrize("multiple", [1, 8, 64])
@pytest.mark.parametrize("aspect", ["stretch", "fit", "fill"])
def test_sizes_keep_their_promises(aspect: str, multiple: int) -> None:
    for lr in ((30, 40), (97, 13), (64, 64)):
        for height, width in ((200, 150), (97, 130), (400, 64)):
            target = SizeWish(height=height, width=width, aspect=aspect, multiple_of=multiple, reduce=True).target(lr)
            assert all(n % multiple == 0 for n in target.size)
            assert all(g >= n for g, n in zip(target.grid, lr, strict=True)), "the model never reduces"
            assert all(f >= s for f, s in zip(target.fitted, target.size, strict=True))
            if aspect == "fit" and multiple == 1:
                assert target.size[0] <= height
                assert target.size[1] <= width
                assert height in target.size or width in target.size
            if aspect == "fill":
                drift = target.fitted[0] / lr[0] * lr[1] / target.fitted[1]
                assert abs(drift - 1) <= 1 / min(target.fitted), "the aspect is the picture's own"


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"height": 80}, "The height 80 is smaller than the input's 96: give at least 96"),
        ({"width": 95}, "The width 95 is smaller than the input's 96: give at least 96"),
        ({"megapixels": 0.005}, "The 0.005 megapixels are smaller than the input's 0.009216: give at least 0.0093"),
        ({"longest_side": 95}, "The longest side 95 is smaller than the input's 96"),
        ({"shortest_side": 4000}, "The shortest side 4000 is more than 32 times the input's 96: give at most 3072"),
        ({"megapixels": 10}, "The 10 megapixels are more than 1024 times the input's 0.009216"),
        ({"height": 80, "width": 500, "aspect": "fit"}, "The height 80 is smaller"),
        ({"longest_side": -1}, "The longest side -1 is negative"),
        ({"megapixels": math.inf}, "inf megapixels"),
        ({"aspect": "squeeze"}, "aspect is 'squeeze'"),
        ({"multiple_of": -8}, "multiple_of is -8"),
        ({"multiple_of": 4096}, "No multiple of 4096"),
    ],
)
def test_messages_speak_of_what_was_given_alone(wish: dict[str, Any], said: str) -> None:
    with pytest.raises(BadValue, match=re.escape(said)) as found:
        SizeWish(**wish).target((96, 96))
    limits = {"0", "96", "32", "1024", "3072", "0.009216", "0.0093", "9.43718"}
    given = {str(value).lstrip("-") for value in wish.values()}
    assert set(re.findall(r"\d+(?:\.\d+)?", str(found.value))) <= limits | given


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("wish", [{"height": 80}, {"megapixels": 0.005}, {"longest_side": 96}, {"scale": 1.0}])
def test_only_enlarge_passes_a_picture_on_and_enlarges_another(wish: dict[str, Any], channels: int) -> None:
    image = picture(96, 96, channels, batch=2)
    values = {"linf_model": make_model(), "only_enlarge": True, **wish}
    assert torch.equal(UPSCALE({"image": image, **values}), image)
    assert UPSCALE({"image": image, **values, "reduce": True}).shape == image.shape, "only_enlarge goes first"
    if "scale" in wish:
        return
    small = picture(20, 20, channels)
    plain = {k: v for k, v in values.items() if k != "only_enlarge"}
    assert torch.equal(UPSCALE({"image": small, **values}), UPSCALE({"image": small, **plain}))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_reduce_reduces_with_antialiasing_and_keeps_the_channels(channels: int) -> None:
    image = torch.full((1, channels, 96, 96), 0.5)
    image[..., ::2] = 0.3  # stripes that a reduction without antialiasing would keep
    image[..., 1::2] = 0.7
    out = UPSCALE({"linf_model": make_model(), "image": image, "height": 24, "reduce": True})
    assert out.shape == (1, channels, 24, 24)
    assert (out[..., 3:-3] - 0.5).abs().max() < 0.02
    mixed = UPSCALE({"linf_model": make_model(), "image": image, "height": 24, "width": 130, "reduce": True})
    assert mixed.shape == (1, channels, 24, 130)


def test_fill_is_the_middle_of_the_whole() -> None:
    values = {"linf_model": make_model(), "image": picture(30, 40), "seed": 3}
    whole = UPSCALE({**values, "height": 90})
    cut = UPSCALE({**values, "height": 90, "width": 90, "aspect": "fill"})
    assert torch.equal(cut, whole[..., 15:105])


def test_a_picture_of_the_size_asked_is_computed_unless_passing_on_was_asked_for() -> None:
    """As before: scale 1 runs the model."""
    image = picture(20, 20)
    assert not torch.equal(UPSCALE({"linf_model": make_model(), "image": image, "scale": 1.0}), image)


def test_a_mixed_folder_runs_with_one_size(tmp_path: Path) -> None:
    from linf_nodes.pictures import Picture, write_picture

    (tmp_path / "in").mkdir()
    for side in (20, 60):
        pixels = picture(side, side)[0].movedim(0, -1).numpy()
        write_picture(Picture(pixels), tmp_path / "in" / f"{side}.png")
    order = ["upscale", str(tmp_path / "in"), str(tmp_path / "out"), "--longest-side", "40"]
    assert main([*order, "--only-enlarge"]) == 0
    sizes = {f.stem[:2]: read_picture(f).pixels.shape[:2] for f in (tmp_path / "out").iterdir()}
    assert sizes == {"20": (40, 40), "60": (60, 60)}
    assert main([*order[:2], str(tmp_path / "less"), *order[3:], "--reduce"]) == 0
    assert {read_picture(f).pixels.shape[:2] for f in (tmp_path / "less").iterdir()} == {(40, 40)}
