"""What is checked inside ComfyUI's own interpreter: the pack as it is loaded there, against the real comfy_api.

Run by `test_comfyui_adapter.py` as a program, from ComfyUI's checkout: `comfyui_inside.py PACK BASE`. It prints one
JSON object: the traceback of every check that failed, an empty text for the others.
"""

import asyncio
import gc
import importlib.util
import json
import shutil
import sys
import threading
import time
import traceback
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch

NODES: dict[str, Any] = {}
PACK: list[ModuleType] = []


def node(kind: str, **values: Any) -> Any:
    """What a node gives out: one value, or all of them."""
    with torch.inference_mode():
        results = NODES[kind].execute(**values).args
    return results[0] if len(results) == 1 else results


def refusal(kind: str, **values: Any) -> str:
    """The words with which a node refuses."""
    try:
        node(kind, **values)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    raise AssertionError(f"{kind} took {list(values)}")


def picture(batch: int = 1, h: int = 20, w: int = 23, c: int = 3) -> torch.Tensor:
    """Smooth pixels `[b, h, w, c]` in [0, 1], the same at every call."""
    noise = torch.rand(batch, c, h, w, generator=torch.Generator().manual_seed(1))
    return (0.5 * noise + 0.5 * torch.nn.functional.avg_pool2d(noise, 3, 1, 1)).movedim(1, -1).contiguous()


def core(name: str) -> Any:
    """A module of the package under the name that ComfyUI gave the pack."""
    return importlib.import_module(f"{PACK[0].__name__}.linf_nodes.{name}")


def model(**values: Any) -> Any:
    return node("LINFLoadModel", **{"model": "tiny", **values})


def expect(condition: bool, said: object = "") -> None:
    if not condition:
        raise AssertionError(said)


def check_every_node_is_there_and_its_schema_is_valid() -> None:
    everyone = [n.id for n in core("hosts.comfyui.host_nodes").every_node()]
    expect(list(NODES) == everyone)
    for kind, made in NODES.items():
        info = made.GET_NODE_INFO_V1()
        wanted = core("hosts.comfyui.schema").visible(_described(kind))
        order = info["input_order"]
        shown = [*order["required"], *order.get("optional", ())]
        sockets = [i.name for i in wanted if i.required]
        expect(order["required"] == sockets, kind)
        expect(sorted(shown) == sorted(i.name for i in wanted), kind)
        expect([n for n in shown if n not in sockets] == [i.name for i in wanted if not i.required], kind)
        expect(info["description"] and info["display_name"] and info["category"].startswith("image/upscaling/LINF"))


def check_ranges_and_defaults_reach_the_frontend() -> None:
    for kind, made in NODES.items():
        info = made.GET_NODE_INFO_V1()["input"]
        for i in core("hosts.comfyui.schema").visible(_described(kind)):
            shown, told = (info["required"] | info.get("optional", {}))[i.name]
            expect(str(shown) == i.kind, (kind, i.name, shown))
            for key in ("min", "max", "step"):
                expect(told.get(key) == i.options.get(key) or i.socket, (kind, i.name, key))
            if not (i.socket or callable(i.options.get("choices"))):
                expect(told["default"] == i.default, (kind, i.name))


def _described(kind: str) -> Any:
    return next(n for n in core("hosts.comfyui.host_nodes").every_node() if n.id == kind)


def check_chain_is_one_click_is_the_core_at_any_tile() -> None:
    loaded, image = model(), picture(h=70, w=90)
    values = {"scale": 2.37, "seed": 3}
    upscale = core("catalogue.oneclick").upscale
    exact = upscale(loaded, image.movedim(-1, 1), **values).movedim(1, -1).clamp(0, 1)
    for tile in (0, 17, 64, 8192):
        click = node("LINFUpscale", linf_model=loaded, image=image, tile=tile, **values)
        features = node("LINFEncodeLr", linf_model=loaded, image=image, tile=tile)
        latent = node("LINFSampleLatent", features=features, **values)
        texture = node("LINFFlowInverse", features=features, latent=latent, tile=tile)
        chain = node("LINFCompose", texture=texture)
        worst = float(max((click - exact).abs().max(), (chain - exact).abs().max()))
        expect(worst <= 1e-6, (tile, worst))


