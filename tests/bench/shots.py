"""The same shot made by Shotpack and by diffusers' pipeline, for the benchmarks; as a script, one of them alone."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import torch
from diffusers import HunyuanVideoFramepackPipeline
from PIL import Image

from engine.generation.job import prepare, run
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.protocol import Board, ShotRequest

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
MODEL = FIXTURES / "tiny-framepack"
BOARD = FIXTURES / "board.png"
MEMORY_SIZE = 96
MEMORY_STEPS = 2


def make_shotpack(folder: Path, frames: int, size: int, steps: int, watched: bool = False, **settings: object) -> Path:
    """A shot through the path of the command line; the file with its latents."""
    board = open_board(BOARD)
    request = ShotRequest(
        model=str(MODEL),
        prompt="w5 w2 w81",
        boards=(Board(1, board.sha256),),
        frames=frames,
        width=size,
        height=size,
        steps=steps,
        **{"solver": "euler"} | settings,  # type: ignore[arg-type]
    )
    job = prepare(request, {board.sha256: board}, open_folder(MODEL), "cpu", folder)
    latents = folder / "latents.safetensors" if settings else None
    for _ in run(job, {board.sha256: board}, resume=False, watched=watched, save_latents=latents):
        pass
    return folder / "latents.safetensors"


def make_diffusers(sections: int, size: int, steps: int) -> None:
    """The same sections through diffusers' pipeline, decoded to pixels."""
    pipeline = HunyuanVideoFramepackPipeline.from_pretrained(MODEL)
    pipeline.set_progress_bar_config(disable=True)
    pipeline(
        image=Image.open(BOARD).convert("RGB"),
        prompt="w5 w2 w81",
        num_frames=33 * sections,
        width=size,
        height=size,
        num_inference_steps=steps,
        guidance_scale=10.0,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    )


def shotpack_seconds(folder: Path, sections: int, size: int, steps: int) -> float:
    began = time.monotonic()
    make_shotpack(folder / f"{sections}", 36 * sections + 1, size, steps)
    return time.monotonic() - began


def diffusers_seconds(folder: Path, sections: int, size: int, steps: int) -> float:
    began = time.monotonic()
    make_diffusers(sections, size, steps)
    return time.monotonic() - began


def model_share(folder: Path, sections: int, size: int, steps: int, watched: bool) -> tuple[float, float]:
    """(wall seconds from the first step on, seconds of those spent inside transformer and VAE)."""
    from engine.inference.hunyuan.family import HunyuanFramePack

    inside = 0.0
    began: list[float] = []

    def timed(function):  # type: ignore[no-untyped-def]
        def wrapper(*args, **kwargs):  # type: ignore[no-untyped-def]
            nonlocal inside
            start = time.monotonic()
            began.append(start)
            result = function(*args, **kwargs)
            inside += time.monotonic() - start
            return result

        return wrapper

    begin, decode = HunyuanFramePack.begin, HunyuanFramePack.decode
    try:
        HunyuanFramePack.decode = timed(decode)  # type: ignore[method-assign]
        HunyuanFramePack.begin = lambda *a: timed(begin(*a))  # type: ignore[method-assign, assignment]
        make_shotpack(folder, 36 * sections + 1, size, steps, watched)
    finally:
        HunyuanFramePack.begin, HunyuanFramePack.decode = begin, decode  # type: ignore[method-assign]
    return time.monotonic() - began[0], inside


def main() -> None:
    who, folder, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(2)
    frames = 30 * seconds
    if who == "shotpack":
        make_shotpack(folder, frames, MEMORY_SIZE, MEMORY_STEPS)
    else:
        make_diffusers(-(-(frames - 1) // 36), MEMORY_SIZE, MEMORY_STEPS)
    print(json.dumps({"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
