"""Stacks in files: OME-Zarr block by block on any number of processes, OME-TIFF plane by plane, and `linf stack`."""

import json
import os
import pickle
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from linf_nodes.errors import BadPicture, BadShape, BadValue, Cancelled, Unfinished
from linf_nodes.hosts.cli.main import main
from linf_nodes.stacks import ome_zarr as driver
from linf_nodes.stacks.axes import Axes
from linf_nodes.stacks.cluster import Local
from linf_nodes.stacks.coordinates import Coordinates
from linf_nodes.stacks.disk import check_space
from linf_nodes.stacks.job import write_box
from linf_nodes.stacks.ngff import create
from linf_nodes.stacks.ome_tiff import write_ome_tiff
from linf_nodes.stacks.ome_zarr import write_ome_zarr
from linf_nodes.stacks.perform import perform
from linf_nodes.stacks.record import NAME
from linf_nodes.stacks.stack_file import open_stack
from linf_nodes.stacks.volume import Output, Settings, Volume

from . import tiny
from .stacks import Array, stack, volume, write_zero

needs_zarr = pytest.mark.skipif(not find_spec("ome_zarr"), reason="ome-zarr is not installed: install the extra zarr")
needs_cluster = pytest.mark.skipif(
    not all(map(find_spec, ("ome_zarr", "distributed", "cryptography"))), reason="the extra zarr is not installed"
)

# ome-zarr's own import: it makes an object of a class that it deprecates
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("stacks")
    tiny.write_models(folder)
    return str(folder / "tiny.safetensors")


def place(axes: Axes) -> Coordinates:
    """Anisotropic micrometers, not at the origin."""
    names = ("t", "c", "z")[3 - len(axes.looped) :] if axes.colour is None else ("t", "z")[2 - len(axes.looped) :]
    letters = dict(zip(axes.looped, names, strict=True)) | {axes.y: "y", axes.x: "x", axes.colour: "c"}
    every = [letters[a] for a in range(axes.ndim)]
    units = {"t": "second", "z": "um", "y": "um", "x": "nm"}
    scale, at = {"t": 3, "z": 0.7, "y": 0.3, "x": 250}, {"z": 10, "y": -4, "x": 5000}
    return Coordinates.of(
        axes, every, [units.get(n) for n in every], [scale.get(n, 1) for n in every], [at.get(n, 0) for n in every]
    )


@pytest.fixture
def grey(model: str) -> Volume:
    """Three planes to 2.911 and 2.553 times the height and width."""
    return volume(stack(3, 45, 38), (131, 97), model=model, tile=14, seed=5)


def files(folder: Path) -> dict[str, bytes]:
    every = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != NAME)  # the record tells when it began
    return {str(p.relative_to(folder)): p.read_bytes() for p in every}


def chunks(folder: Path, level: int = 0) -> list[Path]:
    return sorted(p for p in (folder / str(level) / "c").rglob("*") if p.is_file())


def read(folder: Path, level: int = 0) -> Array:
    import zarr

    return np.asarray(zarr.open_array(str(folder / str(level)), mode="r")[...])


# OME-Zarr.


@needs_zarr
def test_zarr_holds_the_same_bits_and_every_block_has_its_file(grey: Volume, tmp_path: Path) -> None:
    write_ome_zarr(grey, tmp_path / "a.zarr", place(grey.axes))
    assert np.array_equal(read(tmp_path / "a.zarr"), grey.lazy().compute())
    assert len(chunks(tmp_path / "a.zarr")) == len(grey.blocks()) > 9
    settled = grey.settled()
    assert np.array_equal(read(tmp_path / "a.zarr")[1], settled.plane((1,)))


