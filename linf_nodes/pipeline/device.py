"""Which device and precision to compute in, and what to do when memory runs out."""

import ctypes
import sys

import torch

from ..errors import BadValue

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def resolve_device(name: str = "auto") -> torch.device:
    """`auto` is CUDA where there is one, else Apple's GPU, else the CPU."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BadValue(f"The device {name!r} is not known: use auto, cpu, cuda, cuda:1 or mps.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BadValue(f"The device {name!r} is not there ({torch.cuda.device_count()} CUDA devices found): use cpu.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise BadValue(f"The device {name!r} is not there: use cpu.")
    return device


def resolve_dtype(name: str, device: torch.device) -> torch.dtype:
    """`auto` is float32 on a CPU, and on a GPU bfloat16 where it is native, else float16."""
    if name == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
        return torch.float32
    if name not in DTYPES:
        raise BadValue(f"The precision {name!r} is not known: use auto, {', '.join(DTYPES)}.")
    return DTYPES[name]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()  # the words of MPS and of other backends; of the CPU allocator on Linux, on Windows
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, RuntimeError) and any(w in text for w in words)


def is_lost(error: BaseException, device: torch.device) -> bool:
    """Whether an exception says that the device itself fails: it fell off the bus, was reset, or hangs."""
    if device.type == "cpu" or is_out_of_memory(error) or not isinstance(error, RuntimeError):
        return False
    text = str(error).lower()
    words = (
        "cuda error",
        "hip error",
        "cudnn_status",
        "cublas_status",
        "mps backend",
        "nccl",
        "device-side",
        "device lost",
    )
    return isinstance(error, getattr(torch, "AcceleratorError", ())) or any(word in text for word in words)


def trim_heap() -> None:
    """Give back to Linux what its allocator only keeps: after blocks of many sizes that is as much as a block needs."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own
        if trim is not None:
            trim(0)
