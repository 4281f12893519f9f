"""A board is what the Sequencer shows of a strip: against known colours, and Blender's own render of the timeline."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tests.host.studio import ROOT, bpy, part

SIZE = (64, 36)
ORANGE, GREY, BLUE = (255, 128, 0), (200, 200, 200), (20, 40, 220)
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
LEFT, MIDDLE, RIGHT = (10, 18), (32, 18), (54, 18)
MODIFIERS = bpy.app.version[:2] != (5, 0)
"""Blender 5.0 without a window falls over where a strip is given a modifier."""
LENGTHS = "length" in bpy.types.StripsTopLevel.bl_rna.functions["new_effect"].parameters


@pytest.fixture
def scene(scene):
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    return scene


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Plain pictures of the scene's size; `ink` is black in its left half and nothing in its right."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, colour in (("orange", ORANGE), ("grey", GREY), ("blue", BLUE)):
        Image.new("RGB", SIZE, colour).save(folder / f"{name}.png")
    ink = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    ink.paste((0, 0, 0, 255), (0, 0, SIZE[0] // 2, SIZE[1]))
    ink.save(folder / "ink.png")
    ramp = Image.linear_gradient("L").rotate(90).resize(SIZE)
    Image.merge("RGB", (ramp, ramp.rotate(180), Image.new("L", SIZE, 90))).save(folder / "ramp.png")
    Image.new("RGBA", (36, 36), (*GREY, 255)).save(folder / "square.png")
    return folder


class Timeline:
    """Strips, and the two pictures that are compared."""

    def __init__(self, scene, pictures: Path, place: Path) -> None:
        self.scene, self.pictures, self.place = scene, pictures, place
        self.strips = scene.sequence_editor.strips

    def image(self, name: str, channel: int, *, strips=None, blend: str = "ALPHA_OVER", length: int = 50):
        strips = self.strips if strips is None else strips
        path = str(self.pictures / f"{name}.png")
        strip = strips.new_image(name, path, channel, 1, fit_method="FIT")
        strip.frame_final_duration, strip.blend_type = length, blend
        return strip

    def effect(self, kind: str, channel: int, *inputs, name: str = "", start: int = 1, length: int = 50):
        end = {"length": length} if LENGTHS else {"frame_end": start + length}
        named = {f"input{number}": strip for number, strip in enumerate(inputs, 1)}
        return self.strips.new_effect(name or kind.lower(), kind, channel, start, **end, **named)

    def board(self, strip) -> Image.Image:
        part("operators.capture").from_strip(self.scene, strip, self.place / "board.png")
        with Image.open(self.place / "board.png") as board:
            assert (board.format, board.mode, board.size) == ("PNG", "RGB", SIZE)
            return board.copy()

    def sequencer(self) -> Image.Image:
        """The whole timeline as Blender itself renders it."""
        self.scene.render.filepath = str(self.place / "sequencer.png")
        self.scene.render.image_settings.file_format = "PNG"
        bpy.ops.render.render(write_still=True, scene=self.scene.name)
        with Image.open(self.place / "sequencer.png") as picture:
            return picture.convert("RGB")

    def shows(self, strip) -> None:
        """Where nothing lies above it, its board is what the Sequencer shows."""
        seen = self.sequencer()
        assert farthest(self.board(strip), seen) <= 1
        assert len(seen.getcolors(seen.width * seen.height)) > 1 or seen.getpixel(MIDDLE) not in (BLACK, WHITE)


def farthest(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of any channel of any pixel."""
    return max(high for _, high in ImageChops.difference(one, other).getextrema())


def near(pixel, colour) -> bool:
    return max(abs(a - b) for a, b in zip(pixel, colour, strict=True)) <= 1


@pytest.fixture
def timeline(scene, pictures, tmp_path):
    return Timeline(scene, pictures, tmp_path)


def fade_in(strip, *, first: int = 1, last: int = 20, to: float = 1.0) -> None:
    for frame, opacity in ((first, 0.0), (last, to)):
        strip.blend_alpha = opacity
        strip.keyframe_insert("blend_alpha", frame=frame)


