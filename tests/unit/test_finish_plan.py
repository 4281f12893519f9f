"""What a finish makes of a sequence: exact counts and moments, sizes that keep the picture's shape."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Code, EngineError
from engine.finishing.plan import exact_rate, finish_plan
from engine.protocol import FRAMES_MAXIMUM, Finish

SIZE = (256, 144)
a_few = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize(
    ("fps", "frames", "exact"),
    [
        (24, 96, Fraction(24)),
        (25, 100, Fraction(25)),
        (30, 120, Fraction(30)),
        (50, 200, Fraction(50)),
        (59.94, 240, Fraction(60000, 1001)),
        (60, 240, Fraction(60)),
    ],
)
def test_four_seconds_of_30_in_other_rates(fps: float, frames: int, exact: Fraction) -> None:
    plan = finish_plan(120, SIZE, Fraction(30), Finish(fps=fps))
    assert (plan.frames, plan.fps) == (frames, exact)
    assert plan.position(0) == 0
    assert not plan.is_made(0)


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (60 / 1.001, Fraction(60000, 1001)),
        (119.88, Fraction(120000, 1001)),
        (24, Fraction(24)),
        (12.5, Fraction(25, 2)),
        (1, Fraction(1)),
    ],
)
def test_television_rates_are_the_fractions_that_they_stand_for(written: float, exact: Fraction) -> None:
    assert exact_rate(written) == exact


@a_few
@given(
    frames=st.integers(1, 200),
    source=st.sampled_from([12.0, 16.0, 23.976, 24.0, 25.0, 30.0, 60.0]),
    fps=st.one_of(st.none(), st.sampled_from([8.0, 23.976, 24.0, 25.0, 30.0, 50.0, 59.94, 60.0])),
    slow=st.sampled_from([1.0, 1.5, 2.0, 4.0, 16.0]),
)
def test_moments_go_evenly_through_the_source_and_never_beyond_it(
    frames: int, source: float, fps: float | None, slow: float
) -> None:
    rate = exact_rate(source)
    plan = finish_plan(frames, SIZE, rate, Finish(fps=fps, slow=slow))
    moments = [plan.position(frame) for frame in range(plan.frames)]
    step = rate / plan.fps / Fraction(slow)
    assert plan.frames == max(1, round(frames / step))
    exact = [min(frame * step, Fraction(frames - 1)) for frame in range(plan.frames)]
    moved = [abs(moment - wanted) for moment, wanted in zip(moments, exact, strict=True)]
    assert all(
        not off or (off <= min(Fraction(1, 32), step / 16) and moment.denominator == 1)
        for off, moment in zip(moved, moments, strict=True)
    )
    assert all(before < after or after == frames - 1 for before, after in pairwise(moments))
    # The result lasts as long as the source does, to half of its own frames.
    difference = abs(plan.frames / plan.fps - frames / rate * Fraction(slow))
    assert difference <= 1 / plan.fps / 2 or plan.frames == 1


def test_between_television_and_computer_rates_the_models_own_frames_stay_while_they_are_near() -> None:
    """30 to 59.94: every second frame lies a thousandth further from the model's than the one before."""
    plan = finish_plan(120, SIZE, Fraction(30), Finish(fps=59.94))
    whole = [frame for frame in range(plan.frames) if not plan.is_made(frame)]
    assert whole[:32] == list(range(0, 64, 2))
    assert plan.position(62) == 31
    assert plan.position(64) == 32 * Fraction(1001, 1000)


def test_slow_motion_keeps_every_frame_of_the_source() -> None:
    plan = finish_plan(10, SIZE, Fraction(24), Finish(slow=2.5))
    assert plan.frames == 25
    shown = [int(plan.position(frame)) for frame in range(plan.frames) if not plan.is_made(frame)]
    assert set(shown) == {0, 2, 4, 6, 8, 9}
    assert [plan.position(frame) for frame in range(3)] == [0, Fraction(2, 5), Fraction(4, 5)]


@pytest.mark.parametrize(
    ("size", "upscale", "made", "scale"),
    [
        ((256, 144), "", (256, 144), 1),
        ((256, 144), "2", (512, 288), 2),
        ((255, 143), "2", (510, 286), 2),
        ((256, 144), "4", (1024, 576), 4),
        ((256, 144), "1920x1080", (1920, 1080), Fraction(15, 2)),
        ((640, 360), "320x180", (320, 180), Fraction(1, 2)),
        ((854, 480), "1920x1080", (1920, 1080), Fraction(9, 4)),
        ((848, 480), "1280x720", (1272, 720), Fraction(3, 2)),
        ((640, 384), "1920x1080", (1800, 1080), Fraction(1080, 384)),
        ((384, 640), "1920x1080", (648, 1080), Fraction(1080, 640)),
        ((256, 144), "1921x1081", (1920, 1080), Fraction(15, 2)),
        ((255, 143), "", (254, 142), 1),
    ],
)
def test_sizes_keep_the_pictures_shape(
    size: tuple[int, int], upscale: str, made: tuple[int, int], scale: Fraction
) -> None:
    plan = finish_plan(8, size, Fraction(24), Finish(upscale=upscale))
    assert (plan.width, plan.height) == made
    if plan.width > size[0]:
        assert plan.scale == scale
    as_asked = upscale in {"", "2", "4"} or upscale == f"{made[0]}x{made[1]}"
    assert bool(plan.note) == (not as_asked or made[0] < size[0] == 255)


@a_few
@given(st.tuples(st.integers(16, 2000), st.integers(16, 2000)), st.tuples(st.integers(16, 8192), st.integers(16, 8192)))
def test_what_is_fitted_lies_within_is_as_large_as_can_be_and_is_not_stretched(
    size: tuple[int, int], frame: tuple[int, int]
) -> None:
    plan = finish_plan(1, size, Fraction(24), Finish(upscale=f"{frame[0]}x{frame[1]}"))
    made = (plan.width, plan.height)
    assert all(side % 2 == 0 and side <= most for side, most in zip(made, frame, strict=True))
    scale = min(frame[0] // 2 * 2 / size[0], frame[1] // 2 * 2 / size[1])
    assert all(abs(side - scale * was) <= 2 for side, was in zip(made, size, strict=True))
    assert any(side == most // 2 * 2 for side, most in zip(made, frame, strict=True))


@pytest.mark.parametrize(
    ("frames", "size", "finish", "code"),
    [
        (4000, SIZE, Finish(slow=16), Code.FRAMES_INVALID),
        (10, (4096, 2304), Finish(upscale="4"), Code.NUMBER_INVALID),
        (10, SIZE, Finish(upscale="9999x1080"), Code.NUMBER_INVALID),
    ],
)
def test_what_is_too_long_or_too_large_is_refused(
    frames: int, size: tuple[int, int], finish: Finish, code: Code
) -> None:
    with pytest.raises(EngineError) as told:
        finish_plan(frames, size, Fraction(24), finish)
    assert told.value.code == code
    assert len(told.value.line.splitlines()) == 1


def test_the_longest_shot_may_be_finished_at_its_own_rate() -> None:
    assert finish_plan(FRAMES_MAXIMUM, SIZE, Fraction(30), Finish(upscale="2")).frames == FRAMES_MAXIMUM
