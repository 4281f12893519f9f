"""Messages: exact round trips, and every wrong message refused with the place of its fault."""

from __future__ import annotations

import dataclasses
import json
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import EXPLANATIONS, Code, EngineError
from engine.events import EVENTS, Preview, Started, Step, event_from_json
from engine.protocol import Board, ShotRequest
from engine.serialization import from_json, to_json

REQUEST = ShotRequest(model="m", prompt="p", boards=(Board(1, "ab"),), frames=10)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def messages(kind: type) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    return st.builds(kind, **{name: values(hints[name]) for name in names})


def values(hint: Any) -> st.SearchStrategy[Any]:
    if typing.get_origin(hint) is tuple:
        return st.lists(values(typing.get_args(hint)[0]), max_size=3).map(tuple)
    if typing.get_origin(hint) is dict:
        return st.dictionaries(st.text(), values(typing.get_args(hint)[1]), max_size=3)
    if typing.get_args(hint):
        return st.one_of([st.none() if option is type(None) else values(option) for option in typing.get_args(hint)])
    if dataclasses.is_dataclass(hint):
        return messages(typing.cast(type, hint))
    return {int: st.integers(), float: NUMBERS, str: st.text(), bool: st.booleans()}[hint]


@given(messages(ShotRequest))
def test_requests_survive_json(request: ShotRequest) -> None:
    assert from_json(ShotRequest, json.loads(json.dumps(to_json(request)))) == request


@pytest.mark.parametrize("name", sorted(EVENTS))
@given(data=st.data())
def test_events_survive_json(name: str, data: st.DataObject) -> None:
    event = data.draw(messages(EVENTS[name]))
    wire = json.loads(json.dumps(to_json(event)))
    assert wire["event"] == name
    assert event_from_json(wire) == event


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.sampled_from([field.name for field in dataclasses.fields(ShotRequest)]))
def test_any_json_is_taken_or_refused_in_a_sentence(junk: Any, name: str) -> None:
    for data in (junk, to_json(REQUEST) | {name: junk}):
        try:
            request = from_json(ShotRequest, data)
        except EngineError as error:
            assert error.code is Code.BAD_REQUEST
            assert "\n" not in error.line
        else:
            assert to_json(request) == to_json(from_json(ShotRequest, to_json(request)))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"frames": "10"}, "frames must be a whole number"),
        ({"frames": True}, "frames must be a whole number"),
        ({"fps": "fast"}, "fps must be a number"),
        ({"conform": 1}, "conform must be true or false"),
        ({"boards": {}}, "boards must be a list"),
        ({"boards": [{"frame": 1}]}, "missing key boards[0].image"),
        ({"boards": [3]}, "must be an object"),
        ({"prompt": None}, "prompt must be text"),
    ],
)
def test_faults_name_their_place(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(EngineError) as caught:
        from_json(ShotRequest, to_json(REQUEST) | change)
    assert complaint in caught.value.line


def test_missing_keys_and_defaults() -> None:
    with pytest.raises(EngineError, match="missing key frames"):
        from_json(ShotRequest, {"model": "m"})
    least = {"model": "m", "prompt": "p", "boards": [], "frames": 3}
    assert from_json(ShotRequest, least) == ShotRequest("m", "p", (), frames=3)


def test_events_of_no_known_name() -> None:
    for data in ({}, {"event": "exploded"}, {"event": 3}, {"event": ["step"]}):
        with pytest.raises(EngineError, match="there is no event"):
            event_from_json(data)


def test_an_event_knows_its_name() -> None:
    assert to_json(Step(0, 1, 25, None)) == {"event": "step", "section": 0, "step": 1, "of": 25, "seconds_left": None}
    assert Started.event == "started"


@pytest.mark.parametrize("code", list(Code))
def test_every_code_reads_as_one_sentence_with_advice(code: Code) -> None:
    import string

    explanation = EXPLANATIONS[code]
    fields = {
        name
        for template in (explanation.sentence, explanation.advice)
        for _, name, _, _ in string.Formatter().parse(template)
        if name
    }
    error = EngineError(code, **dict.fromkeys(fields, "x"))
    assert error.line.endswith(".")
    assert "; " in error.line
    assert "\n" not in error.line
    assert error.exit_code in {1, 2, 3, 4, 5}
    if fields:
        with pytest.raises(KeyError):
            EngineError(code)


def test_keys_of_a_later_release_are_ignored() -> None:
    later = to_json(REQUEST) | {"colour": 1}
    later["boards"] = [board | {"x": 2} for board in later["boards"]]
    assert from_json(ShotRequest, later) == REQUEST
    assert event_from_json(to_json(Step(0, 1, 2, None)) | {"speed": 3}) == Step(0, 1, 2, None)


def test_a_preview_of_an_engine_of_0_1_0_is_a_sheet_alone() -> None:
    told = {"event": "preview", "section": 2, "step": 5, "jpeg": "/9j/"}
    assert event_from_json(told) == Preview(2, 5, "/9j/")
    assert event_from_json(told | {"frames": ["/9j/", "/9k/"]}) == Preview(2, 5, "/9j/", ("/9j/", "/9k/"))
