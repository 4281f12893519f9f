"""What a conversion knows of its source and of what becomes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from engine.inference.hunyuan.packed_embed import spread

from .checkpoint import Checkpoint

Config = Mapping[str, Any]
"""A network's configuration."""


class Layout(ABC):
    """A packed model's layout, and the text-to-video model that it is made of."""

    source_pipeline: str
    """Class name of the diffusers pipeline whose folder is read."""
    source: Any
    """Class of its transformer."""
    pipeline: str
    """Class name of the pipeline whose folder is made."""
    target: Any
    """Class of that one's transformer."""
    compared: Any
    """Class that the target's weights are compared in: one that runs without history."""
    components: tuple[str, ...]
    """What the new folder takes as it is."""
    patch: str
    """Layer of the source that makes tokens of latents, by the kernel (1, 2, 2)."""
    kernels: Mapping[str, tuple[int, int, int]]
    """Layers of the target that make tokens of history, and their kernels."""
    limit: float
    """How far one block of both may differ, as a part of the largest value."""

    @abstractmethod
    def refusal(self, index: Config, config: Config) -> str:
        """What is wrong with a source of these classes, by its model_index.json and its transformer's configuration."""

    @abstractmethod
    def configured(self, config: Config, components: Mapping[str, Path]) -> dict[str, Any]:
        """The configuration of the target, of the source's."""

    @abstractmethod
    def shortened(self, config: Config) -> dict[str, Any]:
        """A configuration, of either, with one block of each kind."""

    def source_name(self, name: str) -> str:
        """What a tensor of the target is called in the source."""
        return name

    def new(self, name: str, shape: tuple[int, ...], source: Checkpoint, config: Config) -> torch.Tensor:
        """A tensor that the source has none of; `config` is the target's.

        Layers for history begin as `spread` has it: a compressed token is that of the frames averaged.
        """
        layer, _, kind = name.rpartition(".")
        own = source.tensor(f"{self.patch}.{kind}")
        return spread(own.float(), self.kernels[layer]) if kind == "weight" else own

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What the new folder's shotpack.json says besides its title."""

    def complete(self, folder: Path) -> dict[str, tuple[str, str]]:
        """Write what the new folder needs besides; returns its entries in model_index.json."""
        return {}

    @abstractmethod
    def difference(self, source: Any, converted: Any) -> float:
        """How far two networks of one block lie apart: largest difference over largest value.

        Raises ValueError where the second one's history changes nothing, or leaves no finite number.
        """


def lying_apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference of two tensors over the first one's largest value."""
    return float((one - other).abs().max() / one.abs().max())


def check_history(without: torch.Tensor, seen: torch.Tensor) -> None:
    """Raise ValueError where what was made of history, `seen`, is what is made without, or no number."""
    if not bool(seen.isfinite().all()) or torch.equal(without, seen):
        raise ValueError("its history changes nothing, or leaves no finite number")