@pytest.mark.parametrize("how", ["keys", "shared keys", "driver", "NLA", "never"])
def test_a_strip_that_fades_in_is_seen_as_it_stands_then(timeline, how):
    scene, strip = timeline.scene, timeline.image("grey", 1)
    if how == "driver":
        strip.driver_add("blend_alpha").driver.expression = "0.0"
    elif how == "never":
        strip.blend_alpha = 0.0
    else:
        fade_in(strip)
        strip.transform.keyframe_insert("offset_x", frame=1)
    action = scene.animation_data.action if scene.animation_data else None
    if how == "shared keys":
        bpy.data.scenes.new("another").animation_data_create().action = action
    elif how == "NLA":
        scene.animation_data.nla_tracks.new().strips.new("fade", 1, action)
        scene.animation_data.action = None
    actions = [each.name for each in bpy.data.actions]
    assert near(timeline.board(strip).getpixel(MIDDLE), GREY)
    assert [each.name for each in bpy.data.actions] == actions
    if action is not None:
        assert sum(len(bag.fcurves) for bag in action.layers[0].strips[0].channelbags) == 2


def test_a_strip_that_fades_in_over_another_to_less_than_all(timeline):
    timeline.image("orange", 1)
    strip = timeline.image("blue", 2)
    fade_in(strip, to=0.5)
    timeline.scene.frame_set(30)
    timeline.shows(strip)
    timeline.scene.frame_set(1)
    half = tuple((a + b) / 2 for a, b in zip(ORANGE, BLUE, strict=True))
    assert near(timeline.board(strip).getpixel(MIDDLE), half)


def test_ink_on_transparency(timeline):
    """Over paper it is ink on paper; over nothing the paper is white, as the engine has it; hidden paper is nothing."""
    ink = timeline.image("ink", 3)
    seen = timeline.board(ink)
    assert (seen.getpixel(LEFT), seen.getpixel(RIGHT)) == (BLACK, WHITE)
    paper = timeline.image("orange", 2)
    timeline.shows(ink)
    assert near(timeline.board(ink).getpixel(RIGHT), ORANGE)
    paper.mute = True
    assert timeline.board(ink).getpixel(RIGHT) == WHITE
    paper.mute, timeline.scene.sequence_editor.channels[2].mute = False, True
    assert timeline.board(ink).getpixel(RIGHT) == WHITE
    timeline.scene.sequence_editor.channels[2].mute = False
    ink.blend_type = "REPLACE"  # then it hides the paper, and the Sequencer shows black on nothing
    assert timeline.board(ink).getpixel(RIGHT) == WHITE


def test_what_a_picture_leaves_free_is_as_the_sequencer_shows_it(timeline):
    square = timeline.image("square", 1)
    timeline.shows(square)
    assert timeline.board(square).getpixel((2, 18)) == BLACK
    timeline.image("ink", 2).transform.scale_x = 0.5
    timeline.shows(timeline.strips["ink"])


@pytest.mark.parametrize("channel", [1, 128])
def test_whatever_is_muted_a_strip_is_its_board(timeline, channel):
    strip = timeline.image("grey", channel)
    for owner in (strip, timeline.scene.sequence_editor.channels[channel]):
        owner.mute = True
        assert near(timeline.board(strip).getpixel(MIDDLE), GREY)
        assert owner.mute
    timeline.image("ink", 127 if channel == 128 else 2)
    assert near(timeline.board(strip).getpixel(MIDDLE), GREY)


BLENDS = (
    "ALPHA_OVER",
    "REPLACE",
    "CROSS",
    "ADD",
    "SUBTRACT",
    "MULTIPLY",
    "SCREEN",
    "DIFFERENCE",
    "OVERLAY",
    "ALPHA_UNDER",
)


