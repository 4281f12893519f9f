"""What an artist's side asks of the engine: the request, typed once; `events.py` has what it answers.

Standard library only, because Blender imports it. `serialization.py` makes JSON of them and reads it; the server's
checks and its OpenAPI document are made from the same fields (`limits.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from .drift import OnDrift
from .limits import Limits

PROTOCOL_VERSION = 1
ENGINE_VERSION = "0.1.0"
ENGINE_FILE = "engine.json"
"""In the engine's home while it serves: its ready line, with address and token; only its user can read it."""
FRAMES_MAXIMUM = 36_000
BOARDS_MAXIMUM = 64
ENDPOINTS_MAXIMUM = 16
STEPS_MAXIMUM = 1_000
SEED_MAXIMUM = 2**63 - 1
GUIDANCE_MAXIMUM = 100
FPS_MAXIMUM = 240
CLIP_MAXIMUM = 1_200
PROMPT_MAXIMUM = 4_000
"""Characters."""
LORA_WEIGHT_MAXIMUM = 10
WINDOW_MAXIMUM = 33
GUIDE = "guide"
"""The kind of condition whose pictures lead a shot (`Condition`)."""
TAKE_MAXIMUM = 9_999
SLOW_MAXIMUM = 16
SLATE_MAXIMUM = 40
"""Characters: more cannot be read at previs size."""
SLATE_USUAL = "AI previs"

Text = Annotated[str, Limits(longest=PROMPT_MAXIMUM)]
Name = Annotated[str, Limits(longest=200)]
Sha256 = Annotated[str, Limits(pattern="^[0-9a-f]{64}$", about="SHA-256 of a picture sent in before")]
Frame = Annotated[int, Limits(1, FRAMES_MAXIMUM, about="counted from 1")]
Steps = Annotated[int, Limits(1, STEPS_MAXIMUM)]
Guidance = Annotated[float, Limits(0, GUIDANCE_MAXIMUM)]
Side = Annotated[int, Limits(16, 8192)]
Flag = Annotated[bool, Limits()]


@dataclass(frozen=True)
class Board:
    """A still the artist supplies. The shot shows it at `frame`, counted from 1; the board at 1 is the start board.

    One at the frame after the last is what the shot arrives at and does not show: the first picture of what follows.
    """

    frame: Frame
    image: Sha256
    """SHA-256 of the picture's file, in hex: the name under which the shot's folder keeps it."""


@dataclass(frozen=True)
class PromptAt:
    """What happens from `frame` on (counted from 1, moved to the nearest section border)."""

    frame: Frame
    text: Text


Prompts = Annotated[tuple[PromptAt, ...], Limits(longest=1000)]


@dataclass(frozen=True)
class Lora:
    """A small addition to the model's weights, by its name on the engine's machine, and how much of it."""

    name: Annotated[str, Limits(shortest=1, longest=200)]
    weight: Annotated[float, Limits(-LORA_WEIGHT_MAXIMUM, LORA_WEIGHT_MAXIMUM)] = 1.0


@dataclass(frozen=True)
class ConditionFrame:
    """A picture that holds at `frame`, counted from 1 as boards are, fractions allowed."""

    frame: Annotated[float, Limits(1, FRAMES_MAXIMUM, about="counted from 1; fractions allowed")]
    image: Sha256
    seen: Sha256 | None = None
    """A mask of the same size, white where `image` holds; None: everywhere."""


@dataclass(frozen=True)
class Condition:
    """What a shot is made by besides boards and prompts; which kinds a model takes its family says."""

    kind: Annotated[str, Limits(among=(GUIDE,))]
    frames: Annotated[tuple[ConditionFrame, ...], Limits(shortest=1, longest=CLIP_MAXIMUM)]
    strength: Annotated[float, Limits(0, 1)] = 1.0
    until: Annotated[float, Limits(0, 1, about="a share of the steps")] = 1.0


SectionNumber = Annotated[int, Limits(1, FRAMES_MAXIMUM, about="a section's place in time, counted from 1")]


@dataclass(frozen=True)
class SectionChange:
    """What one section has for itself; None means: as the shot."""

    section: SectionNumber
    seed: Annotated[int, Limits(0, SEED_MAXIMUM)] | None = None
    """Of its own noise; None: what the shot's one generator gives in the sequence of making."""
    prompt: Text | None = None
    steps: Steps | None = None
    guidance: Guidance | None = None


@dataclass(frozen=True)
class Take:
    """Another version of a stored shot, or a longer one: whatever is the same in both is kept, the rest made anew."""

    number: Annotated[int, Limits(2, TAKE_MAXIMUM, about="what it is to be called; frames end in -t02 and so on")]
    job: Annotated[str, Limits(pattern="^([0-9a-f]{16})?$", about="the job that it continues")] = ""
    """Empty on the command line, where the shot's folder is continued in its place."""
    parent: Annotated[int, Limits(1, TAKE_MAXIMUM, about="the take that it continues, of those that the job has")] = 1
    again: Annotated[tuple[SectionNumber, ...], Limits(longest=1000)] = ()
    """Sections that are made again even where nothing in them has changed."""


