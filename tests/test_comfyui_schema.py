"""What ComfyUI shows and saves, without ComfyUI: a saved graph is positional, so the schema is a file format."""

import inspect
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from linf_nodes.catalogue.node import Input, Node
from linf_nodes.hosts.comfyui.host_nodes import HOST_NODES, every_node
from linf_nodes.hosts.comfyui.schema import accepted, input_fields, make_schema, node_fields, output_fields, visible

SNAPSHOT = Path(__file__).parent / "vectors" / "comfyui_schema.json"
WAY_OUT = (
    "saved graphs hold values by position: append inputs at the end, never rename, reorder or take one away. "
    "If that is so, run: python -m tests.test_comfyui_schema"
)


def written() -> dict[str, Any]:
    """Every node as graphs depend on it; texts and what is found on the disk are left out."""
    return {
        node.id: {
            "inputs": [_input(i) for i in visible(node)],
            "outputs": [[fields["id"], kind] for kind, fields in output_fields(node)],
            "output_node": node_fields(node)["is_output_node"],
        }
        for node in every_node()
    }


def _input(i: Input) -> dict[str, Any]:
    listed = callable(i.options.get("choices"))
    told = {"name": i.name, "kind": i.kind, "optional": not i.required}
    if not i.socket:
        told |= {key: value for key, value in i.options.items() if key in ("min", "max", "step")}
        told |= {"default": i.default, "choices": "found" if listed else list(i.options.get("choices", ()))}
    return told


def test_schema_is_the_committed_one() -> None:
    assert json.loads(json.dumps(written())) == json.loads(SNAPSHOT.read_text("utf-8")), WAY_OUT


def test_ids_are_ours_and_no_output_has_the_id_of_an_input() -> None:
    for node in every_node():
        assert node.id.startswith("LINF")
        ids = [i.name for i in node.inputs] + [fields["id"] for _, fields in output_fields(node)]
        assert len(ids) == len(set(ids)), node.id
    assert len({n.id for n in every_node()}) == len(every_node())


def test_every_node_and_input_explains_itself() -> None:
    for node in every_node():
        assert node_fields(node)["description"].endswith((".", "`.")), node.id
        assert all(i.options.get("tooltip") for i in visible(node)), node.id
        assert node_fields(node)["category"].startswith("image/upscaling/LINF")


def test_search_finds_the_upscaler_by_the_core_s_own_words() -> None:
    found = next(node_fields(n) for n in every_node() if n.id == "LINFUpscale")
    assert {"upscale", "super resolution", "hires"} <= set(found["search_aliases"])
    assert found["display_name"] == "LINF Upscale"


def test_only_sockets_are_required_so_that_old_graphs_run_after_an_input_was_appended() -> None:
    for node in every_node():
        assert all(i.socket for i in visible(node) if i.required), node.id


def test_seed_counts_on_after_a_run_and_scale_shows_three_digits() -> None:
    fields = {i.name: input_fields(i) for n in every_node() if n.id == "LINFUpscale" for i in n.inputs}
    assert fields["seed"]["control_after_generate"] is True
    assert fields["scale"]["step"] == 0.001  # the frontend shows as many digits as the step has
    assert fields["tile"]["advanced"] is True
    assert "advanced" not in fields["scale"]


def test_nodes_that_write_or_report_are_run_for_their_own_sake() -> None:
    found = {n.id for n in every_node() if node_fields(n)["is_output_node"]}
    assert found == {"LINFModelCache", "LINFSaveLatent", "LINFSave16bitImage", "LINFSavePreset"}


def test_a_list_that_is_empty_shows_something_and_a_default_is_always_among_the_choices() -> None:
    def combo(choices: list[str]) -> dict[str, Any]:
        return input_fields(Input("preset", "COMBO", "gone", {"choices": lambda: choices, "tooltip": ""}))

    assert combo([])["default"] in combo([])["options"]
    assert combo(["a", "b"])["default"] == "a"
    assert combo(["a", "gone"])["default"] == "gone"


