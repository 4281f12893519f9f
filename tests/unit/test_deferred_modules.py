"""Modules that run once somebody asks for a name in them, and packages whose submodules are imported before that."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.inference.deferred_modules import defer, is_deferred, run_before, run_deferred

COUNTED = "import os\nos.environ['SLOW_RUNS'] = str(int(os.environ['SLOW_RUNS']) + 1)\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that says when it runs, with a submodule, `part`, and a name, `own`."""
    root = tmp_path / "slow_package"
    root.mkdir()
    (root / "__init__.py").write_text(f"{COUNTED}own = 'its own'\n")
    (root / "part.py").write_text("value = 7\n")
    (root / "deep.py").write_text("from . import part\nfrom slow_package import own\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SLOW_RUNS", "0")
    yield "slow_package"
    for name in [each for each in sys.modules if each.partition(".")[0] == "slow_package"]:
        del sys.modules[name]


def runs() -> int:
    return int(os.environ["SLOW_RUNS"])


def test_it_runs_once_a_name_is_asked_for_and_only_then(package: str) -> None:
    defer(package)
    part = importlib.import_module("slow_package.part")
    module = importlib.import_module(package)
    assert (part.value, module.part, runs()) == (7, part, 0)
    assert not hasattr(module, "__wrapped__")
    assert runs() == 0
    assert (module.own, module.own, runs()) == ("its own", "its own", 1)
    assert module.part is part
    with pytest.raises(AttributeError, match="nowhere"):
        module.nowhere  # noqa: B018


def test_names_with_a_place_and_submodules_do_not_run_it(package: str) -> None:
    defer(package, {"value": "slow_package.part"})
    taken: dict[str, Any] = {}
    exec("from slow_package import part, value", taken)
    assert (taken["part"].value, taken["value"], runs()) == (7, 7, 0)
    assert importlib.import_module("slow_package.deep").own == "its own"
    assert runs() == 1


def test_what_is_imported_already_is_left_alone(package: str) -> None:
    module = importlib.import_module(package)
    assert defer(package) is None
    assert sys.modules[package] is module
    assert defer("no_such_module_here") is None


def test_one_that_puts_another_in_its_place(package: str, tmp_path: Path) -> None:
    """As transformers does."""
    lines = "import sys, types\nother = types.ModuleType(__name__)\nother.found = 3\nsys.modules[__name__] = other\n"
    (tmp_path / "slow_package" / "__init__.py").write_text(lines)
    module = defer(package)
    taken: dict[str, Any] = {}
    exec("from slow_package import found", taken)
    assert taken["found"] == 3
    assert module is not None
    assert module.found == 3


def test_all_its_names_are_its_own(package: str) -> None:
    """For whoever lists them, or takes all."""
    module = defer(package)
    part = importlib.import_module("slow_package.part")
    taken: dict[str, Any] = {}
    exec("from slow_package import *", taken)
    assert (taken["own"], taken["part"], runs()) == ("its own", part, 1)
    itself = importlib.import_module(package)
    assert dir(module) == dir(itself)
    assert not is_deferred(package)
    assert type(itself) is type(sys)


def test_a_place_that_another_version_does_not_have(package: str) -> None:
    """Neither the module, nor the name in it: the package itself knows."""
    module = defer(package, {"own": "slow_package.nowhere", "other": "slow_package.part"})
    assert module is not None
    assert (module.own, runs()) == ("its own", 1)
    with pytest.raises(AttributeError, match="other"):
        module.other  # noqa: B018


def test_a_submodule_that_the_package_finds_by_itself(package: str, tmp_path: Path) -> None:
    """As transformers does with names of earlier versions."""
    lines = """
import sys
from importlib.util import find_spec

class Earlier:
    def find_spec(name, path=None, target=None):
        return find_spec("slow_package.part") if name == "slow_package.earlier" else None

sys.meta_path.append(Earlier)
"""
    (tmp_path / "slow_package" / "__init__.py").write_text(lines)
    before = list(sys.meta_path)
    try:
        defer(package)
        assert importlib.import_module("slow_package.part").value == 7
        assert is_deferred(package)
        assert importlib.import_module("slow_package.earlier").value == 7
        assert not is_deferred(package)
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("slow_package.nowhere")
    finally:
        sys.meta_path[:] = before


def test_one_that_fails_fails_as_ever_and_may_be_tried_again(package: str, tmp_path: Path) -> None:
    code = tmp_path / "slow_package" / "__init__.py"
    whole = code.read_text()
    code.write_text("import no_such_module_here\n")
    defer(package)
    with pytest.raises(ModuleNotFoundError, match="no_such_module_here"):
        importlib.import_module(package).own  # noqa: B018
    code.write_text(f"# mended\n{whole}")
    assert importlib.import_module(package).own == "its own"


def test_a_submodule_may_be_deferred_before_its_package_is_imported(package: str) -> None:
    module = defer("slow_package.part")
    assert runs() == 0
    taken: dict[str, Any] = {}
    exec("from slow_package import part", taken)
    assert (taken["part"], runs()) == (module, 1)
    assert is_deferred("slow_package.part")
    assert taken["part"].value == 7


def test_it_can_be_told_to_run(package: str) -> None:
    defer(package)
    assert run_deferred(package)
    assert not is_deferred(package)
    assert (runs(), run_deferred(package), runs()) == (1, False, 1)


def test_it_runs_before_whatever_counts_on_it(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    defer("slow_package.part")
    run_before("slow_package.part", "slow_package.deep")
    assert is_deferred("slow_package.part")
    importlib.import_module("slow_package.deep")
    assert not is_deferred("slow_package.part")
    defer(package)
    run_before(package, "sys")
    assert not is_deferred(package), "that one is there already"


def test_two_threads_run_it_once(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, found = threading.Event(), []
    monkeypatch.setitem(sys.modules, "slow_gate", SimpleNamespace(wait=gate.wait))
    lines = f"from slow_gate import wait\nwait()\n{COUNTED}own = 'its own'\n"
    (tmp_path / "slow_package" / "__init__.py").write_text(lines)
    module = defer(package)
    assert module is not None
    threads = [threading.Thread(target=lambda: found.append(module.own)) for _ in range(2)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert (found, runs()) == (["its own"] * 2, 1)
