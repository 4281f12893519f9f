"""Shots that start from words alone, or go on from a strip: where they lie, what is taken, what the engine is sent."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.host.studio import add_board, bpy, metas_of, of_role, part, step_until
from tests.host.test_operators import finished, problem
from tests.host.test_panels import Panel
from tests.host.test_shot import frames_of
from tests.host.test_trust import stamped


@pytest.fixture
def sent(saved, monkeypatch):
    """Every start is offered; what goes to the engine is kept, and its own answer is what comes back."""
    monkeypatch.setattr(
        part("engine.client.engine_client").EngineClient, "starts", lambda _client, _model: ("board", "text", "clip")
    )
    connection, jobs = part("engine.client.connection").Connection, []
    add_job = connection.add_job

    def keep(line, job, key=""):
        jobs.append(json.loads(job))
        return add_job(line, job, key)

    monkeypatch.setattr(connection, "add_job", keep)
    return jobs


def add_movie(scene, path: Path, *, start: int = 1, channel: int = 1):
    strip = scene.sequence_editor.strips.new_movie("movie", str(path), channel, start)
    scene.sequence_editor.active_strip = strip
    strip.select = True
    return strip


def add_sequence(scene, folder: Path, *, start: int = 1, frames: int = 20, size=(192, 128)):
    """Frames of the scene's size, each of its own grey."""
    folder.mkdir()
    for frame in range(1, frames + 1):
        Image.new("RGB", size, (10 * frame,) * 3).save(folder / f"{frame:03d}.png")
    strip = scene.sequence_editor.strips.new_image("sequence", str(folder / "001.png"), 1, start, fit_method="FIT")
    for frame in range(2, frames + 1):
        strip.elements.append(f"{frame:03d}.png")
    scene.sequence_editor.active_strip = strip
    strip.select = True
    return strip


def generate(scene, source: str, *, seconds: float = 37 / 30):
    scene.shotpack.prompt, scene.shotpack.source = "w5 w2", source
    scene.shotpack.length, scene.shotpack.seconds = "SECONDS", seconds
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    return metas_of(scene)[-1]


def record(meta):
    return part("operators.runtime").shot_of(meta.shotpack.shot)


def grey(path: Path) -> int:
    with Image.open(path) as picture:
        return picture.convert("L").getpixel((90, 60))


def test_words_alone(saved, sent):
    saved.frame_current = 41
    meta = generate(saved, "TEXT")
    assert (meta.frame_final_start, meta.frame_final_end) == (41, 78)
    (placeholder,) = of_role(meta, "placeholder")
    (still,) = frames_of(placeholder)
    assert still.is_file()
    assert json.loads(record(meta).request)["boards"] == []
    # The tiny model can start from a board alone, and nothing else is wrong with what was sent.
    assert problem(meta.shotpack.shot).sentence.endswith("the model 'tiny' needs another start: give a start board.")
    assert sent[0]["boards"] == []
    assert "clip" not in sent[0]


def test_after_the_end_of_a_movie(saved, sent, movie):
    strip = add_movie(saved, movie, start=11)
    saved.frame_current = 200
    meta = generate(saved, "CLIP")
    assert (meta.frame_final_start, meta.frame_final_end, meta.channel) == (41, 78, strip.channel)
    (still,) = frames_of(of_role(meta, "placeholder")[0])
    assert grey(still) == pytest.approx(200, abs=6)  # the movie's last frame
    folder = record(meta).folder
    assert len(bpy.data.scenes) == 1
    assert not list(folder.glob("*.jpg"))  # Blender has not waited for them
    assert problem(meta.shotpack.shot).sentence.endswith("give a start board instead of a clip.")
    names = json.loads(record(meta).request)["clip"]
    assert names == [f"clip-{number:04d}.jpg" for number in range(1, 31)]
    assert [grey(folder / name) for name in names] == pytest.approx([20] * 15 + [200] * 15, abs=6)
    with Image.open(folder / names[0]) as picture:
        assert (picture.format, picture.size) == ("JPEG", (192, 128))
    assert sent[0]["boards"] == []
    assert len(sent[0]["clip"]) == 30
    assert not list(folder.glob(".filming*"))