@pytest.mark.parametrize("blend", BLENDS)
def test_however_it_is_blended(timeline, blend):
    timeline.image("orange", 1)
    timeline.image("grey", 2, blend="MULTIPLY")
    strip = timeline.image("ramp", 4, blend=blend)
    strip.blend_alpha = 0.7
    timeline.shows(strip)
    timeline.image("blue", 5)  # what lies above it is not its board
    strip.mute, seen = False, timeline.board(strip)
    timeline.strips["blue"].mute = True
    assert farthest(seen, timeline.sequencer()) <= 1


def changed(strip) -> None:
    strip.transform.scale_x, strip.transform.rotation = 0.7, 0.3
    strip.transform.offset_y, strip.crop.min_x = 4, 6
    strip.use_flip_x = True
    strip.color_multiply, strip.color_saturation = 0.8, 0.5
    if MODIFIERS:
        strip.modifiers.new("contrast", "BRIGHT_CONTRAST").contrast = 20


def test_whatever_is_done_to_its_picture(timeline):
    timeline.image("orange", 1)
    strip = timeline.image("ramp", 2)
    changed(strip)
    strip.transform.keyframe_insert("offset_x", frame=1)
    strip.transform.offset_x = 20
    strip.transform.keyframe_insert("offset_x", frame=40)
    for frame in (1, 25):
        timeline.scene.frame_set(frame)
        timeline.shows(strip)


@pytest.mark.skipif(not MODIFIERS, reason="this Blender falls over")
def test_a_mask_that_lies_elsewhere(timeline):
    timeline.image("orange", 1)
    strip = timeline.image("grey", 2)
    mask = timeline.image("ramp", 6)
    mask.mute = True
    modifier = strip.modifiers.new("dark", "BRIGHT_CONTRAST")
    modifier.bright, modifier.input_mask_strip = -60, mask
    timeline.shows(strip)


def test_effects_on_a_strip_and_strips_that_are_effects(timeline):
    timeline.image("orange", 1)
    strip = timeline.image("square", 2)
    blur = timeline.effect("GAUSSIAN_BLUR", 3, strip)
    blur.size_x = blur.size_y = 5
    blur.blend_type = "ALPHA_OVER"
    timeline.shows(strip)
    timeline.shows(blur)
    mixed = timeline.effect("MULTIPLY", 6, blur, timeline.image("ramp", 5))
    mixed.blend_type = "ALPHA_OVER"
    for each in (strip, timeline.strips["ramp"], mixed):
        timeline.shows(each)
    adjusted = timeline.effect("ADJUSTMENT", 7)
    adjusted.color_multiply = 0.5
    assert farthest(timeline.board(mixed), timeline.board(adjusted)) > 10
    timeline.shows(adjusted)
    text = timeline.effect("TEXT", 8)
    text.text, text.font_size = "X", 30
    timeline.shows(text)


def test_a_transition_is_no_part_of_a_board(timeline):
    first, second = timeline.image("grey", 1), timeline.image("blue", 2)
    timeline.effect("CROSS", 3, first, second)
    assert near(timeline.board(first).getpixel(MIDDLE), GREY)
    assert near(timeline.board(second).getpixel(MIDDLE), BLUE)
    cross = timeline.strips["cross"]
    timeline.scene.frame_current = 25
    timeline.shows(cross)


def a_square(path: Path, size=(64, 36), colour=GREY) -> str:
    Image.new("RGB", size, colour).save(path)
    return str(path)


def stamped(scene) -> None:
    scene.render.use_stamp = scene.render.use_stamp_note = True
    scene.render.stamp_font_size = 24
    scene.render.stamp_background = (1, 0, 0, 1)


def another_display(scene) -> None:
    scene.display_settings.display_device = "Display P3"


def another_view(scene) -> None:
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Punchy"
    scene.view_settings.exposure, scene.view_settings.gamma = 1.0, 1.3
    scene.view_settings.use_curve_mapping = True


def another_space(scene) -> None:
    scene.sequencer_colorspace_settings.name = "Linear Rec.709"


def stereo(scene) -> None:
    scene.render.use_multiview = True


def views(scene) -> None:
    scene.render.use_multiview, scene.render.views_format = True, "MULTIVIEW"


