"""The command line in this process and without torch: what a shot is asked for, and what is said where it ends."""

from __future__ import annotations

import json
import re
import shutil
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.__main__ import main
from engine.commands import doctor
from engine.commands.finished import finishing_take
from engine.errors import Code, EngineError
from engine.generation.resolve import resolve
from engine.generation.shot_folder import ShotFolder
from engine.generation.takes import of_sampled
from engine.inference.hunyuan.spec import RELEASED
from engine.media.boards import open_board
from engine.media.clip import read_clip
from engine.media.files import make_folder, require_space
from engine.media.take_files import TakeFiles
from engine.models import download
from engine.models.checksums import fingerprint
from engine.models.folder import open_folder
from engine.protocol import Board, Finish, Lora, PromptAt, SectionChange, ShotRequest, Take
from tests.unit.model_files import make_model

Say = Callable[..., tuple[int, str]]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a model of FramePack's layout, the best one there is."""
    home = tmp_path / "home"
    make_model(home / "models" / "mine")
    monkeypatch.setenv("SHOTPACK_HOME", str(home))
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return home


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command; its exit code and the last line that it said."""

    def call(*arguments: object) -> tuple[int, str]:
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            status = int(ended.code or 0)
        printed = capsys.readouterr()
        lines = (printed.err or printed.out).strip().splitlines()
        return status, lines[-1] if lines else ""

    return call


@dataclass
class Job:
    """Stands for `generation/job.py`, and keeps what it is asked to make."""

    asked: list[ShotRequest] = field(default_factory=list)
    pictures: list[dict[str, Any]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    """What happens in the making."""

    def prepare(self, request: ShotRequest, pictures: dict[str, Any], *_: object) -> None:
        self.asked.append(request)
        self.pictures.append(pictures)

    def run(self, *_: object, **__: object) -> Iterator[Any]:
        self.before()
        yield from ()


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    job = Job()
    module = types.ModuleType("engine.generation.job")
    vars(module).update(prepare=job.prepare, run=job.run, Memory=lambda limit: limit)
    monkeypatch.setitem(sys.modules, "engine.generation.job", module)
    return job


def picture(path: Path, colour: str) -> Path:
    Image.new("RGB", (64, 48), colour).save(path)
    return path


@dataclass(frozen=True)
class Begun:
    """A shot that somebody has begun, and the options that it was begun with."""

    out: Path
    request: ShotRequest
    options: tuple[object, ...]


@pytest.fixture
def begun(tmp_path: Path, home: Path) -> Begun:
    start, end = picture(tmp_path / "start.png", "red"), picture(tmp_path / "end.png", "blue")
    boards = {1: open_board(start), 145: open_board(end)}
    asked = ShotRequest(
        "mine",
        "she turns",
        tuple(Board(frame, board.sha256) for frame, board in boards.items()),
        frames=145,
        prompts=(PromptAt(73, "she walks"), PromptAt(109, "she stops")),
        loras=(Lora("ink", 0.5), Lora("haze")),
        steps=4,
    )
    request = resolve(asked, RELEASED, (640, 480)).request
    folder = ShotFolder(tmp_path / "shot")
    model = {"weights": fingerprint(open_folder(home / "models" / "mine")), "settings": "as released"}
    folder.begin(request, model, {board.sha256: board.data for board in boards.values()})
    options = ("--image", start, "--end-image", end, "--frames", 145, "--prompt", "she turns", "--steps", 4)
    options += ("--prompt-at", "73=she walks", "--prompt-at", "109=she stops", "--lora", "ink=0.5", "--lora", "haze")
    return Begun(folder.root, request, options)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--prompt", "x"], "prompt"),
        (["--prompt", ""], "prompt"),
        (["--image", "other.png"], "boards"),
        (["--end-image", "other.png"], "boards"),
        (["--board", "73=other.png"], "boards"),
        (["--clip", "other.png"], "clip"),
        (["--frames", "100"], "frames"),
        (["--seconds", "2"], "frames"),
        (["--fps", "12"], "fps"),
        (["--frame-for-frame"], "conform"),
        (["--size", "64x64"], "width"),
        (["--seed", "5"], "seed"),
        (["--order", "forward"], "order"),
        (["--schedule", "f1k1_x_g5_f1k1f2k2f16k4_td"], "schedule"),
        (["--solver", "euler"], "solver"),
        (["--window", "5"], "window"),
        (["--guidance", "3"], "guidance"),
        (["--cfg", "2"], "cfg"),
        (["--speed", "fast"], "speed"),
        (["--cache", "teacache"], "cache"),
        (["--between", "flow"], "between"),
        (["--prompt-at", "73=she runs"], "prompts"),
        (["--endpoints", "73,109"], "endpoints"),
        (["--lora", "ink"], "loras"),
        (["--lora", "rain"], "loras"),
        (["--model", "other"], "model"),
    ],
)
def test_what_a_shot_was_not_begun_with_is_refused(
    options: list[str], name: str, begun: Begun, home: Path, job: Job, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where neither --image nor --clip is given."""
    monkeypatch.chdir(begun.out.parent)
    picture(Path("other.png"), "lime")
    other = make_model(home / "models" / "other")
    (other / "tokenizer" / "tokenizer.json").write_text(json.dumps({"another": 1}))
    status, line = say("generate", "--out", begun.out, "--resume", *options)
    assert status == 2, line
    assert f"was made with another {name} (" in line
    assert not job.asked, "refused before torch loads"