@dataclass(frozen=True)
class Finish:
    """What is done to the frames of a finished shot: a take of its own, beside what the model made."""

    upscale: Annotated[str, Limits(pattern="^([24]|[0-9]{2,4}x[0-9]{2,4})?$", about="2, 4 or WxH; empty: not")] = ""
    upscaler: Annotated[Name, Limits(about="what enlarges; empty: the best one here")] = ""
    fps: Annotated[float, Limits(1, FPS_MAXIMUM, about="none: as many as what is finished has")] | None = None
    slow: Annotated[float, Limits(1, SLOW_MAXIMUM, about="how many seconds one lasts")] = 1.0
    between: Annotated[str, Limits(among=("", "flow", "motion", "nearest"))] = ""
    """What makes a frame between two of the model's; empty: the best one here."""
    steady: Flag | None = None
    """Whether enlarged frames are averaged with their neighbours, so that detail does not flicker; none: where optical
    flow is installed."""


class Start(StrEnum):
    """What a shot may begin from: a picture, nothing but words, or the frames that precede it."""

    BOARD = "board"
    TEXT = "text"
    CLIP = "clip"


@dataclass(frozen=True)
class ShotRequest:
    """One shot as the artist asked for it. None means: as the model recommends."""

    model: Annotated[Name, Limits(about="an installed model's name; empty: the best one")] = ""
    prompt: Text = ""
    boards: Annotated[
        tuple[Board, ...], Limits(longest=BOARDS_MAXIMUM, about="none: out of words, or from `clip`")
    ] = ()
    """None, and no `clip` either: out of words alone."""
    frames: Frame = field(kw_only=True)
    """Pixel frames at `fps`, at least 1."""
    fps: Annotated[float, Limits(1, FPS_MAXIMUM)] | None = None
    conform: Flag = True
    """True: motion keeps its speed, made at the model's own rate and resampled. False: frame for frame."""
    between: Annotated[str, Limits(among=("", "flow", "motion"))] = ""
    """What a resampled frame is between two of the model's: made out of both; empty: the nearest of them."""
    width: Side | None = None
    height: Side | None = None
    steps: Steps | None = None
    seed: Annotated[int, Limits(0, SEED_MAXIMUM)] = 0
    order: Annotated[str, Limits(among=("inverted", "forward", "endpoint"))] | None = None
    schedule: Annotated[str, Limits(longest=400, about="the packed context, by the paper's name of it")] | None = None
    packing: (
        Annotated[
            str,
            Limits(among=("time", "similarity", "hybrid"), about="by what the frames are chosen that a section sees"),
        ]
        | None
    ) = None
    """Only what the model was trained for: the nearest frames, those most like what comes, or both weighed."""
    solver: Annotated[str, Limits(among=("unipc", "euler", "dmd"))] | None = None
    window: Annotated[int, Limits(1, WINDOW_MAXIMUM, about="latent frames in a section")] | None = None
    guidance: Guidance | None = None
    cfg: Annotated[float, Limits(1, GUIDANCE_MAXIMUM)] = 1.0
    negative: Text = ""
    speed: Annotated[str, Limits(among=("exact", "balanced", "fast"))] = "exact"
    cache: Annotated[str, Limits(longest=40)] | None = None
    """A step cache by name, where it is to be another than `speed` has."""
    prompts: Prompts = ()
    endpoints: Annotated[
        tuple[Frame, ...], Limits(longest=ENDPOINTS_MAXIMUM, about="frames whose sections are made before the others")
    ] = ()
    """Frames, moved to the nearest section border, whose sections are made first, each from the start and its own words
    alone, one right behind another from that; the gaps between them are filled afterwards. Only where the model was
    trained for endpoint order."""
    loras: Annotated[tuple[Lora, ...], Limits(longest=16)] = ()
    clip: Annotated[tuple[Sha256, ...], Limits(longest=CLIP_MAXIMUM, about="frames the shot goes on from")] = ()
    """The frames that the shot goes on from, at `fps` and in time order: SHA-256 of each one's picture."""
    conditions: Annotated[tuple[Condition, ...], Limits(longest=16)] = ()
    sections: Annotated[tuple[SectionChange, ...], Limits(longest=1000)] = ()
    """Sections that are made otherwise than the shot; each at most once."""
    take: Take | None = None
    """The stored shot that this one continues."""
    finish: Finish | None = None
    """What is done to the take that `take` continues; then nothing else of the request may differ from that one's."""
    slate: Annotated[
        str, Limits(longest=SLATE_MAXIMUM, pattern="^[ -~]*$", about="words burnt into the movie; ASCII")
    ] = ""
    """What stands in a corner of the movie, such as SLATE_USUAL; empty: nothing. Frames are never written on."""
    on_drift: Annotated[str, Limits(among=tuple(map(str, OnDrift)), about="where a section drifts beyond a limit")] = ""
    """An `OnDrift`; no part of how a shot is made, so it may be another one whenever a shot is gone on with."""

    @property
    def pictures(self) -> tuple[str, ...]:
        """SHA-256 of every picture that the request names, each once."""
        held = [frame for condition in self.conditions for frame in condition.frames]
        masks = [frame.seen for frame in held if frame.seen is not None]
        named = [*(board.image for board in self.boards), *self.clip, *(frame.image for frame in held), *masks]
        return tuple(dict.fromkeys(named))

    @property
    def start(self) -> Start:
        """What the shot begins from."""
        return Start.CLIP if self.clip else Start.BOARD if self.boards else Start.TEXT