def test_from_the_playhead_inside_a_movie(saved, sent, movie):
    add_movie(saved, movie, start=11)
    saved.frame_current = 21
    meta = generate(saved, "CLIP")
    assert (meta.frame_final_start, meta.channel) == (21, 2)
    problem(meta.shotpack.shot)
    folder = record(meta).folder
    assert [grey(path) for path in sorted(folder.glob("*.jpg"))] == pytest.approx([20] * 10, abs=6)
    assert len(sent[0]["clip"]) == 10


def test_pictures_of_a_sequence_are_copied_and_of_a_changed_one_filmed(saved, sent, tmp_path):
    strip = add_sequence(saved, tmp_path / "sequence")
    saved.frame_current = 6
    meta = generate(saved, "CLIP")
    names = json.loads(record(meta).request)["clip"]
    pictures = [(record(meta).folder / name).read_bytes() for name in names]
    assert pictures == [(tmp_path / "sequence" / f"{frame:03d}.png").read_bytes() for frame in range(1, 6)]
    assert not (record(meta).folder / "clip.blend").exists()
    strip.color_multiply = 0.5
    saved.sequence_editor.active_strip = strip
    again = generate(saved, "CLIP")
    problem(again.shotpack.shot)
    filmed = sorted(record(again).folder.glob("*.jpg"))
    assert [grey(path) for path in filmed] == pytest.approx([5, 10, 15, 20, 25], abs=3)


def test_what_is_filmed_is_what_the_sequencer_shows(saved, sent, tmp_path):
    """Ink that fades in over paper, in a place with braces; the scene's stamp and view are not on it."""
    paper, ink = tmp_path / "paper.png", tmp_path / "{ink} 100%"
    Image.new("RGB", (192, 128), (255, 128, 0)).save(paper)
    strip = add_sequence(saved, ink, frames=6)
    for frame in range(1, 7):
        drawn = Image.new("RGBA", (192, 128), (0, 0, 0, 0))
        drawn.paste((10 * frame, 0, 0, 255), (0, 0, 96, 128))
        drawn.save(ink / f"{frame:03d}.png")
    strip.channel, strip.blend_type, strip.blend_alpha = 2, "ALPHA_OVER", 0.0
    strip.keyframe_insert("blend_alpha", frame=1)
    strip.blend_alpha = 1.0
    strip.keyframe_insert("blend_alpha", frame=6)
    under = saved.sequence_editor.strips.new_image("paper", str(paper), 1, 1)
    under.frame_final_duration, under.select = 20, False
    saved.render.use_stamp, saved.view_settings.view_transform = True, "AgX"
    meta = generate(saved, "CLIP")
    problem(meta.shotpack.shot)
    filmed = sorted(record(meta).folder.glob("*.jpg"))
    assert len(filmed) == 6
    for number, path in enumerate(filmed, 1):
        with Image.open(path) as picture:
            assert picture.getpixel((20, 60)) == pytest.approx((10 * number, 0, 0), abs=4)
            assert picture.getpixel((170, 60)) == pytest.approx((255, 128, 0), abs=4)


def test_a_movie_inside_a_meta_strip_that_is_edited_and_held_at_its_end(saved, sent, movie):
    meta = saved.sequence_editor.strips.new_meta("scene 3", 4, 1)
    inside = meta.strips.new_movie("inside", str(movie), 1, 1)
    inside.frame_final_end = 36
    beside = meta.strips.new_image("beside", str(movie.with_name("no.png")), 2, 1)
    beside.frame_final_end = meta.frame_final_end = 60
    saved.sequence_editor.display_stack(meta)
    saved.sequence_editor.active_strip, inside.select = inside, True
    saved.frame_current = 36
    saved.shotpack.prompt, saved.shotpack.source = "w5 w2", "CLIP"
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    saved.sequence_editor.display_stack(None)
    shot = record(next(each for each in meta.strips if each.type == "META"))
    problem(shot.id)
    assert [grey(path) for path in sorted(shot.folder.glob("*.jpg"))] == pytest.approx([20] * 15 + [200] * 20, abs=6)


