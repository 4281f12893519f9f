"""The HTTP application: every call of design section 5, each a few lines over store and scheduler."""

# No postponed annotations here: FastAPI reads those of functions inside `create_app`, where it could not look up names.

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI, Header, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse

from ..errors import EngineError
from ..models.abilities import abilities
from ..protocol import FRAMES_MAXIMUM, PROTOCOL_VERSION, PromptAt
from .jobs.scheduler import KeyTakenError
from .jobs.snapshot import snapshot
from .metrics import metrics_answer
from .problems import Refused, add_handlers
from .schemas import (
    DiskOut,
    EngineOut,
    Fault,
    ImageOut,
    JobChange,
    JobDetail,
    JobOut,
    KeepsOut,
    LeaseOut,
    ModelOut,
    NewJob,
    Parking,
    Problem,
    SpeedOut,
    Unparking,
    WorkerOut,
)
from .service import Service
from .sse import stream
from .storage.records import JobRecord, StoreError
from .uploads import Uploads

JobId = Annotated[str, InPath(pattern="^[0-9a-f]{16}$")]
Key = Annotated[str | None, Header(alias="Idempotency-Key", pattern="^[A-Za-z0-9_-]{1,64}$")]
LastEvent = Annotated[int, Header(alias="Last-Event-ID", ge=0, le=2**63 - 1)]
_PICTURE_TYPES: dict[str, dict[str, Any]] = {"image/png": {}, "image/jpeg": {}}


