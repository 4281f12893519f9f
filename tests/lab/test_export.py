"""Runs of the lab as models of the engine: the same shots, and the engine's own promises hold for them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from engine.client.prompt_words import understand
from engine.events import Event, Finished, Section
from engine.framepack.packing import Tail
from engine.generation.job import prepare, run
from engine.inference.memory.placement import Placement
from engine.inference.registry import Families, spec_of
from engine.media.boards import open_board
from engine.models.checksums import verify
from engine.models.folder import ModelFolder
from engine.models.packing_use import CodebookUse, Estimate, Packing, PackingUse, StartBoard
from engine.protocol import Board, SectionChange, ShotRequest
from lab import runs
from lab.__main__ import main
from lab.commands.options import FIRST
from lab.experiment import Variant, read_experiment
from lab.export import export, find_run
from lab.held_out import Encoded, HeldOut, encode_scenes, memory_scenes
from lab.network import begun, kernels_of, write_weights
from lab.rollout import Rollout
from lab.runs import Lab, run_folder
from lab.sight import Sight
from lab.world import MOTIONS, sentence
from lab.world import Path as Way
from tests.engine.warm_engine import WarmEngine
from training.lessons import VANILLA
from training.scenes.moves import Motion, Move

FINE = "td_f8k1h4w4f2k2f1k1_g9"
VARIANTS = {
    "V": Variant("V", "", VANILLA, ("R",)),
    "V+D": Variant("V+D", "", VANILLA, ("R",), codebook=8),
    "Y": Variant("Y", "", FINE, ("R",), packing="hybrid", weight=0.02),
    "own": Variant("own", "", "td_f4k2h8w8f2k1h4w4f1k1_g9", ("R",)),
    "I": Variant("I", "", "f1k1_x_g9_f1k1f2k2f16k4_td", ("R",)),
    "tc": Variant("tc", "", "tc_f2k2f1k1_g9", ("R",)),
}


def sections_of(name: str) -> int:
    """Two sections, and one more where frames are chosen: of the ten before a second section all are seen."""
    return 3 if VARIANTS[name].selects else 2


@pytest.fixture(scope="module")
def lab(little_lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """One whose runs have weights of their own, and do the contrary of what they practised for a few steps.

    Else the frames most like what comes would be the nearest, and to choose them would be to pack by time.
    """
    made = Lab(Path(shutil.copytree(little_lab, tmp_path_factory.mktemp("runs") / "lab")))
    draw = torch.Generator().manual_seed(3)
    for variant in VARIANTS.values():
        network = begun(load_file(made.folder / "base" / runs.WEIGHTS), kernels_of(variant))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.02 * torch.randn(parameter.shape, generator=draw)
            network.proj_out.weight *= -1
        run_folder(made.folder, variant, 1).mkdir(parents=True)
        write_weights(network, run_folder(made.folder, variant, 1) / runs.WEIGHTS)
    return made


@pytest.fixture(scope="module")
def models(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelFolder]:
    home = tmp_path_factory.mktemp("models")
    return {name: export(lab, variant, 1, home / name) for name, variant in VARIANTS.items()}


@pytest.fixture(scope="module")
def scenes(lab: Lab) -> Encoded:
    """One that turns back after a section."""
    held = memory_scenes(1)[0]
    held = replace(held, path=Way(held.path.motions[3:6]))
    return encode_scenes([held], lab.parts.encoder, lab.parts.pipeline.image_encoder)


@pytest.fixture(scope="module")
def board(scenes: Encoded, tmp_path_factory: pytest.TempPathFactory) -> Path:
    (held,) = scenes.scenes
    path = tmp_path_factory.mktemp("board") / "board.png"
    Image.fromarray(held.scene.frames(held.path)[0]).save(path)
    return path


@dataclass(frozen=True)
class Engine:
    """Makes the scene's shot, from the lab's own noise and by the manifests' own settings, with every model."""

    models: dict[str, ModelFolder]
    scene: HeldOut
    board: Path
    home: Path
    families: Families = field(default_factory=Families)

    def events(self, name: str, out: Path, *, resume: bool = False) -> Generator[Event]:
        picture, sections = open_board(self.board), sections_of(name)
        changes = tuple(
            SectionChange(section + 1, seed=self.scene.seed * 1000 + 2 * section, prompt=sentence(motion))
            for section, motion in enumerate(self.scene.path.motions[:sections])
        )
        boards = (Board(1, picture.sha256),)
        request = ShotRequest("", "", boards, frames=36 * sections + 1, seed=self.scene.seed, sections=changes)
        pictures = {picture.sha256: picture}
        job = prepare(request, pictures, self.models[name], "cpu", out)
        latents = out / "latents.safetensors"
        return run(job, pictures, resume=resume, watched=False, save_latents=latents, families=self.families)

    def shot(self, name: str) -> Path:
        """The folder of the shot, made once."""
        if not (self.home / name / "shot.json").is_file():
            assert isinstance(list(self.events(name, self.home / name))[-1], Finished)
        return self.home / name


