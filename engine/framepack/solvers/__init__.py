"""Solvers of the flow ODE, written as generators: the caller gets every step, so progress and cancel need no callback.

All take `velocity(x, sigma)`, a noise tensor `x` of any shape and `sigmas` falling from 1, and yield one `Denoised` a
step. They call the velocity exactly once a step and work in the dtype and on the device of `x`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from ...models.spec import Denoised, Solver, Velocity
from .euler import euler
from .pins import pinned
from .unipc import unipc

__all__ = ["Denoised", "pinned", "solver_named"]

SolverFunction = Callable[[Velocity, torch.Tensor, Sequence[float]], Iterator[Denoised]]


def solver_named(solver: Solver) -> SolverFunction:
    """The solver function for a request's solver name: the released recipe's UniPC, or diffusers' Euler."""
    return {Solver.UNIPC: unipc, Solver.EULER: euler}[solver]
