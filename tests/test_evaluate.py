"""The evaluator: one pass is the pipeline's result, calibration finds the truth, and the command writes it down."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from linf_nodes.catalogue import NODES
from linf_nodes.errors import BadShape, BadValue, UnsupportedWeights
from linf_nodes.evaluation import plots
from linf_nodes.evaluation.calibration import LEVELS, Calibration, ks_distance, split
from linf_nodes.evaluation.enlargement import Enlargement, enlarge, latents_of
from linf_nodes.evaluation.evaluate import Settings, default_shave, evaluate
from linf_nodes.evaluation.histogram import Histogram
from linf_nodes.evaluation.metrics import diversity, grid_energy, lr_psnr, psnr, quantised, ssim
from linf_nodes.evaluation.pairs import Example, Pair, pairs, read_pair
from linf_nodes.evaluation.stamp import phases, strength
from linf_nodes.hosts.cli.main import main
from linf_nodes.models.checkpoint import read_weights, weights_hash, write_card, write_weights
from linf_nodes.pictures import read_picture
from linf_nodes.pipeline.blocks import Block, Span
from linf_nodes.pipeline.composition import flow_inverse, uncertainty
from linf_nodes.pipeline.features import Features
from linf_nodes.pipeline.grid import Grid
from linf_nodes.pipeline.latent import NoiseLatent
from linf_nodes.pipeline.model import LoadedModel
from linf_nodes.pipeline.reference import encode_reference

from . import models
from .models import make_model, picture
from .tiny import weights, write_models


def example(h: int = 12, w: int = 14, hr: tuple[int, int] = (40, 47), channels: int = 3) -> Example:
    """A pair that knows nothing of each other; the output ends inside patches of 3."""
    true = picture(*hr, channels, seed=4)[0].expand(3, -1, -1)
    return Example("a", true, picture(h, w, channels)[0])


def enlarged(model: LoadedModel, pair: Example, tile: int | None = None, seeds: tuple[int, ...] = (3,)) -> Enlargement:
    grid = Grid(pair.lr_size, pair.hr_size, model.patch)
    return enlarge(model, pair, latents_of(model, grid, seeds, learned=model.prior is not None), tile)


# --- one pass is the pipeline


@pytest.mark.parametrize("prior", [None, "unet"])
@pytest.mark.parametrize("tile", [None, 8])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_picture_is_what_upscale_gives(prior: str | None, tile: int | None, channels: int) -> None:
    model, pair = make_model(prior=prior), example(channels=channels)
    wanted = models.enlarge(model, pair.lr[None], pair.hr_size, amount=0.7)[0]
    found = enlarged(model, pair, tile).picture(0.7)
    assert torch.allclose(found, wanted.expand(3, -1, -1), atol=2e-6)


@pytest.mark.parametrize("patch", [1, 3])
def test_calibration_is_that_of_the_closed_forms(patch: int) -> None:
    model, pair = make_model(patch=patch), example()
    found = enlarged(model, pair, 8).calibration
    assert found is not None
    features, grid = Features(model, pair.lr[None]), Grid(pair.lr_size, pair.hr_size, patch)
    z = encode_reference(features, grid, pair.hr[None])[0]
    whole = z[: 40 // patch, : 47 // patch].double().square().sum(-1)
    assert torch.allclose(torch.cat(found.z2).sort().values, whole.flatten().sort().values, rtol=1e-4)
    deviation = uncertainty(features, grid)[0]
    residual = (pair.hr - enlarged(model, pair).mean).abs()
    rows, cols = 40 // patch * patch, 47 // patch * patch
    ratio = (residual / deviation)[:, :rows, :cols]
    assert found.ratios.total == ratio.numel()
    for level, k in zip(LEVELS, (0.674490, 1.281552, 1.959964), strict=True):
        assert found.coverage(level) == pytest.approx(float((ratio <= k).double().mean()), abs=2e-3)
        assert found.conformal(level) == pytest.approx(float(ratio.flatten().quantile(level)) / k, rel=5e-3)


def test_samples_differ_and_zero_detail_survives_an_explosion() -> None:
    found = enlarged(make_model(), example(), seeds=(3, 4, 5))
    assert found.pictures(0.5).shape == (3, 3, 40, 47)
    assert not torch.equal(found.picture(0.5, 0), found.picture(0.5, 1))
    exploded = replace(found, details=torch.full_like(found.details, math.inf))
    assert bool(exploded.picture(0).isfinite().all())
    assert not bool(exploded.picture(0.5).isfinite().any())


# --- calibration


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return make_model()


def own_draw(model: LoadedModel, amount: float) -> Calibration:
    """What the model thinks of its own draws at a temperature, taken for the truth."""
    lr = picture(24, 24)[0]
    grid = Grid((24, 24), (96, 96), model.patch)
    hr = models.enlarge(model, lr[None], grid.hr_size, amount=amount, seed=8)[0]
    found = enlarge(model, Example("own", hr, lr), [NoiseLatent(grid, model.hash)]).calibration
    assert found is not None
    return found


def test_a_model_is_calibrated_for_its_own_draws(model: LoadedModel) -> None:
    found = own_draw(model, 1.0)
    report = found.report()
    assert report["patches"] == 1024
    assert report["z2_per_dim"] == pytest.approx(1, abs=0.03)
    assert report["ks"] < 0.05
    for level in LEVELS:
        assert found.coverage(level) == pytest.approx(level, abs=0.015)
        assert found.conformal(level) == pytest.approx(1, abs=0.03)
        assert found.coverage(level, found.conformal(level)) == pytest.approx(level, abs=1e-6)
    assert np.allclose(report["curve"]["observed"], report["curve"]["nominal"], atol=0.02)


def test_conformal_factors_undo_a_wrong_width(model: LoadedModel) -> None:
    half = own_draw(model, 0.5)
    assert half.z2_per_dim == pytest.approx(0.25, abs=0.01)
    for level in LEVELS:
        assert half.conformal(level) == pytest.approx(0.5, abs=0.02)
        assert half.coverage(level) > level
    both = Calibration.merged([half, own_draw(model, 1.0)])
    assert both.report()["patches"] == 2048
    assert both.z2_per_dim == pytest.approx(0.625, abs=0.02)


def test_ks_distance_is_scipy_s() -> None:
    z2 = torch.randn(500, 27, generator=torch.Generator().manual_seed(1)).square().sum(-1).double()
    for values in (z2, 0.6 * z2, z2[:1]):
        wanted = stats.kstest(values.numpy(), stats.chi2(27).cdf).statistic
        assert ks_distance(values, 27) == pytest.approx(wanted, abs=1e-9)
    assert math.isnan(ks_distance(z2[:0], 27))
    assert ks_distance(torch.tensor([math.nan]), 27) == 1


def test_histogram_is_numpy_s_quantiles() -> None:
    values = torch.randn(20000, generator=torch.Generator().manual_seed(2)).abs()
    histogram = Histogram()
    histogram.add(values[:5000].view(50, 100))
    histogram = histogram + Histogram()
    histogram.add(values[5000:])
    assert histogram.total == 20000
    for share in (0.05, 0.5, 0.8, 0.95, 0.999):
        wanted = float(np.quantile(values.numpy(), share))
        assert histogram.quantile(share) == pytest.approx(wanted, rel=2e-3)
        assert histogram.share_below(wanted) == pytest.approx(share, abs=2e-4)


def test_histogram_takes_what_is_no_number() -> None:
    histogram = Histogram()
    assert math.isnan(histogram.quantile(0.5))
    assert math.isnan(histogram.share_below(1))
    histogram.add(torch.tensor([0.0, 1.0, math.inf, math.nan]))
    assert histogram.share_below(1.01) == 0.5
    assert histogram.quantile(1.0) > 1e6


def test_a_model_is_calibrated_for_its_own_grey_draws(model: LoadedModel) -> None:
    lr = picture(24, 24, 1)[0]
    grid = Grid((24, 24), (96, 96), model.patch)
    hr = models.enlarge(model, lr[None], grid.hr_size, amount=1.0, seed=8)[0]  # the mean of three colours
    found = enlarge(model, Example("grey", hr.expand(3, -1, -1), lr), [NoiseLatent(grid, model.hash)]).calibration
    assert found is not None
    assert found.ratios.total == 96 * 96
    for level in LEVELS:
        assert found.coverage(level) == pytest.approx(level, abs=0.02)


def test_factors_of_one_half_are_seen_on_the_other(model: LoadedModel) -> None:
    half, whole = own_draw(model, 0.5), own_draw(model, 1.0)
    same = split([half, half, half])
    assert same is not None
    assert same["pictures"] == [2, 1]
    apart = split([half, whole])
    assert apart is not None
    for level in LEVELS:
        assert same["coverage"][str(level)] == pytest.approx([level, level], abs=1e-6)
        there, back = apart["coverage"][str(level)]  # half as wide as it should be, and twice
        assert there == pytest.approx(stats.norm.cdf(stats.norm.ppf((1 + level) / 2) / 2) * 2 - 1, abs=0.03)
        assert back > level + 0.02
        assert same["left_out"][str(level)] == pytest.approx(level, abs=1e-6)
        assert apart["left_out"][str(level)] == pytest.approx((there + back) / 2, abs=1e-6)
    assert split([half]) is None


def carded(calibration: Any) -> LoadedModel:
    return replace(make_model(), card={"calibration": calibration} if calibration is not None else {})


def test_a_card_says_how_wide_intervals_are() -> None:
    model = carded({"2": {"0.5": 1.5, "0.8": 1.0, "0.95": 1}, "4": {"0.5": 2, "0.8": 1.0}})
    assert model.calibrated
    assert model.factors(3.5) == {"0.5": 2.0, "0.8": 1.0}
    assert model.interval(2.2, 0.5) == pytest.approx(1.5 * 0.674490)
    assert model.interval(2.2, 0.95) == pytest.approx(1.959964)
    with pytest.raises(BadValue, match=r"0\.5, 0\.8, not for 0\.95"):
        model.interval(4, 0.95)
    nothing: Any
    for nothing in (None, {}, False):
        assert not carded(nothing).calibrated
        assert carded(nothing).factors(4) is None
        assert carded(nothing).interval(4, 0.8) == pytest.approx(1.281552)
    strange: Any
    for strange in ({"4": 3}, {"large": {}}, {"4": {"0.5": "wide"}}, [1]):
        with pytest.raises(UnsupportedWeights, match="--write-card"):
            carded(strange).factors(4)


def test_the_uncertainty_node_gives_intervals() -> None:
    node, image = NODES["LINFUncertainty"], picture(9, 9)
    given = {"scale": 2.0}
    plain = node({"features": Features(carded(None), image), **given})
    assert torch.equal(node({"features": Features(carded(None), image), **given, "level": "standard deviation"}), plain)
    for card, level, widening in (
        (None, "95 %", 1.959964),
        ({"2": {"0.95": 2.0}}, "95 %", 3.919928),
        ({"2": {"0.5": 0.5}}, "50 %", 0.337245),
    ):
        found = node({"features": Features(carded(card), image), **given, "level": level})
        torch.testing.assert_close(found, plain * widening, rtol=1e-5, atol=0)
    with pytest.raises(BadValue, match="level is '99 %'"):
        node({"features": Features(carded(None), image), "level": "99 %"})


# --- pairs


def write(path: Path, h: int, w: int, seed: int = 1, channels: int = 3) -> Path:
    array = np.round(picture(h, w, channels, seed=seed)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(array[..., 0] if channels == 1 else array).save(path)
    return path


@pytest.mark.parametrize(("scale", "lr", "hr"), [
    (4, (10, 12), (40, 48)),
    (3.3, (13, 15), (43, 50)),
    (1, (43, 50), (43, 50)),
])  # fmt: skip
def test_lr_is_made_of_the_cropped_hr(tmp_path: Path, scale: float, lr: tuple[int, int], hr: tuple[int, int]) -> None:
    file = write(tmp_path / "a.png", 43, 50)
    found = read_pair(Pair(file, None), scale)
    assert (found.lr_size, found.hr_size) == (lr, hr)
    with Image.open(file) as whole:
        cropped = whole.crop((0, 0, hr[1], hr[0]))
    wanted = np.asarray(cropped.resize(lr[::-1], Image.Resampling.BICUBIC)).astype(float)
    assert np.abs(found.lr.permute(1, 2, 0).numpy() * 255 - wanted).max() <= 1.01  # Pillow rounds between its passes
    assert torch.allclose(found.lr.double(), quantised(found.lr), atol=1e-7)


def test_grey_files_have_grey_lr(tmp_path: Path) -> None:
    found = read_pair(Pair(write(tmp_path / "a.png", 40, 44, channels=1), None), 4)
    assert found.lr.shape == (1, 10, 11)
    assert found.hr.shape == (3, 40, 44)


def test_files_are_matched_by_order(tmp_path: Path) -> None:
    for name in "ba":
        write(tmp_path / "hr" / f"{name}.png", 41, 50)
        write(tmp_path / "lr" / f"{name}x4.png", 10, 12)
    hr, lr = str(tmp_path / "hr"), str(tmp_path / "lr")
    assert [(p.hr.name, p.lr and p.lr.name) for p in pairs(hr, lr)] == [("a.png", "ax4.png"), ("b.png", "bx4.png")]
    assert len(pairs(hr, lr, 1)) == 1
    assert read_pair(pairs(hr, lr)[0], 4).hr_size == (40, 48)
    with pytest.raises(BadShape, match=r"ax4\.png' of 10x12 do not fit the scale 3"):
        read_pair(pairs(hr, lr)[0], 3)
    (tmp_path / "lr" / "ax4.png").unlink()
    with pytest.raises(BadValue, match=rf"{hr}' holds 2 pictures, but '{lr}' 1"):
        pairs(hr, lr)


def test_only_the_pictures_that_patterns_name(tmp_path: Path) -> None:
    for name in ("a1", "a2", "b1"):
        write(tmp_path / "hr" / f"{name}.png", 41, 50)
    hr = str(tmp_path / "hr")
    assert [p.hr.stem for p in pairs(hr, only=("b*", "a2.png"))] == ["a2", "b1"]
    assert [p.hr.stem for p in pairs(hr, limit=1, only=("b*", "a2.png"))] == ["a2"]
    with pytest.raises(BadValue, match="named 'c"):
        pairs(hr, only=("b*", "c*"))


def test_deep_grey_pictures_can_be_stretched(tmp_path: Path) -> None:
    levels = (picture(40, 44, 1)[0, 0].numpy() * 900 + 100).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    plain, stretched = (read_pair(Pair(tmp_path / "deep.png", None), 2, on) for on in (False, True))
    low, high = np.percentile(levels, (0.1, 99.9))
    wanted = ((levels - low) / (high - low)).clip(0, 1)
    np.testing.assert_allclose(plain.hr[0].numpy(), levels / 65535, atol=1e-6)
    np.testing.assert_allclose(stretched.hr[0].numpy(), wanted, atol=1e-4)
    assert stretched.lr.max() > 0.8
    eight = write(tmp_path / "eight.png", 40, 44, channels=1)
    assert torch.equal(read_pair(Pair(eight, None), 2, True).hr, read_pair(Pair(eight, None), 2).hr)


def test_a_scale_beyond_the_picture(tmp_path: Path) -> None:
    with pytest.raises(BadShape, match="0x1"):
        read_pair(Pair(write(tmp_path / "a.png", 20, 32), None), 32)


# --- the report


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed in (1, 2):
        write(tmp_path / "hr" / f"{seed}.png", 43, 50, seed)
    return tmp_path / "hr"


def test_the_report_holds_what_the_pictures_say(model: LoadedModel, folder: Path) -> None:
    files = pairs(str(folder))
    settings = Settings(scale=2, temperature=0.5, sweep=(0, 0.5), seed=6, shave=3)
    report = evaluate(model, files, settings)
    json.dumps(report, allow_nan=False)
    pair = read_pair(files[1], 2)
    grid = Grid(pair.lr_size, pair.hr_size, 3)
    features = Features(model, pair.lr[None])
    whole = Block(Span(0, grid.hr_size[0]), Span(0, grid.hr_size[1]))
    draws = []
    for seed in range(6, 11):
        texture = flow_inverse(features, NoiseLatent(grid, model.hash, seed))
        base = features.field(0, grid).base(whole)
        draws.append(base + texture.mean[0] + 0.5 * texture.detail[0])
    found = report["images"][1]
    assert found["name"] == "2"
    assert found["psnr"] == pytest.approx(psnr(draws[0], pair.hr, "y", 3), abs=1e-3)
    assert found["ssim"] == pytest.approx(ssim(draws[0], pair.hr, "y", 3), abs=1e-4)
    assert found["lr_psnr"] == pytest.approx(lr_psnr(draws[0], pair.lr), abs=0.01)
    assert found["grid_energy"] == pytest.approx(grid_energy(draws[0], pair.hr, 3), rel=1e-3)
    assert found["diversity"] == pytest.approx(diversity(torch.stack(draws)), rel=1e-4)
    assert found["lpips"] is None
    assert found["inf_percent"] == 0
    for name in ("psnr", "ssim", "lr_psnr", "diversity", "grid_energy", "inf_percent"):
        assert report["mean"][name] == pytest.approx((report["images"][0][name] + found[name]) / 2)
    originals = [phases(read_pair(file, 2).hr, 3) for file in files]
    assert report["stamp"]["original"] == pytest.approx(strength(originals))
    assert report["stamp"]["picture"] > 0
    assert [point["temperature"] for point in report["sweep"]] == [0, 0.5]
    assert report["sweep"][1]["psnr"] == report["mean"]["psnr"]
    assert report["sweep"][0]["psnr"] > report["sweep"][1]["psnr"]
    assert report["calibration"]["patches"] == 2 * (42 // 3) * (50 // 3)
    assert report["calibration"]["card"] == "uncalibrated"


def test_defaults_are_the_papers() -> None:
    assert default_shave(4, "y", learned=False) == 4
    assert default_shave(4, "rgb", learned=False) == 10
    assert default_shave(4, "rgb", learned=True) == 4
    assert default_shave(2.5, "y", learned=True) == 3


def test_diversity_needs_drawn_detail(model: LoadedModel, folder: Path) -> None:
    files = pairs(str(folder), limit=1)
    for settings in (Settings(scale=2), Settings(scale=2, temperature=0.5, samples=1)):
        assert evaluate(model, files, settings)["mean"]["diversity"] is None
    learned = make_model(prior="unet")
    report = evaluate(learned, files, Settings(scale=2, protocol="rgb"))
    assert (report["temperature"], report["shave"], report["latent"]) == (None, 2, "learned")
    assert report["mean"]["diversity"] is None
    with pytest.raises(BadValue, match="--prior none"):
        evaluate(learned, files, Settings(scale=2, sweep=(0.5,)))


def test_a_temperature_is_obeyed_beside_a_learned_prior(folder: Path) -> None:
    files, learned = pairs(str(folder), limit=1), make_model(prior="unet")
    for temperature, latent in ((0.0, "faithful"), (0.5, "drawn")):
        with_prior = evaluate(learned, files, Settings(scale=2, temperature=temperature, samples=1))
        without = evaluate(replace(learned, prior=None), files, Settings(scale=2, temperature=temperature, samples=1))
        assert (with_prior["latent"], with_prior["temperature"]) == (latent, temperature)
        assert with_prior["mean"]["psnr"] == pytest.approx(without["mean"]["psnr"], rel=1e-4)


def test_progress_and_no_pictures(model: LoadedModel, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    evaluate(model, pairs(str(folder)), Settings(scale=2), None, lambda done, total, _: seen.append((done, total)))
    assert seen == [(0, 2), (1, 2), (2, 2)]
    with pytest.raises(BadValue, match="no picture"):
        evaluate(model, [], Settings())


# --- the command


@pytest.fixture
def here(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "models").mkdir()
    write_models(tmp_path / "models")
    monkeypatch.setenv("LINF_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    NODES["LINFModelCache"]({"release": True})


def test_the_command(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", "--model", "tiny", "--hr", "hr", "--scale", "2", "--sweep", "0,0.5", "--json", "out.json"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "| **mean** |" in text
    assert "| bicubic |" in text
    assert "uncalibrated" in text
    assert "| 0.5 |" in text
    report = json.loads(Path("out.json").read_text())
    assert report["command"] == "linf " + " ".join(arguments)
    assert report["temperature"] == 0.25  # the card's
    assert report["samples"] == 5
    assert report["mean"]["diversity"] > 0
    assert report["model_hash"] == NODES["LINFLoadModel"]({"model": "tiny"}).hash


def test_a_calibrated_card_is_used(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = {"name": "tiny", "calibration": {"2": {"0.5": 2.0, "0.95": 3.0}}}
    write_weights(here / "models" / "wide.safetensors", replace(weights(), card=card))
    assert main(["evaluate", "--model", "wide", "--hr", "hr", "--scale", "2", "--json", "out.json"]) == 0
    text = capsys.readouterr().out
    assert "uncalibrated" not in text
    assert "card's factor" in text
    found = json.loads(Path("out.json").read_text())["calibration"]
    assert found["card"] == {"0.5": 2.0, "0.95": 3.0}
    assert found["coverage_with_card"]["0.5"] > found["coverage"]["0.5"]


def test_factors_are_written_onto_the_card(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = here / "models" / "tiny.safetensors"
    before, tensors = read_weights(file), file.read_bytes()[-4000:]
    command = ["evaluate", "--model", str(file), "--hr", "hr", "--write-card", str(file)]
    assert main([*command, "--scale", "2", "--json", "out.json"]) == 0
    assert "uncalibrated" in capsys.readouterr().out
    assert main([*command, "--scale", "3"]) == 0
    found = json.loads(Path("out.json").read_text())["calibration"]["conformal"]
    after = read_weights(file)
    assert {k: v for k, v in after.card.items() if k != "calibration"} == before.card
    assert list(after.card["calibration"]) == ["2", "3"]
    assert after.card["calibration"]["2"] == pytest.approx(found, abs=1e-4)
    assert weights_hash(after) == weights_hash(before)
    assert file.read_bytes()[-4000:] == tensors
    NODES["LINFModelCache"]({"release": True})
    capsys.readouterr()
    assert main(["evaluate", "--model", str(file), "--hr", "hr", "--scale", "2", "--json", "out.json"]) == 0
    text = capsys.readouterr().out
    assert "uncalibrated" not in text
    assert "either half's factors" in text
    shares = json.loads(Path("out.json").read_text())["calibration"]["coverage_with_card"]
    assert shares == {level: pytest.approx(float(level), abs=1e-3) for level in ("0.5", "0.8", "0.95")}
    assert main(["models"]) == 0
    assert "calibrated at x2, x3" in capsys.readouterr().out
    other = ["evaluate", "--model", "learned", "--hr", "hr", "--write-card", str(file)]
    write_weights(
        here / "other.safetensors", replace(before, model_state={n: 2 * t for n, t in before.model_state.items()})
    )
    assert main([*other[:-1], "other.safetensors"]) == 2
    assert "other weights than the model that is measured" in capsys.readouterr().err


def test_a_sweep_with_lpips_chooses_the_temperature(here: Path, shared: Path) -> None:
    file = here / "models" / "learned.safetensors"  # without its prior it is measured, with it the card is kept
    lpips = str(shared / "metrics" / "lpips_alex.safetensors")
    options = [
        "--prior",
        "none",
        "--hr",
        "hr",
        "--scale",
        "2",
        "--limit",
        "1",
        "--lpips",
        lpips,
        "--sweep",
        "0,0.4,0.8",
    ]
    command = ["evaluate", "--model", str(file), *options, "--json", "out.json", "--write-card", str(file)]
    assert main(command) == 0
    points = json.loads(Path("out.json").read_text())["sweep"]
    best = min(points, key=lambda p: p["lpips"])["temperature"]
    card = read_weights(file).card
    assert card["temperature"] == {"2": best, "4": 0.75}
    assert list(card["calibration"]) == ["2"]


def test_a_card_is_written_whole_or_not_at_all(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = here / "models" / "tiny.safetensors"
    before = file.read_bytes()
    with pytest.raises(BadValue, match="not plain JSON"):
        write_card(file, {"temperature": math.nan})
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(BadValue, match="No space left"):
        write_card(file, {"name": "new"})
    assert file.read_bytes() == before
    assert sorted(p.name for p in file.parent.iterdir()) == ["learned.safetensors", "tiny.safetensors"]
    torch.save({"model": {}}, here / "published.pth")
    with pytest.raises(UnsupportedWeights):
        write_card(here / "published.pth", {})


def test_held_out_pictures_are_those_of_a_recipe(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("recipe.toml").write_text('data = ["hr"]\nout = "run"\nhold_out = ["2*"]\n')
    options = ["--hr", "hr", "--scale", "2", "--held-out", "recipe.toml", "--stretch", "--json", "out.json"]
    assert main(["evaluate", "--model", "tiny", *options]) == 0
    report = json.loads(Path("out.json").read_text())
    assert [image["name"] for image in report["images"]] == ["2"]
    assert report["stretch"] is True
    assert report["calibration"]["split"] is None


def test_lpips_and_learned_prior(here: Path, shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(shared / "metrics" / "lpips_alex.safetensors")
    options = ["--hr", "hr", "--scale", "2", "--protocol", "rgb", "--limit", "1", "--lpips", file]
    assert main(["evaluate", "--model", "learned", *options]) == 0
    text = capsys.readouterr().out
    assert "learned: 1 picture, RGB, shave 2, LPIPS (alex)" in text
    assert "| LPIPS |" in text


@pytest.mark.parametrize(("options", "words"), [
    (["--hr", "nowhere"], "nowhere"),
    (["--hr", "hr", "--lr", "empty"], "empty"),
    (["--hr", "hr", "--scale", "40"], "scale"),
    (["--hr", "hr", "--sweep", "0,hot"], "list of temperatures"),
    (["--hr", "hr", "--sweep", "0,3"], "list of temperatures"),
    (["--hr", "hr", "--samples", "0"], "whole number from 1"),
    (["--hr", "hr", "--json", "none/out.json"], "there is no folder"),
    (["--hr", "hr", "--lpips", "none.safetensors"], "LPIPS"),
    (["--hr", "hr", "--seed", str(2**64 - 1)], "seed"),
    (["--hr", "hr", "--model", "learned", "--sweep", "0.5"], "--prior none"),
    ([], "--hr"),
])  # fmt: skip
def test_bad_options(here: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str) -> None:
    (here / "empty").mkdir()
    before = sorted(here.rglob("*"))
    given = [] if "--model" in options else ["--model", "tiny"]
    assert main(["evaluate", *given, *options]) == 2
    message = capsys.readouterr().err
    assert message.startswith("linf: ")
    assert message.count("\n") == 1
    assert words in message
    assert sorted(here.rglob("*")) == before


def test_plots(here: Path) -> None:
    pytest.importorskip("matplotlib")
    arguments = ["evaluate", "--model", "tiny", "--hr", "hr", "--scale", "2", "--limit", "1", "--plots", "plots/new"]
    assert main([*arguments, "--sweep", "0,0.4,0.8"]) == 0
    written = sorted(Path("plots/new").iterdir())
    assert [p.name for p in written] == ["calibration.png", "tau-curve.png"]
    assert all(read_picture(p).pixels.shape == (600, 750, 3) for p in written)


def test_plots_need_matplotlib(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(plots, "find_spec", lambda _: None)
    assert main(["evaluate", "--model", "tiny", "--hr", "hr", "--plots", "plots"]) == 2
    assert "linf-nodes[train]" in capsys.readouterr().err