@needs_zarr
def test_an_independent_reader_finds_everything_in_its_place(grey: Volume, tmp_path: Path) -> None:
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    where = place(grey.axes)
    write_ome_zarr(grey, tmp_path / "a.ome.zarr", where)
    node = next(iter(Reader(parse_url(str(tmp_path / "a.ome.zarr"), mode="r"))()))
    assert [level.shape for level in node.data] == [(3, 131, 97), (3, 65, 48)]
    assert node.metadata["axes"] == [
        {"name": "z", "type": "space", "unit": "micrometer"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "nanometer"},
    ]
    factors = np.array([1, 45 / 131, 38 / 97])
    for level, steps in enumerate(node.metadata["coordinateTransformations"]):
        scale = np.array(where.scale) * factors * np.array([1, 2**level, 2**level])
        assert steps[0]["scale"] == pytest.approx(scale, abs=1e-9)
        shift = np.array(where.translation) + 0.5 * (scale - np.array(where.scale))
        assert steps[1]["translation"] == pytest.approx(shift, abs=1e-9)
    levels = grey.chosen_levels
    assert node.metadata["contrast_limits"] == [[levels.low, levels.high]]
    assert np.array_equal(np.asarray(node.data[0]), grey.lazy().compute())


@needs_zarr
@pytest.mark.skipif(not find_spec("ome_zarr_models"), reason="ome-zarr-models is not installed: it checks the standard")
def test_metadata_keep_to_the_standard(grey: Volume, tmp_path: Path) -> None:
    import zarr
    from ome_zarr_models.v05.image import Image
    from zarr.core.metadata import ArrayV3Metadata

    write_ome_zarr(grey, tmp_path / "a.zarr", place(grey.axes))
    image = Image.from_zarr(zarr.open_group(str(tmp_path / "a.zarr"), mode="r"))
    attributes: Any = image.ome_attributes  # omero is not among those that it states
    assert attributes.version == "0.5"
    assert attributes.omero is not None
    array = zarr.open_array(str(tmp_path / "a.zarr" / "0"), mode="r")
    assert isinstance(array.metadata, ArrayV3Metadata)
    assert array.metadata.dimension_names == ("z", "y", "x")
    assert array.shards is None


@needs_zarr
def test_every_channel_has_its_display_range(model: str, tmp_path: Path) -> None:
    import zarr

    source = np.stack((stack(20, 15, low=100, high=140), stack(20, 15, low=300, high=40000)))
    v = Volume(source, Axes(3, 1, 2, channel=0), (41, 37), Settings(model, device="cpu"))
    write_ome_zarr(v, tmp_path / "a.zarr", Coordinates.of(v.axes, ("c", "y", "x")))
    attributes: Any = zarr.open_group(str(tmp_path / "a.zarr"), mode="r").attrs.asdict()
    ranges = [[c["window"]["start"], c["window"]["end"]] for c in attributes["ome"]["omero"]["channels"]]
    assert ranges == [[levels.low, levels.high] for levels in v.every_levels] == attributes["linf"]["levels"]
    assert open_stack(tmp_path / "a.zarr").axes == v.axes


@needs_zarr
def test_the_recipe_makes_the_same_again(grey: Volume, tmp_path: Path) -> None:
    import zarr

    write_ome_zarr(grey, tmp_path / "a.zarr")
    recipe: Any = zarr.open_group(str(tmp_path / "a.zarr"), mode="r").attrs["linf"]
    assert recipe["finished"] is True
    assert (recipe["seed"], recipe["command"], recipe["shape"]) == (5, "stack", [3, 131, 97])
    assert recipe["scale"] == [131 / 45, 97 / 38]
    assert recipe["levels"] == [grey.chosen_levels.low, grey.chosen_levels.high]


@needs_zarr
def test_coarser_levels_are_means_of_four(grey: Volume, tmp_path: Path) -> None:
    write_ome_zarr(grey, tmp_path / "a.zarr")
    fine = read(tmp_path / "a.zarr").astype(np.float64)[:, :130, :96]
    assert np.array_equal(read(tmp_path / "a.zarr", 1), np.rint(fine.reshape(3, 65, 2, 48, 2).mean((2, 4))))


@needs_zarr
def test_levels_go_on_until_they_are_small(model: str, tmp_path: Path) -> None:
    v = volume(stack(20, 100), (40, 1100), model=model, tile=50)
    write_ome_zarr(v, tmp_path / "a.zarr", output=Output.MEAN)
    assert [read(tmp_path / "a.zarr", i).shape for i in range(4)] == [(40, 1100), (20, 550), (10, 275), (5, 137)]
    assert not (tmp_path / "a.zarr" / "4").exists()


