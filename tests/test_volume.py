"""A stack enlarges to the same pixels however it is asked for, in the units, dtype and order that it came in."""

import math
import threading
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import torch

from linf_nodes.catalogue.tensors import Levels
from linf_nodes.errors import BadShape, BadValue, Cancelled
from linf_nodes.models.checkpoint import write_weights
from linf_nodes.pictures.samples import from_float, rounded
from linf_nodes.pipeline.blocks import Block, Span
from linf_nodes.stacks.axes import Axes
from linf_nodes.stacks.coordinates import Coordinates, size_for
from linf_nodes.stacks.levels import levels_of
from linf_nodes.stacks.units import unit_of
from linf_nodes.stacks.volume import Output, Settings, Volume, estimate

from . import tiny
from .stacks import Array, stack, volume, write_zero


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stacks")
    tiny.write_models(folder)
    write_zero(folder / "zero.safetensors")
    return folder


@pytest.fixture
def model(models: Path) -> str:
    return str(models / "tiny.safetensors")


@pytest.fixture
def zero(models: Path) -> str:
    return str(models / "zero.safetensors")


def by_blocks(v: Volume, output: str = Output.SAMPLE) -> Array:
    """The generator's way: every block alone, in the wrong order."""
    out = np.empty(v.shape, v.dtype_of(output))
    for block in reversed(v.blocks()):
        out[v.axes.where(block.index, slice(*block.pixels.rows), slice(*block.pixels.cols))] = v.block(block, output)
    return out


def by_planes(v: Volume, output: str = Output.SAMPLE) -> Array:
    out = np.empty(v.shape, v.dtype_of(output))
    for index in v.planes:
        out[v.axes.where(index, slice(None), slice(None))] = v.plane(index, output)
    return out


@pytest.mark.parametrize("size", [(131, 97), (60, 151), (45, 38)], ids=str)
@pytest.mark.parametrize("output", list(Output))
def test_every_road_gives_the_same_bits(model: str, size: tuple[int, int], output: Output) -> None:
    v = volume(stack(2, 45, 38), size, model=model, tile=14, seed=5)
    whole = by_planes(v, output)
    assert len(v.blocks()) > 4
    assert np.array_equal(whole, by_blocks(v, output))
    assert np.array_equal(whole, v.lazy(output).compute(scheduler="synchronous"))
    assert np.array_equal(whole, v.lazy(output, chunk=(33, 50)).compute(scheduler="threads", num_workers=3))
    assert whole.dtype == (np.float32 if output == "deviation" else np.uint16)


def test_every_road_gives_the_same_bits_with_a_learned_prior(models: Path) -> None:
    v = volume(stack(2, 45, 38), (131, 97), model=str(models / "learned.safetensors"), tile=14)
    assert v.recipe()["latent"] == "learned"
    assert len(v.blocks()) > 4
    assert np.array_equal(by_planes(v), by_blocks(v))


def test_a_window_of_a_large_plane_gives_the_same_bits_with_a_learned_prior(models: Path) -> None:
    v = volume(stack(230, 260), (460, 520), model=str(models / "learned.safetensors"), tile=40)
    lazy = v.lazy()
    blocks = v.plan
    assert len(blocks) > 9
    whole = v.plane()
    for block in list(blocks)[::5]:
        rows, cols = block.pixels(blocks.grid).slices()
        assert np.array_equal(lazy[rows, cols].compute(scheduler="synchronous"), whole[rows, cols])


def test_a_window_is_that_of_the_plane(model: str) -> None:
    v = volume(stack(2, 45, 38), (131, 97), model=model, tile=14)
    rectangle = Block(Span(17, 101), Span(40, 41))
    assert np.array_equal(v.window((1,), rectangle), v.plane((1,))[17:101, 40:41])


def test_blocks_barely_show(model: str) -> None:
    source = stack(45, 38, dtype=np.float32, low=0, high=1)
    one = volume(source, (131, 97), model=model)
    assert len(one.blocks()) == 1
    assert np.abs(one.plane() - volume(source, (131, 97), model=model, tile=14).plane()).max() <= 1e-6


