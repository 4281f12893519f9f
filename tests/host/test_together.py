"""Where takes, seeds, bridges, longer shots and shots through boards meet: what strips and requests say, no engine."""

from __future__ import annotations

import json
import types

import pytest
from PIL import Image

from tests.host.studio import add_board, bpy, metas_of, of_role, part, step_until
from tests.host.test_animate import asleep, panels  # noqa: F401
from tests.host.test_joins import pair, select, span, spoken, unspoken  # noqa: F401
from tests.host.test_panels import Panel
from tests.host.test_seeds import try_seeds
from tests.host.test_shot import frames_of
from tests.host.test_takes import FRAMES, digests, finished, folder_of, made, names_of, new_take, newest

JOB = "0123456789abcdef"


@pytest.fixture(autouse=True)
def no_store(monkeypatch):
    """Whether the engine's store has a job is not known."""
    monkeypatch.setattr(part("operators.new_take").local_store, "known", lambda _home, _jobs: None)


def finish(shot, job=JOB):
    """The engine has made it, and all its frames have come."""
    part("operators.runtime").the_client()._tracker.keep(shot)
    shot.job, mark = job, part("engine.client.takes").mark_of(shot.take)
    for frame in range(1, shot.frames + 1):
        name = f"{frame:04d}{mark}.png"
        Image.new("RGB", (24, 16), (frame % 256, 0, 0)).save(shot.folder / name)
        shot.pictures[frame] = name
    shot.finals, shot.complete = set(shot.pictures), True
    shot.revision += 1
    while part("operators.timeline").reconcile(shot, None):
        pass


def drawn(name: str, kind: str) -> Panel:
    panel = Panel()
    getattr(part(f"panels.{name}"), kind).draw(types.SimpleNamespace(layout=panel), bpy.context)
    return panel


def test_takes_of_a_bridge_hide_what_it_hides(saved, asleep, tmp_path):  # noqa: F811
    pair(saved, tmp_path, between=12)
    assert bpy.ops.shotpack.bridge() == {"FINISHED"}
    (meta,) = metas_of(saved)
    finish(asleep[0])
    assert (span(meta), meta.shotpack.hidden) == ((9, 21), 1)
    select(saved, meta)
    assert bpy.ops.shotpack.new_take() == {"FINISHED"}
    take = asleep[-1]
    assert (take.take, take.hidden, take.frames) == (2, 1, 13)
    assert json.loads(take.request)["boards"] == [[1, "board.png"], [14, "end.png"]]
    # Put back where no strip of it is left, and made again, it shows what it showed.
    finish(take)
    assert span(meta) == (9, 21)
    assert bpy.ops.shotpack.make_again(shot=take.id) == {"FINISHED"}
    assert (span(metas_of(saved)[-1]), metas_of(saved)[-1].shotpack.hidden) == ((9, 21), 1)
    assert "take" not in json.loads(asleep[-1].request)
    part("operators.timeline").remove(take.id)
    saved.frame_set(300)
    assert bpy.ops.shotpack.put_back(shot=take.id) == {"FINISHED"}
    assert span(metas_of(saved)[-1]) == (300, 312)


def test_a_bridge_sent_again_as_chosen_now_still_sees_its_end(saved, asleep, tmp_path):  # noqa: F811
    pair(saved, tmp_path, between=12)
    spoken({"orders": ["forward", "inverted"]})
    saved.shotpack.order = "forward"
    assert bpy.ops.shotpack.bridge() == {"FINISHED"}
    part("operators.runtime").the_client()._tracker.keep(asleep[0])
    assert bpy.ops.shotpack.send_again(shot=asleep[0].id, chosen_now=True) == {"FINISHED"}
    assert [json.loads(shot.request)["order"] for shot in asleep] == ["inverted", "inverted"]
    assert (asleep[-1].hidden, span(metas_of(saved)[0])) == (1, (9, 21))


def test_a_shot_through_boards_made_again_is_none_of_its_first_board(saved, asleep, tmp_path):  # noqa: F811
    for strip in panels(saved, tmp_path, 3):
        strip.select = True
    saved.shotpack.storyboard_shots = "THROUGH"
    assert bpy.ops.shotpack.animate() == {"FINISHED"}
    finish(asleep[0])
    assert bpy.ops.shotpack.make_again(shot=asleep[0].id) == {"FINISHED"}
    first, again = metas_of(saved)
    assert again.shotpack.through == first.shotpack.through != ""
    assert part("operators.batches").of_board(saved, "Panel 1") == []