@pytest.fixture(scope="module")
def engine(
    models: dict[str, ModelFolder], scenes: Encoded, board: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    made = Engine(models, scenes.scenes[0], board, tmp_path_factory.mktemp("shots"))
    yield made
    made.families.close()


@dataclass(frozen=True)
class Seen:
    """The board as the engine encodes it: its latent (1, C, 1, h, w) and vision (1, V, E)."""

    latent: torch.Tensor
    vision: torch.Tensor


@pytest.fixture(scope="module")
def seen(models: dict[str, ModelFolder], board: Path) -> Seen:
    families, model = Families(), models["V"]
    family = families.open(model, spec_of(model), torch.device("cpu"), None, Placement())
    picture = torch.from_numpy(np.array(Image.open(board))).permute(2, 0, 1)[None] / 127.5 - 1
    return Seen(family.encode_latent(picture), family.encode_visions([picture])[0])


def shot_by_lab(lab: Lab, name: str, scenes: Encoded, board: Seen, sight: Sight | None = None) -> torch.Tensor:
    """The same in float32, from the board as the engine encodes it; by another `sight` than the run's own if given."""
    (held,), sections = scenes.scenes, sections_of(name)
    held = replace(held, path=Way(held.path.motions[:sections]))
    latents = torch.cat([board.latent, scenes.latents[:, :, 1 : sections * 9 + 1]], dim=2)
    boards = board.vision[:, None].expand(-1, sections + 1, -1, -1)
    precise = Encoded((held,), latents, boards, scenes.motions[:, :sections])
    network, own = lab.made(VARIANTS[name], 1)
    (row,) = VARIANTS[name].rows
    return Rollout(network, sight or own, row, lab.parts, precise=True).make(precise)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_engine_makes_the_shot_that_the_lab_makes(
    name: str, lab: Lab, engine: Engine, scenes: Encoded, seen: Seen
) -> None:
    """Layout, kernels, tails, codes, choice, words, noise and solver: two ways to the same numbers."""
    ours = latents_of(engine.shot(name))
    theirs = shot_by_lab(lab, name, scenes, seen)
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=0)
    if name in ("V+D", "Y"):
        blind = shot_by_lab(lab, name, scenes, seen, Sight())
        assert (blind - ours).abs().max() > 0.05, "else nothing was compared"


def test_the_lab_s_boards_are_the_engine_s_but_for_rounding(scenes: Encoded, seen: Seen) -> None:
    """Latents are encoded in bfloat16 there, and the image encoder is shown whole numbers from 0 to 255."""
    torch.testing.assert_close(scenes.latents[:, :, :1], seen.latent, atol=0.05, rtol=0)
    torch.testing.assert_close(scenes.boards[:, 0], seen.vision, atol=0.05, rtol=0)
    assert (scenes.boards[:, 0] - seen.vision).square().mean() < 1e-4 * seen.vision.var()


@pytest.mark.parametrize("name", ["V+D", "Y", "own"])
def test_a_shot_that_was_stopped_goes_on_to_the_bit(name: str, engine: Engine, tmp_path: Path) -> None:
    whole, stopped = engine.shot(name), tmp_path / "shot"
    events = engine.events(name, stopped)
    assert any(isinstance(event, Section) for event in events)
    events.close()
    assert 1 <= len(list((stopped / "checkpoint").glob("latents-*"))) < sections_of(name)
    assert isinstance(list(engine.events(name, stopped, resume=True))[-1], Finished)
    assert torch.equal(latents_of(stopped), latents_of(whole))
    assert pixels(stopped) == pixels(whole)
    assert len(pixels(whole)) == 36 * sections_of(name) + 1
    assert selections(stopped) == selections(whole)
    assert (selections(whole)[-1] is not None) is VARIANTS[name].selects