def test_it_is_the_upscale_node(model: str) -> None:
    from linf_nodes.catalogue.loading import load_model
    from linf_nodes.catalogue.oneclick import upscale

    source = stack(3, 30, 25, dtype=np.float32, low=0, high=1)
    v = Volume(source, Axes.of(source.shape), (71, 60), Settings(model, device="cpu", seed=4), Levels())
    whole = upscale(load_model(model, device="cpu"), torch.from_numpy(source[2])[None, None], height=71, width=60,
                    seed=4, frame=2)  # fmt: skip
    assert np.abs(v.plane((2,)) - whole[0, 0].numpy()).max() <= 1e-6


def test_passes_are_the_upscale_node_s(model: str) -> None:
    from linf_nodes.catalogue.loading import load_model
    from linf_nodes.catalogue.oneclick import upscale

    source = stack(1, 40, 35, dtype=np.float32, low=0, high=1)
    settings = Settings(model, device="cpu", seed=4, passes=8, tile=14)
    v = Volume(source, Axes.of(source.shape), (91, 80), settings, Levels())
    whole = upscale(load_model(model, device="cpu"), torch.from_numpy(source[:1])[None], height=91, width=80,
                    seed=4, passes=8)  # fmt: skip
    assert np.abs(v.plane((0,)) - whole[0, 0].numpy()).max() <= 2e-6
    assert np.array_equal(v.plane((0,)), by_blocks(v)[0])
    assert v.recipe()["passes"] == 8


def test_threads_are_part_of_what_is_settled(model: str) -> None:
    v = volume(stack(45, 38, dtype=np.float32), (131, 97), model=model, tile=14)
    found: dict[int, Array] = {}

    def work(threads: int, settled: Volume) -> None:
        torch.set_num_threads(threads)  # of this thread and of new ones
        found[threads] = settled.plane()
        torch.set_num_threads(1)

    settled = v.settled()
    assert settled.threads == torch.get_num_threads()
    assert settled.settings.precision == "float32"
    for threads in (1, 2, 3):
        worker = threading.Thread(target=work, args=(threads, settled))
        worker.start()
        worker.join()
    assert all(np.array_equal(found[1], other) for other in found.values())


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 0, 2, 3), (2, 3, 1, 0), (3, 2, 0, 1)], ids=str)
def test_axes_may_lie_in_any_order(model: str, order: tuple[int, ...]) -> None:
    source = stack(2, 3, 20, 15)  # t z y x
    turned = source.transpose(order)
    axes = Axes(4, order.index(2), order.index(3))
    settings = Settings(
        model, device="cpu", temperature=0, auto_temperature=False
    )  # noise is named by the plane's number
    v = Volume(turned, axes, (41, 37), settings)
    straight = Volume(source, Axes.of(source.shape), (41, 37), settings).lazy().compute()
    assert np.array_equal(v.lazy().compute(), straight.transpose(order))
    assert v.shape == straight.transpose(order).shape


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("samples", [3, 4])
def test_colour_may_lie_anywhere_and_alpha_is_not_invented(model: str, place: int, samples: int) -> None:
    source = stack(samples, 20, 15, dtype=np.uint8, low=0, high=255)
    axes = {0: Axes(3, 1, 2, 0), 1: Axes(3, 0, 2, 1), 2: Axes(3, 0, 1, 2)}[place]
    v = Volume(np.moveaxis(source, 0, place), axes, (43, 31), Settings(model, device="cpu"))
    plane = np.moveaxis(v.plane(), place, 0)
    assert plane.shape == (samples, 43, 31)
    straight = Volume(source, Axes(3, 1, 2, 0), (43, 31), Settings(model, device="cpu")).plane()
    assert np.array_equal(plane, straight)
    if samples == 4:
        alone = volume(source[3], (43, 31), model=model, temperature=0, auto_temperature=False)
        assert not np.array_equal(plane[3], alone.plane()), "alpha is enlarged bilinearly, not by the network"
        opaque = np.concatenate((source[:3], np.full_like(source[:1], 255)))
        assert (
            Volume(opaque, axes if place == 0 else Axes(3, 1, 2, 0), (43, 31), Settings(model)).plane()[3] == 255
        ).all()


