"""Networks without memory: their names and shapes alone."""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Unfilled(TorchFunctionMode):
    """Parameters take no memory and no random numbers; buffers, which are computed, stay real.

    The device "meta" alone would take the buffers too, and its arithmetic costs a second of imports.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.empty:
            kwargs["device"] = "meta"
        elif func in (Tensor.uniform_, Tensor.normal_):
            return args[0]
        return func(*args, **kwargs)
