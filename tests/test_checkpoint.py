"""Weights files: published layouts, our own format, hostile and damaged files, and the deduced architecture."""

import inspect
import json
import os
import time
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from linf_nodes.errors import BadValue, UnsupportedWeights
from linf_nodes.evaluation.drawn_weights import draw_state_dict
from linf_nodes.models.checkpoint import Weights, build, read_weights, weights_hash, write_weights
from linf_nodes.models.linf import LINF
from linf_nodes.models.registry import (
    ENCODERS,
    NETWORKS,
    PRIORS,
    build_network,
    build_prior,
    describe_network,
    describe_prior,
)
from linf_nodes.models.spec import Spec
from linf_nodes.models.unfilled import Unfilled

GOLDEN = Path(__file__).parents[2] / "shared" / "golden"
CHECKPOINTS = GOLDEN / "checkpoints"
CASES = sorted(p.stem for p in (GOLDEN / "dev").glob("l[ip]*.safetensors") if p.stem.startswith(("linf", "lp_")))
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no reference vectors at {GOLDEN}")

EDSR: dict[str, Any] = {"name": "edsr-baseline", "args": {"n_resblocks": 1, "n_feats": 4}}
SWINIR: dict[str, Any] = {
    "name": "swinir",
    "args": {"embed_dim": 8, "depths": [2, 1], "num_heads": [2, 4], "window_size": 4, "img_size": 8},
}
LINF_ARGS = {"flow_layers": 2, "num_layer": 2, "hidden_dim": 8}
LINF_1 = Spec("linf", {"encoder_spec": EDSR, **LINF_ARGS})
LINF_3 = Spec("linf-patch", {"encoder_spec": SWINIR, **LINF_ARGS, "patch_size": 3})
UNET_27 = Spec("unet", {"in_chans": 27, "depth": 1, "dim": 4})


def read_case(name: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    with safe_open(GOLDEN / "dev" / f"{name}.safetensors", "pt") as file:
        return file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(value, b[key]) for key, value in a.items())


def small(linf: Spec | None = LINF_1, prior: Spec | None = None) -> Weights:
    torch.manual_seed(0)
    model_state = dict(build_network(linf).state_dict()) if linf else {}
    prior_state = dict(build_prior(prior).state_dict()) if prior else {}
    return Weights(linf, model_state, prior, prior_state, {"title": "a test", "temperature": {"4": 0.8}})


def changed(weights: Weights, **tensors: Tensor | None) -> Weights:
    """With tensors of the LINF replaced, added, or (None) taken away; `__` stands for a dot."""
    state = weights.model_state | {key.replace("__", "."): value for key, value in tensors.items()}
    return replace(weights, model_state={key: value for key, value in state.items() if value is not None})


def arguments(spec: Spec) -> tuple[Any, ...]:
    """What a description makes the constructors do: inert arguments dropped, defaults filled in."""
    entry, args = {**ENCODERS, **PRIORS, **NETWORKS}[spec.name], dict(spec.args)
    inner = args.pop("imnet_spec", None) or {}
    args = {**inner.get("args", {}), **args}
    known = {entry.names[key]: value for key, value in args.items() if key in entry.names}
    signature = {p.name: p.default for p in inspect.signature(entry.build).parameters.values()}
    values = signature | dict(entry.defaults) | known
    if "encoder_spec" in args:
        values["encoder"] = arguments(Spec.of(args["encoder_spec"]))
    return entry.build, {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}


class Payload:
    """Pickles to a call."""

    def __init__(self, function: Any, *args: Any):
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


# Published files


