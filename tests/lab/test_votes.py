"""Ratings from votes: closed forms, a row that is better in everything, and what a person's file may hold."""

from __future__ import annotations

import numpy as np
import pytest

from lab.votes import START, VOTED_BY, Vote, counted, metric_votes, ratings

SCENES = 6


def measured(rows: dict[str, tuple[float, float, float, float]]) -> dict[tuple[str, str, str], np.ndarray]:
    """Measures of two seeds, as `VOTED_BY` has them."""
    spread = np.linspace(0, 0.01, 2 * SCENES).reshape(2, SCENES)
    return {
        (row, "H", name): told + spread for row, each in rows.items() for name, told in zip(VOTED_BY, each, strict=True)
    }


def test_one_vote_between_equals_is_worth_half_of_k() -> None:
    assert ratings([Vote("a", "b", 1.0)]) == {"a": 1016.0, "b": 984.0}
    assert ratings([Vote("a", "b", 0.5)]) == {"a": START, "b": START}
    assert ratings([]) == {}


def test_ratings_tell_how_often_a_row_wins_and_not_in_which_order() -> None:
    votes = [Vote("a", "b", float(number % 4 > 0)) for number in range(600)]
    told = ratings(votes)
    # Three of four: 400 * log10(3) lies between them, as Elo's model has it.
    assert told["a"] - told["b"] == pytest.approx(400 * np.log10(3), abs=25)
    assert told["a"] + told["b"] == pytest.approx(2 * START)
    assert ratings(votes[::-1]) == pytest.approx(told, abs=10)


def test_the_metric_vote_likes_what_is_near_and_as_sharp_as_the_truth() -> None:
    truth = np.full(SCENES, 5.0)
    told = measured({"near": (28, 5, 1, 1), "far": (17, 5, 1, 1), "harsh": (28, 11, 1, 1), "soft": (28, 1, 1, 1)})
    votes = metric_votes(told, ["near", "far", "harsh", "soft", "never ran"], "H", truth)
    assert len(votes) == 6 * 2 * SCENES
    assert next(iter(ratings(votes))) == "near"
    assert all(vote.for_one == 1 for vote in votes if vote.one == "near")


def test_a_scene_that_holds_still_is_judged_without_motion() -> None:
    told = measured({"a": (28, 5, 1, 1), "b": (20, 5, 1, 1)})
    for row in "ab":
        told[row, "H", "obey"] = np.full((2, SCENES), np.nan)
        told[row, "H", "obey"][:, 0] = 1.0
    assert all(vote.for_one == 1 for vote in metric_votes(told, "ab", "H", np.full(SCENES, 5.0)))


def test_what_a_person_said_is_counted_by_the_key() -> None:
    key = {"1": ("V", "I"), "2": ("F", "V"), "3": ("I", "F")}
    assert counted({"1": "left", "3": "same"}, key) == [Vote("V", "I", 1.0), Vote("I", "F", 0.5)]
    with pytest.raises(ValueError, match="no pair of this page is numbered 9"):
        counted({"9": "left"}, key)
    with pytest.raises(ValueError, match="'up' is none of left, right, same"):
        counted({"1": "up"}, key)