def check_two_load_nodes_hold_one_copy() -> None:
    first, second = model(), model(model="tiny.safetensors")
    expect(first is second)
    patcher = core("hosts.comfyui.memory").patcher_of
    expect(patcher(first) is patcher(second))


def check_channels_precisions_and_batches() -> None:
    for c in (1, 2, 3, 4):
        for dtype in (torch.float32, torch.float16, torch.bfloat16):
            image = picture(2, c=c).to(dtype)
            before = image.clone()
            out = node("LINFUpscale", linf_model=model(), image=image, scale=2.5)
            expect(out.shape == (2, 50, 58, c) and out.dtype == torch.float32, (c, dtype, out.shape))
            expect(torch.equal(image, before), "an input was changed")
            alone = node("LINFUpscale", linf_model=model(), image=image[1:], scale=2.5)
            expect(torch.equal(out[1:], alone), "a picture of a batch is not the picture alone")


def check_no_node_changes_or_hands_out_its_input() -> None:
    image = picture() * 3 - 1  # out of range, so that a cut in place would show
    before = image.clone()
    for kind in ("LINFUnsharpMask", "LINFResize", "LINFDenoise", "LINFRemoveBackground"):
        out = node(kind, image=image)
        expect(torch.equal(image, before), kind)
        expect(out.untyped_storage().data_ptr() != image.untyped_storage().data_ptr(), kind)
    out = node("LINFCompare", image_a=image, image_b=image, mode="side by side")
    expect(torch.equal(image, before) and float(out.max()) <= 1)


def check_bad_pictures_and_masks_are_refused_by_name() -> None:
    said = refusal("LINFUpscale", linf_model=model(), image=picture()[:0])
    expect("LINF Upscale: The image batch is empty" in said, said)
    said = refusal("LINFUpscale", linf_model=model(), image=picture(), scale=33.0)
    expect(said.startswith("BadValue: LINF Upscale:") and "33" in said, said)
    said = refusal("LINFUpscale", linf_model=model(), image=picture(), mask=torch.ones(3, 20, 23))
    expect("The mask has 3 pictures, the batch 1" in said, said)
    other = node("LINFEncodeLr", linf_model=model(model="other"), image=picture())
    latent = node("LINFSampleLatent", features=node("LINFEncodeLr", linf_model=model(), image=picture()))
    said = refusal("LINFFlowInverse", features=other, latent=latent)
    expect(model().hash in said and "other" in said, said)


def check_the_placeholder_mask_is_ignored_and_a_real_one_is_not() -> None:
    def upscaled(**mask: Any) -> torch.Tensor:
        found: torch.Tensor = node("LINFUpscale", linf_model=model(), image=picture(), scale=2.0, seed=5, **mask)
        return found

    plain = upscaled()
    expect(torch.equal(plain, upscaled(mask=torch.zeros(1, 64, 64))))
    off = upscaled(mask=torch.zeros(1, 20, 23))
    expect(not torch.equal(plain, off))
    expect(torch.equal(off, upscaled(mask=torch.zeros(1, 5, 9))), "a mask of another size is resized")
    painted = torch.zeros(1, 64, 64)
    painted[0, 0, 0] = 1
    expect(not torch.equal(plain, upscaled(mask=painted)))


def check_models_come_and_go_in_the_folder() -> None:
    import folder_paths

    folder = Path(folder_paths.models_dir) / "linf"
    load = NODES["LINFLoadModel"]

    def offered() -> list[str]:
        return list(load.GET_NODE_INFO_V1()["input"]["optional"]["model"][1]["options"])

    expect("tiny" in offered() and "late" not in offered(), offered())
    shutil.copy(folder / "tiny.safetensors", folder / "late.safetensors")
    expect("late" in offered(), offered())
    expect(load.validate_inputs(model="late") is True)
    before = load.fingerprint_inputs(model="late", prior="auto")
    shutil.copy(folder / "other.safetensors", folder / "late.safetensors")
    expect(load.fingerprint_inputs(model="late", prior="auto") != before)
    expect(model(model="late").hash == model(model="other").hash)
    (folder / "late.safetensors").unlink()
    said = load.validate_inputs(model="late")
    expect("'late'" in str(said) and f"put late.safetensors into {folder}" in str(said), said)
    expect("late" in refusal("LINFLoadModel", model="late"))
    expect("The prior 'late' is not there" in refusal("LINFLoadModel", model="tiny", prior="late"))
    expect("The prior '/a/b.pth' is a path" in refusal("LINFLoadModel", model="tiny", prior="/a/b.pth"))
    for path in (str(folder / "tiny.safetensors"), "../linf/tiny", "/etc/passwd"):
        expect(load.validate_inputs(model=path) is not True, path)
    expect(load.validate_inputs(model=None) is True, "a wired name is not known before the run")


