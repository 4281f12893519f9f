"""Remade from a strip, a frame or a movie: the same shot to the byte, and nothing that a file says is followed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from tests.host.studio import add_board, bpy, metas_of, of_role, part, step_until
from tests.host.test_panels import drawn
from tests.host.test_shot import frames_of, generate

COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


def finished(scene):
    """The newest shot's strip, once it is made."""

    def done():
        meta = metas_of(scene)[-1]
        return meta.shotpack.state == "finished" and len(meta.strips) == 1 and meta.shotpack.said and meta

    return step_until(done)


@pytest.fixture
def shot(saved):
    """A finished shot's strip: two sections, forward, with a seed of its own."""
    add_board(saved, length=73)
    saved.shotpack.order, saved.shotpack.seed = "forward", 9
    generate(saved)
    return finished(saved)


def frame(folder: Path, shot: dict, name: str = "frame.png") -> Path:
    """A picture that claims to be of a shot."""
    said = part("engine.media.provenance").Provenance(COMPOSITE, "", shot, "Shotpack 0.1.0")
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", said.packet().decode())
    Image.new("RGB", (64, 64)).save(folder / name, pnginfo=chunks)
    return folder / name


def contents(meta) -> list[bytes]:
    return [path.read_bytes() for path in frames_of(of_role(meta, "final")[0])]


def test_a_finished_strip_says_what_made_it(shot):
    assert shot["digital_source_type"] == COMPOSITE
    said = json.loads(shot["shotpack_shot"])
    assert (said["seed"], said["model"], said["section"]) == (9, "tiny", 1)
    assert said["request"]["order"] == "forward"
    scene = bpy.context.scene
    part("operators.sequencer").select(scene, shot)
    assert bpy.ops.shotpack.new_take(of="SHOT", use_seed=True, seed=11) == {"FINISHED"}
    step_until(lambda: metas_of(scene)[0].shotpack.said.endswith("-t02.png"))
    meta = metas_of(scene)[0]
    assert json.loads(meta["shotpack_shot"])["seed"] == 11
    bpy.ops.shotpack.show_take(take=1)
    assert json.loads(metas_of(scene)[0]["shotpack_shot"])["seed"] == 9


def test_from_a_frame_a_movie_and_strips_the_same_shot_comes_to_the_byte(shot, tmp_path):
    wanted, first = contents(shot), frames_of(of_role(shot, "final")[0])[0]
    home = part("operators.settings").home()
    movie = home / "jobs" / shot.shotpack.job / "shot.mp4"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in (first, movie, first.parent / "board.png"):
        shutil.copyfile(path, elsewhere / path.name)

    # In another file, far from the shot's folder: the board lies beside.
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    scene.render.fps, scene.frame_current = 30, 21
    scene.sequence_editor_create()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other" / "other.blend") if _made(tmp_path / "other") else "")
    for path in (elsewhere / first.name, elsewhere / "shot.mp4"):
        assert bpy.ops.shotpack.remake_file(filepath=str(path)) == {"FINISHED"}
        meta = finished(scene)
        assert (meta.frame_final_start, meta.shotpack.frames) == (21, 73)
        assert contents(meta) == wanted
    assert [meta.channel for meta in metas_of(scene)] == [1, 2]

    # From the strip that was just made, and from a plain strip that shows a frame.
    assert "shotpack.remake" in drawn().buttons
    assert bpy.ops.shotpack.remake() == {"FINISHED"}
    assert contents(finished(scene)) == wanted
    plain = scene.sequence_editor.strips.new_image("a frame", str(elsewhere / first.name), 8, 100)
    scene.sequence_editor.active_strip = plain
    look_at_active()
    assert bpy.ops.shotpack.remake() == {"FINISHED"}
    meta = finished(scene)
    assert (meta.frame_final_start, meta.channel) == (100, 9)
    assert contents(meta) == wanted


def look_at_active() -> bool:
    """Whether the button is live once the timer has looked, which this Blender without a window does not call."""
    bpy.ops.shotpack.remake.poll()
    part("operators.remake_sources").look()
    return bpy.ops.shotpack.remake.poll()


def test_a_plain_strip_is_offered_only_where_its_file_says_something_and_no_poll_reads_it(saved, tmp_path, monkeypatch):
    sources, read = part("operators.remake_sources"), []
    said_by = sources.remake.said_by
    monkeypatch.setattr(sources.remake, "said_by", lambda path: read.append(path.name) or said_by(path))
    editor = saved.sequence_editor
    editor.active_strip = None
    assert sources.prevented(bpy.context).startswith("Select a shot's strip")
    assert not bpy.ops.shotpack.remake.poll()

    drawing = add_board(saved)
    assert sources.prevented(bpy.context) is None, "not known yet: pressing it would tell"
    assert "shotpack.remake" in drawn().buttons
    assert read == []
    assert not look_at_active()
    assert sources.prevented(bpy.context).startswith("What this strip shows does not say what made it")
    assert read == [Path(drawing.elements[0].filename).name]

    for name, is_live in (("frame.png", True), ("gone.png", True), ("broken.png", False)):
        path = frame(tmp_path, {"request": {"frames": 37, "model": "tiny"}}, name)
        if name == "broken.png":
            path.write_bytes(path.read_bytes()[:40])
        editor.active_strip = editor.strips.new_image(name, str(path), 5, 1)
        if name == "gone.png":  # that it is not there, pressing the button tells
            path.unlink()
        assert look_at_active() == is_live, name
        assert [bpy.ops.shotpack.remake.poll(), bpy.ops.shotpack.remake.poll()] == [is_live] * 2
    assert len(read) == 4, "each once"


