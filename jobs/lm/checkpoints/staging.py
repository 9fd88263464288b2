"""Copies of what is trained, in memory that a thread can take its time to write from."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

Key = tuple[str | int, ...]


class Staging:
    """Buffers on the CPU, one for each tensor of a state; the next copy of the same state uses them again."""

    def __init__(self) -> None:
        self._buffers: dict[Key, Tensor] = {}
        self._used: set[Key] = set()

    @torch.no_grad()
    def copy(self, state: dict[str, Any]) -> dict[str, Any]:
        """The state as it is now: training may go on to change it in place. Valid until the next call."""
        self._used.clear()
        copied: dict[str, Any] = self._copied((), state)
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # copies from a GPU run on their own
        self._buffers = {key: buffer for key, buffer in self._buffers.items() if key in self._used}
        return copied

    def _copied(self, key: Key, value: Any) -> Any:
        if isinstance(value, DTensor):
            return DTensor(self._filled(key, value.to_local()), value._spec, requires_grad=False)  # noqa: SLF001
        if isinstance(value, Tensor):
            return self._filled(key, value)
        if isinstance(value, dict):
            return {name: self._copied((*key, name), one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._copied((*key, place), one) for place, one in enumerate(value))
        return value  # numbers and words do not change

    def _filled(self, key: Key, tensor: Tensor) -> Tensor:
        buffer = self._buffers.get(key)
        if buffer is None or buffer.shape != tensor.shape or buffer.dtype != tensor.dtype:
            buffer = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
            self._buffers[key] = buffer
        self._used.add(key)
        return buffer.copy_(tensor, non_blocking=True)