def test_a_finished_shot_goes_on(saved, sent):
    add_board(saved, length=37)
    saved.shotpack.prompt = "w5 w2"
    bpy.ops.shotpack.generate()
    first = finished(metas_of(saved)[-1].shotpack.shot)
    part("operators.sequencer").select(saved, first)
    saved.frame_current = 1
    second = generate(saved, "CLIP")
    assert (second.frame_final_start, second.channel) == (first.frame_final_end, first.channel)
    made = part("operators.shot_strips").pictures(first)
    names = json.loads(record(second).request)["clip"]
    assert [(record(second).folder / name).read_bytes() for name in names] == [path.read_bytes() for path in made]


def test_closed_before_the_frames_were_taken(saved, sent, movie):
    """The film lies in the shot's folder: opened again and sent, the shot is filmed first."""
    add_movie(saved, movie)
    saved.frame_current = 200
    meta = generate(saved, "CLIP")
    shot = meta.shotpack.shot
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    assert bpy.ops.shotpack.send_unsent() == {"FINISHED"}
    problem(shot)
    assert [len(job["clip"]) for job in sent if job["name"] == "movie"] == [30]


def test_sent_again(saved, sent, movie):
    add_movie(saved, movie)
    saved.frame_current = 200
    shot = generate(saved, "CLIP").shotpack.shot
    problem(shot)
    folder = part("operators.runtime").shot_of(shot).folder
    (folder / "clip-0003.jpg").unlink()
    assert bpy.ops.shotpack.send_again(shot=shot) == {"FINISHED"}  # what is missing is taken again
    problem(shot)
    assert sent[0]["clip"] == sent[1]["clip"]
    (folder / "clip-0003.jpg").unlink()
    (folder / "clip.blend").unlink()
    bpy.ops.shotpack.send_again(shot=shot)
    assert "no image at" in problem(shot).sentence
    assert "clip-0003.jpg" in problem(shot).sentence


def test_a_shot_made_anew_takes_its_pictures_along(saved, sent, movie):
    add_movie(saved, movie)
    saved.frame_current = 200
    shot = generate(saved, "CLIP").shotpack.shot
    problem(shot)
    old = part("operators.runtime").shot_of(shot).folder
    Image.new("RGB", (96, 64)).save(old / "0001.png")  # a frame was made
    bpy.ops.shotpack.send_again(shot=shot)
    new = part("operators.runtime").shot_of(shot).folder
    assert new != old
    assert {path.name for path in new.iterdir()} == {path.name for path in old.iterdir()} - {"0001.png"}
    problem(shot)
    assert sent[0]["clip"] == sent[1]["clip"]


def test_what_cannot_be_gone_on_from(saved, sent, tmp_path, movie):
    saved.shotpack.prompt, saved.shotpack.source = "w5 w2", "CLIP"
    intent = part("operators.generate").intent
    assert "finished shot" in intent(bpy.context)
    copied = tmp_path / "copied.mp4"
    shutil.copyfile(movie, copied)
    add_movie(saved, copied)
    copied.unlink()
    with pytest.raises(RuntimeError, match="is not there"):
        bpy.ops.shotpack.generate()
    assert not metas_of(saved)
    assert len(bpy.data.scenes) == 1


def test_the_panel_says_what_the_model_cannot(saved, monkeypatch):
    client, intent = part("operators.runtime").the_client(), part("operators.generate").intent
    part("operators.runtime").wake()
    step_until(lambda: "starts" in client.about)
    assert client.about["starts"]["tiny"] == ["board"]
    saved.shotpack.prompt, saved.shotpack.source = "w5 w2", "TEXT"
    about = {"models": ["tiny"], "starts": {"tiny": ["board"]}}
    monkeypatch.setattr(client, "about", about)
    assert "All models here need a picture" in intent(bpy.context)
    about["starts"]["other"] = ["text"]
    about["models"].append("other")
    assert "choose one that needs none: other." in intent(bpy.context)
    saved.shotpack.model = "other"
    assert not isinstance(intent(bpy.context), str)
    saved.shotpack.source = "CLIP"
    assert "No model here can go on" in intent(bpy.context)
    saved.shotpack.source = "RENDER"
    assert "choose one that can: tiny." in intent(bpy.context)


