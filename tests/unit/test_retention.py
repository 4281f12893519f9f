"""What the engine's home keeps: an artist's work for ever, unless the artist sets a limit; the rest for a while."""

from __future__ import annotations

import asyncio
import io
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from engine.__main__ import main
from engine.events import Cancelled, Failed, Finished, Section
from engine.protocol import Board, ShotRequest
from engine.serialization import to_json, to_json_text
from engine.server.app import create_app
from engine.server.jobs.job_folders import DOOMED
from engine.server.jobs.retention import DAMAGED_SECONDS, ORPHAN_SECONDS, YOUNG_SECONDS, Retention, Rule, limit_log
from engine.server.service import Service
from engine.server.storage.records import StoreError
from engine.server.storage.states import State
from engine.server.workers.worker_messages import Happened, Make, Paused, Ready
from tests.patience import PATIENCE
from tests.unit.scripted_pool import ScriptedPool

HOUR, DAY = 3600.0, 24 * 3600.0
PICTURE = "a" * 64
REQUEST = ShotRequest(model="sketch", prompt="pan left", boards=(Board(1, PICTURE),), frames=2)
FRAME, LATENTS = b"f" * 1000, b"l" * 5000


class Home:
    """An engine over a scripted pool, and its retention at a time that the test says."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.later = 0.0
        self.begin()

    def begin(self) -> None:
        self.pool = ScriptedPool(("cpu",))
        self.service = Service(self.root, self.pool, "0")
        self.service.scheduler.start()
        self.pool.listener.heard("cpu", Ready("cpu", "cpu", 1))
        self.retention = self.looking()

    def end(self) -> None:
        self.service.stop()

    def looking(self, rule: Rule | None = None, **more: float) -> Retention:
        service = self.service
        return Retention(
            *(self.root, service.store, service.scheduler, service.folders, service.uploads),
            rule or Rule(),
            clock=lambda: time.time() + self.later,
            **more,
        )

    def shot(self, end: Finished | Failed | Cancelled | None, request: ShotRequest = REQUEST) -> str:
        """A job with all that its folder may hold, ended so; None: it runs."""
        job = self.service.store.add(to_json_text(request), "shot").id
        self.service.scheduler.submitted(job)
        for name, data in (
            ("frames/0001.png", FRAME),
            ("frames/.0002.png.99999999.part.png", b"half"),
            ("provisional/0001/0002.png", FRAME),
            ("boards/" + PICTURE, b"board"),
            ("checkpoint/request.json", b"{}"),
            ("checkpoint/latents-0000.safetensors", LATENTS),
            ("checkpoint/encodings/0a.safetensors", b"prompt"),
        ):
            path = self.folder(job) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if end is not None:
            self.tell(job, end)
        return job

    def tell(self, job: str, event: Finished | Failed | Cancelled) -> None:
        self.pool.listener.heard("cpu", Happened(job, to_json(event)))
        assert self.service.store.job(job).state.ended

    def folder(self, job: str) -> Path:
        return self.root / "jobs" / job

    def held(self, job: str) -> set[str]:
        folder = self.folder(job)
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

    def there(self) -> set[str]:
        return {record.id for record in self.service.store.jobs()}

    def picture(self, sha256: str) -> Path:
        path = self.root / "images" / sha256
        path.write_bytes(b"picture")
        return path


FINISHED, FAILED, CANCELLED = Finished(2, 1.0, None), Failed("internal", {"detail": "x"}), Cancelled(1)
KEPT = {
    "frames/0001.png",
    "boards/" + PICTURE,
    "checkpoint/request.json",
    "checkpoint/latents-0000.safetensors",
}
ALL = KEPT | {
    "provisional/0001/0002.png",
    "checkpoint/encodings/0a.safetensors",
    "frames/.0002.png.99999999.part.png",
}


@pytest.fixture
def home(tmp_path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.end()


@pytest.mark.parametrize("end", [FINISHED, FAILED, CANCELLED])
def test_a_shot_that_ended_keeps_its_frames_and_latents_for_ever(home, end):
    job = home.shot(end)
    home.retention.sweep()
    assert home.held(job) == ALL  # somebody may be fetching its frames
    home.later = 30 * 365 * DAY
    home.retention.sweep()
    assert home.held(job) == KEPT
    assert home.there() == {job}


def test_a_shot_that_has_not_ended_keeps_everything(home):
    running, waiting = home.shot(None), home.shot(None)
    home.service.scheduler.pause(waiting)
    home.later = 365 * DAY
    home.looking(Rule(days=1, bytes=1)).sweep()
    assert home.held(running) == home.held(waiting) == ALL
    home.service.scheduler.pause(running)
    home.pool.listener.heard("cpu", Paused(running))
    home.looking(Rule(days=1, bytes=1)).sweep()
    assert home.held(running) == ALL


def test_old_shots_go_by_the_artists_limit_in_days(home):
    old = home.shot(FINISHED)
    home.later = 29 * DAY
    home.looking(Rule(days=30)).sweep()
    assert home.there() == {old}
    home.later = 31 * DAY
    home.looking(Rule(days=30)).sweep()
    assert home.there() == set()
    assert list((home.root / "jobs").iterdir()) == []


def test_the_oldest_shots_go_by_the_artists_limit_in_bytes(home):
    shots = [home.shot(FINISHED) for _ in range(4)]
    home.later = YOUNG_SECONDS - HOUR
    home.looking(Rule(bytes=1)).sweep()
    assert home.there() == set(shots)  # Blender may be closed over night
    home.later = YOUNG_SECONDS + HOUR
    home.retention.sweep()
    assert home.retention.use is not None
    total = home.retention.use.total
    home.looking(Rule(bytes=total)).sweep()
    assert home.there() == set(shots)
    # 6,000 bytes and more a shot: one is not enough.
    home.looking(Rule(bytes=total - 7_000)).sweep()
    assert home.there() == set(shots[2:])


def test_a_folder_that_cannot_be_removed_keeps_no_other_from_going(home, monkeypatch):
    held, other = home.shot(FINISHED), home.shot(FINISHED)
    rename = Path.rename

    def refusing(path: Path, target: Path) -> Path:
        if path == home.folder(held):
            raise PermissionError(13, "used by another process")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refusing)
    home.later = 365 * DAY
    home.looking(Rule(days=1)).sweep()
    assert home.there() == {held}
    assert home.held(held) == KEPT
    assert not home.folder(other).exists()


def test_starred_shots_stay(home):
    starred, other = home.shot(FINISHED), home.shot(FINISHED)
    home.service.scheduler.change(starred, {}, starred=True)
    home.later = 365 * DAY
    home.looking(Rule(days=1, bytes=1)).sweep()
    assert home.there() == {starred}
    assert home.held(starred) == KEPT
    assert not home.folder(other).exists()


def test_what_another_shot_goes_on_from_stays_until_that_has_ended(home):
    first = home.shot(FAILED)
    second = home.service.scheduler.resume(first).id
    home.pool.wait_for_make(second)
    home.tell(second, FAILED)
    third = home.service.scheduler.resume(second).id
    home.pool.wait_for_make(third)
    home.later = 365 * DAY
    home.looking(Rule(days=1)).sweep()
    assert home.there() == {first, second, third}
    home.tell(third, FINISHED)
    home.service.scheduler.change(third, {}, starred=True)
    home.looking(Rule(days=1)).sweep()
    assert home.there() == {third}
    assert home.held(third) == KEPT


def test_what_is_wanted_meanwhile_is_not_removed(home, monkeypatch):
    """It is starred, or gone on from, after the rule has looked at it."""
    starred, resumed = home.shot(FAILED), home.shot(FAILED)
    remove, again = home.service.scheduler.remove, []

    def crossing(job: str, **more: bool) -> None:
        home.service.scheduler.change(starred, {}, starred=True)
        again.append(home.service.scheduler.resume(resumed).id)
        remove(job, **more)

    monkeypatch.setattr(home.service.scheduler, "remove", crossing)
    home.later = 365 * DAY
    home.looking(Rule(days=1)).sweep()
    assert home.there() == {starred, resumed, *again}
    home.pool.wait_for_make(again[0])
    assert home.held(again[0]) == KEPT


def test_a_client_that_comes_later_is_not_sent_after_frames_that_are_gone(home):
    job = home.shot(None)
    made = Section(0, 1, 2, 1, 2, ("frames/0001.png",), ("provisional/0001/0002.png",))
    home.pool.listener.heard("cpu", Happened(job, to_json(made)))
    home.tell(job, FAILED)
    tell = next(route.endpoint for route in create_app(home.service).routes if route.name == "job")
    (section,) = tell(home.service.store.job(job)).sections
    assert section["provisional"] == ["provisional/0001/0002.png"]
    home.later = ORPHAN_SECONDS + HOUR
    home.retention.sweep()
    (section,) = tell(home.service.store.job(job)).sections
    assert (section["provisional"], section["files"]) == ([], ["frames/0001.png"])


def test_a_shot_that_was_tidied_can_be_gone_on_with(home):
    job = home.shot(CANCELLED)
    home.later = ORPHAN_SECONDS + HOUR
    home.retention.sweep()
    again = home.service.scheduler.resume(job).id
    home.pool.wait_for_make(again)
    assert home.held(again) == KEPT
    assert home.service.store.job(again).state is State.RUNNING


@pytest.mark.parametrize(
    "wrong", [("--keep-days", "0"), ("--keep-days", "soon"), ("--keep-gb", "nan"), ("--keep-gb", "-1")]
)
def test_a_limit_that_is_none_is_refused_in_one_line(wrong, capsys):
    with pytest.raises(SystemExit) as refused:
        main(["serve", "--home", "nowhere", *wrong])
    assert refused.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


# Pictures.


def sent(home: Home) -> str:
    """Send a picture in, as a client does; returns its name."""
    data = io.BytesIO()
    Image.new("RGB", (64, 48), (10, 20, 30)).save(data, "PNG")

    class Upload:
        async def stream(self) -> AsyncIterator[bytes]:
            yield data.getvalue()

    return asyncio.run(home.service.uploads.take(Upload())).image


def test_pictures_go_that_no_job_names(home):
    named = home.picture(PICTURE)
    clip = [home.picture(letter * 64) for letter in "bc"]
    orphan, foreign = home.picture("d" * 64), home.picture("notes.txt")
    home.shot(FINISHED, replace(REQUEST, boards=(), clip=tuple(path.name for path in clip)))
    home.shot(FAILED)
    home.retention.sweep()
    assert orphan.exists()  # its job may be about to come
    home.later = ORPHAN_SECONDS + HOUR
    home.retention.sweep()
    assert not orphan.exists()
    assert all(path.exists() for path in (named, *clip, foreign))


def test_a_picture_that_is_sent_again_counts_as_new(home):
    picture = home.root / "images" / sent(home)
    os.utime(picture, (1, 1))
    assert sent(home) == picture.name
    home.retention.sweep()
    assert picture.exists()


def test_a_picture_that_a_job_is_about_to_name_stays(home, monkeypatch):
    """The job is in the store after the rule has asked which pictures are named, and before it deletes any."""
    picture = home.picture(PICTURE)
    os.utime(picture, (1, 1))
    pictures = home.service.store.pictures

    def crossing() -> set[str]:
        named = pictures()
        assert home.service.uploads.claim(PICTURE)
        home.shot(None)
        return named

    monkeypatch.setattr(home.service.store, "pictures", crossing)
    home.retention.sweep()
    assert picture.exists()


def test_pictures_of_a_request_of_another_release_stay(home):
    picture = home.picture("e" * 64)
    job = home.shot(FINISHED)
    with home.service.store.transaction() as db:
        asked = '{"conditions": [{"frames": [{"image": "' + picture.name + '"}]}]}'
        db.execute("UPDATE jobs SET request = ? WHERE id = ?", (asked, job))
    home.later = 365 * DAY
    home.retention.sweep()
    assert picture.exists()


# What kills leave behind.


def test_what_a_killed_engine_was_removing_or_copying_goes(home):
    leftovers = [home.root / "jobs" / f"{DOOMED}{'1' * 16}", home.root / "jobs" / f"{'2' * 16}.part"]
    for folder in leftovers:
        (folder / "frames").mkdir(parents=True)
        (folder / "frames" / "0001.png").touch()
    home.retention.sweep()
    assert not any(folder.exists() for folder in leftovers)


def test_a_removal_that_was_not_told_is_undone(home):
    """The engine was killed between taking the folder away and forgetting the job."""
    job = home.shot(FINISHED)
    home.folder(job).rename(home.root / "jobs" / f"{DOOMED}{job}")
    home.end()
    home.begin()
    assert home.held(job) == ALL
    home.retention.sweep()
    assert home.there() == {job}
    assert home.held(job) == ALL


def test_a_shot_that_is_being_removed_does_not_come_back(home, monkeypatch):
    """It was known when the sweep began, and its files take their time to be deleted."""
    job = home.shot(FINISHED)
    aside = home.root / "jobs" / f"{DOOMED}{job}"
    really = home.service.store.jobs

    def jobs(*states):
        known = really(*states)
        if not states and job in {record.id for record in known} and not home.service.folders._changing.locked():
            home.service.store.remove(job)
            home.folder(job).rename(aside)  # what a removal has done when it lets others go on
        return known

    monkeypatch.setattr(home.service.store, "jobs", jobs)
    home.retention.sweep()
    assert not home.folder(job).exists()


def test_folders_without_a_job_stay_if_anything_in_them_is_finished(home):
    made = {
        name * 16: path
        for name, path in zip(
            "345", ("frames/0001.png", "checkpoint/latents-0000.safetensors", "shot.mp4"), strict=True
        )
    }
    for name, path in made.items():
        (home.folder(name) / path).parent.mkdir(parents=True)
        (home.folder(name) / path).touch()
    (home.folder("6" * 16) / "checkpoint" / "encodings").mkdir(parents=True)
    (home.folder("my notes")).mkdir()
    home.retention.sweep()
    assert home.folder("6" * 16).exists()
    home.later = 365 * DAY
    home.looking(Rule(days=1, bytes=1)).sweep()
    assert not home.folder("6" * 16).exists()
    assert home.folder("my notes").exists()
    for name, path in made.items():
        assert (home.folder(name) / path).exists()


def test_parts_of_files_go_and_a_store_that_was_set_aside_after_a_month(home):
    part, damaged = home.root / ".engine.json.77.part.json", home.root / "jobs.damaged-2026-01-01.db"
    part.touch()
    damaged.touch()
    os.utime(part, (1, 1))
    home.retention.sweep()
    assert not part.exists()
    home.later = DAMAGED_SECONDS - HOUR
    home.retention.sweep()
    assert damaged.exists()
    home.later = DAMAGED_SECONDS + HOUR
    home.retention.sweep()
    assert not damaged.exists()


def test_a_log_is_begun_anew_when_it_is_long_and_whoever_writes_it_goes_on(tmp_path):
    path = tmp_path / "worker-cpu.log"
    with path.open("ab") as writer:
        writer.write(b"".join(b"line %d\n" % number for number in range(10_000)))
        writer.flush()
        limit_log(path, most=200_000)
        assert path.stat().st_size > 90_000
        limit_log(path, most=80_000, kept=5_000)
        writer.write(b"afterwards\n")
    assert path.read_bytes() == b"afterwards\n"
    old = path.with_suffix(".old").read_bytes()
    assert len(old) <= 5_000
    assert old.startswith(b"line ")
    assert old.endswith(b"line 9999\n")


# What it tells, and that it goes on.


def test_what_is_left_is_counted_by_kind_and_shared_files_once(home):
    first = home.shot(FAILED)
    home.later = ORPHAN_SECONDS + HOUR
    home.retention.sweep()
    before = home.retention.use
    assert before is not None
    assert before.latents == len(LATENTS) + len(b"{}")
    assert before.frames == len(FRAME) + len(b"board")
    again = home.service.scheduler.resume(first).id
    home.pool.wait_for_make(again)
    looking = home.looking()
    looking.sweep()
    assert looking.use is not None
    assert looking.use.latents == before.latents  # by hard links
    assert looking.use.frames == 2 * before.frames
    assert looking.use.total > looking.use.latents + looking.use.frames


def test_one_fault_keeps_nothing_else_from_being_done_and_the_thread_lives(home, monkeypatch):
    home.picture("d" * 64)
    sweep, again = home.service.uploads.sweep, threading.Event()
    faults = iter([OSError(5, "Input/output error"), StoreError("closed"), RuntimeError("never thought of")])

    def failing(*arguments: object) -> int:
        fault = next(faults, None)
        if fault is not None:
            raise fault
        again.set()
        return sweep(*arguments)

    monkeypatch.setattr(home.service.uploads, "sweep", failing)
    home.later = ORPHAN_SECONDS + HOUR
    looking = home.looking(first_seconds=0.0, every_seconds=0.0)
    looking.start()
    assert again.wait(PATIENCE)
    looking.stop()
    assert looking.use is not None
    assert not (home.root / "images" / ("d" * 64)).exists()


def test_a_sweep_that_crosses_the_end_of_the_engine_harms_nothing(home):
    job = home.shot(FINISHED)
    home.later = 365 * DAY
    looking = home.looking(Rule(days=1))
    looking.stop()
    looking.sweep()
    assert home.there() == {job}
    assert [order.job for _, order in home.pool.orders if isinstance(order, Make)] == [job]
