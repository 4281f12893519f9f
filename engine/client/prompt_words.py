"""What a model that was taught some words understands of a prompt: its moves, its speeds, and what is lost on it.

The model goes by words, wherever they stand; so does this. What it was not taught is never taken for something that it
was, and is asked after only where no other move can be meant. Pure, and quick enough to be asked at every drawing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..vocabulary import CAMERA, KnownMove, Vocabulary

_CLAUSE = re.compile(r"[.,;:!?()\n]+")
_WORD = re.compile(r"[a-z]+")
# What counts as one for a text encoder of known words: a word, a digit, a sign, a break between lines.
_TOKEN = re.compile(r"\n+|[A-Za-z]+| (?=[0-9])|[0-9]|[^\sA-Za-z0-9]")
_MORE = ("very",)
"""Words that belong to the speed which they stand before."""
_ALONE: tuple[list[str], ...] = ([], ["a"], ["camera"], ["the", "camera"])
"""What a verb may stand behind that says nothing of where to."""
_SHORTEST = 4
"""Letters of a word at least that may be a slip of the pen: one letter less, more or other, or two exchanged."""


@dataclass(frozen=True)
class Understood:
    """What a model takes from a prompt."""

    moves: tuple[KnownMove, ...] = ()
    """As they follow in the prompt, each once."""
    speeds: tuple[str, ...] = ()
    """Every speed that is said, by its name, each once."""
    still: bool = False
    """Whether it says that the camera stands still."""
    loose: tuple[str, ...] = ()
    """Words of moves that stand by themselves, and disturb the one that is meant, or what is to stand still."""
    meant: tuple[KnownMove, ...] = ()
    """Moves that something in the prompt may mean which the model does not know; several: one of them."""
    length: int = 0
    """Words, digits and signs of the prompt."""
    unread: str = ""
    """The end of the prompt that the model does not read."""

    @property
    def sure(self) -> bool:
        """Whether the model was taught sentences like this one: one move or none, one speed, nothing beside them."""
        moved = any(move.of == CAMERA for move in self.moves)
        return len(self.moves) < 2 and len(self.speeds) < 2 and not self.loose and not (self.still and moved)


@functools.lru_cache(maxsize=256)
def understand(prompt: str, vocabulary: Vocabulary) -> Understood:
    """What a model of that `vocabulary` takes from `prompt`."""
    read, unread = _halves(prompt, vocabulary.tokens)
    table = _table(vocabulary)
    moves: list[KnownMove] = []
    speeds: dict[str, None] = {}
    still, loose, meant = False, dict[str, None](), dict[KnownMove, None]()
    of_moves: set[str] = set()
    hurried: dict[str, None] = {}
    for clause in _clauses(read):
        words = [word for word in clause if word not in table.speeds and word not in _MORE]
        speeds |= dict.fromkeys(table.speeds[word] for word in clause if word in table.speeds)
        place, rest = 0, []
        while place < len(words):
            length, move = table.at(words, place)
            if idle := table.idle(words, place):
                length = idle
            elif length and move is None:
                still = True
            elif move is not None:
                moves += [] if move in moves else [move]
                of_moves |= set(words[place : place + length])
            else:
                rest.append(words[place])
            place += length or 1
        loose |= dict.fromkeys(word for word in rest if word in table.felt)
        hurried |= dict.fromkeys(word for word in clause if table.speeds.get(word))
        meant |= dict.fromkeys(table.meant(words))
    if not moves:
        loose |= hurried  # how fast nothing moves
    return Understood(
        tuple(moves),
        tuple(speeds),
        still,
        tuple(word for word in loose if word not in of_moves),
        tuple(move for move in meant if move not in moves),
        sum(1 for _ in _TOKEN.finditer(prompt)),
        unread,
    )


def unread(prompt: str, tokens: int) -> str:
    """The end of `prompt` that no text encoder reads which takes `tokens`: one token holds no two words.

    Most encoders stop sooner; the engine, which has theirs, says so of the shot.
    """
    words = list(re.finditer(r"\S+", prompt))
    return prompt[words[tokens].start() :] if len(words) > tokens else ""


def _halves(prompt: str, tokens: int) -> tuple[str, str]:
    found = next((match for number, match in enumerate(_TOKEN.finditer(prompt)) if number == tokens), None)
    return (prompt, "") if found is None else (prompt[: found.start()], prompt[found.start() :].strip())


def _clauses(text: str) -> Iterator[list[str]]:
    for clause in _CLAUSE.split(text.lower()):
        yield _WORD.findall(clause)


class _Table:
    """A vocabulary, ready to look words up in."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.speeds = {word: speed.name for speed in vocabulary.speeds for word in speed.words}
        self.felt = frozenset(vocabulary.felt)
        self._moves = {tuple(phrase.split()): move for move in vocabulary.moves for phrase in move.phrases}
        self._phrases: dict[tuple[str, ...], KnownMove | None] = {
            **{tuple(phrase.split()): None for phrase in vocabulary.still},
            **self._moves,
        }
        self._longest = max(map(len, self._phrases))
        self._idle = tuple(tuple(phrase.split()) for phrase in vocabulary.idle)
        self._near = {tuple(phrase.split()): move for move in vocabulary.moves for phrase in move.near}
        self._spelled = frozenset(
            word
            for words, move in self._moves.items()
            for word in words
            if move.of == CAMERA and len(words) > 1 and len(word) >= _SHORTEST
        )
        self._known = self._spelled | {word for words in (*self._phrases, *self._near) for word in words}

    def at(self, words: list[str], place: int) -> tuple[int, KnownMove | None]:
        """Length and move of the longest phrase from `place` on, 0 where none begins; to stand still is no move."""
        for length in range(min(self._longest, len(words) - place), 0, -1):
            phrase = tuple(words[place : place + length])
            if phrase in self._phrases:
                return length, self._phrases[phrase]
        return 0, None

    def idle(self, words: list[str], place: int) -> int:
        """How many words, from `place` on, the model was taught to make nothing of."""
        return max((len(each) for each in self._idle if tuple(words[place : place + len(each)]) == each), default=0)

    def meant(self, words: list[str]) -> Iterator[KnownMove]:
        """Moves that a clause may mean by words that the model was not taught."""
        for phrase, move in self._near.items():
            if _holds(words, phrase):
                yield move
        if words and words[:-1] in _ALONE:
            # "The camera pans": where to?
            begun = dict.fromkeys(move for phrase, move in self._moves.items() if phrase[0] == words[-1] != phrase[-1])
            yield from begun if all(move.of == CAMERA for move in begun) else ()
        for place, word in enumerate(words):
            if len(word) < _SHORTEST - 1 or word in self._known:
                continue
            for right in self._spelled:
                if _slipped(word, right):
                    mended = [*words[:place], right, *words[place + 1 :]]
                    for start in range(place + 1):
                        length, found = self.at(mended, start)
                        if found is not None and found.of == CAMERA and place < start + length:
                            yield found


@functools.lru_cache(maxsize=16)
def _table(vocabulary: Vocabulary) -> _Table:
    return _Table(vocabulary)


def _holds(words: list[str], phrase: tuple[str, ...]) -> bool:
    length = len(phrase)
    return any(tuple(words[place : place + length]) == phrase for place in range(len(words) - length + 1))


def _slipped(word: str, right: str) -> bool:
    """Whether `word` is `right` with one letter wrong, missing or too many, or two that follow each other exchanged."""
    if abs(len(word) - len(right)) > 1 or word == right:
        return False
    if len(word) == len(right):
        wrong = [place for place in range(len(word)) if word[place] != right[place]]
        swapped = len(wrong) == 2 and wrong[1] == wrong[0] + 1
        return len(wrong) == 1 or (swapped and word[wrong[0]] == right[wrong[1]] and word[wrong[1]] == right[wrong[0]])
    longer, shorter = (word, right) if len(word) > len(right) else (right, word)
    return any(longer[:place] + longer[place + 1 :] == shorter for place in range(len(longer)))