@needs_zarr
def test_long_blocks_are_shards_of_chunks(model: str, tmp_path: Path) -> None:
    import zarr

    v = volume(stack(4, 500), (8, 6000), model=model, tile=300)
    write_ome_zarr(v, tmp_path / "a.zarr", output=Output.MEAN)
    array = zarr.open_array(str(tmp_path / "a.zarr" / "0"), mode="r")
    assert array.shards is not None
    assert array.shards[-1] in (2 * array.chunks[-1], 4 * array.chunks[-1])
    assert len(chunks(tmp_path / "a.zarr")) == len(v.blocks()) == 2
    assert np.array_equal(read(tmp_path / "a.zarr"), v.plane(output=Output.MEAN))


@needs_zarr
def test_axes_are_put_into_the_files_order(model: str, tmp_path: Path) -> None:
    source = stack(2, 3, 20, 15)
    v = volume(source, (41, 37), model=model)
    write_ome_zarr(v, tmp_path / "a.zarr", Coordinates.of(v.axes, ("z", "t", "y", "x")))
    assert np.array_equal(read(tmp_path / "a.zarr"), v.lazy().compute().transpose(1, 0, 2, 3))
    rgb = volume(stack(2, 20, 15, 3, dtype=np.uint8, low=0, high=255), (41, 37), rgb=True, model=model)
    write_ome_zarr(rgb, tmp_path / "b.zarr")
    assert np.array_equal(read(tmp_path / "b.zarr"), rgb.lazy().compute().transpose(3, 0, 1, 2))
    for names in (("a", "b", "y", "x"), ("t", "a0", "y", "x")):
        two = Coordinates.of(v.axes, names)
        if names[0] == "a":
            with pytest.raises(BadValue, match="a, b, y, x"):
                write_ome_zarr(v, tmp_path / "c.zarr", two)
            assert not (tmp_path / "c.zarr").exists()


@needs_zarr
def test_a_block_of_zeros_is_a_block_that_is_done(model: str, tmp_path: Path) -> None:
    write_zero(tmp_path / "zero.safetensors")
    v = Volume(np.zeros((2, 30, 30), np.uint16), Axes(3, 1, 2), (60, 60), Settings(str(tmp_path / "zero.safetensors"),
               device="cpu", temperature=0, auto_temperature=False, tile=12))  # fmt: skip
    write_ome_zarr(v, tmp_path / "a.zarr")
    assert not read(tmp_path / "a.zarr").any()
    assert len(chunks(tmp_path / "a.zarr")) == len(v.blocks())


# Stopping, going on, trying again.


@needs_zarr
def test_resume_computes_only_what_is_missing(grey: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, broken = tmp_path / "whole" / "a.zarr", tmp_path / "broken" / "a.zarr"
    whole.parent.mkdir()
    broken.parent.mkdir()
    write_ome_zarr(grey, whole)

    def stop(done: int, total: int, _: Any) -> None:
        if done == 5:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        write_ome_zarr(grey, broken, progress=stop)
    assert len(chunks(broken)) == 5
    assert json.loads((broken / "zarr.json").read_text())["attributes"]["linf"]["finished"] is False
    gone = chunks(whole)[3]
    lost = gone.relative_to(whole)
    computed: list[Any] = []
    window = Volume.window

    def counted(self: Volume, *args: Any) -> Array:
        computed.append(args[:2])
        return window(self, *args)

    monkeypatch.setattr(Volume, "window", counted)
    steps: list[tuple[int, int]] = []
    write_ome_zarr(grey, broken, progress=lambda done, total, _: steps.append((done, total)))
    assert len(computed) == len(grey.blocks()) - 5
    assert steps[0][0] == 6
    assert steps[-1][0] == steps[-1][1]
    assert files(broken) == files(whole), "the same bytes as in one go"
    before = files(whole)
    gone.unlink()
    computed.clear()
    write_ome_zarr(grey, whole)
    assert len(computed) == 1
    assert files(whole)[str(lost)] == before[str(lost)]


@needs_zarr
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v: replace(v, settings=replace(v.settings, seed=6)), "seed is 5, not 6"),
        (lambda v: replace(v, size=(132, 97)), "scale"),
        (lambda v: replace(v, source=v.source[::-1], levels=v.chosen_levels), "source"),
    ],
    ids=["seed", "size", "source"],
)
def test_resume_refuses_another_result(grey: Volume, tmp_path: Path, change: Any, says: str) -> None:
    write_ome_zarr(grey, tmp_path / "a.zarr")
    before = files(tmp_path / "a.zarr")
    with pytest.raises(BadValue, match=says):
        write_ome_zarr(change(grey), tmp_path / "a.zarr")
    with pytest.raises(BadValue, match="there already"):
        write_ome_zarr(grey, tmp_path / "a.zarr", resume=False)
    assert files(tmp_path / "a.zarr") == before


