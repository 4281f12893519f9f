"""What the artist sets: in the scene, in a strip (`strip_settings.py`), in the preferences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..engine.client.install.environment import environment_python
from ..engine.protocol import FRAMES_MAXIMUM, GUIDANCE_MAXIMUM, LORA_WEIGHT_MAXIMUM, STEPS_MAXIMUM
from .drift_words import AT_LIMIT
from .move_settings import MoveSettings
from .shot_options import (
    BETWEENS,
    CONTEXT,
    ENGINES,
    LENGTHS,
    ORDERS,
    OTHER_LENGTHS,
    PACKINGS,
    RATES,
    SOURCES,
    SPEEDS,
    STORYBOARD_SHOTS,
)
from .strip_settings import BoardSettings, ShotStamp, TakeStamp

ADDON = __package__.rpartition(".")[0]
"""The extension's name in this Blender: it hangs on the repository that it was installed from."""
DEVICES = (
    ("auto", "Automatic", "The GPU if there is one, else the processor"),
    ("cpu", "Processor", "Slower, and always there"),
    ("cuda:0", "GPU", "The first CUDA device"),
)


follow_camera_set: list[Callable[[Any], None]] = []
"""Who is told, with the context, that Follow Camera was ticked or unticked."""
SEEDS_AT_ONCE = 16
_LENGTH_NAMES = [item[0] for item in LENGTHS]


# No lambdas beside their property: annotations are text, and newer Pythons evaluate it where a lambda sees no module.
def _number_of_length(wanted: ShotpackSettings) -> int:
    return max(1, _LENGTH_NAMES.index(wanted.length))


def _set_length(wanted: ShotpackSettings, number: int) -> None:
    wanted.length = _LENGTH_NAMES[number]


def _follow_camera_set(_wanted: Any, context: Any) -> None:
    for hear in follow_camera_set:
        hear(context)


class LoraChoice(bpy.types.PropertyGroup):
    """A LoRA that the next shots are made with."""

    name: StringProperty(name="LoRA", description="Its whole name, as the engine lists it")
    weight: FloatProperty(
        name="Weight",
        description="How much of the LoRA",
        default=1.0,
        soft_min=0.0,
        soft_max=1.5,
        min=-LORA_WEIGHT_MAXIMUM,
        max=LORA_WEIGHT_MAXIMUM,
    )


