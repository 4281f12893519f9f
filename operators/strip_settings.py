"""What strips hold of ours: what a shot's strip remembers of it, and what a board's strip says of its shot."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, IntProperty, IntVectorProperty, StringProperty

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