@needs_zarr
def test_a_folder_of_something_else_is_left_alone(grey: Volume, tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "thesis.txt").write_text("precious")
    with pytest.raises(BadValue, match="no result of ours"):
        write_ome_zarr(grey, tmp_path / "a.zarr")
    assert [p.name for p in (tmp_path / "a.zarr").iterdir()] == ["thesis.txt"]


@needs_zarr
def test_a_result_is_resumed_with_the_threads_it_was_begun_with(grey: Volume, tmp_path: Path) -> None:
    v = replace(grey, threads=2)
    write_ome_zarr(v, tmp_path / "a.zarr")
    before = files(tmp_path / "a.zarr")
    chunks(tmp_path / "a.zarr")[2].unlink()
    write_ome_zarr(replace(grey, threads=1), tmp_path / "a.zarr")
    assert files(tmp_path / "a.zarr") == before


class Flaky:
    """A source whose reads fail now and then, as those of a file server."""

    def __init__(self, source: Array, every: int):
        self._source, self._every, self.failed, self._reads = source, every, 0, 0
        self.shape, self.dtype = source.shape, source.dtype

    def __getitem__(self, index: Any) -> Array:
        self._reads += 1
        if self._reads % self._every == 0:
            self.failed += 1
            raise OSError("stale file handle")
        found: Array = self._source[index]
        return found


@needs_zarr
@pytest.mark.parametrize("threads", [0, 2])
def test_a_failure_that_passes_is_tried_again(grey: Volume, tmp_path: Path, threads: int) -> None:
    flaky = Flaky(grey.source, 7)
    v = replace(grey, source=flaky, levels=grey.chosen_levels)
    if threads:
        with ThreadPoolExecutor(threads) as executor:
            write_ome_zarr(v, tmp_path / "a.zarr", pool=Local(executor))
    else:
        write_ome_zarr(v, tmp_path / "a.zarr")
    assert flaky.failed > 2
    assert np.array_equal(read(tmp_path / "a.zarr"), grey.lazy().compute())


@needs_zarr
def test_a_failure_that_stays_is_reported_and_the_rest_resumed(grey: Volume, tmp_path: Path) -> None:
    v = replace(grey, source=Flaky(grey.source, 1), levels=grey.chosen_levels)
    flaky = v.source
    flaky._every = 10**9

    def break_down(done: int, total: int, _: Any) -> None:
        flaky._every = 1 if done == 3 else 10**9

    with pytest.raises(Unfinished, match="OSError: stale"):
        write_ome_zarr(v, tmp_path / "a.zarr", progress=break_down)
    assert len(chunks(tmp_path / "a.zarr")) == 3
    write_ome_zarr(grey, tmp_path / "a.zarr")
    assert np.array_equal(read(tmp_path / "a.zarr"), grey.lazy().compute())


def test_our_own_errors_are_not_tried_again() -> None:
    tries: list[int] = []

    def task(_: None, item: int) -> None:
        tries.append(item)
        raise BadValue("no")

    with pytest.raises(BadValue):
        perform(task, None, range(5))
    assert tries == [0]


def test_cancelling_drops_what_waits() -> None:
    ran: list[int] = []

    def work(_: None, item: int) -> None:
        time.sleep(0.01)
        ran.append(item)

    def stop(item: int, result: Any) -> None:
        raise Cancelled("enough")

    with ThreadPoolExecutor(1) as executor, pytest.raises(Cancelled):
        perform(work, None, range(1000), Local(executor), stop)
    assert len(ran) < 500


