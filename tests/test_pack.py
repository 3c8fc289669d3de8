"""Training pictures of every depth: 16-bit files, stacks, OME-Zarr, and what cannot be used."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image

from linf_nodes.pictures import Picture, write_picture
from linf_nodes.training.batch import Sampler
from linf_nodes.training.crops import Resident, generator_of
from linf_nodes.training.grid_batch import GridSampler
from linf_nodes.training.picture_set import PictureSet, load_picture_set
from linf_nodes.training.scales import Scales

from .models import picture

CPU = torch.device("cpu")


def smooth(h: int, w: int, seed: int = 0) -> NDArray[np.uint8]:
    return (picture(h, w, seed=seed)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With two pictures of 8 bits."""
    for i in range(2):
        Image.fromarray(smooth(60, 50, i)).save(tmp_path / f"{i}.png")
    return tmp_path


def pictures_in(folder: Path, min_side: int = 24) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """Each file's first picture by its name, and what was skipped."""
    found = load_picture_set([folder], min_side, CPU)
    names = [f.name for f in sorted(folder.iterdir()) if not any(s.startswith(f.name) for s in found.skipped)]
    return dict(zip(names, found.pictures, strict=True)), found.skipped


def deep(h: int = 40, w: int = 44, channels: int = 3) -> NDArray[np.uint16]:
    """Smooth 16-bit samples that 8 bits cannot hold."""
    x = picture(h, w)[0].permute(1, 2, 0).double().numpy() * 65535
    return x.round().astype(np.uint16)[..., :channels]