def test_grey_stays_grey_and_planes_differ_by_their_noise(model: str) -> None:
    source = np.stack([stack(20, 15)] * 2)
    v = volume(source, (43, 31), model=model, temperature=1, auto_temperature=False)
    assert v.plane((0,)).shape == (43, 31)
    assert not np.array_equal(v.plane((0,)), v.plane((1,)))
    assert np.array_equal(v.plane((0,), Output.MEAN), v.plane((1,), Output.MEAN))


def test_a_draw_is_another_seed(model: str) -> None:
    v = volume(stack(20, 15), (43, 31), model=model, seed=3)
    assert np.array_equal(v.draw(2).plane(), volume(stack(20, 15), (43, 31), model=model, seed=5).plane())
    assert not np.array_equal(v.draw(2).plane(), v.plane())


def test_deviation_is_that_of_many_draws(model: str) -> None:
    source = stack(12, 10, dtype=np.float32)
    v = volume(source, (31, 27), model=model, temperature=1, auto_temperature=False)
    draws = np.stack([v.draw(k).plane() for k in range(400)]).astype(np.float64)
    ratio = draws.std(0) / v.plane(output=Output.DEVIATION)
    assert abs(np.median(ratio) - 1) < 0.01
    assert np.abs(ratio - 1).max() < 0.25  # the error of a deviation from 400 draws is 3.5 %


# Normalisation: one for the volume, robust, inverted exactly.


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64, np.int32])
def test_a_constant_stays_and_a_ramp_stays_monotone(zero: str, dtype: Any) -> None:
    top = 250 if dtype == np.uint8 else 30000
    for value in (0, 1, top):
        flat = np.full((2, 20, 15), value, dtype)
        v = volume(flat, (43, 31), model=zero)
        settings = Settings(zero, device="cpu", temperature=0, auto_temperature=False)
        plane = Volume(flat, v.axes, v.size, settings).plane((1,))
        assert plane.dtype == dtype
        assert np.abs(plane.astype(np.float64) - value).max() <= (1 if np.dtype(dtype).kind in "iu" else 1e-6 * top)
    ramp = np.linspace(0, top, 40).astype(dtype) + np.zeros((20, 1), dtype)
    plane = volume(ramp, (43, 107), model=zero, temperature=0, auto_temperature=False).plane().astype(np.float64)
    assert (np.diff(plane, axis=1) >= 0).all()
    assert (plane[0, 0], plane[0, -1]) == pytest.approx((float(ramp[0, 0]), float(ramp[0, -1])), abs=1)


def test_nothing_wraps_and_nothing_is_clipped_inside_the_type(model: str) -> None:
    source = np.where(np.indices((24, 24)).sum(0) % 5 < 2, 65535, 0).astype(np.uint16)
    drawn = volume(source, (61, 61), model=model, temperature=2, auto_temperature=False)
    wide = Volume(source.astype(np.float32), drawn.axes, drawn.size, drawn.settings, drawn.chosen_levels)
    expected = np.clip(np.rint(wide.plane().astype(np.float64)), 0, 65535)
    assert wide.plane().min() < -100
    assert wide.plane().max() > 65635
    assert np.abs(drawn.plane() - expected).max() <= 1


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([-0.5, 0.5, 1.5, 2.5, 300, -7], np.uint8, [0, 0, 2, 2, 255, 0]),
        ([-40000, 40000, 0.6], np.int16, [-32768, 32767, 1]),
        ([2.0**65, -1], np.uint64, [2**64 - 2048, 0]),
        ([1e6, -1e6], np.float16, [65504, -65504]),
    ],
)
def test_samples_are_rounded_and_saturated(values: list[float], dtype: Any, expected: list[float]) -> None:
    assert rounded(np.array(values), np.dtype(dtype)).tolist() == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_value_beside_a_tie_becomes_one_sample_in_layers_stacks_and_files(dtype: Any) -> None:
    top = int(np.iinfo(dtype).max)
    ties = ((np.arange(top) + 0.5) / top).astype(np.float32)
    near = np.concatenate([np.nextafter(ties, np.float32(0)), ties, np.nextafter(ties, np.float32(1))])
    found = Levels(0, top).samples(near, np.dtype(dtype))
    assert np.array_equal(found, from_float(near, np.dtype(dtype), (0, top)))
    assert np.array_equal(found, np.rint(near * top)), "what numpy makes of a node's float32 picture"