def test_remove_shot_takes_takes_that_an_undo_took_off_its_list(saved, asleep, monkeypatch):  # noqa: F811
    removed = []
    monkeypatch.setattr(part("operators.runtime").the_client().keeping, "remove", lambda shot: removed.append(shot.id))
    add_board(saved, length=9)
    saved.shotpack.prompt = "w5"
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    finish(asleep[0])
    select(saved, *metas_of(saved))
    bpy.ops.ed.undo_push(message="made")
    assert bpy.ops.shotpack.new_take("EXEC_DEFAULT", True) == {"FINISHED"}
    take = asleep[-1]
    part("operators.runtime").the_client()._tracker.keep(take)
    bpy.ops.ed.undo()
    assert part("operators.shot_strips").listing(take.id) == []
    assert bpy.ops.shotpack.remove_shot(shot=asleep[0].id) == {"FINISHED"}
    assert set(removed) == {asleep[0].id, take.id}
    assert part("operators.runtime").shot_of(take.id) is None


def test_a_seed_that_was_gone_on_with_is_the_boards_own(saved, asleep):  # noqa: F811
    """The storyboard animated again leaves it as it is."""
    board = add_board(saved, length=30)
    metas = try_seeds(saved, 3)
    for shot, meta in zip(asleep, metas, strict=True):
        part("operators.runtime").the_client()._tracker.keep(shot)
        shot.job, meta.shotpack.state = JOB, "paused"
    chosen, seed = metas[1], part("operators.seed_groups").seed_of(metas[1].shotpack)
    assert bpy.ops.shotpack.go_on_with_seed(shot=chosen.shotpack.shot) == {"FINISHED"}
    assert (board.shotpack_board.use_seed, board.shotpack_board.seed) == (True, seed)
    finish(asleep[1])
    saved.shotpack.to_next = False
    select(saved, board)
    sent = len(asleep)
    assert bpy.ops.shotpack.animate() == {"FINISHED"}
    assert len(asleep) == sent
    assert len(metas_of(saved)) == 3


def test_a_take_and_a_longer_shot_of_a_seed_on_trial_are_made_to_their_end(saved, asleep):  # noqa: F811
    add_board(saved, length=30)
    saved.shotpack.order = "forward"
    (meta, *_) = try_seeds(saved, 2)
    finish(asleep[0])  # its one section is all of it
    select(saved, meta)
    assert bpy.ops.shotpack.new_take(of="SECTION", section=1, use_seed=True, seed=99) == {"FINISHED"}
    assert "stop_after" not in json.loads(asleep[-1].request)
    assert meta.shotpack.trying
    finish(asleep[-1], JOB[::-1])
    drawn("seeds", "_Seeds")
    assert bpy.ops.shotpack.extend() == {"FINISHED"}
    longer = json.loads(asleep[-1].request)
    assert "stop_after" not in longer
    assert longer["take"] == {"number": 3, "job": JOB[::-1], "parent": 2}
    assert (meta.shotpack.trying, meta.mute) == (False, False)
    # What it shows meanwhile are the shown take's pictures.
    (kept,) = of_role(meta, "section")
    assert kept.elements[0].filename == "0001-t02.png"
    assert (asleep[-1].folder / "0001-t02.png").is_file()


def test_what_an_earlier_engine_would_refuse_is_grey(saved, asleep, tmp_path):  # noqa: F811
    first, second = pair(saved, tmp_path, between=12)
    earlier = part("operators.chosen").EARLIER
    part("operators.runtime").the_client().about = {"version": "0.1.0", "models": ["tiny"]}
    assert part("operators.joins").bridge(saved) == earlier
    select(saved, first, second)
    assert part("operators.joins").before(bpy.context) == earlier
    select(saved, second)
    assert bpy.ops.shotpack.make_after.poll()
    assert bpy.ops.shotpack.make_after() == {"FINISHED"}
    finish(asleep[-1])
    select(saved, metas_of(saved)[-1])
    assert part("operators.extend").extension(saved) == earlier
    assert part("operators.new_take").prevented(metas_of(saved)[-1]) == earlier
    assert earlier in drawn("takes", "_Takes").text
    # Where that was not known yet, what it has refused says so.
    shot, errors = asleep[-1], part("engine.errors")
    shot.job, shot.complete = "", False
    shot.fault = errors.EngineError(
        errors.Code.REFUSED, detail="the shot is shorter than that", status=422, fields="boards.1.frame"
    )
    assert part("operators.problems").of_shot(shot, None).advice == earlier


