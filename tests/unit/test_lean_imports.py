"""What is left out of an import counts as not installed meanwhile, and is there afterwards."""

from __future__ import annotations

import gc
import importlib
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from engine.inference.lean_imports import lean_imports


@pytest.fixture
def optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package that is installed and not imported."""
    (tmp_path / "heavy_option.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "heavy_option", raising=False)
    return "heavy_option"


def test_it_counts_as_not_installed_until_the_end(optional: str) -> None:
    with lean_imports(optional):
        assert find_spec(optional) is None
        with pytest.raises(ImportError):
            importlib.import_module(optional)
        assert not gc.isenabled()
    assert gc.isenabled()
    assert importlib.import_module(optional).__name__ == optional


def test_after_an_import_that_fails_all_is_as_before(optional: str) -> None:
    with pytest.raises(ZeroDivisionError), lean_imports(optional):
        raise ZeroDivisionError
    assert gc.isenabled()
    assert find_spec(optional) is not None


def test_what_is_imported_already_stays(optional: str) -> None:
    module = importlib.import_module(optional)
    with lean_imports(optional):
        assert importlib.import_module(optional) is module
    assert sys.modules[optional] is module
