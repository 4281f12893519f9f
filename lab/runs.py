"""What an experiment makes, a folder for each variant and seed; whatever is there already is not made again.

LAB/bank                      clips that are practised on
LAB/base                      the transformer that all variants begin from
LAB/sets/H.safetensors        held-out scenes as latents
LAB/runs/ID-SEED/             what it was begun with (run.json), transformer.safetensors, losses.json, gates.json, and
                              for each row and set its shots and metrics
LAB/tables/EXPERIMENT/        what all that came to: table.md, claims.md, table.json, plots, sheets, the page to vote on
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from engine.errors import Code, EngineError
from engine.inference.hunyuan.packed_transformer import PackedTransformer
from engine.media.files import make_folder, write_whole
from engine.models.packing_use import Packing

from .bank import Bank
from .base import Settings, train_variant
from .causal import CausalTransformer
from .choice import Choice
from .experiment import LOSS, Experiment, Row, Variant
from .gates import history_is_read, read_gate, write_gates
from .held_out import SETS, Encoded, HeldOut, encode_scenes, gate_scenes, restored
from .metrics import measured
from .network import begun, kernels_of, read_weights, write_weights
from .rollout import Rollout
from .sight import HistoryNoise, Sight, learn_codebook
from .sketch_parts import SketchParts

WEIGHTS = "transformer.safetensors"
GATES_FILE = "gates.json"
_ASKED = "run.json"
LOSSES = "losses.json"
_TRAINED_BY = ("schedule", "codebook", "noise", "boards", "causal", "fresh", "packing", "weight", "keep")
"""What of a variant its training depends on."""
_EARLY = slice(400, 500)
"""Steps whose losses are compared: each is of the same clips and noise for all variants of a seed."""
_PIXELS = 200_000
"""Of the bank, that a codebook is learned from."""


@dataclass(frozen=True)
class Lab:
    """A lab's folder, in one process."""

    folder: Path

    @cached_property
    def parts(self) -> SketchParts:
        """Sketch's VAE and encoders."""
        return SketchParts.load()

    @cached_property
    def bank(self) -> Bank:
        """What is practised on."""
        return Bank(self.folder / "bank")

    def scenes(self, name: str) -> Encoded:
        """The held-out scenes of a set, encoded once."""
        return self._encoded(name, SETS[name]())

    def gate_scenes(self) -> Encoded:
        """What the gates are asked on, encoded once."""
        return self._encoded("gates", gate_scenes())

    def _encoded(self, name: str, drawn: Sequence[HeldOut]) -> Encoded:
        path = self.folder / "sets" / f"{name}.safetensors"
        if not path.is_file():
            encoded = encode_scenes(drawn, self.parts.encoder, self.parts.pipeline.image_encoder)
            make_folder(path.parent)
            write_whole(path, save({"latents": encoded.latents.half(), "boards": encoded.boards.half()}))
        tensors = load_file(path)
        return restored(drawn, tensors["latents"].float(), tensors["boards"].float())

    def do(self, experiment: Experiment, variant: Variant, seed: int) -> None:
        """Train a variant with a seed, make its shots and measure them, as far as that is not done."""
        run = run_folder(self.folder, variant, seed)
        make_folder(run)
        self._require_same(run, experiment, variant)
        missing = {
            name: [row for row in variant.rows if not metrics_of(run, row, name).is_file()] for name in variant.sets
        }
        if not any(missing.values()) and (run / LOSSES).is_file() and (run / GATES_FILE).is_file():
            return  # whether or not its weights were kept
        network, sight = self._train(experiment, variant, seed)
        if not (run / GATES_FILE).is_file():
            told = self.parts.sentences, self.parts.grid, variant.schedule, sight
            read = history_is_read(network.eval(), self.gate_scenes(), *told)
            write_gates(run / GATES_FILE, [read_gate("G1", read)])
        for name, rows in missing.items():
            if name == LOSS:
                losses = json.loads((run / LOSSES).read_text(encoding="utf-8"))
                for row in rows:
                    write_whole(metrics_of(run, row, name), json.dumps({"loss": losses[_EARLY]}).encode())
            elif rows:
                scenes = self.scenes(name)
                for row in rows:
                    shots = Rollout(network, sight, row, self.parts).make(scenes)
                    write_whole(shots_of(run, row, name), save({"latents": shots.half().contiguous()}))
                    found = measured(shots, scenes, self.parts)
                    write_whole(metrics_of(run, row, name), json.dumps(found).encode())

    def _require_same(self, run: Path, experiment: Experiment, variant: Variant) -> None:
        """Refuse a run that was begun from another base, for other steps, or otherwise: it would count as this one."""
        asked = {name: getattr(variant, name) for name in _TRAINED_BY}
        base = hashlib.sha256(self._base().read_bytes()).hexdigest()
        now = json.loads(json.dumps({"steps": experiment.steps, "rate": experiment.rate, "base": base, **asked}))
        path = run / _ASKED
        if not path.is_file():
            write_whole(path, json.dumps(now, indent=1).encode() + b"\n")
            return
        was = json.loads(path.read_text(encoding="utf-8"))
        if other := [name for name in now if was.get(name) != now[name]]:
            detail = (
                f"{run} was begun with another {' and '.join(other)}: delete it, or choose another folder for the lab"
            )
            raise EngineError(Code.BAD_REQUEST, detail=detail)

    def _base(self) -> Path:
        path = self.folder / "base" / WEIGHTS
        if not path.is_file():
            raise EngineError(Code.BAD_REQUEST, detail=f"{path} is missing: run 'python -m lab base' first")
        return path

    def _train(self, experiment: Experiment, variant: Variant, seed: int) -> tuple[PackedTransformer, Sight]:
        """A variant's network and how it sees its history, trained as far as that is not done."""
        run = run_folder(self.folder, variant, seed)
        network, sight = self._fresh(variant, seed)
        trained = sight.noise or network
        if not (run / WEIGHTS).is_file():
            settings = Settings(experiment.steps, seed, rate=experiment.rate, muon=False)
            told = self.bank, self.parts.sentences, self.parts.grid
            losses = train_variant(network, sight, variant, *told, run / "training", settings)
            write_whole(run / LOSSES, json.dumps(losses).encode())
            write_weights(trained, run / WEIGHTS)
        read_weights(trained, run / WEIGHTS)  # as they will be read again
        return network, sight

    def made(self, variant: Variant, seed: int) -> tuple[PackedTransformer, Sight]:
        """The same of a run that is trained; raises EngineError `bad_request` where it is not."""
        path = run_folder(self.folder, variant, seed) / WEIGHTS
        if not path.is_file():
            detail = f"{path} is missing: run 'python -m lab run --only {variant.id} --seed {seed}' first"
            raise EngineError(Code.BAD_REQUEST, detail=detail)
        network, sight = self._fresh(variant, seed)
        read_weights(sight.noise or network, path)
        return network, sight

    def _fresh(self, variant: Variant, seed: int) -> tuple[PackedTransformer, Sight]:
        """The same before it is trained."""
        kind = CausalTransformer if variant.causal else PackedTransformer
        network = begun(load_file(self._base()), kernels_of(variant), variant.fresh, seed, kind)
        noise = HistoryNoise(network) if variant.noise is not None else None
        return network, Sight(self.codebook(variant), noise, self._choice(variant))

    def _choice(self, variant: Variant) -> Choice | None:
        if not variant.selects:
            return None
        pace = self.parts.spec.native_fps / self.parts.grid.compression
        return Choice(Packing(variant.packing), variant.packing_use, pace)

    def codebook(self, variant: Variant) -> torch.Tensor | None:
        """Of a variant with one, learned from the bank once."""
        if not variant.codebook:
            return None
        path = self.folder / f"codebook-{variant.codebook}.safetensors"
        if not path.is_file():
            latents = self.bank.shelves[-1].latents
            pixels = latents.movedim(2, -1).reshape(-1, latents.shape[2])
            chosen = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))[:_PIXELS]
            write_whole(path, save({"codebook": learn_codebook(pixels[chosen].float(), variant.codebook, seed=0)}))
        codebook: torch.Tensor = load_file(path)["codebook"]
        return codebook


