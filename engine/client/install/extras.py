"""Additions to the engine's environment: packages that only some artists want, in a folder of their own inside it.

ENVIRONMENT/extras/NAME holds what requirements/NAME.txt locks, and a stamp that is there from the moment that it is
whole: it is filled beside its place and moved there. A line in the environment's own packages leads its Python to that
folder, after all that is the engine's, so that nothing of the engine is ever replaced. Who removes the environment
removes its additions, and who makes another one of it makes them again (`installer.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from .environment import EnvironmentState, hash_of, remove

FINISHING = "finishing"
"""What enlarges finished shots."""
CHECKS = {FINISHING: "import cv2"}
"""By its name, what the environment's Python must be able to do with an addition."""
NAMES = tuple(CHECKS)
NEEDED_BYTES = 2**30
_FOLDER = "extras"
_STAMP = "shotpack-extra.json"
_LEADS = "shotpack-extras.pth"


def requirements_of(requirements: Path, name: str) -> Path:
    """What fills an addition, beside the engine's `requirements`."""
    return requirements.with_name(f"{name}.txt")


def state_of(environment: Path, requirements: Path, name: str) -> EnvironmentState:
    """How an addition of an environment stands."""
    place = environment / _FOLDER / name
    if not place.exists():
        return EnvironmentState.ABSENT
    try:
        current = json.loads((place / _STAMP).read_bytes())["requirements"] == hash_of(
            [requirements_of(requirements, name)]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return EnvironmentState.INCOMPLETE
    return EnvironmentState.READY if current else EnvironmentState.OUTDATED


def there(environment: Path) -> list[str]:
    """The additions that an environment has, whole ones alone."""
    return [name for name in NAMES if (environment / _FOLDER / name / _STAMP).is_file()]


def begin(environment: Path, name: str) -> Path:
    """The folder that is to be filled; what a killed install has left there is removed."""
    abandon(environment, name)
    new = environment / _FOLDER / f"{name}.new"
    new.mkdir(parents=True)
    return new


def abandon(environment: Path, name: str) -> None:
    """Remove a folder that came to nothing."""
    remove(environment / _FOLDER / f"{name}.new")


def finish(environment: Path, requirements: Path, name: str) -> None:
    """Put a filled folder in its place, and lead the environment's Python there."""
    new, place, old = (environment / _FOLDER / f"{name}{end}" for end in (".new", "", ".old"))
    (new / _STAMP).write_text(
        json.dumps({"requirements": hash_of([requirements_of(requirements, name)])}), encoding="utf-8"
    )
    remove(old)
    if place.exists():
        place.rename(old)
    new.rename(place)
    for packages in _site_packages(environment):
        leads = (os.path.relpath(environment / _FOLDER / each, packages) for each in NAMES)
        part = packages / f"{_LEADS}.part"
        part.write_text("".join(f"{line}\n" for line in leads), encoding="utf-8")
        part.replace(packages / _LEADS)
    remove(old)


def _site_packages(environment: Path) -> Iterator[Path]:
    """Where an environment's Python looks for packages, on Windows and elsewhere."""
    yield from (path for path in (environment / "Lib" / "site-packages",) if path.is_dir())
    yield from environment.glob("lib/python*/site-packages")
