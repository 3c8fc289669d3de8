"""The package's version, which pyproject.toml states: read there in a clone, else from what was installed."""

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PROJECT = Path(__file__).parents[1] / "pyproject.toml"
_NAME = "linf-nodes"


def _stated() -> str:
    if _PROJECT.is_file():
        project = tomllib.loads(_PROJECT.read_text("utf-8")).get("project", {})
        if project.get("name") == _NAME:
            return str(project["version"])
    try:
        return version(_NAME)
    except PackageNotFoundError:
        return "unknown"


__version__ = _stated()


def made_by(command: str) -> dict[str, str]:
    """How every recipe begins: what made a result."""
    return {"program": _NAME, "version": __version__, "command": command}
