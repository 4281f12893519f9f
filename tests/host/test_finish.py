"""A finished take in Blender: its pictures, which are larger, lie where the shot's lie, whatever the artist did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from tests.host.studio import bpy, of_role, part
from tests.host.test_panels import drawn

FRAMES = 5
SMALL, LARGE = (64, 36), (480, 270)
FINISH = {"frames": FRAMES, "boards": [], "finish": {"upscale": "480x270"}, "take": {"number": 2, "parent": 1}}
DARK, BRIGHT, WHITE, SHOWN = 60, 180, 225, 12


def draw(path: Path, size: tuple[int, int], grey: int) -> None:
    """A picture with a white square left of its middle, at the same place at every size."""
    width, height = size
    picture = Image.new("RGB", size, (grey, grey, grey))
    ImageDraw.Draw(picture).rectangle((width // 8, height // 2, width // 4 - 1, height * 3 // 4 - 1), "white")
    picture.save(path)


@pytest.fixture
def shot(saved: Any) -> Any:
    """The strip of a made shot of small frames, and beside them larger ones of a take that is none of its yet."""
    saved.render.resolution_x, saved.render.resolution_y = LARGE
    folder = Path(bpy.data.filepath).parent / "shots" / "panel-1"
    folder.mkdir(parents=True)
    for frame in range(1, FRAMES + 1):
        draw(folder / f"{frame:04d}.png", SMALL, DARK)
        draw(folder / f"{frame:04d}-t02.png", LARGE, BRIGHT)
    draw(folder / "board.png", SMALL, DARK)
    timeline, record = part("operators.timeline"), part("engine.client.shot").Shot
    first = record("one", "panel-1", folder, FRAMES, request=json.dumps({"frames": FRAMES, "boards": []}))
    meta = timeline.place(saved, first, timeline.Spot(1, FRAMES, 1), folder / "board.png")
    complete(first)
    reconcile(first)
    part("operators.sequencer").select(saved, meta)
    return meta


def complete(shot: Any, last: int = FRAMES) -> None:
    mark = part("engine.client.shot").mark_of(shot.take)
    shot.pictures = {frame: f"{frame:04d}{mark}.png" for frame in range(1, last + 1)}
    shot.complete = last == FRAMES


def reconcile(shot: Any) -> None:
    while part("operators.timeline").reconcile(shot, None):
        pass


def finish(meta: Any, last: int = FRAMES) -> Any:
    """A finish of the shot, shown in its strip, of which `last` frames are here; the engine has not told of it."""
    stamps, stamp = part("operators.take_stamps"), meta.shotpack
    folder = part("operators.shot_strips").folder_of(meta)
    take = part("engine.client.shot").Shot("two", "panel-1", folder, FRAMES, request=json.dumps(FINISH), take=2)
    stamps.list_take(stamp, take, 1)
    take.under = stamps.pictures(stamp, 1)
    stamps.show(stamp, stamps.take_of(stamp, 2))
    complete(take, last)
    reconcile(take)
    return take


def seen(frame: int) -> Image.Image:
    """What the Sequencer renders at a frame, in grey; black where nothing is shown."""
    scene = bpy.context.scene
    scene.frame_current = frame
    scene.render.filepath = str(Path(bpy.data.filepath).with_name("seen.png"))
    scene.render.image_settings.file_format = "PNG"
    bpy.ops.render.render(write_still=True)
    with Image.open(scene.render.filepath) as picture:
        return Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture.convert("RGBA")).convert("L")


def names_of(meta: Any) -> list[str]:
    return [element.filename for element in of_role(meta, "final")[0].elements]


def corners(picture: Image.Image) -> list[float]:
    """Where the white square is, in parts of 16 of the height."""
    box = picture.point([255 * (grey > WHITE) for grey in range(256)]).getbbox()
    assert box is not None
    return [edge * 16 / picture.height for edge in box]


def square(picture: Image.Image) -> Any:
    """The same, as far as it can be told: enlarged edges are soft."""
    return pytest.approx(corners(picture), abs=0.5)


def is_bright(picture: Image.Image) -> bool:
    """Whether what is shown is the larger picture."""
    shown = picture.histogram()[SHOWN : WHITE + 1]
    return sum(shown[BRIGHT - SHOWN - 20 :]) > sum(shown) / 2


def covered(picture: Image.Image) -> float:
    """How much of the scene a picture is seen on, 0 to 1."""
    return sum(picture.histogram()[SHOWN:]) / (picture.width * picture.height)


def place_of(strip: Any) -> tuple[float, ...]:
    transform, crop = strip.transform, strip.crop
    edges = (crop.min_x, crop.max_x, crop.min_y, crop.max_y)
    return (transform.scale_x, transform.scale_y, transform.offset_x, transform.offset_y, transform.rotation, *edges)


@pytest.mark.parametrize("percentage", [100, 50])
def test_larger_pictures_lie_where_the_small_ones_lie_and_back(shot, percentage):
    (final,) = of_role(shot, "final")
    final.transform.scale_x *= 0.5
    final.transform.scale_y *= 0.75
    final.transform.offset_x, final.transform.rotation = 40, 0.1
    # With another origin a smaller render shows the picture elsewhere than the whole one, finished or not.
    final.transform.origin = (0.25, 0.5) if percentage == 100 else (0.5, 0.5)
    final.crop.min_x, final.crop.max_y = 7, 5
    bpy.context.scene.render.resolution_percentage = percentage
    place, before = place_of(final), seen(2)
    assert not is_bright(before)
    finish(shot)
    after = seen(2)
    assert names_of(shot) == [f"{frame:04d}-t02.png" for frame in range(1, FRAMES + 1)]
    assert is_bright(after)  # it is the other picture
    assert corners(after) == square(before)
    assert covered(after) == pytest.approx(covered(before), abs=0.02)
    # The artist moves it while it is finished; back it is as it was, but for what he did.
    final = of_role(shot, "final")[0]
    final.transform.scale_x *= 2
    moved = square(seen(2))
    assert bpy.ops.shotpack.show_take(take=1) == {"FINISHED"}
    assert place_of(of_role(shot, "final")[0]) == pytest.approx((place[0] * 2, *place[1:]))
    assert corners(seen(2)) == moved
    assert bpy.ops.shotpack.show_take(take=2) == {"FINISHED"}
    assert corners(seen(2)) == moved


def test_a_finish_fills_in_over_what_it_finishes(shot):
    (final,) = of_role(shot, "final")
    final.transform.scale_x, final.transform.scale_y, final.crop.min_y = 4, 5, 6
    final.use_flip_x = True
    small = [seen(frame) for frame in range(1, FRAMES + 1)]
    take = finish(shot, 0)
    assert [seen(frame).tobytes() for frame in (1, FRAMES)] == [small[0].tobytes(), small[-1].tobytes()]
    for here in (2, 4):
        complete(take, here)
        reconcile(take)
        for frame in range(1, FRAMES + 1):
            now = seen(frame)
            assert is_bright(now) == (frame <= here)
            assert corners(now) == square(small[frame - 1])
    # Another take is shown meanwhile, and this one again.
    assert bpy.ops.shotpack.show_take(take=1) == {"FINISHED"}
    assert [strip.shotpack.role for strip in shot.strips] == ["final"]
    stamps = part("operators.take_stamps")
    stamps.show(shot.shotpack, stamps.take_of(shot.shotpack, 2))
    reconcile(take)
    assert (is_bright(seen(4)), is_bright(seen(5))) == (True, False)
    complete(take)
    reconcile(take)
    assert [strip.shotpack.role for strip in shot.strips] == ["final"]
    assert all(corners(seen(frame)) == square(small[0]) for frame in range(1, FRAMES + 1))


def test_keys_on_the_scale_are_divided_too(shot):
    (final,) = of_role(shot, "final")
    for frame, scale in ((1, 4.0), (5, 8.0)):
        final.transform.scale_x = scale
        final.transform.keyframe_insert("scale_x", frame=frame)
    before = [square(seen(frame)) for frame in range(1, FRAMES + 1)]
    assert corners(seen(1)) != before[-1]
    finish(shot)
    assert [corners(seen(frame)) for frame in range(1, FRAMES + 1)] == before
    assert bpy.ops.shotpack.show_take(take=1) == {"FINISHED"}
    assert [corners(seen(frame)) for frame in range(1, FRAMES + 1)] == before


def test_pictures_that_are_not_here_take_their_place_when_they_come(shot):
    folder = part("operators.shot_strips").folder_of(shot)
    place = square(seen(1))
    finish(shot)
    assert bpy.ops.shotpack.show_take(take=1) == {"FINISHED"}
    away = [path.rename(path.with_suffix(".away")) for path in folder.glob("*-t02.png")]
    take = part("operators.take_stamps").made(shot.shotpack, shot.shotpack.takes[1], folder)
    assert bpy.ops.shotpack.show_take(take=2) == {"FINISHED"}
    for path in away:
        path.rename(path.with_suffix(".png"))
    reconcile(take)
    assert corners(seen(1)) == place
    assert is_bright(seen(1))


def test_a_strip_of_an_earlier_release_is_fitted_as_well(shot):
    place = square(seen(1))
    of_role(shot, "final")[0].shotpack.property_unset("pixels")
    finish(shot)
    assert corners(seen(1)) == place


def test_a_finish_says_that_it_is_finishing_and_counts_no_sections(shot):
    take, job = finish(shot, 0), part("engine.client.session").Job("a job", "running")
    assert part("panels.shots")._progress(take, job) == "Finishing"
    take.request = shot.shotpack.takes[0].request
    assert part("panels.shots")._progress(take, job) == "Section 0 of 0"


def test_a_finish_shows_how_far_the_take_that_it_finishes_has_drifted(shot):
    drift, takes, events = part("engine.drift"), part("engine.client.takes"), part("engine.events")
    told = {0: drift.Drift(0, 1, 1, (drift.Figure("colours", 0.3, None, 0.2),))}
    plan = events.Started("forward", (events.SectionPlan(0, 1, FRAMES, "w5"),), FRAMES, *SMALL, 30.0, 4, 0)
    stamp = shot.shotpack
    stamp.state = "finished"
    assert "was not measured." in " ".join(drawn().said)
    stamp.drift, stamp.plan, stamp.state = part("engine.client.kept_drift").drift_text(told), "", "finished"
    finish(shot)
    stamp.state, stamp.plan = "finished", takes.plan_text(plan)
    assert not stamp.drift, "nothing is measured of it"
    panel = drawn()
    said = " ".join(panel.said)
    assert "Section 1: colours drift (0.3, limit 0.2)." in said
    assert "Drift of take 1, section by section; the worst of each:" in said
    assert "shotpack.new_take" in panel.buttons
    part("operators.runtime").the_client()
    colours = [colour for found in part("operators.section_lines").shown(bpy.context) for _, colour in found.bars]
    assert part("engine.client.section_marks").DRIFTED in colours
    assert bpy.ops.shotpack.show_take(take=1) == {"FINISHED"}
    assert "Drift, section by section; the worst of each:" in " ".join(drawn().said)
    # A file may hold anything: two takes that say that they finish each other.
    stamp.takes[0].request = stamp.request = json.dumps(FINISH | {"take": {"number": 1, "parent": 2}})
    drawn()


@pytest.mark.parametrize(("state", "said"), [("running", "wait until"), ("paused", "go on with"), ("failed", "go on")])
def test_what_waits_for_somebody_is_not_to_be_waited_for(shot, state, said):
    shot.shotpack.state = state
    assert said in part("operators.new_take").prevented(shot)
    assert said in part("operators.finish").prevented(shot)


def test_while_what_enlarges_is_installed_finish_says_so(shot, monkeypatch):
    finishing, engine, settings = part("operators.finish"), part("operators.engine"), part("operators.settings")
    monkeypatch.setattr(part("operators.chosen"), "about", lambda: {"finishing": {"upscalers": []}})
    shot.shotpack.state, shot.shotpack.job = "finished", "a job"
    assert finishing.prevented(shot) is None, "pressing it offers to install"
    kind = part("engine.client.install.installer").ExtraInstallation
    begun = kind(settings.environment(), settings.requirements(), Path("python"), "finishing", online=False)
    monkeypatch.setattr(engine, "installation", begun)
    assert finishing.prevented(shot) == engine.why_no_addition() == engine.FINISHING_COMES


def test_a_shot_remade_with_another_model_says_so_and_needs_nothing_that_its_files_say(shot, monkeypatch, capfd):
    sent = []
    monkeypatch.setattr(part("operators.runtime"), "send", sent.append)
    monkeypatch.setattr(part("operators.chosen"), "about", lambda: {"models": ["tiny"]})
    shot.shotpack.request = json.dumps({"frames": FRAMES, "boards": [[1, "board.png"]], "model": "long-gone"})
    assert "shotpack_shot" not in shot
    assert bpy.ops.shotpack.remake() == {"FINISHED"}
    (again,) = sent
    assert json.loads(again.request).get("model") != "long-gone"
    assert "It was made with 'long-gone', which is not installed any more." in capfd.readouterr().out
