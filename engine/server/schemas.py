"""What goes over the wire: requests are the protocol's own dataclasses, checked by pydantic within their limits.

The OpenAPI document is made from these.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass as checked

from ..limits import Limits
from ..models.trained import Trained
from ..protocol import FRAMES_MAXIMUM, Guidance, Name, Prompts, Sha256, ShotRequest, Steps, Text
from ..serialization import without_defaults
from ..vocabulary import Vocabulary
from .storage.states import State

_WHOLE = ConfigDict(extra="forbid")
_STOP = "pause by itself after so many sections, until `resume`; one with no more sections is finished"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Fault(BaseModel):
    """One thing that is wrong with a request, and where."""

    where: str
    what: str


@checked(frozen=True, config=_WHOLE)
class NewJob(ShotRequest):
    """A shot to make. What is left out is as the model recommends."""

    name: Name = ""
    stop_after: Annotated[int, Limits(1, FRAMES_MAXIMUM, about=_STOP)] | None = None
    # The command line's alone: only a worker could tell whether they fit.
    schedule: None = None
    window: None = None

    @property
    def request(self) -> ShotRequest:
        """The same without what only the job has."""
        return ShotRequest(**{field.name: getattr(self, field.name) for field in fields(ShotRequest)})

    def section_faults(self) -> list[Fault]:
        """Which sections are named more than once; how many there are only the model's plan tells."""
        numbers = [change.section for change in self.sections]
        return [
            Fault(where=f"body.sections.{place}.section", what=f"section {section} is changed twice")
            for place, section in enumerate(numbers)
            if section in numbers[:place]
        ]

    def digest(self) -> str:
        """SHA-256 of all that is asked for, wherever it is to stop; fields that a later engine adds change nothing."""
        asked = {name: value for name, value in without_defaults(self).items() if name != "stop_after"}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


@checked(frozen=True, config=_WHOLE)
class JobChange:
    """What to change of a job; prompts, steps and guidance change for the sections that are not yet begun."""

    name: Name | None = None
    starred: Annotated[bool, Limits(about="keep it, whatever the rule for old shots says")] | None = None
    before: Annotated[str, Limits(pattern="^([0-9a-f]{16}|end)$", about="a job's id, or `end`")] | None = None
    prompt: Text | None = None
    prompts: Prompts | None = None
    steps: Steps | None = None
    guidance: Guidance | None = None


class JobOut(BaseModel):
    """A job as it stands."""

    id: str
    name: str
    state: State
    created: float = Field(description="seconds since 1970")
    attempts: int = Field(description="workers that died on it")
    continues: str | None = Field(description="the job whose finished sections it began with")
    request: dict[str, Any]


class JobDetail(JobOut):
    """A job as it stands, with all that its events have told: listen for events after `number`."""

    key: str | None = Field(description="what it was sent under")
    starred: bool
    stop_after: int = Field(description="after so many sections it pauses by itself; 0: it does not")
    number: int = Field(description="of the newest event, of any job, that is contained here")
    plan: dict[str, Any] | None = Field(description="the `started` event")
    sections: list[dict[str, Any]] = Field(description="the `section` events, in the sequence of making")
    step: dict[str, Any] | None = Field(description="the newest `step` event, while a worker has the job")
    stage: str
    notices: list[str] = Field(description="what of the request is left out of the shot, as `progress` events said it")
    failure: dict[str, Any] | None = Field(description="the `failed` event")
    drift: list[dict[str, Any]] = Field(description="the `drift` events: how far each measured section has drifted")


class Parking(_Strict):
    """Who wants the devices left alone, and for how long at most."""

    client: Annotated[str, Field(min_length=1, max_length=64, pattern="^[A-Za-z0-9_-]+$")]
    seconds: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class Unparking(_Strict):
    """Who needs the devices no longer."""

    client: Annotated[str, Field(min_length=1, max_length=64, pattern="^[A-Za-z0-9_-]+$")]


class LeaseOut(BaseModel):
    """Who keeps the engine parked."""

    client: str = Field(description="empty: whoever parked without a name")
    seconds_left: float | None = Field(description="none: until it is taken back")


class ImageOut(BaseModel):
    """A picture that was taken in."""

    image: Sha256
    width: int
    height: int


