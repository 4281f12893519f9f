"""What opening a file does: nothing that the artist has not asked for, and nothing outside of shots' own folders."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host.studio import FIXTURES, add_board, bpy, metas_of, part, step_until
from tests.host.test_shot import generate

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need leave there")
JOB = "0123456789abcdef"


def stamped(scene, folder: Path, *, job: str = "", name: str = "panel-1", request: dict | None = None):
    """A shot's strip as a file that somebody sent may hold it, with a board in its folder."""
    timeline, shot_module = part("operators.timeline"), part("engine.client.shot")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "board.png").write_bytes((FIXTURES / "board.png").read_bytes())
    asked = {"name": name, "model": "tiny", "prompt": "w5 w2", "frames": 37, "fps": 30.0, "seed": 0}
    asked |= {"boards": [[1, "board.png"]], **(request or {})}
    shot = shot_module.Shot(part("operators.runtime").new_id(), name, folder, 37, job, json.dumps(asked))
    shot.key = f"key-{name}"
    channel = 2 + len(metas_of(scene))
    meta = timeline.place(scene, shot, timeline.Spot(1, 37, channel), folder / "board.png")
    meta.shotpack.job = job
    meta.shotpack.state = "running" if job else "sending"
    return meta.shotpack.shot


def reopened():
    """The file, saved and opened again, after everything that opening it has set going is done; returns its scene."""
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    client, done = part("operators.runtime").the_client(), []
    client._calls.send(lambda: None, lambda _: done.append(True), lambda _: done.append(True))
    step_until(lambda: done and client.state != "starting")
    return bpy.context.scene


def strip(shot: str):
    return part("operators.shot_strips").find(shot)[0]


@pytest.fixture
def client(saved):
    """The client, with an engine that is ready and has had all that earlier tests have sent: calls go in turn."""
    part("operators.runtime").wake()
    client = part("operators.runtime").the_client()
    step_until(lambda: client.state == "ready")
    answered = []
    client._calls.send(lambda: True, answered.append, answered.append)
    step_until(lambda: answered)
    return client


def jobs(client) -> set[str]:
    return {job["id"] for job in client._connection().jobs()}


def test_what_was_never_sent_waits_for_a_press(saved, client, tmp_path):
    one = stamped(saved, tmp_path / "shots" / "panel-1")
    two = stamped(saved, tmp_path / "shots" / "panel-2", name="panel-2")
    before = jobs(client)
    scene = reopened()
    assert jobs(client) == before
    assert not client.shots
    assert [strip(shot).shotpack.job for shot in (one, two)] == ["", ""]
    adoption = part("operators.adoption")
    assert [meta.shotpack.shot for meta in adoption.unsent(scene)] == [one, two]
    assert bpy.ops.shotpack.send_unsent(shot=one) == {"FINISHED"}
    assert [meta.shotpack.shot for meta in adoption.unsent(scene)] == [two]
    assert bpy.ops.shotpack.send_unsent() == {"FINISHED"}
    assert adoption.unsent() == []
    step_until(lambda: all(strip(shot).shotpack.job for shot in (one, two)))
    assert len(jobs(client) - before) == 2
    # The answer to one was lost with the Blender that had asked: asked again, it is the same job and no second one.
    job = strip(one).shotpack.job
    strip(one).shotpack.job = ""
    reopened()
    assert bpy.ops.shotpack.send_unsent() == {"FINISHED"}
    step_until(lambda: strip(one).shotpack.job)
    assert strip(one).shotpack.job == job


def elsewhere(tmp_path: Path, how: str) -> Path:
    """A folder that is not the file's own, however it looks."""
    other = tmp_path.with_name(f"{tmp_path.name}-elsewhere")
    other.mkdir()
    if how == "link":
        (tmp_path / "shots").mkdir()
        (tmp_path / "shots" / "panel-1").symlink_to(other, target_is_directory=True)
        return tmp_path / "shots" / "panel-1"
    if how == "linked shots":
        (tmp_path / "shots").symlink_to(other, target_is_directory=True)
        return tmp_path / "shots" / "panel-1"
    if how == "climbing":
        (tmp_path / "shots" / "panel-1").mkdir(parents=True)
        return tmp_path / "shots" / "panel-1" / ".." / ".." / "panel-1"
    return {"absolute": other / "panel-1", "deeper": tmp_path / "shots" / "a" / "panel-1", "shots": tmp_path / "shots"}[
        how
    ]


@pytest.mark.parametrize("how", ["absolute", "link", "linked shots", "climbing", "deeper", "shots"])
def test_a_folder_that_the_file_names_is_left_alone_until_it_is_agreed_to(saved, client, tmp_path, how):
    folder = elsewhere(tmp_path, how)
    unsent = stamped(saved, folder)
    sent = stamped(saved, folder, job=JOB, name="panel-2")
    before, there = jobs(client), sorted(folder.iterdir())
    reopened()
    assert not client.shots
    for order in (bpy.ops.shotpack.send_unsent, bpy.ops.shotpack.resume, bpy.ops.shotpack.fetch_again):
        for shot in (unsent, sent):
            try:
                order(shot=shot)
            except RuntimeError as refused:
                assert "Use This Folder" in str(refused) or "let the shot use it" in str(refused)
    assert not client.shots
    assert jobs(client) == before
    assert sorted(folder.iterdir()) == there
    problem = part("operators.problems").of_error(part("operators.adoption").left_alone[unsent])
    assert str(part("operators.shot_strips").folder_of(strip(unsent))) in problem.sentence
    assert problem.fix.operator == "shotpack.use_folder"
    assert bpy.ops.shotpack.use_folder(shot=unsent) == {"FINISHED"}
    assert set(client.shots) == {sent}  # followed; what was never sent waits for a press of its own
    assert [meta.shotpack.shot for meta in part("operators.adoption").unsent()] == [unsent]
    reopened()
    assert set(client.shots) == {sent}  # it is noted, outside of the file