# Processes.


@needs_cluster
def test_two_processes_write_the_same_bits(grey: Volume, tmp_path: Path) -> None:
    from linf_nodes.stacks.cluster import local_cluster

    stopped = {"done": 0}

    def stop(done: int, total: int, _: Any) -> None:
        stopped["done"] = done
        if done == 4:
            raise Cancelled("enough")

    v = replace(grey, threads=1)
    with local_cluster(2, 1) as pool:
        with pytest.raises(Cancelled):
            write_ome_zarr(v, tmp_path / "a.zarr", pool=pool, progress=stop)
        assert len(chunks(tmp_path / "a.zarr")) < len(v.blocks())
        write_ome_zarr(v, tmp_path / "a.zarr", pool=pool)
        loads = pool._client.run(_models_held)
    assert np.array_equal(read(tmp_path / "a.zarr"), v.lazy().compute(scheduler="synchronous"))
    assert len(loads) == 2
    assert set(loads.values()) == {1}, "one model in each process"
    assert os.getpid() not in loads


def _models_held() -> int:
    from linf_nodes.pipeline.store import STORE

    return len(STORE.held())


@needs_zarr
def test_a_worker_with_other_weights_refuses(grey: Volume, tmp_path: Path) -> None:
    job, recipe, *_ = driver._prepared(grey, tmp_path / "a.zarr", None, Output.SAMPLE, True)
    create(job.folder, job.levels, job.volume, job.output, recipe)
    with pytest.raises(BadValue, match="the same weights"):
        write_box(replace(job, model_hash="feedfacefeedface"), (0, (0, 0, 0)))


# OME-TIFF.


def test_tiff_holds_the_same_bits_with_sizes_and_places(model: str, tmp_path: Path) -> None:
    v = volume(stack(2, 2, 3, 20, 15), (53, 37), model=model, seed=5)
    where = place(v.axes)
    write_ome_tiff(v, tmp_path / "a.ome.tif", where)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        assert tiff.is_ome
        assert not tiff.is_bigtiff
        assert tiff.series[0].axes == "TCZYX"
        assert np.array_equal(tiff.asarray(), v.lazy().compute())
        assert tiff.ome_metadata is not None
        pixels = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]
        recipe = re.search(r'<M K="linf">(.*?)</M>', tiff.ome_metadata)
    assert pixels["PhysicalSizeY"] == pytest.approx(0.3 * 20 / 53)
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"]) == (pytest.approx(250 * 15 / 37), "nm")
    assert (pixels["PhysicalSizeZ"], pixels["PhysicalSizeZUnit"]) == (0.7, "µm")
    assert (pixels["TimeIncrement"], pixels["TimeIncrementUnit"]) == (3, "s")
    assert len(pixels["Plane"]) == 12
    assert pixels["Plane"][7]["PositionX"] == pytest.approx(5000 + 0.5 * (250 * 15 / 37 - 250))
    assert recipe is not None
    assert json.loads(recipe[1].replace("&quot;", '"'))["seed"] == 5


@pytest.mark.parametrize("samples", [3, 4])
def test_tiff_keeps_colour(model: str, tmp_path: Path, samples: int) -> None:
    v = volume(stack(2, 20, 15, samples, dtype=np.uint8, low=0, high=255), (41, 37), rgb=True, model=model)
    write_ome_tiff(v, tmp_path / "a.ome.tif")
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        assert tiff.series[0].axes == "ZYXS"
        assert tiff.pages.first.photometric == tifffile.PHOTOMETRIC.RGB
        assert np.array_equal(tiff.asarray(), v.lazy().compute())


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("output", list(Output))
def test_tiff_keeps_the_type(model: str, tmp_path: Path, dtype: Any, output: Output) -> None:
    v = volume(stack(20, 15, dtype=dtype, low=0, high=200), (41, 37), model=model)
    write_ome_tiff(v, tmp_path / "a.ome.tif", output=output)
    found = tifffile.imread(tmp_path / "a.ome.tif")
    assert found.dtype == (np.float32 if output == "deviation" else dtype)
    assert np.array_equal(found, v.plane(output=output))


