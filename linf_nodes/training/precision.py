"""What the encoder and the MLP compute in while they are trained: the faster of bfloat16 and float32, timed."""

import time
from typing import Any

import torch

from .task import Task

TRIALS = 2


def choose_precision(task: Task, batch: Any, device: torch.device) -> str:
    """Set the task's `autocast` to what takes less time for a step's terms and gradients; says so in a sentence.

    Processors differ: without instructions of its own bfloat16 takes longer than float32. The network's values,
    statistics and gradients are left as they were.
    """
    kept = [b.clone() for b in task.net.buffers()]
    seconds = {}
    for kind in (torch.bfloat16, None):
        task.autocast = kind
        seconds[kind] = min(_seconds(task, batch, device) for _ in range(1 + TRIALS))
    for buffer, before in zip(task.net.buffers(), kept, strict=True):
        buffer.copy_(before)
    half, single = seconds[torch.bfloat16], seconds[None]
    task.autocast = torch.bfloat16 if half < single else None
    taken = precision_name(task.autocast)
    return f"bfloat16 takes {half:.3g} s a step, float32 {single:.3g} s: {taken} is taken"


def precision_name(autocast: torch.dtype | None) -> str:
    """ "bfloat16" or "float32"."""
    return str(autocast or torch.float32).removeprefix("torch.")


def _seconds(task: Task, batch: Any, device: torch.device) -> float:
    start = time.perf_counter()
    torch.stack(list(task.terms(batch, 0).values())).sum().backward()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - start
    for parameter in task.net.parameters():
        parameter.grad = None
    return seconds
