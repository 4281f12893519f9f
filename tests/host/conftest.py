"""Every test begins with an empty file in the same Blender, with the extension installed from its zip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.host import studio


@pytest.fixture(scope="session")
def extension() -> Iterator[None]:
    studio.install()
    yield
    runtime = studio.part("operators.runtime")
    engine = runtime.the_desk()._engine
    runtime.detach()
    if engine is not None:
        engine.process.wait(30)  # it ends by itself, because its pipe has closed


@pytest.fixture
def scene(extension: None) -> Iterator[Any]:
    yield studio.new_file()
    for shot in list(studio.part("operators.runtime").the_desk().shots.values()):
        if shot.job and not shot.complete:
            studio.part("operators.runtime").the_desk().act(shot, "cancel")
    studio.part("operators.runtime").step()


@pytest.fixture
def saved(scene: Any, tmp_path: Path) -> Any:
    """A scene whose file has a place, so that shots lie beside it."""
    studio.bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    return studio.bpy.context.scene