def test_a_command_that_was_killed_goes_on_to_the_bit(engine: Engine, board: Path, tmp_path: Path) -> None:
    """By the command line, in processes of its own."""
    warm = WarmEngine(tmp_path / "home")

    def ended(out: Path, *more: str, kill_at: str = "") -> int:
        arguments = ["generate", "--model", str(engine.models["Y"].path), "--image", str(board), "--out", str(out)]
        asked = ["--prompt", "camera pans left", "--frames", "109", "--steps", "2", "--json", *more]
        return warm.run([*arguments, *asked], tmp_path / "log", kill_at=kill_at).status

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert ended(whole) == 0
    assert ended(killed, kill_at='"index": 2') == -9
    assert not (killed / "shot.json").exists()
    committed = {path: path.read_bytes() for path in (killed / "checkpoint").glob("latents-*")}
    assert len(committed) >= 2
    assert ended(killed, "--resume") == 0
    assert all(path.read_bytes() == data for path, data in committed.items())
    assert pixels(killed) == pixels(whole)
    assert selections(killed) == selections(whole)
    warm.close()


def test_a_folder_says_what_its_run_was(models: dict[str, ModelFolder]) -> None:
    for name, model in models.items():
        assert verify(model) == []
        files = dict(model.files())
        assert model.facts.files.keys() == files.keys()
        spec = spec_of(model)
        assert (spec.sizes, spec.side_limits) == (((64, 64),), (64, 64))
        assert (spec.steps, spec.guidance, spec.packed) == (8, 1.0, True)
        assert spec.title == f"Lab {name}, seed 1"
        schedule = VARIANTS[name].schedule + ("+D" if VARIANTS[name].codebook else "")
        assert list(spec.schedules.values()) == [schedule]
        assert str(model.path) not in (model.path / "transformer" / "config.json").read_text()
    assert spec_of(models["V+D"]).codebook == CodebookUse("codebook.safetensors", 8, StartBoard.DISCRETE)
    assert spec_of(models["Y"]).packing == PackingUse((Packing.HYBRID,), 0.02, 3, Estimate.LOOK)
    assert spec_of(models["tc"]).tails == (Tail.COMPRESS,)
    assert (2, 8, 8) in spec_of(models["own"]).kernels


def test_a_folder_tells_which_words_it_knows(models: dict[str, ModelFolder]) -> None:
    vocabulary = models["V"].facts.vocabulary
    assert vocabulary is not None
    for motion in MOTIONS:
        found = understand(sentence(motion), vocabulary)
        wanted = [] if motion.move is Move.STATIC else [motion.move]
        names = [move.written.replace(" {speed}", "") for move in found.moves]
        assert names == [sentence(Motion(move)).removeprefix("the ball ") for move in wanted]
        assert not found.loose
    assert understand("camera zooms in", vocabulary).moves == ()


def test_the_command_writes_a_run_of_an_experiment(
    lab: Lab, models: dict[str, ModelFolder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    arguments = ["export", "--out", str(lab.folder)]
    assert main([*arguments, "V-1", str(out)]) == 0
    for name, path in models["V"].files():
        assert (out / name).read_bytes() == path.read_bytes()
    capsys.readouterr()
    refused = {
        ("V-1", str(out)): "something is there already",
        ("noisy-1", str(tmp_path / "no")): "how noisy its history is",
        ("causal-1", str(tmp_path / "no")): "look at earlier ones only",
        ("repeat-1", str(tmp_path / "no")): "sees the newest frame",
        ("V-4", str(tmp_path / "no")): "RUN cannot be 'V-4'",
        ("F-1", str(tmp_path / "no")): "run 'python -m lab run --only F --seed 1' first",
    }
    for more, said in refused.items():
        assert main([*arguments, *more]) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert said in line
    assert not (tmp_path / "no").exists()


def test_a_run_is_found_by_its_name_and_by_its_folder_s() -> None:
    experiment = read_experiment(FIRST)
    discrete = next(variant for variant in experiment.variants if variant.codebook)
    assert find_run(experiment, "V+D-2") == find_run(experiment, "V_D-2") == (discrete, 2)


def pixels(folder: Path) -> dict[str, bytes]:
    return {path.name: np.asarray(Image.open(path)).tobytes() for path in (folder / "frames").iterdir()}


def latents_of(folder: Path) -> torch.Tensor:
    return load_file(folder / "latents.safetensors")["latents"]


def selections(folder: Path) -> list[list[list[int | None]] | None]:
    sections = json.loads((folder / "shot.json").read_text())["plan"]["sections"]
    return [section.get("selection") for section in sections]
