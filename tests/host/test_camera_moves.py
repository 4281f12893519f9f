"""A camera's move over a strip's board: settings, the first framing as board, the film of its pictures, the engine."""

from __future__ import annotations

import json
import subprocess
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.host.studio import add_board, bpy, metas_of, of_role, part, step_until
from tests.host.test_panels import Panel

FRAMES = 13
SIZE = (96, 64)


@pytest.fixture
def panel(saved):
    """A board's strip over which a camera pushes in, in a file that is saved."""
    strip = add_board(saved, length=FRAMES)
    saved.shotpack.prompt = "w5"
    strip.shotpack_board.camera = "MOVE"
    runtime = part("operators.runtime")
    runtime.wake()
    step_until(lambda: runtime.the_client().about.get("details"))
    return strip


def move(strip):
    return strip.shotpack_board.move


def generate(scene):
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    meta = metas_of(scene)[-1]
    return meta, Path(part("operators.shot_strips").folder_of(meta))


def guide_of(meta):
    (guide,) = json.loads(meta.shotpack.request)["conditions"]
    return guide["frames"]


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.float64)


def cut(whole, x, y, width, size):
    """What an upright framing shows of a board, by Pillow."""
    with Image.open(whole) as picture:
        board = picture.convert("RGB")
    wide, high = board.size
    half = width * wide / 2, width * wide / 2 * size[1] / size[0]
    box = x * wide - half[0], y * high - half[1], x * wide + half[0], y * high + half[1]
    channels = (Image.fromarray(np.asarray(each, np.float32)) for each in board.split())  # floats: nothing is cut off
    scaled = [np.asarray(each.resize(size, Image.Resampling.LANCZOS, box=box)) for each in channels]
    return np.clip(np.dstack(scaled), 0, 255)


def assert_alike(made, wanted):
    """But for rounding, and for a board's edge, beyond which Pillow leaves out what is repeated here."""
    assert np.abs(made - wanted)[3:-3, 3:-3].max() <= 1


def settled(meta):
    shot = part("operators.runtime").shot_of(meta.shotpack.shot)
    step_until(lambda: shot.playing)
    return shot


def test_the_shot_is_led_by_the_board_under_the_move(panel, saved):
    settings = move(panel)
    settings.start_center, settings.start_width = (0.5, 0.5), 0.8
    settings.end_center, settings.end_width = (0.6, 0.55), 0.5
    assert settings.kind == "DRAWN"
    before = {scene.name: sorted(scene.keys()) for scene in bpy.data.scenes}
    meta, folder = generate(saved)
    assert {scene.name: sorted(scene.keys()) for scene in bpy.data.scenes} == before
    frames = guide_of(meta)
    assert [frame["frame"] for frame in frames] == [float(frame) for frame in range(2, FRAMES + 1)]
    assert not any(frame.get("seen") for frame in frames), "all of it is on the board"
    first = pixels(folder / "board.png")
    assert_alike(first, cut(folder / "whole.png", 0.5, 0.5, 0.8, first.shape[1::-1]))
    shot = settled(meta)
    last = pixels(folder / frames[-1]["image"])
    assert last.shape == (*SIZE[::-1], 3)
    # Heights are counted upward in Blender, and downward in pictures.
    assert_alike(last, cut(folder / "whole.png", 0.6, 0.45, 0.5, SIZE))
    assert (shot.guide.made, shot.guide.of, shot.guide.seen) == (FRAMES - 1, FRAMES - 1, 1.0)
    with Image.open(folder / shot.playing[0]) as one, Image.open(folder / shot.playing[-1]) as other:
        assert one.size == other.size, "a strip shows all its pictures at the scale of its first"
    step_until(lambda: len(of_role(meta, "placeholder")[0].elements) > 1 or meta.shotpack.state == "finished")
    step_until(lambda: meta.shotpack.state == "finished")
    assert len(part("operators.shot_strips").pictures(meta)) == FRAMES
    assert panel.shotpack_board.camera == "MOVE"


