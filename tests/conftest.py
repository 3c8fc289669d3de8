"""What every test stands on: one thread, no user folder, and the shared folder where there is one."""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch, and for the processes that tests start

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `shared` beside the repository: reference vectors, pictures, measures."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("there is no folder 'shared' beside the repository")
    return folder


@pytest.fixture(scope="session")
def empty_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(autouse=True)
def no_user_models(monkeypatch: pytest.MonkeyPatch, empty_models: Path) -> None:
    """No test reads the weights of whoever runs it."""
    monkeypatch.setenv("LINF_MODELS", str(empty_models))


@pytest.fixture
def plugin(npe2pm: Any) -> Any:
    """The napari plugin, registered as napari finds it."""
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(Path(__file__).parents[1] / "plugin_manifest" / "napari.yaml")
    if manifest.name not in npe2pm:
        npe2pm.register(manifest)
    return manifest