def a_movie(scene) -> None:
    output = scene.render.image_settings
    if hasattr(output, "media_type"):
        output.media_type = "VIDEO"
    output.file_format = "FFMPEG"


def a_border(scene) -> None:
    scene.render.use_border = scene.render.use_crop_to_border = True
    scene.render.border_max_x = 0.4


def no_sequencer(scene) -> None:
    scene.render.use_sequencer, scene.render.filepath = False, "//{blend_name}/####"


def other_output(scene) -> None:
    output = scene.render.image_settings
    output.file_format, output.color_mode, output.color_depth = "PNG", "BW", "16"
    output.color_management = "OVERRIDE"
    output.view_settings.view_transform = "False Color"


HOWS = (
    stamped,
    another_display,
    another_view,
    another_space,
    stereo,
    views,
    a_movie,
    a_border,
    no_sequencer,
    other_output,
)


@pytest.mark.parametrize("how", HOWS)
def test_however_the_scene_is_set_up_its_colours_are_the_pictures_own(timeline, how):
    strip = timeline.image("ramp", 1)
    how(timeline.scene)
    before = everything(timeline.scene)
    with Image.open(timeline.pictures / "ramp.png") as ramp:
        assert farthest(timeline.board(strip), ramp) <= 1
    assert everything(timeline.scene) == before


