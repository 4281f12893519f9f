"""A variant's run as a model folder that the engine makes shots by: Sketch's parts, and a transformer of the lab's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save

from engine.errors import Code, EngineError
from engine.framepack.packing import Schedule, Tail, parse
from engine.inference.registry import spec_of
from engine.media.files import whole_folder, write_whole
from engine.models.catalog import find_model
from engine.models.folder import CODEBOOK, FACTS, ModelFolder, open_folder
from engine.models.packing_use import StartBoard
from engine.serialization import to_json
from engine.vocabulary import SPEED, KnownSpeed, Vocabulary
from training.export import write_parts
from training.scenes.known_words import known_words
from training.scenes.moves import CAMERA_MOVES, OBJECT_MOVES, Motion, Speed

from .bank import SENTENCE_TOKENS
from .base import SHIFT
from .experiment import Experiment, Variant
from .rollout import STEPS
from .runs import Lab, run_folder
from .world import CAMERA, DISC, HOLD, MOTIONS, SIDE, sentence

_BOOK = "codebook.safetensors"
_OF_VAE = ("licence", "native_fps", "seam", "overlap", "head", "preview")
"""What Sketch's folder says of the parts that are its own here too."""


def find_run(experiment: Experiment, run: str) -> tuple[Variant, int]:
    """The variant and the seed of `run`, ID-SEED, written as the variant's id or as its folder's name.

    Raises EngineError `choice_invalid`.
    """
    names: dict[str, tuple[Variant, int]] = {}
    for variant in experiment.variants:
        for seed in experiment.seeds:
            names[f"{variant.id}-{seed}"] = names[run_folder(Path(), variant, seed).name] = variant, seed
    if run not in names:
        allowed = ", ".join(f"{variant.id}-{experiment.seeds[0]}" for variant in experiment.variants)
        raise EngineError(Code.CHOICE_INVALID, name="RUN", value=run, allowed=f"{allowed}, or another seed of these")
    return names[run]


def export(lab: Lab, variant: Variant, seed: int, out: Path) -> ModelFolder:
    """Write the model folder `out` of a run of `lab` that is trained; it appears whole, or not at all.

    Raises EngineError `bad_request` where the run is missing or sees its history in a way that the engine has not, and
    `folder_unwritable` where something is at `out` already.
    """
    if reason := _refusal(variant):
        raise EngineError(Code.BAD_REQUEST, detail=f"{variant.id} cannot be exported: {reason}")
    network, sight = lab.made(variant, seed)
    sketch = find_model("sketch")
    facts = _facts(variant, [list(kernel) for kernel in network.config.kernels], sketch)
    facts["title"] = f"Lab {variant.id}, seed {seed}"
    with whole_folder(out) as folder:
        write_parts(network, sketch, folder)
        if sight.codebook is not None:
            (folder / CODEBOOK).mkdir()
            write_whole(folder / CODEBOOK / _BOOK, save({"codebook": sight.codebook}))
        _write_facts(folder, facts)
        facts["files"] = dict(_checksums(open_folder(folder)))
        _write_facts(folder, facts)
        spec_of(open_folder(folder))  # whether the engine takes it
    return open_folder(out)


def _refusal(variant: Variant) -> str:
    if variant.noise is not None:
        return "it is told how noisy its history is, and the engine tells no model"
    if variant.causal:
        return "its frames look at earlier ones only, which the engine's transformer does not"
    if variant.boards != "first":
        return "its image encoder sees the newest frame, and the engine shows it the board"
    return ""


def _facts(variant: Variant, kernels: list[list[int]], sketch: ModelFolder) -> dict[str, Any]:
    """`shotpack.json` but for title and checksums."""
    own = json.loads((sketch.path / FACTS).read_bytes())
    schedule = replace(parse(variant.schedule), discrete=variant.codebook > 0)
    order = str(schedule.order())
    facts = {
        "family": own["family"],
        **{name: own[name] for name in _OF_VAE},
        "sizes": [[SIDE, SIDE]],
        "side_limits": [SIDE, SIDE],
        "steps": STEPS,
        "guidance": 1.0,
        "shift": SHIFT,
        "prompt_tokens": SENTENCE_TOKENS,
        "order": order,
        "packed": True,
        "kernels": kernels,
        "schedules": {order: str(schedule)},
        "vocabulary": to_json(_vocabulary()),
    }
    return facts | dict(_own_packing(variant, schedule))


def _own_packing(variant: Variant, schedule: Schedule) -> Iterator[tuple[str, Any]]:
    if schedule.tail not in (None, Tail.DELETE):
        yield "tails", [str(schedule.tail)]
    if variant.selects:
        use = variant.packing_use
        trained = {"trained": [*use.trained], "weight": use.weight, "keep": use.kept(use.trained[0])}
        yield "packing", {**trained, "estimate": str(use.estimate)}
    if variant.codebook:
        yield CODEBOOK, {"file": _BOOK, "size": variant.codebook, "anchor": str(StartBoard.DISCRETE)}


def _vocabulary() -> Vocabulary:
    """The sentences that the lab's transformers know, one for each move; Sketch's have many."""
    named = dict(zip((*CAMERA_MOVES, *OBJECT_MOVES), known_words().moves, strict=True))
    moves = []
    for move in (*CAMERA, *DISC):
        said = sentence(Motion(move)).split()
        bare = " ".join(said[-2:])  # behind "camera", or what moves
        written = f"{bare if move.of_object else ' '.join(said)} {SPEED}"
        moves.append(replace(named[move], phrases=(bare,), written=written))
    spoken = [sentence(Motion(CAMERA[0], speed)).split()[3:] for speed in Speed]
    speeds = tuple(KnownSpeed(" ".join(adverb), tuple(adverb)) for adverb in spoken)
    longest = max(len(sentence(motion).split()) for motion in MOTIONS)
    return Vocabulary(tuple(moves), speeds, (sentence(HOLD),), (), (), longest, SENTENCE_TOKENS)


def _checksums(folder: ModelFolder) -> Iterator[tuple[str, str]]:
    for name, path in folder.files():
        yield name, hashlib.sha256(path.read_bytes()).hexdigest()


def _write_facts(folder: Path, facts: dict[str, Any]) -> None:
    write_whole(folder / FACTS, (json.dumps(facts, indent=2) + "\n").encode())
