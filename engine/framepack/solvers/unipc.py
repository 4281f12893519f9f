"""UniPC (Zhao et al., arXiv 2302.04867) on the flow ODE with lambda = -ln sigma: the released recipe's sampler.

With D(x, sigma) = x - sigma v the model's estimate of the clean section, the flow ODE has the exact solution

    x(t) = (sigma_t / sigma_s) x(s) + integral over lambda from s to t of exp(lambda - lambda_t) D d lambda

so D's derivatives in lambda, taken from earlier steps, give predictor and corrector. diffusers' UniPC measures time by
ln((1 - sigma) / sigma) instead and gives other numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch

from .base import Denoised, Velocity

MAX_ORDER = 3


def unipc(velocity: Velocity, x: torch.Tensor, sigmas: Sequence[float]) -> Iterator[Denoised]:
    """Order 3, variant bh1 (B(h) = h), predictor and corrector with one model call a step.

    `sigmas` falls strictly from 1 and has one number more than there are steps; the last, 0 in the recipe, is never
    evaluated: the result is the estimate D at the last but one. The order grows with the steps taken, up to
    min(3, steps - 1). Coefficients are float64 numbers; tensors keep the dtype of `x`.
    """
    steps = len(sigmas) - 1
    max_order = min(MAX_ORDER, steps - 1)
    estimates: list[torch.Tensor] = []
    lambdas: list[float] = []
    for step, sigma in enumerate(sigmas[:-1], start=1):
        if not estimates:
            estimate = x - sigma * velocity(x, sigma)
        else:
            order = min(max_order, len(estimates))
            x, estimate = _advance(velocity, x, sigma, estimates[-order:], lambdas[-order:])
        estimates = [*estimates, estimate][-MAX_ORDER:]
        lambdas = [*lambdas, -math.log(sigma)][-MAX_ORDER:]
        yield Denoised(step, estimate if step == steps else x, estimate)


def _advance(
    velocity: Velocity, x: torch.Tensor, sigma: float, estimates: Sequence[torch.Tensor], lambdas: Sequence[float]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Step from lambdas[-1] to -ln `sigma`: predict x, evaluate the model there once, and correct x by what it said.

    `estimates` and `lambdas` are the order's latest, oldest first. Returns (corrected x, estimate at the prediction).
    """
    newest, lambda_newest = estimates[-1], lambdas[-1]
    h = -math.log(sigma) - lambda_newest
    base = math.exp(-h) * x - math.expm1(-h) * newest
    earlier = list(zip(estimates[-2::-1], lambdas[-2::-1], strict=True))
    ratios = [(lam - lambda_newest) / h for _, lam in earlier]
    slopes = [(estimate - newest) / ratio for (estimate, _), ratio in zip(earlier, ratios, strict=True)]

    predictor = _predictor_weights(ratios, h)
    predicted = base + h * _weighted(predictor, slopes, like=x)
    estimate = predicted - sigma * velocity(predicted, sigma)

    corrector = _corrector_weights(ratios, h)
    corrected = base + h * _weighted(corrector, [*slopes, estimate - newest], like=x)
    return corrected, estimate


def _predictor_weights(ratios: Sequence[float], h: float) -> list[float]:
    """Weights of the earlier slopes. With one slope the recipe takes one half, the limit for small h."""
    if len(ratios) < 2:
        return [0.5] * len(ratios)
    return _solve(ratios, _moments(len(ratios), h))


def _corrector_weights(ratios: Sequence[float], h: float) -> list[float]:
    """Weights of the earlier slopes and of the newest one, to the point just predicted (ratio 1)."""
    if not ratios:
        return [0.5]
    return _solve([*ratios, 1.0], _moments(len(ratios) + 1, h))


def _moments(count: int, h: float) -> list[float]:
    """The right-hand side b of UniPC's equation for B(h) = h: k! phi_{k+1}(-h) for k = 1 .. count (data prediction)."""
    z = -h
    phi = math.expm1(z) / z
    moments = []
    for k in range(1, count + 1):
        phi = (phi - 1 / math.factorial(k)) / z
        moments.append(math.factorial(k) * phi)
    return moments


def _solve(ratios: Sequence[float], moments: Sequence[float]) -> list[float]:
    """Solve sum_m ratios[m]^(k-1) w[m] = moments[k-1] for the weights w (a Vandermonde system of at most 3)."""
    powers = torch.tensor([[ratio**k for ratio in ratios] for k in range(len(ratios))], dtype=torch.float64)
    weights: list[float] = torch.linalg.solve(powers, torch.tensor(moments, dtype=torch.float64)).tolist()
    return weights


def _weighted(weights: Sequence[float], tensors: Sequence[torch.Tensor], like: torch.Tensor) -> torch.Tensor:
    total = torch.zeros_like(like)
    for weight, tensor in zip(weights, tensors, strict=True):
        total.add_(tensor, alpha=weight)
    return total