def test_an_image_strip_is_offered_by_the_picture_at_the_playhead_which_is_what_the_press_takes(saved, tmp_path):
    """Such as a title card before a shot's frames."""
    Image.new("RGB", (64, 64)).save(tmp_path / "card.png")
    frame(tmp_path, {"request": {"frames": 37, "model": "tiny", "prompt": "w5"}})
    editor = saved.sequence_editor
    strip = editor.active_strip = editor.strips.new_image("cut", str(tmp_path / "card.png"), 5, 11)
    strip.elements.append("frame.png")
    for at, is_live in ((11, False), (12, True), (11, False), (12, True), (90, False)):
        saved.frame_current = at
        assert look_at_active() == is_live, at
    saved.frame_current = 12
    assert bpy.ops.shotpack.remake() == {"FINISHED"}
    assert json.loads(metas_of(saved)[-1].shotpack.request)["prompt"] == "w5"


def test_a_file_that_was_changed_is_read_again(saved, tmp_path):
    path = tmp_path / "frame.png"
    Image.new("RGB", (64, 64)).save(path)
    editor = saved.sequence_editor
    editor.active_strip = editor.strips.new_image("a frame", str(path), 5, 1)
    assert not look_at_active()
    frame(tmp_path, {"request": {"frames": 37, "model": "tiny"}})
    assert not bpy.ops.shotpack.remake.poll(), "no poll asks the disk"
    assert look_at_active()
    path.unlink()
    assert look_at_active(), "that it is not there, pressing the button tells"


def test_a_file_that_cannot_be_read_as_nobody_expected_hides_no_other(saved, tmp_path, monkeypatch):
    sources, read = part("operators.remake_sources"), []

    def said_by(path: Path):
        read.append(path.name)
        if path.name == "bad.png":
            raise MemoryError("as nobody expected")
        return said(path)

    Image.new("RGB", (64, 64)).save(tmp_path / "silent.png")
    editor = saved.sequence_editor
    bad = editor.strips.new_image("bad", str(frame(tmp_path, {"request": {}}, "bad.png")), 5, 1)
    silent = editor.strips.new_image("silent", str(tmp_path / "silent.png"), 6, 1)
    with monkeypatch.context() as patch:
        said = sources.remake.said_by
        patch.setattr(sources.remake, "said_by", said_by)
        editor.active_strip = bad
        with pytest.raises(MemoryError):
            look_at_active()
        assert bpy.ops.shotpack.remake.poll(), "pressing the button tells"
        editor.active_strip = silent
        assert not look_at_active()
        editor.active_strip = bad
        look_at_active()
    assert read == ["bad.png", "silent.png"]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_board_that_is_nowhere_is_named_and_nothing_is_made(saved, tmp_path):
    request = {"frames": 37, "boards": [{"frame": 1, "image": "ab" * 32}], "model": "tiny", "prompt": "w5"}
    path = frame(tmp_path, {"request": request})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(
        RuntimeError, match=r"the board at frame 1 \(SHA-256 abababababab…\) is in no shot's folder here"
    ):
        bpy.ops.shotpack.remake_file(filepath=str(path))
    assert metas_of(saved) == []
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "request_",
    [
        {"frames": 37, "boards": [{"frame": 1, "image": "../board.png"}]},
        {"frames": 37, "boards": [{"frame": 1, "image": "/etc/passwd"}]},
        {"frames": 10**7},
        {"frames": 37, "prompt": 5},
        "37",
    ],
)
def test_nothing_that_a_file_says_is_a_path(saved, tmp_path, request_):
    with pytest.raises(RuntimeError, match="makes no sense"):
        bpy.ops.shotpack.remake_file(filepath=str(frame(tmp_path, {"request": request_})))
    assert metas_of(saved) == []


def test_other_files_say_why_not(saved, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "plain.png")
    with pytest.raises(RuntimeError, match=r"plain\.png cannot be made again: it says nothing of a shot"):
        bpy.ops.shotpack.remake_file(filepath=str(tmp_path / "plain.png"))


def test_a_shot_of_words_needs_no_picture_and_a_gone_model_is_said(saved, tmp_path, capfd):
    saved.shotpack.prompt = "w1"
    said = {"frames": 73, "model": "long-gone", "prompt": "w5", "seed": 3, "fps": 24.0, "endpoints": [60]}
    path = frame(tmp_path, {"request": said})
    part("operators.runtime").wake()
    step_until(lambda: part("operators.chosen").about().get("models"))
    assert bpy.ops.shotpack.remake_file(filepath=str(path)) == {"FINISHED"}
    (meta,) = metas_of(saved)
    asked = json.loads(meta.shotpack.request)
    assert asked.get("model", "") in ("", "tiny")
    assert (asked["seed"], asked["prompt"]) == (saved.shotpack.seed, "w5")
    assert "endpoints" not in asked
    reported = capfd.readouterr().out
    assert "It was made with 'long-gone', which is not installed any more." in reported
    assert "The chosen model plans no endpoints; they were left out." in reported
