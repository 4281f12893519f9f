"""What Sketch was taught to read, as its folder tells it: out of the sentences of `prompts.py`, and of nothing else.

What the text encoders make of words in unlike surroundings was looked at (`tests/engine/test_sketch_weights.py` does
again): they go by words, little by their sequence, and by those of two moves at once they go wrong.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.vocabulary import CAMERA, SPEED, SUBJECT, KnownMove, KnownSpeed, Vocabulary

from .moves import CAMERA_MOVES, OBJECT_MOVES, Move, Speed
from .prompts import OPENINGS, speed_words, wordings

_TOKENS = 75
"""What CLIP takes, whose summary of a prompt is where the motion stands, without the marks of beginning and end."""
_PRACTISED = 18
"""With 12 strange words beside its phrase a motion is read off by a quarter in 7 of 100 sentences, with 16 in half."""
_ARTICLES = ("the", "a", "we")
_PALE = ("the", "a", "to", "in", "on", "is", "gets", "camera", "around", "off", "tilt", "tilts", "tilting", "looks")
"""Words of moves that stir nothing where they stand alone."""

# What people who make films say, and Sketch was not taught.
_NEAR = {
    Move.PAN_LEFT: "truck left / trucks left / trucking left / track left / tracks left / tracking left / dolly left / "
    "dollies left / crab left / pan from right to left / pans from right to left / camera goes left / "
    "camera turns left",
    Move.PAN_RIGHT: "truck right / trucks right / trucking right / track right / tracks right / tracking right / "
    "dolly right / dollies right / crab right / pan from left to right / pans from left to right / "
    "camera goes right / camera turns right",
    Move.TILT_UP: "pedestal up / pedestals up / crane up / cranes up / craning up / boom up / booms up / "
    "camera goes up / camera moves up / camera rises",
    Move.TILT_DOWN: "pedestal down / pedestals down / crane down / cranes down / craning down / boom down / "
    "booms down / camera goes down / camera moves down / camera sinks",
    Move.ZOOM_IN: "zoom into / zooms into / zooming into",
    Move.DOLLY_IN: "pushing in / dollying in / camera move in / camera moves in / camera moving in / track in / "
    "tracks in / tracking in / push forward / pushes forward / dolly forward / dollies forward",
    Move.DOLLY_OUT: "pulling back / pulling out / dollying out / dolly back / dollies back / track out / tracks out / "
    "tracking out / track back / tracks back / pulls out",
    Move.ROLL_CLOCKWISE: "roll right / rolls right / rotate clockwise / rotating clockwise / dutch right",
    Move.ROLL_COUNTERCLOCKWISE: "roll left / rolls left / roll anticlockwise / rolls anticlockwise / "
    "rotate counterclockwise / rotate anticlockwise / rotates anticlockwise / dutch left",
    Move.ORBIT_LEFT: "arc left / arcs left / arcing left / circle left / circling left",
    Move.ORBIT_RIGHT: "arc right / arcs right / arcing right / circle right / circling right",
}
_THINGS_DO = ("moves left", "moves right", "slides left", "slides right")
"""What a phrase of the camera says of a thing, where the camera is not named."""
_NAMES = {
    Move.OBJECT_LEFT: "subject moves left",
    Move.OBJECT_RIGHT: "subject moves right",
    Move.OBJECT_UP: "subject rises",
    Move.OBJECT_DOWN: "subject sinks",
    Move.OBJECT_GROWS: "subject grows",
    Move.OBJECT_SHRINKS: "subject shrinks",
    Move.OBJECT_SPINS: "subject spins",
    Move.OBJECT_SPINS_BACK: "subject spins counterclockwise",
    Move.OBJECT_BOUNCES: "subject bounces",
}


def known_words() -> Vocabulary:
    """What `shotpack.json` says of Sketch's words."""
    moves = tuple(_known(move) for move in (*CAMERA_MOVES, *OBJECT_MOVES))
    said = dict.fromkeys(word for move in moves for phrase in move.phrases for word in phrase.split())
    felt = tuple(word for word in said if word not in _PALE)
    return Vocabulary(
        moves,
        tuple(_speed(speed) for speed in Speed),
        _shortest(_plain(wording) for wording in wordings(Move.STATIC)),
        felt,
        tuple(opening.removesuffix(" of") for opening in OPENINGS if set(opening.split()) & set(felt)),
        _PRACTISED,
        _TOKENS,
    )


def _known(move: Move) -> KnownMove:
    of = SUBJECT if move.of_object else CAMERA
    phrases = (_plain(wording) for wording in wordings(move))
    written = wordings(move)[0].replace("{a}", SPEED)
    return KnownMove(
        _name(move),
        of,
        _shortest(phrases if move.of_object else map(_without_camera, phrases)),
        written.partition("{t} ")[2] if move.of_object else written,
        tuple(filter(None, _NEAR.get(move, "").split(" / "))),
    )


def _name(move: Move) -> str:
    return _NAMES.get(move, str(move))


def _speed(speed: Speed) -> KnownSpeed:
    words = speed_words(speed)
    return KnownSpeed("" if speed is Speed.NORMAL else words[0], tuple(word for word in words if " " not in word))


def _plain(wording: str) -> str:
    """A wording without speeds, without what moves, without the article that it begins with."""
    for slot in ("{a}", "{j}"):
        wording = wording.replace(slot, "")
    # What comes before a thing's name says nothing of a move of it, and what comes behind is the move.
    before, thing, behind = wording.partition("{t}")
    words = (behind if thing and behind.strip() else before).split()
    while words and words[0] in _ARTICLES:
        del words[0]
    return " ".join(words)


def _without_camera(phrase: str) -> str:
    """A phrase of the camera without its name, where it says enough: "moves left" would be a thing's move."""
    bare = phrase.removeprefix("camera ")
    first, _, side = bare.partition(" ")
    return phrase if f"{first} {side.split()[-1]}" in _THINGS_DO else bare


def _shortest(phrases: Iterable[str]) -> tuple[str, ...]:
    """Those phrases that hold no other one."""
    every = tuple(dict.fromkeys(filter(None, phrases)))
    return tuple(
        phrase for phrase in every if not any(other != phrase and f" {other} " in f" {phrase} " for other in every)
    )