@needs_golden
@pytest.mark.parametrize(
    ("file", "case"),
    [
        ("linf_edsr_epoch-last.pth", "linf_edsr_x2"),
        ("linf-patch_rrdb_epoch-last.pth", "linf-patch_rrdb_x2"),
        ("linf-patch_for_lp_epoch-last.pth", "lp_unet_linf-patch_edsr_x4"),
        ("liif_edsr_epoch-last.pth", "liif_edsr_x4"),
        ("metasr_edsr_epoch-last.pth", "metasr_edsr_x2"),
        ("lte_edsr_epoch-last.pth", "lte_edsr_x4"),
        ("ltep_edsr_epoch-last.pth", "ltep_edsr_x3.3"),
        ("clit2_edsr_epoch-last.pth", "clit2_edsr_x6"),
    ],
)
def test_published_files_load(file: str, case: str) -> None:
    meta, tensors = read_case(case)
    weights = read_weights(CHECKPOINTS / file)
    assert weights.model == Spec.of(json.loads(meta["model"]))
    assert weights.prior is None
    assert same(weights.model_state, part(tensors, "sd."))
    linf, prior = build(weights)
    assert prior is None
    assert not linf.training
    assert same(dict(linf.state_dict()), part(tensors, "sd."))


@needs_golden
def test_a_published_latent_module_joins_its_linf() -> None:
    _, tensors = read_case("lp_unet_linf-patch_edsr_x4")
    alone = read_weights(CHECKPOINTS / "linf-lp_prior_model-epoch-last.pth")
    assert alone.model is None
    assert same(alone.prior_state, part(tensors, "prior_sd."))
    with pytest.raises(UnsupportedWeights, match="no model"):
        build(alone)
    linf = read_weights(CHECKPOINTS / "linf-patch_for_lp_epoch-last.pth")
    _, prior = build(replace(linf, prior=alone.prior, prior_state=alone.prior_state))
    assert prior is not None
    assert same(dict(prior.state_dict()), part(tensors, "prior_sd."))


@needs_golden
@pytest.mark.parametrize(
    ("file", "family"),
    [
        ("srflow_x4_K1_G.pth", "SRFlow"),
        ("srflow-lp_prior.pth", "SRFlow-LP"),
    ],
)
def test_other_families_are_refused_by_name(file: str, family: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedWeights, match=rf"{file}.* are of {family}, .*not supported yet.*edsr-baseline"):
        read_weights(CHECKPOINTS / file)
    content = torch.load(CHECKPOINTS / file, weights_only=True)
    state = content.get("model", content.get("prior_model", {"sd": content}))["sd"]
    torch.save({f"module.{key}": value for key, value in state.items()}, tmp_path / "bare.pth")
    with pytest.raises(UnsupportedWeights, match=rf"bare.pth.* are of {family},"):
        read_weights(tmp_path / "bare.pth")


@needs_golden
def test_the_frequency_lit_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedWeights, match="are of LIT, which is not supported yet"):
        describe_network(part(read_case("litfreq_edsr_x2")[1], "sd."))


