"""What strips hold of ours: what a shot's strip remembers of it, and what a board's strip says of its shot."""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    IntVectorProperty,
    PointerProperty,
    StringProperty,
)

from ..engine.protocol import FRAMES_MAXIMUM
from .move_settings import MoveSettings
from .shot_options import CONTEXT

CAMERAS = (
    ("NONE", "None", "The prompt alone says what the camera does", 0),
    ("MOVE", "Move", "A camera moves over the board exactly from one framing to another", 2),
)


class TakeStamp(bpy.types.PropertyGroup):
    """What a strip remembers of one take of its shot, whichever it shows (`take_stamps.py`)."""

    number: IntProperty(options={"HIDDEN"})
    parent: IntProperty(options={"HIDDEN"})
    """The take that it continues; 0: none."""
    shot: StringProperty(options={"HIDDEN"})
    job: StringProperty(options={"HIDDEN"})
    key: StringProperty(options={"HIDDEN"})
    request: StringProperty(options={"HIDDEN"})
    state: StringProperty(default="sending", options={"HIDDEN"})
    plan: StringProperty(options={"HIDDEN"})
    drift: StringProperty(options={"HIDDEN"})
    files: StringProperty(options={"HIDDEN"})
    """Which take's file shows each of its frames, once it is made (`engine/client/takes.py`)."""
    starred: BoolProperty(options={"HIDDEN"})
    since_it_drifted: BoolProperty(options={"HIDDEN"})
    """Whether it was begun by itself, since a section of the take before was over a limit."""


class ShotStamp(bpy.types.PropertyGroup):
    """What a strip remembers of its shot, so that a reopened file finds it again."""

    shot: StringProperty(options={"HIDDEN"})
    name: StringProperty(options={"HIDDEN"})
    job: StringProperty(options={"HIDDEN"})
    key: StringProperty(options={"HIDDEN"})
    frames: IntProperty(options={"HIDDEN"})
    request: StringProperty(options={"HIDDEN"})
    state: StringProperty(default="sending", options={"HIDDEN"})
    role: StringProperty(options={"HIDDEN"})
    section: IntProperty(options={"HIDDEN"})
    pixels: IntVectorProperty(size=2, options={"HIDDEN"})
    """Of a strip inside a shot's: width and height of the pictures that its scale and crop are for; 0: not noted."""
    to_fit: BoolProperty(options={"HIDDEN"})
    """Whether it shows pictures that are not here yet, so that nobody knows their size."""
    plan: StringProperty(options={"HIDDEN"})
    """Where its sections lie and in which sequence they are made, as the engine said it when it began."""
    drift: StringProperty(options={"HIDDEN"})
    """How far its sections have drifted, as the engine measured it (`engine/client/kept_drift.py`)."""
    take: IntProperty(default=1, options={"HIDDEN"})
    """The take that the strip shows: what is said above is that one's."""
    takes: CollectionProperty(type=TakeStamp, options={"HIDDEN"})
    """All takes of the shot, the first among them; none where there is but that one. Of a longer shot, those since."""
    board: StringProperty(options={"HIDDEN"})
    """The strip that it was made of, by its name."""
    through: StringProperty(options={"HIDDEN"})
    """Of a shot through the boards of many strips: their names in time order, as JSON; `board` is the first of them."""
    batch: StringProperty(options={"HIDDEN"})
    """The run of Animate Storyboard or Try Seeds that made it."""
    digest: StringProperty(options={"HIDDEN"})
    """Of its boards' pixels and of what was asked for: whether another run would make the same."""
    seed_row: IntProperty(options={"HIDDEN"})
    """Its number among the seeds that were tried together, from 1; 0: it is none of those."""
    trying: BoolProperty(options={"HIDDEN"})
    """Whether it stops after the section that is made first, because nobody has gone on with it yet."""
    tried: IntVectorProperty(size=2, options={"HIDDEN"})
    """First and last frame of that section, once somebody has."""
    marker: StringProperty(options={"HIDDEN"})
    """The marker bound to a camera that it was made of (`previs.py`), as JSON."""
    hidden: IntProperty(min=0, options={"HIDDEN"})
    """How many of its first frames the strip hides (`Shot.hidden`)."""
    said: StringProperty(options={"HIDDEN"})
    """The frame of which its custom properties tell what made it (`strip_provenance.py`)."""


def _forget_camera(own: BoardSettings, _context: object) -> None:
    """Another scene, or another frame of it: the camera that was kept was not there."""
    own.property_unset("seen_camera")


class BoardSettings(bpy.types.PropertyGroup):
    """What a strip says of the shot that is made of it."""

    prompt: StringProperty(
        name="Prompt",
        description="What happens in the shot that is made of this strip; empty: what the text strip over it, the "
        "marker at its start or the scene says",
        options={"TEXTEDIT_UPDATE"},
    )
    frames: IntProperty(
        name="Frames",
        description="Length of the shot that is made of this strip; 0: as the scene's settings say",
        min=0,
        max=FRAMES_MAXIMUM,
    )
    use_seed: BoolProperty(name="Own Seed", description="This strip's shot has a seed of its own")
    seed: IntProperty(name="Seed", description="The seed of this strip's shot", min=0)
    after: StringProperty(
        name="What Comes After",
        description="What happens between this strip and the next, or after it; empty: what the text strip there, the "
        "marker at its first frame or the scene says",
        options={"TEXTEDIT_UPDATE"},
    )
    before: StringProperty(
        name="What Comes Before",
        description="What happens before this strip; empty: what the text strip there, the marker at its first frame "
        "or the scene says",
        options={"TEXTEDIT_UPDATE"},
    )
    seen_scene: PointerProperty(
        name="Seen From",
        description="The scene whose camera sees what this picture shows: a render that was painted over, say",
        type=bpy.types.Scene,
        update=_forget_camera,
    )
    seen_frame: FloatProperty(
        name="Frame",
        description="The frame of that scene at which its camera sees it so",
        default=1.0,
        precision=2,
        step=100,
        update=_forget_camera,
    )
    seen_camera: StringProperty(options={"HIDDEN"})
    """The camera as it was when the picture was taken (`seen_from.kept_camera`); empty: as it is now."""
    seen_drawn: BoolProperty(
        name="Drawn",
        description="The picture is drawn or painted over the scene, and no render of it: lines around its forms go "
        "where these go",
        default=True,
    )
    """Of a shot's strip: whether its first picture is that; not set by versions that did not ask."""
    seen_below: BoolProperty(
        name="Painted over Strip Below",
        description="The picture is painted over what the scene strip below it shows, so its camera sees it",
        default=True,
    )
    camera: EnumProperty(
        name="Camera",
        description="What leads the picture of this strip's shot",
        items=CAMERAS,
        translation_context=CONTEXT,
    )
    move: PointerProperty(type=MoveSettings)
