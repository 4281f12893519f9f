"""Try Seeds: one section by several seeds, stacked and muted, on a contact sheet; one is gone on with."""

from __future__ import annotations

import json
import types

import numpy as np
import pytest
from PIL import Image

from tests.host.studio import add_board, bpy, metas_of, of_role, part, step_until
from tests.host.test_animate import asleep  # noqa: F401  a fixture
from tests.host.test_panels import Panel

FRAMES = 73


def try_seeds(scene, count: int = 3, seed: int = 5):
    scene.shotpack.prompt, scene.shotpack.seed, scene.shotpack.seed_count = "w5 w2", seed, count
    assert bpy.ops.shotpack.try_seeds("EXEC_DEFAULT", True) == {"FINISHED"}
    return metas_of(scene)


def drawn():
    panel = Panel()
    part("panels.seeds")._Seeds.draw(types.SimpleNamespace(layout=panel), bpy.context)
    return panel


def states(metas):
    return [part("operators.batches").state_of(meta.shotpack) for meta in metas]


def requests(metas):
    return [json.loads(meta.shotpack.request) for meta in metas]


def sheet(batch):
    """The contact sheet's pixels, rows from above, 0 to 255."""
    image = part("operators.contact_sheets").image_of(batch)
    pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(pixels)
    return np.rint(pixels.reshape(image.size[1], image.size[0], 4)[::-1, :, :3] * 255).astype(np.uint8)


def test_seeds_lie_stacked_and_muted_and_one_undo_takes_them_away(saved, asleep):  # noqa: F811
    board = add_board(saved, start=11, length=FRAMES)
    bpy.ops.ed.undo_push(message="before")
    metas = try_seeds(saved, 4)
    assert [meta.channel for meta in metas] == [2, 3, 4, 5]
    assert {(meta.frame_final_start, meta.frame_final_end) for meta in metas} == {(11, 84)}
    assert all(meta.mute and meta.shotpack.trying for meta in metas)
    asked = requests(metas)
    seeds = [each["seed"] for each in asked]
    assert (seeds[0], len(set(seeds))) == (5, 4)
    assert [meta.name for meta in metas] == [f"panel-1-seed-{seed}" for seed in seeds]
    assert [each["stop_after"] for each in asked] == [1] * 4
    same = [{key: value for key, value in each.items() if key not in ("seed", "name")} for each in asked]
    assert same == [same[0]] * 4
    boards = {(shot.folder / "board.png").read_bytes() for shot in asleep}
    assert len(boards) == 1
    assert len({shot.key for shot in asleep} | {shot.id for shot in asleep}) == 8
    assert saved.sequence_editor.active_strip == board
    # They are none of the storyboard's shots, and no shots of the list, before one is chosen.
    assert part("operators.batches").of_board(saved, "Panel 1") == []
    assert list(part("panels.shots")._stamps(saved)) == []
    assert drawn().buttons.count("shotpack.select") == 4
    assert "shotpack.go_on_with_seed" not in drawn().buttons  # there is nothing to choose yet
    bpy.ops.ed.undo()
    assert metas_of(bpy.context.scene) == []
    assert part("operators.seed_groups").groups() == {}
    bpy.ops.ed.redo()
    assert [meta.mute for meta in metas_of(bpy.context.scene)] == [True] * 4


def test_the_sheet_has_a_place_for_every_seed_and_its_number(saved, asleep, monkeypatch):  # noqa: F811
    monkeypatch.setattr(part("operators.chosen"), "own_size", lambda _scene: (192, 128))
    add_board(saved, length=FRAMES)
    batch = try_seeds(saved, 4)[0].shotpack.batch
    layouts = part("engine.client.contact_sheet")
    blank, layout, dot = sheet(batch), layouts.sheet_of(4, 192, 128), layouts.DOT
    assert blank.shape[:2] == (layout.height, layout.width)
    ink = {(left, top) for top, left in zip(*np.nonzero(blank[:, :, 0] > 200), strict=True)}
    seeds = [each["seed"] for each in requests(metas_of(saved))]
    corners = [corner for row, seed in enumerate(seeds) for corner in layout.dots(row, f"{row + 1}: {seed}")]
    assert ink == {(left + x, top + y) for left, top in corners for x in range(dot) for y in range(dot)}


def test_an_engine_of_an_earlier_release_is_named_instead(saved, asleep, monkeypatch):  # noqa: F811
    add_board(saved, length=FRAMES)
    saved.shotpack.prompt = "w5"
    monkeypatch.setattr(part("operators.chosen"), "about", lambda: {"version": "0.1.0"})
    assert not bpy.ops.shotpack.try_seeds.poll()