def everything(scene) -> list[object]:
    """What a scene's settings and strips are, what data there is, and whether it is saved."""
    view, output = scene.view_settings, scene.render.image_settings
    owners = [scene, scene.render, output, view, output.view_settings, scene.display_settings, *scene.render.views]
    owners += list(scene.sequence_editor.strips_all)
    for strip in scene.sequence_editor.strips_all:
        owners += [strip.transform, strip.crop]
    editor = scene.sequence_editor
    found: list[object] = [bpy.data.is_dirty, editor.active_strip, [each.mute for each in editor.channels]]
    found += [[each.name_full for each in bpy.data.user_map()]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what goes with the next Blender says so, and within Blender that is no error
        for owner in owners:
            kinds = [kind for kind in owner.bl_rna.properties if kind.type not in ("POINTER", "COLLECTION")]
            found += [(kind.identifier, _plain(getattr(owner, kind.identifier))) for kind in kinds]
    return found


def _plain(value):
    return value if isinstance(value, bool | int | float | str | set) else tuple(value)


def test_nothing_stays_changed_where_it_fails(timeline, monkeypatch):
    scene, strip = timeline.scene, timeline.image("grey", 2)
    timeline.image("orange", 1).select = False
    fade_in(strip)
    scene.frame_set(7)
    strip.mute = True
    scene.sequence_editor.active_strip = timeline.strips["orange"]
    before = everything(scene)

    def fail(*_):
        raise OSError(28, "No space left on device")

    for place in ("_develop", "literal"):
        with monkeypatch.context() as patched:
            patched.setattr(part("operators.render_clip"), place, fail)
            with pytest.raises(OSError, match="No space"):
                timeline.board(strip)
        assert everything(scene) == before
        assert not list(timeline.place.iterdir())


def test_a_strip_of_a_meta_strip_that_is_edited(timeline):
    """As when one is in it: what the meta strip does to its picture comes to it anew, as it will come to the shot."""
    timeline.image("blue", 1)
    meta = timeline.strips.new_meta("meta", 2, 1)
    under = timeline.image("orange", 1, strips=meta.strips)
    strip = timeline.image("ink", 3, strips=meta.strips)
    timeline.image("grey", 5, strips=meta.strips)
    meta.frame_final_end = under.frame_final_end
    meta.transform.scale_x, meta.blend_alpha, meta.mute = 0.5, 0.3, True
    timeline.scene.sequence_editor.display_stack(meta)
    seen = timeline.board(strip)
    timeline.scene.sequence_editor.display_stack(None)
    assert (seen.getpixel(LEFT), near(seen.getpixel(RIGHT), ORANGE)) == (BLACK, True)
    meta.mute, timeline.strips["blue"].mute, meta.strips["grey"].mute = False, True, True
    meta.blend_alpha = 1.0
    assert near(timeline.board(meta).getpixel(MIDDLE), ORANGE) or timeline.board(meta).getpixel(LEFT) == BLACK
    timeline.shows(meta)


def test_far_from_the_first_frame_and_reversed(timeline, tmp_path):
    for number, level in enumerate((10, 60, 110, 160), 1):
        Image.new("RGB", SIZE, (level,) * 3).save(tmp_path / f"{number}.png")
    strip = timeline.strips.new_image("sequence", str(tmp_path / "1.png"), 1, 200)
    for number in (2, 3, 4):
        strip.elements.append(f"{number}.png")
    strip.frame_final_duration = 4
    strip.use_reverse_frames = True
    for frame, level in zip(range(200, 204), (160, 110, 60, 10), strict=True):
        timeline.scene.frame_set(frame)
        assert near(timeline.board(strip).getpixel(MIDDLE), (level,) * 3)


def lost(timeline, kind: str):
    """A strip of which something cannot be had, and what is to be said of it."""
    scene, folder = timeline.scene, timeline.place
    strips = timeline.strips
    if kind == "picture":
        strip, said = timeline.image("grey", 1), "grey shows .*gone.png, which is not there"
        strip.directory, strip.elements[0].filename = str(folder), "gone.png"
    elif kind == "element":
        strip, said = strips.new_image("grey", a_square(folder / "1.png"), 1, 1), "2.png, which is not there"
        strip.elements.append("2.png")
        strip.frame_final_duration = 2
        scene.frame_current = 2
    elif kind == "below":
        strip, said = timeline.image("ink", 3), "orange shows .*gone.png, which is not there"
        timeline.image("orange", 1).elements[0].filename = "gone.png"
    elif kind == "inside":
        strip, said = strips.new_meta("meta", 1, 1), "grey shows .*gone.png, which is not there"
        timeline.image("grey", 1, strips=strip.strips).elements[0].filename = "gone.png"
    elif kind == "empty meta":
        strip, said = strips.new_meta("meta", 1, 1), "meta shows nothing at frame 1"
    elif kind == "no scene":
        strip, said = strips.new_scene("panel", bpy.data.scenes.new("drawn"), 1, 1), "panel shows no scene"
        bpy.data.scenes.remove(strip.scene)
    elif kind == "no camera":
        strip, said = strips.new_scene("panel", bpy.data.scenes.new("drawn"), 1, 1), "drawn, which has no camera"
    elif kind == "no timeline":
        strip, said = strips.new_scene("panel", bpy.data.scenes.new("drawn"), 1, 1), "drawn, which is empty"
        strip.scene_input = "SEQUENCER"
    elif kind == "mask":
        strip, said = strips.new_mask("mask", bpy.data.masks.new("mask"), 1, 1), "mask shows no mask"
        bpy.data.masks.remove(strip.mask)
    else:
        strip, said = timeline.effect("COLOR", 1), "grey shows .*broken.png, which Blender cannot read"
        (folder / "broken.png").write_bytes(b"no picture at all")
        timeline.image("grey", 2).directory = str(folder)
        strip = timeline.strips["grey"]
        strip.elements[0].filename = "broken.png"
    return strip, said


KINDS = (
    "picture",
    "element",
    "below",
    "inside",
    "empty meta",
    "no scene",
    "no camera",
    "no timeline",
    "mask",
    "broken",
)


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_had_is_named(timeline, kind):
    strip, said = lost(timeline, kind)
    scene = timeline.scene
    for each in scene.sequence_editor.strips_all:
        each.select = each == strip
    scene.sequence_editor.active_strip = strip
    scene.shotpack.prompt, scene.shotpack.source = "w5", "STRIP"
    intent = part("operators.generate").intent(bpy.context)
    if kind != "broken":  # panels do not read pictures
        assert isinstance(intent, str)
        assert re.search(said, intent)
    scenes = len(bpy.data.scenes)
    with pytest.raises(part("operators.capture").CaptureError, match=said):
        part("operators.capture").from_strip(scene, strip, timeline.place / "board.png")
    with pytest.raises(RuntimeError, match=said if kind == "broken" else None):
        bpy.ops.shotpack.generate()
    assert len(bpy.data.scenes) == scenes
    assert not (timeline.place / "board.png").exists()


def test_a_sound_is_no_board(timeline, movie):
    strip = timeline.image("grey", 1)
    sound = timeline.strips.new_sound("music", str(movie), 3, 1)
    timeline.scene.sequence_editor.active_strip, sound.select = sound, True
    timeline.scene.shotpack.prompt = "w5"
    assert part("operators.generate").intent(bpy.context).strip == strip  # a movie's sound comes selected with it
    strip.select = False
    assert "music is a sound" in part("operators.generate").intent(bpy.context)
    sound.select = False
    timeline.scene.frame_current = 1
    assert part("operators.sequencer").board_strip(timeline.scene) == strip


def results(scene) -> list[object]:
    """What is in each slot of the Render Result, which of them is shown, and what else there is of that kind."""
    found: list[object] = [image.name for image in bpy.data.images if image.type == "RENDER_RESULT"]
    image = bpy.data.images["Render Result"]
    shown = image.render_slots.active_index
    for number in range(len(image.render_slots)):
        image.render_slots.active_index = number
        picture = Path(bpy.app.tempdir) / "slot.png"
        try:
            image.save_render(str(picture), scene=scene)
            with Image.open(picture) as saved:
                found.append(saved.convert("RGB").getpixel(MIDDLE))
        except RuntimeError:
            found.append(None)
    image.render_slots.active_index = shown
    return [*found, shown]


@pytest.mark.parametrize("shown", [0, 1, 2])
def test_the_render_result_stays(timeline, shown):
    """Rendered into the first slot and the third, with this one shown now."""
    scene, strip = timeline.scene, timeline.image("blue", 1)
    capture = part("operators.capture")
    timeline.board(strip)
    assert not [image for image in bpy.data.images if image.type == "RENDER_RESULT"]
    with pytest.raises(capture.CaptureError, match="Render Result"):
        capture.from_render_result(scene, timeline.place / "none.png")
    scene.render.image_settings.file_format = "PNG"
    a_camera(scene)
    for slot in (0, 2):
        if slot:
            bpy.data.images["Render Result"].render_slots.active_index = slot
            strip.color_multiply = 0.5
        bpy.ops.render.render()
    bpy.data.images["Render Result"].render_slots.active_index = shown
    before = results(scene)
    assert before[1:4:2] == [BLUE, (10, 20, 110)]
    timeline.image("grey", 2)
    timeline.board(timeline.strips["grey"])
    capture.from_camera(scene, timeline.place / "camera.png", "CYCLES")
    assert results(scene) == before
    if shown != 1:
        capture.from_render_result(scene, timeline.place / "result.png")
        with Image.open(timeline.place / "result.png") as result:
            assert result.getpixel(MIDDLE) == before[1 + shown]


def a_camera(scene) -> None:
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)


