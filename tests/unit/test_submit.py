"""What a file may make the client send, move and start: pictures in the shot's own folder, and nothing else."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.client import film_render
from engine.client.shot import Shot
from engine.client.stored_request import read, without_stop, write
from engine.client.submit import hear_film, queue
from engine.errors import Code, EngineError
from engine.protocol import ShotRequest
from engine.serialization import to_json_text
from engine.server.storage.store import JobStore
from tests.patience import PATIENCE

PNG = b"\x89PNG\r\n\x1a\n, and more"
ELSEWHERE = [
    *("../secret.png", "/secret.png", "a/../../secret.png", "..\\secret.png", "C:secret.png", "C:\\secret.png"),
    *("\\\\server\\share\\secret.png", "board.png:stream.png", "", ".", "..", ".hidden.png", "nul.png", "COM1.jpg"),
    *(
        "board.png.",
        "board.png ",
        "board\n.png",
        "board\0.png",
        "b" * 300 + ".png",
        "\ud800.png",
        "CON .png",
        "conin$.png",
    ),
]
NO_PICTURES = ["key.pem", "notes.txt", "clip.blend", "png"]


class Line:
    """An engine that keeps what it is sent."""

    def __init__(self) -> None:
        self.pictures: list[bytes] = []
        self.jobs: list[dict] = []

    def add_image(self, data: bytes) -> str:
        self.pictures.append(data)
        return f"{len(self.pictures):064x}"

    def add_job(self, job: str, key: str = "") -> dict:
        self.jobs.append(json.loads(job))
        return {"id": "0123456789abcdef"}


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    folder = tmp_path / "shots" / "panel"
    folder.mkdir(parents=True)
    (folder / "board.png").write_bytes(PNG)
    (tmp_path / "secret.png").write_bytes(PNG + b" nobody else's")
    return Shot("id", "panel", folder, 37, request=json.dumps({"boards": [[1, "board.png"]], "frames": 37}))


def asks(shot: Shot, **what: object) -> Shot:
    shot.request = json.dumps({"boards": [], "frames": 37} | what)
    return shot


def refusal(shot: Shot) -> EngineError:
    """What is said; nothing was sent."""
    line = Line()
    with pytest.raises(EngineError) as refused:
        queue(line, shot)
    assert (line.pictures, line.jobs) == ([], [])
    return refused.value


def test_the_shots_own_pictures_are_sent_each_once(shot):
    line = Line()
    queue(line, asks(shot, boards=[[1, "board.png"], [37, "board.png"]], prompt="w5"))
    assert line.pictures == [PNG]
    name = f"{1:064x}"
    boards = [{"frame": 1, "image": name}, {"frame": 37, "image": name}]
    assert line.jobs == [{"boards": boards, "frames": 37, "prompt": "w5"}]


@pytest.mark.parametrize("name", [*ELSEWHERE, *NO_PICTURES])
@pytest.mark.parametrize("where", ["boards", "clip"])
def test_no_name_leads_elsewhere(shot, where, name):
    for other in NO_PICTURES:
        (shot.folder / other).write_bytes(PNG)
    asks(shot, **{where: [[1, name]] if where == "boards" else [name]})
    assert refusal(shot).code is Code.BAD_REQUEST


@pytest.mark.parametrize("name", [str, lambda path: None, lambda path: 7, lambda path: ["board.png"]])
def test_a_name_is_a_text_and_no_absolute_path(shot, name, tmp_path):
    assert refusal(asks(shot, boards=[[1, name(tmp_path / "secret.png")]])).code is Code.BAD_REQUEST


@pytest.mark.parametrize(
    "request_",
    [
        *("", "7", "[]", "{}", "{", "[" * 100_000),
        *('{"boards": 7}', '{"boards": [1]}', '{"boards": null}', '{"boards": [["x", "board.png"]]}'),
        *('{"boards": [], "guidance": NaN}', '{"boards": [], "fps": 1e999}', '{"boards": [], "prompt": "\\ud800"}'),
        *('{"boards": [[Infinity, "board.png"]]}', '{"boards": [], "clip": 7}'),
    ],
)
def test_what_is_no_request_is_said(shot, request_):
    shot.request = request_
    assert refusal(shot).code is Code.BAD_REQUEST


@pytest.mark.skipif(sys.platform == "win32", reason="links need leave there")
def test_links_are_not_followed(shot, tmp_path):
    (shot.folder / "board.png").unlink()
    (shot.folder / "board.png").symlink_to(tmp_path / "secret.png")
    assert "link" in refusal(shot).sentence
    elsewhere = shot.folder.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "board.png").write_bytes(PNG)
    shot.folder = shot.folder.with_name("linked")
    shot.folder.symlink_to(elsewhere, target_is_directory=True)
    assert "link" in refusal(shot).sentence


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes of that kind there")
def test_a_pipe_and_a_folder_are_no_pictures_and_are_not_waited_for(shot):
    (shot.folder / "board.png").unlink()
    os.mkfifo(shot.folder / "board.png")
    said: list[EngineError] = []
    reading = threading.Thread(target=lambda: said.append(refusal(shot)), daemon=True)
    reading.start()
    reading.join(PATIENCE)
    assert [fault.code for fault in said] == [Code.IMAGE_UNREADABLE]
    (shot.folder / "board.png").unlink()
    (shot.folder / "board.png").mkdir()
    assert refusal(shot).code is Code.IMAGE_UNREADABLE


def test_only_pictures_are_sent_whatever_they_are_called(shot):
    (shot.folder / "board.png").write_bytes(b"-----BEGIN PRIVATE KEY-----")
    assert "neither PNG nor JPEG" in refusal(shot).sentence
    with (shot.folder / "board.png").open("wb") as file:
        file.truncate((64 << 20) + 1)
    assert "64 MiB" in refusal(shot).sentence
    (shot.folder / "board.png").unlink()
    assert refusal(shot).code is Code.IMAGE_MISSING


# A program that makes what it is asked for, wherever that is.
_FILMING = """
import pathlib, sys
for name in {names!r}:
    path = pathlib.Path(sys.argv[2]) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"filmed\\xff\\xd9")