def test_levels_are_robust() -> None:
    dark = stack(4, 60, 60)  # 12 bits in 16
    axes = Axes.of(dark.shape)
    plain = levels_of(dark, axes)
    assert 200 <= plain.low < 700
    assert 3300 < plain.high <= 3900
    hot = np.tile(dark, (1, 3, 3))
    hot[2, 5, 5] = 65535
    assert levels_of(hot, axes) == levels_of(np.tile(dark, (1, 3, 3)), axes), "a hot pixel does not darken the rest"
    spots = np.tile(dark, (1, 3, 3))
    spots[:, 50:54, 50:54] = 20000
    found = levels_of(spots, axes)
    assert (20000 - found.low) / (found.high - found.low) == pytest.approx(1.25), "the network is shown rare spots"
    assert levels_of(dark.astype(np.uint8), axes) == Levels(0, 255)
    rgb = stack(20, 20, 3)
    assert levels_of(rgb, Axes.of(rgb.shape, rgb=True)) == Levels(0, 65535)
    assert levels_of(rgb / np.float32(65535), Axes.of(rgb.shape, rgb=True)) == Levels(0, 1)
    sparse = np.zeros((1, 99, 99), np.uint16)
    sparse[0, 40:42, 40:42] = 900
    assert levels_of(sparse, axes) == Levels(0, 900)
    assert levels_of(np.full((3, 9, 9), 7, np.uint16), axes) == Levels(0, 65535)
    assert levels_of(np.full((3, 9, 9), -3.5, np.float32), axes) == Levels(-3.5, 0)


def test_far_samples_are_enlarged_bilinearly_and_disturb_nothing(model: str, zero: str) -> None:
    source = stack(90, 90)
    hot = source.copy()
    hot[40:43, 50] = 65535
    options: dict[str, Any] = {"temperature": 0, "auto_temperature": False, "tile": 14}
    levels = volume(source, (201, 233)).chosen_levels

    def enlarged(array: Array, name: str) -> Array:
        v = volume(array, (201, 233), model=name, **options)
        return replace(v, levels=levels).plane().astype(np.int64)

    plain = enlarged(hot, zero)
    assert np.array_equal(by_blocks(replace(volume(hot, (201, 233), model=model, **options), levels=levels)),
                          enlarged(hot, model))  # fmt: skip
    assert plain.max() == pytest.approx(65535, abs=6000)
    assert np.abs(enlarged(hot, model) - plain).max() < 2 * (levels.high - levels.low)
    far = np.s_[:, :100]
    assert np.array_equal(enlarged(hot, model)[far], enlarged(source, model)[far])


def test_channels_are_normalised_each_by_itself(model: str) -> None:
    dim, bright = stack(3, 30, 25, low=100, high=140), stack(3, 30, 25, low=300, high=40000)
    both = np.stack((dim, bright), 1)  # z c y x
    settings = Settings(model, device="cpu", seed=2, temperature=0, auto_temperature=False)
    together = Volume(both, Axes(4, 2, 3, channel=1), (71, 60), settings)
    for channel, alone in enumerate((dim, bright)):
        v = Volume(alone, Axes.of(alone.shape), (71, 60), settings)
        assert together.every_levels[channel] == v.chosen_levels
        assert np.array_equal(together.plane((2, channel)), v.plane((2,)))
    assert np.array_equal(together.lazy().compute(), by_blocks(together.settled()))


def test_one_normalisation_for_all_planes(zero: str) -> None:
    source = np.stack([np.full((20, 15), 100, np.uint16), np.full((20, 15), 4000, np.uint16)])
    v = volume(source, (43, 31), model=zero, temperature=0, auto_temperature=False)
    assert (v.plane((0,)) == 100).all()
    assert (v.plane((1,)) == 4000).all()


# Large sources.


class Virtual:
    """An array that is not there: counts what is read of it."""

    def __init__(self, *shape: int, dtype: Any = np.uint16):
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.read = 0

    def __getitem__(self, index: tuple[int | slice, ...]) -> Array:
        counts = [len(range(*i.indices(n))) for i, n in zip(index, self.shape, strict=True) if isinstance(i, slice)]
        self.read += math.prod(counts)
        return np.arange(math.prod(counts), dtype=np.uint64).reshape(counts).astype(self.dtype) % 4096


