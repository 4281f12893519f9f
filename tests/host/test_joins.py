"""What joins strips: the gap between two is filled exactly, what comes after or before one lies right beside it."""

from __future__ import annotations

import json
import types
from pathlib import Path

import pytest
from PIL import Image

from tests.host.studio import bpy, metas_of, of_role, part, step_until
from tests.host.test_animate import asleep, length_of  # noqa: F401  `asleep` is a fixture
from tests.host.test_panels import DETAILS, Panel
from tests.host.test_shot import frames_of


def sequence(scene, folder, name, *, start, colours, channel=1):
    """An image sequence of one plain colour a frame."""
    files = []
    for number, colour in enumerate(colours, 1):
        files.append(folder / f"{name}{number:02d}.png")
        Image.new("RGB", (48, 32), colour).save(files[-1])
    strips = scene.sequence_editor.strips
    strip = strips.new_image(name, str(files[0]), channel, start, fit_method="FILL")
    for file in files[1:]:
        strip.elements.append(file.name)
    strip.frame_final_duration = len(files)
    return strip


def colour_of(path: Path) -> tuple[int, ...]:
    return tuple(Image.open(path).convert("RGB").resize((1, 1)).getpixel((0, 0)))


def select(scene, *strips):
    for each in scene.sequence_editor.strips_all:
        each.select = each in strips
    scene.sequence_editor.active_strip = strips[-1]


def pair(scene, folder, *, between=37, channels=(1, 1)):
    """Two moving strips with a gap between them, both selected; the first one's tail and the second's head are cut."""
    first = sequence(scene, folder, "a", start=1, colours=[(20 * n, 0, 0) for n in range(10)], channel=channels[0])
    first.frame_final_end = 9  # its last picture is the eighth
    second = sequence(
        scene, folder, "b", start=9 + between - 2, colours=[(0, 20 * n, 0) for n in range(10)], channel=channels[1]
    )
    second.frame_final_start = 9 + between  # its first picture is the third
    select(scene, first, second)
    scene.shotpack.prompt = "w5"
    return first, second


def span(strip) -> tuple[int, int]:
    return strip.frame_final_start, strip.frame_final_end


def spoken(details, name="tiny"):
    """The engine has told what its models can."""
    client = part("operators.runtime").the_client()
    client.about = {"models": [name], "starts": {name: ["board"]}, "details": {name: DETAILS | details}}


@pytest.fixture(autouse=True)
def unspoken(scene):
    client = part("operators.runtime").the_client()
    before = client.about
    yield
    client.about = before


def test_a_gap_is_filled_exactly(saved, asleep, tmp_path):  # noqa: F811
    first, second = pair(saved, tmp_path)
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.shotpack.bridge("EXEC_DEFAULT", True) == {"FINISHED"}
    (meta,), (shot,) = metas_of(saved), asleep
    assert (span(meta), meta.channel) == ((9, 46), 1)
    assert span(first) == (1, 9)
    assert span(second) == (46, 54)
    asked = json.loads(shot.request)
    assert (asked["frames"], asked["boards"]) == (38, [[1, "board.png"], [39, "end.png"]])
    assert colour_of(shot.folder / "board.png") == (140, 0, 0)
    assert colour_of(shot.folder / "end.png") == (0, 40, 0)
    assert (meta.shotpack.hidden, meta.shotpack.board, meta.frame_start) == (1, "", 8)
    assert meta.name == "a-to-b"
    bpy.ops.ed.undo()
    assert metas_of(bpy.context.scene) == []


@pytest.mark.parametrize(
    ("channels", "others", "lands"),
    [((1, 1), [], 1), ((3, 1), [], 3), ((3, 1), [3], 1), ((1, 2), [1, 2], 3)],
)
def test_it_lies_where_it_fits(saved, asleep, tmp_path, channels, others, lands):  # noqa: F811
    first, second = pair(saved, tmp_path, between=12, channels=channels)
    for channel in others:
        sequence(saved, tmp_path, f"c{channel}", start=15, colours=[(0, 0, 0)] * 3, channel=channel)
    select(saved, second, first)  # whatever was clicked first
    assert bpy.ops.shotpack.bridge() == {"FINISHED"}
    (meta,) = metas_of(saved)
    assert (span(meta), meta.channel) == ((9, 21), lands)


def why(scene) -> str:
    found = part("operators.joins").bridge(scene)
    assert not bpy.ops.shotpack.bridge.poll()
    assert isinstance(found, str)
    return found


