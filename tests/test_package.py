"""The package as a whole: rooms and arrows, silent imports, docs that tell the truth, a wheel and a clone that work."""

import ast
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import pytest
import tifffile

import linf_nodes as linf
from linf_nodes.catalogue import NODES

from .wheel import build_wheel, pip

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "linf_nodes"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SOURCES = sorted(PACKAGE.rglob("*.py"))
WEIGHTS = sorted(p.name for p in (ROOT / "weights").glob("*.safetensors"))

needs_weights = pytest.mark.skipif(not WEIGHTS, reason="weights/ holds no model")

# What each room may import beside itself and the floor (`errors`, `atomic`, the package itself).
CORE = {"models", "pipeline", "catalogue", "workflow", "stacks", "pictures"}
BELOW = {
    "models": set(),
    "pictures": set(),
    "pipeline": {"models"},
    "catalogue": {"models", "pipeline", "pictures"},
    "workflow": {"models", "pipeline", "catalogue", "pictures"},
    "stacks": {"models", "pipeline", "catalogue", "pictures"},
    "training": {"models", "pipeline", "pictures"},
    "evaluation": {"models", "pipeline", "pictures"},
    "__main__": {"hosts.cli"},
    "hosts": set(),
    "hosts.cli": CORE | {"training", "evaluation"},
    "hosts.comfyui": CORE,
    "hosts.napari": CORE,
}
# Within napari: the dock and the nodes stand on layers, and not on one another.
NAPARI = {"dock": {"layers"}, "nodes": {"layers"}, "layers": set()}
FLOOR = {"", "errors", "atomic", "meant", "memory", "version"}
HOST_MODULES = {
    "comfy", "comfy_api", "comfy_execution", "folder_paths", "server",
    "napari", "npe2", "magicgui", "qtpy", "superqt", "PySide6", "PyQt5", "PyQt6",
}  # fmt: skip


def room(parts: tuple[str, ...]) -> str:
    """The room of a module given by the names below `linf_nodes`; each host is a room of its own."""
    return ".".join(parts[: 2 if parts[0] == "hosts" else 1]) if parts else ""


