"""What all solvers share: their names, the model as they see it, and what they yield."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch


class Solver(StrEnum):
    """How a section is denoised: flow UniPC, plain Euler, or as few-step weights were distilled (DMD)."""

    UNIPC = "unipc"
    EULER = "euler"
    DMD = "dmd"


@dataclass(frozen=True)
class Denoised:
    """One step is done. After the last one `latents` is the finished section."""

    step: int
    """From 1."""
    latents: torch.Tensor
    """The noisy section as the solver has it now, float32."""
    estimate: torch.Tensor
    """What the model now takes the clean section to be (x - sigma v): the picture for a preview."""


class Velocity(Protocol):
    """The model as the solvers see it: (x, sigma) to flow velocity, both (1, C, T, H, W) float32."""

    def __call__(self, x: torch.Tensor, sigma: float) -> torch.Tensor: ...