def test_what_is_given_as_it_was_goes_on(begun: Begun, job: Job, say: Say) -> None:
    whole = begun.options
    for options in ((), whole, whole[:2], whole[2:6], whole[8:], ("--schedule", begun.request.schedule)):
        status, line = say("generate", "--out", begun.out, "--resume", *options)
        assert status == 0, line
        assert job.asked.pop() == begun.request, options
        assert job.pictures.pop().keys() == set(begun.request.pictures)
    say("generate", "--out", begun.out, "--resume", "--model", "mine", "--seconds", 145 / 30, "--fps", 30)
    assert job.asked.pop() == begun.request


def test_a_servers_job_that_names_no_model_goes_on(begun: Begun, job: Job, say: Say) -> None:
    folder = ShotFolder(begun.out)
    folder.amend(replace(begun.request, model=""))
    status, line = say("generate", "--out", begun.out, "--resume")
    assert status == 0, line
    assert job.asked == [replace(begun.request, model="")]


def test_what_a_model_rounds_is_compared_with_the_model(begun: Begun, job: Job, say: Say) -> None:
    """By the comparison in `generation/job.py`, which takes it as given."""
    say("generate", "--out", begun.out, "--resume", "--steps", 2)
    assert job.asked.pop().steps == 2


def test_a_new_shot_is_what_is_given_and_else_as_requests_are(tmp_path: Path, job: Job, say: Say) -> None:
    board = picture(tmp_path / "start.png", "red")
    say("generate", "--out", tmp_path / "new", "--image", board)
    (asked,) = job.asked
    assert asked == ShotRequest("mine", "", (Board(1, open_board(board).sha256),), frames=150)
    say("generate", "--out", tmp_path / "new", "--image", board, "--frame-for-frame", "--speed", "fast", "--fps", "12")
    assert (job.asked[1].conform, job.asked[1].speed, job.asked[1].frames) == (False, "fast", 60)


def test_where_no_shot_was_begun_there_is_none_to_go_on_with(begun: Begun, tmp_path: Path, job: Job, say: Say) -> None:
    status, line = say("generate", "--resume", "--out", tmp_path / "nothing")
    assert status == 2
    assert f"There is no shot in {tmp_path / 'nothing'} that can be gone on with" in line
    assert "--image" in line
    assert "--image is missing" not in line
    say("generate", "--resume", "--out", tmp_path / "nothing", *begun.options)
    assert len(job.asked) == 1, "a command that was killed before it began is given again as it was"


def interrupt(*_: object, **__: object) -> Any:
    raise KeyboardInterrupt


