"""Prompts that are longer than a text encoder reads: from which word on, said in a sentence, by tokenizers alone."""

from __future__ import annotations

import pytest

from engine.client.session import Session
from engine.events import NOT_ALL, Progress
from engine.inference.prompt_length import TextReader, told
from engine.serialization import to_json
from engine.server.jobs.snapshot import snapshot
from engine.server.storage.records import StoredEvent


class Words:
    """A tokenizer of one token a word, and one before and behind each text."""

    def __call__(self, text: str, truncation: bool) -> dict[str, list[int]]:
        assert not truncation
        return {"input_ids": [0, *range(len(text.split())), 0]}


class Letters:
    """A tokenizer of one token a letter."""

    def __call__(self, text: str, truncation: bool) -> dict[str, list[int]]:
        return {"input_ids": list(range(len(text)))}


def unwanted() -> object:
    raise AssertionError("a short prompt needs no tokenizer")


LONG = " ".join(f"w{n}" for n in range(100))


def test_it_stops_before_a_word() -> None:
    assert TextReader(Words, 42).unread(LONG) == LONG[LONG.index("w40") :]
    assert TextReader(Words, 102).unread(LONG) == ""
    assert TextReader(Words, 102).unread(LONG + " \n") == ""
    assert TextReader(Letters, 19).unread("Somebody walks along the street") == "along the street"
    assert TextReader(Letters, 20).unread("Somebody walks along the street") == "the street"
    assert TextReader(Letters, 50).unread("字" * 80) == "字" * 30


def test_a_template_counts_by_itself() -> None:
    reader = TextReader(Words, 40, "Describe what is seen : ", 6)
    assert reader.unread(LONG).startswith("w39 ")


def test_a_short_prompt_loads_nothing() -> None:
    assert TextReader(unwanted, 77).unread("She turns and walks away") == ""


@pytest.mark.parametrize(
    ("unread", "words"),
    [
        (("", ""), ""),
        (("a b c d e f",), 'the prompt is read: the model stops before "a b c d e"'),
        (("", "b c"), 'the prompt is read by all of the model\'s text encoders: one stops before "b c"'),
        (("c", "b c"), 'the prompt is read: the model stops before "c", and one of its text encoders before "b c"'),
        (("c", "c"), 'the prompt is read: the model stops before "c"'),
    ],
)
def test_one_sentence_says_it(unread: tuple[str, ...], words: str) -> None:
    assert told("the prompt", unread) == words


def test_what_is_left_out_stays_known() -> None:
    """To a client that hears it, and to one that comes later and asks for the job."""
    stages = ["encoding the prompt", f"{NOT_ALL}the prompt is read", f"{NOT_ALL}the negative prompt is read", "loading"]
    told_of = [to_json(Progress(stage)) for stage in (*stages, *stages)]
    known = snapshot(9, [StoredEvent(number, "job", 0.0, data) for number, data in enumerate(told_of, 1)])
    assert known.notices == stages[1:3]
    said = {"state": "running", "number": 9, **vars(known)}
    session = Session.__new__(Session)
    session.jobs, session._awaited = {}, {}
    session.learn("job", said)
    assert session.jobs["job"].notices == stages[1:3]
    session._apply(session.jobs["job"], Progress(f"{NOT_ALL}the prompt at frame 40 is read"))
    session._apply(session.jobs["job"], Progress(stages[1]))
    assert session.jobs["job"].notices == [*stages[1:3], f"{NOT_ALL}the prompt at frame 40 is read"]