@pytest.mark.parametrize("old", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("wrap", ["bare", "module", "state_dict", "nested", "safetensors"])
def test_every_layout_gives_the_same_weights(wrap: str, old: bool, tmp_path: Path) -> None:
    weights = small()
    state, path = weights.model_state, tmp_path / "weights.pth"
    content: Any = {
        "bare": state,
        "module": {f"module.{key}": value for key, value in state.items()},
        "state_dict": {"state_dict": state, "epoch": 3},
        "nested": {"model": {**LINF_1.entry(), "sd": state}, "optimizer": {"name": "adam", "sd": {}}, "epoch": 1},
        "safetensors": state,
    }[wrap]
    if wrap == "safetensors":
        save_file(state, path)
    else:
        torch.save(content, path, _use_new_zipfile_serialization=not old)
    found = read_weights(path)
    assert found.model is not None
    assert arguments(found.model) == arguments(LINF_1)
    assert same(found.model_state, state)
    assert weights_hash(found) == weights_hash(weights)
    build(found)


def test_what_was_read_does_not_depend_on_the_file(tmp_path: Path) -> None:
    for name, save in (("a.pth", torch.save), ("a.safetensors", save_file)):
        save(small().model_state, tmp_path / name)
        found = read_weights(tmp_path / name)
        (tmp_path / name).write_bytes(b"")
        assert weights_hash(found) == weights_hash(small())


def test_half_and_double_precision_are_read_as_float32(tmp_path: Path) -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        torch.save({key: value.to(dtype) for key, value in small().model_state.items()}, tmp_path / "a.pth")
        linf, _ = build(read_weights(tmp_path / "a.pth"))
        assert {p.dtype for p in linf.parameters()} == {torch.float32}


# Deduced architectures


@needs_golden
@pytest.mark.parametrize("case", CASES)
def test_the_deduced_description_is_the_stated_one(case: str) -> None:
    meta, tensors = read_case(case)
    spec = Spec.of(json.loads(meta["model"]))
    state = part(tensors, "sd.")
    if not state:
        manifest = json.loads(meta["sd_manifest"])["sd."]
        drawn = draw_state_dict(manifest, int(meta["seed"]), json.loads(meta["gains"]))
        state = dict(build_network(spec).state_dict()) | {key: torch.from_numpy(v) for key, v in drawn.items()}
        assert state.keys() == manifest.keys()
    deduced = describe_network(state)
    assert deduced.name == spec.name
    assert arguments(deduced) == arguments(spec)
    prior = part(tensors, "prior_sd.")
    if prior:
        stated = Spec.of(json.loads(meta["prior_model"]))
        assert describe_prior(prior).name == stated.name
        assert arguments(describe_prior(prior)) == arguments(stated)
        build(Weights(deduced, state, describe_prior(prior), prior))
    build(Weights(deduced, state, None, {}))


@pytest.mark.parametrize(
    ("encoder", "patch", "parameters"),
    [
        ("edsr-baseline", 1, 1_925_656),
        ("edsr-baseline", 3, 2_057_200),
        ("edsr", 3, None),
        ("rdn", 1, 22_679_168),
        ("rrdb", 3, 17_534_747),
        ("swinir", 1, 12_308_260),
    ],
)
def test_full_size_encoders_are_deduced(encoder: str, patch: int, parameters: int | None) -> None:
    args: dict[str, Any] = {"encoder_spec": {"name": encoder, "args": {"no_upsampling": True}}}
    spec = Spec("linf-patch", {**args, "patch_size": patch}) if patch > 1 else Spec("linf", args)
    with Unfilled():
        linf = build_network(spec)
    deduced = describe_network(linf.state_dict())
    assert arguments(deduced) == arguments(spec)
    assert parameters in (None, sum(p.numel() for p in linf.parameters()))


@pytest.mark.parametrize("config", ["A", "B"])
@pytest.mark.parametrize("kernel", [1, 3])
def test_both_rdn_are_deduced(config: str, kernel: int) -> None:
    args = {"G0": 5, "RDNkSize": kernel, "RDNconfig": config}
    spec = Spec("linf", {"encoder_spec": {"name": "rdn", "args": args}, **LINF_ARGS})
    with Unfilled():
        assert arguments(describe_network(build_network(spec).state_dict())) == arguments(spec)


@pytest.mark.parametrize(
    "spec",
    [
        Spec("unet", {"in_chans": 27}),
        Spec("unet", {"in_chans": 3, "depth": 2, "dim": 10, "bilinear": False}),
        Spec("edsr-baseline-latent", {"in_chans": 3}),
        Spec("swin_latent", {"in_chans": 27}),
    ],
    ids=lambda spec: spec.name,
)
def test_full_size_latent_modules_are_deduced(spec: Spec) -> None:
    with Unfilled():
        state = build_prior(spec).state_dict()
    assert arguments(describe_prior(state)) == arguments(spec)


def test_a_swinir_of_one_window_has_no_shifted_block() -> None:
    args = {"embed_dim": 4, "depths": [2], "num_heads": [1], "window_size": 4, "img_size": 4, "mlp_ratio": 1.5}
    spec = Spec("linf", {"encoder_spec": {"name": "swinir", "args": args}, **LINF_ARGS})
    assert arguments(describe_network(build_network(spec).state_dict())) == arguments(spec)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "no tensor at all"),
        ({"conv.weight": torch.zeros(3)}, r"unknown architecture \(conv.weight, .*supported are LINF.*unet"),
        (
            {"imnet.last._weight": torch.zeros(12, 12), "encoder.head.0.weight": torch.zeros(4, 3, 3, 3)},
            "12 components",
        ),
        ({"imnet.last._weight": torch.zeros(())}, r"imnet.last._weight has the shape \[\]"),
        ({"imnet.last._weight": torch.zeros(3, 3)}, "encoder is unknown"),
        ({"imnet.last._weight": torch.zeros(3, 3), "encoder.head.0.weight": torch.zeros(4, 3, 3, 3)}, "coef.weight"),
        ({"input_proj.conv1.weight": torch.zeros(3)}, "unknown architecture"),
    ],
)
def test_an_unknown_layout_is_described(state: dict[str, Tensor], message: str, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(UnsupportedWeights, match=rf"odd.pth.*{message}"):
        read_weights(tmp_path / "odd.pth")


def test_an_rdn_of_other_sizes_and_an_rcan_are_refused() -> None:
    flow = {"imnet.last._weight": torch.zeros(3, 3)}
    rdn = {"SFENet1.weight": torch.zeros(4, 3, 3, 3), "RDBs.0.convs.0.conv.0.weight": torch.zeros(7, 4, 3, 3)}
    with pytest.raises(UnsupportedWeights, match=r"\(1, 1, 7\)"):
        describe_network(flow | {f"encoder.{key}": value for key, value in rdn.items()})
    rcan = {"head.0.weight": torch.zeros(4, 3, 3, 3), "body.0.body.0.body.3.conv_du.0.weight": torch.zeros(1)}
    with pytest.raises(UnsupportedWeights, match="encoder is unknown"):
        describe_network(flow | {f"encoder.{key}": value for key, value in rcan.items()})


# Hostile and damaged files


@pytest.mark.parametrize("layout", ["zip", "legacy", "nested"])
def test_a_pickled_call_is_refused_and_not_run(layout: str, tmp_path: Path) -> None:
    path, marker = tmp_path / "evil.pth", tmp_path / "marker"
    for payload, name in ((Payload(os.system, f"touch {marker}"), "system"), (Payload(open, str(marker), "w"), "open")):
        content = {"model": {"name": "linf", "args": payload, "sd": {}}} if layout == "nested" else payload
        torch.save(content, path, _use_new_zipfile_serialization=layout != "legacy")
        with pytest.raises(UnsupportedWeights, match=rf"evil.pth.*{name}.*convert it to safetensors") as caught:
            read_weights(path)
        assert not marker.exists()
        assert "weights_only" not in str(caught.value)


def test_a_pickled_network_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pth")
    with pytest.raises(UnsupportedWeights, match=r"torch\.nn\.modules\.linear\.Linear.*safetensors"):
        read_weights(tmp_path / "whole.pth")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_a_file_cut_short_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    (save_file if name.endswith("s") else torch.save)(small().model_state, path)
    whole = path.read_bytes()
    for length in (1, 8, 9, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(UnsupportedWeights, match=name):
            read_weights(path)


def test_any_damaged_byte_is_read_or_refused(tmp_path: Path) -> None:
    """Never another error than ours, whatever the header says."""
    path = tmp_path / "a"
    gen = torch.Generator().manual_seed(3)
    write_weights(path, small())
    ours = path.read_bytes()
    torch.save(small().model_state, path, _use_new_zipfile_serialization=False)
    for whole in (ours, path.read_bytes()):
        for _ in range(60):
            broken = bytearray(whole)
            place, bit = (int(torch.randint(n, (), generator=gen)) for n in (min(len(whole), 3000), 8))
            broken[place] ^= 1 << bit
            path.write_bytes(broken)
            with suppress(UnsupportedWeights):
                build(read_weights(path))


def test_what_is_no_weights_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    with pytest.raises(UnsupportedWeights, match=r"x\.pth.*No such file"):
        read_weights(path)
    with pytest.raises(UnsupportedWeights, match="directory"):
        read_weights(tmp_path)
    for content, message in ((b"", "empty"), (b"hello, I am a text", "no weights file"), (b"PK\x03\x04", "cut short")):
        path.write_bytes(content)
        with pytest.raises(UnsupportedWeights, match=rf"x\.pth.*{message}"):
            read_weights(path)
    for entry, method in (("a.txt", zipfile.ZIP_STORED), ("a/data.pkl", zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr(entry, "x" * 1000)
        with pytest.raises(UnsupportedWeights, match=r"x\.pth"):
            read_weights(path)
    for odd in ([1, 2], {"a": 1}, {"state_dict": 3}, torch.ones(2), {"model": {"sd": {}, "args": 2}}):
        torch.save(odd, path)
        with pytest.raises(UnsupportedWeights, match=r"x\.pth"):
            read_weights(path)


def test_strange_tensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    far = torch.zeros(1).expand(10**9, 9, 3, 3)
    odd = [torch.zeros(2, device="meta"), torch.zeros(2, dtype=torch.complex64), torch.zeros(2, 2).to_sparse(), far]
    for tensor in odd:
        torch.save(small().model_state | {"coef.weight": tensor}, path)
        with pytest.raises(UnsupportedWeights, match=r"x\.pth.*(no named array|claim far more)"):
            read_weights(path)
    for name in (1, "a\nb", "\x1b[2J", "a" * 1000):
        torch.save(small().model_state | {name: torch.ones(1)}, path)
        with pytest.raises(UnsupportedWeights, match=r"x\.pth.*no named array"):
            read_weights(path)


@pytest.mark.parametrize(
    ("args", "encoder"),
    [
        ({"hidden_dim": 10**9}, {}),
        ({"flow_layers": 10**9}, {}),
        ({"num_layer": 10**9}, {}),
        ({"hidden_dim": 10**6000}, {}),
        ({"hidden_dim": -8}, {}),
        ({"hidden_dim": "eight"}, {}),
        ({"patch_size": 999}, {}),
        ({"surprise": 1}, {}),
        ({}, {"n_feats": 10**9}),
        ({}, {"n_resblocks": 10**9}),
        ({}, {"n_feats": None}),
        ({}, {"n_resblocks": 1.5}),
    ],
)
def test_an_absurd_description_is_refused_at_once(args: dict[str, Any], encoder: dict[str, Any]) -> None:
    name = "linf-patch" if "patch_size" in args else "linf"
    spec = Spec(name, {"encoder_spec": {**EDSR, "args": EDSR["args"] | encoder}, **LINF_ARGS, **args})
    start = time.perf_counter()
    with pytest.raises(UnsupportedWeights):
        build(replace(small(), model=spec))
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize(
    "encoder",
    [{"window_size": 200}, {"img_size": 1000}, {"depths": [0] * 10**6}, {"depths": [10**8, 1]}, {"num_heads": [3, 3]}],
)
def test_an_absurd_transformer_is_refused_at_once(encoder: dict[str, Any]) -> None:
    spec = Spec("linf-patch", {**LINF_3.args, "encoder_spec": {**SWINIR, "args": SWINIR["args"] | encoder}})
    with pytest.raises(UnsupportedWeights):
        build(replace(small(LINF_3), model=spec))


def test_an_absurd_latent_module_is_refused_at_once() -> None:
    weights = small(LINF_3, UNET_27)
    for args in ({"depth": 60}, {"depth": 10**9}, {"dim": 10**9}, {"in_chans": 10**9}):
        with pytest.raises(UnsupportedWeights):
            build(replace(weights, prior=Spec("unet", {**UNET_27.args, **args})))
    with pytest.raises(UnsupportedWeights, match="in_chans"):
        build(replace(weights, prior=Spec("unet", {"dim": 4, "depth": 1})))


# Building


def test_missing_extra_and_misshapen_tensors_are_named() -> None:
    weights = small()
    for fault, words in (
        ({"coef__bias": None, "freq__bias": None}, r"2 missing \(coef.bias, freq.bias\)"),
        ({"bonus": torch.ones(1)}, r"1 extra \(bonus\)"),
        ({"coef__bias": torch.ones(9)}, r"1 of another shape \(coef.bias \[9\] for \[8\]\)"),
        ({"coef__bias": torch.ones(8, dtype=torch.int8)}, r"1 of another number type \(coef.bias\)"),
    ):
        with pytest.raises(UnsupportedWeights, match=rf"'linf'.*{words}"):
            build(changed(weights, **fault))
    with pytest.raises(UnsupportedWeights, match=r"\d\d missing \([^,]*, [^,]*, [^,]*, \.\.\.\)"):
        build(replace(weights, model_state={}))


def test_values_that_are_not_finite_are_named() -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(UnsupportedWeights, match=r"phase\.weight.*not finite"):
            build(changed(small(), phase__weight=torch.full((4, 2), value)))


def test_a_wrong_position_index_is_refused() -> None:
    key = "encoder__layers__0__residual_group__blocks__0__attn__relative_position_index"
    with pytest.raises(UnsupportedWeights, match=r"blocks\.0\.attn\.relative_position_index"):
        build(changed(small(LINF_3), **{key: torch.full((16, 16), 10**6)}))


def test_heads_that_do_not_divide_the_channels_are_refused() -> None:
    args = SWINIR["args"] | {"num_heads": [3, 4]}
    spec = Spec("linf", {"encoder_spec": {"name": "swinir", "args": args}, **LINF_ARGS})
    with pytest.raises(UnsupportedWeights, match="3 heads"):
        build(small(spec))


def test_a_latent_module_for_another_patch_is_refused() -> None:
    with pytest.raises(UnsupportedWeights, match=r"in_chans 27.*patch_size 1 has latents of 3"):
        build(small(LINF_1, UNET_27))


@pytest.mark.parametrize("linf", [LINF_1, LINF_3], ids=["edsr", "swinir"])
def test_a_built_network_is_the_network(linf: Spec) -> None:
    prior = (
        UNET_27
        if linf is LINF_3
        else Spec("swin_latent", {"in_chans": 3, "embed_dim": 6, "depths": [2], "num_heads": [2]})
    )
    weights = small(linf, prior)
    state = torch.random.get_rng_state()
    built, built_prior = build(weights)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert built_prior is not None
    expected, expected_prior = build_network(linf).eval(), build_prior(prior).eval()
    expected.load_state_dict(weights.model_state)
    expected_prior.load_state_dict(weights.prior_state)
    for ours, theirs in ((built, expected), (built_prior, expected_prior)):
        buffers = dict(theirs.named_buffers())
        assert all(torch.equal(b, buffers[name]) for name, b in ours.named_buffers())
        assert [p.requires_grad for p in ours.parameters()] == [p.requires_grad for p in theirs.parameters()]
    x, z = torch.rand(1, 3, 16, 16), torch.rand(1, 3 * built.patch_size**2, 14, 14)
    with torch.no_grad():
        assert torch.equal(built.encode(x), expected.encode(x))
        assert torch.equal(built_prior(z, x), expected_prior(z, x))
        assert isinstance(built, LINF)
        assert isinstance(expected, LINF)
        assert torch.equal(
            built.imnet.inverse(z[0, :, 0].T, built.imnet.condition(torch.ones(14, 4 * built.dim))),
            expected.imnet.inverse(z[0, :, 0].T, expected.imnet.condition(torch.ones(14, 4 * built.dim))),
        )


# Our own format


@pytest.mark.parametrize("half", [False, True])
def test_what_is_written_is_read(half: bool, tmp_path: Path) -> None:
    weights, path = small(LINF_3, UNET_27), tmp_path / "ours.safetensors"
    write_weights(path, weights, half)
    found = read_weights(path)
    assert (found.model, found.prior, found.card) == (weights.model, weights.prior, weights.card)
    rounded = {key: v.half().float() if v.is_floating_point() else v for key, v in weights.model_state.items()}
    flow = {key: value for key, value in weights.model_state.items() if key.startswith("imnet.")}
    assert same(found.model_state, (rounded | flow) if half else weights.model_state)
    assert half or weights_hash(found) == weights_hash(weights)
    assert same(dict(build(found)[0].state_dict()), found.model_state)


def test_half_precision_spares_the_flow_integers_and_statistics(tmp_path: Path) -> None:
    weights, path = (
        changed(small(LINF_3, UNET_27), phase__weight=torch.full((4, 2), 1e6)),
        tmp_path / "ours.safetensors",
    )
    write_weights(path, weights)
    with safe_open(path, "pt") as file:
        dtypes = {key: file.get_tensor(key).dtype for key in file.keys()}  # noqa: SIM118 (no mapping)
    assert {key.split(".")[0] for key in dtypes} == {"linf", "prior"}
    for key, dtype in dtypes.items():
        if key.endswith(("relative_position_index", "num_batches_tracked")):
            assert dtype == torch.int64
        elif key.startswith("linf.imnet.") or ".running_" in key or key == "linf.phase.weight":
            assert dtype == torch.float32
        else:
            assert dtype == torch.float16


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    files = [tmp_path / f"{i}.safetensors" for i in range(4)]
    for file in files:
        write_weights(file, small())
    assert len({file.read_bytes() for file in files}) == 1


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "linf-nodes/2", "newer.*update linf-nodes"),
        ("format", "linf-nodes/one", "reads linf-nodes/1"),
        ("spec", "{", "not JSON"),
        ("spec", "[]", "not an object"),
        ("spec", "{}", "belongs to no model"),
        ("spec", '{"linf": {"args": {}}}', "no name"),
        ("card", "3", "not an object"),
    ],
)
def test_a_wrong_header_is_refused(key: str, value: str, message: str, tmp_path: Path) -> None:
    header = {"format": "linf-nodes/1", "spec": json.dumps({"linf": LINF_1.entry()}), "card": "{}"} | {key: value}
    path = tmp_path / "odd.safetensors"
    save_file({f"linf.{name}": tensor for name, tensor in small().model_state.items()}, path, header)
    with pytest.raises(UnsupportedWeights, match=rf"odd\.safetensors.*{message}"):
        read_weights(path)


def test_a_failed_write_leaves_nothing_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ours.safetensors"
    with pytest.raises(BadValue, match=r"ours\.safetensors.*JSON"):
        write_weights(path, replace(small(), card={"tensor": torch.ones(1)}))
    with pytest.raises(BadValue, match="no folder"):
        write_weights(tmp_path / "nowhere" / "ours.safetensors", small())

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:100])
        raise OSError(28, "No space left on device")

    write_weights(path, small())
    before = path.read_bytes()
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BadValue, match="No space left"):
        write_weights(path, small(LINF_3))
    assert os.listdir(tmp_path) == [path.name]
    assert path.read_bytes() == before