def test_a_lazy_view_of_a_hundred_gigabytes_is_cheap(model: str) -> None:
    source = Virtual(2000, 5000, 5000)
    v = volume(source, (12500, 10000), model=model)
    start = time.perf_counter()
    lazy = v.lazy()
    assert lazy.nbytes == 2000 * 12500 * 10000 * 2
    assert source.read == 0, "nothing is read before a pixel is asked for"
    tracemalloc.start()
    corner = lazy[1234, :300, :200].compute(scheduler="synchronous")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert corner.shape == (300, 200)
    assert source.read <= 8 * 9 * 256**2 + 600 * 600
    assert peak < 500e6
    assert time.perf_counter() - start < 60  # seconds of compute on a slow machine; construction is milliseconds


def test_a_learned_prior_reads_windows_of_large_planes(models: Path) -> None:
    source = Virtual(3000, 3000)
    v = volume(source, (6000, 6000), model=str(models / "learned.safetensors"), tile=64)
    v.lazy()[:10, :10].compute(scheduler="synchronous")
    assert source.read <= 9 * 256**2 + 200**2, "the sample of intensities, and a window"


def test_construction_takes_no_time_and_no_model() -> None:
    start = time.perf_counter()
    v = volume(Virtual(100000, 20000, 20000), (40000, 40000), model="no such model")
    assert v.shape == (100000, 40000, 40000)
    assert time.perf_counter() - start < 0.5


def test_dask_sources_are_read_in_windows(model: str) -> None:
    read: list[Any] = []

    def load(block_id: tuple[int, ...]) -> Array:
        read.append(block_id)
        return stack(1, 64, 64)

    source = da.map_blocks(
        load, chunks=((1,) * 4, (64,) * 8, (64,) * 8), dtype=np.uint16, meta=np.empty((0, 0, 0), np.uint16)
    )
    v = Volume(source, Axes.of(source.shape), (1024, 1024), Settings(model, device="cpu", tile=64), Levels(0, 4000))
    v.lazy()[3, :10, :10].compute()
    assert len(read) <= 4


def test_a_dask_source_inside_dask_tasks(model: str) -> None:
    source = stack(3, 30, 25)
    v = volume(da.from_array(source, chunks=(1, 16, 16)), (71, 60), model=model, tile=14)
    whole = by_planes(volume(source, (71, 60), model=model, tile=14))
    assert np.array_equal(v.lazy().compute(scheduler="threads", num_workers=3), whole)


# Bad input.


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (np.zeros((9, 9), bool), "boolean"),
        (np.zeros((9, 9), np.complex64), "complex64"),
        (np.zeros((9, 9), "datetime64[s]"), "datetime64"),
        (np.zeros((0, 9, 9), np.uint8), r"\(0, 9, 9\)"),
    ],
)
def test_what_is_no_stack_is_refused(source: Array, says: str) -> None:
    with pytest.raises((BadValue, BadShape), match=says):
        volume(source, (18, 18))


@pytest.mark.parametrize("size", [(19, 40), (40, 14), (641, 40)], ids=str)
def test_sizes_that_cannot_be_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BadValue, match="input's"):
        volume(stack(20, 15), size)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Axes.of((5,)), "1 axes"),
        (lambda: Axes(3, 1, 3), "no axis 3"),
        (lambda: Axes(3, 1, 1), "twice"),
        (lambda: Axes(3, 1, 2, 0, 0), "twice"),
        (lambda: volume(np.zeros((9, 9, 5), np.uint8), (9, 9), rgb=True), "5 samples"),
        (lambda: volume(stack(3, 9, 9), (18, 18)).plane((3,)), r"\(3,\)"),
    ],
)
def test_axes_that_do_not_fit_are_refused(make: Callable[[], object], says: str) -> None:
    with pytest.raises(BadShape, match=says):
        make()


@pytest.mark.parametrize("settings", [{"temperature": 3}, {"latent": "magic"}, {"seed": -1}, {"tile": 1.5}], ids=str)
def test_settings_are_checked_at_once(settings: dict[str, Any]) -> None:
    with pytest.raises(BadValue, match=next(iter(settings))):
        Settings(**settings)


