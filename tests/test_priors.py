"""The latent priors against the published numbers, and windows of them against the whole."""

import copy
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from linf_nodes.errors import BadShape
from linf_nodes.models import dense_block
from linf_nodes.models.edsr_prior import EDSRPrior
from linf_nodes.models.latent_front import LatentPrior, LatentWindow, lerp_axis
from linf_nodes.models.swin_prior import SwinPrior
from linf_nodes.models.unet import UNetPrior, double_axis

GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "dev"
CASES = sorted(path.stem for path in GOLDEN.glob("lp_*.safetensors"))
KINDS = {"unet": UNetPrior, "edsr-baseline-latent": EDSRPrior, "swin_latent": SwinPrior}

TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-13}

needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no reference vectors at {GOLDEN}")


def read_case(name: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    with safe_open(GOLDEN / f"{name}.safetensors", "pt") as file:
        return file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)


def randomise(prior: LatentPrior) -> LatentPrior:
    """Norm layers and their statistics away from 0 and 1, so that mistakes in their use show."""
    gen = torch.Generator().manual_seed(1)
    for name, value in prior.state_dict().items():
        if name.endswith("running_var") or (name.endswith("weight") and value.ndim == 1):
            value.uniform_(0.7, 1.3, generator=gen)
        elif value.is_floating_point() and value.ndim == 1:
            value.normal_(0, 0.1, generator=gen)
    return prior.eval()


def small_priors() -> dict[str, LatentPrior]:
    torch.manual_seed(0)
    priors: dict[str, LatentPrior] = {
        "unet": UNetPrior(5, depth=3, dim=4),
        "unet2": UNetPrior(5, depth=2, dim=4),
        "centred": UNetPrior(5, depth=2, dim=4, centred=True),
        "deconv": UNetPrior(5, depth=2, dim=4, bilinear=False),
        "edsr": EDSRPrior(5, n_resblocks=2, dim=4),
        "swin": SwinPrior(5, embed_dim=6, depths=(2,), num_heads=(2,)),
    }
    found = {name: randomise(prior) for name, prior in priors.items()}
    with torch.no_grad():
        for value in priors["centred"].parameters():  # else nearly all of a random latent is its mean
            if value.ndim == 4:
                value.mul_(3)
    return found


PRIORS = small_priors()
each_prior = pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)


@needs_golden
@pytest.mark.parametrize("case", CASES)
def test_latents_are_the_published_ones(case: str) -> None:
    meta, tensors = read_case(case)
    spec = json.loads(meta["prior_model"])
    prior = KINDS[spec["name"]](**spec["args"]).eval()
    weights = {key[len("prior_sd.") :]: value for key, value in tensors.items() if key.startswith("prior_sd.")}
    assert set(weights) == set(prior.state_dict())
    prior.load_state_dict(weights, strict=True)
    z, lr = tensors["tap.z_lr"], tensors["in.lr"]
    with torch.no_grad():
        got = {
            "prior_input_proj": prior.input_proj(z),
            "prior_lr_proj": prior.lr_proj(lr),
            "prior_lr_proj_resized": prior.embed_lr(lr, LatentWindow.whole(z, lr), z.shape[-2:]),
            "z_learned": prior(z, lr),
        }
    for name, value in got.items():
        expected = tensors[f"tap.{name}"]
        assert value.shape == expected.shape
        assert (value - expected).abs().max() <= 1e-5 * expected.abs().max(), name


@pytest.mark.parametrize(
    ("kind", "in_chans", "count"), [(UNetPrior, 27, 4_582_223), (SwinPrior, 27, 7_280_457), (EDSRPrior, 3, 1_375_255)]
)
def test_full_size_parameter_counts(kind: type[nn.Module], in_chans: int, count: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in kind(in_chans).parameters()) == count


def lr_window(span: tuple[float, float], size: int, halo: int) -> tuple[int, int]:
    start = max(int(span[0]) - halo, 0) // 3 * 3
    return start, min(int(span[1]) + 1 + halo, size)


