"""What finishing can do only with packages beyond the engine's own: whether they are here, and what installs them."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from ..errors import Code, EngineError

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements" / "finishing.txt"


def has(module: str) -> bool:
    """Whether a module is installed; it is not imported."""
    return find_spec(module) is not None


def require(what: str, *modules: str) -> None:
    """Raise EngineError `extra_missing` where one of the modules that `what` needs is not installed."""
    if not all(has(module) for module in modules):
        raise EngineError(Code.EXTRA_MISSING, what=what, command=install_command())


def install_command() -> str:
    """What installs them for the Python that runs: by any pip, as the engine's own environment has none."""
    return f'pip --python "{sys.executable}" install --no-deps --require-hashes -r "{REQUIREMENTS}"'


def versions(*packages: str) -> dict[str, str]:
    """The versions of those packages that are installed, for the record of what they made."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
