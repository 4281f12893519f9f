"""What a solver hands over after each step."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Denoised:
    """One step is done. After the last one `latents` is the finished section."""

    step: int
    """From 1."""
    latents: torch.Tensor
    """The noisy section as the solver has it now, shaped like the noise it began as."""
    estimate: torch.Tensor
    """What the model now takes the clean section to be (x - sigma v): the picture for a preview."""
