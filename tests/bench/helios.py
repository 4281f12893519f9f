"""Helios: memory over the length of a shot, and with --gpu frames a second of the true-size distilled model.

Beside diffusers' own pipeline and beside FramePack in the same run. Only the reading of weights is replaced, by random
numbers; without a GPU small nets show that it runs.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from diffusers import HeliosDMDScheduler, HeliosPyramidPipeline
from safetensors.torch import load_file

from engine.framepack.history import History
from engine.framepack.layout import NO_LEAD
from engine.framepack.packing import Order, parse
from engine.framepack.plan import ShotPlan, plan_shot
from engine.framepack.solvers.base import Solver
from engine.generation.job import prepare, run
from engine.generation.open_family import extent_of
from engine.inference.family import Denoising, TextCondition
from engine.inference.helios.family import Helios
from engine.inference.helios.spec import HELIOS_DISTILLED
from engine.inference.hunyuan.family import HunyuanFramePack
from engine.inference.hunyuan.spec import RELEASED
from engine.inference.memory.placement import ALL_KEPT, GIB, Room, place
from engine.inference.registry import Families
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.protocol import Board, ShotRequest
from tests.bench import true_size
from tests.bench.table import Row
from tests.engine.checkpoints import BOARD
from tests.engine.helios_checkpoints import make_helios
from tests.engine.oracle import relative_error
from tests.engine.released import helios_folders, released_folders
from tests.engine.test_helios import (
    NEGATIVE,
    PROMPT,
    SECTIONS,
    SEED,
    SIDE,
    STARTS,
    STEPS,
    diffusers_noise_on_any_processor,
    diffusers_shot,
    write_clip,
)

ROOT = Path(__file__).resolve().parent.parent.parent
SIZE = 64
CAPS = (12, 24)
"""GB of the card that the process may take, beside all of it."""
_CUT_DOWN: dict[str, dict[str, object]] = {
    "transformer": {"num_attention_heads": 2, "ffn_dim": 64, "num_layers": 1},
    "vae": {"base_dim": 8, "num_res_blocks": 1},
}


def accuracy(folder: Path, quick: bool) -> list[Row]:
    """Relative errors (norm of the difference over the norm) of whole shots' latents, three sections, every start."""
    rows = []
    clip = write_clip(folder / "clip")
    board = open_board(BOARD)
    for kind, guidance in (("distilled", 1.0),) if quick else (("base", 4.0), ("mid", 4.0), ("distilled", 1.0)):
        model = make_helios(folder / f"accuracy-{kind}", seed=7, kind=kind)
        for start in STARTS:
            before = [open_board(path) for path in clip] if start == "clip" else []
            request = ShotRequest(
                str(model),
                PROMPT,
                (Board(1, board.sha256),) if start == "board" else (),
                frames=33 * SECTIONS,
                width=SIDE,
                height=SIDE,
                steps=STEPS[kind],
                seed=SEED,
                guidance=guidance,
                negative=NEGATIVE,
                clip=tuple(picture.sha256 for picture in before),
            )
            pictures = {picture.sha256: picture for picture in (board, *before)}
            out = folder / f"{kind}-{start}"
            job = prepare(request, pictures, open_folder(model), "cpu", out)
            for _ in run(job, pictures, resume=False, watched=False, save_latents=out / "latents.safetensors"):
                pass
            theirs = diffusers_shot(model, kind, start, clip, guidance, "latent")
            error = relative_error(load_file(out / "latents.safetensors")["latents"], torch.as_tensor(theirs))
            name = f"Helios {kind} from {start}, guidance {guidance:g}, {SECTIONS} sections, against diffusers"
            rows.append(Row(name, f"{error:.1e}", "", "1e-4"))
    return rows


def memory(folder: Path, quick: bool) -> list[Row]:
    """Peak resident memory of a whole process for shots of 5, 20 and 60 s, tiny distilled checkpoint."""
    rows, first = [], {"shotpack": 0.0, "diffusers": 0.0}
    model = make_helios(folder / "helios", seed=1, kind="distilled")
    for seconds in (5, 10) if quick else (5, 20, 60):
        figures = {}
        for who in first:
            command = [sys.executable, "-m", "tests.bench.helios", who, str(model), str(folder / f"h{seconds}")]
            result = subprocess.run([*command, str(seconds)], cwd=ROOT, capture_output=True, text=True, check=True)
            peak = json.loads(result.stdout.splitlines()[-1])["peak_mib"]
            first[who] = first[who] or peak
            figures[who] = f"{peak:.0f} MiB ({100 * (peak / first[who] - 1):+.1f} %)"
        wanted = "" if seconds == 5 else "under +5 %"
        name = f"Helios: peak memory, {seconds} s shot, {SIZE}x{SIZE}"
        rows.append(Row(name, figures["shotpack"], figures["diffusers"], wanted))
    return rows