def test_what_is_said_of_starts():
    client = part("engine.client.engine_client").EngineClient()
    try:
        assert client.starts("") == ("board", "text", "clip")  # nothing is known yet
        client.about = {"models": ["tiny"]}
        assert client.starts("tiny") == ("board",)  # an older engine
        client.about = {"models": ["best", "tiny"], "starts": {"best": ["text"], "tiny": ["board"]}}
        assert (client.starts(""), client.starts("tiny")) == (("text",), ("board",))
    finally:
        client.close()


@pytest.mark.parametrize(
    ("there", "fps", "conform", "first", "count", "different"),
    [
        (10, 30, True, 91, 10, 10),
        (1, 24, True, 100, 1, 1),
        (1000, 24, True, -899, 121, 121),
        (1000, 60, True, -899, 301, 151),
        (1000, 60, False, -899, 161, 161),
        (2000, 240, True, -1899, 1200, 151),
    ],
)
def test_which_frames(extension, there, fps, conform, first, count, different):
    """The first, and those of the last seconds up to the one before the shot, at frame 101."""
    frames = part("operators.lead_clip").frames_before(101, there, fps, conform=conform)
    assert (frames[0], frames[-1]) == (first, 100)
    assert (len(frames), len(set(frames))) == (count, different)
    assert frames == sorted(frames)


def chosen(scene, *strips, active=None):
    """Select these strips alone, in this order of clicks: the last is the active one."""
    for each in scene.sequence_editor.strips_all:
        each.select = each in strips
    scene.sequence_editor.active_strip = active or strips[-1]


@pytest.mark.parametrize("clicked", ["first", "second"])
def test_of_two_selected_strips_the_earlier_is_the_start_whatever_was_clicked_first(saved, clicked):
    intent, first = part("operators.generate").intent, add_board(saved, length=30)
    second = add_board(saved, start=101, length=50, name="Panel 2")
    first.shotpack_board.prompt, second.shotpack_board.prompt = "w5", "w6"
    chosen(saved, *((second, first) if clicked == "first" else (first, second)))
    found = intent(bpy.context)
    assert (found.boards.start, found.end, found.spot.start, found.spot.length) == (first, second, 1, 30)
    assert found.words.text == "w5"
    panel = drawn_shot()
    assert [panel.said.index(name) for name in ("Panel 1", "Panel 2")] == sorted(
        panel.said.index(name) for name in ("Panel 1", "Panel 2")
    )
    assert bpy.ops.shotpack.swap_boards() == {"FINISHED"}
    found = intent(bpy.context)
    assert (found.boards.start, found.end, found.spot.start, found.words.text) == (second, first, 1, "w5")
    third = add_board(saved, start=201, length=10, name="Panel 3")
    chosen(saved, second, third)
    assert intent(bpy.context).boards.start == second  # swapped were the other two
    chosen(saved, first, second)
    assert bpy.ops.shotpack.swap_boards() == {"FINISHED"}
    assert intent(bpy.context).boards.start == first


def drawn_shot():
    panel = Panel()
    part("panels.shot")._draw_shot(panel, bpy.context)
    return panel


