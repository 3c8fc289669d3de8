"""The encoders against the published numbers, their own receptive fields and their parameter counts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from linf_nodes.errors import BadShape, UnsupportedWeights
from linf_nodes.evaluation.drawn_weights import draw_state_dict
from linf_nodes.models.checkpoint import Weights, build
from linf_nodes.models.contract import Encoder
from linf_nodes.models.rdn import RDN
from linf_nodes.models.registry import build_network, describe_network
from linf_nodes.models.rrdb import RRDB
from linf_nodes.models.smfanet import SMFANet
from linf_nodes.models.span import SPAN, AttentionBlock
from linf_nodes.models.spec import Spec
from linf_nodes.models.swinir import SwinIR

GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "dev"
CASES = sorted(
    path.stem for path in GOLDEN.glob("l*.safetensors") if any(n in path.stem for n in ("rrdb", "rdn", "swinir"))
)
NAMES = {"RDNkSize": "kernel_size", "RDNconfig": "config"}

needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no reference vectors at {GOLDEN}")


def read_case(name: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    with safe_open(GOLDEN / f"{name}.safetensors", "pt") as file:
        return file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)


def make_encoder(spec: dict[str, Any]) -> Encoder:
    kinds: dict[str, type[Encoder]] = {"rdn": RDN, "rrdb": RRDB, "swinir": SwinIR}
    args = {NAMES.get(key, key): value for key, value in spec["args"].items() if key != "no_upsampling"}
    return kinds[spec["name"]](**args).eval()


def small_encoders() -> list[Encoder]:
    torch.manual_seed(0)
    swinir = SwinIR(embed_dim=12, depths=(2, 1), num_heads=(2, 3), window_size=4, img_size=8)
    return [RRDB(nf=8, nb=1, gc=4).eval(), swinir.eval(), SPAN(dim=8, n_blocks=2).eval()]


@needs_golden
@pytest.mark.parametrize("case", CASES)
def test_features_are_the_published_ones(case: str) -> None:
    meta, tensors = read_case(case)
    encoder = make_encoder(json.loads(meta["model"])["args"]["encoder_spec"])
    weights = {key[len("sd.encoder.") :]: value for key, value in tensors.items() if key.startswith("sd.encoder.")}
    if "sd_manifest" in meta:
        manifest = {k: v for k, v in json.loads(meta["sd_manifest"])["sd."].items() if k.startswith("encoder.")}
        drawn = draw_state_dict(manifest, int(meta["seed"]), json.loads(meta["gains"]))
        weights = encoder.state_dict() | {k[len("encoder.") :]: torch.from_numpy(v) for k, v in drawn.items()}
        assert {k[len("encoder.") :] for k in manifest} == set(weights)
    encoder.load_state_dict(weights, strict=True)
    x = tensors.get("in.net_in", tensors["in.lr"])
    if isinstance(encoder, SwinIR):
        x = encoder.padded(x)
    with torch.no_grad():
        feat = encoder(x)
    expected = tensors["tap.feat"]
    assert feat.shape == expected.shape
    assert feat.shape[1] == encoder.out_dim
    assert (feat - expected).abs().max() <= 2e-6 * expected.abs().max()


@needs_golden
@pytest.mark.parametrize("case", ["linf-patch_rrdb_x2", "linf_swinir-tiny_x2", "srflow_x4_K1", "liif_edsr_x4"])
def test_the_recipe_draws_the_stored_weights(case: str) -> None:
    meta, tensors = read_case(case)
    stored = {key[3:]: value for key, value in tensors.items() if key.startswith("sd.")}
    manifest = {key: (tuple(value.shape), str(value.dtype)) for key, value in stored.items()}
    if not manifest:
        pytest.skip("this case stores no weights")
    drawn = draw_state_dict(manifest, int(meta["seed"]), json.loads(meta["gains"]))
    assert drawn
    assert all(torch.equal(torch.from_numpy(value), stored[key]) for key, value in drawn.items())


def test_the_recipe_refuses_a_wrong_checksum() -> None:
    with pytest.raises(UnsupportedWeights, match=r"a\.weight"):
        draw_state_dict({"a.weight": ((2, 2), "float32", "00000000")}, 1, [])


@pytest.mark.parametrize(
    ("encoder", "count"),
    [(RDN, 21_973_952), (RRDB, 16_697_987), (SwinIR, 11_603_044), (SMFANet, 182_016), (SPAN, 138_544)],
    ids=["rdn", "rrdb", "swinir", "smfanet", "span"],
)
def test_full_size_parameter_counts(encoder: type[nn.Module], count: int) -> None:
    with torch.device("meta"):
        parameters = [p.numel() for p in encoder().parameters()]
    assert sum(parameters) == count


def test_full_size_receptive_fields() -> None:
    with torch.device("meta"):
        assert RRDB().receptive_field == 347
        assert RDN().receptive_field == 131
        assert RDN(config="A").receptive_field == 123


@pytest.mark.parametrize("encoder", small_encoders(), ids=lambda m: type(m).__name__)
def test_nothing_outside_the_receptive_field_matters(encoder: Encoder) -> None:
    reach, align = encoder.receptive_field, encoder.align
    size = -(-(2 * reach + 9) // align) * align
    x = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1), requires_grad=True)
    seen = torch.zeros(size, size, dtype=torch.bool)
    farthest = 0
    for at in range(size // 2, size // 2 + align):
        (grad,) = torch.autograd.grad(encoder(x)[0, :, at, at].sum(), x)
        seen = grad[0].abs().amax(0) > 0
        rows = seen.any(1).nonzero().flatten()
        farthest = max(farthest, int(rows.max()) - at, at - int(rows.min()))
    assert farthest <= reach
    assert farthest >= reach - 1


def smfanet() -> SMFANet:
    torch.manual_seed(0)
    return SMFANet(dim=8, n_blocks=2).eval()


def test_nothing_outside_smfanet_s_reach_matters() -> None:
    encoder, at = smfanet().double(), 39  # the last pixel of its square
    x = torch.rand(1, 3, 80, 80, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1
    far = x.clone()
    reach = encoder.receptive_field
    far[..., at + reach + 1 :, :], far[..., :, at + reach + 1 :] = 1, -1
    near = x.clone()
    near[..., at + reach :, ::2], near[..., at + reach :, 1::2] = 50, -50  # so strong that no maximum misses it
    with torch.no_grad():
        whole = encoder(x)[0, :, at, at]
        assert torch.equal(encoder(far)[0, :, at, at], whole)
        assert not torch.equal(encoder(near)[0, :, at, at], whole)


@pytest.mark.parametrize("make", [smfanet, lambda: small_encoders()[2]], ids=["smfanet", "span"])
def test_an_encoder_takes_any_size_and_batch_and_learns(make: Callable[[], nn.Module]) -> None:
    encoder = make().train()
    x = torch.rand(2, 3, 13, 21, generator=torch.Generator().manual_seed(1), requires_grad=True)
    features = encoder(x)
    assert features.shape == (2, 8, 13, 21)
    torch.testing.assert_close(features[:1], encoder(x[:1]))
    features.square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in encoder.parameters())
    half = encoder.bfloat16()(x.detach().bfloat16())
    assert (half - features).abs().max() < 0.05 * features.abs().max()


@pytest.mark.parametrize(("name", "rest"), [("smfanet", {"ffn_scale": 2.0}), ("span", {})])
def test_an_encoder_is_told_by_its_tensors(name: str, rest: dict[str, float]) -> None:
    encoder = {"name": name, "args": {"dim": 8, "n_blocks": 2, **rest}}
    linf = build_network(Spec("linf-patch", {"patch_size": 3, "encoder_spec": encoder}))
    spec = describe_network(linf.state_dict())
    assert spec.args["encoder_spec"] == encoder
    again = build(Weights(spec, linf.state_dict(), None, {}))[0]
    x = torch.rand(1, 3, 11, 9, generator=torch.Generator().manual_seed(1))
    assert torch.equal(again.encode(x), linf.eval().encode(x))


def test_span_s_block_gates_itself() -> None:
    torch.manual_seed(0)
    block = SPAN(dim=4, n_blocks=1).blocks[0]
    assert isinstance(block, AttentionBlock)
    x = torch.randn(1, 4, 6, 5)
    silu = [torch.zeros(()), torch.zeros(())]
    silu[0] = (y := block.convs[0](x)) / (1 + (-y).exp())
    silu[1] = (y := block.convs[1](silu[0])) / (1 + (-y).exp())
    h = block.convs[2](silu[1])
    out, first = block(x)
    torch.testing.assert_close(out, 0.5 * (x + h) * torch.tanh(h / 2))  # strong answers of any sign count
    torch.testing.assert_close(first, silu[0])


@pytest.mark.parametrize("encoder", [*small_encoders(), smfanet()], ids=lambda m: type(m).__name__)
def test_a_crop_with_its_halo_equals_the_whole(encoder: Encoder) -> None:
    align = encoder.align
    halo = -(-encoder.receptive_field // align) * align
    size = 2 * halo + 8 * align
    x = torch.randn(1, 3, size, halo + 6 * align, generator=torch.Generator().manual_seed(2))
    start = 2 * align
    with torch.no_grad():
        whole = encoder(x)
        crop = encoder(x[..., start : start + 2 * halo + align, :])
    got, expected = crop[..., halo : halo + align, :], whole[..., start + halo : start + halo + align, :]
    assert (got - expected).abs().max() <= 1e-6 * expected.abs().max()


def test_swinir_refuses_and_pads_odd_sizes() -> None:
    encoder = small_encoders()[1]
    with pytest.raises(BadShape, match="9 x 8"):
        encoder(torch.zeros(1, 3, 9, 8))
    x = torch.arange(27.0).view(1, 3, 1, 9).expand(1, 3, 1, 9)
    padded = encoder.padded(x)
    assert padded.shape == (1, 3, 4, 12)
    assert torch.equal(padded[..., 9:], x[..., [7, 6, 5]].expand(1, 3, 4, 3))


def test_swinir_has_no_size_of_its_own() -> None:
    a, b = (SwinIR(12, (2,), (2,), window_size=4, img_size=size).eval() for size in (8, 16))
    shared = {k: v for k, v in a.state_dict().items() if not k.endswith("attn_mask")}
    b.load_state_dict(shared, strict=False)
    x = torch.randn(2, 3, 12, 8, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        assert torch.equal(a(x), b(x))