def test_a_take_is_extended_and_the_longer_shot_removed_while_a_take_of_it_runs(saved):
    """A real engine, and two strips of one shot that show different takes."""
    runtime, reading = part("operators.runtime"), part("operators.shot_strips")
    meta = made(saved, order="forward")
    first = digests(folder_of(meta))
    new_take(of="SECTION", section=3)
    step_until(lambda: finished(newest(saved)))
    select(saved, newest(saved))
    second = names_of(newest(saved))
    newest(saved).split(60, "SOFT")
    other, one = sorted((meta for _, meta in reading.stamped()), key=lambda each: each.frame_final_start)
    select(saved, other)
    assert bpy.ops.shotpack.show_take(take=1) == {"FINISHED"}
    select(saved, one)
    saved.shotpack.more = 1.0
    assert bpy.ops.shotpack.extend() == {"FINISHED"}
    assert names_of(other) == sorted(first)
    assert [take.number for take in one.shotpack.takes] == [3]
    assert [take.number for take in other.shotpack.takes] == [1, 2]
    step_until(lambda: finished(one))
    files = frames_of(one.strips[0])
    assert [path.name for path in files[:73]] == second[:73]
    assert all(path.is_file() for path in files)
    assert len(files) == FRAMES + 30
    # The shorter one's other strip, its takes and their files are what they were.
    assert digests(folder_of(other)).items() >= first.items()
    select(saved, other)
    assert bpy.ops.shotpack.show_take(take=2) == {"FINISHED"}
    assert names_of(other) == second
    # A take of the longer one: its number is its own, and so is its folder.
    select(saved, one)
    new_take(of="SECTION", section=4)
    assert json.loads(one.shotpack.request)["take"]["parent"] == 3
    assert one.shotpack.take == 4
    take, folder = runtime.shot_of(one.shotpack.shot), files[0].parent
    step_until(lambda: take.job)
    jobs = {take.job, *(each.job for each in one.shotpack.takes)}
    assert bpy.ops.shotpack.remove_shot(shot=take.id) == {"FINISHED"}
    connection = runtime.the_client()._connection()
    step_until(lambda: not jobs & {job["id"] for job in connection.jobs()})
    assert not folder.exists()
    assert digests(folder_of(other)).items() >= first.items()


def test_what_is_meant_of_a_take_that_its_strip_does_not_show(saved, asleep, monkeypatch):  # noqa: F811
    """Its words, its menu, Watch: those of the take, and not of the one that is shown."""
    board = add_board(saved, length=9)
    saved.shotpack.prompt = "w5"
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    finish(asleep[0])
    meta = metas_of(saved)[0]
    select(saved, meta)
    assert bpy.ops.shotpack.new_take(use_seed=True, seed=42, prompt="w7") == {"FINISHED"}
    take = asleep[-1]
    part("operators.runtime").the_client()._tracker.keep(take)
    assert bpy.ops.shotpack.show_take(take=1) == {"FINISHED"}
    watch = part("operators.watch")
    space = types.SimpleNamespace(view_type="PREVIEW", preview_overlay=None, show_region_ui=False)
    area = types.SimpleNamespace(
        type="SEQUENCE_EDITOR",
        ui_type="SEQUENCE_EDITOR",
        as_pointer=lambda: 0,
        spaces=types.SimpleNamespace(active=space),
        tag_redraw=lambda: None,
    )
    monkeypatch.setattr(watch, "_place", lambda _context: area)
    monkeypatch.setattr(watch, "_handler", object())
    monkeypatch.setattr(watch, "_turned", None)
    monkeypatch.setattr(watch, "watched", "")
    assert bpy.ops.shotpack.watch(shot=take.id) == {"FINISHED"}
    assert watch.watched == take.id
    menu = Panel()
    menu.separator = lambda: None
    said = types.SimpleNamespace(shotpack_shot=meta.shotpack.takes[1])
    part("panels.shots").SHOTPACK_MT_shot.draw(types.SimpleNamespace(layout=menu), said)
    assert "shotpack.make_again" in menu.buttons
    assert "shotpack.send_again" not in menu.buttons
    assert bpy.ops.shotpack.use_again(shot=take.id) == {"FINISHED"}
    assert (board.shotpack_board.prompt, board.shotpack_board.seed) == ("w7", 42)


def test_no_picture_of_a_file_leads_elsewhere(saved, asleep, tmp_path, monkeypatch):  # noqa: F811
    """Drawing and ticks look at nothing that is not in a folder which may be used."""
    looked_at = []
    monkeypatch.setattr(part("operators.previews"), "of_file", lambda path: looked_at.append(path) or 0)
    monkeypatch.setattr(part("operators.contact_sheets"), "_loaded", lambda path: looked_at.append(path))
    add_board(saved, length=9)
    (meta, _) = try_seeds(saved, 2)
    finish(asleep[0])
    (final,) = of_role(meta, "final")
    part("operators.take_stamps").begin_list(meta.shotpack)
    select(saved, meta)

    def looks() -> list:
        looked_at.clear()
        part("operators.contact_sheets").forget()
        part("operators.contact_sheets").step()
        drawn("seeds", "_Seeds")
        drawn("takes", "_Takes")
        return [path for path in looked_at if path.parent != asleep[0].folder]

    assert looks() == []
    assert looked_at
    for element in final.elements:
        element.filename = "../../../elsewhere/0001.png"
    assert looks() == []
    for element in final.elements:
        element.filename = "0001.png"
    final.directory = str(tmp_path / "elsewhere") + "/"
    assert looks() == []
    assert not looked_at
    with pytest.raises(RuntimeError, match="let the shot use it"):
        bpy.ops.shotpack.show_take(take=1)


