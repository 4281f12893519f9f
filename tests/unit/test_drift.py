"""What is said of drift: limits, shares of them, sentences, and which section is made again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.drift import Drift, Figure, Measure, OnDrift, first_to_make_again, sentence, tries_left
from engine.models.drift_limits import DriftLimits
from engine.models.manifest import FactsError, parse_facts

LIMITS = DriftLimits()


def drift(section: int, *figures: Figure, then: str = "") -> Drift:
    return Drift(section, section + 1, 9, figures, then)


ALLOWED = st.none() | st.just(0.0) | st.floats(0.01, 5)


@given(st.just(0.0) | st.floats(-1, 10), ALLOWED, ALLOWED)
def test_a_figure_is_over_exactly_where_it_takes_more_than_is_allowed(value, least, most):
    figure = Figure("likeness", value, least, most)
    assert figure.over == ((least is not None and value < least) or (most is not None and value > most))
    assert figure.over == (figure.share > 1)


def test_what_takes_all_or_more_of_nothing_is_over_it():
    assert not Figure("repeats", 0.0, None, 0.0).over
    assert Figure("repeats", 1.0, None, 0.0).share > 1
    assert Figure("anything", 7.0).share == 0


def test_the_sentence_names_section_frame_figures_and_limits_the_farthest_first():
    told = drift(
        6,
        Figure("sharpness", 0.4, 0.5, 2.0),
        Figure("colours", 0.314159, None, 0.2),
        Figure("likeness", 0.9, 0.5),
        Figure("jump", 9.0, None, 3.0, frame=254),
    )
    said = "section 7: jumps at frame 254 (9, limit 3), colours drift (0.314, limit 0.2), blurred (0.4, limit 0.5)"
    assert sentence(told) == said
    assert sentence(drift(6, Figure("sharpness", 2.5, 0.5, 2.0))) == "section 7: harsh (2.5, limit 2)"
    assert sentence(drift(6, Figure("likeness", 0.9, 0.5))) == ""


def test_a_measure_of_a_later_engine_is_called_by_its_name():
    assert sentence(drift(0, Figure("smell", 3.0, None, 1.0))) == "section 1: smell (3, limit 1)"


def test_the_section_that_is_made_again_is_the_first_made_of_those_that_ask_for_it():
    over = Figure("colours", 1.0, None, 0.2)
    known = {each: drift(each, over, then="again") for each in (1, 3)} | {2: drift(2, over), 0: drift(0)}
    assert first_to_make_again([4, 3, 2, 1, 0], known) == 3
    assert first_to_make_again([0, 1, 2, 3, 4], known) == 1
    assert first_to_make_again([0, 2, 4], known) is None


def test_tries_end_with_the_second_take():
    assert tries_left("again", is_take=False) == OnDrift.AGAIN
    assert tries_left("again", is_take=True) == OnDrift.MARK


def test_every_measure_has_a_limit_that_a_manifest_may_move_or_lift():
    for measure in Measure:
        assert any(limit is not None for limit in LIMITS.of(measure)), measure
    facts = parse_facts('{"drift": {"colours": 0.3, "jump": null}}')
    told = LIMITS.told(facts.drift)
    assert (told.of(Measure.COLOURS), told.of(Measure.JUMP)) == ((None, 0.3), (None, None))
    assert told.of(Measure.SEAM) == LIMITS.of(Measure.SEAM)


@pytest.mark.parametrize("wrong", ['{"smell": 1}', "{}", "[]", '{"colours": "0.2"}', '{"colours": -1}'])
def test_a_manifest_with_wrong_limits_is_refused(wrong):
    with pytest.raises(FactsError, match="drift"):
        parse_facts(f'{{"drift": {wrong}}}')