def test_one_is_gone_on_with_and_is_the_shot_made_at_once(saved):
    """A real engine; the file is closed and opened while all wait for a choice."""
    runtime, groups = part("operators.runtime"), part("operators.seed_groups")
    add_board(saved, length=FRAMES)
    metas = try_seeds(saved, 3)
    batch = metas[0].shotpack.batch
    step_until(lambda: states(groups.group(batch)) == ["paused"] * 3 and all(map(groups.pictures, groups.group(batch))))
    assert [len(of_role(meta, "section")) for meta in groups.group(batch)] == [1, 1, 1]
    step_until(lambda: not part("operators.contact_sheets")._due)
    _assert_shown(batch)
    before = sheet(batch)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    assert part("operators.contact_sheets").image_of(batch) is None  # no editor shows it: it is not kept
    step_until(lambda: not part("operators.contact_sheets")._due)
    assert (sheet(batch) == before).all()
    scene = bpy.context.scene
    step_until(lambda: states(groups.group(batch)) == ["paused"] * 3)
    chosen = groups.group(batch)[1]
    name, seed = chosen.shotpack.shot, groups.seed_of(chosen.shotpack)
    assert drawn().buttons.count("shotpack.go_on_with_seed") == 3
    assert bpy.ops.shotpack.go_on_with_seed(shot=name) == {"FINISHED"}
    assert [meta.mute for meta in groups.group(batch)] == [True, False, True]
    assert [meta.shotpack.name for meta in batches_of_board(scene)] == [f"panel-1-seed-{seed}"]
    (meta,) = step_until(lambda: [meta for meta in part("operators.shot_strips").find(name) if finished(meta)])
    assert states(groups.group(batch)) == ["paused", "finished", "paused"]
    step_until(lambda: not part("operators.contact_sheets")._due)
    _assert_shown(batch)
    assert drawn().buttons.count("shotpack.go_on_with_seed") == 2
    # The same at once.
    scene.shotpack.seed = seed
    bpy.ops.shotpack.generate()
    at_once = metas_of(scene)[-1]
    step_until(lambda: finished(at_once))
    assert pixels(at_once) == pixels(meta)
    # What nobody has gone on with goes, with its files and jobs.
    others = [each for each in groups.group(batch) if each.shotpack.trying]
    folders = [part("operators.shot_strips").folder_of(each) for each in others]
    jobs = {each.shotpack.job for each in others}
    assert bpy.ops.shotpack.remove_seeds(batch=batch) == {"FINISHED"}
    assert not any(folder.exists() for folder in folders)
    assert groups.groups() == {}
    assert {meta.shotpack.shot for meta in metas_of(scene)} == {name, at_once.shotpack.shot}
    connection = runtime.the_client()._connection()
    step_until(lambda: not jobs & {job["id"] for job in connection.jobs()})


def batches_of_board(scene):
    return part("operators.batches").of_board(scene, "Panel 1")


def finished(meta):
    return meta.shotpack.state == "finished" and of_role(meta, "final") and not of_role(meta, "section")


def pixels(meta):
    return [Image.open(path).tobytes() for path in part("operators.shot_strips").pictures(meta)]


def _assert_shown(batch):
    """Every place of the sheet shows its seed's own frames."""
    groups, layouts = part("operators.seed_groups"), part("engine.client.contact_sheet")
    metas, shown = groups.group(batch), sheet(batch)
    layout = layouts.sheet_of(len(metas), 96, 64)
    assert shown.shape[:2] == (layout.height, layout.width)
    for row, meta in enumerate(metas):
        assert len(groups.tried(meta)) >= 30
        for frame, path in enumerate(groups.pictures(meta)):
            left, top = layout.frame(row, frame)
            place = shown[top : top + layout.frame_height, left : left + layout.frame_width]
            assert (place == np.asarray(Image.open(path).convert("RGB"))).all()


def test_one_press_ends_all_and_a_cancelled_one_can_still_be_gone_on_with(saved):
    add_board(saved, length=FRAMES)
    metas = try_seeds(saved, 2)
    batch = metas[0].shotpack.batch
    step_until(lambda: metas[0].shotpack.job)
    assert bpy.ops.shotpack.cancel_batch(batch=batch) == {"FINISHED"}
    step_until(lambda: set(states(metas)) <= {"cancelled", "failed", "paused"})
    assert "shotpack.go_on_with_seed" in drawn().buttons
    assert all(meta.mute for meta in metas)


@pytest.mark.parametrize("gone", ["seed", "nonsense"])
def test_a_file_may_hold_anything(saved, asleep, gone):  # noqa: F811
    add_board(saved, length=FRAMES)
    (meta, _) = try_seeds(saved, 2)
    meta.shotpack.request = "[" if gone == "nonsense" else '{"seed": "x"}'
    assert part("operators.seed_groups").seed_of(meta.shotpack) == 0
    drawn()
    part("operators.contact_sheets").look()
    part("operators.contact_sheets").step()