def run_window(
    prior: LatentPrior, z: Tensor, lr: Tensor, core: tuple[tuple[int, int], tuple[int, int]]
) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """The core of a window with its halo, the same of the whole, and the LR pixels that the window read.

    Both are in units of the whole's largest value.
    """
    size, lr_size = (z.shape[-2], z.shape[-1]), (lr.shape[-2], lr.shape[-1])
    spans, lr_spans = [], []
    for axis in (0, 1):
        first = max(core[axis][0] - prior.receptive_field, 0) // prior.align * prior.align
        last = min(core[axis][1] + prior.receptive_field, size[axis])
        ratio = lr_size[axis] / size[axis]
        spans.append((first, last))
        lr_spans.append(lr_window((first * ratio, last * ratio), lr_size[axis], prior.lr_receptive_field))
    (y0, y1), (x0, x1) = spans
    (v0, v1), (u0, u1) = lr_spans
    window = LatentWindow((y0, x0), size, (v0, u0), lr_size)
    with torch.no_grad():
        whole = prior(z, lr)
        part = prior(z[..., y0:y1, x0:x1], lr[..., v0:v1, u0:u1], window)
    (a, b), (c, d) = core
    assert whole.abs().max() > 0.05
    part, whole = part / whole.abs().max(), whole / whole.abs().max()
    return part[..., a - y0 : b - y0, c - x0 : d - x0], whole[..., a:b, c:d], (v1 - v0, u1 - u0)


