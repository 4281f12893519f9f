"""Boards inside a section: a velocity that leads the frames they lie at to just these pictures."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from .base import Velocity


def pinned(velocity: Velocity, pins: Mapping[int, torch.Tensor]) -> Velocity:
    """A velocity under which the latent frames in `pins` (place in the section: (1, C, 1, H, W)) become just those.

    Not in the paper: it is what makes a shot pass through a board at any frame. Along the flow
    x = (1 - sigma) picture + sigma noise the velocity toward a known picture is (x - picture) / sigma; every solver
    here follows it exactly, and the other frames see the pinned ones at their own noise level.
    """
    if not pins:
        return velocity

    def with_pins(x: torch.Tensor, sigma: float) -> torch.Tensor:
        v = velocity(x, sigma).clone()
        for place, picture in pins.items():
            v[:, :, place : place + 1] = (x[:, :, place : place + 1] - picture) / sigma
        return v

    return with_pins