def test_sections_are_said_to_be_kept_only_where_a_shot_was_begun(
    begun: Begun, tmp_path: Path, job: Job, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.before = interrupt
    kept = "shotpack: Interrupted; finished sections are kept, go on with --resume."
    assert say("generate", "--resume", "--out", begun.out) == (130, kept)
    assert say("generate", "--out", tmp_path / "new", *begun.options) == (130, "shotpack: Interrupted.")
    monkeypatch.setattr(doctor, "_findings", interrupt)
    assert say("doctor") == (130, "shotpack: Interrupted.")
    monkeypatch.setattr(download, "download", interrupt)
    status, line = say("models", "download", "framepack-i2v")
    assert status == 130
    assert "section" not in line
    assert "run the same command again" in line


def test_a_shot_without_room_says_how_much_it_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    require_space(tmp_path / "shot", 1_000_000, "the shot")
    with pytest.raises(EngineError) as caught:
        require_space(tmp_path / "shot", 40_000_000, "the shot")
    assert caught.value.code is Code.DISK_SHORT
    assert f"{tmp_path / 'shot'} has 1 MB free and the shot still needs 40 MB" in caught.value.line
    assert "kept" not in caught.value.line


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a file system without room for files is Linux's")
def test_a_folder_that_cannot_be_made_is_no_full_disk() -> None:
    require_space(Path("/proc/foo"), 40_000_000, "the shot")
    with pytest.raises(EngineError, match="/proc/foo cannot be written to"):
        make_folder(Path("/proc/foo/checkpoint"))


def test_what_is_no_picture_and_no_clip_is_said(tmp_path: Path, say: Say) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("no picture")
    for option, name, words in (
        ("--clip", "nope.mp4", "There is no movie and no folder at"),
        ("--clip", "empty", "the folder holds no pictures"),
        ("--clip", "texts", "the folder holds no pictures"),
        ("--image", "texts", "is a folder and no picture"),
        ("--image", "nope.png", "There is no image at"),
    ):
        status, line = say("generate", "--out", tmp_path / "shot", option, tmp_path / name)
        assert status == 2
        assert words in line, name
        assert str(tmp_path / name) in line
    picture(tmp_path / "texts" / "1.png", "red")
    assert len(read_clip(tmp_path / "texts", 24)) >= 1


def test_models_that_can_start_so_are_named(home: Path, tmp_path: Path, say: Say) -> None:
    still = picture(tmp_path / "still.png", "red")
    status, line = say("generate", "--out", tmp_path / "shot", "--clip", still)
    assert status == 2
    assert "cannot start a shot from frames that precede it; start it from a board" in line
    assert "none is here" in line
    (home / "models" / "onward").mkdir()
    (home / "models" / "onward" / "model_index.json").write_text(json.dumps({"_class_name": "HeliosPipeline"}))
    assert "start it from a board, or use onward." in say("generate", "--out", tmp_path, "--clip", still)[1]


def test_an_error_of_an_earlier_release_is_still_read() -> None:
    """It names no models: what was said then is said."""
    error = EngineError(Code.START_UNSUPPORTED, start="words alone", allowed="a board")
    assert error.line == "This model cannot start a shot from words alone; start it from a board, or use another model."


def test_no_advice_is_what_resuming_refuses() -> None:
    """A shot keeps its size: a smaller one is another shot's."""
    for error in (
        EngineError(Code.OUT_OF_MEMORY, device="cuda:0", stage="sampling"),
        EngineError(Code.WORKER_DIED, reason="killed"),
    ):
        assert "another" in error.advice.partition("smaller")[0]


def test_a_typing_error_leads_to_the_commands_own_help(tmp_path: Path, say: Say) -> None:
    for command in (["generate", "--out", tmp_path], ["models", "list"]):
        status, line = say(*command, "--nonsense")
        assert status == 2
        words = " ".join(str(word) for word in command if str(word).isalpha())
        assert line == f"shotpack: unrecognized arguments: --nonsense; see 'python -m engine {words} --help'."


def test_what_a_model_was_trained_for_beyond_the_release_is_listed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def listed(name: str) -> tuple[list[str], dict[str, Any]]:
        assert main(["models", "list"]) == 0
        lines = capsys.readouterr().out.splitlines()
        own = next(place for place, line in enumerate(lines) if line.startswith(f"{name} "))
        assert main(["models", "list", "--json"]) == 0
        row = next(row for row in json.loads(capsys.readouterr().out) if row["name"] == name)
        return [line for line in lines[own + 1 : own + 2] if line.startswith("    ")], row["trained"]

    nothing = {"packings": [], "tails": [], "codebook": 0, "schedules": {}, "planned_endpoints": False}
    assert listed("mine") == ([], nothing), "released: nothing to say"
    facts = {"packed": True, "trained_orders": ["inverted"], "tails": ["td"], "packing": {"trained": ["time"]}}
    (home / "models" / "mine" / "shotpack.json").write_text(json.dumps(facts))
    assert listed("mine") == ([], nothing), "nor where a manifest says no more than that"
    schedules = {"inverted": "f1k1_x_g9_f1k1f2k2f16k4_td", "endpoint": "td_f2k2f1k1_g9_x_f1k1"}
    facts |= {"order": "endpoint", "trained_orders": [*schedules], "schedules": schedules, "tails": ["td", "tc"]}
    facts |= {"packing": {"trained": ["hybrid", "time"]}, "codebook": {"file": "codebook.safetensors", "size": 128}}
    (home / "models" / "mine" / "shotpack.json").write_text(json.dumps(facts))
    said, row = listed("mine")
    assert said == [
        "    trained for packing by hybrid or time; tails td, tc; discrete history (+D) of 128 entries; "
        "endpoint order td_f2k2f1k1_g9_x_f1k1; endpoint order (endpoints may be planned)"
    ]
    assert row == {
        "packings": ["hybrid", "time"],
        "tails": ["td", "tc"],
        "codebook": 128,
        "schedules": {"endpoint": "td_f2k2f1k1_g9_x_f1k1"},
        "planned_endpoints": True,
    }


def test_files_without_a_checksum_are_not_called_sound(home: Path, say: Say) -> None:
    status, line = say("models", "verify", "mine")
    assert status == 0
    assert "sound" not in line
    assert "no recorded checksum" in line
    folder = open_folder(home / "models" / "mine")
    (folder.path / "shotpack.json").write_text(json.dumps({"files": {"vae/config.json": "0" * 64}}))
    status, line = say("models", "verify", "mine")
    assert (status, "damaged" in line) == (3, True)


def test_what_forbids_to_go_online_is_named(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("models", "download", "framepack-i2v")
    assert "drop --offline" in say(*asked, "--offline")[1]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    status, line = say(*asked)
    assert status == 3
    assert "unset HF_HUB_OFFLINE" in line
    assert "--offline" not in line


@pytest.fixture
def finished(begun: Begun) -> Begun:
    """The same, but finished: it can be continued."""
    (begun.out / "shot.json").write_text("{}")
    return begun


def test_a_take_of_one_section(finished: Begun, job: Job, say: Say) -> None:
    take = ("generate", "--take-of", finished.out, "--section", 3)
    assert say(*take, "--seed", 9, "--prompt", "she sits")[0] == 0
    own = SectionChange(3, seed=9, prompt="she sits")
    assert job.asked.pop() == replace(finished.request, sections=(own,), take=Take(2, again=(3,)))
    assert job.pictures.pop().keys() == set(finished.request.pictures)
    say(*take)
    asked = job.asked.pop()
    assert asked.sections == (SectionChange(3, seed=1),), "another noise, the same whenever it is asked for"
    say("generate", "--take-of", finished.out, "--prompt", "she sits")
    assert job.asked.pop() == replace(finished.request, prompt="she sits", take=Take(2))


def test_a_take_that_was_begun_goes_on_and_the_next_one_has_a_number_of_its_own(
    finished: Begun, job: Job, say: Say
) -> None:
    begun = replace(finished.request, sections=(SectionChange(3, seed=1),), take=Take(2, again=(3,)))
    kept = {"parent": 1, "kept": [0], "kept_frames": [[110, 145]]}
    ShotFolder(finished.out, 2).begin(begun, {"weights": "w"}, {}, kept)
    take = ("generate", "--take-of", finished.out)
    for given in ((), ("--section", 3)):
        assert say(*take, "--resume", *given)[0] == 0
        assert job.asked.pop() == begun
    status, line = say(*take, "--resume", "--section", 3, "--seed", 4)
    assert status == 2
    assert "was made with another sections" in line
    say(*take, "--section", 4, "--steps", 2, "--parent", 2)
    later = (SectionChange(3, seed=1), SectionChange(4, steps=2))
    assert job.asked.pop() == replace(begun, sections=later, take=Take(3, parent=2, again=(4,)))
    status, line = say(*take, "--parent", 7)
    assert status == 2
    assert "--parent cannot be '7'" in line


def test_a_longer_shot(finished: Begun, job: Job, say: Say) -> None:
    assert say("generate", "--extend", finished.out, "--frames", 181)[0] == 0
    assert job.asked.pop() == replace(finished.request, frames=181, take=Take(2))
    for options, said in (((), "--extend wants --frames N"), (("--frames", 145), "more than the 145")):
        status, line = say("generate", "--extend", finished.out, *options)
        assert status == 2
        assert said in line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--section", "3"], "--section goes with --take-of"),
        (["--take-of", "DIR", "--extend", "DIR"], "--extend does not go with --take-of"),
        (["--take-of", "DIR", "--frames", "9"], "--frames does not go with --take-of"),
        (["--take-of", "DIR", "--out", "elsewhere"], "--out does not go with --take-of"),
        (["--extend", "DIR", "--seed", "9"], "--seed does not go with --extend"),
        (["--take-of", "nothing"], "There is no shot in nothing"),
        (["--prompt", "she turns"], "--out DIR is missing"),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: list[str], said: str, finished: Begun, job: Job, say: Say
) -> None:
    status, line = say("generate", *(str(finished.out) if option == "DIR" else option for option in options))
    assert status == 2
    assert said in line
    assert not job.asked


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--upscale", "3"], "--upscale cannot be '3'"),
        (["--upscale", "20000x4"], "--upscale cannot be '20000x4'"),
        (["--finish-fps", "0"], "--finish-fps is 0"),
        (["--slow", "0.5"], "--slow is 0.5"),
        (["--slow", "2", "--finish-between", "ghosts"], "choose one of flow, motion, nearest"),
        (["--upscaler", "waifu2x"], "--upscaler goes with --upscale"),
        (["--finish-between", "flow"], "--finish-between goes with"),
    ],
)
def test_what_no_shot_can_be_finished_to_is_refused_before_it_is_made(
    options: list[str], said: str, begun: Begun, job: Job, say: Say
) -> None:
    status, line = say("generate", "--out", begun.out, "--resume", *options)
    assert status == 2
    assert said in line
    assert not job.asked