def test_whatever_the_project_is_called(timeline, tmp_path):
    folder = tmp_path / "a {frame} {} {{x}} 100% ## ünï"
    folder.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "film {blend_name}.blend"))
    timeline.scene.render.filepath = "//{blend_name}-####"
    strip = timeline.image("grey", 1)
    timeline.scene.sequence_editor.active_strip, strip.select = strip, True
    timeline.scene.shotpack.prompt = "w5 {x}"
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    (board,) = (folder / "shots").glob("*/board.png")
    with Image.open(board) as picture:
        assert near(picture.getpixel(MIDDLE), GREY)


STUDIO = """
import sys
import bpy
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.host import studio
place = Path({place!r})
studio.install()
scene = studio.bpy.context.scene
scene.sequence_editor_create()
scene.render.resolution_x, scene.render.resolution_y = 64, 36
strip = scene.sequence_editor.strips.new_image("ramp", {picture!r}, 1, 1)
scene.sequence_editor.active_strip, strip.select = strip, True
bpy.ops.wm.save_as_mainfile(filepath=str(place / "film.blend"))
print("COLOURS", scene.display_settings.display_device)
scene.shotpack.prompt = "w5"
print("MADE", bpy.ops.shotpack.generate())
bpy.ops.render.render()
studio.part("operators.capture").from_render_result(scene, place / "result.png")
scene.view_settings.view_transform = "ACES 1.0 - SDR Video"
try:
    bpy.ops.shotpack.standard_view()
except RuntimeError as fault:
    print("SAID", fault)
print("VIEW", scene.view_settings.view_transform)
sys.stdout.flush()
import os
os._exit(0)
"""

