"""One plain sentence out of what an artist fills in: what moves before what it looks like, each part optional."""

from __future__ import annotations

from dataclasses import dataclass

from ..vocabulary import CAMERA, SPEED, SUBJECT, KnownMove, KnownSpeed, Vocabulary

_SUBJECT = "the subject"
"""What moves where nobody said."""


@dataclass(frozen=True)
class Parts:
    """What a sentence is made of; whatever is empty or None is left out."""

    subject: str = ""
    """Who or what: "a girl in a red coat"."""
    action: str = ""
    """What it does, behind its name: "runs through the rain"."""
    moves: str = ""
    """The name of a move of the subject that the model knows."""
    secondary: str = ""
    """What else moves: "her coat flutters"."""
    camera: str = ""
    """The name of a move of the camera; `STILL`: it stands still."""
    speed: str = ""
    """The name of the speed of the camera, or of the subject's move where the camera makes none."""
    style: str = ""
    """What it looks like: "ink drawing"."""


STILL = "still"


def _plain(name: str, written: str) -> KnownMove:
    return KnownMove(name, CAMERA, (name,), f"the camera {SPEED} {written}")


FREE_MOVES = tuple(
    _plain(name, written)
    for name, written in (
        ("pan left", "pans left"),
        ("pan right", "pans right"),
        ("tilt up", "tilts up"),
        ("tilt down", "tilts down"),
        ("push in", "pushes in"),
        ("pull back", "pulls back"),
        ("zoom in", "zooms in"),
        ("zoom out", "zooms out"),
        ("truck left", "trucks left"),
        ("truck right", "trucks right"),
        ("crane up", "cranes up"),
        ("crane down", "cranes down"),
        ("orbit left", "orbits left around the subject"),
        ("orbit right", "orbits right around the subject"),
        ("follow", "follows the subject"),
    )
)
"""Camera moves for models that read free language."""
FREE_SPEEDS = (KnownSpeed("slowly", ()), KnownSpeed("", ()), KnownSpeed("quickly", ()))
_FREE_STILL = "the camera stays still"
_TEMPLATES = (
    Parts(camera="pan left", speed="slowly"),
    Parts(camera="pan right", speed="slowly"),
    Parts(camera="push in", speed="slowly"),
    Parts(camera="dolly in", speed="slowly"),
    Parts(camera="pull back", speed="slowly"),
    Parts(camera="dolly out", speed="slowly"),
    Parts(camera="tilt up", speed="slowly"),
    Parts(camera="zoom in", speed="quickly"),
    Parts(subject="a figure", action="walks toward the camera", camera=STILL),
    Parts(subject="a figure", action="turns and looks up", secondary="hair and clothes stir in the wind"),
    Parts(subject="the figure", moves="subject moves right"),
    Parts(subject="the figure", moves="subject bounces"),
    Parts(camera=STILL),
)


def camera_moves(vocabulary: Vocabulary | None) -> tuple[KnownMove, ...]:
    """Moves of the camera that a model can be told; without a vocabulary it reads free language."""
    return FREE_MOVES if vocabulary is None else tuple(move for move in vocabulary.moves if move.of == CAMERA)


def subject_moves(vocabulary: Vocabulary | None) -> tuple[KnownMove, ...]:
    """Moves of what is in the picture that a model knows by name; none where it reads free language."""
    return () if vocabulary is None else tuple(move for move in vocabulary.moves if move.of == SUBJECT)


def speeds(vocabulary: Vocabulary | None) -> tuple[KnownSpeed, ...]:
    """How fast a move can be told to be."""
    return FREE_SPEEDS if vocabulary is None else vocabulary.speeds


def sentence(parts: Parts, vocabulary: Vocabulary | None) -> str:
    """The sentence in words that the model knows; parts that it has no word for are left out. Empty for no parts."""
    camera = _named(camera_moves(vocabulary), parts.camera)
    thing = _named(subject_moves(vocabulary), parts.moves)
    speed = parts.speed if any(parts.speed == known.name for known in speeds(vocabulary)) else ""
    still = _FREE_STILL if vocabulary is None else next(iter(vocabulary.still), "")
    deed = parts.action.strip(" ,.")
    if thing is not None:
        deed = (
            f"{deed} and {_written(thing, '' if camera else speed)}"
            if deed
            else _written(thing, "" if camera else speed)
        )
    subject = parts.subject.strip(" ,.") or (_SUBJECT if thing is not None else "")
    said = [
        f"{subject} {deed}",
        parts.secondary,
        still if parts.camera == STILL else _written(camera, speed) if camera is not None else "",
        parts.style,
    ]
    joined = ", ".join(filter(None, (" ".join(part.split()).strip(" ,.") for part in said)))
    return joined[:1].upper() + joined[1:]


def templates(vocabulary: Vocabulary | None) -> tuple[str, ...]:
    """Sentences to begin with, all of whose moves the model knows."""
    cameras = {STILL, "", *(move.name for move in camera_moves(vocabulary))}
    things = {"", *(move.name for move in subject_moves(vocabulary))}
    fit = (
        parts
        for parts in _TEMPLATES
        if parts.camera in cameras
        and parts.moves in things
        and (vocabulary is None or not (parts.action or parts.secondary))
    )
    return tuple(dict.fromkeys(sentence(parts, vocabulary) for parts in fit))


def _named(moves: tuple[KnownMove, ...], name: str) -> KnownMove | None:
    return next((move for move in moves if move.name == name), None)


def _written(move: KnownMove, speed: str) -> str:
    return move.written.replace(SPEED, speed)
