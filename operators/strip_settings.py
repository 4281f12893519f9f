"""What strips hold of ours: what a shot's strip remembers of it, and what a board's strip says of its shot."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ..engine.protocol import FRAMES_MAXIMUM


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
    board: StringProperty(options={"HIDDEN"})
    """The strip that it was made of, by its name."""
    batch: StringProperty(options={"HIDDEN"})
    """The run of Animate Storyboard that made it."""
    digest: StringProperty(options={"HIDDEN"})
    """Of its boards' pixels and of what was asked for: whether another run would make the same."""
    hidden: IntProperty(min=0, options={"HIDDEN"})
    """How many of its first frames the strip hides (`Shot.hidden`)."""


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