def test_nan_is_counted_where_it_is(model: str) -> None:
    source = stack(3, 700, 20, dtype=np.float32)
    source[1, 2:4, 3] = np.nan
    source[1, 600, 7] = np.inf
    v = volume(source, (1400, 40), model=model)
    assert np.isfinite(v.plane((0,))).all()
    with pytest.raises(BadValue, match=r"plane \(1,\) holds 3 samples that are NaN or infinite"):
        v.window((1,), Block(Span(0, 10), Span(0, 10)))
    with pytest.raises(BadValue, match="nothing but NaN"):
        _ = volume(np.full((9, 9), np.nan, np.float32), (18, 18)).chosen_levels


def test_cancel_stops_within_a_block(model: str) -> None:
    v = volume(stack(45, 38), (131, 97), model=model, tile=14)
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int, preview: tuple[Block, Array]) -> None:
        seen.append((done, total))
        assert preview[1].shape == (1, *preview[0].size)
        if done == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        v.plane(progress=progress)
    assert seen == [(1, len(v.blocks())), (2, len(v.blocks()))]


def test_an_estimate_counts_every_byte(model: str) -> None:
    v = volume(stack(7, 45, 38), (131, 97), model=model, tile=14)
    found = estimate(v)
    assert found.bytes == 7 * 131 * 97 * 2
    assert found.seconds > 0


# Coordinates.


def test_edges_stay_where_they_are() -> None:
    where = Coordinates(("z", "y", "x"), ("um", "nm", None), (2, 0.5, 1), (3, -7, 0))
    moved = where.resampled((4, 30, 25), (4, 71, 60))
    for axis, (n, m) in enumerate(zip((4, 30, 25), (4, 71, 60), strict=True)):
        for c, count in ((where, n), (moved, m)):
            low = c.translation[axis] - 0.5 * c.scale[axis]
            high = c.translation[axis] + (count - 0.5) * c.scale[axis]
            ends = (
                where.translation[axis] - 0.5 * where.scale[axis],
                where.translation[axis] + (n - 0.5) * where.scale[axis],
            )
            assert (low, high) == pytest.approx(ends, abs=1e-12)


def test_coordinates_have_names_and_refuse_what_cannot_be() -> None:
    assert Coordinates.of(Axes(2, 0, 1)).names == ("y", "x")
    assert Coordinates.of(Axes(4, 2, 3)).names == ("t", "z", "y", "x")
    assert Coordinates.of(Axes(5, 2, 3, 4)).names == ("t", "z", "y", "x", "c")
    assert Coordinates.of(Axes(5, 3, 4)).names == ("t", "c", "z", "y", "x")
    axes = Axes(2, 0, 1)
    for options in ({"scale": (0, 1)}, {"scale": (1, 2, 3)}, {"units": ("um", "parrot")}, {"names": ("y", "y")}):
        with pytest.raises(BadValue):
            Coordinates.of(axes, **options)


def test_a_pixel_size_becomes_a_size() -> None:
    axes = Axes(3, 1, 2)
    where = Coordinates.of(axes, scale=(1, 0.3, 0.2))
    assert size_for(axes, (5, 10, 20), where, (0.1, 0.07)) == (30, 57)
    for wrong in (0, -1, 0.4, math.nan):
        with pytest.raises(BadValue, match="pixel size"):
            size_for(axes, (5, 10, 20), where, (wrong, 0.1))


def test_units_have_many_spellings() -> None:
    assert {unit_of(text) for text in ("um", "µm", "μm", "micron", "micrometer", "micrometre", "micrometers")} == {
        unit_of("micrometer")
    }
    assert unit_of("pixel") is unit_of(None) is None
    with pytest.raises(BadValue, match="parrot"):
        unit_of("parrot")


def test_a_volume_remembers_its_models_prior_being_absent(model: str) -> None:
    with pytest.raises(BadValue, match="no learned prior"):
        volume(stack(9, 9), (18, 18), model=model, latent="learned").plane()


def test_weights_that_changed_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    write_weights(path, tiny.weights())
    v = volume(stack(9, 9), (18, 18), model=str(path))
    before = v.plane(), v.recipe()["model_hash"]
    write_zero(path)
    assert v.recipe()["model_hash"] != before[1]
    assert not np.array_equal(v.plane(), before[0])
