"""Sentences that artists might write for a motion, in varied plain English from a small vocabulary.

A sentence may describe the scene, name the move, say how fast, in either sequence. Without a move it means a still
camera; an empty prompt leaves everything open (prompt dropout).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from .moves import Motion, Move, Speed


# `{a}` takes an adverb (slowly), `{j}` an adjective (slow), `{s}` a side, `{t}` the thing's name.
def _split(phrases: str) -> tuple[str, ...]:
    return tuple(phrases.split(" / "))


_PAN = _split(
    "the camera {a} pans {s} / camera pans {s} {a} / {j} pan {s} / {j} pan to the {s} / pans {s} {a} / "
    "panning {s} {a} / the camera moves {s} {a} / the camera {a} slides to the {s} / "
    "the camera pans to the {s} {a} / we {a} pan {s} / a {j} pan {s}"
)
_TILT = _split(
    "the camera {a} tilts {s} / camera tilts {s} {a} / {j} tilt {s} / tilts {s} {a} / tilting {s} {a} / "
    "the camera looks {s} {a} / a {j} tilt {s} / we {a} tilt {s}"
)
_ZOOM = _split(
    "the camera {a} zooms {s} / camera zooms {s} {a} / {j} zoom {s} / zooms {s} {a} / zooming {s} {a} / "
    "a {j} zoom {s} / we {a} zoom {s} / {j} zoom {s} on the {t}"
)
_ROLL = _split(
    "the camera {a} rolls {s} / camera rolls {s} {a} / {j} roll {s} / rolls {s} {a} / rolling {s} {a} / "
    "the camera rotates {s} {a} / a {j} {s} roll / {j} camera roll {s}"
)
_ORBIT = _split(
    "the camera {a} orbits {s} / camera orbits to the {s} {a} / {j} orbit {s} / orbits {s} {a} / "
    "orbiting {s} {a} / the camera circles {s} {a} / the camera {a} orbits {s} around the {t}"
)
_DOLLY_IN = _split(
    "the camera {a} dollies in / {j} dolly in / dollies in {a} / the camera {a} pushes in / "
    "{j} push in / {j} push in on the {t} / the camera moves forward {a} / the camera moves closer {a}"
)
_DOLLY_OUT = _split(
    "the camera {a} dollies out / {j} dolly out / dollies out {a} / the camera {a} pulls back / "
    "{j} pull out / {j} pull back / the camera moves back {a} / the camera moves away {a}"
)
_SLIDE = _split(
    "the {t} {a} moves {s} / the {t} moves to the {s} {a} / the {t} slides {s} {a} / "
    "{t} moving {s} {a} / the {t} goes {s} {a} / a {t} {a} moves {s} / the {t} walks {s} {a}"
)
_SPIN = _split("the {t} {a} spins {s} / the {t} spins {s} {a} / the {t} turns {s} {a} / {t} spinning {s} {a}")

_PHRASES: Mapping[Move, tuple[tuple[str, ...], str]] = {
    Move.PAN_LEFT: (_PAN, "left"),
    Move.PAN_RIGHT: (_PAN, "right"),
    Move.TILT_UP: (_TILT, "up"),
    Move.TILT_DOWN: (_TILT, "down"),
    Move.ZOOM_IN: (_ZOOM, "in"),
    Move.ZOOM_OUT: (_ZOOM, "out"),
    Move.ROLL_CLOCKWISE: (_ROLL, "clockwise"),
    Move.ROLL_COUNTERCLOCKWISE: (_ROLL, "counterclockwise"),
    Move.ORBIT_LEFT: (_ORBIT, "left"),
    Move.ORBIT_RIGHT: (_ORBIT, "right"),
    Move.DOLLY_IN: (_DOLLY_IN, "in"),
    Move.DOLLY_OUT: (_DOLLY_OUT, "out"),
    Move.OBJECT_LEFT: (_SLIDE, "left"),
    Move.OBJECT_RIGHT: (_SLIDE, "right"),
    Move.OBJECT_UP: (
        ("the {t} {a} moves up", "the {t} rises {a}", "the {t} flies up {a}", "the {t} floats up {a}"),
        "",
    ),
    Move.OBJECT_DOWN: (("the {t} {a} moves down", "the {t} falls {a}", "the {t} sinks {a}", "the {t} drops {a}"), ""),
    Move.OBJECT_GROWS: (
        ("the {t} {a} grows", "the {t} gets bigger {a}", "the {t} gets larger {a}", "{t} growing {a}"),
        "",
    ),
    Move.OBJECT_SHRINKS: (("the {t} {a} shrinks", "the {t} gets smaller {a}", "{t} shrinking {a}"), ""),
    Move.OBJECT_SPINS: (_SPIN, ""),
    Move.OBJECT_SPINS_BACK: (_SPIN, "counterclockwise"),
    Move.OBJECT_BOUNCES: (("the {t} {a} bounces", "the {t} jumps {a}", "the {t} hops {a}", "{t} bouncing {a}"), ""),
}
_STILL = _split(
    "static shot / static camera / the camera is static / the camera does not move / still camera / "
    "no movement / locked off shot / the camera stays still / hold / a still shot"
)
_ADVERBS = {
    Speed.SLOW: ("slowly", "slowly", "gently", "gradually", "very slowly"),
    Speed.NORMAL: ("", "", "", "steadily"),
    Speed.FAST: ("quickly", "fast", "rapidly", "very fast"),
}
_ADJECTIVES = {Speed.SLOW: ("slow", "gentle"), Speed.NORMAL: ("", "", "steady"), Speed.FAST: ("fast", "quick", "rapid")}
_NAMES = {
    "figure": ("figure", "stick figure", "person", "character", "runner"),
    "man": ("man", "boy", "hero", "person", "character"),
    "woman": ("woman", "girl", "person", "character"),
    "shape": ("shape", "blob", "object", "thing"),
    "house": ("house", "home", "building"),
    "box": ("box", "crate", "cube", "object"),
    "ball": ("ball", "ball", "sphere", "object"),
    "chair": ("chair", "table", "object"),
    "face": ("face", "head"),
    "bird": ("bird", "animal"),
}
_PLACES = {
    "paper": ("on paper", "on white", ""),
    "room": ("in a room", "inside", "interior"),
    "field": ("in a field", "outside", "in the hills", "on a road"),
    "street": ("in the street", "in the city", "in a town"),
    "page": ("on a page", "on a storyboard"),
    "clouds": ("in the clouds", "in fog"),
    "leaves": ("in a forest", "among leaves", "in the garden"),
}
OPENINGS = ("", "", "a drawing of", "storyboard of", "sketch of", "ink drawing of", "wide shot of", "close up of")
"""How a sentence may begin that says what a scene is."""
_MANNERS = ("small", "tall", "dark", "old", "red", "round", "quiet", "big", "little", "lonely")
_STRANGE = "qwx"
"""Outside every vocabulary: stands for all the words that nobody taught the model."""

DROPOUT = 0.05


def write_prompt(rng: np.random.Generator, motion: Motion, thing: str, place: str) -> str:
    """A sentence for `motion` of a scene with `thing` at `place` (both as `Scene` names them); rarely an empty one."""
    if rng.random() < DROPOUT:
        return ""
    return describe(rng, motion, thing, place)


def describe(rng: np.random.Generator, motion: Motion, thing: str, place: str) -> str:
    """As `write_prompt`, never empty."""
    name = _pick(rng, _NAMES.get(thing, (thing,)))
    scene = _scene(rng, name, place)
    move = _move(rng, motion, name)
    if motion.move.of_object and rng.random() < 0.2:
        move = f"{move}, {_pick(rng, ('static camera', 'still camera', 'the camera stays still'))}"
    parts = [part for part in ((scene, move) if rng.random() < 0.75 else (move, scene)) if part]
    sentence = _pick(rng, (", ", ". ", " ")).join(parts) or "a drawing"
    sentence = re.sub(r"\s+([,.])", r"\1", re.sub(r"\s+", " ", sentence)).strip()
    return sentence + ("." if rng.random() < 0.5 else "")


def wordings(move: Move) -> tuple[str, ...]:
    """Every way to say `move`: `{a}` and `{j}` stand where speeds go, `{t}` for the thing's name."""
    if move is Move.STATIC:
        return _STILL
    phrases, side = _PHRASES[move]
    return tuple(phrase.replace("{s}", side).strip() for phrase in phrases)


