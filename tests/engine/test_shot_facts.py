"""A shot's files say what made them, in the same bytes whenever it is made, and by what they say it is made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.events import Event
from engine.generation.job import prepare, run
from engine.inference.registry import Families
from engine.media.boards import BoardPicture, open_board
from engine.media.frames import png_bytes
from engine.media.movie import write_movie
from engine.media.provenance import COMPOSITE, TRAINED, Provenance, read
from engine.models.folder import ModelFolder, open_folder
from engine.protocol import Board, PromptAt, SectionChange, ShotRequest, Take
from engine.serialization import from_json
from tests.engine.checkpoints import BOARD, TINY


@dataclass
class Making:
    """Shots by the tiny checkpoint, whose networks stay loaded."""

    folder: Path
    model: ModelFolder
    pictures: dict[str, BoardPicture]
    families: Families = field(default_factory=Families)

    def request(self, picture: str, **more: object) -> ShotRequest:
        asked = ShotRequest(str(TINY), "w5 — ünï <b>", (Board(1, picture),), frames=73, seed=11)
        return replace(asked, width=64, height=64, steps=1, order="forward", **more)  # type: ignore[arg-type]

    def make(self, name: str, request: ShotRequest, revised: Callable[[], ShotRequest | None] | None = None) -> Path:
        for _ in self.events(name, request, revised):
            pass
        return self.folder / name

    def events(
        self, name: str, request: ShotRequest, revised: Callable[[], ShotRequest | None] | None = None
    ) -> Iterator[Event]:
        pictures = {sha256: self.pictures[sha256] for sha256 in request.pictures}
        job = prepare(request, pictures, self.model, "cpu", self.folder / name)
        return run(job, pictures, resume=True, families=self.families, revised=revised)

    def add(self, path: Path) -> str:
        picture = open_board(path)
        self.pictures[picture.sha256] = picture
        return picture.sha256


@pytest.fixture(scope="module")
def making(tmp_path_factory: pytest.TempPathFactory) -> Making:
    return Making(tmp_path_factory.mktemp("shots"), open_folder(TINY), {})


@pytest.fixture(scope="module")
def shot(making: Making) -> Path:
    """A shot with words that change, and a section of its own."""
    prompts, sections = (PromptAt(37, "w2 & w81"),), (SectionChange(2, seed=5),)
    return making.make("shot", making.request(making.add(BOARD), prompts=prompts, sections=sections))


def files(folder: Path) -> dict[str, bytes]:
    found = [*sorted((folder / "frames").iterdir()), *folder.glob("*.mp4")]
    return {path.name: path.read_bytes() for path in found}


def said_by(path: Path) -> Provenance:
    said = read(path)
    assert said is not None
    return said


def test_frames_and_movie_say_what_made_them(shot: Path) -> None:
    first, last, movie = (said_by(shot / name) for name in ("frames/0001.png", "frames/0073.png", "shot.mp4"))
    for said in (first, last, movie):
        assert (said.source, said.tool) == (COMPOSITE, "Shotpack 0.1.0"), "the board is a person's"
        assert (said.shot["model"], said.shot["steps"], said.shot["solver"]) == ("tiny-framepack", 1, "unipc")
        assert "schedule" not in said.shot["request"], "it is the model's own, and none can be asked for over the wire"
        assert said.shot["boards"] == {"1": hashlib.sha256(BOARD.read_bytes()).hexdigest()}
    assert (first.shot["section"], first.shot["prompt"], first.shot["seed"]) == (1, "w5 — ünï <b>", 11)
    assert (last.shot["section"], last.shot["prompt"], last.shot["seed"]) == (2, "w2 & w81", 5)
    assert "section" not in movie.shot
    record = json.loads((shot / "shot.json").read_bytes())
    assert record["model"]["sha256"] == movie.shot["model_sha256"]
    assert str(TINY.parent) not in str(first), "where the model lies is nobody else's business"
    wanted = {name: hashlib.sha256(data).hexdigest() for name, data in files(shot).items()}
    assert {Path(name).name: sha256 for name, sha256 in record["sha256"].items()} == wanted


@pytest.mark.parametrize("source", ["frames/0001.png", "frames/0073.png", "shot.mp4"])
def test_the_shot_is_made_again_by_what_any_of_them_says(making: Making, shot: Path, source: str) -> None:
    """To the last byte: nothing in them tells when or where they were made."""
    request = from_json(ShotRequest, said_by(shot / source).shot["request"])
    again = making.make(f"again-{Path(source).stem}", request)
    assert files(again) == files(shot)


def test_words_that_were_changed_meanwhile_are_told_by_section(making: Making) -> None:
    """So the movie's request makes at once what was made of two."""
    request = making.request(making.add(BOARD), frames=109)
    asked = iter([None, replace(request, prompt="w7"), None])
    changed = making.make("changed", request, lambda: next(asked))
    said = from_json(ShotRequest, said_by(changed / "shot.mp4").shot["request"])
    assert said.prompt == "w7"
    assert [(own.section, own.prompt) for own in said.sections] == [(1, "w5 — ünï <b>")]
    again = making.make("changed-again", said)
    for one, other in zip(sorted(changed.glob("frames/*")), sorted(again.glob("frames/*")), strict=True):
        assert np.array_equal(np.asarray(Image.open(one)), np.asarray(Image.open(other)))
    assert (changed / "shot.mp4").read_bytes() == (again / "shot.mp4").read_bytes()