def run_folder(lab: Path, variant: Variant, seed: int) -> Path:
    """Of a variant and a seed."""
    return lab / "runs" / f"{_plain(variant.id)}-{seed}"


def tables_folder(lab: Path, experiment: Experiment) -> Path:
    """Where it is told what an experiment came to: of the same runs there may be tables of several."""
    return lab / "tables" / experiment.name


def metrics_of(run: Path, row: Row, name: str) -> Path:
    """Where the metrics of a row on a set are."""
    return run / f"{_plain(row.id)}-{name}.json"


def shots_of(run: Path, row: Row, name: str) -> Path:
    """Where its shots on a set are."""
    return metrics_of(run, row, name).with_suffix(".safetensors")


def shown_shots(lab: Path, experiment: Experiment, name: str) -> dict[Row, Path]:
    """What there is to look at on a set: the shots of the first training seed, row by row."""
    rows = [row for row in experiment.rows if name in row.variant.sets]
    found = {row: shots_of(run_folder(lab, row.variant, experiment.seeds[0]), row, name) for row in rows}
    return {row: path for row, path in found.items() if path.is_file()}


def do_all(lab: Path, experiment: Experiment, jobs: int, only: str | None, seed: int | None) -> None:
    """Everything of an experiment that is not there yet, in `jobs` processes; all variants of a seed, then the next."""
    wanted = list(_wanted(experiment, only, seed))
    here = Lab(lab)
    for variant, _ in wanted:
        here.codebook(variant)
    here.gate_scenes()
    for name in sorted({name for variant, _ in wanted for name in variant.sets} - {LOSS}):
        here.scenes(name)
    if jobs < 2:
        for variant, number in wanted:
            here.do(experiment, variant, number)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(_do, lab, experiment, *each) for each in wanted]:
            done.result()


def _wanted(experiment: Experiment, only: str | None, seed: int | None) -> Iterator[tuple[Variant, int]]:
    variants = [variant for variant in experiment.variants if only in (None, variant.id)]
    if only is not None and not variants:
        allowed = ", ".join(variant.id for variant in experiment.variants)
        raise EngineError(Code.CHOICE_INVALID, name="only", value=only, allowed=allowed)
    yield from ((variant, each) for each in experiment.seeds if seed in (None, each) for variant in variants)


def _do(lab: Path, experiment: Experiment, variant: Variant, seed: int) -> None:
    torch.set_num_threads(1)
    _labs.setdefault(lab, Lab(lab)).do(experiment, variant, seed)


_labs: dict[Path, Lab] = {}
"""Of a worker process: the bank is read once."""


def _plain(name: str) -> str:
    """A row's name as a file's."""
    return re.sub(r"[^A-Za-z0-9.]+", "_", name)
