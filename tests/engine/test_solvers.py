"""The solvers against a flow whose solution is known, in float64, and against the paper's own numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.framepack.sigmas import shifted_sigmas
from engine.framepack.solvers.base import Denoised, Solver
from engine.framepack.solvers.guide import Guide, steered, steps_in
from engine.framepack.solvers.pins import pinned
from engine.framepack.solvers.registry import solver_named
from engine.framepack.solvers.unipc import _corrector_weights, _moments, _predictor_weights

MEAN, SPREAD = 0.7, 0.4
NOISE = torch.tensor([1.3, -0.7, 0.1], dtype=torch.float64)


def gaussian_velocity(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """The exact flow velocity where pictures are Gaussian, N(MEAN, SPREAD^2): x = (1 - sigma) picture + sigma noise."""
    share = 1 - sigma
    variance = share**2 * SPREAD**2 + sigma**2
    picture = MEAN + share * SPREAD**2 / variance * (x - share * MEAN)
    return (x - picture) / sigma


def gaussian_solution(sigma: float) -> torch.Tensor:
    """Where NOISE has flowed to at `sigma`."""
    return (1 - sigma) * MEAN + math.sqrt((1 - sigma) ** 2 * SPREAD**2 + sigma**2) * NOISE


def steps_of(solver: Solver, sigmas: Sequence[float], velocity: Callable = gaussian_velocity) -> list[Denoised]:
    return list(solver_named(solver)(velocity, NOISE.clone(), sigmas))


def measured_order(error: Callable[[int], float], steps: Sequence[int]) -> float:
    """The slope of log error over log step size: a least-squares line through all of `steps`."""
    xs = [-math.log(n) for n in steps]
    ys = [math.log(error(n)) for n in steps]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / sum((x - mean_x) ** 2 for x in xs)


def even_lambdas(steps: int, last: float) -> list[float]:
    return [last ** (n / steps) for n in range(steps + 1)]


def test_unipc_converges_with_order_three() -> None:
    def error(steps: int) -> float:
        sigmas = even_lambdas(steps, 0.05)
        arrived = steps_of(Solver.UNIPC, [*sigmas, 0.0])[
            -2
        ]  # one step is made of evaluating at 0.05, the last ends at 0
        return (arrived.latents - gaussian_solution(sigmas[-2])).abs().max().item()

    assert measured_order(error, [8, 12, 16, 24, 32, 48, 64]) >= 3


def test_euler_converges_with_order_one() -> None:
    def error(steps: int) -> float:
        sigmas = [1 - 0.95 * n / steps for n in range(steps + 1)]
        return (steps_of(Solver.EULER, sigmas)[-1].latents - gaussian_solution(0.05)).abs().max().item()

    assert measured_order(error, [16, 32, 64, 128]) == pytest.approx(1, abs=0.1)


def test_unipc_beats_euler_on_the_recipe_s_own_steps() -> None:
    sigmas = shifted_sigmas(25, math.log(7))
    exact = gaussian_solution(sigmas[23])
    unipc = steps_of(Solver.UNIPC, sigmas)[23].latents  # its state after a step is at that step's own sigma
    euler = steps_of(Solver.EULER, sigmas)[22].latents  # Euler's is at the next one
    assert (unipc - exact).abs().max() < (euler - exact).abs().max() / 20


@pytest.mark.parametrize("solver", [Solver.UNIPC, Solver.EULER])
@pytest.mark.parametrize("steps", [1, 2, 3, 5, 25])
def test_one_velocity_a_step_and_never_at_zero(solver: Solver, steps: int) -> None:
    asked: list[float] = []

    def velocity(x: torch.Tensor, sigma: float) -> torch.Tensor:
        asked.append(sigma)
        return gaussian_velocity(x, sigma)

    sigmas = shifted_sigmas(steps, 1.0)
    denoised = steps_of(solver, sigmas, velocity)
    assert asked == sigmas[:-1]
    assert [step.step for step in denoised] == list(range(1, steps + 1))


def test_nothing_runs_ahead_of_the_reader() -> None:
    """A generator that is closed after a step has asked for no further velocity: that is what cancel relies on."""
    asked: list[float] = []

    def velocity(x: torch.Tensor, sigma: float) -> torch.Tensor:
        asked.append(sigma)
        return gaussian_velocity(x, sigma)

    solver = solver_named(Solver.UNIPC)(velocity, NOISE, shifted_sigmas(10, 0))
    next(solver)
    next(solver)
    solver.close()
    assert len(asked) == 2


@pytest.mark.parametrize("h", [0.003, 0.2, 1.5])
def test_moments_are_the_integrals_they_stand_for(h: float) -> None:
    """b_k = k! phi_{k+1}(-h), by Simpson's rule on the definition of phi."""
    for k, moment in enumerate(_moments(3, h), start=1):
        # phi_{k+1}(z) = integral over r in 0..1 of exp((1 - r) z) r^k / k!
        n = 2000
        values = [math.exp(-h * (1 - r / n)) * (r / n) ** k for r in range(n + 1)]
        integral = (values[0] + values[-1] + 4 * sum(values[1:-1:2]) + 2 * sum(values[2:-1:2])) / (3 * n)
        assert moment == pytest.approx(integral, rel=1e-6)


