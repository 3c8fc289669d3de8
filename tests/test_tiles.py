"""However a picture is cut, batched, stored or interrupted, it is the same picture."""

import math
import re
from typing import Any

import numpy as np
import pytest
import torch

import linf_nodes as linf
from linf_nodes.catalogue import NODES
from linf_nodes.errors import BadShape, BadValue, Cancelled, OutOfMemory
from linf_nodes.pipeline.blocks import Block, Plan, Span
from linf_nodes.pipeline.composition import compose, flow_inverse
from linf_nodes.pipeline.features import Features, encode
from linf_nodes.pipeline.fields import field as field_module
from linf_nodes.pipeline.grid import Grid
from linf_nodes.pipeline.latent import ArrayLatent, NoiseLatent, PriorLatent, check_latent, patch_origin
from linf_nodes.pipeline.reference import encode_reference
from linf_nodes.pipeline.render import Amount, check_mask, plan_for, stream
from linf_nodes.pipeline.size import scaled_size
from linf_nodes.pipeline.upscale import upscale

from .models import EDSR, RDN, RRDB, SMFANET, SPAN, SWINIR, enlarge, make_model, picture

SCALES = [1.7, 2, 2.37, math.pi, 4, 8, (2, 3.3)]


@pytest.mark.parametrize("scale", SCALES, ids=str)
@pytest.mark.parametrize("patch", [1, 3])
@pytest.mark.parametrize("tile", [9, 16])
@pytest.mark.parametrize("encoder", [EDSR, SPAN], ids=["edsr", "span"])
def test_tiles_change_nothing_with_plain_encoders(encoder: dict[str, Any], scale: float, patch: int, tile: int) -> None:
    model, image = make_model(encoder, patch), picture(29, 23)
    size = scaled_size((29, 23), scale)
    whole = enlarge(model, image, size)
    assert whole.shape == (1, 3, *size)
    assert (enlarge(model, image, size, tile) - whole).abs().max() <= 1e-6


@pytest.mark.parametrize("size", [(41, 41), (58, 47), (100, 30), (29, 23)])
def test_tiles_change_nothing_at_exact_sizes(size: tuple[int, int]) -> None:
    model, image = make_model(), picture(29, 23)
    assert (enlarge(model, image, size, 8) - enlarge(model, image, size)).abs().max() <= 1e-6


@pytest.mark.parametrize(("name", "encoder"), [("rdn", RDN), ("rrdb", RRDB), ("swinir", SWINIR), ("smfanet", SMFANET)])
def test_tiles_change_little_with_wide_encoders(name: str, encoder: dict[str, Any]) -> None:
    model, image = make_model(encoder), picture(90, 70)
    assert (enlarge(model, image, (180, 140), 24) - enlarge(model, image, (180, 140))).abs().max() <= 1 / 512


@pytest.mark.parametrize("prior", ["unet", "edsr-baseline-latent", "swin_latent"])
@pytest.mark.parametrize("patch", [1, 3])
def test_tiles_change_little_with_learned_priors(prior: str, patch: int) -> None:
    model, image = make_model(EDSR, patch, prior), picture(61, 50)
    size = (61 * patch + 7, 50 * patch + 11)
    assert (enlarge(model, image, size, 17) - enlarge(model, image, size)).abs().max() <= 1 / 512


@pytest.mark.parametrize("prior", ["unet", "edsr-baseline-latent", "swin_latent"])
def test_windows_inside_a_large_latent_map_change_little(prior: str) -> None:
    model, image = make_model(EDSR, 3, prior), picture(120, 90)
    assert (enlarge(model, image, (600, 450), 24) - enlarge(model, image, (600, 450))).abs().max() <= 1 / 512


def test_a_picture_in_a_batch_is_the_picture_alone() -> None:
    model, batch = make_model(), picture(13, 17, batch=3)
    together = enlarge(model, batch, (40, 51))
    for item in range(3):
        assert torch.equal(together[item], enlarge(model, batch[item : item + 1], (40, 51))[0])


def test_windows_are_bit_identical_however_they_are_asked_for() -> None:
    model, image = make_model(), picture(30, 30)
    grid = Grid((30, 30), (71, 71), 3)
    features, latent = Features(model, image), NoiseLatent(grid, model.hash)
    plan = Plan.of(grid, 10)
    whole = upscale(features, latent, Amount(), 10)[0]
    for window in (
        Block(Span(0, 71), Span(0, 71)),
        Block(Span(35, 36), Span(70, 71)),
        Block(Span(20, 50), Span(3, 60)),
    ):
        covered = torch.zeros(71, 71, dtype=torch.bool)
        with torch.inference_mode():
            for pixels, values in stream(features, latent, 0, Amount(), plan, window):
                rows, cols = (slice(*s) for s in pixels)
                assert torch.equal(values, whole[:, rows, cols])
                covered[rows, cols] = True
        assert covered[slice(*window.rows), slice(*window.cols)].all()