def test_why_there_is_no_bridge(saved, asleep, tmp_path):  # noqa: F811
    first, second = pair(saved, tmp_path)
    third = sequence(saved, tmp_path, "c", start=80, colours=[(9, 9, 9)])
    select(saved, first, second, third)
    assert why(saved) == "Select two strips with a gap between them."
    select(saved, first)
    assert why(saved) == "Select two strips with a gap between them."
    select(saved, first, second)
    saved.shotpack.prompt = ""
    assert "Write what happens" in why(saved)
    saved.shotpack.prompt = "w5"
    second.frame_start -= 37
    assert why(saved) == "a and b touch; leave a gap between them."
    second.channel = 2
    second.frame_start -= 1
    assert why(saved) == "a and b overlap; leave a gap between them."
    second.frame_start += 40
    (tmp_path / "b03.png").unlink()
    assert "is not there; put it back" in why(saved)
    Image.new("RGB", (48, 32)).save(tmp_path / "b03.png")
    assert bpy.ops.shotpack.bridge.poll()
    spoken({"boards_within": False})
    assert why(saved) == "No model here can end on a picture; get one that can."
    spoken({"orders": ["forward"]})
    assert why(saved) == "No model here can end on a picture; get one that can."
    client = part("operators.runtime").the_client()
    client.about["details"]["other"] = DETAILS | {"orders": ["forward", "endpoint"]}
    assert why(saved).endswith("choose one that can: other.")
    saved.shotpack.model = "other"
    saved.shotpack.order = "forward"
    assert bpy.ops.shotpack.bridge() == {"FINISHED"}
    assert json.loads(asleep[-1].request)["order"] == "endpoint"  # going forward nothing would see the end
    (meta,) = metas_of(saved)
    select(saved, meta, third)
    assert why(saved) == "a-to-b is not finished; its last picture may still change."


def test_whose_words_they_are(saved, asleep, tmp_path):  # noqa: F811
    first, _ = pair(saved, tmp_path)
    bridge = part("operators.joins").bridge
    first.shotpack_board.prompt = "w1"  # of its own shot, not of what comes after
    assert bridge(saved).words.text == "w5"
    saved.timeline_markers.new("w6", frame=9)
    assert bridge(saved).words.text == "w6"
    text = saved.sequence_editor.strips.new_effect("words", "TEXT", 7, 1, **length_of(30))
    text.text, text.frame_start, saved.shotpack.prompt_channel = "w7", 9, 7
    select(saved, first, saved.sequence_editor.strips_all["b"])
    assert bridge(saved).words.text == "w7"
    first.shotpack_board.after = "w8\nw9"
    assert bridge(saved).words.text == "w8 w9"


def test_what_comes_after_and_before_a_strip(saved, asleep, tmp_path):  # noqa: F811
    first, second = pair(saved, tmp_path, between=100)
    saved.shotpack.more = 0.5
    select(saved, first)
    first.shotpack_board.after = "w1"
    assert bpy.ops.shotpack.make_after() == {"FINISHED"}
    (meta,), shot = metas_of(saved), asleep[-1]
    assert (span(meta), meta.channel, meta.shotpack.hidden) == ((9, 24), 1, 1)
    asked = json.loads(shot.request)
    assert (asked["frames"], asked["boards"], asked["prompt"]) == (16, [[1, "board.png"]], "w1")
    assert colour_of(shot.folder / "board.png") == (140, 0, 0)
    select(saved, second)
    joins = part("operators.joins")
    assert joins.before(bpy.context).startswith("Say what it begins with")
    select(saved, first, second)  # the later one is active
    assert bpy.ops.shotpack.make_before() == {"FINISHED"}
    meta = metas_of(saved)[-1]
    assert (span(meta), meta.channel, meta.shotpack.hidden) == ((94, 109), 1, 0)
    asked = json.loads(asleep[-1].request)
    assert (asked["frames"], asked["boards"]) == (15, [[1, "board.png"], [16, "end.png"]])
    assert colour_of(asleep[-1].folder / "end.png") == (0, 40, 0)
    select(saved, second, first)
    assert "before the scene's first frame" in joins.before(bpy.context)


def test_put_back_it_shows_what_it_showed(saved, asleep, tmp_path):  # noqa: F811
    pair(saved, tmp_path)
    bpy.ops.shotpack.bridge()
    runtime, timeline, shot = part("operators.runtime"), part("operators.timeline"), asleep[0]
    runtime.the_client().follow(shot)
    timeline.remove(shot.id)
    saved.frame_set(200)
    assert bpy.ops.shotpack.put_back(shot=shot.id) == {"FINISHED"}
    (meta,) = metas_of(saved)
    assert (span(meta), meta.shotpack.hidden) == ((200, 237), 1)
    assert part("operators.adoption").record(meta).hidden == 1


