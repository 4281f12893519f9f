"""Frames between frames, against the true ones: nearer than a blend, never across a cut, the same every time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from engine.errors import Code, EngineError
from engine.finishing import extras
from engine.finishing.cuts import is_cut
from engine.finishing.in_between import FLOW, MOTION, NEAREST, InBetween, choose_between
from engine.finishing.optical_flow import SourceFrame
from engine.media.measures import Picture, psnr
from tests.engine.moving_clips import fixture, panned

HALF = Fraction(1, 2)
TRUTH = ("photo-astronaut", "render-street", "ink-church")


def between(before: Picture, after: Picture, how: str, moment: Fraction = HALF) -> Picture:
    return InBetween(SourceFrame(before), SourceFrame(after), how).frame(before, after, moment)


def blend(before: Picture, after: Picture, moment: Fraction = HALF) -> Picture:
    return np.rint(float(1 - moment) * before + float(moment) * after).astype(np.uint8)


@pytest.mark.parametrize("name", TRUTH)
def test_every_second_frame_dropped_comes_back_3_db_nearer_than_a_blend(name: str) -> None:
    truth = [panned(name, frame) for frame in range(5)]
    for how in (FLOW, MOTION):
        made = [psnr(between(truth[n - 1], truth[n + 1], how), truth[n]) for n in (1, 3)]
        mixed = [psnr(blend(truth[n - 1], truth[n + 1]), truth[n]) for n in (1, 3)]
        assert np.mean(made) >= np.mean(mixed) + 3, how


@pytest.mark.parametrize("name", TRUTH)
def test_motion_is_as_good_along_the_edges_as_within(name: str) -> None:
    """At 192 x 108 the lowest pixels fill no block of 16, of which FFmpeg's filter makes garbage."""
    before, truth, after = (panned(name, frame) for frame in range(3))
    made = between(before, after, MOTION)
    assert made.shape == truth.shape
    assert psnr(made[-12:], truth[-12:]) >= psnr(blend(before, after)[-12:], truth[-12:]) + 3


def test_other_moments_lie_where_they_should() -> None:
    before, after = panned("photo-astronaut", 0), panned("photo-astronaut", 2)
    for moment in (Fraction(1, 5), Fraction(2, 5), Fraction(4, 5)):
        made = between(before, after, FLOW, moment)
        others = [psnr(made, panned("photo-astronaut", float(2 * each))) for each in (moment, 1 - moment)]
        assert others[0] > others[1] + 3
        mixed = blend(before, after, moment)
        assert others[0] > psnr(mixed, panned("photo-astronaut", float(2 * moment))) + 3


def test_a_cut_is_kept_and_what_moves_is_no_cut() -> None:
    before, after = panned("photo-astronaut", 4), panned("ink-church", 0)
    for how in (FLOW, MOTION):
        gap = InBetween(SourceFrame(before), SourceFrame(after), how)
        assert gap.is_cut
        assert np.array_equal(gap.frame(before, after, Fraction(2, 5)), before)
        assert np.array_equal(gap.frame(before, after, HALF), after)
    for name in TRUTH:
        assert not is_cut(panned(name, 0), panned(name, 3))  # 9 pixels of 192, a disc of 12


def test_drawings_in_the_same_ink_are_cuts() -> None:
    drawings = [fixture(f"ink-{name}") for name in ("church", "tiger", "princess", "hand")]
    for number, drawing in enumerate(drawings):
        assert [is_cut(drawing, other) for other in drawings] == [n != number for n in range(len(drawings))]


def test_the_nearest_is_shown_where_that_is_asked_for() -> None:
    before, after = panned("render-street", 0), panned("render-street", 1)
    assert np.array_equal(between(before, after, NEAREST, Fraction(2, 5)), before)
    assert np.array_equal(between(before, after, NEAREST), after)


def test_the_frames_themselves_come_through_untouched_and_all_comes_again() -> None:
    before, after = panned("render-street", 0), panned("render-street", 1)
    for how in (FLOW, MOTION):
        assert np.array_equal(between(before, after, how, Fraction(0)), before)
        assert np.array_equal(between(before, after, how, Fraction(1)), after)
        assert np.array_equal(between(before, after, how), between(before, after, how))


def test_enlarged_frames_are_moved_along_the_small_ones_flow() -> None:
    truth = [panned("photo-astronaut", frame) for frame in range(3)]
    large = [np.asarray(frame.repeat(2, 0).repeat(2, 1)) for frame in truth]
    gap = InBetween(SourceFrame(truth[0]), SourceFrame(truth[2]), FLOW)
    made = gap.frame(large[0], large[2], HALF)
    assert made.shape == large[1].shape
    assert psnr(made, large[1]) > psnr(blend(large[0], large[2]), large[1]) + 3


def test_without_opencv_motion_is_taken_and_flow_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_between("") == FLOW
    monkeypatch.setattr("engine.finishing.extras.find_spec", lambda _: None)
    assert choose_between("") == MOTION
    assert choose_between(NEAREST) == NEAREST
    with pytest.raises(EngineError) as told:
        choose_between(FLOW)
    assert told.value.code is Code.EXTRA_MISSING
    assert extras.install_command() in told.value.line
    assert extras.REQUIREMENTS.is_file()
