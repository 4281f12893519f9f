"""The noise schedule: recorded sigmas, the line of mu and its cap, and that every schedule falls from 1 to 0."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.framepack.sigmas import FlowShift, shift_mu, shifted_sigmas

# The released recipe's 25 steps at shift 7 (k_diffusion_hunyuan.py), to four places.
RECORDED = [
    *(1, 0.9941, 0.9877, 0.9809, 0.9735, 0.9655, 0.9568, 0.9474, 0.9370, 0.9256, 0.9130, 0.8991, 0.8835),
    *(0.8660, 0.8462, 0.8235, 0.7975, 0.7671, 0.7313, 0.6885, 0.6364, 0.5714, 0.4884, 0.3784, 0.2258, 0),
]
RELEASED = FlowShift()

a_few = settings(max_examples=60, deadline=None)


def test_recorded_sigmas() -> None:
    sigmas = shifted_sigmas(25, math.log(7))
    assert len(sigmas) == 26
    assert sigmas == pytest.approx(RECORDED, abs=5e-5)


@a_few
@given(st.integers(1, 200), st.floats(1.01, 20))
def test_sigmas_follow_the_closed_form(steps: int, shift: float) -> None:
    """s t / (1 + (s - 1) t), which is 7 t / (1 + 6 t) at shift 7."""
    expected = [shift * t / (1 + (shift - 1) * t) for t in (1 - n / steps for n in range(steps + 1))]
    assert shifted_sigmas(steps, math.log(shift)) == pytest.approx(expected, abs=1e-12)


@a_few
@given(st.integers(1, 1000), st.floats(-1, 4))
def test_sigmas_fall_strictly_from_one_to_zero(steps: int, mu: float) -> None:
    sigmas = shifted_sigmas(steps, mu)
    assert len(sigmas) == steps + 1
    assert (sigmas[0], sigmas[-1]) == (1, 0)
    assert all(a > b for a, b in pairwise(sigmas))


@a_few
@given(st.integers(1, 50), st.floats(0, 3), st.floats(0.01, 1))
def test_a_larger_shift_keeps_more_noise_for_longer(steps: int, mu: float, more: float) -> None:
    lower, higher = shifted_sigmas(steps, mu), shifted_sigmas(steps, mu + more)
    assert all(a < b for a, b in zip(lower[1:-1], higher[1:-1], strict=True))


def test_no_shift_leaves_even_steps() -> None:
    assert shifted_sigmas(4, 0) == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert shifted_sigmas(1, 1.9) == [1, 0]


@pytest.mark.parametrize(("tokens", "mu"), [(256, 0.5), (4096, 1.15), (2176, 0.825), (0, 0.45667)])
def test_line_of_mu(tokens: int, mu: float) -> None:
    assert shift_mu(tokens, RELEASED) == pytest.approx(mu, abs=1e-5)


@a_few
@given(st.integers(1, 50_000), st.floats(0.1, 100))
def test_a_fixed_shift_holds_for_any_size(tokens: int, shift: float) -> None:
    assert math.exp(shift_mu(tokens, FlowShift.fixed(shift))) == pytest.approx(shift)


def test_mu_is_capped_from_8798_tokens() -> None:
    assert shift_mu(8797, RELEASED) < math.log(7)  # the line meets the cap at 8797.99
    assert shift_mu(8798, RELEASED) == math.log(7)
    assert shift_mu(13824, RELEASED) == math.log(7)  # a section of the released model at 512 x 768 pixels


@a_few
@given(st.integers(1, 8796))
def test_mu_rises_by_the_recorded_slope(tokens: int) -> None:
    assert shift_mu(tokens + 1, RELEASED) - shift_mu(tokens, RELEASED) == pytest.approx(1.6927e-4, abs=1e-8)


@a_few
@given(st.integers(1, 50_000), st.integers(1, 4000), st.integers(1, 9000), st.floats(0.1, 1), st.floats(1.1, 20))
def test_any_line_and_cap(tokens: int, base: int, run: int, rise: float, cap: float) -> None:
    shift = FlowShift(base_tokens=base, max_tokens=base + run, base_mu=0.1, max_mu=0.1 + rise, cap=cap)
    assert shift_mu(tokens, shift) == pytest.approx(min(0.1 + rise * (tokens - base) / run, math.log(cap)))
    assert shift_mu(tokens, shift) <= math.log(cap)
