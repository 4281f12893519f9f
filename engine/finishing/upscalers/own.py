"""An artist's own upscaler through spandrel, which tells from the weights which of some forty networks they are of."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

_MARGIN = 32
"""Pixels around a tile. Such networks look farther, by attention or by many layers, and less and less the farther."""
_INTERPOLATION = SimpleNamespace(NEAREST="nearest", BILINEAR="bilinear", BICUBIC="bicubic")


@dataclass(frozen=True)
class OwnNetwork:
    """A network that enlarges, (1, 3, H, W) in [0, 1], and what it asks of pictures."""

    network: nn.Module
    factor: int
    margin: int
    multiple: int
    least: int
    whole: bool
    """Whether its author advises against tiles."""


def read_own_network(path: Path) -> OwnNetwork:
    """The network in a file of safetensors. Raises ValueError for what is none that enlarges colour pictures, and
    OSError.
    """
    if path.suffix != ".safetensors":  # spandrel would unpickle it
        raise ValueError(f"{path.name} holds no safetensors")
    with _without_torchvision():
        import spandrel
    try:
        weights = spandrel.ModelLoader().load_state_dict_from_file(path)
        found: Any = spandrel.ModelLoader().load_from_state_dict(weights)
    except (SafetensorError, spandrel.UnsupportedModelError) as fault:
        raise ValueError(str(fault) or "it is of no network that spandrel knows") from fault
    except Exception as fault:  # whatever a stranger's file makes of its reader
        if isinstance(fault, OSError):
            raise
        raise ValueError(f"{type(fault).__name__}: {fault}") from fault
    if not isinstance(found, spandrel.ImageModelDescriptor) or found.scale < 2:
        raise ValueError("its network does not enlarge")
    if found.input_channels != 3 or found.output_channels != 3:
        raise ValueError("its network does not take colour pictures")
    needs = found.size_requirements
    if needs.square:
        raise ValueError("its network takes square pictures only")
    return OwnNetwork(
        _Called(found).eval().requires_grad_(False),
        found.scale,
        -(-_MARGIN // needs.multiple_of) * needs.multiple_of,
        needs.multiple_of,
        max(needs.minimum, needs.multiple_of),
        found.tiling is not spandrel.ModelTiling.SUPPORTED,
    )


class _Called(nn.Module):
    """A network as spandrel calls it: some of them want their arguments otherwise."""

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.network: nn.Module = descriptor.model
        self._call = descriptor._call_fn

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self._call(self.network, pixels)
        return made


@contextmanager
def _without_torchvision() -> Iterator[None]:
    """Let spandrel be imported where torchvision is not installed: it would bring a PyTorch of its own with it.

    Two of its networks, one that fills holes and one for faces, name four things of torchvision's when they are
    imported. Neither enlarges, and both are refused; nothing of this is there any more when somebody else looks for it.
    """
    if "spandrel" in sys.modules or find_spec("torchvision") is not None:
        yield
        return
    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
    modules = {name: ModuleType(name) for name in names}
    vars(modules[names[-1]]).update(InterpolationMode=_INTERPOLATION, rotate=None, normalize=None)
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)
