"""Every measure against an independent computation or a published value."""

import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from skimage import color
from skimage import metrics as skimage_metrics

from linf_nodes.errors import BadShape, UnsupportedWeights
from linf_nodes.evaluation.lpips import Lpips
from linf_nodes.evaluation.metrics import diversity, grid_energy, inf_share, lr_psnr, luma, psnr, quantised, ssim
from linf_nodes.evaluation.pairs import pairs, read_pair
from linf_nodes.evaluation.resize import bicubic
from linf_nodes.evaluation.stamp import phases, strength

from .models import picture

Array = NDArray[np.float64]


def pair(h: int = 40, w: int = 33) -> tuple[torch.Tensor, torch.Tensor]:
    """A reference, and a worse picture that leaves [0, 1] in places."""
    true = picture(h, w)[0]
    return true + 0.2 * (picture(h, w, seed=2)[0] - 0.5), true


def saved(tensor: torch.Tensor) -> Array:
    """`[h, w, 3]` as an 8-bit file would give it back, from 0 to 1."""
    found: Array = np.round(np.clip(tensor.double().numpy(), 0, 1) * 255).transpose(1, 2, 0) / 255
    return found


def grey(array: Array) -> Array:
    return np.asarray(color.rgb2ycbcr(array))[..., 0] / 255


def cut(array: Array, n: int) -> Array:
    return array[n : array.shape[0] - n, n : array.shape[1] - n]


def keys_matrix(n: int, m: int) -> Array:
    """`[m, n]`: antialiased cubic convolution of Keys (1981), a = -1/2, in float64."""
    stretch = max(n / m, 1)
    x = abs((np.arange(n) + 0.5 - (np.arange(m)[:, None] + 0.5) * n / m) / stretch)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    weight = np.where(x < 1, near, np.where(x < 2, far, 0))
    return np.asarray(weight / weight.sum(1, keepdims=True))


def test_luma_is_bt601() -> None:
    a = picture(9, 7)[0].double()
    assert np.allclose(luma(a)[0], grey(a.permute(1, 2, 0).numpy()), atol=1e-9)


@pytest.mark.parametrize("shave", [0, 4])
def test_psnr(shave: int) -> None:
    a, b = pair()
    rgb = skimage_metrics.peak_signal_noise_ratio(cut(saved(b), shave), cut(saved(a), shave), data_range=1)
    assert psnr(a, b, "rgb", shave) == pytest.approx(rgb, abs=1e-9)
    error = np.mean((cut(grey(saved(a)), shave) - cut(grey(saved(b)), shave)) ** 2)
    assert psnr(a, b, "y", shave) == pytest.approx(-10 * np.log10(error), abs=1e-6)


def test_equal_pictures() -> None:
    a = picture(20, 20)[0]
    assert psnr(a, a) == math.inf
    assert ssim(a, a) == pytest.approx(1)
    assert grid_energy(a, a, 3) == 1
    assert diversity(torch.stack([a, a])) == 0