@each_prior
@pytest.mark.parametrize(
    "core", [((0, 9), (0, 9)), ((75, 84), (60, 73)), ((150, 163), (81, 90)), ((155, 163), (70, 130))]
)
@pytest.mark.parametrize("lr_hw", [(122, 98), (71, 333), (488, 390)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_window_with_its_halo_equals_the_whole(
    prior: LatentPrior,
    core: tuple[tuple[int, int], tuple[int, int]],
    lr_hw: tuple[int, int],
    dtype: torch.dtype,
    layout: torch.memory_format,
) -> None:
    gen = torch.Generator().manual_seed(2)
    z, lr = torch.randn(1, 5, 163, 130, generator=gen), torch.randn(1, 3, *lr_hw, generator=gen)
    z, lr = z.to(dtype, memory_format=layout), lr.to(dtype, memory_format=layout)
    got, expected, _ = run_window(copy.deepcopy(prior).to(dtype), z, lr, core)
    assert got.shape == expected.shape
    assert (got - expected).abs().max() <= TOLERANCE[dtype]


@each_prior
@pytest.mark.parametrize("size", [(61, 50), (64, 49), (63, 57)])
def test_windows_cover_a_small_map(prior: LatentPrior, size: tuple[int, int]) -> None:
    gen = torch.Generator().manual_seed(3)
    z, lr = torch.randn(1, 5, *size, generator=gen), torch.randn(1, 3, 46, 38, generator=gen)
    for y in range(0, size[0], 16):
        core = ((y, min(y + 16, size[0])), (size[1] - 20, size[1]))
        got, expected, _ = run_window(prior, z, lr, core)
        assert (got - expected).abs().max() <= TOLERANCE[torch.float32]


def test_windows_are_smaller_than_the_whole() -> None:
    z, lr = torch.zeros(1, 5, 163, 130), torch.zeros(1, 3, 488, 390)
    _, _, (height, width) = run_window(PRIORS["edsr"], z, lr, ((75, 84), (60, 73)))
    assert height < 488 / 2
    assert width < 390 / 2


@each_prior
def test_nothing_outside_the_receptive_field_matters(prior: LatentPrior) -> None:
    reach, align = prior.receptive_field, prior.align
    side = 2 * reach + 2 * align + 3
    gen = torch.Generator().manual_seed(4)
    z = torch.randn(1, 5, side, side, generator=gen, requires_grad=True)
    lr = torch.randn(1, 3, 40, 40, generator=gen)
    farthest = 0
    for at in range(reach, reach + align):
        (grad,) = torch.autograd.grad(prior(z, lr)[0, :, at, at].sum(), z)
        rows = (grad[0].abs().amax((0, 2)) > 0).nonzero().flatten()
        farthest = max(farthest, int(rows.max()) - at, at - int(rows.min()))
    assert farthest <= reach
    # Max-pooling follows one pixel in four, so a single gradient need not touch the very last one.
    assert farthest >= 0.7 * reach


@pytest.mark.parametrize("lr_side", [31, 60, 97, 180, 242, 600])
def test_the_embedding_reads_no_farther_than_it_says(lr_side: int) -> None:
    prior, side = PRIORS["edsr"], 61
    lr = torch.randn(1, 3, lr_side, lr_side, generator=torch.Generator().manual_seed(5), requires_grad=True)
    window = LatentWindow((0, 0), (side, side), (0, 0), (lr_side, lr_side))
    embedding = prior.embed_lr(lr, window, (side, side))
    for at in (0, 20, 31, side - 1):
        (grad,) = torch.autograd.grad(embedding[0, :, at, at].sum(), lr, retain_graph=True)
        rows = (grad[0].abs().amax((0, 2)) > 0).nonzero().flatten()
        low, high = at * lr_side / side, (at + 1) * lr_side / side
        assert low - rows.min() <= prior.lr_receptive_field
        assert rows.max() + 1 - high <= prior.lr_receptive_field


@each_prior
@pytest.mark.parametrize("size", [(1, 1), (1, 20), (3, 5), (7, 9), (8, 8)])
def test_any_size_works(prior: LatentPrior, size: tuple[int, int]) -> None:
    with torch.no_grad():
        y = prior(torch.randn(2, 5, *size), torch.randn(2, 3, *size))
    assert y.shape == (2, 5, *size)
    assert y.isfinite().all()


def test_bad_windows_are_refused() -> None:
    prior, z, lr = PRIORS["unet"], torch.zeros(1, 5, 16, 16), torch.zeros(1, 3, 12, 12)
    for window, words in (
        (LatentWindow((4, 0), (64, 64), (0, 0), (48, 48)), "multiples of 8"),
        (LatentWindow((8, 0), (64, 64), (4, 0), (48, 48)), "multiples of 3"),
        (LatentWindow((56, 0), (64, 64), (0, 0), (48, 48)), "leaves"),
    ):
        with pytest.raises(BadShape, match=words):
            prior(z, lr, window)
    with pytest.raises(BadShape, match="halo"):
        prior(z[..., :5, :], lr, LatentWindow((56, 0), (61, 64), (0, 0), (48, 48)))


@pytest.mark.parametrize("size", [(11, 7), (3, 900)])
def test_axes_are_sampled_as_torch_does(size: tuple[int, int]) -> None:
    h, w = size
    x = torch.randn(1, 2, h, w, generator=torch.Generator().manual_seed(6))
    doubled = double_axis(double_axis(x, 0, 0, h), 1, 0, w)
    expected = nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
    assert torch.allclose(doubled, expected, atol=2e-6)
    at = (torch.arange(1219) + 0.5) * torch.tensor(w / 1219) - 0.5
    expected = nn.functional.interpolate(x, size=(h, 1219), mode="bilinear", align_corners=False)
    assert torch.allclose(lerp_axis(x, 1, at, 0, w), expected, atol=2e-6)


@each_prior
def test_memory_layout_changes_only_rounding(prior: LatentPrior) -> None:
    gen = torch.Generator().manual_seed(7)
    z, lr = torch.randn(2, 5, 19, 22, generator=gen), torch.randn(2, 3, 15, 17, generator=gen)
    with torch.no_grad():
        plain, fast = prior(z, lr), prior(*(t.to(memory_format=torch.channels_last) for t in (z, lr)))
    assert (plain - fast).abs().max() <= 2e-6 * plain.abs().max()


@pytest.mark.parametrize("fast", [False, True])
def test_a_dense_block_in_bands_is_the_dense_block(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    block = dense_block.DenseBlock(5, 4, 6)
    x = torch.randn(2, 5, 97, 31, generator=torch.Generator().manual_seed(8))
    x = x.to(memory_format=torch.channels_last) if fast else x
    monkeypatch.setattr(dense_block, "BAND_BYTES", 2 * 31 * 4 * (5 + 4 * 4) * 23)
    seen: list[int] = []
    block.conv1.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[-2]))
    whole = block(x)
    assert seen == [97], "with gradients at once"
    with torch.no_grad():
        bands = block(x)
    assert seen[1:] == [28, 33, 33, 33, 10], "23 rows each, and what they see"
    assert (bands - whole).abs().max() <= 2e-6 * whole.abs().max()
    assert bands.is_contiguous(memory_format=torch.channels_last if fast else torch.contiguous_format)


def test_a_centred_prior_prints_nothing_on_every_patch() -> None:
    """What stays the same from patch to patch is gone; what changes between them stays."""
    prior = PRIORS["centred"]
    assert isinstance(prior, UNetPrior)
    z, lr = torch.zeros(1, 5, 24, 20), torch.zeros(1, 3, 16, 16)
    z[..., 12:, :] = 1
    with torch.no_grad():
        centred = prior(z, lr)
        prior.centred = False
        try:
            plain = prior(z, lr)
        finally:
            prior.centred = True
    mean = torch.stack([
        torch.stack([plain[..., max(i - 3, 0) : i + 4, max(j - 3, 0) : j + 4].mean((-2, -1)) for j in range(20)], -1)
        for i in range(24)
    ], -2)  # fmt: skip
    torch.testing.assert_close(centred, plain - mean, atol=1e-5, rtol=1e-4)
    assert centred[..., 11:13, :].abs().max() > 1e-3