def test_features_encoded_before_give_the_same_picture() -> None:
    model, image = make_model(), picture(21, 33)
    grid = Grid((21, 33), (60, 70), 3)
    latent = NoiseLatent(grid, model.hash, 4)
    with torch.inference_mode():
        features = encode(model, image, 16)
    assert (upscale(features, latent, Amount()) - upscale(Features(model, image), latent, Amount())).abs().max() <= 1e-6


@pytest.mark.parametrize("prior", [None, "unet"])
def test_the_explicit_chain_is_the_one_click(prior: str | None) -> None:
    model, image = make_model(prior=prior), picture(20, 26)
    grid = Grid((20, 26), (55, 77), 3)
    latent = PriorLatent(grid, model.hash) if prior else NoiseLatent(grid, model.hash, 9)
    features = Features(model, image)
    chain = compose(flow_inverse(features, latent, 12), Amount(0.6))
    assert (chain - upscale(features, latent, Amount(0.6))).abs().max() <= 1e-6


def test_a_crop_that_carries_its_origin_continues_the_whole() -> None:
    """At x3 a crop from LR pixel (8, 4) starts at output pixel (24, 12); away from its edges it is the whole."""
    model, image = make_model(), picture(40, 40)
    whole = enlarge(model, image, (120, 120))
    crop = enlarge(model, image[:, :, 8:40, 4:40], (96, 108), origin=patch_origin((24, 12), 3))
    margin = 3 * (model.halo + 2)
    inner = (slice(None), slice(None), slice(margin, 96), slice(margin, 108))
    assert (crop[inner] - whole[:, :, 24:, 12:][inner]).abs().max() <= 1e-6
    with pytest.raises(BadValue, match="y = 25 is not a multiple of the patch of 3: use 24"):
        patch_origin((25, 12), 3)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 50), (300, 2)])
@pytest.mark.parametrize("prior", [None, "unet", "swin_latent"])
def test_tiny_and_thin_pictures_work(size: tuple[int, int], prior: str | None) -> None:
    for encoder in (EDSR, SWINIR):
        out = enlarge(make_model(encoder, prior=prior), picture(*size), (size[0] * 4, size[1] * 4))
        assert torch.isfinite(out).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_grey_and_alpha_come_back_as_they_went(channels: int) -> None:
    model, image = make_model(), picture(12, 10, channels)
    out = enlarge(model, image, (30, 27), 5)
    assert out.shape == (1, channels, 30, 27)
    if channels in (2, 4):
        alpha = torch.nn.functional.interpolate(image[:, -1:], (30, 27), mode="bilinear")
        assert (out[:, -1:] - alpha).abs().max() < 1e-6
        colour = enlarge(model, image[:, :-1], (30, 27), 5)
        assert torch.equal(out[:, :-1], colour)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.4])
def test_masks_of_zero_one_and_half(value: float) -> None:
    model, image = make_model(), picture(14, 15)
    grid = Grid((14, 15), (40, 44), 3)
    latent = NoiseLatent(grid, model.hash)
    mask = torch.full((1, 40, 44), value)
    masked = upscale(Features(model, image), latent, Amount(0.8, mask), 9)
    plain = upscale(Features(model, image), latent, Amount(0.8 * value))
    assert (masked - plain).abs().max() <= 1e-6
    assert check_mask(torch.ones(7, 9), grid).shape == (1, 40, 44)
    with pytest.raises(BadShape, match=r"\(3,\)"):
        check_mask(torch.ones(3), grid)


def test_a_reference_comes_back_from_its_latent() -> None:
    model, image = make_model(), picture(16, 12)
    grid = Grid((16, 12), (50, 37), 3)
    reference = picture(50, 37, seed=8)
    features = Features(model, image)
    z = encode_reference(features, grid, reference, 7)
    again = upscale(features, ArrayLatent(grid, model.hash, z, "reference"), Amount())
    assert (again - reference).abs().max() < 1e-5


def test_a_latent_of_another_model_or_grid_is_refused() -> None:
    grid = Grid((10, 10), (20, 20), 3)
    with pytest.raises(BadValue, match=r"aaaa.*photo"):
        check_latent(NoiseLatent(grid, "aaaa"), grid, "bbbb", "photo")
    with pytest.raises(BadShape, match=r"\(20, 20\).*\(30, 30\)"):
        check_latent(NoiseLatent(grid, "aaaa"), Grid((10, 10), (30, 30), 3), "aaaa", "photo")