def test_a_text_strip_over_the_board_is_offered_for_its_words_until_a_channel_is_named(saved):
    strips, board = saved.sequence_editor.strips, add_board(saved, length=30)
    end = {"length": 10} if "length" in strips.bl_rna.functions["new_effect"].parameters else {"frame_end": 21}
    text = strips.new_effect("what she does", "TEXT", 4, 11, **end)
    text.text = "w5"
    chosen(saved, board)
    for unheard in ({"text": " "}, {"frame_start": 31}):
        was = {name: getattr(text, name) for name in unheard}
        for name in unheard:
            setattr(text, name, unheard[name])
        assert "shotpack.use_text_strips" not in drawn_shot().buttons
        for name in was:
            setattr(text, name, was[name])
    panel = drawn_shot()
    assert panel.buttons.index("shotpack.use_text_strips") < panel.buttons.index("shotpack.generate")
    assert bpy.ops.shotpack.use_text_strips(channel=text.channel) == {"FINISHED"}
    assert part("operators.generate").intent(bpy.context).words.text == "w5"
    assert "shotpack.use_text_strips" not in drawn_shot().buttons
    saved.shotpack.prompt_channel = 0
    board.shotpack_board.prompt = "w6"  # it has words of its own, and the text may be a title
    assert "shotpack.use_text_strips" not in drawn_shot().buttons


def test_a_shot_that_is_made_offers_a_new_take_beside_generate(saved):
    board = add_board(saved, length=30)
    board.shotpack_board.prompt = "w5"
    chosen(saved, board)
    assert "shotpack.new_take" not in drawn_shot().buttons
    stamped(saved, Path(bpy.data.filepath).parent / "shots" / "panel-1")
    [meta] = metas_of(saved)
    chosen(saved, meta)
    for state, offered in (("running", False), ("finished", True)):
        meta.shotpack.state = state
        assert ("shotpack.new_take" in drawn_shot().buttons) is offered


def test_what_is_told_later_moves_no_button(saved, monkeypatch):
    """There are as many lines before the engine has told what its model understands as after."""
    board = add_board(saved, length=30)
    chosen(saved, board)
    board.shotpack_board.prompt = "w5"
    prompts = part("operators.prompts")
    monkeypatch.setattr(part("operators.chosen"), "about", dict)
    monkeypatch.setattr(prompts, "said_of", lambda *_: [])
    before = drawn_shot()
    monkeypatch.setattr(prompts, "said_of", lambda *_: [("Understood: pan left", "CHECKMARK")])
    after = drawn_shot()
    assert "Understood" in after.text
    assert len(after.said) == len(before.said)


def test_cards_are_boards_and_what_is_no_picture_is_said(saved, tmp_path):
    strips, intent = saved.sequence_editor.strips, part("operators.generate").intent
    saved.shotpack.prompt = "w5"
    end = {"length": 20} if "length" in strips.bl_rna.functions["new_effect"].parameters else {"frame_end": 21}
    colour = strips.new_effect("card", "COLOR", 3, 1, **end)
    text = strips.new_effect("title", "TEXT", 4, 1, **end)
    adjusted = strips.new_effect("grade", "ADJUSTMENT", 2, 1, **end)
    for strip in (colour, text):
        chosen(saved, strip)
        assert intent(bpy.context).strip == strip
        assert "From the playhead" not in drawn_shot().text
    chosen(saved, adjusted)
    assert "grade shows what lies below it, and nothing does" in intent(bpy.context)
    board = add_board(saved, length=20)
    chosen(saved, adjusted)
    assert intent(bpy.context).strip == adjusted
    chosen(saved, active=board)
    assert intent(bpy.context).strip == board  # a picture comes before cards
    assert "From the playhead: Panel 1" in drawn_shot().text


def test_the_panel_says_whose_words_they_are(saved):
    board = add_board(saved, length=20)
    saved.timeline_markers.new("F_1", frame=1)
    assert "Write what happens" in drawn_shot().text
    saved.shotpack.prompt = "w5"
    assert "Words: the scene's" in drawn_shot().text
    saved.timeline_markers.new("Harbour", frame=1)
    assert "Words: marker 'Harbour'" in drawn_shot().text
    strips = saved.sequence_editor.strips
    end = {"length": 20} if "length" in strips.bl_rna.functions["new_effect"].parameters else {"frame_end": 21}
    title = strips.new_effect("title", "TEXT", 4, 1, **end)
    title.text, title.mute, title.select, saved.shotpack.prompt_channel = "w6\nw7", True, False, 4
    found = part("operators.generate").intent(bpy.context)
    assert (found.words.text, found.words.name) == ("w6 w7", "title")
    assert "Words: text strip 'title'" in drawn_shot().text
    board.shotpack_board.prompt = "w1"
    assert "Words:" not in drawn_shot().text
    board.shotpack_board.prompt = "w" * 4001
    assert "4001 characters long; 4000 is the most" in part("operators.generate").intent(bpy.context)


