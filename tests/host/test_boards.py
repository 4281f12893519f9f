"""A board is what the Sequencer shows of a strip: against known colours, and Blender's own render of the timeline."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tests.host.studio import bpy, part

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


def everything(owner, within=(), depth: int = 0) -> dict[str, object]:
    """All that a scene's settings and strips are, by name; of pointers to other data, which."""
    found = {}
    for kind in owner.bl_rna.properties:
        name, value = kind.identifier, getattr(owner, kind.identifier, None)
        if name in ("rna_type", "bl_system_properties") or kind.type not in ("POINTER", "COLLECTION"):
            if kind.type not in ("POINTER", "COLLECTION"):
                found[name] = tuple(value) if getattr(kind, "is_array", False) else value
        elif depth > 4 or isinstance(value, bpy.types.bpy_prop_collection) and len(value) > 60:
            continue
        elif kind.type == "COLLECTION":
            found[name] = [_part(each, depth) for each in value]
        elif value is not None:
            found[name] = _part(value, depth)
    return found


def _part(value, depth: int):
    if isinstance(value, bpy.types.ID):
        return value.name_full
    return everything(value, depth=depth + 1) if hasattr(value, "bl_rna") else value