def speed_words(speed: Speed) -> tuple[str, ...]:
    """Every word or two that says `speed`, each once, the usual one first."""
    return tuple(dict.fromkeys(word for word in (*_ADVERBS[speed], *_ADJECTIVES[speed]) if word))


def vocabulary() -> list[str]:
    """Every word that a prompt may hold, sorted."""
    return sorted({word for text in _texts() for word in re.findall(r"[a-z]+", text)})


def _scene(rng: np.random.Generator, name: str, place: str) -> str:
    if rng.random() < 0.35:
        return ""
    manner = _pick(rng, _MANNERS) if rng.random() < 0.3 else ""
    words = f"{_pick(rng, OPENINGS)} a {manner} {name} {_pick(rng, _PLACES[place])}".split()
    if rng.random() < 0.2:
        words[rng.integers(len(words))] = _STRANGE
    return " ".join(words)


def _move(rng: np.random.Generator, motion: Motion, name: str) -> str:
    if motion.move is Move.STATIC:
        return _pick(rng, _STILL) if rng.random() < 0.6 else ""
    phrases, side = _PHRASES[motion.move]
    phrase = _pick(rng, phrases)
    adverb, adjective = _pick(rng, _ADVERBS[motion.speed]), _pick(rng, _ADJECTIVES[motion.speed])
    if "{a}" not in phrase and "{j}" not in phrase:
        phrase += " {a}"
    return phrase.format(a=adverb, j=adjective, s=side, t=name)


def _texts() -> Iterator[str]:
    for phrases, side in _PHRASES.values():
        yield from (*(phrase.format(a="", j="", s=side, t="") for phrase in phrases), side)
    for table in (_ADVERBS, _ADJECTIVES, _NAMES, _PLACES):
        for key, words in table.items():
            yield from (str(key), *words)
    yield from (*_STILL, *OPENINGS, *_MANNERS, "drawing", "anticlockwise", "counter", "shot", "star", "tree", "car")


def _pick(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[rng.integers(len(choices))]