class ShotpackSettings(bpy.types.PropertyGroup):
    """How the next shot of this scene is to be made."""

    prompt: StringProperty(
        name="Prompt",
        description="What happens in shots whose strip, text strip and marker say nothing",
        options={"TEXTEDIT_UPDATE"},
    )
    prompt_channel: IntProperty(
        name="Words on Channel",
        description="The channel whose text strips say what happens in the shots below them, muted or not; 0: none",
        min=0,
        max=128,
    )
    source: EnumProperty(name="Start From", description="What the shot begins with", items=SOURCES)
    length: EnumProperty(name="Length", items=LENGTHS)
    other_length: EnumProperty(
        name="Length",
        items=OTHER_LENGTHS,
        get=_number_of_length,
        set=_set_length,
    )
    """The same where there is no strip to be as long as; in its place, a length in seconds."""
    seconds: FloatProperty(
        name="Seconds", default=5.0, min=0.04, soft_max=60.0, max=1200.0, precision=2, subtype="TIME_ABSOLUTE"
    )
    frames: IntProperty(name="Frames", default=120, min=1, max=FRAMES_MAXIMUM)
    more: FloatProperty(
        name="Length",
        description="How long what comes after or before a strip is to be, and by how much a shot is extended",
        default=2.0,
        min=0.04,
        soft_max=60.0,
        max=1200.0,
        precision=2,
        subtype="TIME_ABSOLUTE",
    )
    use_end: BoolProperty(
        name="End on Second Strip",
        description="With two strips selected, the shot ends on the picture of the later one",
        default=True,
    )
    swapped: StringProperty(options={"HIDDEN"})
    """The two strips, as JSON, whose shot begins with the later one."""
    storyboard_shots: EnumProperty(
        name="Make", description="What Animate Storyboard makes of its strips", items=STORYBOARD_SHOTS
    )
    to_next: BoolProperty(
        name="End on Next Board",
        description="Each shot of the storyboard ends on the picture of the next strip; for pictures that are alike, "
        "since the passage between unlike ones shows neither",
    )
    camera_range: BoolProperty(
        name="First to Last Frame",
        description="The shot begins with what the camera sees at the scene's first frame, ends with what it sees at "
        "the last, and is as long as the scene",
    )
    follow_camera: BoolProperty(
        name="Follow Camera",
        description="The picture moves exactly as the scene's camera and objects do: for each frame Blender says where "
        "what the board shows has gone. For a camera that moves; where only the drawing is to move, leave it off",
        update=_follow_camera_set,
    )
    batch: StringProperty(options={"HIDDEN"})
    """The latest run of Animate Storyboard."""
    told: StringProperty(options={"HIDDEN"})
    """What that had to say of strips, as JSON: name and sentence of each."""
    seed: IntProperty(name="Seed", description="Another seed, another take", min=0)
    seed_count: IntProperty(
        name="Seeds", description="How many seeds are tried at once", default=4, min=2, max=SEEDS_AT_ONCE
    )
    steps: IntProperty(
        name="Steps", description="Denoising steps a section; 0: the model's own", max=STEPS_MAXIMUM, min=0
    )
    guidance: FloatProperty(
        name="Guidance",
        description="How strictly the prompt is followed; 0: the model's own",
        min=0,
        max=GUIDANCE_MAXIMUM,
        default=0,
    )
    order: EnumProperty(name="Order", description="Which section is made first", items=ORDERS)
    packing: EnumProperty(
        name="Remembers",
        description="What the model looks back at while it makes the next frames; only what it was trained for is used",
        items=PACKINGS,
        translation_context=CONTEXT,
    )
    rate: EnumProperty(name="Frame Rate", items=RATES)
    at_limit: EnumProperty(
        name="At Drift Limit",
        description="What is done where a section drifts beyond a limit of the model's: in colours, sharpness, "
        "likeness to the board, or by a jump",
        items=AT_LIMIT,
    )
    between: EnumProperty(
        name="In-Between Frames",
        description="What a frame shows that lies between two of the model's, where the scene has another frame rate: "
        "frames in between make the motion smooth. Cuts are never mixed",
        items=BETWEENS,
    )
    speed: EnumProperty(
        name="Speed", description="What is given up for time", items=SPEEDS, translation_context=CONTEXT
    )
    engine: EnumProperty(name="Render With", items=ENGINES)
    model: StringProperty(name="Model", description="Empty: the one in the preferences")
    size: StringProperty(name="Size", description="Empty: the model's own at the board's shape; else such as 256x144")
    negative: StringProperty(
        name="Negative Prompt", description="What must not be seen; empty: the model's own", options={"TEXTEDIT_UPDATE"}
    )
    lora_choices: CollectionProperty(type=LoraChoice, name="LoRAs")
    loras: StringProperty(name="LoRAs", description="LoRAs as Shotpack 0.1 had them, in words; they still count")