def test_a_folder_that_was_agreed_to_and_leads_elsewhere_now_is_asked_about_again(saved, client, tmp_path):
    folder = elsewhere(tmp_path, "link")
    stamped(saved, folder, job=JOB)
    reopened()
    (shot,) = part("operators.adoption").left_alone
    assert bpy.ops.shotpack.use_folder(shot=shot) == {"FINISHED"}
    another = tmp_path / "another"
    another.mkdir()
    folder.unlink()
    folder.symlink_to(another, target_is_directory=True)
    reopened()
    assert set(part("operators.adoption").left_alone) == {shot}
    assert not client.shots


def test_a_file_saved_elsewhere_keeps_its_shots_folders(saved, client, tmp_path):
    shot = stamped(saved, tmp_path / "shots" / "panel-1", job=JOB)
    (tmp_path / "copies").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "copies" / "film.blend"))
    reopened()
    assert set(client.shots) == {shot}
    # Somebody else's file that names the same place is not trusted for that: it is this artist's who saved it there.
    assert part("operators.shot_strips").folder_of(strip(shot)) == tmp_path / "shots" / "panel-1"


@pytest.mark.parametrize(
    "nonsense",
    [{"job": "../../jobs"}, {"shot": "../up"}, {"job": "a/b"}, {"frames": 2**31 - 1}, {"frames": 0}, {"key": "x" * 65}],
)
def test_nonsense_in_a_strip_is_said_and_nothing_follows_from_it(saved, client, tmp_path, nonsense):
    shot = stamped(saved, tmp_path / "shots" / "panel-1", job=JOB)
    for name, value in nonsense.items():
        setattr(strip(shot).shotpack, name, value)
    shot = nonsense.get("shot", shot)
    reopened()
    assert not client.shots
    assert part("operators.adoption").left_alone[shot].code == "bad_request"


def test_no_engine_is_started_for_a_job_that_is_not_in_the_store(saved, client, tmp_path):
    add_board(saved, length=37)
    known = generate(saved).shotpack.shot
    step_until(lambda: strip(known).shotpack.job)
    unknown = stamped(saved, tmp_path / "shots" / "other", job=JOB)
    own = strip(known)
    job, own.shotpack.job = own.shotpack.job, "fedcba9876543210"
    client.stop()
    step_until(lambda: not (part("operators.settings").home() / "engine.json").exists())
    reopened()
    assert client.state == "off"
    problems = part("operators.problems")
    for shot in (unknown, known):
        assert problems.of_shot(client.shots[shot], None).fix.operator == "shotpack.send_again"
    strip(known).shotpack.job = job
    reopened()
    assert client.state == "ready"


def test_another_shots_job_is_not_fetched(saved, client, tmp_path):
    add_board(saved, length=37)
    shot = generate(saved).shotpack.shot
    step_until(lambda: strip(shot).shotpack.state == "finished")
    other = tmp_path / "shots" / "other"
    stranger = stamped(saved, other, job=strip(shot).shotpack.job, request={"seed": 7})
    reopened()
    problem = step_until(lambda: part("operators.problems").of_shot(client.shots[stranger], None))
    assert problem.fix.operator == "shotpack.send_again"
    assert [path.name for path in other.iterdir()] == ["board.png"]
    assert strip(stranger).shotpack.state != "finished"


def test_a_film_that_comes_with_a_file_is_not_taken_when_its_shot_is_sent(saved, client, tmp_path):
    folder = tmp_path / "shots" / "panel-1"
    shot = stamped(saved, folder, request={"boards": [], "clip": ["clip-0001.png"]})
    secret = add_board(saved, length=1)
    saved.timeline_markers.new("clip-0001.png", frame=1)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "clip.blend"), copy=True)
    saved.timeline_markers.clear()
    saved.sequence_editor.strips.remove(secret)
    reopened()
    if shot not in client.shots:
        assert bpy.ops.shotpack.send_unsent(shot=shot) == {"FINISHED"}
    problem = step_until(lambda: part("operators.problems").of_shot(client.shots[shot], None))
    assert not (folder / "clip-0001.png").exists()
    assert "may show anything on this machine" in problem.sentence
    assert problem.advice == "Generate the shot anew."


@pytest.mark.parametrize("name", ["../mine.png", "mine.png", "clip-0001.blend"])
def test_a_film_that_comes_with_a_file_writes_nowhere_else(saved, tmp_path, name):
    mine, into = tmp_path / "mine.png", tmp_path / "into"
    mine.write_bytes(b"mine")
    into.mkdir()
    saved.timeline_markers.new("clip-0001.png", frame=1)
    saved.timeline_markers.new(str(mine) if name == "mine.png" else name, frame=2)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "clip.blend"), copy=True)
    program = Path(part("operators.lead_clip").__file__).with_name("render_clip.py")
    command = [*part("operators.background_program").background_program(program), str(tmp_path / "clip.blend")]
    ran = subprocess.run([*command, str(into)], cwd=into, capture_output=True, text=True, check=False)
    assert ran.returncode
    assert "is not the name of a film's picture" in ran.stderr
    assert mine.read_bytes() == b"mine"
    assert list(into.iterdir()) == []
