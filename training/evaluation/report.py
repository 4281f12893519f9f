"""`training eval`: what the model can do, as a table of numbers and contact sheets to look at.

Everything is held out: scenes from seeds that training never used, and pictures that no training code drew. Shots go
through the engine, a part that was stopped goes on, and every part can be asked for alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLHunyuanVideo, HunyuanVideoFramepackPipeline
from PIL import Image

from engine.errors import Code, EngineError
from engine.framepack.packing import RELEASED_FORWARD, RELEASED_INVERTED, Order
from engine.inference.registry import choose_device, spec_of
from engine.media.files import make_folder, write_whole
from engine.media.measures import Picture, psnr, sharpness
from engine.models.folder import ModelFolder

from ..latent_bank import StillEncoder, read_bank
from ..lessons import VANILLA
from ..picture_bank import drawn_pictures, to_signed
from ..scenes.moves import CAMERA_MOVES, FRAMES_PER_SECTION, OBJECT_MOVES, PAN, Move, Speed
from .contact_sheets import contact_sheet
from .drift import HOLD_STILL, MEASURES, drift, long_trials
from .evaluation import Evaluation, Extent, Row, Sources, as_pictures, obeys
from .fidelity import by_section, still_visible
from .foresight import GROUPS, as_new, foresight, new_clips
from .outside import measure_outside
from .recognise import Recognised
from .trials import HELD_OUT, Trial, draw_trials

_FAR_MOVES = (Move.PAN_LEFT, Move.TILT_DOWN, Move.ZOOM_IN, Move.ZOOM_OUT, Move.PAN_RIGHT, Move.ROLL_CLOCKWISE)
_SHEET_ROWS = 12
_LONG_ORDERS = {"inverted": RELEASED_INVERTED, "forward": RELEASED_FORWARD, "vanilla": VANILLA}
"""Packings that drift is compared by."""


def evaluate(
    model: ModelFolder, out: Path, parts: tuple[str, ...], extent: Extent, sources: Sources, device: str
) -> None:
    """Measure `parts` of `model` into `out`: `results.json`, `table.md` and `sheet-*.png`.

    Raises EngineError `choice_invalid` for an unknown part.
    """
    unknown = next((part for part in parts if part not in _PARTS), None)
    if unknown:
        raise EngineError(Code.CHOICE_INVALID, name="only", value=unknown, allowed=", ".join(PARTS))
    make_folder(out)
    evaluation = Evaluation(model, out, extent, sources, device)
    path = out / "results.json"
    results: dict[str, list[Row]] = json.loads(path.read_text()) if path.is_file() else {}
    for part in parts:
        results[part] = list(_PARTS[part](evaluation))
        write_whole(path, json.dumps(results, indent=1).encode())
        table = [f"| {name} | {value} |" for part in PARTS for name, value in results.get(part, [])]
        write_whole(out / "table.md", "\n".join(["| measured | |", "|---|---|", *table, ""]).encode())
        print("\n".join(f"{name}: {value}" for name, value in results[part]), flush=True)


def _measure_vae(evaluation: Evaluation) -> Iterator[Row]:
    """Encode and decode: mean of per-picture dB, and beside it the dB of the mean error."""
    groups = {"held-out storyboard pictures": list(islice(drawn_pictures(HELD_OUT, 0), 64))}
    for kind, title in (("ink", "ink drawings"), ("photo", "photographs"), ("render", "renders")):
        files = sorted(evaluation.pictures.glob(f"{kind}-*.png")) if evaluation.pictures else []
        if files:
            groups[f"{title} that no training code drew"] = [
                np.asarray(Image.open(each).convert("RGB")) for each in files
            ]
    rows = []
    for title, pictures in groups.items():
        decoded = [_still(evaluation.vae, picture) for picture in pictures]
        yield f"VAE, {title} ({len(pictures)})", _decibels(zip(decoded, pictures, strict=True))
        rows += [(f"{title}: truth, decoded", each) for each in zip(pictures[:8], decoded[:8], strict=True)]
    contact_sheet(evaluation.out / "sheet-vae.png", rows, columns=2)
    errors, still = [], []
    for trial in draw_trials("vae", (*CAMERA_MOVES, *OBJECT_MOVES), 22, 1):
        truth = [trial.clip.frame(number) for number in range(trial.clip.frames)]
        decoded = evaluation.through_vae(trial.clip)
        errors.append(float(np.mean([psnr(*pair) for pair in zip(decoded, truth, strict=True)])))
        still.append((decoded, truth))
    everything = [pair for clip in still for pair in zip(*clip, strict=True)]
    yield "VAE, held-out clips (22 of 37 frames)", _decibels(everything)


def _measure_obedience(evaluation: Evaluation) -> Iterator[Row]:
    """Which move each shot shows, by warp search over every camera move at seven rates and static."""
    for sections in evaluation.lengths:
        found = list(_recognised(evaluation, CAMERA_MOVES, evaluation.shots, sections))
        exact = [trial.clip.motion.move == seen.move for trial, seen in found]
        same = [obeys(trial, seen) for trial, seen in found]
        name = f"obedience, {len(found)} shots of {sections} section{'s' if sections > 1 else ''}"
        yield f"{name}, dominant motion as asked", f"{np.mean(same):.1%}"
        yield f"{name}, dolly told from zoom as well", f"{np.mean(exact):.1%}"
        judged = list(zip(found, same, strict=True))
        missed = [f"{trial.clip.motion.move} seen as {seen.move}" for (trial, seen), right in judged if not right]
        yield f"{name}, missed", "; ".join(missed) or "none"
        for speed in Speed:
            rates = [seen.rate for (trial, seen), right in judged if right and trial.clip.motion.speed is speed]
            yield f"{name}, rate at {speed} (asked {speed.factor:g})", f"{np.mean(rates):.2f}" if rates else "none"
    still = list(_recognised(evaluation, (Move.STATIC,), max(6, evaluation.shots // 10), 1))
    yield f"static stays static ({len(still)} shots)", f"{np.mean([seen.move is Move.STATIC for _, seen in still]):.1%}"
    moved = list(_recognised(evaluation, OBJECT_MOVES, max(9, evaluation.shots // 4), 1, OBJECT_MOVES + CAMERA_MOVES))
    alone = [seen.move.of_object or seen.move is Move.STATIC for _, seen in moved]
    asked = [trial.clip.motion.move == seen.move for trial, seen in moved]
    yield f"object prompts move the object as asked ({len(moved)} shots)", f"{np.mean(asked):.1%}"
    yield "object prompts leave the camera alone", f"{np.mean(alone):.1%}"


def _measure_fidelity(evaluation: Evaluation) -> Iterator[Row]:
    """Closeness to the truth over the first section where the start is still visible, with floor and ceiling.

    Beside it how crisp the frames are: closeness alone could be had by blurring.
    """
    first, made, frozen, ceiling = [], [], [], []
    crisp: dict[str, list[float]] = {"truth": [], "made": [], "decoded": []}
    for trial in draw_trials("camera", CAMERA_MOVES, min(evaluation.shots, 48), 1):
        frames, decoded = evaluation.shot(trial), evaluation.through_vae(trial.clip)
        first.append(psnr(frames[0], trial.clip.first))
        for number, truth, where in still_visible(trial.clip):
            made.append(psnr(frames[number], truth, where))
            frozen.append(psnr(trial.clip.first, truth, where))
            ceiling.append(psnr(decoded[number], truth, where))
            for which, frame in (("truth", truth), ("made", frames[number]), ("decoded", decoded[number])):
                crisp[which].append(sharpness(frame))
    yield f"fidelity, frame 1 against the board ({len(first)} shots)", f"{np.mean(first):.1f} dB"
    yield "fidelity, still visible part over the first section", f"{np.mean(made):.1f} dB"
    yield "fidelity, the same for a frozen start frame", f"{np.mean(frozen):.1f} dB"
    yield "fidelity, the same for the truth through the VAE", f"{np.mean(ceiling):.1f} dB"
    for which, title in (("made", "of the shots"), ("decoded", "of the truth through the VAE")):
        share = np.sum(crisp[which]) / np.sum(crisp["truth"])
        yield f"sharpness {title}, over the truth's", f"{share:.2f}"


def _measure_distance(evaluation: Evaluation) -> Iterator[Row]:
    """Pans and tilts of obedience's shots, by how far the picture has moved: a token is 16 pixels wide."""
    made: dict[float, list[float]] = {}
    for trial in draw_trials("camera", CAMERA_MOVES, evaluation.shots, 1):
        if not trial.clip.motion.move.startswith(("pan", "tilt")):
            continue
        frames = evaluation.shot(trial)
        for number, truth, where in still_visible(trial.clip):
            moved = round(PAN * trial.clip.motion.speed.factor * number / FRAMES_PER_SECTION, 1)
            made.setdefault(moved, []).append(psnr(frames[number], truth, where))
    for moved, decibels in sorted(made.items()):
        yield f"still visible part, moved by {moved:g} pixels ({len(decibels)} frames)", f"{np.mean(decibels):.1f} dB"