def test_a_copy_in_another_scene_lists_the_same_takes_and_shows_its_own(saved, asleep, monkeypatch):  # noqa: F811
    removed = []
    monkeypatch.setattr(part("operators.runtime").the_client().keeping, "remove", lambda shot: removed.append(shot.id))
    add_board(saved, length=9)
    saved.shotpack.prompt = "w5"
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    finish(asleep[0])
    other = saved.copy()
    select(saved, *metas_of(saved))
    assert bpy.ops.shotpack.new_take() == {"FINISHED"}
    (here,), (there,) = metas_of(saved), metas_of(other)
    assert [take.number for take in there.shotpack.takes] == [1, 2]
    assert (here.shotpack.take, there.shotpack.take) == (2, 1)
    finish(asleep[-1], JOB[::-1])
    assert of_role(here, "final")[0].elements[0].filename == "0001-t02.png"
    assert of_role(there, "final")[0].elements[0].filename == "0001.png"
    assert {take.state for take in there.shotpack.takes} == {"finished"}
    assert bpy.ops.shotpack.remove_shot(shot=asleep[0].id) == {"FINISHED"}
    assert metas_of(saved) == metas_of(other) == []
    assert set(removed) == {asleep[0].id, asleep[-1].id}


NONSENSE = ["1e999", '{"take": {"number": 2}, "frames": 9, "guidance": "x"}', "[1, 2]", "nonsense", '"\\ud800"',
            '{"frames": 9, "boards": [[1e999, 1]], "take": {"again": [1e999]}}', "[" * 100_000,
            '{"frames": 1000000000000, "fps": 1e-300, "prompt": "\\ud800", "boards": []}']  # fmt: skip


@pytest.mark.parametrize("said", NONSENSE)
def test_a_file_may_hold_anything(saved, asleep, said, monkeypatch):  # noqa: F811
    """Nothing ends a drawing or a tick, or takes for ever."""
    unforeseen = []
    monkeypatch.setattr(part("operators.unexpected"), "report", unforeseen.append)
    add_board(saved, length=9)
    (meta, _) = try_seeds(saved, 2)
    finish(asleep[0])
    spoken({})
    stamp = meta.shotpack
    for frames, state in ((9, "finished"), (2**31 - 1, "finished"), (0, "failed"), (-3, "unheard of"), (9, "running")):
        stamp.takes.clear()
        part("operators.take_stamps").begin_list(stamp)
        for number in (2, 2, -7, 3):
            take = stamp.takes.add()
            take.number, take.parent, take.shot = number, 5 - number, f"take{number}"
            take.request, take.plan, take.files, take.state = said, said, "1-999999999:1", "finished"
            take.job = JOB
        stamp.tried = -5, 2**31 - 1
        stamp.request, stamp.plan, stamp.through, stamp.seed_row, stamp.hidden = said, said, said, 2**31 - 1, 2**31 - 1
        select(saved, meta)
        stamp.frames, stamp.state = frames, state
        for panel, kind in (("takes", "_Takes"), ("seeds", "_Seeds"), ("joins", "_Joins"), ("shots", "_Shots")):
            drawn(panel, kind)
        stamp.trying = not stamp.trying
        drawn("shots", "_Shots")
        part("panels.shot")._draw_made_with(Panel(), stamp)
        assert all(each.make() for each in part("operators.section_lines")._drawn(bpy.context, saved))
        for each in list(stamp.takes):
            assert part("operators.take_stamps").pictures(stamp, each.number) in (
                {},
                *[{n: f"{n:04d}.png" for n in range(1, 10)}],
            )
        part("operators.runtime").look_again()
        part("operators.runtime").step()
        part("operators.adoption").record(meta)
        for each in list(stamp.takes):
            part("operators.adoption").record(meta, each)
        for how in ("extend", "new_take", "show_take", "use_again", "make_again", "go_on_with_seed"):
            named = {"take": 3} if how == "show_take" else {"shot": stamp.shot} if how[0] in "gmu" else {}
            try:
                getattr(bpy.ops.shotpack, how)(**named)
            except RuntimeError as fault:
                assert "Traceback" not in str(fault), fault
    assert unforeseen == []
