"""Whose words a shot is made with, and how a batch stands: plain values in, plain values out."""

from __future__ import annotations

import pytest

from engine.client.batch_progress import Standing, place_before, progress_of
from engine.client.shot_words import Words, WordSource, words_of

FRAMES = range(49, 97)
TEXTS = [("title", range(1, 60), "pan left"), ("next", range(60, 97), "pan right")]
MARKERS = [(1, "Opening"), (49, "Harbour")]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"own": " the cat\n runs ", "texts": TEXTS, "markers": MARKERS, "scene": "all"},
            ("the cat runs", "strip", "Panel 2"),
        ),
        ({"own": " \n", "texts": TEXTS, "markers": MARKERS, "scene": "all"}, ("pan left", "text", "title")),
        ({"texts": TEXTS[::-1]}, ("pan left", "text", "title")),
        ({"texts": [("empty", range(40, 97), "  "), *TEXTS[1:]]}, ("pan right", "text", "next")),
        # One that begins later is a change within the shot, and its beginning only where nothing else is said.
        ({"texts": TEXTS[1:], "markers": MARKERS}, ("Harbour", "marker", "Harbour")),
        ({"texts": TEXTS[1:], "scene": "all"}, ("all", "scene", "")),
        (
            {"texts": [("before", range(1, 49), "x"), ("after", range(97, 99), "y")], "scene": "all"},
            ("all", "scene", ""),
        ),
        # Of two that are there at the beginning, the one that began last: the other is still shown from before.
        ({"texts": [("old", range(1, 97), "x"), ("new", range(49, 60), "y")]}, ("y", "text", "new")),
        ({"markers": MARKERS, "scene": "all"}, ("Harbour", "marker", "Harbour")),
        ({"markers": [(50, "late"), (49, "F_49"), (49, " ")], "scene": "all"}, ("all", "scene", "")),
        ({"markers": [(50, "late")]}, ("", "none", "")),
    ],
)
def test_where_the_words_come_from(given, said):
    assert words_of(FRAMES, name="Panel 2", **given) == Words(said[0], WordSource(said[1]), said[2])


def test_a_batch_by_what_its_shots_have_taken():
    waiting = [Standing(100, "queued"), Standing(50, "sending"), Standing(50, "unsent")]
    before = progress_of([Standing(100, "running"), *waiting])
    assert (before.seconds_left, before.pace, before.done) == (None, None, 0)
    # Half of 100 frames took as long as the other half will: 30 s, so a frame takes 0.6 s.
    during = progress_of([Standing(100, "running", 0.5, 30.0), *waiting])
    assert during.pace == pytest.approx(0.6)
    assert during.seconds_left == pytest.approx(30 + 0.6 * 200)
    assert during.done == pytest.approx(50 / 300)
    # Between two shots nobody says anything: what was known holds.
    between = progress_of([Standing(100, "finished", 1.0), *waiting], during.pace)
    assert between.seconds_left == pytest.approx(120)
    two = progress_of([Standing(100, "running", 0.5, 30.0), Standing(100, "running", 0.5, 30.0), *waiting])
    assert two.seconds_left == pytest.approx((60 + 120) / 2)
    ended = progress_of([Standing(9, "finished"), Standing(9, "failed"), Standing(9, "cancelled")], 1.0)
    assert (ended.made, ended.failed, ended.cancelled, ended.ended, ended.done) == (1, 1, 1, True, 1)
    assert ended.seconds_left == 0


@pytest.mark.parametrize(
    ("job", "first", "before"),
    [("c", False, "b"), ("c", True, "a"), ("a", False, None), ("a", True, None), ("r", True, None), ("x", False, None)],
)
def test_where_a_shot_is_moved_to(job, first, before):
    queue = [{"id": "r", "state": "running"}, *({"id": each, "state": "queued"} for each in "abc")]
    assert place_before(queue, job, first=first) == before