def test_a_take_is_told_and_asked_for_as_a_shot_of_its_own(making: Making, shot: Path) -> None:
    before = from_json(ShotRequest, json.loads((shot / "checkpoint/request.json").read_bytes())["request"])
    take = replace(before, sections=(SectionChange(2, seed=6),), take=Take(2, again=(2,)))
    making.make("shot", take)
    said = said_by(shot / "frames/0073-t02.png")
    assert (said.shot["take"], said.shot["seed"]) == (2, 6)
    assert from_json(ShotRequest, said.shot["request"]).take is None
    again = making.make("take-again", from_json(ShotRequest, said_by(shot / "shot-t02.mp4").shot["request"]))
    one, other = (np.asarray(Image.open(path)) for path in (shot / "frames/0073-t02.png", again / "frames/0073.png"))
    assert np.array_equal(one, other)


def test_a_schedule_of_ones_own_is_told(making: Making) -> None:
    own = "f1k1_td_f16k4f2k2f1k1_g5"
    made = making.make("window", making.request(making.add(BOARD), window=5, frames=5))
    for name in ("frames/0002.png", "shot.mp4"):
        request = said_by(made / name).shot["request"]
        assert (request["schedule"], request["window"]) == (own, 5)


def test_a_board_that_a_model_made_is_heard(making: Making, tmp_path: Path) -> None:
    pixels = np.asarray(Image.open(BOARD).convert("RGB"))
    board = tmp_path / "board.png"
    board.write_bytes(png_bytes(pixels, Provenance(TRAINED, "").texts()))
    made = making.make("of-a-model", making.request(making.add(board), frames=5))
    assert said_by(made / "frames/0002.png").source == TRAINED
    assert said_by(made / "shot.mp4").source == TRAINED


def test_what_may_still_change_says_so(making: Making) -> None:
    events = making.events("stopped", making.request(making.add(BOARD)))
    for event in events:
        if drafts := getattr(event, "provisional", ()):
            break
    said = said_by(making.folder / "stopped" / drafts[0])
    assert (said.source, said.shot["provisional"]) == (COMPOSITE, True)
    events.close()  # type: ignore[attr-defined]


def test_a_shot_begun_by_0_1_0_keeps_its_frames_and_gets_a_movie_that_says_it(making: Making, shot: Path) -> None:
    request = from_json(ShotRequest, said_by(shot / "frames/0001.png").shot["request"])
    old = making.make("old", request)
    before = {}
    for path in sorted((old / "frames").iterdir()):
        said = said_by(path)
        texts = {name: text for name, text in said.texts().items() if not name.startswith("XML")}
        path.write_bytes(png_bytes(np.asarray(Image.open(path)), texts))
        before[path.name] = path.read_bytes()
    (old / "shot.json").unlink()
    (old / "frames/0073.png").unlink()
    write_movie(old / "shot.mp4", sorted((old / "frames").iterdir()), Fraction(30))
    making.make("old", request)
    after = files(old)
    assert {name: after[name] for name in before if name != "0073.png"} == {
        name: data for name, data in before.items() if name != "0073.png"
    }
    assert after["0073.png"] == files(shot)["0073.png"]
    assert after["shot.mp4"] == files(shot)["shot.mp4"]
