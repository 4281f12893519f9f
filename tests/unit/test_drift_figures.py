"""Figures of sections in closed form: what is usual, jumps, seams, frames shown twice, and the contrast of a shot."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.drift import Measure
from engine.generation.drift_figures import FrameMeasures, Sample, Surroundings, section_figures, shot_contrast
from engine.models.drift_limits import DriftLimits

LIMITS = DriftLimits()
SECTION, BEFORE = range(36, 72), range(1, 36)


def steady(change: float = 4.0) -> FrameMeasures:
    """Two sections of which nothing is to be said."""
    frames = range(72)
    samples = {frame: Sample(0.1, 0.9, (1.0,) * 6) for frame in frames if frame % 12 == 0}
    return FrameMeasures(
        dict.fromkeys(frames, 1.0), dict.fromkeys(frames[1:], change), dict.fromkeys(frames[5::5], 2.0), samples
    )


def figures(
    measured: FrameMeasures, before: range = BEFORE, beside: range = range(0, 36), first: range = range(0, 36)
) -> dict[str, tuple[float, int, bool]]:
    found = section_figures(SECTION, Surroundings(before, beside, first), measured, LIMITS)
    return {figure.name: (figure.value, figure.frame, figure.over) for figure in found}


def test_a_steady_section_has_every_figure_and_none_over():
    measured = steady()
    measured.warps[36] = 2.0
    found = figures(measured)
    assert set(found) == set(Measure)
    assert found["sharpness"] == (1.0, 0, False)
    assert found["softens"] == found["sharpens"] == (1.0, 0, False)
    assert found["colours"] == (0.1, 0, False)
    assert found["likeness"] == (0.9, 0, False)
    assert found["seam"] == (1.0, 37, False)
    assert found["warp"] == (1.0, 37, False)
    assert found["jump"][::2] == (1.0, False)
    assert found["repeats"] == (0, 0, False)


def test_a_jump_is_told_from_a_seam_by_its_frame():
    measured = steady()
    measured.changes[50] = 40.0
    assert figures(measured)["jump"] == (10.0, 51, True)
    assert not figures(measured)["seam"][2]
    measured = steady()
    measured.changes[36] = 40.0
    assert figures(measured)["seam"] == (10.0, 37, True)
    assert not figures(measured)["jump"][2]


def test_a_frame_that_repeats_is_found_where_the_picture_moves_and_not_where_it_stands():
    measured = steady()
    measured.changes[40] = measured.changes[44] = 0.0
    assert figures(measured)["repeats"] == (2, 41, True)
    measured = steady(0.1)
    measured.changes[40] = 0.0
    assert figures(measured)["repeats"] == (0, 0, False)


def test_a_frame_that_is_shown_twice_on_purpose_has_no_change_and_repeats_nothing():
    measured = steady()
    del measured.changes[40]
    assert figures(measured)["repeats"] == (0, 0, False)


def test_behind_a_cut_nothing_is_said_of_the_seam():
    measured = steady()
    measured.changes[36], measured.warps[36] = 100.0, 100.0
    found = figures(measured, range(0))
    assert "seam" not in found
    assert "warp" not in found
    assert found["jump"] == (1.0, 38, False)


def test_where_hardly_anything_moves_hardly_anything_is_no_jump():
    measured = steady(0.01)
    measured.changes[50] = 0.4
    assert not figures(measured)["jump"][2]


def test_a_blurred_section_is_below_its_limit_and_means_are_over_its_frames():
    measured = steady()
    for frame in SECTION:
        measured.sharpness[frame] = 0.2 if frame % 2 else 0.6
    assert figures(measured)["sharpness"] == (pytest.approx(0.4), 0, True)


def test_a_blank_section_is_blurred_and_nothing_is_measured_by_one():
    measured = steady()
    measured.sharpness |= dict.fromkeys(SECTION, 0.0)
    assert figures(measured)["sharpness"] == figures(measured)["softens"] == (0.0, 0, True)
    measured = steady()
    measured.sharpness |= dict.fromkeys(range(36), 0.0)
    assert figures(measured).keys().isdisjoint({"softens", "sharpens"})


def test_what_blurs_at_once_is_told_from_a_board_that_the_shot_never_reached():
    measured = steady()
    for frame in (*BEFORE, 0):
        measured.sharpness[frame] = 0.6
    for frame in SECTION:
        measured.sharpness[frame] = 0.2
    found = figures(measured, first=range(0))
    assert found["softens"] == (pytest.approx(1 / 3, abs=1e-4), 0, True)
    assert "sharpens" not in found
    for frame in SECTION:
        measured.sharpness[frame] = 0.5
    assert not figures(measured)["softens"][2]


def test_what_gets_harsher_than_the_section_at_the_board_is_over_and_the_one_beside_it_is_not():
    measured = steady()
    for frame in SECTION:
        measured.sharpness[frame] = 2.5
    found = figures(measured, beside=SECTION)
    assert found["sharpens"] == (2.5, 0, True)
    assert found["softens"] == (1.0, 0, False)


def test_a_section_that_shows_no_frame_has_no_figure():
    assert section_figures(range(72, 72), Surroundings(SECTION), steady(), LIMITS) == ()


@given(st.integers(0, 2**32 - 1))
def test_json_gives_back_the_same(seed):
    rng = np.random.default_rng(seed)
    measured = steady()
    measured.changes = {frame: round(float(rng.uniform(0, 255)), 4) for frame in range(1, 40)}
    again = FrameMeasures()
    again.take_in(json.loads(json.dumps(measured.to_json())))
    assert again == measured


def test_of_frames_that_are_kept_changes_are_taken_in_where_both_are():
    kept = FrameMeasures()
    kept.take_in(steady().to_json(), lambda frame: 10 <= frame < 20)
    assert sorted(kept.sharpness) == [*range(10, 20)]
    assert sorted(kept.changes) == [*range(11, 20)]
    assert sorted(kept.samples) == [12]


def test_nonsense_takes_nothing_in():
    measured = FrameMeasures()
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        measured.take_in(steady().to_json() | {"samples": {"1": ["a", "b"]}})
    assert measured == FrameMeasures()


def test_the_contrast_of_a_shot_is_the_papers():
    """|mean of the first 15 % - mean of the last 15 %| (arXiv 2504.12626, equation 7)."""
    measured = steady()
    measured.sharpness = {frame: 0.0 if frame < 15 else (5.0 if frame < 85 else 2.0) for frame in range(100)}
    measured.samples = {
        frame: Sample(0.0, 1.0 if frame < 50 else 0.25, (float(frame >= 50) * 6,) + (0.0,) * 5)
        for frame in range(0, 100, 10)
    }
    assert shot_contrast(100, measured) == {"sharpness": 2.0, "colours": 1.0, "likeness": 0.75}
    assert shot_contrast(100, FrameMeasures()) == {}
