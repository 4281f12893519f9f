"""A guide inside a section: a velocity whose estimate is led to pictures that are known in part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from .base import Velocity


@dataclass(frozen=True)
class Guide:
    """What is known of a section's latents. Shares and strengths are 0 to 1."""

    pictures: torch.Tensor
    """(1, C, T, H, W) float32; what lies where `seen` and `hidden` are 0 counts for nothing."""
    seen: torch.Tensor
    """(1, 1, T, H, W) float32: how strongly each latent pixel is led where the picture is true.

    Of pictures that are seen as history: the share that is true, whatever it is.
    """
    hidden: torch.Tensor
    """The same where the picture is only a guess at what cannot be seen."""
    until: float
    """For which share of the steps, from the first on, `seen` holds."""
    hidden_until: float
    """The same of `hidden`; at most `until`. Below 1 the last step is left free."""
    board: int | None = None
    """The place in the section that shows a board itself."""

    def weight(self, step: int, steps: int) -> torch.Tensor | None:
        """How strongly each latent pixel is led in step `step` (from 0) of `steps`: (1, 1, T, H, W); None: at none."""
        hidden_steps = min(steps_in(self.hidden_until, steps), steps if self.hidden_until == 1 else steps - 1)
        holds = step < steps_in(self.until, steps), step < hidden_steps
        parts = [part for part, held in zip((self.seen, self.hidden), holds, strict=True) if held]
        return sum(parts[1:], parts[0]) if parts else None

    def to(self, device: torch.device) -> Guide:
        """The same on another device."""
        pictures, seen, hidden = (each.to(device) for each in (self.pictures, self.seen, self.hidden))
        return replace(self, pictures=pictures, seen=seen, hidden=hidden)


def steps_in(share: float, steps: int) -> int:
    """How many of `steps` steps a share of them is, 0 to 1: one that is begun counts whole.

    As the share is written: 0.28 of 25 are 7, though in binary that is a little more.
    """
    return math.ceil(round(share * steps, 9))


def sight(guides: Sequence[Guide], hidden: float) -> torch.Tensor:
    """What a model is shown of its guides (1, C, T, H, W): pictures as strong as they are sure, zeros where unknown.

    What is only guessed is shown `hidden` as strongly as what is seen.
    """
    shown = torch.zeros_like(guides[0].pictures)
    for guide in guides:
        shown = torch.lerp(shown, guide.pictures, (guide.seen + hidden * guide.hidden).expand_as(shown))
    return shown


def steered(velocity: Velocity, guides: Sequence[Guide], sigmas: Sequence[float]) -> Velocity:
    """A velocity whose estimate of the clean section is mixed with the guides' pictures by their weights, in turn.

    Not in the paper: it is how a shot follows what is known of its scene. With x = (1 - sigma) picture + sigma noise
    the model's estimate is D = x - sigma v; led to D' = D + w (picture - D) the velocity is (x - D') / sigma. So w = 1
    is a pin (`pins.py`), and the other pixels see the guided ones at their own noise level. `sigmas` are the solver's
    noise levels, by which a step is told.
    """
    if not guides:
        return velocity
    steps = len(sigmas) - 1
    place: Mapping[float, int] = {sigma: step for step, sigma in enumerate(sigmas[:-1])}

    def led(x: torch.Tensor, sigma: float) -> torch.Tensor:
        v = velocity(x, sigma)
        estimate = x - sigma * v
        found = False
        for guide in guides:
            if (weight := guide.weight(place[sigma], steps)) is not None:
                estimate = torch.lerp(estimate, guide.pictures, weight.expand_as(estimate))
                found = True
        return (x - estimate) / sigma if found else v

    return led
