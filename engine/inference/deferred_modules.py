"""Packages whose own `__init__` runs only once somebody asks for what it makes; their submodules are imported without.

Some `__init__`s take longer than all that a shot needs of their package: transformers' reads a thousand files to know
which name is in which of them, diffusers' import every model there is. Until it runs, another module stands where the
package's would; then the package is imported as ever, and that one passes on to it whatever it is asked by those who
have it already. (`importlib.util.LazyLoader` runs a package before its first submodule.)
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

WITHOUT_MEMORY = "torch._meta_registrations"
"""What torch's operations written in Python make of tensors without memory, for the compiler. Networks are made of such
tensors before their weights are read, and these operations import the compiler then; torch itself knows those that a
network is made by, and `loading.py` has this run where one needs more."""
_giving_way = threading.Lock()
"""Never held while something is imported."""


class _Deferred(ModuleType):
    """What stands in for a module that has not run. Python asks `__getattr__` for what is not there."""

    def __init__(self, spec: ModuleSpec, places: Mapping[str, str]) -> None:
        super().__init__(spec.name)
        self.__dict__.update(module_from_spec(spec).__dict__)
        self.__places__ = places

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":  # all its names are wanted
            itself = _run(self)
            return getattr(itself, name, [each for each in vars(itself) if not each.startswith("_")])
        if name.startswith("__"):
            # Python's own questions, such as whether it is wrapped, are no reason to run it.
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} yet")
        if is_deferred(self.__name__):
            try:
                if name in self.__places__:
                    return getattr(import_module(self.__places__[name]), name)
                if hasattr(self, "__path__") and find_spec(f"{self.__name__}.{name}") is not None:
                    return import_module(f"{self.__name__}.{name}")
            except (ImportError, AttributeError):
                pass  # it is somewhere else in this version: the package knows
        return getattr(_run(self), name)

    def __dir__(self) -> list[str]:
        return dir(_run(self))


class _RunForMore(MetaPathFinder):
    """Runs a deferred package for submodules that are no files of it: it may have a finder of its own for them."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        package = name.rpartition(".")[0]
        while package:
            module = sys.modules.get(package)
            if isinstance(module, _Deferred):
                _run(module)
                return find_spec(name)
            package = package.rpartition(".")[0]
        return None


class _RunBefore(MetaPathFinder):
    """Runs a deferred module before another one is imported, which counts on it."""

    def __init__(self, name: str, other: str) -> None:
        self._name, self._other = name, other

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if name == self._other:
            run_deferred(self._name)


def defer(name: str, places: Mapping[str, str] | None = None) -> ModuleType | None:
    """Have a module that is not imported yet run only when it is asked for more; None where it is imported or missing.

    `places` says in which modules some of its names are. Of a package any submodule can be imported before it runs.
    """
    spec = None if name in sys.modules else _find(name)
    if spec is None:
        return None
    module = _Deferred(spec, places or {})
    sys.modules[name] = module
    parent, _, own = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], own, module)
    if not any(isinstance(finder, _RunForMore) for finder in sys.meta_path):
        sys.meta_path.append(_RunForMore())
    return module


def run_before(name: str, other: str) -> None:
    """Have a deferred module run at the latest when the `other` one is imported."""
    if other in sys.modules:
        run_deferred(name)
    elif is_deferred(name):
        sys.meta_path.insert(0, _RunBefore(name, other))


def run_deferred(name: str) -> bool:
    """Have a module run now; returns whether it was deferred."""
    module = sys.modules.get(name)
    if not isinstance(module, _Deferred):
        return False
    _run(module)
    return True


def is_deferred(name: str) -> bool:
    """Whether a module waits to be asked for more."""
    return isinstance(sys.modules.get(name), _Deferred)


def _find(name: str) -> ModuleSpec | None:
    """The spec of a module, whose package is not imported for that."""
    package = name.rpartition(".")[0]
    if not package or package in sys.modules:
        return find_spec(name)
    above = _find(package)
    return PathFinder.find_spec(name, above.submodule_search_locations) if above is not None else None


def _run(module: _Deferred) -> ModuleType:
    """The module itself, imported now unless it was."""
    with _giving_way:
        if sys.modules.get(module.__name__) is module:
            del sys.modules[module.__name__]
    itself = import_module(module.__name__)
    for own, value in list(module.__dict__.items()):
        if isinstance(value, ModuleType) and value.__name__ == f"{module.__name__}.{own}":
            itself.__dict__.setdefault(own, value)
    return itself
