"""Prompts that are longer than a text encoder reads: from which word on, said in a sentence, by tokenizers alone."""

from __future__ import annotations

import pytest

from engine.models.reading import TextReader, told


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