def test_planes_in_another_order_keep_their_noise(model: str, tmp_path: Path) -> None:
    v = volume(stack(2, 3, 20, 15), (41, 37), model=model, temperature=1, auto_temperature=False)
    write_ome_tiff(v, tmp_path / "a.tif", Coordinates.of(v.axes, ("z", "t", "y", "x")))
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), v.lazy().compute().transpose(1, 0, 2, 3))


def test_cancelling_a_tiff_leaves_nothing(grey: Volume, tmp_path: Path) -> None:
    def stop(done: int, total: int, _: Any) -> None:
        if done == 11:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        write_ome_tiff(grey, tmp_path / "new.tif", progress=stop)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.tif").write_bytes(b"old")
    with pytest.raises(Cancelled):
        write_ome_tiff(grey, tmp_path / "old.tif", progress=stop)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("old.tif", b"old")]


def test_a_large_result_becomes_a_bigtiff(grey: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from linf_nodes.stacks import ome_tiff

    monkeypatch.setattr(ome_tiff, "_BIG", 3 * 131 * 97 * 2 - 1)
    write_ome_tiff(grey, tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.is_bigtiff
        assert np.array_equal(tiff.asarray(), grey.lazy().compute())


def test_a_result_that_does_not_fit_is_refused_before_the_start(tmp_path: Path) -> None:
    huge = Volume(np.broadcast_to(np.uint16(1), (1 << 20, 4096, 4096)), Axes(3, 1, 2), (1 << 17, 1 << 17))
    with pytest.raises(BadValue, match=r"may need 36 PB, but .* are free"):
        write_ome_tiff(replace(huge, levels=volume(stack(9, 9), (9, 9)).chosen_levels), tmp_path / "a.tif")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BadValue, match="no folder"):
        check_space(tmp_path / "missing" / "a.tif", 1)


# Reading stacks.


def test_pages_are_read_alone_and_maps_too(tmp_path: Path) -> None:
    source = stack(2, 3, 20, 15)
    kinds: list[tuple[str, dict[str, Any]]] = [("map", {}), ("pages", {"compression": "zlib"})]
    for name, options in kinds:
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", source, metadata={"axes": "TZYX"}, **options)
        found = open_stack(tmp_path / f"{name}.ome.tif")
        assert (found.source.shape, found.axes) == ((2, 3, 20, 15), Axes(4, 2, 3))
        for index in ((1, 2, slice(3, 9), slice(0, 5)), (slice(0, 2), 1, 4, slice(None)), (0, slice(1, 3), 7, 2)):
            assert np.array_equal(found.source[index], source[index])


def test_a_stack_is_sent_to_other_processes_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = stack(4, 200, 150)
    np.save(tmp_path / "a.npy", source)
    tifffile.imwrite(tmp_path / "a.tif", source, photometric="minisblack", metadata={"axes": "ZYX"})
    monkeypatch.chdir(tmp_path)
    for name in ("a.npy", "a.tif"):
        sent = pickle.dumps(open_stack(name).source)
        assert len(sent) < 1000
        monkeypatch.chdir("/")
        assert np.array_equal(pickle.loads(sent)[(2, slice(None), slice(3, 9))], source[2, :, 3:9])
        monkeypatch.chdir(tmp_path)


def test_imagej_sizes_are_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", stack(3, 20, 15), imagej=True, resolution=(4.0, 5.0),
                     metadata={"axes": "ZYX", "spacing": 0.7, "unit": "um"})  # fmt: skip
    found = open_stack(tmp_path / "a.tif").coordinates
    assert found.names == ("z", "y", "x")
    assert found.units == ("micrometer",) * 3
    assert found.scale == pytest.approx((0.7, 0.2, 0.25))