def _says(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documentation of the problems a call may answer with."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    titles = {401: "no token", 403: "foreign host", 404: "no such job", 409: "its state does not allow that"}
    titles |= {413: "body over 64 MiB", 422: "the request is not valid"}
    return {status: {"description": titles[status], "content": content} for status in (401, 403, *statuses)}


def create_app(service: Service) -> FastAPI:
    """The application over `service`, which starts and stops with it."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        service.broker.attach(service.store.last_number())
        service.start()
        yield
        service.stop()

    app = FastAPI(title="Shotpack engine", version=service.version, lifespan=life, docs_url=None, redoc_url=None)
    add_handlers(app)

    def known(job: JobId) -> JobRecord:
        try:
            return service.store.job(job)
        except StoreError as missing:
            raise Refused(404, "job_unknown", str(missing)) from missing

    Known = Annotated[JobRecord, Depends(known)]  # noqa: N806  a type

    @app.get("/v1/engine", responses=_says())
    def engine() -> EngineOut:
        """Version, devices and memory, models, and how many jobs are in each state."""
        counts = {str(state): count for state, count in service.store.counts().items()}
        leases = service.scheduler.leases()
        models = service.sound_models()
        workers = [WorkerOut(**vars(state) | {"pid": None}) for state in service.pool.workers()]
        return EngineOut(
            version=service.version,
            protocol=PROTOCOL_VERSION,
            workers=workers,
            models=service.models(),
            prompt_tokens={model.name: model.prompt_tokens for model in models},
            vocabularies={model.name: words for model in models if (words := model.facts.vocabulary) is not None},
            starts={model.name: [str(start) for start in model.starts] for model in models},
            details={model.name: ModelOut(**vars(abilities(model))) for model in models},
            speeds=[
                SpeedOut(**vars(kind), section_seconds=seconds, shots=shots)
                for kind, seconds, shots in service.speeds.told()
            ],
            finishing=service.finishing(),
            free=service.free(),
            loras=service.loras(),
            jobs=counts,
            parked=bool(leases),
            parked_by=[LeaseOut(**vars(lease)) for lease in leases],
            store=service.store.id,
            newest=service.store.last_number(),
            keeps=KeepsOut(**vars(service.retention.rule)),
            disk=None if (use := service.retention.use) is None else DiskOut(**vars(use), total=use.total),
        )

    @app.post("/v1/engine/park", responses=_says(413, 422))
    def park(lease: Annotated[Parking | None, Body()] = None) -> EngineOut:
        """Take all weights off the devices and hold every job, such as while Blender renders.

        A lease by client, begun anew by asking again; it ends by itself. Without a body: until `unpark` without one.
        """
        if lease is None:
            service.scheduler.park()
        else:
            service.scheduler.park(lease.client, lease.seconds)
        return engine()

    @app.post("/v1/engine/unpark", responses=_says(413, 422))
    def unpark(lease: Annotated[Unparking | None, Body()] = None) -> EngineOut:
        """Put the weights back and go on, unless another client still needs the devices."""
        service.scheduler.unpark(lease.client if lease else "")
        return engine()

    @app.post(
        "/v1/images",
        status_code=201,
        responses=_says(413, 422),
        openapi_extra={"requestBody": {"required": True, "content": _PICTURE_TYPES}},
    )
    async def add_image(request: Request) -> ImageOut:
        """Take in a PNG or JPEG; the answer's `image` names it in a job's boards."""
        return await service.uploads.take(request)

    @app.post("/v1/jobs", status_code=201, responses=_says(409, 413, 422) | _SENT_BEFORE)
    def add_job(job: Annotated[NewJob, Body()], response: Response, key: Key = None) -> JobOut:
        """Queue a shot. Sent again under the same `Idempotency-Key` it is the job that is there already."""
        try:
            sent = service.sent_before(job, key)
            if sent is None:
                faults = [*_picture_faults(job, service.uploads), *_prompt_faults(job.prompts, job.frames)]
                faults += job.section_faults()
                faults += [*service.model_faults(job), *service.lora_faults(job), *service.take_faults(job)]
                if faults:
                    raise Refused(422, "bad_request", "The request cannot be done", faults)
                sent, new = service.submit(job, key)
                if new:
                    return _out(sent)
        except KeyTakenError as taken:
            raise Refused(409, "idempotency_conflict", str(taken)) from taken
        except StoreError as refused:
            raise Refused(409, "state_conflict", str(refused)) from refused
        response.status_code = 200
        return _out(sent)

    @app.get("/v1/jobs", responses=_says())
    def jobs() -> list[JobOut]:
        """All jobs, in the queue's sequence."""
        return [_out(record) for record in service.store.jobs()]

    @app.get("/v1/jobs/{job}", responses=_says(404, 422))
    def job(record: Known) -> JobDetail:
        """One job, with all that has been told of it."""
        try:
            record, number, events = service.store.history(record.id)
        except StoreError as missing:
            raise Refused(404, "job_unknown", str(missing)) from missing
        return JobDetail(
            **_out(record).model_dump(),
            key=record.key,
            starred=record.starred,
            stop_after=record.stop_after,
            step=service.scheduler.step(record.id),
            **vars(snapshot(number, events, shed=service.is_shed(record))),
        )

    @app.delete("/v1/jobs/{job}", status_code=204, responses=_says(404, 409, 422))
    def remove_job(record: Known) -> None:
        """Remove a job that has ended, with its files."""
        try:
            service.scheduler.remove(record.id)
        except StoreError as refused:
            raise Refused(409, "state_conflict", str(refused)) from refused

    @app.patch("/v1/jobs/{job}", responses=_says(404, 409, 413, 422))
    def change_job(record: Known, change: Annotated[JobChange, Body()]) -> JobOut:
        """Rename a job, move it in the queue, or change how the sections not yet begun are made."""
        if change.prompts and (faults := _prompt_faults(change.prompts, record.request.frames)):
            raise Refused(422, "bad_request", "The request cannot be done", faults)
        try:
            return _out(service.change(record, change))
        except StoreError as refused:
            raise Refused(409, "state_conflict", str(refused)) from refused

    def act(how: Callable[[str], JobRecord], record: JobRecord) -> JobOut:
        try:
            return _out(how(record.id))
        except StoreError as refused:
            raise Refused(409, "state_conflict", str(refused)) from refused

    @app.post("/v1/jobs/{job}/pause", responses=_says(404, 409, 422))
    def pause(record: Known) -> JobOut:
        """Pause after the present step, or before the job begins."""
        return act(service.scheduler.pause, record)

    @app.post("/v1/jobs/{job}/resume", responses=_says(404, 409, 422))
    def resume(record: Known) -> JobOut:
        """Go on, to the end. For a job that failed or was cancelled a new one is made, from all that it had made."""
        return act(service.scheduler.resume, record)

    @app.post("/v1/jobs/{job}/cancel", responses=_says(404, 409, 422))
    def cancel(record: Known) -> JobOut:
        """Give up after the present step; finished sections stay."""
        return act(service.scheduler.cancel, record)

    def told(last: int, job: str | None) -> StreamingResponse:
        newest = service.store.last_number()
        headers = {"Shotpack-Store": service.store.id, "Shotpack-Newest": str(newest)}
        # A client that has heard more than there is knows another store: this one's events are all new to it.
        after = last if last <= newest else 0
        return StreamingResponse(stream(service, after, job), media_type="text/event-stream", headers=headers)

    events: dict[str, Any] = {"response_class": StreamingResponse, "responses": _says(404, 422) | _EVENTS}

    @app.get("/v1/jobs/{job}/events", **events)
    def job_events(record: Known, last: LastEvent = 0) -> StreamingResponse:
        """A job's events, numbered, from the first after `Last-Event-ID`; ends with the job."""
        return told(last, record.id)

    @app.get("/v1/events", **events)
    def all_events(last: LastEvent = 0) -> StreamingResponse:
        """All jobs' events, numbered, from the first after `Last-Event-ID`; never ends."""
        return told(last, None)

    def file_of(media_type: str) -> dict[str, Any]:
        content: dict[str, Any] = {media_type: {"schema": {"type": "string", "format": "binary"}}}
        done: dict[int | str, dict[str, Any]] = {200: {"description": "the file", "content": content}}
        return {"response_class": FileResponse, "responses": _says(404, 422) | done}

    @app.get("/v1/jobs/{job}/frames/{frame}", **file_of("image/png"))
    def frame(record: Known, frame: Annotated[int, InPath(ge=1, le=FRAMES_MAXIMUM)]) -> FileResponse:
        """One final frame of a job, counted from 1, as PNG."""
        return _file(lambda: service.frame(record, frame), "image/png")

    @app.get("/v1/jobs/{job}/provisional/{number}/{frame}", **file_of("image/png"))
    def provisional(
        record: Known,
        number: Annotated[
            int, InPath(ge=0, le=FRAMES_MAXIMUM, description="section in the sequence of making, from 0")
        ],
        frame: Annotated[int, InPath(ge=1, le=FRAMES_MAXIMUM)],
    ) -> FileResponse:
        """A frame that the section after this one may still blend, as the `section` event names it."""
        return _file(lambda: service.provisional(record, number, frame), "image/png")

    @app.get("/v1/jobs/{job}/movie", **file_of("video/mp4"))
    def movie(record: Known) -> FileResponse:
        """A finished job's movie."""
        return _file(lambda: service.movie(record), "video/mp4")

    @app.get("/metrics", response_class=PlainTextResponse, responses=_says())
    def metrics() -> PlainTextResponse:
        """Queue, workers, memory and failures, as Prometheus text."""
        return metrics_answer(service)

    _document(app)
    return app


_SENT_BEFORE: dict[int | str, dict[str, Any]] = {
    200: {"description": "it was sent before under the same key", "model": JobOut}
}
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "server-sent events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}


def _document(app: FastAPI) -> None:
    """Complete the OpenAPI document: the problem's schema, which no route returns by type, and the token."""
    made = app.openapi()
    made["components"].setdefault("schemas", {})["Problem"] = Problem.model_json_schema(
        ref_template="#/components/schemas/{model}"
    )
    made["components"]["schemas"]["Fault"] = Fault.model_json_schema()
    made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    made["security"] = [{"token": []}]
    app.openapi_schema = made


def _picture_faults(job: NewJob, uploads: Uploads) -> list[Fault]:
    """What is wrong with the boards and the clip beyond their form."""
    frames = [board.frame for board in job.boards]
    faults = []
    if frames and 1 not in frames:
        faults.append(Fault(where="body.boards", what="one board must be at frame 1: the start"))
    if len(set(frames)) < len(frames):
        faults.append(Fault(where="body.boards", what="two boards are at the same frame"))
    for number, board in enumerate(job.boards):
        if board.frame > job.frames + 1:
            faults.append(Fault(where=f"body.boards.{number}.frame", what="the shot is shorter than that"))
        if not uploads.claim(board.image):
            faults.append(Fault(where=f"body.boards.{number}.image", what="send the picture to /v1/images first"))
    named = [(f"body.clip.{number}", image) for number, image in enumerate(job.clip)]
    for number, condition in enumerate(job.conditions):
        for place, held in enumerate(condition.frames):
            where = f"body.conditions.{number}.frames.{place}"
            named += [(f"{where}.image", held.image)] + [(f"{where}.seen", seen) for seen in [held.seen] if seen]
    for where, image in named:
        if not uploads.claim(image):
            faults.append(Fault(where=where, what="send the picture to /v1/images first"))
    return faults


def _prompt_faults(prompts: Sequence[PromptAt], frames: int) -> list[Fault]:
    """Which prompts begin after the end of a shot of so many frames."""
    return [
        Fault(where=f"body.prompts.{number}.frame", what=f"the shot has frames 1 to {frames}")
        for number, prompt in enumerate(prompts)
        if prompt.frame > frames
    ]


def _file(place: Callable[[], Path], media_type: str) -> FileResponse:
    try:
        path = place()
    except EngineError as missing:  # nothing is begun
        raise Refused(404, "file_unknown", "There is no such file yet") from missing
    if not path.is_file():
        raise Refused(404, "file_unknown", "There is no such file yet")
    return FileResponse(path, media_type=media_type)


def _out(record: JobRecord) -> JobOut:
    return JobOut(
        id=record.id,
        name=record.name,
        state=record.state,
        created=record.created,
        attempts=record.attempts,
        continues=record.continues,
        request=json.loads(record.request_json),
    )