def test_half_precision_stays_close() -> None:
    image = picture(24, 24)
    exact = enlarge(make_model(), image, (72, 72), amount=0.0)
    half = enlarge(make_model(dtype=torch.bfloat16), image, (72, 72), amount=0.0)
    assert -10 * math.log10(float((exact - half).square().mean())) > 40


def test_progress_counts_every_block_and_may_cancel() -> None:
    model, image = make_model(), picture(30, 30, batch=2)
    grid = Grid((30, 30), (60, 60), 3)
    latent, features = NoiseLatent(grid, model.hash), Features(model, image)
    calls: list[tuple[int, int]] = []
    upscale(features, latent, Amount(), 10, lambda done, total, preview: calls.append((done, total)))
    total = 2 * len(plan_for(features, latent, 10))
    assert calls == [(n + 1, total) for n in range(total)]

    def stop(done: int, total: int, preview: object) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        upscale(features, latent, Amount(), 10, stop)


def test_out_of_memory_halves_the_block_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from linf_nodes.pipeline import render

    model, image = make_model(), picture(200, 150)
    plain = enlarge(model, image, (400, 300))
    real, sizes = render._texture, []

    def scarce(field: Any, latent: Any, item: int, amount: Any, block: Block, others: Any) -> torch.Tensor:
        sizes.append(block.size)
        if block.size[0] > 80:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(field, latent, item, amount, block, others)

    monkeypatch.setattr(render, "_texture", scarce)
    assert (enlarge(model, image, (400, 300)) - plain).abs().max() <= 1e-6
    assert len(sizes) > 4

    def never(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(render, "_texture", never)
    with pytest.raises(OutOfMemory, match="does not fit into the memory"):
        enlarge(model, image, (400, 300))


def test_the_heap_is_trimmed_where_blocks_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    model, image = make_model(EDSR, 3, "unet"), picture(120, 90)
    counted: list[int] = []
    monkeypatch.setattr(field_module, "trim_heap", lambda: counted.append(1))
    enlarge(model, image, (120, 90))
    assert not counted, "one block"
    enlarge(model, image, (120, 90), 24)
    plan = plan_for(Features(model, image), PriorLatent(Grid((120, 90), (120, 90), 3), model.hash), 24)
    assert len(counted) >= 2 * len(plan)


@pytest.mark.parametrize("size", [(90, 70), (1200, 700), (1031, 1537)])
@pytest.mark.parametrize("channels", [1, 4])
def test_the_preview_is_the_picture_that_fills_up(size: tuple[int, int], channels: int) -> None:
    model, image = make_model(), picture(45, 49, channels)
    seen: list[torch.Tensor] = []
    features, latent = Features(model, image), NoiseLatent(Grid((45, 49), size, 3), model.hash, 3, dim=27)
    whole = upscale(features, latent, Amount(), 20, lambda done, total, preview: seen.append(preview.clone()))
    step = -(-max(size) // 512)
    assert torch.equal(seen[-1], whole[0][:, ::step, ::step])
    assert max(seen[-1].shape) <= 512
    filled = [float((a == seen[-1]).float().mean()) for a in seen]
    assert filled == sorted(filled)
    assert all(s.shape == seen[-1].shape for s in seen)


def test_pixels_that_are_not_numbers_are_refused() -> None:
    image = picture(8, 8)
    image[0, 0, 2, 3] = math.nan
    with pytest.raises(BadValue, match="1 pixels that are NaN or infinite"):
        enlarge(make_model(), image, (16, 16))
    with pytest.raises(BadShape, match="5"):
        enlarge(make_model(), picture(8, 8, 5), (16, 16))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "torch.uint8"),
        (torch.zeros(3, 8, 8), r"shape \(3, 8, 8\)"),
        (torch.zeros(1, 5, 8, 8), r"shape \(1, 5, 8, 8\)"),
        (np.zeros((1, 3, 8, 8)), "a ndarray"),
        ("a.png", "a str"),
    ],
    ids=["uint8", "no batch", "five channels", "array", "name"],
)
def test_what_is_no_picture_is_told_in_one_sentence(image: Any, words: str) -> None:
    for node in (NODES["LINFUpscale"], NODES["LINFEncodeLr"]):
        with pytest.raises((BadValue, BadShape), match=words):
            node.function(make_model(), image)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"linf_model": "photo"}, "linf_model is 'photo': give what load_model gives."),
        ({"linf_model": None}, "linf_model is None"),
        ({"passes": 99}, "passes is 99: give a number from 1 to 8."),
        ({"temperature": 50}, "temperature is 50: give a number from 0 to 2."),
        ({"scale": None}, "scale is None: give a number from 1 to 32."),
        ({"latent": "lerned"}, "Did you mean 'learned'?"),
        ({"seed": -1}, "seed is -1"),
    ],
    ids=str,
)
def test_python_is_told_what_every_host_is_told(options: dict[str, Any], words: str) -> None:
    model, image = make_model(), torch.rand(1, 3, 8, 8)
    with pytest.raises(BadValue, match=re.escape(words)):
        linf.upscale(**{"linf_model": model, "image": image, **options})
    assert linf.upscale(model, image, scale="2").shape == (1, 3, 16, 16)  # type: ignore[arg-type]  # on purpose


