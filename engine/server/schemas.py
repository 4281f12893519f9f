"""What goes over the wire, as models with every limit stated: the OpenAPI document is made from these."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..protocol import (
    CLIP_MAXIMUM,
    FPS_MAXIMUM,
    FRAMES_MAXIMUM,
    GUIDANCE_MAXIMUM,
    LORA_WEIGHT_MAXIMUM,
    SEED_MAXIMUM,
    STEPS_MAXIMUM,
    Board,
    Lora,
    PromptAt,
    ShotRequest,
)
from .storage.states import State

Text = Annotated[str, Field(max_length=4000)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of a picture sent in before")]
Frame = Annotated[int, Field(ge=1, le=FRAMES_MAXIMUM, description="counted from 1")]
Steps = Annotated[int, Field(ge=1, le=STEPS_MAXIMUM)]
Guidance = Annotated[float, Field(ge=0, le=GUIDANCE_MAXIMUM, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class BoardIn(_Strict):
    """A still, and the frame of the shot that shows it."""

    frame: Frame
    image: Sha256


class PromptAtIn(_Strict):
    """What happens from a frame on."""

    frame: Frame
    text: Text


class LoraIn(_Strict):
    """A LoRA of the engine's machine by name, and how much of it."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    weight: Annotated[float, Field(ge=-LORA_WEIGHT_MAXIMUM, le=LORA_WEIGHT_MAXIMUM, allow_inf_nan=False)] = 1.0


class NewJob(_Strict):
    """A shot to make. What is left out is as the model recommends."""

    name: Annotated[str, Field(max_length=200)] = ""
    model: Annotated[str, Field(max_length=200, description="an installed model's name; empty: the best one")] = ""
    prompt: Text = ""
    boards: Annotated[list[BoardIn], Field(max_length=64, description="none: out of words, or from `clip`")] = []
    clip: Annotated[
        list[Sha256],
        Field(max_length=CLIP_MAXIMUM, description="frames the shot goes on from, at `fps`, in time order"),
    ] = []
    frames: Frame
    fps: Annotated[float, Field(ge=1, le=FPS_MAXIMUM, allow_inf_nan=False)] | None = None
    conform: bool = True
    width: Annotated[int, Field(ge=16, le=8192)] | None = None
    height: Annotated[int, Field(ge=16, le=8192)] | None = None
    steps: Steps | None = None
    seed: Annotated[int, Field(ge=0, le=SEED_MAXIMUM)] = 0
    order: Literal["inverted", "forward", "endpoint"] | None = None
    solver: Literal["unipc", "euler", "dmd"] | None = None
    guidance: Guidance | None = None
    cfg: Annotated[float, Field(ge=1, le=GUIDANCE_MAXIMUM, allow_inf_nan=False)] = 1.0
    negative: Text = ""
    speed: Literal["exact", "balanced", "fast"] = "exact"
    cache: Annotated[str, Field(max_length=40)] | None = None
    prompts: Annotated[list[PromptAtIn], Field(max_length=1000)] = []
    loras: Annotated[list[LoraIn], Field(max_length=16)] = []

    def digest(self) -> str:
        """SHA-256 of all that is asked for; fields that a later engine adds do not change it."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def request(self) -> ShotRequest:
        """The same as the engine's own message."""
        plain = self.model_dump(exclude={"name", "boards", "clip", "prompts", "loras"})
        return ShotRequest(
            **plain,
            boards=tuple(Board(board.frame, board.image) for board in self.boards),
            clip=tuple(self.clip),
            prompts=tuple(PromptAt(each.frame, each.text) for each in self.prompts),
            loras=tuple(Lora(each.name, each.weight) for each in self.loras),
        )


class JobChange(_Strict):
    """What to change of a job; prompts, steps and guidance change for the sections that are not yet begun."""

    name: Annotated[str, Field(max_length=200)] | None = None
    starred: Annotated[bool, Field(description="keep it, whatever the rule for old shots says")] | None = None
    before: Annotated[str, Field(pattern="^([0-9a-f]{16}|end)$", description="a job's id, or `end`")] | None = None
    prompt: Text | None = None
    prompts: Annotated[list[PromptAtIn], Field(max_length=1000)] | None = None
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
    number: int = Field(description="of the newest event, of any job, that is contained here")
    plan: dict[str, Any] | None = Field(description="the `started` event")
    sections: list[dict[str, Any]] = Field(description="the `section` events, in the sequence of making")
    step: dict[str, Any] | None = Field(description="the newest `step` event, while a worker has the job")
    stage: str
    notices: list[str] = Field(description="what of the request is left out of the shot, as `progress` events said it")
    failure: dict[str, Any] | None = Field(description="the `failed` event")


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


class EngineOut(BaseModel):
    """The engine: what it is, what it can use, what it has."""

    version: str
    protocol: int
    workers: list[WorkerOut]
    models: list[str]
    starts: dict[str, list[str]] = Field(description="what each model's shots may begin from: board, text, clip")
    loras: list[str]
    jobs: dict[str, int] = Field(description="how many jobs are in each state")
    parked: bool = Field(description="all weights are off the devices")
    parked_by: list[LeaseOut]
    store: str = Field(description="which database this is; numbers of events count within it")
    newest: int = Field(description="number of the newest event")
    keeps: KeepsOut
    disk: DiskOut | None = Field(description="none: not looked over yet, which takes some seconds after the start")


class Fault(BaseModel):
    """One thing that is wrong with a request, and where."""

    where: str
    what: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str = ""
    faults: list[Fault] = []
