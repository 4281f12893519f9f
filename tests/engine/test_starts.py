"""Shots out of words and out of the frames before them, over HTTP and on the command line, with a tiny Helios."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from engine.media.clip import read_clip
from tests.engine.checkpoints import BOARD, TINY
from tests.engine.helios_checkpoints import make_helios
from tests.engine.serving import Serving, models_home
from tests.engine.warm_engine import WarmEngine

SHOT = {"model": "helios", "prompt": "w5 w2", "frames": 40, "fps": 24.0, "width": 64, "height": 64, "steps": 3}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    home = models_home(tmp_path_factory.mktemp("models-home"))
    make_helios(home / "models" / "helios", seed=9, kind="distilled")
    started = Serving(tmp_path_factory.mktemp("serve") / "home", home)
    yield started
    started.stop()


def frames_of(count: int) -> list[bytes]:
    """PNG files in which a square walks."""
    files = []
    for frame in range(count):
        picture = np.full((64, 64, 3), 30, np.uint8)
        picture[20:40, frame : frame + 16] = 220
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        files.append(buffer.getvalue())
    return files


def test_the_engine_says_what_each_model_can_start_from(engine: Serving) -> None:
    starts = engine.call("GET", "/v1/engine").json()["starts"]
    assert starts["tiny"] == ["board"]
    assert starts["helios"] == ["board", "text", "clip"]


def test_words_alone_and_a_clip_make_shots(engine: Serving) -> None:
    clip = [engine.call("POST", "/v1/images", data=data).json()["image"] for data in frames_of(20)]
    jobs = [
        engine.call("POST", "/v1/jobs", json=SHOT | more).json()["id"]
        for more in ({}, {"clip": clip}, {"boards": [{"frame": 1, "image": engine.board()}]})
    ]
    made = []
    for job in jobs:
        engine.wait_for(job, "finished")
        events = engine.stored(job)
        sections = [event for event in events if event["event"] == "section"]
        assert [(event["first"], event["count"], event["provisional"]) for event in sections] == [
            (1, 33, []),
            (34, 7, []),
        ]
        assert all(len(event["files"]) == event["count"] for event in sections)
        made.append(engine.pixels(job))
    assert len({len(frames) for frames in made}) == 1
    assert made[0] != made[1] != made[2] != made[0]


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"model": "tiny"}, "body.boards"),
        ({"model": "tiny", "clip": ["0" * 64]}, "body.clip.0"),
        ({"clip": ["../x"]}, "body.clip.0"),
    ],
)
def test_a_start_that_cannot_be_is_named(engine: Serving, more: dict[str, object], where: str) -> None:
    answer = engine.call("POST", "/v1/jobs", json=SHOT | more)
    assert answer.status_code == 422
    assert where in {fault["where"] for fault in answer.json()["faults"]}


def test_on_the_command_line(warm_engine: WarmEngine, tmp_path: Path) -> None:
    model = make_helios(tmp_path / "model", seed=9, kind="distilled")
    folder = tmp_path / "clip"
    folder.mkdir()
    for number, data in enumerate(frames_of(40)):
        (folder / f"{number:03d}.png").write_bytes(data)
    common = ["generate", "--model", str(model), "--prompt", "w5", "--size", "64x64", "--steps", "3", "--json"]
    for name, more in {"words": [], "clip": ["--clip", str(folder)]}.items():
        out = tmp_path / name
        ended = warm_engine.run([*common, "--seconds", "1", "--out", str(out), *more], tmp_path / "log")
        assert ended.status == 0, ended.stderr
        assert len(list((out / "frames").iterdir())) == 24, "one second at the model's own rate"
        again = warm_engine.run(["generate", "--out", str(out), "--resume", "--json"], tmp_path / "log")
        assert again.status == 0, again.stderr
    asked = json.loads((tmp_path / "clip" / ".." / "words" / "shot.json").read_text())["request"]
    assert (asked["boards"], asked["clip"]) == ([], [])
    refused = warm_engine.run(
        ["generate", "--model", str(TINY), "--prompt", "w5", "--out", str(tmp_path / "no"), "--json"], tmp_path / "log"
    )
    assert refused.status == 2
    assert not (tmp_path / "no").exists()


def test_a_movie_is_read_at_the_shots_rate(tmp_path: Path) -> None:
    """A movie of 20 s at 30 frames a second, grey by its time: its first frame, and the last 10 s at 24."""
    path = tmp_path / "movie.mp4"
    with av.open(str(path), "w") as movie:
        stream = movie.add_stream("libx264", rate=30, options={"crf": "4"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for frame in range(600):
            picture = np.full((64, 64, 3), 20 + frame // 3, np.uint8)
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        movie.mux(stream.encode(None))
    clip = read_clip(path, 24)
    assert len(clip) == 1 + 240 + 1
    assert len({picture.sha256 for picture in clip}) > 60
    assert all(hashlib.sha256(picture.data).hexdigest() == picture.sha256 for picture in clip)
    greys = [float(np.asarray(Image.open(io.BytesIO(picture.data))).mean()) for picture in clip]
    assert greys[0] == pytest.approx(20, abs=3)
    for place, grey in enumerate(greys[1:]):
        time = (599 / 30) - (240 - place) / 24
        assert grey == pytest.approx(20 + time * 10, abs=3)


def test_what_is_no_clip_is_named(tmp_path: Path) -> None:
    from engine.errors import Code, EngineError

    (tmp_path / "empty").mkdir()
    (tmp_path / "words.mp4").write_text("no movie")
    for name, code in (
        ("empty", Code.CLIP_UNREADABLE),
        ("absent", Code.CLIP_MISSING),
        ("words.mp4", Code.CLIP_UNREADABLE),
    ):
        with pytest.raises(EngineError) as caught:
            read_clip(tmp_path / name, 24)
        assert caught.value.code is code
    assert len(read_clip(BOARD.parent, 24)) >= 1