def draw() -> str:
    panel = Panel()
    part("panels.joins")._Joins.draw(types.SimpleNamespace(layout=panel), bpy.context)
    return panel.text


def test_the_panel_says_it(saved, asleep, tmp_path):  # noqa: F811
    _, second = pair(saved, tmp_path)
    drawn = Panel()
    part("panels.joins")._Joins.draw(types.SimpleNamespace(layout=drawn), bpy.context)
    assert "shotpack.bridge" in [button[0] if isinstance(button, tuple) else button for button in drawn.buttons]
    assert "as in the panel Shot" in drawn.text
    second.frame_start -= 37
    assert "touch" in draw()


def made(shot: str):
    def finished():
        found = part("operators.shot_strips").find(shot)
        followed = part("operators.runtime").shot_of(shot)
        job = part("operators.runtime").the_client().job(followed)
        assert job is None or job.failure is None, job.failure
        assert followed.fault is None, followed.fault
        return next((meta for meta in found if meta.shotpack.state == "finished" and of_role(meta, "final")), None)

    return step_until(finished)


def test_a_bridge_and_an_extension_by_a_real_engine(saved, tmp_path):
    """The bridge's frames fill the gap; a shot made forward grows and equals the one that was asked for as long."""
    pair(saved, tmp_path, between=11)
    assert bpy.ops.shotpack.bridge() == {"FINISHED"}
    bridge = made(metas_of(saved)[-1].shotpack.shot)
    (strip,) = bridge.strips
    shown = frames_of(strip)
    assert (span(bridge), len(shown)) == ((9, 20), 12)
    assert [bridge.strips[0].strip_elem_from_frame(frame).filename for frame in (9, 19)] == ["0002.png", "0012.png"]
    extend = part("operators.extend")
    select(saved, bridge)
    assert "cannot grow" in extend.extension(saved)
    assert "cannot grow" in draw()

    board = sequence(saved, tmp_path, "d", start=101, colours=[(90, 40, 10)])
    board.frame_final_duration = 50
    board.shotpack_board.prompt = "w5 w2"
    saved.shotpack.order, saved.shotpack.source = "forward", "STRIP"
    select(saved, board)
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    board.shotpack_board.frames = 80
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    short, whole = (made(meta.shotpack.shot) for meta in metas_of(saved)[-2:])
    before = [path.read_bytes() for path in frames_of(short.strips[0])]
    select(saved, short)
    saved.shotpack.more = 1.0
    wall = sequence(saved, tmp_path, "e", start=160, colours=[(1, 1, 1)], channel=short.channel)
    assert extend.extension(saved).startswith("Only 9 frames are free behind d.001 on its channel")
    saved.sequence_editor.strips.remove(wall)
    old = short.shotpack.shot
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.shotpack.extend("EXEC_DEFAULT", True) == {"FINISHED"}
    meta = metas_of(saved)[-2]
    assert (span(meta), meta.shotpack.frames, meta.channel) == ((101, 181), 80, 2)
    assert [strip.shotpack.section for strip in of_role(meta, "section")] == [-1]  # shown meanwhile
    assert part("operators.runtime").shot_of(old) is None
    longer = made(meta.shotpack.shot)
    (strip,) = longer.strips
    files = frames_of(strip)
    assert (span(longer), len(files)) == ((101, 181), 80)
    # The rest fades into the new section; the frame between is as it was, in a file that tells of the longer shot.
    assert [path.read_bytes() for path in files[:40]] == before[:40]
    asked = [Image.open(path).tobytes() for path in frames_of(whole.strips[0])]
    assert [Image.open(path).tobytes() for path in files] == asked
    assert [path.name for path in files if "-t02" in path.name] == [f"{n:04d}-t02.png" for n in range(41, 81)]
    bpy.ops.ed.undo()
    saved = bpy.context.scene
    (back,) = part("operators.shot_strips").find(old)
    assert (span(back), back.shotpack.state, len(frames_of(back.strips[0]))) == ((101, 151), "finished", 50)
    listed = back.shotpack.takes.add()
    listed.number, listed.shot = 1, back.shotpack.shot
    select(saved, back)
    assert bpy.ops.shotpack.extend("EXEC_DEFAULT", True) == {"FINISHED"}
    (back,), above = part("operators.shot_strips").find(old), metas_of(saved)[-1]
    assert (span(back), len(back.shotpack.takes)) == ((101, 151), 1), "its takes stay with it"
    assert (span(above), above.channel > back.channel) == ((101, 181), True)