class PreferenceProperties:
    """Where the engine is and what it may use; `panels.preferences` makes Blender's class of it, and draws it."""

    python: StringProperty(
        name="Python",
        description="Interpreter of the engine's environment; empty: the one that Shotpack installed",
        subtype="FILE_PATH",
    )
    engine_folder: StringProperty(
        name="Engine Folder",
        description="The folder that holds the package 'engine'; empty: Shotpack's own",
        subtype="DIR_PATH",
    )
    home: StringProperty(
        name="Engine Data Folder",
        description="Where the engine keeps its shots, with all that they go on from, its logs, and models: none of it "
        "comes back by itself when it is deleted; empty: Shotpack's user folders",
        subtype="DIR_PATH",
    )
    device: EnumProperty(name="Device", items=DEVICES)
    memory: FloatProperty(
        name="Memory Limit",
        description="Gigabytes of the device that shots may take, from the engine's next start on; 0: all that is free",
        min=0,
        soft_max=48,
        max=4096,
        precision=1,
    )
    keep_days: IntProperty(
        name="Keep Shots (Days)",
        description="The engine removes shots that ended longer ago, with its own copies of their frames, from its "
        "next start on; 0: never. The frames beside your file stay",
        min=0,
        soft_max=365,
        max=36500,
    )
    keep_gigabytes: IntProperty(
        name="Keep Shots (GB)",
        description="The engine removes its oldest shots while they take more, from its next start on, but none that "
        "ended less than a day ago; 0: never. The frames beside your file stay",
        min=0,
        soft_max=1000,
        max=1_000_000,
    )
    model: StringProperty(name="Model", description="Empty: the best one that is installed")
    remote: StringProperty(
        name="Address", description="A remote engine, such as http://studio:8188; empty: this machine"
    )
    token: StringProperty(name="Token", description="The remote engine's token", subtype="PASSWORD")


def preferences() -> Any:
    """Shotpack's preferences."""
    return bpy.context.preferences.addons[ADDON].preferences


def kept() -> tuple[str, ...]:
    """How long the engine keeps shots, as options of `serve`; none: for ever, and an engine of 0.1.0 knows none."""
    chosen = preferences()
    limits = {"--keep-days": chosen.keep_days, "--keep-gb": chosen.keep_gigabytes}
    return tuple(word for option, limit in limits.items() if limit for word in (option, str(limit)))


def model_of(wanted: Any) -> str:
    """The model that a scene's shots are made with; empty: the engine's best."""
    return wanted.model or preferences().model


def user_folder() -> Path:
    """Shotpack's own folder for what must outlive an upgrade; made where it is missing."""
    return Path(bpy.utils.extension_path_user(ADDON, path="", create=True))


def home() -> Path:
    """The engine's home."""
    chosen = preferences().home
    return Path(bpy.path.abspath(chosen)) if chosen else user_folder() / "engine"


def models_home() -> Path | None:
    """Where models lie beside the engine's jobs; None: where the engine keeps them for all its users."""
    return home() if preferences().home else None


def environment() -> Path:
    """Where the engine's own Python environment is installed; a short name, for Windows' limit on paths."""
    return user_folder() / "env"


def requirements() -> Path:
    """What the engine's environment is filled with."""
    return engine_folder() / "requirements" / "engine.txt"


def python() -> Path:
    """The interpreter that runs the engine."""
    chosen = preferences().python
    return Path(bpy.path.abspath(chosen)) if chosen else environment_python(environment())


def engine_folder() -> Path:
    """The folder that holds the package `engine`."""
    chosen = preferences().engine_folder
    return Path(bpy.path.abspath(chosen)) if chosen else Path(__file__).parents[1]


CLASSES = (TakeStamp, ShotStamp, MoveSettings, BoardSettings, LoraChoice, ShotpackSettings)


def attach() -> None:
    """Give scenes their settings, and strips theirs and their stamp."""
    bpy.types.Scene.shotpack = PointerProperty(type=ShotpackSettings)
    bpy.types.Strip.shotpack = PointerProperty(type=ShotStamp)
    bpy.types.Strip.shotpack_board = PointerProperty(type=BoardSettings)


def detach() -> None:
    """Take them away; what they held stays in the file."""
    for owner, name in (
        (bpy.types.Scene, "shotpack"),
        (bpy.types.Strip, "shotpack"),
        (bpy.types.Strip, "shotpack_board"),
    ):
        if hasattr(owner, name):
            delattr(owner, name)
