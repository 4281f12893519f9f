"""Drift as a strip keeps it: the same again, nothing of nonsense, and what panels show of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.client.kept_drift import ROWS, drift_of, drift_text, over, row_figures, text_at_rest, to_make_again, worst
from engine.client.session import Job
from engine.drift import Drift, Figure, Measure
from engine.events import SectionPlan, Started

FIGURES = st.builds(
    Figure,
    st.sampled_from([str(each) for each in Measure]),
    st.integers(-10_000, 10**6).map(lambda number: number / 10_000),
    st.none() | st.just(0.5),
    st.none() | st.just(2.0),
    st.integers(0, 900),
)
SECTIONS = st.lists(st.tuples(st.lists(FIGURES, unique_by=lambda each: each.name), st.sampled_from(["", "again"])))


def told(sections) -> dict[int, Drift]:
    return {
        place: Drift(place, place + 1, len(sections), tuple(figures), then)
        for place, (figures, then) in enumerate(sections)
    }


@given(SECTIONS)
def test_a_strip_keeps_all_of_it(sections):
    drift = told(sections)
    again = drift_of(drift_text(drift))
    assert {place: ({*each.figures}, each.then) for place, each in again.items()} == {
        place: ({*each.figures}, each.then) for place, each in drift.items()
    }
    assert [each.section for each in over(again)] == [place for place, each in drift.items() if each.over]


@given(st.text(max_size=40) | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(str))
def test_whatever_a_file_holds_it_is_read_or_nothing(kept):
    assert isinstance(drift_of(kept), dict)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400"])
def test_what_is_no_number_is_no_figure(value):
    kept = f'{{"kinds":[["colours",null,0.2]],"sections":{{"0":[[{value},0],""]}}}}'
    assert [each.figures for each in drift_of(kept).values()] in ([], [()])


def test_a_row_shows_what_takes_most_of_its_limit():
    seam, jump = Figure("seam", 3.0, None, 4.0, 37), Figure("jump", 1.5, None, 1.0, 50)
    drift = Drift(0, 1, 2, (Figure("colours", 0.1, None, 0.2), seam, jump))
    assert row_figures(drift, ROWS[1]) == Figure("colours", 0.1, None, 0.2)
    assert row_figures(drift, ROWS[3]) == Figure("jump", 1.5, None, 1.0, 50)
    assert row_figures(drift, ROWS[2]) is None
    calm = Drift(1, 2, 2, (Figure("seam", 1.0, None, 4.0, 73),))
    assert worst({1: calm, 0: drift}, ROWS[3]) == Figure("jump", 1.5, None, 1.0, 50)


def test_the_section_to_make_again_is_counted_from_one():
    plans = tuple(SectionPlan(place, 1, 37, "") for place in (2, 1, 0))
    plan = Started("inverted", plans, 109, 64, 64, 30.0, 4, 0)
    drift = {place: Drift(place, 3 - place, 3, (), "again" if place < 2 else "") for place in range(3)}
    assert to_make_again(drift, plan) == 2
    assert to_make_again(drift, None) is None


def test_a_strip_is_told_of_it_where_the_job_rests():
    drift = told([([Figure("colours", 0.1, None, 0.2)], "")])
    assert text_at_rest(Job("x", "running", drift=drift), complete=False) == ""
    for state in ("paused", "failed", "finished", "cancelled"):
        assert text_at_rest(Job("x", state, drift=drift), complete=False) == drift_text(drift)
    assert text_at_rest(None, complete=True) == ""
