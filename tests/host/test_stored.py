"""A film that 0.1.0 saved opens, and the shot that it had half made goes on (see `tests/engine/test_stored.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.host import studio
from tests.host.studio import bpy, part, step_until
from tests.host.test_shot import frames_of


@pytest.fixture
def film(scene: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The film, with an engine of its own over the home that lay beside it."""
    with ZipFile(studio.FIXTURES / "stored-by-0.1.0.zip") as archive:
        archive.extractall(tmp_path)
    studio.make_models(tmp_path / "engine")  # where they are looked for once the engine's home is set
    preferences = bpy.context.preferences.addons[studio.ADDON].preferences
    other = part("engine.client.engine_client").EngineClient()
    monkeypatch.setattr(part("operators.runtime"), "client", other)
    preferences.home = str(tmp_path / "engine")
    yield tmp_path / "film" / "film.blend"
    studio.new_file()
    other.close()
    preferences.home = ""


def test_a_film_of_0_1_0_opens_and_its_shots_are_whole(film: Path) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(film))
    shot_strips, runtime = part("operators.shot_strips"), part("operators.runtime")
    metas = {meta.shotpack.name: meta for _, meta in shot_strips.stamped()}
    assert {name: meta.shotpack.state for name, meta in metas.items()} == {
        "panel-1": "finished",
        "panel-1-001": "paused",
    }
    (whole,) = metas["panel-1"].strips
    assert len(frames_of(whole)) == 37
    assert all(path.is_file() for path in frames_of(whole))
    shot = metas["panel-1-001"].shotpack.shot
    job = step_until(lambda: (client := runtime.client) and client.job(client.shots[shot]))
    step_until(lambda: job.state == "paused")
    runtime.client.act(runtime.client.shots[shot], "resume")
    step_until(lambda: shot_strips.find(shot)[0].shotpack.state == "finished")
    (strip,) = step_until(lambda: len(strips := list(shot_strips.find(shot)[0].strips)) == 1 and strips)
    assert len(frames_of(strip)) == 109
    assert all(path.is_file() for path in frames_of(strip))

    # A shot that 0.1.0 made has takes like any other; its strip keeps no plan, and the engine tells of its model.
    scene, whole = bpy.context.scene, shot_strips.find(metas["panel-1"].shotpack.shot)[0]
    part("operators.sequencer").select(scene, whole)
    before = [path.name for path in frames_of(whole.strips[0])]
    assert bpy.ops.shotpack.new_take(of="SECTION") == {"FINISHED"}
    step_until(lambda: shot_strips.find(whole.shotpack.shot)[0].shotpack.state == "finished")
    shown = [path.name for path in frames_of(whole.strips[0])]
    assert all(name.endswith("-t02.png") for name in shown[1:])
    assert bpy.ops.shotpack.show_take(take=1) == {"FINISHED"}
    assert [path.name for path in frames_of(whole.strips[0])] == before
