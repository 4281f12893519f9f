"""What server and worker say to each other survives the pipe; anything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import EngineError
from engine.events import Step, event_from_json
from engine.protocol import Board, ShotRequest
from engine.serialization import to_json, to_json_text
from engine.server.workers.worker_messages import (
    Amend,
    Beat,
    Cancel,
    Happened,
    Make,
    Park,
    Pause,
    Paused,
    Ready,
    Release,
    Released,
    Resume,
    Resumed,
    Unpark,
    order_from_line,
    report_from_line,
    to_line,
)

text = st.text(max_size=30)
requests = st.builds(ShotRequest, text, text, st.just((Board(1, "f" * 64),)), frames=st.integers(1, 999)).map(
    to_json_text
)
orders = st.one_of(
    st.builds(Make, text, requests, st.integers(0, 9)),
    st.builds(Amend, text, requests),
    *(st.builds(kind, text) for kind in (Pause, Resume, Cancel, Release)),
    *(st.builds(kind) for kind in (Park, Unpark)),
)
reports = st.one_of(
    st.builds(Ready, text, text, st.integers(0)),
    st.builds(Beat, text, st.integers(0), text, st.integers(0)),
    *(st.builds(kind, text) for kind in (Paused, Resumed, Released)),
)


@given(orders)
def test_orders_come_back(order):
    line = to_line(order)
    assert line.count("\n") == 1
    assert order_from_line(line) == order


@given(reports)
def test_reports_come_back(report):
    assert report_from_line(to_line(report)) == report


@pytest.mark.parametrize("message", [Pause("job"), Paused("job"), Beat("idle", 1), Happened("job", {"event": "x"})])
def test_keys_that_are_not_known_are_ignored(message):
    line = to_line(message).replace("{", '{"mood": "good", ', 1)
    read = order_from_line if isinstance(message, Pause) else report_from_line
    assert read(line) == message


def test_an_event_comes_through_as_it_is():
    step = Step(1, 2, 3, 4.5)
    happened = report_from_line(to_line(Happened("job", to_json(step))))
    assert isinstance(happened, Happened)
    assert event_from_json(happened.event) == step


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "{}", '{"kind": "jump"}', '{"kind": "pause"}', '{"kind": "ready"}', "null"]
)
def test_nonsense_is_refused(line):
    with pytest.raises(EngineError):
        order_from_line(line)
    with pytest.raises(EngineError):
        report_from_line(line)
