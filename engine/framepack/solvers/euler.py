"""Euler's method on the flow ODE: what diffusers' FramePack pipeline runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch

from .base import Denoised, Velocity


def euler(velocity: Velocity, x: torch.Tensor, sigmas: Sequence[float]) -> Iterator[Denoised]:
    """First order: x' = x + (sigma' - sigma) v. `sigmas` has one number more than there are steps.

    dx/dsigma = v(x, sigma) is the flow-matching ODE, x = (1 - sigma) picture + sigma noise. Source: diffusers'
    `FlowMatchEulerDiscreteScheduler`.
    """
    for step, (sigma, following) in enumerate(pairwise(sigmas), start=1):
        v = velocity(x, sigma)
        estimate = x - sigma * v
        x = x + (following - sigma) * v
        yield Denoised(step, x, estimate)
