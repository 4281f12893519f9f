"""The words that a model was taught, as data: `shotpack.json` holds them, the engine tells them, Blender reads by them.

Only of models that know some words and no others. One that reads free language has none, and nothing is said of its
prompts but what they leave unread. Standard library only, because Blender imports it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import Code, EngineError
from .serialization import from_json

_MOST = 1000
_LONGEST = 100
_PHRASE = re.compile(r"[a-z]+( [a-z]+)*")
CAMERA, SUBJECT = "camera", "subject"
"""What a move is of."""
SPEED = "{speed}"
"""Where a speed's word goes in `KnownMove.written`; nothing at the model's own speed."""


@dataclass(frozen=True)
class KnownMove:
    """One move."""

    name: str
    """As artists call it: "pan left"."""
    of: str
    """`CAMERA`, or `SUBJECT`: what is in the picture."""
    phrases: tuple[str, ...]
    """How a prompt says it: lower-case words that follow each other, words for speeds between them left out."""
    written: str
    """How to write it, with `SPEED` in it: "the camera {speed} pans left"; a subject's begins behind its name."""
    near: tuple[str, ...] = ()
    """Phrases that the model was not taught and by which people mean this move."""


@dataclass(frozen=True)
class KnownSpeed:
    """One speed, and the words that mean it wherever they stand."""

    name: str
    """How to write it: "slowly"; empty for the speed of a prompt that names none."""
    words: tuple[str, ...]


@dataclass(frozen=True)
class Vocabulary:
    """All that a model was taught of motion."""

    moves: tuple[KnownMove, ...]
    speeds: tuple[KnownSpeed, ...]
    still: tuple[str, ...]
    """Phrases that say that the camera stands still."""
    felt: tuple[str, ...]
    """Words of moves that the model also goes by where they stand for something else: "a house on the left"."""
    idle: tuple[str, ...]
    """Phrases with such words in them that it was taught to make nothing of: "close up"."""
    practised: int
    """Words, digits and signs of a prompt up to which it reads surely; of longer ones it may take a move by halves."""
    tokens: int
    """Words, digits and signs of a prompt that it reads; what follows them counts for nothing."""


def read_vocabulary(data: object) -> Vocabulary:
    """The vocabulary in JSON data from anywhere. Raises EngineError `bad_request` naming the first fault."""
    vocabulary = from_json(Vocabulary, data, "vocabulary.")
    for fault in _faults(vocabulary):
        raise EngineError(Code.BAD_REQUEST, detail=fault)
    return vocabulary


def _faults(vocabulary: Vocabulary) -> Iterator[str]:
    names = [move.name for move in vocabulary.moves]
    if not names or len(set(names)) != len(names):
        yield "its moves must have names, each its own"
    moves = [phrase for move in vocabulary.moves for phrase in (*move.phrases, *move.near)]
    speeds = [word for speed in vocabulary.speeds for word in speed.words]
    phrases = (*moves, *speeds, *vocabulary.still, *vocabulary.felt, *vocabulary.idle)
    if len(phrases) > _MOST:
        yield f"it has {len(phrases)} phrases; {_MOST} is the most"
    for phrase in phrases:
        if len(phrase) > _LONGEST or not _PHRASE.fullmatch(phrase):
            yield f"{phrase[:_LONGEST]!r} must be lower-case words of a to z"
    for move in vocabulary.moves:
        if move.of not in (CAMERA, SUBJECT):
            yield f"a move is of the {CAMERA} or the {SUBJECT}, not of {move.of[:_LONGEST]!r}"
        if move.written.count(SPEED) != 1 or max(len(move.name), len(move.written)) > _LONGEST:
            yield f"how {move.name[:_LONGEST]!r} is written must hold {SPEED} once"
    if any(len(speed.name) > _LONGEST for speed in vocabulary.speeds):
        yield "a speed's name is too long"
    if not 1 <= vocabulary.practised <= vocabulary.tokens <= 10_000:
        yield "its tokens must be from 1 to 10000, and no fewer than are practised"
