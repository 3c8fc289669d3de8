"""Save 16-bit Image: every level survives, no older file is replaced."""

from pathlib import Path

import pytest
import torch

from linf_nodes.catalogue import NODES
from linf_nodes.errors import BadShape, BadValue
from linf_nodes.pictures import read_picture

from .models import picture

SAVE = NODES["LINFSave16bitImage"]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_level_survives(tmp_path: Path, channels: int, suffix: str) -> None:
    levels = torch.arange(65536).view(1, 1, 256, 256)
    image = torch.cat([levels.roll(n, -1) for n in range(channels)], 1).double().div(65535).float()
    written = SAVE({"image": image, "path": str(tmp_path / f"a{suffix}")})
    found = read_picture(written)
    assert found.dtype == "uint16"
    planes = [found.pixels[..., c] for c in range(found.pixels.shape[2])]
    planes += [] if found.alpha is None else [found.alpha]
    assert len(planes) == channels
    for plane, wanted in zip(planes, image[0], strict=True):
        assert torch.equal((torch.from_numpy(plane) * 65535).round(), (wanted * 65535).round())


def test_a_batch_is_numbered_on_behind_what_is_there(tmp_path: Path) -> None:
    path = str(tmp_path / "a.b.png")
    (tmp_path / "a.b_00007_.tif").write_bytes(b"")
    (tmp_path / "a.b_xx_.png").write_bytes(b"")
    (tmp_path / "other_00009_.png").write_bytes(b"")
    first = SAVE({"image": picture(4, 5, batch=2), "path": path}).splitlines()
    assert [Path(f).name for f in first] == ["a.b_00008_.png", "a.b_00009_.png"]
    before = Path(first[0]).read_bytes()
    assert Path(SAVE({"image": picture(4, 5, seed=2), "path": path})).name == "a.b_00010_.png"
    assert Path(first[0]).read_bytes() == before


def test_values_out_of_range_are_cut_and_what_cannot_be_is_refused(tmp_path: Path) -> None:
    out = read_picture(SAVE({"image": picture(4, 4) * 8 - 3, "path": str(tmp_path / "a.png")}))
    assert out.pixels.min() == 0
    assert out.pixels.max() == 1
    for name in ("a.jpg", "no_ext", "a.xyz"):
        with pytest.raises(
            BadValue, match=f"^the name '{name}' is for no file of 16 bits: let it end in .png or .tif$"
        ):
            SAVE({"image": picture(4, 4), "path": str(tmp_path / name)})
    with pytest.raises(BadValue, match="there is no folder"):
        SAVE({"image": picture(4, 4), "path": str(tmp_path / "gone" / "a.png")})
    with pytest.raises(BadShape, match="5"):
        SAVE({"image": picture(4, 4, 5), "path": str(tmp_path / "a.png")})
    assert [f.name for f in tmp_path.iterdir()] == ["a_00001_.png"]
