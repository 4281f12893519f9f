"""What a prompt is understood as, against what it was written for: the sentences that Sketch was taught, and films'."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.client.prompt_words import Understood, understand, unread
from engine.errors import EngineError
from engine.models.manifest import FactsError, parse_facts
from engine.serialization import to_json
from engine.vocabulary import SPEED, read_vocabulary
from tests.move_names import CALLED
from training.scenes.drawings import THINGS
from training.scenes.known_words import known_words
from training.scenes.moves import OPPOSITE, Motion, Move, Speed
from training.scenes.prompts import describe
from training.scenes.scenes import PLACES

SHIPPED = Path(__file__).resolve().parents[2] / "engine" / "sketch" / "weights" / "shotpack.json"
WORDS = known_words()
SPEEDS = {Speed.SLOW: ("slowly",), Speed.FAST: ("quickly",)}
prompts = st.lists(st.one_of(st.sampled_from(WORDS.felt), st.text(max_size=12)), max_size=40).map(" ".join)


def read(prompt: str) -> Understood:
    return understand(prompt, WORDS)


def said(prompt: str) -> list[str]:
    return [move.name for move in read(prompt).moves]


def meant(prompt: str) -> list[str]:
    return [move.name for move in read(prompt).meant]


@pytest.mark.parametrize("move", Move)
def test_a_sentence_that_training_writes_is_understood_as_what_it_was_written_for(move: Move) -> None:
    """300 sentences for each move: none is taken for another one, none for no move, and no other for this one."""
    rng, unsure = np.random.default_rng([17, list(Move).index(move)]), 0
    for number in range(300):
        motion = Motion(move, list(Speed)[number % 3])
        text = describe(rng, motion, list(THINGS)[rng.integers(len(THINGS))], PLACES[rng.integers(len(PLACES))])
        found = read(text)
        assert [each.name for each in found.moves] == ([] if move is Move.STATIC else [CALLED[move]]), text
        if move is not Move.STATIC:
            assert tuple(filter(None, found.speeds)) == SPEEDS.get(motion.speed, ()), text
        assert not found.meant, text
        unsure += not found.sure  # a word of its opening was taken out: "close qwx a man"
    assert unsure <= 6


def test_the_opposite_of_a_move_is_never_named() -> None:
    for move, name in CALLED.items():
        known = next(each for each in WORDS.moves if each.name == name)
        for phrase in known.phrases:
            assert said(f"a man in the rain, {phrase} again") == [name]
            assert CALLED.get(OPPOSITE[move]) in (None, name) or CALLED[OPPOSITE[move]] not in said(phrase)


def test_how_a_move_is_to_be_written_is_understood_at_every_speed() -> None:
    for move in WORDS.moves:
        for speed in WORDS.speeds:
            found = read(
                f"the boat {move.written.replace(SPEED, speed.name)}"
                if move.of == "subject"
                else move.written.replace(SPEED, speed.name)
            )
            assert found.moves == (move,)
            assert found.speeds == ((speed.name,) if speed.name else ())
            assert found.sure


@pytest.mark.parametrize(
    ("prompt", "moves", "speeds"),
    [
        ("A boat on a harbour at night, SLOW pan to the left", ["pan left"], ("slowly",)),
        ("Pushes in slowly", ["dolly in"], ("slowly",)),
        ("the camera pulls back to reveal the city", ["dolly out"], ()),
        ("smoke rises very slowly from the chimney", ["subject rises"], ("slowly",)),
        ("the camera moves left", ["pan left"], ()),
        ("the boat moves left", ["subject moves left"], ()),
        ("la camra recule lentment, on dcouvre la viile", [], ()),
        ("ein Schwenk nach links", [], ()),
        ("a slow pan. Left of the house a tree", [], ("slowly",)),
        ("", [], ()),
    ],
)
def test_sentences_of_artists(prompt: str, moves: list[str], speeds: tuple[str, ...]) -> None:
    assert said(prompt) == moves
    assert read(prompt).speeds == speeds


@pytest.mark.parametrize(
    ("prompt", "loose"),
    [
        ("on the left a house, pan right", ("left",)),
        ("a man walks", ("walks",)),
        ("the lights go out", ("out",)),
        ("a girl runs quickly", ("quickly",)),
        ("close up of a man, pan left", ()),
        ("the left house, pan left", ()),
    ],
)
def test_words_of_moves_that_stand_for_something_else_are_told(prompt: str, loose: tuple[str, ...]) -> None:
    assert read(prompt).loose == loose
    assert read(prompt).sure == (not loose)


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("trucks left", ["pan left"]),
        ("the camera cranes up over the roofs", ["tilt up"]),
        ("the camera moves up", ["tilt up"]),
        ("roll anticlockwise", ["roll counterclockwise"]),
        ("the camera pans", ["pan left", "pan right"]),
        ("the camra zoomz in", ["zoom in"]),
        ("the camera titls down", ["tilt down"]),
        ("leaves move in the wind", []),
        ("the camera moves", []),
        ("a man pats left and right", ["pan left"]),
        ("he rolls a cigarette", []),
        ("pan left", []),
        ("a camera on a tripod", []),
    ],
)
def test_what_is_meant_is_asked_only_where_nothing_else_can_be(prompt: str, names: list[str]) -> None:
    assert meant(prompt) == names


def test_several_moves_and_several_speeds_are_not_sure() -> None:
    assert said("pan left, then tilt up") == ["pan left", "tilt up"]
    assert not read("pan left, then tilt up").sure
    assert not read("slowly the sun sets, pan left quickly").sure
    assert not read("static shot, zoom in").sure
    assert read("the man walks right, static camera").sure


def test_what_lies_beyond_what_is_read_counts_for_nothing() -> None:
    filler = "rain " * WORDS.tokens
    assert said(f"{filler}pan left") == []
    assert read(f"{filler}pan left").unread == "pan left"
    assert said("rain " * (WORDS.tokens - 2) + "pan left") == ["pan left"]
    assert read("a, b 12").length == 6  # a break before a digit counts, as the model's tokenizer has it


def test_words_that_no_encoder_reads() -> None:
    assert unread("one two three", 3) == ""
    assert unread("one two three  four five", 3) == "four five"
    assert unread("", 1) == ""


@given(prompts)
def test_any_text_is_read(prompt: str) -> None:
    found = read(prompt)
    assert len(found.moves) == len(set(found.moves))
    assert not set(found.moves) & set(found.meant)
    assert found.unread in prompt


@given(prompts, st.sampled_from(WORDS.moves))
def test_a_move_in_a_clause_of_its_own_is_found_whatever_stands_before(prompt: str, move: object) -> None:
    short = " ".join(prompt.split()[:8])[:60]
    assert move in read(f"{short}. {move.phrases[0]}.").moves


def test_the_shipped_folder_says_what_training_would_write() -> None:
    assert json.loads(SHIPPED.read_text(encoding="utf-8"))["vocabulary"] == json.loads(json.dumps(to_json(WORDS)))
    assert parse_facts(SHIPPED.read_text(encoding="utf-8")).vocabulary == WORDS


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"moves": []}, "names"),
        ({"moves": [to_json(WORDS.moves[0])] * 2}, "names"),
        ({"moves": [to_json(WORDS.moves[0]) | {"of": "sky"}]}, "sky"),
        ({"moves": [to_json(WORDS.moves[0]) | {"written": "pans"}]}, "speed"),
        ({"moves": [to_json(WORDS.moves[0]) | {"phrases": ["(a+)+"]}]}, "lower-case"),
        ({"still": ["word"] * 2000}, "1000"),
        ({"tokens": 0}, "tokens"),
        ({"tokens": "75"}, "whole number"),
        ({"felt": "left"}, "list"),
    ],
)
def test_a_vocabulary_that_is_wrong_is_refused_in_a_sentence(change: dict[str, object], what: str) -> None:
    data = json.loads(json.dumps(to_json(WORDS))) | change
    with pytest.raises(EngineError, match=what):
        read_vocabulary(data)
    with pytest.raises(FactsError, match=what):
        parse_facts(json.dumps({"vocabulary": data}))