def test_the_cameras_range(saved, sent):
    """What it sees at the first and at the last frame of the scene; nothing of the scene is changed."""
    saved.frame_start, saved.frame_end, saved.frame_current = 11, 47, 20
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    saved.collection.objects.link(camera)
    saved.camera, saved.render.engine = camera, "CYCLES"
    saved.cycles.samples, camera.location.z = 1, 5.0
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    saved.collection.objects.link(sun)
    bpy.ops.mesh.primitive_plane_add(size=50)
    for frame in (11, 47):
        bpy.context.object.hide_render = frame == 11
        bpy.context.object.keyframe_insert("hide_render", frame=frame)
    saved.shotpack.prompt, saved.shotpack.source, saved.shotpack.camera_range = "w5", "CAMERA", True
    found = part("operators.generate").intent(bpy.context)
    assert (found.spot.start, found.spot.length) == (11, 37)
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    shot = record(metas_of(saved)[-1])
    assert json.loads(shot.request)["boards"] == [[1, "board.png"], [37, "end.png"]]
    assert grey(shot.folder / "board.png") < 100 < 150 < grey(shot.folder / "end.png")
    assert (saved.frame_current, saved.frame_start, saved.frame_end) == (20, 11, 47)
    saved.shotpack.camera_range, saved.shotpack.length = False, "RANGE"
    assert part("operators.generate").intent(bpy.context).spot.length == 37


def test_only_starts_that_a_model_here_can_make_are_offered(saved, monkeypatch):
    client, offered = part("operators.runtime").the_client(), part("operators.start_sources").offered
    monkeypatch.setattr(client, "about", {"models": ["tiny"], "starts": {"tiny": ["board"]}})
    assert offered(saved.shotpack) == ["STRIP", "RENDER", "CAMERA", "VIEWPORT"]
    saved.shotpack.source = "TEXT"
    assert "TEXT" in offered(saved.shotpack)
    monkeypatch.setattr(client, "about", {})
    assert len(offered(saved.shotpack)) == 6


def test_a_shots_words_are_seen_and_used_again(saved, sent):
    board = add_board(saved, length=20)
    board.shotpack_board.prompt = "w5 w2"
    bpy.ops.shotpack.generate()
    (meta,) = metas_of(saved)
    board.shotpack_board.prompt = "w1"
    chosen(saved, meta)
    assert "w5 w2" in drawn_shot().text
    assert bpy.ops.shotpack.use_again(shot=meta.shotpack.shot) == {"FINISHED"}
    assert (board.shotpack_board.prompt, board.select, meta.select) == ("w5 w2", True, False)
    meta.shotpack.request = "[]"
    chosen(saved, meta)
    assert "Made With" not in drawn_shot().text


def test_text_strips_over_a_shot_are_its_prompts_in_time(saved, sent):
    add_board(saved, length=90)
    strips = saved.sequence_editor.strips
    end = {"length": 20} if "length" in strips.bl_rna.functions["new_effect"].parameters else {"frame_end": 61}
    later = strips.new_effect("later", "TEXT", 4, 41, **end)
    later.text, later.select, saved.shotpack.prompt_channel = "w3", False, 4
    saved.shotpack.prompt = "w5"
    bpy.ops.shotpack.generate()
    asked = json.loads(metas_of(saved)[0].shotpack.request)
    assert (asked["prompt"], asked["prompts"]) == ("w5", [{"frame": 41, "text": "w3"}, {"frame": 61, "text": "w5"}])
