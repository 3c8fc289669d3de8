"""Kernels of one training step, its batch included: what a GPU would be asked to launch, counted on the CPU.

    python benchmarks/kernels.py [--recipe recipes/photo.toml] [--bfloat16]

Operators are counted by torch.profiler: those that call no other one and do more than look at memory another way, and
those in WHOLE, whatever they call: on a CPU a convolution reorders its weights and calls a library, a GPU launches it.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.profiler import ProfilerActivity, profile

ROOT = Path(__file__).resolve().parents[1]

# operators that launch nothing: views, memory that is not written, questions
FREE = {
    *("alias", "as_strided", "as_strided_", "chunk", "detach", "detach_", "diagonal", "empty", "empty_like", "view"),
    *("empty_strided", "expand", "expand_as", "lift_fresh", "new_empty", "new_empty_strided", "narrow", "permute"),
    *("resize_", "_reshape_alias", "result_type", "select", "set_", "slice", "split", "split_with_sizes", "squeeze"),
    *("t", "transpose", "unbind", "unflatten", "unsafe_split", "_unsafe_view", "unsqueeze", "view_as", "mT"),
    *("to", "contiguous", "reshape", "flatten", "item", "is_nonzero", "squeeze_", "unsqueeze_", "as_tensor", "numpy_T"),
    *("resolve_conj", "resolve_neg", "conj", "_local_scalar_dense", "can_cast", "is_pinned", "_nnpack_available"),
}
WHOLE = {
    *(
        "convolution",
        "convolution_backward",
        "mm",
        "bmm",
        "addmm",
        "baddbmm",
        "cat",
        "index_select",
        "index_add",
        "sum",
    ),
    *("linalg_inv_ex", "_linalg_slogdet", "linalg_lu_solve", "linalg_vector_norm", "mean", "norm", "scatter_add_"),
    *("_fused_adam_", "_foreach_lerp_", "_foreach_mul_", "_foreach_add_", "_foreach_norm", "uniform_", "random_"),
}


def kernels(work: Callable[[], Any]) -> Counter[str]:
    """How often which operator runs during `work`."""
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiled:
        work()
    found: Counter[str] = Counter()
    for event in profiled.events() or ():
        if event.cpu_parent is None:
            found += _within(event)
    return found


def _within(event: Any) -> Counter[str]:
    """Kernels of one operator, and of those that it calls."""
    name = event.name.removeprefix("aten::")
    if event.name.startswith("aten::") and name in WHOLE:
        return Counter([name])
    inner = sum((_within(child) for child in event.cpu_children), Counter[str]())
    if inner or not event.name.startswith("aten::") or name in FREE:
        return inner
    return Counter([name])


def step_kernels(recipe: Path, data: Path, **changes: Any) -> tuple[Counter[str], Counter[str]]:
    """Kernels of drawing a batch, and of the step that it is for, once both have run before."""
    from linf_nodes.training.recipe import Recipe
    from linf_nodes.training.run import Run

    with tempfile.TemporaryDirectory() as out:
        ran = Run(Recipe.read(recipe, data=[str(data)], out=out, **changes), torch.device("cpu"))
        ran.model.train()
        ran.patient = True  # as on a GPU
        draw = ran.task.sampler(ran.pack())
        ran._advance(draw(ran.step, 0.0))
        batches: list[Any] = []
        sampling = kernels(lambda: batches.append(draw(ran.step, 0.0)))
        return sampling, kernels(lambda: ran._advance(batches[0]))


def noise(folder: Path, count: int = 2, side: int = 160) -> Path:
    """Pictures to train on, where there are none."""
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", type=Path, default=ROOT / "recipes" / "photo.toml")
    parser.add_argument("--bfloat16", action="store_true", help="encoder and MLP in bfloat16")
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as folder:
        sampling, step = step_kernels(args.recipe, noise(Path(folder)), bfloat16=args.bfloat16)
    for name, counted in (("batch", sampling), ("step", step)):
        most = ", ".join(f"{n} {kind}" for kind, n in counted.most_common(12))
        print(f"{name}: {counted.total()} kernels ({most}, ...)")
    print(f"together: {sampling.total() + step.total()}")


if __name__ == "__main__":
    main()