def check_no_input_is_blamed_for_another() -> None:
    """ComfyUI blames all that are named in the signature."""
    import inspect

    for kind, made in NODES.items():
        judged = inspect.signature(made.validate_inputs).parameters.values()
        expect(len(judged) == 1 or not vars(made).get("validate_inputs"), (kind, list(judged)))


def check_the_browser_learns_which_detail_every_model_gives() -> None:
    told = NODES["LINFLoadModel"].GET_NODE_INFO_V1()["input"]["optional"]["model"][1]["linf_details"]
    wanted = {"tiny": "drawn", "learned": "learned", "mean": "faithful", "photo": "learned", "photo-tiny": "drawn"}
    expect({name: told.get(name) for name in wanted} == wanted, told)
    expect("only-a-prior" not in told, told)


def check_extra_model_paths_are_kept() -> None:
    import folder_paths

    folders = folder_paths.get_folder_paths("linf")
    expect(folders[0].endswith("extra") and folders[-1].endswith("linf"), folders)
    expect(model(model="sub/elsewhere").hash == model().hash)
    expect(".txt" not in folder_paths.folder_names_and_paths["linf"][1])


def check_an_interrupt_is_answered_within_a_second_and_the_next_run_works() -> None:
    """Seconds of work, not of waiting: other programs may have the processor."""
    import comfy.model_management as mm

    loaded = model(model="photo") if _bundled() else model()
    asked: list[float] = []

    def interrupt() -> None:
        asked.append(time.process_time())
        mm.interrupt_current_processing()

    for tile in (0, 400):
        threading.Timer(0.5, interrupt).start()
        try:
            node("LINFUpscale", linf_model=loaded, image=picture(h=512, w=512), scale=6.0, tile=tile)
            raise AssertionError("it ran to its end")
        except mm.InterruptProcessingException:
            late = time.process_time() - asked.pop()
        expect(late <= 1.0, (tile, late))
    expect(node("LINFUpscale", linf_model=loaded, image=picture(), scale=2.0).shape == (1, 40, 46, 3))


def _bundled() -> bool:
    return "photo" in core("pipeline.store").available_models()


def check_progress_moves_by_tile_with_a_picture() -> None:
    import comfy.utils

    seen: list[Any] = []
    comfy.utils.set_progress_bar_global_hook(
        lambda value, total, preview, node_id=None: seen.append((value, total, preview))
    )
    try:
        node("LINFUpscale", linf_model=model(), image=picture(h=40, w=40), scale=3.0, tile=10)
        clicked, seen[:] = list(seen), []
        node("LINFEncodeLr", linf_model=model(), image=picture(2, h=40, w=40), tile=20)
    finally:
        comfy.utils.set_progress_bar_global_hook(None)
    expect([value for value, _, _ in clicked] == list(range(1, 17)), clicked)
    (kind, first, size), (_, last, _) = clicked[0][2], clicked[-1][2]
    expect(kind == "JPEG" and size == 512 and first.mode == "RGB")
    expect(first.size == last.size == (120, 120), "the picture fills up")
    box = (0, 0, 30, 30)
    expect(first.crop(box).tobytes() == last.crop(box).tobytes() and first.tobytes() != last.tobytes())
    expect([value for value, _, _ in seen] == list(range(1, 9)), seen)


