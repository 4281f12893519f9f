"""Every test begins with an empty file in the same Blender, with the extension installed from its zip."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.host import studio
from tests.patience import PATIENCE

_MOVIE = """
import sys, numpy as np, av
from tests.patience import PATIENCE
with av.open(sys.argv[1], "w") as file:
    stream = file.add_stream("libx264", rate=30)
    stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p"
    for level in (20, 200):
        for _ in range(15):
            picture = np.full((128, 192, 3), level, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    file.mux(stream.encode())
"""


@pytest.fixture(scope="session")
def extension() -> Iterator[None]:
    studio.install()
    runtime = studio.part("operators.runtime")
    runtime.the_client()  # without a window nothing is done by itself before a script has asked for something
    yield
    engine = runtime.the_client()._engine
    runtime.detach()
    if engine is not None:
        engine.process.wait(PATIENCE)  # it ends by itself, because its pipe has closed


@pytest.fixture
def scene(extension: None) -> Iterator[Any]:
    yield studio.new_file()
    for shot in list(studio.part("operators.runtime").the_client().shots.values()):
        if shot.job and not shot.complete:
            studio.part("operators.runtime").the_client().act(shot, "cancel")
    studio.part("operators.runtime").step()


@pytest.fixture(scope="session")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """15 dark frames, then 15 bright ones, at 30 a second."""
    path = tmp_path_factory.mktemp("movie") / "movie.mp4"
    subprocess.run([studio.ENGINE_PYTHON, "-c", _MOVIE, str(path)], check=True)
    return path


@pytest.fixture
def saved(scene: Any, tmp_path: Path) -> Any:
    """A scene whose file has a place, so that shots lie beside it."""
    studio.bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    return studio.bpy.context.scene


@pytest.fixture(params=["here", "elsewhere"])
def streamed(saved: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The same, for tests of frames that come: from an engine whose folder is here, and from one that shares none."""
    client_module = studio.part("engine.client.engine_line")
    source, tracker = client_module.Source, studio.part("operators.runtime").the_client()._tracker

    def share(home: Path | None) -> None:
        if tracker.source is not None:
            tracker.source = source(tracker.source.connection, home)

    if request.param == "elsewhere":
        monkeypatch.setattr(client_module, "Source", lambda connection, _home: source(connection, None))
        share(None)
    yield saved
    share(studio.part("operators.settings").home())