def test_what_was_written_is_read_again(grey: Volume, tmp_path: Path) -> None:
    where = place(grey.axes)
    wanted = where.resampled(grey.source.shape, grey.shape)
    write_ome_tiff(grey, tmp_path / "a.ome.tif", where)
    found = open_stack(tmp_path / "a.ome.tif").coordinates
    assert found.names == wanted.names
    assert found.units == ("micrometer", "micrometer", "nanometer")
    assert found.scale == pytest.approx(wanted.scale)
    assert found.translation[1:] == pytest.approx(wanted.translation[1:])
    if find_spec("ome_zarr"):
        write_ome_zarr(grey, tmp_path / "a.zarr", where)
        found = open_stack(tmp_path / "a.zarr").coordinates
        assert found.scale == pytest.approx(wanted.scale)
        assert found.translation == pytest.approx(wanted.translation)


def test_what_is_no_stack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    (tmp_path / "a.npy").write_bytes(b"nothing")
    (tmp_path / "a.png").write_bytes(b"nothing")
    (tmp_path / "folder").mkdir()
    for name in ("a.tif", "a.npy", "a.png", "missing.tif", *(["folder"] if find_spec("zarr") else [])):
        with pytest.raises(BadPicture, match=name):
            open_stack(tmp_path / name)
    np.save(tmp_path / "b.npy", stack(3, 9, 9))
    assert open_stack(tmp_path / "b.npy", "xty").axes == Axes(3, 2, 0)
    assert open_stack(tmp_path / "b.npy", "syx").axes == Axes(3, 1, 2, 0)
    for axes in ("yx", "zyy", "abc"):
        with pytest.raises(BadShape, match=axes):
            open_stack(tmp_path / "b.npy", axes)


# The command.


@needs_zarr
def test_stack_command_writes_both_kinds(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = stack(3, 20, 15)
    tifffile.imwrite(tmp_path / "in.ome.tif", source, metadata={
        "axes": "ZYX", "PhysicalSizeX": 0.2, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.2, "PhysicalSizeYUnit": "µm",
    })  # fmt: skip
    options = ["--model", model, "--device", "cpu", "--seed", "9", "--pixel-size", "75nm"]
    for name in ("out.ome.zarr", "out.ome.tif"):
        assert main(["stack", str(tmp_path / "in.ome.tif"), str(tmp_path / name), *options, "--json"]) == 0
        record = json.loads(capsys.readouterr().out)
        assert (record["shape"], record["seed"], record["path"]) == ([3, 53, 40], 9, str(tmp_path / name))
    expected = volume(source, (53, 40), model=model, seed=9).lazy().compute()
    assert np.array_equal(read(tmp_path / "out.ome.zarr"), expected)
    assert np.array_equal(tifffile.imread(tmp_path / "out.ome.tif"), expected)
    where = open_stack(tmp_path / "out.ome.zarr").coordinates
    assert where.scale[1:] == pytest.approx((0.2 * 20 / 53, 0.2 * 15 / 40))
    assert main(["stack", str(tmp_path / "in.ome.tif"), str(tmp_path / "out.ome.zarr"), *options]) == 2
    assert "--resume" in capsys.readouterr().err
    assert main(["stack", str(tmp_path / "in.ome.tif"), str(tmp_path / "out.ome.zarr"), *options, "--resume"]) == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["out.png"], "neither .ome.zarr nor .ome.tif"),
        (["in.npy"], "neither"),
        (["out.tif", "--resume"], "plane by plane"),
        (["out.tif", "--scale", "2", "--size", "40x30"], "--scale and --size"),
        (["out.tif", "--pixel-size", "2"], "between 0 and 1"),
        (["out.tif", "--pixel-size", "50nm"], "the stack has none"),
        (["out.tif", "--pixel-size", "wide"], "no number"),
        (["out.tif", "--axes", "yx"], "'yx'"),
        (["out.tif", "--scale", "40"], "from 1 to 32"),
        (["missing/out.tif"], "no such folder"),
        (["out.zarr", "--workers", "0"], "from 1 to 1024"),
        (["out.zarr", "--client", "tcp://127.0.0.1:1", "--workers", "2"], "not allowed"),
    ],
    ids=str,
)
def test_stack_command_refuses_in_one_sentence(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    np.save(tmp_path / "in.npy", stack(3, 20, 15))
    before = files(tmp_path)
    target, *others = options
    assert main(["stack", str(tmp_path / "in.npy"), str(tmp_path / target), "--model", model, *others]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert files(tmp_path) == before
