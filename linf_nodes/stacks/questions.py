"""What a dask cluster is asked before the first block."""

import importlib
from typing import Any

from ..errors import BadValue
from .versions import Versions, check_versions

_PACKAGE = __name__.rsplit(".", 2)[0]
_MUST_AGREE = ("dask", "distributed")  # their messages differ between versions


def ask_versions(client: Any, device: str) -> Versions:
    """Versions that all workers share, which are this process's but for the processor.

    Raises
    ------
    BadValue
        When a worker or the scheduler lacks linf-nodes, or versions differ.
    """
    _check_dask(client.get_versions())
    answers = client.run(_question(device), on_error="return")
    scheduler = client.run_on_scheduler(_question(device))
    for address, answer in ({"scheduler": scheduler} | answers).items():
        who = "the scheduler" if address == "scheduler" else f"the worker {address}"
        if not isinstance(answer, dict):
            raise BadValue(f"{who} cannot be asked for its versions ({_first_line(answer)}): start it again.")
        if "missing" in answer:
            raise BadValue(f"{who} cannot load linf-nodes ({answer['missing']}): install the same one there.")
    here = importlib.import_module(f"{_PACKAGE}.stacks.versions").versions_here(device)
    common = {name: value for name, value in here.items() if name != "processor"}
    check_versions(scheduler, {name: common[name] for name in ("linf-nodes", "code")}, "the scheduler")
    processor = next(iter(answers.values()))["processor"]
    for address, answer in answers.items():
        check_versions(answer, {**common, "processor": processor}, f"the worker {address}")
    return {**common, "processor": processor}


def _question(device: str) -> Any:
    """A function that is sent by value: where linf-nodes is missing, it can say so."""
    package = _PACKAGE

    def answer() -> dict[str, str]:
        import importlib

        try:
            found: dict[str, str] = importlib.import_module(f"{package}.stacks.versions").versions_here(device)
        except Exception as error:
            return {"missing": f"{type(error).__name__}: {error}"}
        return found

    return answer


def _check_dask(found: dict[str, Any]) -> None:
    """Refuse other versions of Python and dask, which cannot even talk."""
    mine = found["client"]
    for address, theirs in {"scheduler": found["scheduler"], **found["workers"]}.items():
        who = "the scheduler" if address == "scheduler" else f"the worker {address}"
        wanted = {"python": ".".join(str(mine["host"]["python"]).split(".")[:2])}
        held = {"python": ".".join(str(theirs["host"]["python"]).split(".")[:2])}
        for name in _MUST_AGREE:
            wanted[name], held[name] = str(mine["packages"].get(name)), str(theirs["packages"].get(name))
        check_versions(held, wanted, who)


def _first_line(answer: Any) -> str:
    return f"{str(answer).splitlines()[0] if str(answer) else type(answer).__name__:.160}"