class WorkerOut(BaseModel):
    """One device's worker."""

    name: str
    device: str
    title: str
    ready: bool
    doing: str
    memory_used: int = Field(description="bytes")
    memory_total: int = Field(description="bytes")
    deaths: int


class KeepsOut(BaseModel):
    """How long finished shots are kept, as the artist has set it."""

    days: float | None = Field(description="shots that ended longer ago are removed; none: for ever")
    bytes: int | None = Field(description="the oldest shots are removed while the home takes more; none: no limit")


class DiskOut(BaseModel):
    """What the engine's home takes of the disk, in bytes, when it was last looked over."""

    frames: int = Field(description="frames and movies")
    latents: int = Field(description="what shots can be gone on from")
    pictures: int
    logs: int
    rest: int
    total: int


class ModelOut(BaseModel):
    """What shots of an installed model can be."""

    title: str
    quality: str = Field(description="in a word; empty: nobody says")
    good_for: str
    starts: list[str] = Field(description="what they may begin from: board, text, clip")
    orders: list[str] = Field(description="in which sections may be made, its own first")
    sizes: list[tuple[int, int]] = Field(description="width and height in pixels")
    size_multiple: int = Field(description="of pixels, what both sides must be")
    side_limits: tuple[int, int] = Field(description="shortest and longest side in pixels")
    native_fps: float
    steps: int = Field(description="a section, where nobody asks for another number")
    guidance: float
    negative: bool = Field(description="whether a negative prompt of one's own changes anything")
    first_frames: int = Field(description="frames at `native_fps` before the first section's own")
    section_frames: int = Field(description="frames at `native_fps` that one section adds")
    latent_frames: int = Field(description="frames at `native_fps` that two boards are apart at the least")
    boards_within: bool = Field(description="whether boards may lie anywhere in a shot, or only at its start")
    guide_frames: int = Field(
        description="frames at `native_fps` from one picture of a guide to the next that it uses; 0: it takes no guide"
    )
    trained: Trained = Field(description="what it was trained for beyond the released recipe; empty: nothing of that")


class SpeedOut(BaseModel):
    """How long a section of such shots takes on a device, measured."""

    model: str
    device: str
    width: int
    height: int
    steps: int
    speed: str
    section_seconds: float
    shots: int = Field(description="how many of the newest shots that is the median of")


class UpscalerOut(BaseModel):
    """What enlarges pictures."""

    name: str
    title: str


class FinishSpeedOut(BaseModel):
    """How long finishing takes on a device, measured."""

    upscaler: str
    device: str
    megapixel_seconds: float = Field(description="for a million pixels of the result")


class FinishingOut(BaseModel):
    """What a finishing take can be made with."""

    upscalers: list[UpscalerOut] = Field(description="the best first; none: the packages for it are not installed")
    between: list[str] = Field(description="what makes frames in between, the best first")
    speeds: list[FinishSpeedOut]


class EngineOut(BaseModel):
    """The engine: what it is, what it can use, what it has."""

    version: str
    protocol: int
    workers: list[WorkerOut]
    models: list[str]
    starts: dict[str, list[str]] = Field(description="what each model's shots may begin from: board, text, clip")
    prompt_tokens: dict[str, int] = Field(description="how many tokens of a prompt each model reads at most")
    vocabularies: dict[str, Vocabulary] = Field(description="the words of each model that knows some words only")
    details: dict[str, ModelOut] = Field(description="by the model's name; a damaged one says nothing")
    speeds: list[SpeedOut] = Field(description="as finished shots were measured; none: nothing was measured yet")
    finishing: FinishingOut
    free: int | None = Field(description="bytes free on the disk of the engine's home; none: it does not say")
    loras: list[str]
    jobs: dict[str, int] = Field(description="how many jobs are in each state")
    parked: bool = Field(description="all weights are off the devices")
    parked_by: list[LeaseOut]
    store: str = Field(description="which database this is; numbers of events count within it")
    newest: int = Field(description="number of the newest event")
    keeps: KeepsOut
    disk: DiskOut | None = Field(description="none: not looked over yet, which takes some seconds after the start")


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str = ""
    faults: list[Fault] = []