def test_what_lies_outside_the_board_is_not_seen(panel, saved):
    settings = move(panel)
    settings.start_width, settings.end_center, settings.end_width = 0.5, (1.0, 0.5), 0.5
    meta, folder = generate(saved)
    frames = guide_of(meta)
    assert frames[0].get("seen") is None
    assert frames[-1]["seen"] == "0013.00-seen.png"
    shot = settled(meta)
    mask, picture = pixels(folder / frames[-1]["seen"]), pixels(folder / frames[-1]["image"])
    assert set(np.unique(mask)) == {0.0, 255.0}
    assert mask[:, :48].min() == 255
    assert mask[:, 48:].max() == 0
    assert np.ptp(picture[:, 60:], axis=1).max() <= 1, "the board's edge goes on"
    assert shot.guide.seen == 0.5
    assert part("operators.camera_moves").shown(saved, settings, "end") == pytest.approx(0.5)


def test_another_move_is_another_shot_and_the_same_is_the_same(panel, saved):
    def digest():
        meta, folder = generate(saved)
        assert (folder / "move.json").is_file()
        made = meta.shotpack.digest
        saved.sequence_editor.active_strip = panel
        panel.select = True
        return made

    first, again = digest(), digest()
    move(panel).end_center = (0.5, 0.52)
    assert first == again
    assert digest() != first, "the request's names are the same, and its first board"


def test_pictures_are_made_again_where_they_are_missing(panel, saved):
    meta, folder = generate(saved)
    settled(meta)
    names = [frame["image"] for frame in guide_of(meta)]
    kept = {name: (folder / name).read_bytes() for name in names}
    for name in names:
        (folder / name).unlink()
    renderer = part("operators.trust").film_renderer()
    films = part("engine.client.film_render").films_to_take(folder, (), tuple(names))
    assert list(films) == ["move.json"]
    renderer.take_all(folder, films)
    assert {name: (folder / name).read_bytes() for name in names} == kept
    (folder / names[0]).unlink()
    (folder / "move.json").write_text((folder / "move.json").read_text() + " ")
    with pytest.raises(part("engine.errors").EngineError, match="not made by this Blender"):
        renderer.take_all(folder, films)


@pytest.mark.parametrize(
    ("film", "said"),
    [
        ({"size": [96, 64], "frames": {"../over": [0.5, 0.5, 1, 0]}}, "is not the name of a move's picture"),
        ({"size": [96, 100_000], "frames": {}}, "is no picture's size"),
        ({"size": [96, 64], "frames": {"0002.00": [0.5, 0.5, 0, 0]}}, "width is 0"),
        (
            {"size": [96, 64], "frames": {"0002.00": [0.5, 0.5, 1, 0]}, "boards": {"0002.00": "../whole.png"}},
            "is not the name of a board",
        ),
    ],
)
def test_a_film_that_comes_with_a_file_writes_nowhere_else(extension, tmp_path, film, said):
    into = tmp_path / "into"
    into.mkdir()
    (tmp_path / "move.json").write_text(json.dumps(film))
    Image.new("RGB", SIZE).save(tmp_path / "whole.png")
    program = Path(part("operators.camera_moves").__file__).with_name("render_move.py")
    command = [*part("operators.background_program").background_program(program), str(tmp_path / "move.json")]
    ran = subprocess.run([*command, str(into)], cwd=into, capture_output=True, text=True, check=False)
    assert ran.returncode
    assert said in ran.stderr
    assert not list(into.iterdir())


def test_kinds_fill_the_framings_and_the_hand_makes_them_drawn(panel, saved):
    settings = move(panel)
    assert (settings.kind, settings.start_width, settings.end_width) == ("PUSH_IN", 1.0, 0.75)
    settings.kind = "TILT_UP"
    assert (settings.start_width, settings.end_width) == (0.75, 0.75)
    assert settings.start_center[1] < settings.end_center[1], "up is up"
    settings.amount = 0.5
    assert tuple(settings.end_center) == pytest.approx((0.5, 0.75))
    settings.kind = "ROLL_LEFT"
    settings.angle = 0.2
    assert (settings.end_roll, settings.start_roll) == pytest.approx((0.2, 0.0))
    framing = part("operators.camera_moves").framing_of(settings, "end")
    assert framing.within(saved.render.resolution_x / saved.render.resolution_y)
    settings.end_width = 0.4
    assert (settings.kind, settings.end_width) == ("DRAWN", pytest.approx(0.4))
    settings.kind = "PUSH_IN"
    assert settings.end_width == 0.5


