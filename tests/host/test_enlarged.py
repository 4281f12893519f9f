"""A shot finished in Blender with the real engine: a take like any, which no other take is made of."""

from __future__ import annotations

import json

import pytest

from tests.host.studio import bpy, of_role, part, step_until
from tests.host.test_shot import frames_of, size_of
from tests.host.test_takes import digests, drawn, finished, folder_of, made, names_of, new_take, newest

SMALL, LARGE = (96, 64), (192, 128)
"""What the tiny model makes of a board of the scene's shape, and the scene."""


def finish(**how) -> None:
    assert bpy.ops.shotpack.finish(**how) == {"FINISHED"}


def test_a_finish_is_a_take_that_is_kept_switched_and_made_again_to_the_bit(streamed):
    scene = streamed
    meta = made(scene)
    first, before, folder = names_of(meta), digests(folder_of(meta)), folder_of(meta)
    assert size_of(folder / first[0]) == SMALL
    scale = of_role(meta, "final")[0].transform.scale_x
    assert "shotpack.finish" in drawn().buttons

    finish(size="FIT", upscaler="waifu2x")
    meta = newest(scene)
    assert (meta.shotpack.take, [take.parent for take in meta.shotpack.takes]) == (2, [0, 1])
    asked = json.loads(meta.shotpack.request)
    assert asked["finish"] == {"upscale": "192x128", "upscaler": "waifu2x"}
    assert names_of(meta) == first  # what it has none of yet is what it finishes
    # Its frames come over those in a strip of their own, since they are larger.
    over = step_until(lambda: of_role(newest(scene), "section") or finished(newest(scene)))
    if over is not True:
        assert "-t02" in over[0].elements[0].filename
        assert over[0].transform.scale_x == pytest.approx(scale * SMALL[0] / LARGE[0])
    step_until(lambda: finished(newest(scene)))
    meta = newest(scene)
    second = [f"{frame:04d}-t02.png" for frame in range(1, len(first) + 1)]
    assert names_of(meta) == second
    assert {size_of(path) for path in frames_of(of_role(meta, "final")[0])} == {LARGE}
    assert of_role(meta, "final")[0].transform.scale_x == pytest.approx(scale * SMALL[0] / LARGE[0])
    assert "192x128 by waifu2x (drawings)" in drawn().said
    whole = digests(folder)
    assert {name: whole[name] for name in before} == before
    with pytest.raises(RuntimeError, match="Take 2 is that already"):
        bpy.ops.shotpack.finish(size="FIT", upscaler="waifu2x")

    # Back and forth: nothing but names, and the place on the screen.
    bpy.ops.shotpack.show_take(take=1)
    assert (names_of(newest(scene)), of_role(newest(scene), "final")[0].transform.scale_x) == (first, scale)
    with pytest.raises(RuntimeError, match="goes on from this one"):
        bpy.ops.shotpack.delete_take(take=1)
    bpy.ops.shotpack.show_take(take=2)
    assert names_of(newest(scene)) == second
    assert digests(folder) == whole

    # A finish of the finish shown is one of what the model made, and so is another take.
    said = part("operators.new_take").source_of(newest(scene).shotpack)
    told = part("operators.finish").Finishing(newest(scene), said, "2", "realesrgan").foretold()
    assert told[0] == f"{len(first)} frames of take 1: 96 x 64 become 192 x 128."
    finish(size="2", upscaler="realesrgan")
    asked = json.loads(newest(scene).shotpack.request)
    assert (asked["take"]["parent"], asked["finish"]["upscale"]) == (1, "2")
    step_until(lambda: finished(newest(scene)))
    assert "2x by Real-ESRGAN (animation)" in drawn().said
    new_take(of="SECTION", section=1)
    asked = json.loads(newest(scene).shotpack.request)
    assert (asked["take"]["parent"], "finish" in asked) == (1, False)
    assert of_role(newest(scene), "final")[0].transform.scale_x == pytest.approx(scale)
    step_until(lambda: finished(newest(scene)))

    # Deleted, and made again: the same bytes under another number.
    bpy.ops.shotpack.show_take(take=2)
    assert bpy.ops.shotpack.star_take(take=2) == {"FINISHED"}
    with pytest.raises(RuntimeError, match="starred take is kept"):
        bpy.ops.shotpack.delete_take(take=2)
    bpy.ops.shotpack.star_take(take=2)
    assert bpy.ops.shotpack.delete_take(take=2) == {"FINISHED"}
    assert (newest(scene).shotpack.take, names_of(newest(scene))) == (1, first)
    assert not list(folder.glob("*-t02*.png"))
    assert {name: digest for name, digest in digests(folder).items() if name in before} == before
    finish(size="FIT", upscaler="waifu2x")
    assert newest(scene).shotpack.take == 5
    step_until(lambda: finished(newest(scene)))
    again = digests(folder)
    assert [again[name.replace("-t02", "-t05")] for name in second] == [whole[name] for name in second]


def test_a_finish_goes_on_in_a_file_that_was_closed_and_takes_no_time_that_was_not_measured(saved):
    meta = made(saved)
    first = names_of(meta)
    finish(size="4", upscaler="waifu2x")
    take = newest(saved).shotpack.shot
    step_until(lambda: newest(saved).shotpack.job)
    assert bpy.ops.shotpack.pause(shot=take) == {"FINISHED"}
    step_until(lambda: newest(saved).shotpack.state in ("paused", "finished"))
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    scene = bpy.context.scene
    client = part("operators.runtime").the_client()
    step_until(lambda: client.job(client.shots[take]) is not None)
    assert names_of(newest(scene)) == first
    if newest(scene).shotpack.state == "paused":
        assert bpy.ops.shotpack.resume(shot=take) == {"FINISHED"}
    step_until(lambda: finished(newest(scene)))
    assert size_of(frames_of(of_role(newest(scene), "final")[0])[0]) == (4 * SMALL[0], 4 * SMALL[1])


def test_what_cannot_be_finished_says_so(saved, monkeypatch):
    finish_module, engine = part("operators.finish"), part("operators.engine")
    assert "Select a shot" in finish_module.prevented(None)
    meta = made(saved)
    client = part("operators.runtime").the_client()
    there = client.about
    saved.render.resolution_percentage = 25
    with pytest.raises(RuntimeError, match="as large as the scene already"):
        bpy.ops.shotpack.finish(size="FIT", upscaler="waifu2x")
    saved.render.resolution_x, saved.render.resolution_y, saved.render.resolution_percentage = 19200, 12800, 100
    with pytest.raises(RuntimeError, match="too large"):
        bpy.ops.shotpack.finish(size="FIT", upscaler="waifu2x")
    client.about = {name: value for name, value in there.items() if name != "finishing"}
    assert finish_module.prevented(meta) == part("operators.chosen").EARLIER
    # Without the packages for it: one sentence, and where it is to be installed by hand.
    client.about = {**there, "finishing": {"upscalers": [], "between": ["motion", "nearest"], "speeds": []}}
    with pytest.raises(RuntimeError, match="What enlarges shots is not installed yet"):
        bpy.ops.shotpack.finish(size="2")
    assert "The engine's Python is your own" in engine.why_no_addition()
    with pytest.raises(RuntimeError, match=r"requirements/finishing\.txt"):
        bpy.ops.shotpack.install_finishing()
    assert len(meta.shotpack.takes) == 0
    client.about = there