def test_keywords_that_this_comfyui_does_not_know_are_left_out() -> None:
    def old(id: str, tooltip: str = "") -> None: ...

    def new(id: str, **rest: Any) -> None: ...

    fields = {"id": "seed", "tooltip": "t", "advanced": True}
    assert accepted(old, fields) == {"id": "seed", "tooltip": "t"}
    assert accepted(new, fields) == fields
    inspect.signature(old).bind(**accepted(old, fields))


@pytest.mark.parametrize("newer", [False, True])
@pytest.mark.parametrize("node", every_node(), ids=lambda n: n.id)
def test_a_schema_is_made_in_whatever_words_comfyui_has(
    node: Node, newer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Factories with the keywords of an old and of a newer comfy_api: an unknown one would raise, as there."""
    if node in HOST_NODES:
        monkeypatch.setattr(Input, "choices", lambda self: ["one"])  # presets are listed by ComfyUI's own folders
    schema = make_schema(words(newer), node)
    assert [i["id"] for i in schema["inputs"]] == [i.name for i in visible(node)]
    assert ("search_aliases" in schema) == newer
    folded = ["advanced" in input_fields(i) for i in visible(node)]
    assert [bool(i.get("advanced")) for i in schema["inputs"]] == [newer and f for f in folded]
    hidden = {i.kind for i in node.inputs} - {i.kind for i in visible(node)}
    hidden |= {"UNIQUE_ID", "DYNPROMPT"} if node.name == "upscale" else set()
    assert set(schema["hidden"]) == hidden


def words(newer: bool) -> Any:
    """Stand-ins with the signatures of `comfy_api.latest.io`, as the notes list them for 0.3.64 and for 2026."""

    def base(id: str, display_name: Any = None, optional: bool = False, tooltip: Any = None) -> dict[str, Any]:
        return {"id": id, "optional": optional}

    def number(
        id: str, display_name: Any = None, optional: bool = False, tooltip: Any = None, default: Any = None,
        min: Any = None, max: Any = None, step: Any = None, control_after_generate: Any = None,
    ) -> dict[str, Any]:  # fmt: skip
        return {"id": id, "optional": optional}

    def widget(
        id: str, display_name: Any = None, optional: bool = False, tooltip: Any = None, default: Any = None,
        options: Any = None,
    ) -> dict[str, Any]:  # fmt: skip
        return {"id": id, "optional": optional}

    def grown(plain: Any) -> Any:
        def factory(advanced: Any = None, **fields: Any) -> dict[str, Any]:
            return {**plain(**fields), "advanced": advanced}

        names = list(inspect.signature(plain).parameters.values())
        more = inspect.Parameter("advanced", inspect.Parameter.KEYWORD_ONLY, default=None)
        factory.__signature__ = inspect.Signature([*names, more])  # type: ignore[attr-defined]
        return factory if newer else plain

    def schema(
        node_id: str, display_name: str = "", category: str = "", inputs: Any = None, outputs: Any = None,
        hidden: Any = None, description: str = "", is_output_node: bool = False, enable_expand: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        return {"inputs": inputs, "hidden": hidden}

    def schema_2026(search_aliases: Any = None, **fields: Any) -> dict[str, Any]:
        return {**schema(**fields), "search_aliases": search_aliases}

    kinds = {name: SimpleNamespace(Input=grown(number), Output=base) for name in ("Int", "Float")}
    kinds |= {name: SimpleNamespace(Input=grown(widget), Output=base) for name in ("String", "Boolean", "Combo")}
    kinds |= {name: SimpleNamespace(Input=base, Output=base) for name in ("Image", "Mask")}
    plain = SimpleNamespace(Input=base, Output=base)
    made = schema_2026 if newer else schema
    return SimpleNamespace(Schema=made, Hidden=str, Custom=lambda kind: plain, **kinds)


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(written(), indent=1) + "\n", "utf-8")