def check_the_host_takes_its_memory_back_and_the_cache_node_says_what_is_held() -> None:
    import comfy.model_management as mm

    loaded = model()
    first = node("LINFUpscale", linf_model=loaded, image=picture(), scale=2.0)
    memory = core("hosts.comfyui.memory")
    mine = [m for m in mm.current_loaded_models if m.model is memory.patcher_of(loaded)]
    expect(len(mine) == 1, "ComfyUI does not know of the model")
    mm.unload_all_models()
    expect(not mm.current_loaded_models)
    expect(torch.equal(node("LINFUpscale", linf_model=loaded, image=picture(), scale=2.0), first))
    report = node("LINFModelCache")
    expect(f"tiny {loaded.hash} on cpu" in report and f"ComfyUI holds tiny {loaded.hash}" in report, report)
    report = node("LINFModelCache", release=True)
    expect("released" in report and f"ComfyUI holds tiny {loaded.hash}" in report, report)
    expect(torch.equal(node("LINFUpscale", linf_model=loaded, image=picture(), scale=2.0), first))
    del loaded, mine
    gc.collect()
    expect("ComfyUI holds tiny" not in node("LINFModelCache", release=True))
    mm.cleanup_models_gc()
    expect(NODES["LINFModelCache"].fingerprint_inputs(release=False) != NODES["LINFModelCache"].fingerprint_inputs())


def check_a_host_s_out_of_memory_is_ours() -> None:
    import comfy.model_management as mm

    expect(core("pipeline.device").is_out_of_memory(mm.OOM_EXCEPTION("no room")))
    types, adapter = core("catalogue.types"), core("hosts.comfyui.adapter")
    words = "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"

    def greedy(image):  # type: ignore[no-untyped-def]
        raise RuntimeError(words)

    greedy.__annotations__ = {"image": types.Image, "return": types.Image}
    told = core("catalogue.node").describe(greedy, "Greedy", ("out",))
    NODES["Greedy"] = adapter.make_node(told)
    said = refusal("Greedy", image=picture())
    expect(said.startswith("OutOfMemory: LINF Greedy") and words in said, said)
    del NODES["Greedy"]


def check_half_precision_that_overflows_runs_again_in_float32() -> None:
    loud = model(model="loud", precision="float16")
    out = node("LINFUpscale", linf_model=loud, image=picture(), scale=2.0)
    exact = node("LINFUpscale", linf_model=model(model="loud"), image=picture(), scale=2.0)
    expect(bool(torch.isfinite(out).all()) and torch.equal(out, exact))
    features = node("LINFEncodeLr", linf_model=loud, image=picture())
    expect(features.model.dtype == torch.float32 and bool(torch.isfinite(features.maps).all()))
    latent = node("LINFSampleLatent", features=features, scale=2.0)
    chain = node("LINFCompose", texture=node("LINFFlowInverse", features=features, latent=latent))
    expect(float((chain - exact).abs().max()) <= 1e-6)
    quiet = node("LINFUpscale", linf_model=model(precision="float16"), image=picture(), scale=2.0)
    expect(not torch.equal(quiet, node("LINFUpscale", linf_model=model(), image=picture(), scale=2.0)))


def check_files_stay_in_comfyui_s_folders() -> None:
    import folder_paths

    features = node("LINFEncodeLr", linf_model=model(), image=picture())
    latent = node("LINFSampleLatent", features=features, scale=2.0, seed=9)
    saved = node("LINFSaveLatent", features=features, latent=latent, path="deep/z.safetensors")
    expect(saved == "deep/z.safetensors")
    expect((Path(folder_paths.get_output_directory()) / saved).is_file())
    for name in (saved, f"{saved} [output]"):
        again = node("LINFLoadLatent", path=name)
        expect(again.model_hash == features.model.hash and again.grid == latent.grid)
    load = NODES["LINFLoadLatent"]
    expect(load.validate_inputs(path=saved) is True and load.validate_inputs(path=None) is True)
    expect("There is no file 'gone'" in load.validate_inputs(path="gone"))
    for path in ("../out.safetensors", "/tmp/out.safetensors", "deep/../../out.safetensors"):
        said = refusal("LINFSaveLatent", features=features, latent=latent, path=path)
        expect("lies outside" in said and "LINF Save Latent" in said, said)
        expect("lies outside" in load.validate_inputs(path=path))
        expect(
            "lies outside" in refusal("LINFSave16bitImage", image=picture(), path=path.replace("safetensors", "png"))
        )
    place = Path(folder_paths.get_input_directory()) / "mine.safetensors"
    shutil.copy(Path(folder_paths.get_output_directory()) / saved, place)
    expect(str(place) in load.fingerprint_inputs(path="mine.safetensors"))


