"""Sentences out of fields: motion before looks, in words that the model knows, nothing where nothing was filled in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.client.prompt_sentence import STILL, Parts, camera_moves, sentence, speeds, subject_moves, templates
from engine.client.prompt_words import understand
from training.scenes.known_words import known_words

WORDS = known_words()
FULL = Parts(
    subject="a girl in a red coat",
    action="runs through the rain",
    secondary="her coat flutters",
    camera="push in",
    speed="slowly",
    style="ink drawing",
)


def test_motion_stands_before_looks() -> None:
    assert sentence(FULL, None) == (
        "A girl in a red coat runs through the rain, her coat flutters, the camera slowly pushes in, ink drawing"
    )


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (Parts(), ""),
        (Parts(style="  ink   drawing. "), "Ink drawing"),
        (Parts(subject="a boat", camera="pan left"), "A boat, the camera pans left"),
        (Parts(moves="subject rises", speed="slowly"), "The subject slowly moves up"),
        (Parts(subject="a kite", moves="subject spins", camera="zoom in", speed="quickly"),
         "A kite spins, the camera quickly zooms in"),
        (Parts(subject="a man", camera=STILL), "A man, static shot"),
        (Parts(camera="crane up"), ""),
        (Parts(camera="pan left", speed="at once"), "The camera pans left"),
    ],
)  # fmt: skip
def test_a_part_that_is_empty_or_unknown_is_left_out(parts: Parts, text: str) -> None:
    assert sentence(parts, WORDS) == text


def test_every_choice_of_the_menus_is_understood() -> None:
    for speed in speeds(WORDS):
        for move in camera_moves(WORDS):
            found = understand(sentence(Parts(camera=move.name, speed=speed.name), WORDS), WORDS)
            assert (found.moves, found.sure, bool(found.speeds)) == ((move,), True, bool(speed.name))
        for move in subject_moves(WORDS):
            found = understand(sentence(Parts(subject="a kite", moves=move.name, speed=speed.name), WORDS), WORDS)
            assert (found.moves, found.sure, bool(found.speeds)) == ((move,), True, bool(speed.name))


def test_templates_are_sure() -> None:
    assert len(templates(WORDS)) > 5
    assert all(understand(text, WORDS).sure for text in templates(WORDS))
    assert len(templates(None)) > 5


@given(st.builds(Parts, *[st.text(max_size=30)] * 7))
def test_any_fields_make_one_line(parts: Parts) -> None:
    for vocabulary in (None, WORDS):
        text = sentence(parts, vocabulary)
        assert text == " ".join(text.split())
