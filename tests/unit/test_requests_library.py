"""The library that calls go through may be anything: another extension may have put its own in that place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.client.requests_library import library
from engine.errors import Code, EngineError


def test_the_library_is_the_one_that_is_there() -> None:
    assert library().__name__ == "requests"


@pytest.mark.parametrize(
    "source",
    [
        "import urllib4",
        "raise AttributeError('no chardet')",
        "import sys; sys.exit('a script')",
        "import json",
        "def broken(",
        "Session = None",
    ],
)
def test_one_that_is_of_no_use_is_told_in_a_sentence(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "requests.py").write_text(source, encoding="utf-8")
    with monkeypatch.context() as patched:
        for name in [name for name in sys.modules if name.partition(".")[0] == "requests"]:
            patched.delitem(sys.modules, name)
        patched.syspath_prepend(tmp_path)
        with pytest.raises(EngineError) as raised:
            library()
        sys.modules.pop("requests", None)
    assert raised.value.code is Code.REQUESTS_BROKEN
    assert "restart Blender" in raised.value.advice
    assert library().__name__ == "requests"
