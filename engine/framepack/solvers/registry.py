"""The solvers by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from .base import Denoised, Solver, Velocity
from .euler import euler
from .unipc import unipc

SolverFunction = Callable[[Velocity, torch.Tensor, Sequence[float]], Iterator[Denoised]]


def solver_named(solver: Solver) -> SolverFunction:
    """The solver function for a request's solver name: the released recipe's UniPC, or diffusers' Euler."""
    return {Solver.UNIPC: unipc, Solver.EULER: euler}[solver]