OCIO = """ocio_profile_version: 2
roles:
  reference: ACEScg
  scene_linear: ACEScg
  rendering: ACEScg
  default: Raw
  default_byte: sRGB - Texture
  default_float: ACEScg
  default_sequencer: sRGB - Texture
  color_picking: sRGB - Texture
  texture_paint: ACEScg
  matte_paint: sRGB - Texture
  data: Raw
  aces_interchange: ACES2065-1
displays:
  sRGB - Display:
    - !<View> {name: ACES 1.0 - SDR Video, colorspace: Tone mapped}
%s    - !<View> {name: Raw, colorspace: Raw}
active_displays: []
active_views: []
colorspaces:
  - !<ColorSpace>
    name: ACEScg
    bitdepth: 32f
    isdata: false
  - !<ColorSpace>
    name: ACES2065-1
    bitdepth: 32f
    isdata: false
    to_reference: !<MatrixTransform>
      matrix: [1.4514393, -0.2365107, -0.2149286, 0, -0.0765538, 1.1762297, -0.0996759, 0,
               0.0083161, -0.0060324, 0.9977163, 0, 0, 0, 0, 1]
  - !<ColorSpace>
    name: sRGB - Texture
    bitdepth: 32f
    isdata: false
    to_reference: !<GroupTransform>
      children:
        - !<ExponentWithLinearTransform> {gamma: [2.4, 2.4, 2.4, 1], offset: [0.055, 0.055, 0.055, 0]}
        - !<MatrixTransform>
          matrix: [0.6131324, 0.3395380, 0.0474167, 0, 0.0701244, 0.9163940, 0.0134515, 0,
                   0.0205877, 0.1095746, 0.8697854, 0, 0, 0, 0, 1]
  - !<ColorSpace>
    name: Tone mapped
    bitdepth: 32f
    isdata: false
    from_reference: !<ExponentTransform> {value: [0.6, 0.6, 0.6, 1]}
  - !<ColorSpace>
    name: Raw
    bitdepth: 32f
    isdata: true
"""


@pytest.mark.parametrize("plain", [True, False])
def test_a_studios_colour_configuration(pictures, tmp_path, plain):
    """All is called otherwise; and where no view shows colours as they are, a strip's board still has them."""
    view = "    - !<View> {name: Un-tone-mapped, colorspace: sRGB - Texture}\n" if plain else ""
    (tmp_path / "config.ocio").write_text(OCIO % view, encoding="utf-8")
    script = tmp_path / "studio.py"
    picture = str(pictures / "ramp.png")
    script.write_text(STUDIO.format(root=str(ROOT), place=str(tmp_path), picture=picture), encoding="utf-8")
    environ = {**os.environ, "OCIO": str(tmp_path / "config.ocio"), "SHOTPACK_TEST_PLACE": str(tmp_path)}
    ran = subprocess.run([sys.executable, str(script)], env=environ, capture_output=True, text=True, cwd=ROOT)
    assert "COLOURS sRGB - Display" in ran.stdout, ran.stdout + ran.stderr
    assert "MADE {'FINISHED'}" in ran.stdout, ran.stdout + ran.stderr
    assert ("VIEW Un-tone-mapped" if plain else "SAID Error: This display has no view") in ran.stdout, ran.stdout
    (board,) = tmp_path.glob("shots/*/board.png")
    with Image.open(board) as seen, Image.open(picture) as ramp:
        assert farthest(seen.convert("RGB"), ramp) <= 1
    assert (tmp_path / "result.png").is_file()