"""


def filming(*names: str) -> list[str]:
    return [sys.executable, "-c", _FILMING.format(names=names)]


@pytest.fixture
def folder(shot) -> Path:
    (shot.folder / film_render.CLIP).write_bytes(b"BLENDER")
    return shot.folder


@pytest.mark.parametrize("name", ["../moved.png", "clip.blend", "sub/clip-0001.jpg", "notes.txt"])
def test_a_film_puts_nothing_but_pictures_into_the_shots_folder(folder, name):
    with pytest.raises(EngineError) as refused:
        film_render.take(filming(name), folder, film_render.CLIP, [name, "missing.jpg"])
    assert refused.value.code is Code.BAD_REQUEST
    assert sorted(path.name for path in folder.parent.rglob("*")) == ["board.png", "clip.blend", "panel"]
    assert (folder / film_render.CLIP).read_bytes() == b"BLENDER"


@pytest.mark.parametrize("left", [b"", b"\x89PNG\r\n\x1a\n, and no end"])
@pytest.mark.parametrize(("free", "code"), [(0, Code.DISK_FULL), (2**30, Code.FILM_FAILED)])
def test_pictures_without_their_end_are_none(folder, monkeypatch, left, free, code):
    """On a full disk Blender writes what it can, and ends as if all were well."""
    monkeypatch.setattr(film_render.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    program = f"import sys; [open(sys.argv[2] + name, 'wb').write({left!r}) for name in ('/1.png', '/2.png')]"
    with pytest.raises(EngineError) as refused:
        film_render.take([sys.executable, "-c", program], folder, film_render.CLIP, ["1.png", "2.png"])
    assert refused.value.code is code
    assert sorted(path.name for path in folder.iterdir()) == ["board.png", "clip.blend"]


def test_a_film_overwrites_nothing(folder):
    film_render.take(filming("board.png", "clip-0001.jpg"), folder, film_render.CLIP, ["board.png", "clip-0001.jpg"])
    assert (folder / "board.png").read_bytes() == PNG
    assert (folder / "clip-0001.jpg").read_bytes() == b"filmed\xff\xd9"
    assert not film_render.to_take(folder, film_render.CLIP, ["board.png", "clip-0001.jpg"])


def test_what_a_film_is_taken_into_by_another_blender_stays(folder):
    beside, stale = folder / ".filming-of-another", folder / ".filming-long-ago"
    beside.mkdir()
    stale.mkdir()
    os.utime(stale, (0, 0))
    film_render.take(filming("clip-0001.jpg"), folder, film_render.CLIP, ["clip-0001.jpg"])
    assert beside.is_dir()
    assert not stale.exists()


def test_only_films_that_we_have_made_are_taken_as_long_as_they_are_as_we_made_them(folder, tmp_path):
    film_renderer = film_render.FilmRenderer({film_render.CLIP: filming("clip-0001.jpg")}, tmp_path / "own-films.txt")
    for note in (lambda: None, lambda: (tmp_path / "own-films.txt").write_bytes(b"\xff\n\n")):
        note()
        with pytest.raises(EngineError) as refused:
            film_renderer.take(folder, film_render.CLIP, ["clip-0001.jpg"])
        assert refused.value.code is Code.BAD_REQUEST
    (tmp_path / "own-films.txt").unlink()
    film_renderer.note(folder / film_render.CLIP)
    (folder / film_render.CLIP).write_bytes(b"BLENDER of somebody else")
    with pytest.raises(EngineError):
        film_render.FilmRenderer({film_render.CLIP: filming("clip-0001.jpg")}, tmp_path / "own-films.txt").take(
            folder, film_render.CLIP, ["clip-0001.jpg"]
        )
    assert not (folder / "clip-0001.jpg").exists()
    (folder / film_render.CLIP).write_bytes(b"BLENDER")
    film_render.FilmRenderer({film_render.CLIP: filming("clip-0001.jpg")}, tmp_path / "own-films.txt").take(
        folder, film_render.CLIP, ["clip-0001.jpg"]
    )
    assert (folder / "clip-0001.jpg").read_bytes() == b"filmed\xff\xd9"
    (folder / film_render.CLIP).unlink()
    film_renderer.take(folder, film_render.CLIP, ["clip-0001.jpg"])  # nothing is to be taken


def test_a_film_that_nobody_waits_for_any_more_is_not_taken_to_its_end(folder, tmp_path):
    film_renderer = film_render.FilmRenderer(
        {film_render.CLIP: [sys.executable, "-c", "import time; time.sleep(3600)"]}, tmp_path / "own"
    )
    film_renderer.note(folder / film_render.CLIP)
    film_renderer.close()
    with pytest.raises(EngineError, match="nobody waits"):
        film_renderer.take(folder, film_render.CLIP, ["clip-0001.jpg"])
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("how", ["cancelled", "let go", "taken again"])
def test_a_film_of_a_shot_that_is_cancelled_is_not_taken_to_its_end(folder, shot, how):
    """Whether the program says anything meanwhile or not; the films of other shots wait behind it."""
    says = "print('shotpack-guide 1 9 0.5000', flush=True)"
    command, shots = [sys.executable, "-c", f"import time; {says}; time.sleep(3600)"], {shot.id: shot}

    def heard(line: str) -> None:
        hear_film(shot, shots, line)
        if shot.guide.made and not line:
            if how == "cancelled":
                shot.ordered = "cancel"
            else:
                del shots[shot.id]
                if how == "taken again":
                    shots[shot.id] = replace(shot)

    with pytest.raises(EngineError) as refused:
        film_render.take(command, folder, film_render.CLIP, ["clip-0001.jpg"], heard=heard)
    assert refused.value.code is Code.NOT_SENT
    assert sorted(path.name for path in folder.iterdir()) == ["board.png", "clip.blend"]


def test_nothing_in_the_shots_folder_becomes_part_of_the_filming_program(folder):
    (folder / "json.py").write_text("raise SystemExit('planted')")
    film_render.take(
        [sys.executable, "-c", f"import json\n{_FILMING.format(names=('clip-0001.jpg',))}"],
        folder,
        film_render.CLIP,
        ["clip-0001.jpg"],
    )
    assert (folder / "clip-0001.jpg").read_bytes() == b"filmed\xff\xd9"


@pytest.mark.skipif(sys.platform == "win32", reason="links need leave there")
def test_a_film_is_no_link_and_neither_are_its_pictures(folder, tmp_path):
    program = f"import os, sys; os.symlink({str(tmp_path / 'secret.png')!r}, sys.argv[2] + '/clip-0001.png')"
    with pytest.raises(EngineError) as refused:
        film_render.take([sys.executable, "-c", program], folder, film_render.CLIP, ["clip-0001.png"])
    assert refused.value.code is Code.FILM_FAILED
    (folder / film_render.CLIP).rename(tmp_path / "elsewhere.blend")
    (folder / film_render.CLIP).symlink_to(tmp_path / "elsewhere.blend")
    assert not film_render.to_take(folder, film_render.CLIP, ["clip-0001.png"])


def test_the_store_is_asked_for_jobs_without_an_engine(tmp_path):
    from engine.client.local_store import known

    assert known(tmp_path, {"0123456789abcdef"}) == frozenset()
    store = JobStore(tmp_path / "jobs.db")
    job = store.add(to_json_text(ShotRequest("", "w5", (), frames=37)), "panel").id
    assert known(tmp_path, {job, "0123456789abcdef"}) == {job}  # while an engine has it open
    store.close()
    before = sorted(path.name for path in tmp_path.iterdir())
    assert known(tmp_path, [job, *(f"{number:016x}" for number in range(2000))]) == {job}
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_store_that_cannot_be_read_says_so_or_knows_nothing(tmp_path):
    from engine.client.local_store import known

    JobStore(tmp_path / "jobs.db").close()
    with sqlite3.connect(tmp_path / "jobs.db", isolation_level=None) as held:
        held.execute("PRAGMA locking_mode = EXCLUSIVE")
        held.execute("BEGIN EXCLUSIVE")
        assert known(tmp_path, {"0123456789abcdef"}) is None  # in a moment, perhaps
        held.execute("ROLLBACK")
        held.execute("DROP TABLE events")
        held.execute("DROP TABLE jobs")  # a newer engine may keep them otherwise
    held.close()
    assert known(tmp_path, {"0123456789abcdef"}) == frozenset()
    (tmp_path / "jobs.db").write_bytes(b"no database" * 1000)
    assert known(tmp_path, {"0123456789abcdef"}) == frozenset()


def test_a_request_says_where_it_stops_until_it_is_to_go_on() -> None:
    asked = ShotRequest(model="tiny", prompt="w5", frames=73, seed=4)
    stopping = write(asked, "panel", stop_after=1)
    assert read(stopping).rest["stop_after"] == 1
    assert without_stop(stopping) == without_stop(without_stop(stopping)) == write(asked, "panel")
    for nonsense in ("[", "[1]", "7", '"x"'):
        without_stop(nonsense)


def test_a_guides_pictures_and_masks_are_sent_with_it(shot):
    for name in ("0005.00.png", "0005.00-seen.png"):
        (shot.folder / name).write_bytes(PNG + name.encode())
    guide = {
        "kind": "guide",
        "frames": [{"frame": 5.0, "image": "0005.00.png", "seen": "0005.00-seen.png"}],
        "until": 0.5,
    }
    line = Line()
    queue(line, asks(shot, boards=[[1, "board.png"]], conditions=[guide]))
    sent = [f"{number:064x}" for number in (1, 2, 3)]
    held = {"frame": 5.0, "image": sent[1], "seen": sent[2]}
    assert line.jobs[0]["conditions"] == [{"kind": "guide", "frames": [held], "until": 0.5}]


@pytest.mark.parametrize("name", [*ELSEWHERE, "notes.txt"])
@pytest.mark.parametrize("part", ["image", "seen"])
def test_no_guide_leads_elsewhere(shot, part, name):
    (shot.folder / "0005.00.png").write_bytes(PNG)
    frame = {"frame": 5.0, "image": "0005.00.png"} | {part: name}
    assert refusal(asks(shot, conditions=[{"kind": "guide", "frames": [frame]}])).code is Code.BAD_REQUEST


@pytest.mark.parametrize(
    "conditions", [7, [7], [{}], [{"frames": 7}], [{"frames": [{}]}], [{"frames": [{"image": 7}]}]]
)
def test_a_guide_may_be_anything_in_a_file(shot, conditions):
    assert refusal(asks(shot, conditions=conditions)).code is Code.BAD_REQUEST