def test_the_board_of_a_near_camera_has_more_pixels(panel, saved, monkeypatch):
    saved.render.resolution_x, saved.render.resolution_y = 3840, 2560
    moves = part("operators.camera_moves")
    monkeypatch.setattr(moves, "LONGEST_SIDE", 1280)
    assert moves.longest_side(panel) == round(1280 / 0.75)
    move(panel).end_width = 0.1
    assert moves.longest_side(panel) == 4096
    panel.shotpack_board.camera = "NONE"
    assert moves.longest_side(panel) == 1280


def test_why_no_camera_can_move_is_said_before_the_press(panel, saved, monkeypatch):
    intent, runtime = part("operators.shot_intent").intent, part("operators.runtime")
    with monkeypatch.context() as patched:
        patched.setattr(runtime.client, "about", {})
        assert "Start the engine" in intent(bpy.context)
        calls = []
        patched.setattr(runtime, "woken", False)
        patched.setattr(part("operators.early_start"), "_seen", False)
        patched.setattr(runtime, "wake", lambda: calls.append(True))
        part("operators.early_start").look()
        assert calls, "it is started by itself"
    details = part("operators.runtime").the_client().about["details"]["tiny"]
    wanted, details["guide_frames"] = details["guide_frames"], 0
    assert intent(bpy.context) == "This model follows no camera; choose one that does, or set Camera to None."
    details["guide_frames"] = wanted
    assert not isinstance(intent(bpy.context), str)


def test_a_move_is_done_before_the_board_that_the_shot_ends_on(panel, saved):
    panel.frame_final_duration = 61
    end = add_board(saved, start=80, name="Panel 2")
    panel.select = end.select = True
    saved.shotpack.length = "BOARD"
    saved.frame_set(30)
    assert part("operators.framing_overlay").time_of(saved, panel) == 1.0, "the preview shows it so"
    meta, folder = generate(saved)
    asked = json.loads(meta.shotpack.request)
    assert [frame for frame, _ in asked["boards"]] == [1, 61]
    frames = [frame["frame"] for frame in guide_of(meta)]
    assert frames == [float(frame) for frame in range(2, 31)], "a second before, which is half of the shot"
    settled(meta)
    last = pixels(folder / guide_of(meta)[-1]["image"])
    assert_alike(last, cut(folder / "whole.png", 0.5, 0.5, 0.75, SIZE))


