"""What belongs to a model without being trained: BatchNorm's running statistics, tables of positions."""

from __future__ import annotations

from ..tensor import Tensor
from .module import Module


def buffers(model: Module) -> dict[str, Tensor]:
    """The tensors without `requires_grad`, by dotted name (`layers.1.running_mean`), in order of definition.

    Saved and restored with the parameters; changed in place only, so that they may be views of a flat buffer.
    """
    found = {
        name: value
        for name, value in vars(model).items()
        if isinstance(value, Tensor) and not value.requires_grad
    }
    for place, child in model.children():
        known = set(map(id, found.values()))
        inside = buffers(child).items()
        found.update({f"{place}.{name}": buffer for name, buffer in inside if id(buffer) not in known})
    return found