@pytest.mark.parametrize("shave", [0, 4])
def test_ssim(shave: int) -> None:
    a, b = pair()
    how = {"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    x, y = cut(saved(a), shave), cut(saved(b), shave)
    assert ssim(a, b, "rgb", shave) == pytest.approx(
        skimage_metrics.structural_similarity(x, y, channel_axis=2, **how), abs=1e-9
    )
    assert ssim(a, b, "y", shave) == pytest.approx(
        skimage_metrics.structural_similarity(grey(x), grey(y), **how), abs=1e-6
    )


@pytest.mark.parametrize("size", [(10, 8), (40, 33), (7, 33), (120, 99), (57, 91)])
def test_bicubic(size: tuple[int, int]) -> None:
    a, _ = pair()
    wanted = keys_matrix(40, size[0]) @ a.double().numpy() @ keys_matrix(33, size[1]).T
    assert np.allclose(bicubic(a, size).numpy(), wanted, atol=1e-5)


def test_lr_psnr() -> None:
    a, b = pair(40, 32)
    lr = bicubic(b, (10, 8))
    reduced = keys_matrix(40, 10) @ saved(a).transpose(2, 0, 1) @ keys_matrix(32, 8).T
    error = np.mean((np.round(np.clip(reduced, 0, 1) * 255) / 255 - saved(lr).transpose(2, 0, 1)) ** 2)
    assert lr_psnr(a, lr) == pytest.approx(-10 * np.log10(error), abs=0.02)  # a sample may round the other way
    assert lr_psnr(quantised(b), lr) > 50


def test_diversity() -> None:
    samples = torch.stack([pair()[0] + 0.1 * k for k in range(5)])
    wanted = (np.clip(samples.double().numpy(), 0, 1) * 255).std(0, ddof=1).mean()
    assert diversity(samples) == pytest.approx(wanted, rel=1e-9)
    with pytest.raises(BadShape, match="at least 2"):
        diversity(samples[:1])


def test_grid_energy_counts_steps_across_borders() -> None:
    def ramp(across: int) -> torch.Tensor:
        """Steps of 1/255 inside patches of 3, of `across` / 255 between them, along both axes."""
        line = torch.tensor([across if i % 3 == 0 and i else int(i > 0) for i in range(12)]).cumsum(0) / 255
        return (line[:, None] + line[None]).expand(3, -1, -1)

    assert grid_energy(ramp(3), ramp(1), 3) == pytest.approx(9)
    assert grid_energy(ramp(3), ramp(3), 3) == pytest.approx(1)
    assert grid_energy(ramp(2), ramp(4), 3) == pytest.approx(1 / 4)
    assert math.isnan(grid_energy(ramp(3), ramp(1), 1))
    assert math.isnan(grid_energy(ramp(3), torch.zeros(3, 12, 12), 3))


def test_what_is_no_number_is_counted_and_saved_as_black_or_clipped() -> None:
    a = torch.full((3, 4, 4), 0.5)
    a[0, 0, 0], a[1, 2, 3], a[2, 1, 1] = math.nan, math.inf, -math.inf
    assert inf_share(a) == 3 / 48
    saved = quantised(a)
    assert (float(saved[0, 0, 0]), float(saved[1, 2, 3]), float(saved[2, 1, 1])) == (0, 1, 0)
    assert math.isfinite(psnr(a, torch.full((3, 4, 4), 0.5)))


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_pictures_that_cannot_be_compared(measure: Any) -> None:
    a = picture(20, 20)[0]
    with pytest.raises(BadShape, match="equal sizes"):
        measure(a, a[:, :19])
    with pytest.raises(BadShape, match="10 pixels shaved"):
        measure(a, a, "y", 10)


# --- published values


def test_bicubic_on_set5_as_published(shared: Path) -> None:
    """28.42 dB and 0.8104 at x4 on Y: the bicubic row of every table since SRCNN and VDSR."""
    bench = shared / "data" / "bench" / "Set5"
    scores = []
    for files in pairs(str(bench / "HR_x4"), str(bench / "LR_x4")):
        example = read_pair(files, 4)
        enlarged = bicubic(example.lr, example.hr_size)
        scores.append((psnr(enlarged, example.hr, "y", 4), ssim(enlarged, example.hr, "y", 4)))
    found_psnr, found_ssim = np.mean(scores, 0)
    assert found_psnr == pytest.approx(
        28.42, abs=0.02
    )  # Matlab mirrors the picture at its edge, Pillow cuts the filter
    assert found_ssim == pytest.approx(0.8104, abs=0.0015)


def reference_lpips(shared: Path) -> Any:
    spec = importlib.util.spec_from_file_location("lpips_eval", shared / "tools" / "lpips_eval.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("network", ["alex", "squeeze"])
def test_lpips_is_the_reference_tool_s(shared: Path, network: str) -> None:
    tool = reference_lpips(shared)
    file = shared / "metrics" / f"lpips_{network}.safetensors"
    ours, theirs = Lpips(file), tool.LPIPS(network, str(file))
    assert ours.name == network
    for path in pairs(str(shared / "data" / "bench" / "Set5" / "HR_x4"))[:2]:
        hr = read_pair(path, 4).hr[:, 40:140, 60:171]
        blurred = quantised(bicubic(bicubic(hr, (25, 28)), (100, 111))).float()
        with torch.no_grad():
            wanted = float(theirs(blurred[None], hr[None], unit=True))
        assert wanted > 0.01
        assert ours(blurred, hr) == pytest.approx(wanted, abs=1e-5)
        assert ours(hr, hr) == 0


def test_lpips_as_published(shared: Path) -> None:
    """The example in torchmetrics' documentation prints 0.1008."""
    generator = torch.Generator().manual_seed(123)
    a, b = (torch.rand(10, 3, 100, 100, generator=generator) for _ in range(2))
    ours = Lpips(shared / "metrics" / "lpips_squeeze.safetensors")
    assert sum(map(ours, a, b)) / 10 == pytest.approx(0.1008, abs=1e-4)


def test_lpips_refuses_other_files(shared: Path, tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    with pytest.raises(UnsupportedWeights, match="cannot be read"):
        Lpips(file)
    save_file({"a": torch.zeros(1)}, file)
    with pytest.raises(UnsupportedWeights, match="alex or squeeze"):
        Lpips(file)
    whole = load_file(shared / "metrics" / "lpips_alex.safetensors")
    save_file({name: t for name, t in whole.items() if name != "net.3.bias"}, file)
    with pytest.raises(UnsupportedWeights, match=r"net\.3\.bias"):
        Lpips(file)


@pytest.mark.parametrize(("network", "least"), [("alex", 31), ("squeeze", 17)])
def test_lpips_says_what_is_too_small(shared: Path, network: str, least: int) -> None:
    measure = Lpips(shared / "metrics" / f"lpips_{network}.safetensors")
    a, b = pair(least, least)
    assert measure(a, b) > 0
    with pytest.raises(BadShape, match=f"at least {least} pixels"):
        measure(a[:, 1:], b[:, 1:])


def test_a_stamp_is_found_at_any_place_of_the_picture() -> None:
    stamp = torch.zeros(3, 3)
    stamp[1, 2] = 9 / 219  # studio range: Y changes by 9 levels
    apart = stamp * 219 - 1
    smooth = (torch.linspace(0.2, 0.8, 60)[:, None] + torch.linspace(0, 0.1, 51)).expand(3, -1, -1)
    found = phases(smooth + stamp.repeat(20, 17), 3)
    assert found is not None
    assert torch.allclose(found, apart.double(), atol=0.2)
    assert strength([found, found]) == pytest.approx(float(found.square().mean().sqrt()))
    assert strength([found, -found]) == pytest.approx(0, abs=1e-12)
    clean = phases(smooth, 3)
    assert clean is not None
    assert clean.abs().max() < 0.15


def test_a_stamp_is_sought_where_the_picture_is_quiet() -> None:
    stamped = torch.full((3, 60, 60), 0.5)
    stamped[:, :, 30:] += 0.2 * torch.rand(1, 60, 30, generator=torch.Generator().manual_seed(1)) - 0.1
    loud = stamped.clone()
    stamped[:, 1::3, 1:27:3] += 8 / 255
    quiet, other = phases(stamped, 3), phases(loud, 3)
    assert quiet is not None
    assert other is not None
    assert quiet[1, 1] > 4
    assert other.abs().max() < 0.5
    assert phases(stamped[:, :11], 3) is None
    assert phases(stamped, 1) is None
    assert strength([None]) is None