def test_a_finishing_take_goes_on_or_has_a_number_of_its_own(finished: Begun) -> None:
    folder = ShotFolder(finished.out)
    larger, slower = Finish(upscale="2"), Finish(slow=2.0, between="flow")
    assert finishing_take(folder, None) is None
    asked = finishing_take(folder, larger)
    assert asked == replace(finished.request, take=Take(2), finish=larger)
    begun = replace(finished.request, take=Take(2), finish=replace(larger, upscaler="waifu2x"))
    ShotFolder(finished.out, 2).begin(begun, {}, {}, {"parent": 1, "kept": [], "kept_frames": [], "frames": 145})
    for given in (None, larger, begun.finish):
        assert finishing_take(folder, given) == begun, "what was left open is as it was begun"
    assert finishing_take(folder, slower) == replace(finished.request, take=Take(3), finish=slower)
    assert finishing_take(ShotFolder(finished.out, 2), None) is None, "another take's"
    (finished.out / "takes").mkdir()
    (finished.out / "takes" / "02.json").write_text("{}")
    assert finishing_take(folder, None) is None, "it is finished, and nothing is asked for"
    assert finishing_take(folder, larger) == begun


def test_what_continues_a_finishing_take_continues_what_it_finishes(finished: Begun, job: Job, say: Say) -> None:
    finish = replace(finished.request, take=Take(2), finish=Finish(slow=2.0))
    ShotFolder(finished.out, 2).begin(finish, {}, {}, {"parent": 1, "kept": [], "kept_frames": [], "frames": 290})
    assert (TakeFiles(finished.out, 2).frames, TakeFiles(finished.out).frames) == (290, 145)
    assert say("generate", "--take-of", finished.out, "--parent", 2, "--seed", 5)[0] == 0
    asked = job.asked.pop()
    assert (asked.seed, asked.finish) == (5, None)
    assert asked.take is not None
    assert of_sampled(finished.out, asked.take) == Take(3, parent=1)
    assert say("generate", "--extend", finished.out, "--parent", 2, "--frames", 181)[0] == 0
    assert job.asked.pop().frames == 181


def test_every_option_of_generate_is_told_in_the_readme(capsys):
    with pytest.raises(SystemExit):
        main(["generate", "--help"])
    options = set(re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE)) - {"--traceback"}
    assert "--prompt" in options
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    assert [option for option in sorted(options) if not re.search(rf"`{option}\b", readme)] == []
