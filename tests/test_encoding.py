"""The encoder's features are the same in whatever pieces they are computed, and no piece is computed twice in a row."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from linf_nodes.pipeline import encoding
from linf_nodes.pipeline.blocks import Block, Span
from linf_nodes.pipeline.encoding import Encoding
from linf_nodes.pipeline.features import Features
from linf_nodes.pipeline.grid import Grid
from linf_nodes.pipeline.latent import PriorLatent
from linf_nodes.pipeline.model import LoadedModel
from linf_nodes.pipeline.render import Amount, plan_for, stream
from linf_nodes.pipeline.upscale import upscale

from .models import EDSR, RDN, make_model, picture


@contextmanager
def _seen(model: LoadedModel) -> Iterator[list[tuple[int, int]]]:
    """Sizes of what the encoder is shown."""
    sizes: list[tuple[int, int]] = []
    hook = model.network.encoder.register_forward_pre_hook(lambda _, args: sizes.append(tuple(args[0].shape[-2:])))
    with torch.inference_mode():
        yield sizes
    hook.remove()


def _encoding(model: LoadedModel, image: Tensor) -> Encoding:
    return Encoding(model, image[0], (image.shape[-2], image.shape[-1]), (0, 0))


def test_what_was_kept_is_not_computed_again() -> None:
    model, image = make_model(), picture(30, 90)
    rows = Span(3, 28)
    left, right = Block(rows, Span(0, 50)), Block(rows, Span(35, 90))
    with _seen(model) as sizes:
        alone = _encoding(model, image).features(right)
        row = _encoding(model, image)
        row.features(left, again=35)
        after = row.features(right)
    assert (after - alone).abs().max() <= 1e-6
    assert sizes[2][1] == sizes[0][1] - 15


@pytest.mark.parametrize(
    "block",
    [Block(Span(2, 28), Span(35, 90)), Block(Span(3, 28), Span(34, 90)), Block(Span(3, 28), Span(60, 90))],
    ids=["other rows", "more to the left", "beyond"],
)
def test_what_does_not_fit_is_computed_anew(block: Block) -> None:
    model, image = make_model(), picture(30, 90)
    with _seen(model) as sizes:
        alone = _encoding(model, image).features(block)
        row = _encoding(model, image)
        row.features(Block(Span(3, 28), Span(0, 50)), again=35)
        assert (row.features(block) - alone).abs().max() <= 1e-6
    assert sizes[2] == sizes[0]


def test_all_may_be_kept() -> None:
    model, image = make_model(), picture(30, 90)
    block = Block(Span(3, 28), Span(20, 50))
    with _seen(model) as sizes:
        row = _encoding(model, image)
        first = row.features(block, again=0)
        assert torch.equal(row.features(block), first)
    assert len(sizes) == 1


def test_nothing_is_kept_of_what_depends_on_its_window() -> None:
    model, image = make_model(RDN), picture(32, 120)
    assert model.halo < model.network.encoder.receptive_field
    right = Block(Span(0, 32), Span(72, 120))
    with _seen(model) as sizes:
        _encoding(model, image).features(right)
        row = _encoding(model, image)
        row.features(Block(Span(0, 32), Span(0, 96)), again=72)
        row.features(right)
    assert sizes[2] == sizes[0]


def test_large_rectangles_are_encoded_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, image = make_model(), picture(70, 90)
    block = Block(Span(5, 70), Span(0, 80))
    with _seen(model) as sizes:
        whole = _encoding(model, image).features(block)
        assert len(sizes) == 1
        monkeypatch.setattr(encoding, "MAP_BYTES", 4 * 8 * 1000)
        parts = _encoding(model, image).features(block)
    assert (parts - whole).abs().max() <= 1e-6
    assert len(sizes) > 4
    assert all(h * w <= 1000 for h, w in sizes[1:])


def test_a_picture_with_a_prior_does_not_depend_on_what_was_asked_before() -> None:
    model, image = make_model(EDSR, 3, "unet"), picture(30, 260)
    grid = Grid((30, 260), (60, 520), 3)
    features, latent = Features(model, image), PriorLatent(grid, model.hash)
    with _seen(model) as sizes:
        whole = upscale(features, latent, Amount(), 40)[0]
    plan = plan_for(features, latent, 40)
    assert len(plan) > 5
    assert sum(w for _, w in sizes) < 2 * 260, "every column was encoded once, and a halo around it"
    with torch.inference_mode():
        for block in plan:
            for pixels, values in stream(features, latent, 0, Amount(), plan, block.pixels(grid)):
                assert (values - whole[(..., *pixels.slices())]).abs().max() <= 1e-6
