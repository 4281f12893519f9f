"""`serve` in this process: what it says, and leaves behind, where it cannot start or is not alone."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from engine.commands import serve
from engine.errors import Code, EngineError
from engine.protocol import ENGINE_FILE
from engine.server.service import Service
from engine.server.workers.local_pool import LocalPool


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    monkeypatch.setattr(LocalPool, "start", lambda _pool, _listener: None)  # no worker is wanted
    parser = argparse.ArgumentParser()
    serve.add_parser(parser.add_subparsers())
    return parser.parse_args(["serve", "--home", str(tmp_path / "home"), "--device", "cpu", "--detach"])


def test_an_engine_that_cannot_start_is_not_said_to_be_ready(arguments, monkeypatch, capsys):
    def refuse(_service: Service) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Service, "start", refuse)
    with pytest.raises(EngineError) as refused:
        serve.run(arguments)
    assert refused.value.code is Code.ENGINE_START_FAILED
    assert capsys.readouterr().out == ""
    assert not (arguments.home / ENGINE_FILE).exists()


@pytest.mark.parametrize("another", [False, True])
def test_an_engine_that_ends_takes_its_own_address_along_and_no_others(arguments, monkeypatch, another):
    address = arguments.home / ENGINE_FILE
    server, listening = None, serve._server

    def made(*given):
        nonlocal server
        server, socket = listening(*given)
        started = server.startup

        async def startup(**more) -> None:
            await started(**more)
            server.should_exit = True
            if another:  # the home was wiped, and somebody else serves it now
                address.write_text(json.dumps(json.loads(address.read_text()) | {"pid": 1}))

        server.startup = startup
        return server, socket

    monkeypatch.setattr(serve, "_server", made)
    assert serve.run(arguments) == 0
    assert server is not None
    assert server.started
    assert address.exists() is another