def test_weights_are_exact_for_polynomials() -> None:
    """Order 3's corrector integrates slopes of quadratics exactly; the recipe fixes order 2's predictor to one half."""
    assert _predictor_weights([-1.0], 0.3) == [0.5]
    assert _corrector_weights([], 0.3) == [0.5]
    ratios, h = [-1.0, -2.2], 0.4
    weights = _corrector_weights(ratios, h)
    for power in (1, 2, 3):
        slopes = sum(w * r ** (power - 1) for w, r in zip(weights, [*ratios, 1.0], strict=True))
        assert slopes == pytest.approx(_moments(3, h)[power - 1], rel=1e-9)


@pytest.mark.parametrize("solver", [Solver.UNIPC, Solver.EULER])
def test_pinned_frames_become_their_board(solver: Solver) -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((1, 2, 5, 3, 3), generator=generator)
    board = torch.randn((1, 2, 1, 3, 3), generator=generator)

    def velocity(x: torch.Tensor, sigma: float) -> torch.Tensor:
        return torch.sin(3 * x) + sigma

    sigmas = shifted_sigmas(8, 1.5)
    free = list(solver_named(solver)(velocity, noise, sigmas))[-1].latents
    held = list(solver_named(solver)(pinned(velocity, {3: board}), noise, sigmas))
    assert (held[-1].latents[:, :, 3:4] - board).abs().max() < 1e-5
    for place in (0, 1, 2, 4):
        assert torch.equal(held[-1].latents[:, :, place], free[:, :, place])
    # Midway the pinned frame is the board at that noise level, so that the model sees what it would see in training.
    middle = held[3]
    sigma = sigmas[4] if solver is Solver.EULER else sigmas[3]
    expected = (1 - sigma) * board + sigma * noise[:, :, 3:4]
    assert (middle.latents[:, :, 3:4] - expected).abs().max() < 1e-5


@pytest.mark.parametrize("solver", [Solver.EULER, Solver.UNIPC])
def test_a_guided_section_becomes_its_picture_where_it_is_led(solver: Solver) -> None:
    generator = torch.Generator().manual_seed(0)
    noise, picture = (torch.randn((1, 2, 5, 4, 4), generator=generator) for _ in range(2))
    seen = torch.zeros(1, 1, 5, 4, 4)
    seen[..., :2] = 1

    def velocity(x: torch.Tensor, sigma: float) -> torch.Tensor:
        return torch.sin(3 * x) + sigma

    sigmas = shifted_sigmas(8, 1.5)
    free = list(solver_named(solver)(velocity, noise, sigmas))[-1].latents
    guide = Guide(picture, seen, 1 - seen, until=1.0, hidden_until=0.0)
    held = list(solver_named(solver)(steered(velocity, [guide], sigmas), noise, sigmas))
    assert (held[-1].latents - picture)[..., :2].abs().max() < 1e-4
    assert (held[-1].latents - free)[..., 2:].abs().max() < 1e-4, "this model looks at no neighbour"
    # Midway it is the picture at that noise level, as a pin is.
    sigma = sigmas[4] if solver is Solver.EULER else sigmas[3]
    expected = (1 - sigma) * picture + sigma * noise
    assert (held[3].latents - expected)[..., :2].abs().max() < 1e-4


def test_a_guide_holds_for_its_share_of_the_steps_and_by_its_strength() -> None:
    """Against Euler's steps in closed form: D' = D + w (picture - D), x' = x + (sigma' - sigma) (x - D') / sigma."""
    generator = torch.Generator().manual_seed(1)
    noise, picture = (torch.randn((1, 2, 3, 2, 2), generator=generator, dtype=torch.float64) for _ in range(2))
    seen = torch.full((1, 1, 3, 2, 2), 0.75, dtype=torch.float64)
    seen[..., 0] = 0
    hidden = torch.where(seen == 0, 0.5, 0.0).double()

    def velocity(x: torch.Tensor, sigma: float) -> torch.Tensor:
        return torch.sin(3 * x) + sigma

    sigmas = shifted_sigmas(8, 1.5)
    guide = Guide(picture, seen, hidden, until=0.5, hidden_until=0.3)
    x = noise
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        weight = (seen if step < 4 else 0) + (hidden if step < 3 else 0)
        estimate = x - sigma * velocity(x, sigma)
        x = x + (following - sigma) * (x - (estimate + weight * (picture - estimate))) / sigma
    made = list(solver_named(Solver.EULER)(steered(velocity, [guide], sigmas), noise, sigmas))[-1].latents
    assert (made - x).abs().max() < 1e-9


@given(st.integers(0, 100), st.integers(1, 1000))
def test_a_share_of_the_steps_is_counted_as_it_is_written(hundredths: int, steps: int) -> None:
    """In whole numbers: 0.28 of 25 steps are 7, though in binary it is a little more."""
    assert steps_in(hundredths / 100, steps) == -(-hundredths * steps // 100)


def test_without_a_guide_nothing_is_touched() -> None:
    def velocity(x: torch.Tensor, sigma: float) -> torch.Tensor:
        return x

    assert steered(velocity, [], [1.0, 0.0]) is velocity