def test_pictures_of_16_bits_keep_them(tmp_path: Path) -> None:
    rgb = deep()
    tifffile.imwrite(tmp_path / "rgb.tif", rgb, photometric="rgb")
    alpha = np.dstack([rgb, np.full(rgb.shape[:2], 65535, np.uint16)])
    tifffile.imwrite(tmp_path / "alpha.tif", alpha, photometric="rgb", extrasamples=["unassalpha"])
    kind: dict[str, Any] = {"photometric": "rgb", "planarconfig": "separate"}
    tifffile.imwrite(tmp_path / "planar.tif", rgb.transpose(2, 0, 1).copy(), **kind)
    write_picture(Picture(rgb.astype(np.float32) / np.float32(65535), dtype=np.dtype(np.uint16)), tmp_path / "rgb.png")
    grey = (rgb[..., 0] // 16).astype(np.uint16)  # 12 bits in 16: grey is stretched
    tifffile.imwrite(tmp_path / "grey.tif", grey)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    found, skipped = pictures_in(tmp_path)
    assert not skipped
    for name in ("rgb.tif", "alpha.tif", "planar.tif", "rgb.png"):
        assert found[name].dtype == torch.uint16
        assert np.array_equal(found[name].permute(1, 2, 0).numpy(), rgb), name
    for name in ("grey.tif", "grey.png"):
        low, high = np.percentile(grey, (0.1, 99.9))
        wanted = ((grey - low) / (high - low)).clip(0, 1)
        np.testing.assert_allclose(found[name][0].numpy() / 65535, wanted, atol=1e-4)
    crop, _, levels = Resident([found["rgb.tif"]]).draw(generator_of(1, 1), 1, lambda _: 24)
    assert levels.item() == 65535
    fine = (crop * 65535).round()
    assert torch.equal(fine / 65535, crop)
    assert not torch.equal((crop * 255).round() / 255, crop)


def test_lr_pictures_have_the_depth_of_their_hr_pictures() -> None:
    eight, sixteen = smooth(60, 50), deep(60, 50)
    for pixels, levels in ((eight, 255), (sixteen, 65535)):
        one = PictureSet((torch.from_numpy(pixels).permute(2, 0, 1).contiguous(),), ())
        lr = GridSampler(one, 1, 2, 24, 3, Scales((2.0, 2.0)))(0).lr
        textures = (Sampler(one, 1, 1, 12, 9, 3, Scales((2.0, 2.0)))(0).lr + 1) / 2
        for seen in (lr, textures):
            torch.testing.assert_close((seen * levels).round() / levels, seen, atol=1e-6, rtol=0)
            assert (levels == 255) == torch.allclose((seen * 255).round() / 255, seen, atol=1e-6, rtol=0)


def test_channels_of_a_stack_are_stretched_apart(folder: Path) -> None:
    volume = np.stack([np.stack([deep(channels=1)[..., 0] // n for n in (1, 100)])] * 2)
    tifffile.imwrite(folder / "zcyx.tif", volume, imagej=True, metadata={"axes": "ZCYX"})
    planes = load_picture_set([folder], 24, CPU).pictures[2:]
    assert len(planes) == 4
    assert all(int(plane.numpy().max()) == 65535 for plane in planes)
    assert torch.equal(planes[0], planes[1])
    np.testing.assert_allclose(planes[0].float(), planes[2].float(), atol=400)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_stacks_are_pictures(folder: Path, version: str) -> None:
    zarr = pytest.importorskip("zarr")
    volume = np.stack([deep(channels=1)[..., 0] // 16] * 3)
    group = zarr.open_group(str(folder / "a.zarr"), mode="w", zarr_format=2 if version == "0.4" else 3)
    group.create_array("0", shape=volume.shape, dtype=volume.dtype, chunks=(1, 16, 16))[...] = volume
    scales = [{"axes": [{"name": n, "type": "space"} for n in "zyx"], "datasets": [{"path": "0"}], "version": version}]
    group.attrs.update({"multiscales": scales} if version == "0.4" else {"ome": {"multiscales": scales}})
    zarr.open_group(str(folder / "b.zarr"), mode="w")
    found = load_picture_set([folder], 24, CPU)
    assert sorted(tuple(p.shape) for p in found.pictures) == [(1, 40, 44)] * 3 + [(3, 60, 50)] * 2
    assert all(int(p.numpy().max()) == 65535 for p in found.pictures if p.dtype == torch.uint16)
    assert [reason.split(":")[0] for reason in found.skipped] == ["b.zarr"]
    assert "no OME-Zarr picture" in found.skipped[0]


def test_zarr_that_is_not_installed_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.zarr").mkdir()
    monkeypatch.setitem(sys.modules, "zarr", None)
    found = load_picture_set([folder], 24, CPU)
    assert found.skipped == ("a.zarr: OME-Zarr is read by zarr, which is not installed: pip install linf-nodes[zarr]",)
    assert len(found.pictures) == 2


def test_samples_that_are_no_brightness_are_named(tmp_path: Path) -> None:
    Image.fromarray(smooth(40, 44)).save(tmp_path / "good.png")
    tifffile.imwrite(tmp_path / "a-mask.tif", np.zeros((2, 40, 44), bool))
    tifffile.imwrite(tmp_path / "b-waves.tif", np.ones((2, 40, 44), np.complex64))
    tifffile.imwrite(tmp_path / "c-nan.tif", np.full((2, 40, 44), np.nan, np.float32))
    tifffile.imwrite(tmp_path / "d-flat.tif", np.full((2, 40, 44), 7, np.uint16))
    tifffile.imwrite(tmp_path / "e-12bit.tif", deep() // 16, photometric="rgb")
    found = load_picture_set([tmp_path], 24, CPU)
    assert len(found.pictures) == 1
    said = ["not all numbers", "not all numbers", "not all numbers", "are all 7", "of 65535.*12 bits"]
    for reason, words in zip(found.skipped, said, strict=True):
        assert re.search(words, reason), reason


def test_planes_of_a_long_stack_can_be_fewer(tmp_path: Path) -> None:
    volume = np.stack([smooth(40, 44, i)[..., 0] for i in range(9)])
    tifffile.imwrite(tmp_path / "long.tif", volume, photometric="minisblack")
    for most, chosen in ((3, [1, 4, 7]), (2, [2, 6]), (9, [*range(9)]), (20, [*range(9)])):
        planes = load_picture_set([tmp_path], 24, CPU, (), most).pictures
        assert [next(i for i, v in enumerate(volume) if np.array_equal(p[0], v)) for p in planes] == chosen
