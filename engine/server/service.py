"""The server's parts put together: store, pool, scheduler, broker, and the few questions that need several of them."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import Code, EngineError
from ..finishing.abilities import betweens, upscalers
from ..media.files import make_folder
from ..media.take_files import FIRST_TAKE, TakeFiles
from ..models.catalog import find_model, installed
from ..models.folder import ModelFolder, open_folder
from ..models.guide_use import require_followable
from ..models.lora_files import installed_loras
from ..models.spec import condition_unsupported
from ..protocol import Start
from ..serialization import to_json_text
from .broker import Broker
from .home import finish_speeds_file, images_folder, jobs_folder, logs_folder, speeds_file
from .jobs.finish_speeds import FinishSpeeds
from .jobs.job_folders import JobFolders
from .jobs.retention import Retention, Rule
from .jobs.scheduler import Scheduler
from .jobs.speeds import Speeds
from .jobs.takes import take_faults
from .schemas import Fault, FinishingOut, FinishSpeedOut, JobChange, NewJob, UpscalerOut
from .storage.records import JobRecord, StoredEvent, StoreError
from .storage.states import State
from .storage.store import JobStore
from .uploads import Uploads
from .workers.pool import Pool

_RECENT = 400
_LEAST_BYTES = 2**20
"""Free on a disk, below which whatever fails there fails for want of room."""


class Service:
    """Everything behind the HTTP calls, under the folder `home`."""

    def __init__(self, home: Path, pool: Pool, version: str, rule: Rule | None = None) -> None:
        """`rule` says how long finished shots are kept; None: for ever.

        Raises EngineError `disk_full` or `folder_unwritable` where nothing can be kept under `home`.
        """
        for folder in (jobs_folder(home), images_folder(home), logs_folder(home)):
            make_folder(folder)
        self.home = home
        self.version = version
        self.pool = pool
        self.store = _open_store(home / "jobs.db")
        self.broker = Broker()
        self.uploads = Uploads(images_folder(home))
        self.folders = JobFolders(jobs_folder(home))
        self.folders.put_back(lambda: {record.id for record in self.store.jobs()})
        self.speeds = Speeds(speeds_file(home))
        self.finish_speeds = FinishSpeeds(finish_speeds_file(home))
        self.scheduler = Scheduler(self.store, pool, home, self._happened, self.broker.pass_live, folders=self.folders)
        self.retention = Retention(home, self.store, self.scheduler, self.folders, self.uploads, rule or Rule())

    def start(self) -> None:
        """Go on with what was interrupted and set the workers going."""
        self.scheduler.start()
        self.retention.start()

    def stop(self) -> None:
        """End the workers; what they made is on disk, and what they were making is queued again at the next start."""
        self.retention.stop()
        self.scheduler.stop()
        self.pool.stop()
        self.store.close()

    def models(self) -> list[str]:
        """Names of the models that are here, best first."""
        return [name for name, _ in installed()]

    def sound_models(self) -> list[ModelFolder]:
        """Those of them that can be opened, each read once; a damaged model is passed over."""
        sound = []
        for name, path in installed():
            with contextlib.suppress(EngineError):
                sound.append(open_folder(path, name=name, check=False))
        return sound

    def free(self) -> int | None:
        """Bytes free on the disk that the home lies on; None where the system does not say."""
        with contextlib.suppress(OSError):
            return shutil.disk_usage(self.home).free
        return None

    def model_faults(self, job: NewJob) -> Sequence[Fault]:
        """Why a job cannot use its model: only installed ones, never a folder that a client names.

        A finishing take has none to use.
        """
        if job.finish is not None:
            return []
        name = job.model
        if name and name not in self.models():
            return [
                Fault(where="body.model", what=f"'{name}' is not installed here; there is {', '.join(self.models())}")
            ]
        try:
            model = find_model(name or None)
        except EngineError as error:
            return [Fault(where="body.model", what=error.line)]
        start = job.start
        if start not in model.starts:
            what = {
                Start.TEXT: "give a start board",
                Start.CLIP: "give a start board instead of a clip",
                Start.BOARD: "give none",
            }
            return [Fault(where="body.boards", what=f"the model '{model.name}' needs another start: {what[start]}")]
        if job.endpoints and not model.plans_endpoints:
            return [Fault(where="body.endpoints", what=EngineError(Code.ENDPOINTS_UNSUPPORTED).line)]
        untaken = [
            Fault(where=f"body.conditions.{number}", what=condition_unsupported(condition.kind).line)
            for number, condition in enumerate(job.conditions)
            if condition.kind not in model.conditions
        ]
        return untaken or _guide_faults(job, model)

    def finishing(self) -> FinishingOut:
        """What takes can be finished with here, and how long that took."""
        return FinishingOut(
            upscalers=[UpscalerOut(name=name, title=title) for name, title in upscalers()],
            between=betweens(),
            speeds=[
                FinishSpeedOut(upscaler=upscaler, device=device, megapixel_seconds=seconds)
                for upscaler, device, seconds in self.finish_speeds.told()
            ],
        )

    def loras(self) -> list[str]:
        """Names of the LoRAs that are here."""
        return list(installed_loras())

    def lora_faults(self, job: NewJob) -> Sequence[Fault]:
        """Which of a job's LoRAs are not here; a finishing take has none to use."""
        here = self.loras() if job.finish is None else [lora.name for lora in job.loras]
        there_is = ", ".join(here) or "none"
        return [
            Fault(where=f"body.loras.{number}.name", what=f"'{lora.name}' is not here; there is {there_is}")
            for number, lora in enumerate(job.loras)
            if lora.name not in here
        ]

    def take_faults(self, job: NewJob) -> Sequence[Fault]:
        """Why a job cannot continue the one that it names."""
        if job.take is None:
            said = "say by `take` which job's take is finished"
            return [] if job.finish is None else [Fault(where="body.finish", what=said)]
        faults = take_faults(job.take, self.store, self.folders.of(job.take.job or "none"))
        return [Fault(where=f"body.take.{field}", what=what) for field, what in faults]

    def sent_before(self, job: NewJob, key: str | None) -> JobRecord | None:
        """The job that was made of this under the same key, which goes on where it is now to be made to its end.

        Raises KeyTakenError where it was something else.
        """
        sent = self.scheduler.sent_before(key, job.digest())
        if sent is not None and sent.stop_after and not job.stop_after:
            with contextlib.suppress(StoreError):  # it has ended, or is being cancelled
                return self.scheduler.go_on(sent.id)
        return sent

    def submit(self, job: NewJob, key: str | None) -> tuple[JobRecord, bool]:
        """Queue a shot; returns its job and whether that is new. Raises KeyTakenError.

        Raises StoreError where the job that it continues has gone meanwhile.
        """
        continues = None if job.take is None else job.take.job
        asked, stop = to_json_text(job.request), job.stop_after or 0
        return self.scheduler.submit(asked, job.name, key, job.digest(), continues, stop)

    def change(self, record: JobRecord, change: JobChange) -> JobRecord:
        """Rename, move in the queue, or ask for something else: all of it or, with StoreError, nothing.

        `record` names the job only: it may have changed since it was read.
        """
        job = record.id
        asked: dict[str, Any] = {name: getattr(change, name) for name in ("prompt", "prompts", "steps", "guidance")}
        asked = {name: value for name, value in asked.items() if value is not None}

        def place() -> None:
            if change.before is not None:
                self.store.place_before(job, None if change.before == "end" else change.before)

        return self.scheduler.change(job, asked, name=change.name, starred=change.starred, place=place)

    def _happened(self, event: StoredEvent) -> None:
        """An event is stored: how long shots take is measured by it, and it is passed on."""
        if event.event["event"] == "started":
            asked = json.loads(self.store.job(event.job).request_json)
            device = self.scheduler.device_of(event.job)
            if finish := asked.get("finish"):
                self.finish_speeds.begun(event, finish.get("upscaler", ""), device)
            elif not asked.get("cache"):  # its pace would be that of no other shot
                model = asked.get("model") or next(iter(self.models()), "")
                self.speeds.begun(event, model, device, asked.get("speed", "exact"))
        else:
            self.speeds.heard(event)
            self.finish_speeds.heard(event)
        self.broker.pass_on(event)

    def is_shed(self, record: JobRecord) -> bool:
        """Whether a job ended early and its provisional frames are gone; nobody asks for those of a finished one."""
        return record.state in (State.FAILED, State.CANCELLED) and self.folders.is_shed(record.id)

    def frame(self, record: JobRecord, frame: int) -> Path:
        """Where a job's final frame (from 1) lies once it is made. Raises EngineError where nothing is begun yet."""
        return self._files(record).frame(frame)

    def provisional(self, record: JobRecord, number: int, frame: int) -> Path:
        """Where a frame lies that section `number` (of making, from 0) has set and the next one may still blend."""
        return self._files(record).provisional(number, frame)

    def movie(self, record: JobRecord) -> Path:
        """Where a job's movie lies once it is finished."""
        return self._files(record).movie

    def _files(self, record: JobRecord) -> TakeFiles:
        request = record.request
        take = FIRST_TAKE if request.take is None else request.take.number
        # How many frames a finishing take has its folder tells: the request has those of what is finished.
        frames = request.frames if request.finish is None else None
        return TakeFiles(self.folders.of(record.id), take, frames)

    def section_seconds(self) -> float:
        """Mean time between the latest sections of the same job; 0 before there are any."""
        last = self.store.last_number()
        begun: dict[str, float] = {}
        spans = []
        for stored in self.store.events(after=max(0, last - _RECENT)):
            if stored.event["event"] == "section" and stored.job in begun:
                spans.append(stored.time - begun[stored.job])
            if stored.event["event"] in ("started", "section"):
                begun[stored.job] = stored.time
        return sum(spans) / len(spans) if spans else 0.0


def _guide_faults(job: NewJob, model: ModelFolder) -> Sequence[Fault]:
    can = model.released
    pace = (job.fps or model.native_fps) / model.native_fps if job.conform else 1.0
    try:
        require_followable(job.conditions, can.guide, job.frames, pace * can.grid.compression)
    except EngineError as fault:
        return [Fault(where="body.conditions", what=fault.line)]
    return []


def _open_store(path: Path) -> JobStore:
    try:
        return JobStore(path)
    except StoreError as newer:
        raise EngineError(Code.FOLDER_UNWRITABLE, path=str(path.parent), detail=str(newer)) from newer
    except sqlite3.Error as fault:
        # SQLite has several words for a full disk: what lies beside the database is made without asking for room.
        if fault.sqlite_errorcode == sqlite3.SQLITE_FULL or shutil.disk_usage(path.parent).free < _LEAST_BYTES:
            raise EngineError(Code.DISK_FULL, path=str(path.parent)) from fault
        raise EngineError(Code.FOLDER_UNWRITABLE, path=str(path.parent), detail=str(fault)) from fault