@torch.inference_mode()
def frames_a_second(folder: Path, quick: bool) -> list[Row]:
    """Frames a second of the distilled model at 640x384 under each cap; diffusers and FramePack with all the card."""
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    whole = on_gpu and not quick
    width, height = (640, 384) if whole else (64, 64)
    folders = helios_folders(folder / "helios-released")
    layers = true_size.TRUE_LAYERS if whole else (1, 1)
    plan = _plan()
    rows = []
    with true_size.random_weights(layers, {} if whole else _CUT_DOWN):
        for cap in (*CAPS, 0) if on_gpu else (0,):
            placement, said = ALL_KEPT, "everything stays on the device"
            if on_gpu:
                Families().close()
                total = torch.cuda.get_device_properties(0).total_memory
                torch.cuda.set_per_process_memory_fraction(min(1.0, cap * GIB / total) if cap else 1.0)
                torch.cuda.reset_peak_memory_stats()
            if cap:
                extent = extent_of(plan.made, HELIOS_DISTILLED, HELIOS_DISTILLED.window, (width, height))
                placed = place(
                    Helios.demand(folders, HELIOS_DISTILLED, extent, device), Room("cuda", cap * GIB, 96 * GIB)
                )
                placement, said = placed.placement, true_size.described(placed)
            family = Helios(folders, HELIOS_DISTILLED, device, placement=placement)
            seconds = _section_seconds(family, plan, width, height)
            peak = f", peak {torch.cuda.max_memory_allocated() / GIB:.2f} GiB" if on_gpu else ""
            name = f"Helios Distilled, {width}x{height}, {f'{cap} GB' if cap else 'all the memory'}: {said}"
            theirs = "" if cap else f"{33 / _diffusers_seconds(family, width, height):.2f} frames a second"
            rows.append(
                Row(name, f"{33 / seconds:.2f} frames a second{peak}", theirs, f"under {cap} GB" if cap else "")
            )
            del family
    with true_size.random_weights(layers):
        size = true_size.Size(layers, height, width)
        framepack = HunyuanFramePack(released_folders(folder / "framepack-released"), RELEASED, device)
        step, decode = true_size.section_seconds(framepack, size, true_size.sections(5)[1])
        a_second = 36 / (RELEASED.steps * step + decode)
        rows.append(Row(f"FramePack, {width}x{height}, all the memory, 25 steps", f"{a_second:.3f} frames a second"))
    return rows


def _plan() -> ShotPlan:
    spec = HELIOS_DISTILLED
    grid = spec.grid()
    return plan_shot(165, grid=grid, schedule=parse(spec.schedules[Order.FORWARD]), boards=(), lead=NO_LEAD)


def _section_seconds(family: Helios, plan: ShotPlan, width: int, height: int) -> float:
    """Seconds of the second section of `plan`, decoded; its history is noise."""
    spec, planned = family.spec, plan.made[1]

    class _Noise(History):
        def _latent(self, number: int) -> torch.Tensor:
            return torch.randn(spec.latent_shape(1, height, width))

    context = _Noise(plan, {}, torch.zeros(spec.latent_shape(1, height, width))).context(planned)
    text = TextCondition({"embeds": torch.randn(1, spec.prompt_tokens, 4096)})
    denoising = Denoising(
        context, text, None, None, 1.0, 1.0, number=planned.number, solver=Solver.DMD, steps=spec.steps
    )
    noise = torch.randn(spec.latent_shape(spec.window, height, width))

    def make() -> None:
        for denoised in family.denoise(denoising, noise, torch.Generator().manual_seed(0)):
            latents = denoised.latents
        family.decode(latents.cpu())

    make()  # brings the weights
    return true_size.timed(family.device, make)


def _diffusers_seconds(family: Helios, width: int, height: int) -> float:
    """Seconds that one more section takes diffusers' pipeline."""
    dtype = family._dtypes()[0]
    pipeline = HeliosPyramidPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=family._vae(),
        scheduler=HeliosDMDScheduler.from_pretrained(family._components["scheduler"]),
        transformer=family._transformer(),
        is_distilled=True,
    )
    pipeline.set_progress_bar_config(disable=True)
    embeds = torch.randn(1, family.spec.prompt_tokens, 4096, device=family.device, dtype=dtype)

    def make(sections: int) -> None:
        with diffusers_noise_on_any_processor():
            pipeline(
                prompt_embeds=embeds,
                width=width,
                height=height,
                num_frames=33 * sections,
                pyramid_num_inference_steps_list=[2, 2, 2],
                guidance_scale=1.0,
                generator=torch.Generator().manual_seed(0),
                output_type="pt",
            )

    make(1)
    more, less = (true_size.timed(family.device, lambda count=count: make(count)) for count in (3, 1))
    return (more - less) / 2


def main() -> None:
    who, model, folder, seconds = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(2)
    frames = 24 * seconds
    if who == "shotpack":
        request = ShotRequest(str(model), "w5 w2 w81", (), frames=frames, width=SIZE, height=SIZE, steps=3)
        job = prepare(request, {}, open_folder(model), "cpu", folder)
        for _ in run(job, {}, resume=False, watched=False):
            pass
    else:
        pipeline: Any = HeliosPyramidPipeline.from_pretrained(model)
        pipeline.set_progress_bar_config(disable=True)
        with diffusers_noise_on_any_processor():
            pipeline(
                prompt="w5 w2 w81",
                width=SIZE,
                height=SIZE,
                num_frames=frames,
                pyramid_num_inference_steps_list=[1, 1, 1],
                guidance_scale=1.0,
                generator=torch.Generator().manual_seed(0),
            )
    print(json.dumps({"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