def imports(path: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    """`(level, dotted name)` of everything a file imports, at its top or inside its functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((0, tuple(alias.name.split("."))) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            yield from ((node.level, (*module, alias.name)) for alias in node.names)


def rooms_used(path: Path) -> set[str]:
    """Rooms that a file reaches with relative imports."""
    package = path.relative_to(PACKAGE).parent.parts
    found = set()
    for level, name in imports(path):
        if level:
            target = (*package[: len(package) + 1 - level], *name)
            where = PACKAGE.joinpath(*target)
            is_module = where.is_dir() or where.with_suffix(".py").is_file()
            found.add(room(target if is_module else target[:-1]))
    return found


def room_of(path: Path) -> str:
    inside = path.relative_to(PACKAGE)
    return room(inside.parent.parts or ((inside.stem,) if inside.stem != "__init__" else ()))


def foreign(path: Path) -> set[str]:
    """Top-level names of the packages that a file imports absolutely."""
    return {name[0] for level, name in imports(path) if level == 0}


def run(code: str, folder: Path = ROOT, **env: str) -> str:
    """Run Python code in a fresh process; its output."""
    command = [sys.executable, "-B", "-c", textwrap.dedent(code)]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def offenders(wrong: dict[Path, set[str]]) -> dict[str, list[str]]:
    return {relative(path): sorted(names) for path, names in wrong.items() if names}


def test_arrows_point_down() -> None:
    allowed = {path: FLOOR | BELOW.get(here, set()) | {here} for path in SOURCES for here in [room_of(path)]}
    assert {room_of(path) for path in SOURCES} <= set(BELOW) | FLOOR, "a new room: give it a place in BELOW"
    wrong = offenders({path: rooms_used(path) - allowed[path] for path in SOURCES})
    assert not wrong, "see ARCHITECTURE.md for where a room may reach"


def test_napari_s_rooms_point_down() -> None:
    home = PACKAGE / "hosts" / "napari"
    wrong = {}
    for here, below in NAPARI.items():
        for path in (home / here).glob("*.py"):
            used = {f.parent.name for f in modules_used(path) if f.parent.parent == home}
            wrong[path] = used - below - {here}
    assert not offenders(wrong)


def modules_used(path: Path) -> set[Path]:
    """Files of the package that a file imports, at its top or inside its functions."""
    package = path.relative_to(PACKAGE).parent.parts
    found = set()
    for level, name in imports(path):
        if level:
            target = PACKAGE.joinpath(*package[: len(package) + 1 - level], *name)
            found |= {f for f in (target.with_suffix(".py"), target.parent.with_suffix(".py")) if f.is_file()}
    return found - {path}


def test_no_circle_of_files() -> None:
    below = {path: modules_used(path) for path in SOURCES}
    while leaves := {path for path, used in below.items() if not used}:
        below = {path: used - leaves for path, used in below.items() if path not in leaves}
    assert not sorted(map(relative, below)), "these import one another, or what does"


def test_workers_compare_the_code_of_every_room_that_a_block_goes_through() -> None:
    from linf_nodes.stacks.versions import ROOMS

    reached: set[Path] = set()
    todo = {PACKAGE / "stacks" / "plane.py"}
    while todo:
        path = todo.pop()
        reached.add(path)
        todo |= modules_used(path) - reached
    outside = {room_of(path) for path in reached} - FLOOR
    assert outside <= set(ROOMS)
    assert {"stacks", "pipeline", "models", "pictures"} <= outside


def test_package_names_itself_only_relatively() -> None:
    wrong = offenders({path: foreign(path) & {"linf_nodes"} for path in SOURCES})
    assert not wrong, "a clone in custom_nodes/ is imported under another name"


def test_core_knows_no_host() -> None:
    core = [path for path in SOURCES if not room_of(path).startswith("hosts")]
    assert not offenders({path: foreign(path) & HOST_MODULES for path in core})


def test_pictures_need_no_torch() -> None:
    pictures = [path for path in SOURCES if room_of(path) == "pictures"]
    assert not offenders({path: foreign(path) & {"torch"} for path in pictures})


def test_import_loads_no_torch_and_opens_no_file() -> None:
    run(
        """
        import sys
        seen = []
        events = "open", "os.mkdir"
        sys.addaudithook(lambda event, args: seen.append((event, str(args[0]))) if event in events else None)
        import linf_nodes
        assert not {"torch", "numpy", "PIL"} & set(sys.modules)
        assert all(event == "open" and path.endswith((".py", ".pyc", ".pyi")) for event, path in seen), seen
        import linf_nodes.pictures
        assert "torch" not in sys.modules
        """
    )


def test_catalogue_import_touches_no_device_and_no_folder_of_ours(tmp_path: Path) -> None:
    user = tmp_path / "models"
    user.mkdir()
    (user / "mine.safetensors").write_bytes(b"")
    run(
        f"""
        import sys
        import torch
        ours = {str(ROOT / "weights")!r}, {str(ROOT / "plugin_manifest")!r}, {str(user)!r}
        seen = []
        events = "open", "os.mkdir", "os.listdir", "os.scandir"
        sys.addaudithook(lambda event, args: seen.append(str(args[0])) if event in events and args else None)
        import linf_nodes.catalogue
        assert not [path for path in seen if path.startswith(ours)], seen
        assert not torch.cuda.is_initialized()
        """,
        LINF_MODELS=str(user),
    )


def test_node_table_is_current() -> None:
    from linf_nodes.catalogue.table import markdown

    written = (ROOT / "docs" / "nodes.md").read_text("utf-8")
    assert written == markdown(), "run: python -m linf_nodes.catalogue.table > docs/nodes.md"


def test_published_models_of_the_docs_are_those_of_the_command_line() -> None:
    from linf_nodes.hosts.cli.official import markdown

    assert markdown() in (ROOT / "docs" / "models.md").read_text("utf-8")


@needs_weights
def test_bundled_models_have_cards_and_stay_small() -> None:
    from linf_nodes.models.checkpoint import build, read_weights

    assert sum((ROOT / "weights" / name).stat().st_size for name in WEIGHTS) <= 40e6
    listed = (ROOT / "docs" / "models.md").read_text("utf-8")
    for name in WEIGHTS:
        page = (ROOT / "weights" / name).with_suffix(".md").read_text("utf-8")
        assert "linf evaluate" in page, "the card says with which command its numbers were measured"
        row = next(line for line in listed.splitlines() if f"../weights/{Path(name).stem}.md" in line)
        found = read_weights(ROOT / "weights" / name)
        count = sum(p.numel() for net in build(found) if net is not None for p in net.parameters())
        assert f" {count:,} " in row
        assert found.card["calibration"].keys() == {"2", "3", "4"}


def snippet_of(page: str) -> CodeType:
    found = re.search(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    assert found
    return compile(found.group(1), page, "exec")


@needs_weights
def test_readme_snippet_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    monkeypatch.chdir(tmp_path)
    exec(snippet_of("README.md"), {"__name__": "readme"})
    assert any(tmp_path.glob("*.png")), "the snippet writes a picture"


@needs_weights
def test_snippet_of_stacks_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "cells.ome.tif", np.full((4, 66, 66), 7, np.uint16), metadata={"axes": "ZYX"})
    monkeypatch.chdir(tmp_path)
    made: dict[str, Any] = {}
    exec(snippet_of("docs/stacks.md"), made)
    assert made["plane"].shape == made["lazy"].shape[1:] == (2048, 2048)
    assert made["plane"].dtype == np.uint16


def test_public_names_are_typed_and_there() -> None:
    """What `__init__.pyi` promises."""
    public: list[str] = vars(linf)["__all__"]  # made of the stub, so no stub can state it
    assert {"load_model", "upscale", "Volume", "open_stack", "Settings", "write_ome_zarr"} <= set(public)
    for name in public:
        assert getattr(linf, name) is not None, name
    assert linf.__version__ == PROJECT["version"]
    assert {"upscale", "compose", "load_model"} <= {node.name for node in NODES.values()} & set(public)
    with pytest.raises(AttributeError, match="upscail"):
        _ = linf.upscail  # type: ignore[attr-defined]


def test_an_installed_package_s_types_are_seen(wheel: Path, tmp_path: Path) -> None:
    pip("install", "--no-index", "--target", str(tmp_path / "site"), str(wheel), folder=tmp_path)
    asked = "import linf_nodes as linf\nreveal_type(linf.upscale)\nreveal_type(linf.open_stack)\n"
    (tmp_path / "asked.py").write_text(asked)
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--ignore-missing-imports", "asked.py"]
    env = {**os.environ, "MYPYPATH": str(tmp_path / "site")}
    said = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True).stdout
    for part in ("scale: float", "-> torch._tensor.Tensor", "path: str | os.PathLike[str]"):
        assert part in said, said


def bare(requirement: str) -> str:
    return re.split(r"[\s<>=!~;\[]", requirement)[0].lower().replace("_", "-")


def lines(name: str) -> list[str]:
    text = (ROOT / name).read_text("utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_constraints_pin_every_direct_dependency_exactly() -> None:
    pins = lines("constraints.txt")
    assert pins[0] == "torch==2.13.0"
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    direct = {bare(d) for extra in PROJECT["optional-dependencies"].values() for d in extra} - {"linf-nodes"}
    assert direct | {bare(d) for d in PROJECT["dependencies"]} <= {bare(pin) for pin in pins}


def test_requirements_of_a_clone_are_a_part_of_the_package_s() -> None:
    wanted = lines("requirements.txt")
    assert set(wanted) <= set(PROJECT["dependencies"])
    assert not {"torch", "numpy"} & {bare(w) for w in wanted}, "they belong to ComfyUI"


def test_clone_in_custom_nodes_works_under_another_name() -> None:
    run(
        f"""
        import importlib, sys, types
        from pathlib import Path

        class Refuse:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] == "linf_nodes":
                    raise ImportError(name)

        sys.meta_path.insert(0, Refuse())
        pack = types.ModuleType("/ComfyUI/custom_nodes/linf-nodes")
        pack.__path__ = [{str(ROOT)!r}]
        sys.modules[pack.__name__] = pack
        catalogue = importlib.import_module(pack.__name__ + ".linf_nodes.catalogue")
        store = importlib.import_module(pack.__name__ + ".linf_nodes.pipeline.store")
        assert "LINFUpscale" in catalogue.NODES
        if {bool(WEIGHTS)}:
            assert store.bundled_folder() == Path({str(ROOT / "weights")!r})
        """,
        folder=Path(ROOT.anchor),
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_wheel_carries_everything(wheel: Path) -> None:
    carried = set(zipfile.ZipFile(wheel).namelist())
    wanted = {relative(p) for p in SOURCES} | {"linf_nodes/py.typed"}
    for folder in ("weights", "plugin_manifest"):
        wanted |= {f"linf_nodes/{relative(p)}" for p in (ROOT / folder).rglob("*") if p.is_file()}
    assert {w for w in wanted if "__pycache__" not in w} <= carried
    assert any(name.endswith("licenses/LICENSE") for name in carried)
    outside = {name for name in carried if not name.startswith(("linf_nodes/", "linf_nodes-"))}
    assert not outside, "nothing but the package lands in site-packages"


def test_installed_wheel_works(wheel: Path, tmp_path: Path) -> None:
    pip("install", "--no-index", "--target", str(tmp_path), str(wheel), folder=tmp_path)
    found = run(
        """
        import linf_nodes, linf_nodes.catalogue
        from linf_nodes.pipeline.store import available_models
        print(linf_nodes.__file__)
        print(*sorted(path.name for path in available_models().values()))
        """,
        folder=tmp_path,
        PYTHONPATH=str(tmp_path),
    ).splitlines()
    assert Path(found[0]).is_relative_to(tmp_path)
    assert found[1].split() == WEIGHTS