def _measure_sections(evaluation: Evaluation) -> Iterator[Row]:
    """Shots of three sections at normal speed, section by section, in either direction."""
    sections = 3
    trials = list(draw_trials("far", _FAR_MOVES, max(6, evaluation.shots // 12), sections, (Speed.NORMAL,)))
    for order in (Order.INVERTED, Order.FORWARD):
        rows, found = [], []
        for trial in trials:
            settings = (("order", order),)
            frames = evaluation.shot(replace(trial, name=f"{trial.name}-{order}", settings=settings))
            rows.append((f"{order}: {trial.prompt}", frames))
            found.append(by_section(trial.clip, frames))
        contact_sheet(evaluation.out / f"sheet-far-{order}.png", rows, columns=8)
        for number, (decibels, crisp) in enumerate(np.nanmean(found, 0), 1):
            value = f"{decibels:.1f} dB, sharpness over the truth's {crisp:.2f}"
            yield f"still visible part, {order} order, section {number} of {sections} ({len(trials)} shots)", value


def _measure_foresight(evaluation: Evaluation) -> Iterator[Row]:
    """One look from pure noise, on held-out scenes and, where a bank is given, on those it was trained on."""
    pipeline = HunyuanVideoFramepackPipeline.from_pretrained(evaluation.model.path, torch_dtype=torch.float32)
    pipeline.to(choose_device(evaluation.device))
    spec = spec_of(evaluation.model)
    side = pipeline.image_encoder.config.image_size
    scenes = {"held-out": list(new_clips(StillEncoder(pipeline.vae), side))}
    if evaluation.bank:
        scenes["the bank's"] = list(as_new(read_bank(evaluation.bank)))
    for which, clips in scenes.items():
        found = foresight(pipeline, spec, clips)
        for group, moves in GROUPS.items():
            of = [found[move] for move in moves if move in found]
            name = f"foresight, {group}, {which} scenes, error over a held start's"
            yield name, f"{np.mean(of):.2f}" if of else "none"


def _measure_steps(evaluation: Evaluation) -> Iterator[Row]:
    """Eight steps beside sixteen, on the same shots."""
    for steps in (8, 16):
        made = []
        for trial in draw_trials("steps", CAMERA_MOVES, 24, 1):
            settled = Trial(f"{trial.name}-{steps}", trial.clip, trial.prompt, 1, trial.seed, (("steps", steps),))
            frames = evaluation.shot(settled)
            for number, truth, where in still_visible(trial.clip):
                made.append(psnr(frames[number], truth, where))
        yield f"still visible part at {steps} steps (24 shots)", f"{np.mean(made):.2f} dB"


def _measure_drift(evaluation: Evaluation) -> Iterator[Row]:
    """How far the last 15 % of a long shot is from its first 15 %, in three orders on the same boards.

    What a camera moves as asked is unlike the board too; shots that hold still are told apart for that.
    """
    sections, boards = 20, max(4, evaluation.shots // 25)
    trials = list(long_trials(boards, sections))
    drifts: dict[str, list[tuple[float, ...]]] = {}
    for order, schedule in _LONG_ORDERS.items():
        rows = []
        for trial in trials:
            settings = (("schedule", schedule),)
            frames = evaluation.shot(Trial(f"{trial.name}-{order}", trial.clip, trial.prompt, sections, 0, settings))
            drifts.setdefault(order, []).append(drift(frames, trial.clip.first))
            rows.append((f"{order}: {trial.prompt}", frames))
        contact_sheet(evaluation.out / f"sheet-drift-{order}.png", rows, columns=8)
    still = [trial.prompt == HOLD_STILL for trial in trials]
    for number, measure in enumerate(MEASURES):
        for which, counted in ((f"{boards} shots", [True] * boards), (f"the {sum(still)} that hold still", still)):
            of = {order: np.mean([each[number] for each in made], where=counted) for order, made in drifts.items()}
            found = ", ".join(f"{order} {value:.3f}" for order, value in of.items())
            yield f"drift of {measure}, {which} of {sections} sections", found


def _measure_speed(evaluation: Evaluation) -> Iterator[Row]:
    """A shot of four sections, 145 frames, from request to the last file, on two threads."""
    trial = next(draw_trials(f"speed-{time.time_ns()}", (Move.PAN_LEFT,), 1, 4))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    begun = time.perf_counter()
    evaluation.shot(trial)
    yield "a shot of 4 sections (145 frames) at 256x144, 8 steps, two threads", f"{time.perf_counter() - begun:.0f} s"
    torch.set_num_threads(threads)


_PARTS: Mapping[str, Callable[[Evaluation], Iterator[Row]]] = {
    "vae": _measure_vae,
    "pictures": measure_outside,
    "obedience": _measure_obedience,
    "fidelity": _measure_fidelity,
    "distance": _measure_distance,
    "sections": _measure_sections,
    "foresight": _measure_foresight,
    "steps": _measure_steps,
    "drift": _measure_drift,
    "speed": _measure_speed,
}
PARTS = tuple(_PARTS)


def _recognised(
    evaluation: Evaluation, moves: tuple[Move, ...], count: int, sections: int, tried: tuple[Move, ...] = CAMERA_MOVES
) -> Iterator[tuple[Trial, Recognised]]:
    """Shoot `count` trials and say what each shows; writes their contact sheet."""
    kind = "static" if moves == (Move.STATIC,) else "object" if moves[0].of_object else "camera"
    for trial, _, seen in evaluation.recognised(
        draw_trials(kind, moves, count, sections), f"{kind}-{sections}", _SHEET_ROWS, tried
    ):
        yield trial, seen


@torch.inference_mode()
def _still(vae: AutoencoderKLHunyuanVideo, picture: Picture) -> Picture:
    """A picture after encoding and decoding."""
    pixels = torch.from_numpy(to_signed(picture[None])).unsqueeze(2)
    decoded = vae.decode(vae.encode(pixels).latent_dist.mode()).sample
    return as_pictures(decoded.squeeze(2))[0]


def _decibels(pairs: object) -> str:
    values = np.array([psnr(one, other) for one, other in pairs])  # type: ignore[attr-defined]
    return f"{values.mean():.1f} dB ({-10 * np.log10(np.mean(10 ** (-values / 10))):.1f} dB of the mean error)"