def check_sixteen_bits_are_written_and_numbered_on() -> None:
    import folder_paths

    read = core("pictures").read_picture
    ramp = torch.linspace(0, 1, 65536).view(1, 256, 256, 1).expand(2, -1, -1, 3)
    names = node("LINFSave16bitImage", image=ramp, path="x/ramp.png").splitlines()
    expect(names == ["x/ramp_00001_.png", "x/ramp_00002_.png"], names)
    again = NODES["LINFSave16bitImage"].execute(image=ramp[:1, :, :, :1], path="x/ramp.tif")
    expect(again.args[0] == "x/ramp_00003_.tif" and "images" not in again.ui, again.ui)
    for name in [*names, again.args[0]]:
        found = read(Path(folder_paths.get_output_directory()) / name)
        expect(found.dtype == "uint16" and len(set(found.pixels[..., 0].ravel().tolist())) == 65536, name)
    shown = NODES["LINFSave16bitImage"].execute(image=picture(c=4), path="x/a.png").ui["images"]
    expect(shown == [{"filename": "a_00001_.png", "subfolder": "x", "type": "output"}], shown)


def check_presets_are_saved_listed_and_run() -> None:
    upscale = {"linf_model": ["2", 0], "image": ["1", 0], "scale": 2.5, "seed": 4}
    graph: dict[str, Any] = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "x.png"}},
        "2": {"class_type": "LINFLoadModel", "inputs": {"model": "tiny"}},
        "3": {
            "class_type": "LINFUpscale",
            "inputs": upscale,
        },
        "4": {"class_type": "LINFSavePreset", "inputs": {"image": ["3", 0], "name": "mine"}},
        "9": {"class_type": "ImageInvert", "inputs": {"image": ["3", 0]}},
    }

    def save(name: str, **values: Any) -> Any:
        hidden = SimpleNamespace(prompt=graph, unique_id="4")  # what the executor puts there
        clone: Any = type("Clone", (NODES["LINFSavePreset"],), {"hidden": hidden})
        return clone.execute(image=picture(), name=name, **values).args[0]

    run = NODES["LINFRunPreset"]
    expect(save("mine") == "mine" == save("mine"), "the same again changes nothing")
    expect("mine" in run.GET_NODE_INFO_V1()["input"]["optional"]["preset"][1]["options"])
    out = node("LINFRunPreset", image=picture(2), preset="mine")
    exact = node("LINFUpscale", linf_model=model(), image=picture(2), scale=2.5, seed=4)
    expect(float((out - exact).abs().max()) <= 1e-6)
    before = run.fingerprint_inputs(preset="mine")
    graph["3"]["inputs"]["scale"] = 3.0
    try:
        save("mine")
        raise AssertionError("an older preset was replaced")
    except ValueError as error:
        expect("There is a preset 'mine' already" in str(error), error)
    save("mine", replace=True)
    expect(run.fingerprint_inputs(preset="mine") != before)
    expect(node("LINFRunPreset", image=picture(), preset="mine").shape == (1, 60, 69, 3))
    graph["3"]["inputs"]["image"] = ["8", 0]
    graph["8"] = {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}}
    try:
        save("foreign")
        raise AssertionError("a foreign node was saved")
    except ValueError as error:
        expect("ImageInvert (node '8')" in str(error), error)
    expect("There is no preset '../mine'" in run.validate_inputs(preset="../mine"))
    expect(run.validate_inputs(preset="mine") is True)


def load(pack: Path) -> None:
    """As ComfyUI's own loader does it."""
    name = str(pack).replace(".", "_x_")
    spec = importlib.util.spec_from_file_location(name, pack / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    PACK.append(module)
    extension = asyncio.run(module.comfy_entrypoint())
    NODES.update({n.GET_SCHEMA().node_id: n for n in asyncio.run(extension.get_node_list())})


def main(pack: str, base: str) -> None:
    sys.path.insert(0, str(Path.cwd()))
    sys.argv = ["main.py", "--cpu", "--base-directory", base]
    import comfy.options

    comfy.options.enable_args_parsing()
    import folder_paths

    for kind in ("input", "output"):
        (Path(base) / kind).mkdir(exist_ok=True)
    folder_paths.add_model_folder_path("linf", f"{base}/extra")  # as from extra_model_paths.yaml, which is read before
    load(Path(pack))
    found = {}
    for name in [n for n in globals() if n.startswith("check_")]:
        try:
            globals()[name]()
            found[name] = ""
        except Exception:
            found[name] = traceback.format_exc()
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