def test_through_many_boards_each_has_its_own_move(panel, saved):
    """Panel 1 pushes in, Panel 2 is still, Panel 3 is panned: each until a second before the next, or half way."""
    others = [add_board(saved, start=start, name=name, length=20) for start, name in ((14, "Panel 2"), (34, "Panel 3"))]
    others[1].shotpack_board.camera = "MOVE"
    settings = move(others[1])
    settings.kind, settings.amount = "PAN_RIGHT", 0.5
    for strip in (panel, *others):
        strip.select = True
    saved.shotpack.storyboard_shots = "THROUGH"
    assert bpy.ops.shotpack.animate() == {"FINISHED"}
    meta = metas_of(saved)[-1]
    folder, asked = Path(part("operators.shot_strips").folder_of(meta)), json.loads(meta.shotpack.request)
    assert asked["boards"] == [[1, "board.png"], [14, "board-00014.png"], [34, "board-00034.png"]]
    (guide,) = asked["conditions"]
    pushed, still, panned = range(2, 8), [14], range(35, 54)
    assert [frame["frame"] for frame in guide["frames"]] == [float(frame) for frame in (*pushed, *still, *panned)]
    film = json.loads((folder / "move.json").read_text())
    assert film["boards"]["0007.00"] == "whole.png"
    assert (film["boards"]["0014.00"], film["boards"]["0035.00"]) == ("board-00014.png", "whole-00034.png")
    first = pixels(folder / "board-00034.png")
    assert_alike(first, cut(folder / "whole-00034.png", 0.25, 0.5, 0.5, first.shape[1::-1]))
    shot = settled(meta)
    assert_alike(pixels(folder / "0007.00.png"), cut(folder / "whole.png", 0.5, 0.5, 0.75, SIZE))
    assert_alike(pixels(folder / "0053.00.png"), cut(folder / "whole-00034.png", 0.75, 0.5, 0.5, SIZE))
    assert shot.playing[13:23] == ("0014.00.png",) * 10, "a stretch without a move shows its own board meanwhile"
    step_until(lambda: meta.shotpack.state == "finished")
    names = part("operators.shot_folders")
    (folder / "copy").mkdir()
    names.copy_pictures(folder, folder / "copy", [])
    assert (folder / "copy" / "whole-00034.png").is_file(), "another take can make its pictures again"
    again = meta.shotpack.digest
    settings.amount = 0.4
    assert bpy.ops.shotpack.animate() == {"FINISHED"}
    assert metas_of(saved)[-1].shotpack.digest != again


def test_through_boards_a_move_wants_a_model_that_follows(panel, saved):
    others = [add_board(saved, start=40, name="Panel 2", length=20)]
    strips = [panel, *others]
    details = part("operators.runtime").the_client().about["details"]["tiny"]
    wanted, details["guide_frames"] = details["guide_frames"], 0
    through = part("operators.through")
    assert through.prevented(saved, strips) == (
        "This model follows no camera; choose one that does, or set Camera to None."
    )
    details["guide_frames"] = wanted
    assert through.prevented(saved, strips) is None


def drawn(module, panel):
    layout = Panel()
    getattr(part(f"panels.{module}"), panel).draw(types.SimpleNamespace(layout=layout), bpy.context)
    return layout.text


def test_what_is_left_out_of_a_move_is_said_before_the_press(panel, saved):
    end = add_board(saved, start=80, name="Panel 2")
    panel.select = end.select = True
    shot, storyboard, joins = ("shot", "_Shot"), ("storyboard", "_Storyboard"), ("joins", "_Joins")
    done, each = "The move is over a second before the picture", "Each move is over a second before the next board"
    assert done in drawn(*shot)
    saved.shotpack.storyboard_shots = "THROUGH"
    assert each in drawn(*storyboard)
    assert "Follow Camera is left out" not in drawn(*storyboard)
    saved.shotpack.follow_camera = True
    assert "Follow Camera is left out" in drawn(*storyboard)
    assert "Camera: Move is left out" in drawn(*joins)
    assert "Follow Camera is left out" in drawn(*joins)
    saved.shotpack.follow_camera, panel.shotpack_board.camera = False, "NONE"
    assert "left out" not in drawn(*joins)
    assert done not in drawn(*shot)
    assert each not in drawn(*storyboard)


def test_a_join_begins_with_the_whole_picture(panel, saved):
    """What the strip before it shows last is not framed, so neither is what goes on from it."""
    add_board(saved, start=40, name="Panel 2", length=20)
    assert bpy.ops.shotpack.bridge() == {"FINISHED"}
    meta = metas_of(saved)[-1]
    assert "conditions" not in json.loads(meta.shotpack.request)


def test_no_scene_leads_a_shot_whose_camera_moves_over_its_board(panel, saved, monkeypatch):
    """Follow Camera would be ticked, and named, beside a move that takes its place."""
    drawn = []
    monkeypatch.setattr(part("panels.shot"), "draw_follow_strip", lambda *_: drawn.append(True))
    for camera in ("MOVE", "NONE"):
        panel.shotpack_board.camera = camera
        part("panels.shot")._draw_shot(Panel(), bpy.context)
        assert drawn == ([True] if camera == "NONE" else [])
