"""Helios against diffusers' own pipelines: latents and frames, for every release, start and guidance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import HeliosPipeline, HeliosPyramidPipeline
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image, ImageOps

from engine.events import Section
from tests.engine.checkpoints import BOARD
from tests.engine.conftest import MadeShot, MakeShot
from tests.engine.helios_checkpoints import Kind, make_helios
from tests.engine.oracle import relative_error

SIDE = 64
SECTIONS = 3
SEED, PROMPT, NEGATIVE = 11, "w7 w300 w4 w9", "w90 w91"
STARTS = ("text", "board", "clip")
STEPS: dict[str, int] = {"base": 3, "mid": 9, "distilled": 6}


@contextmanager
def diffusers_noise_on_any_processor() -> Iterator[None]:
    """diffusers factors a matrix that float32 can't hold; where a processor's rounding refuses it, float64 does it."""
    factored = torch.linalg.cholesky

    def cholesky(matrix: torch.Tensor) -> torch.Tensor:
        try:
            return factored(matrix)
        except torch.linalg.LinAlgError:
            double = matrix.double().round(decimals=6)
            third = double.where(double.abs() > 0.5, -torch.ones_like(double) / 3)
            return factored(third + torch.eye(len(third), dtype=torch.float64) * 1e-8).float()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.linalg, "cholesky", cholesky)
        yield


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("helios")
    kinds: tuple[Kind, ...] = ("base", "mid", "distilled")
    return {kind: make_helios(root / kind, seed=7, kind=kind) for kind in kinds}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_clip(tmp_path_factory.mktemp("clip"))


def write_clip(folder: Path) -> list[Path]:
    """A movie's frames, a few more than two sections take: a bright square walks over noise."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(2).integers(0, 120, (SIDE, SIDE, 3), dtype=np.uint8)
    paths = []
    for frame in range(70):
        picture = noise.copy()
        picture[20:40, frame % 40 : frame % 40 + 16] = 250
        paths.append(folder / f"{frame:03d}.png")
        Image.fromarray(picture).save(paths[-1])
    return paths


def diffusers_shot(
    model: Path, kind: str, start: str, clip: list[Path], guidance: float, output: str
) -> torch.Tensor | np.ndarray:
    """The same shot by diffusers' pipeline, starts encoded to the posterior mean as Shotpack does."""
    pipeline: Any = (HeliosPipeline if kind == "base" else HeliosPyramidPipeline).from_pretrained(model)
    pipeline.set_progress_bar_config(disable=True)
    # CFG-Zero* in diffusers 0.42.1 takes a view of what the transformer hands over, which need not lie in one piece.
    pipeline.transformer.register_forward_hook(lambda *call: tuple(each.contiguous() for each in call[2]))
    settings: dict[str, Any] = {}
    if kind == "base":
        settings["num_inference_steps"] = STEPS[kind]
    else:
        settings["pyramid_num_inference_steps_list"] = [STEPS[kind] // 3] * 3
        settings["is_amplify_first_chunk"] = kind == "distilled"
    if start == "board":
        board = Image.open(BOARD).convert("RGB")
        settings["image"] = ImageOps.fit(board, (SIDE, SIDE), Image.Resampling.LANCZOS)
    elif start == "clip":
        settings["video"] = [Image.open(path).convert("RGB") for path in clip]
    with pytest.MonkeyPatch.context() as patch, diffusers_noise_on_any_processor():
        patch.setattr(DiagonalGaussianDistribution, "sample", lambda self, generator=None: self.mode())
        result = pipeline(
            prompt=PROMPT,
            negative_prompt=NEGATIVE,
            width=SIDE,
            height=SIDE,
            num_frames=33 * SECTIONS,
            guidance_scale=guidance,
            generator=torch.Generator().manual_seed(SEED),
            output_type=output,
            **settings,
        )
    frames: torch.Tensor | np.ndarray = result.frames if output == "latent" else result.frames[0]
    return frames


def make(make_shot: MakeShot, model: Path, kind: str, start: str, clip: list[Path], guidance: float) -> MadeShot:
    return make_shot(
        33 * SECTIONS,
        model=model,
        prompt=PROMPT,
        negative=NEGATIVE,
        start=BOARD if start == "board" else None,
        clip=clip if start == "clip" else (),
        size=(SIDE, SIDE),
        steps=STEPS[kind],
        seed=SEED,
        guidance=guidance,
    )


@pytest.mark.usefixtures("latents_only")
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    ("kind", "guidance"), [("base", 1.0), ("base", 4.0), ("mid", 1.0), ("mid", 4.0), ("distilled", 1.0)]
)
def test_latents_equal_diffusers(
    make_shot: MakeShot, models: dict[str, Path], clip: list[Path], kind: str, start: str, guidance: float
) -> None:
    shot = make(make_shot, models[kind], kind, start, clip, guidance)
    wanted = diffusers_shot(models[kind], kind, start, clip, guidance, "latent")
    assert isinstance(wanted, torch.Tensor)
    assert shot.latents.shape[2] == {"text": 0, "board": 1, "clip": 18}[start] + 9 * SECTIONS
    assert relative_error(shot.latents, wanted) < 1e-4


@pytest.mark.parametrize("kind", ["base", "distilled"])
def test_frames_equal_diffusers_and_are_final_at_once(
    make_shot: MakeShot, models: dict[str, Path], clip: list[Path], kind: str
) -> None:
    shot = make(make_shot, models[kind], kind, "board", clip, 1.0)
    wanted = diffusers_shot(models[kind], kind, "board", clip, 1.0, "np")
    got = np.stack([np.asarray(Image.open(path)) for path in shot.frames])
    assert got.shape == (33 * SECTIONS, SIDE, SIDE, 3)
    # diffusers cuts its movie to 4n + 1 frames; PNGs hold whole numbers.
    assert np.abs(got[: len(wanted)].astype(float) - np.asarray(wanted) * 255).max() <= 0.5 + 255e-4
    sections = [event for event in shot.events if isinstance(event, Section)]
    assert [(event.first, event.count, event.provisional) for event in sections] == [
        (1, 33, ()),
        (34, 33, ()),
        (67, 33, ()),
    ]
