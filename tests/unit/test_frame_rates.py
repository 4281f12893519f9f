"""Frame rates: every shot frame shows the nearest native frame, and runs of native frames partition the shot."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.generation.frame_rates import Conform, rate

FPS = [24, 25, 23.976, 29.97, 30, 59.94, 60]

a_few = settings(max_examples=60, deadline=None)
conforms = st.builds(
    Conform,
    st.one_of(st.sampled_from(FPS).map(rate), st.fractions(min_value=1, max_value=240, max_denominator=1001)),
    st.sampled_from([Fraction(16), Fraction(24), Fraction(30)]),
)


def nearest(frame: int, conform: Conform) -> int:
    """The native frame nearest in time, the later one of two as near, found by looking at all around."""
    time = Fraction(frame) / conform.fps
    around = int(time * conform.native)
    candidates = range(around + 3, max(0, around - 3) - 1, -1)
    return min(candidates, key=lambda native: abs(time - native / conform.native))


@pytest.mark.parametrize("native", [16, 24, 30])
@pytest.mark.parametrize("fps", FPS)
def test_every_frame_shows_the_nearest_native_frame(fps: float, native: int) -> None:
    conform = Conform(rate(fps), Fraction(native))
    assert [conform.native_of(frame) for frame in range(60)] == [nearest(frame, conform) for frame in range(60)]


@a_few
@given(conforms, st.integers(0, 36_000))
def test_frames_show_what_lies_within_half_a_native_frame(conform: Conform, frame: int) -> None:
    late = Fraction(conform.native_of(frame)) - frame * conform.native / conform.fps
    assert -Fraction(1, 2) < late <= Fraction(1, 2)
    assert type(conform.native_of(frame)) is int


@a_few
@given(conforms, st.integers(1, 300), st.lists(st.integers(0, 400), max_size=6))
def test_runs_of_native_frames_partition_the_shot(conform: Conform, frames: int, cuts: list[int]) -> None:
    end = max([*cuts, conform.native_frames(frames)])
    bounds = sorted({0, *cuts, end})
    runs = [range(a, b) for a, b in pairwise(bounds)]
    shown = [conform.frames_of(run, frames) for run in runs]
    assert [frame for part in shown for frame in part] == list(range(frames))
    for run, part in zip(runs, shown, strict=True):
        assert all(conform.native_of(frame) in run for frame in part)


@a_few
@given(conforms, st.integers(1, 200))
def test_frames_of_one_native_frame_are_all_that_show_it(conform: Conform, frames: int) -> None:
    shows = [conform.native_of(frame) for frame in range(frames)]
    for native in range(conform.native_frames(frames) + 2):
        part = conform.frames_of(range(native, native + 1), frames)
        assert list(part) == [frame for frame in range(frames) if shows[frame] == native]


@a_few
@given(conforms, st.integers(1, 36_000))
def test_native_frames_are_exactly_enough(conform: Conform, frames: int) -> None:
    assert conform.native_frames(frames) == conform.native_of(frames - 1) + 1
    assert conform.native_of(0) == 0
    assert conform.frames_of(range(conform.native_frames(frames)), frames) == range(frames)
    assert not conform.frames_of(range(conform.native_frames(frames), conform.native_frames(frames) + 9), frames)


@a_few
@given(st.integers(0, 36_000), st.fractions(min_value=1, max_value=240, max_denominator=1001))
def test_equal_rates_map_one_to_one(frame: int, fps: Fraction) -> None:
    conform = Conform(fps, fps)
    assert conform.native_of(frame) == frame
    assert conform.frames_of(range(frame, frame + 5), frame + 3) == range(frame, frame + 3)


@pytest.mark.parametrize(
    ("fps", "frames", "native"),
    [(24, 24, 30), (24, 120, 150), (25, 100, 120), (60, 60, 31), (60, 1, 1), (30, 145, 145), (23.976, 240, 300)],
)
def test_native_frames_as_recorded(fps: float, frames: int, native: int) -> None:
    assert Conform(rate(fps), Fraction(30)).native_frames(frames) == native


def test_double_rate_shows_frames_twice_and_halves_go_up() -> None:
    conform = Conform(Fraction(60), Fraction(30))
    assert [conform.native_of(frame) for frame in range(6)] == [0, 1, 1, 2, 2, 3]
    assert conform.frames_of(range(1, 3), 100) == range(1, 5)
    assert conform.frames_of(range(1, 3), 2) == range(1, 2)


@pytest.mark.parametrize("fps", [*FPS, 1, 12.5, 240, 47.952])
def test_rates_keep_their_meaning(fps: float) -> None:
    assert abs(float(rate(fps)) - fps) <= fps * 1e-6
    assert rate(fps).denominator <= 1001


@pytest.mark.parametrize("numerator", [24_000, 30_000, 60_000])
def test_rates_of_television_are_exact_where_written_in_full(numerator: int) -> None:
    assert rate(numerator / 1001) == Fraction(numerator, 1001)