def test_what_has_no_class_to_be_of_is_asked_for_what_it_does() -> None:
    with pytest.raises(BadValue, match=r"features is tensor.*: give what encode_lr gives"):
        linf.sample_latent(torch.rand(1, 3, 8, 8))  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_the_chain_takes_other_floating_point_types(dtype: torch.dtype) -> None:
    def call(name: str, *values: Any, **options: Any) -> Any:
        return NODES[f"LINF{name}"].function(*values, **options)

    image = picture(9, 8)
    results = []
    for lr in (image.to(dtype).float(), image.to(dtype)):
        seen = call("EncodeLr", make_model(), lr)
        made = call("Compose", call("FlowInverse", seen, call("SampleLatent", seen, scale=2.0)))
        z = call("EncodeReference", seen, made.to(dtype if dtype == torch.float64 else torch.float32))
        results.append((made, z.z, call("Compare", lr, lr), call("Denoise", lr), call("UnsharpMask", lr)))
    for one, other in zip(*results, strict=True):
        assert other.dtype == torch.float32
        assert torch.equal(one, other)


def test_every_node_that_takes_a_picture_says_what_is_none() -> None:
    bad = (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.zeros(3, 8, 8), np.zeros((1, 3, 8, 8)), [1], None,
           torch.zeros(1, 3, 8, 8, dtype=torch.complex64), torch.zeros(1, 3, 8, 8).to_sparse())  # fmt: skip
    seen = NODES["LINFEncodeLr"].function(make_model(), picture(8, 8))
    ready = {"linf_model": make_model(), "features": seen}
    tried = [n for n in NODES.values() if any(i.kind == "IMAGE" and i.required for i in n.inputs)]
    assert len(tried) >= 10
    for node in tried:
        for image in bad:
            values = {i.name: ready.get(i.name, image) for i in node.inputs if i.required}
            with pytest.raises((BadValue, BadShape)):
                node.function(**values)
        if node.name == "LINFMatchHistogram":
            with pytest.raises((BadValue, BadShape)):
                node.function(torch.zeros(3, 8, 8), picture(8, 8))


@pytest.mark.parametrize("temperature", [0.0, 1.0])  # faithful detail needs no mask, and judges it all the same
def test_what_is_no_mask_is_told_in_one_sentence(temperature: float) -> None:
    for mask in ([1], "a.png", torch.tensor(1.0), torch.full((8, 8), 255, dtype=torch.uint8), torch.ones(1, 3, 8, 8),
                 torch.full((8, 8), float("nan")), torch.ones(2, 8, 8), np.ones((8, 8))):  # fmt: skip
        with pytest.raises((BadValue, BadShape), match="The mask"):
            NODES["LINFUpscale"].function(
                make_model(), picture(8, 8), temperature=temperature, auto_temperature=False, mask=mask
            )


def test_a_mask_of_true_and_false_is_one_of_ones_and_zeros() -> None:
    mask = torch.rand(8, 8) < 0.5
    one, other = (NODES["LINFUpscale"].function(make_model(), picture(8, 8), mask=m) for m in (mask, mask.double()))
    assert torch.equal(one, other)


def test_other_floating_point_types_are_taken() -> None:
    image = picture(8, 9)
    wanted = NODES["LINFUpscale"].function(make_model(), image, temperature=0.5, auto_temperature=False)
    for dtype, most in ((torch.float64, 1e-5), (torch.float16, 1e-2)):
        found = NODES["LINFUpscale"].function(make_model(), image.to(dtype), temperature=0.5, auto_temperature=False)
        assert found.dtype == torch.float32
        assert (found - wanted).abs().max() < most
        assert NODES["LINFUpscale"].function(make_model(), image.to(dtype), 1.0, reduce=True).dtype == torch.float32