# The name of the values


def test_the_hash_names_values_and_not_containers(tmp_path: Path) -> None:
    weights = small()
    backwards = replace(weights, model_state=dict(reversed(weights.model_state.items())))
    assert weights_hash(backwards) == weights_hash(weights)
    assert weights_hash(replace(weights, card={})) == weights_hash(weights)
    assert len(weights_hash(weights)) == 16
    bias = weights.model_state["coef.bias"]
    others = [
        changed(weights, coef__bias=bias + 1e-3),
        changed(weights, coef__bias=bias[None]),
        changed(weights, coef__bias=None, coef__bias2=bias),
        replace(weights, model_state={}, prior_state=weights.model_state),
        replace(weights, model=Spec("linf", {"encoder_spec": {**EDSR, "args": {"res_scale": 0.1}}})),
    ]
    assert len({weights_hash(w) for w in [weights, *others]}) == 1 + len(others)


def test_the_hash_knows_the_default_of_the_large_edsr() -> None:
    def named(name: str, args: dict[str, Any]) -> str:
        return weights_hash(Weights(Spec("linf", {"encoder_spec": {"name": name, "args": args}}), {}, None, {}))

    assert named("edsr", {}) == named("edsr-baseline", {"res_scale": 0.1}) != named("edsr-baseline", {})
    assert named("edsr-baseline", {"res_scale": 1}) == named("rdn", {})
    with pytest.raises(UnsupportedWeights, match="res_scale"):
        named("edsr", {"res_scale": "much"})


def test_the_hash_is_cheap() -> None:
    weights = Weights(None, {"a": torch.ones(2_000_000)}, None, {})
    start = time.process_time()
    weights_hash(weights)
    assert time.process_time() - start < 0.05
