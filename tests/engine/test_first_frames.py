"""A section's first frames are final, on disk and told before its last ones are decoded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLHunyuanVideo
from PIL import Image

from engine.events import Event, Frames, Section
from engine.framepack.decoding import DecodePlan
from engine.framepack.grid import Grid, Seam
from engine.framepack.seams import Seams
from engine.generation.job import prepare, run
from engine.inference.hunyuan.faded_clips import faded_clips
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.protocol import Board, ShotRequest
from tests.engine.checkpoints import BOARD, TINY

OVERLAP, HEAD = 2, 3
SHOWN = 4 * (HEAD - 1) + 1
"""Frames of a head."""


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "causal"
    shutil.copytree(TINY, folder)
    (folder / "shotpack.json").write_text(json.dumps({"seam": "causal", "overlap": OVERLAP, "head": HEAD}))
    return folder


def begin(model: Path, folder: Path, frames: int = 73, **more: object) -> Iterator[Event]:
    board = open_board(BOARD)
    request = ShotRequest(
        *(str(model), "w5 w2 w81", (Board(1, board.sha256),)),
        **{"frames": frames, "width": 64, "height": 64, "steps": 2, "order": "forward"} | more,
    )
    pictures = {board.sha256: board}
    prepared = prepare(request, pictures, open_folder(model), "cpu", folder)
    return run(prepared, pictures, resume=True, save_latents=folder / "latents.safetensors")


def pixels_of(shot: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in sorted((shot / "frames").glob("*.png"))])


def names(frames: range) -> tuple[str, ...]:
    return tuple(f"frames/{frame:04d}.png" for frame in frames)


def test_the_head_of_a_causal_shot_is_told_as_soon_as_it_is_there(causal: Path, tmp_path: Path) -> None:
    folder, told = tmp_path / "shot", []
    for event in begin(causal, folder):
        if isinstance(event, (Frames, Section)):
            told.append(event)
            assert all((folder / name).is_file() for name in event.files)
        if isinstance(event, Frames):
            assert len(list((folder / "frames").iterdir())) == len(event.files)
            assert not list((folder / "checkpoint").glob("seam-*")), "the section is not committed"
    head, *sections = told
    assert head == Frames(0, names(range(1, SHOWN + 1)))
    assert [section.files for section in sections] == [names(range(1, 38)), names(range(38, 74))]


def test_head_and_rest_are_what_the_decoder_shows_of_their_latents(causal: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    list(begin(causal, tmp_path / "shot", frames=37))
    latents = load_file(tmp_path / "shot" / "latents.safetensors")["latents"]
    vae = AutoencoderKLHunyuanVideo.from_pretrained(TINY / "vae")
    vae.use_framewise_decoding = False
    shown = []
    with torch.inference_mode():
        for clip, lead in ((latents[:, :, :HEAD], 0), (latents[:, :, HEAD - OVERLAP :], 4 * OVERLAP - 3)):
            pixels = vae.decode(clip / vae.config.scaling_factor, return_dict=False)[0][0].permute(1, 2, 3, 0)
            shown.append(((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()[lead:])
    difference = np.abs(np.concatenate(shown).astype(int) - pixels_of(tmp_path / "shot"))
    assert difference.max() <= 1


@pytest.mark.parametrize("model", ["causal", "blended"])
def test_stopped_behind_its_first_frames_a_shot_goes_on_to_the_same(model: str, causal: Path, tmp_path: Path) -> None:
    path = causal if model == "causal" else TINY
    frames = 73 if model == "causal" else 37
    whole = [event for event in begin(path, tmp_path / "whole", frames) if isinstance(event, Section)]
    folder = tmp_path / "stopped"
    with closing(begin(path, folder, frames)) as events:  # type: ignore[type-var]
        next(event for event in events if isinstance(event, Frames))
    there = {file: file.read_bytes() for file in (folder / "frames").iterdir()}
    assert 0 < len(there) < 37
    again = list(begin(path, folder, frames))
    assert [event for event in again if isinstance(event, Section)] == whole
    assert not any(event.event == "step" and event.section == 0 for event in again), "it was sampled"
    assert np.array_equal(pixels_of(folder), pixels_of(tmp_path / "whole"))
    assert all(file.read_bytes() == data for file, data in there.items())


def test_a_shot_that_was_begun_without_a_head_goes_on_without(causal: Path, tmp_path: Path) -> None:
    """Or with another overlap: its folder says so; one that says nothing was begun with two latents, and no head."""
    facts = causal / "shotpack.json"
    now = facts.read_text()
    try:
        facts.write_text(json.dumps({"seam": "causal", "overlap": OVERLAP}))
        list(begin(causal, tmp_path / "before"))
        with closing(begin(causal, tmp_path / "begun")) as events:  # type: ignore[type-var]
            next(event for event in events if event.event == "step")
        path = tmp_path / "begun" / "checkpoint" / "request.json"
        stored = json.loads(path.read_bytes())
        assert (stored["model"].pop("overlap"), stored["model"].pop("head")) == ("2", "0")
        path.write_text(json.dumps(stored))
        facts.write_text(json.dumps({"seam": "causal", "overlap": 3, "head": HEAD}))
        assert not any(isinstance(event, Frames) for event in begin(causal, tmp_path / "begun"))
        assert np.array_equal(pixels_of(tmp_path / "begun"), pixels_of(tmp_path / "before"))
        with closing(begin(causal, tmp_path / "later")) as events:  # type: ignore[type-var]
            next(event for event in events if event.event == "step")
    finally:
        facts.write_text(now)
    assert any(isinstance(event, Frames) for event in begin(causal, tmp_path / "later"))
    begun = json.loads((tmp_path / "later" / "checkpoint" / "request.json").read_bytes())["model"]
    assert (begun["overlap"], begun["head"]) == ("3", str(HEAD))


def test_where_clips_fade_each_is_told_once_the_next_cannot_change_it(tmp_path: Path) -> None:
    told = [event.files for event in begin(TINY, tmp_path / "one", 37, order="inverted") if isinstance(event, Frames)]
    assert told == [names(range(1, 14)), names(range(14, 26))]
    # The last section, made first, fades into the one before; its gap is settled with its neighbour.
    assert not [event for event in begin(TINY, tmp_path / "two", 73, order="inverted") if isinstance(event, Frames)]


@pytest.mark.parametrize("tiles", [False, True])
@torch.inference_mode()
def test_faded_clips_are_diffusers_own_decode_to_the_bit(tiles: bool) -> None:
    vae = AutoencoderKLHunyuanVideo.from_pretrained(TINY / "vae").eval()
    if tiles:
        vae.enable_tiling(64, 64, tile_sample_stride_height=48, tile_sample_stride_width=48)
    for count in (1, 2, 4, 5, 6, 7, 9, 10, 11, 19):
        latents = torch.randn(1, 16, count, 10, 9, generator=torch.Generator().manual_seed(count))
        vae.use_framewise_decoding = True
        whole = vae.decode(latents, return_dict=False)[0]
        vae.use_framewise_decoding = False
        pieces = list(faded_clips(vae, latents))
        assert torch.equal(torch.cat(pieces, dim=2), whole)
        assert len(pieces) == (1 if count <= 4 else -(-(count - 1) // 3))


PLANS = {
    "final": (Grid(9, 4, Seam.CAUSAL, 2), DecodePlan(range(10), None, None, (range(37),), ())),
    "some provisional": (
        Grid(9, 4, Seam.CAUSAL, 2),
        DecodePlan(range(10, 19), None, None, (range(45, 73),), (range(40, 45),)),
    ),
    "two blocks": (
        Grid(9, 4, Seam.CAUSAL, 2),
        DecodePlan(range(8, 19), None, None, (range(37, 40), range(40, 73)), ()),
    ),
    "cut": (Grid(9, 4, Seam.CUT), DecodePlan(range(10, 19), None, None, (range(33, 66),), ())),
    "blended": (
        Grid(9, 4, Seam.BLEND),
        DecodePlan(range(10, 28), range(40, 73), None, (range(40, 73), range(73, 76)), (range(76, 109),)),
    ),
}


@pytest.mark.parametrize("plan", PLANS)
def test_joined_piece_by_piece_a_clip_is_as_joined_at_once(plan: str) -> None:
    grid, decode = PLANS[plan]
    count = 33 if grid.seam is Seam.CUT else 4 * (len(decode.latents) - 1) + 1
    generator = torch.Generator().manual_seed(1)
    clip = torch.rand(1, 3, count, 2, 2, generator=generator)
    waiting = {40: torch.rand(1, 3, 33, 2, 2, generator=generator)} if decode.blend_before else {}

    def joined(*sizes: int) -> tuple[dict[int, torch.Tensor], dict[int, torch.Tensor], list[int]]:
        seams = Seams(grid, waiting)
        frames, after = {}, []
        for final in seams.join(decode, torch.split(clip, sizes, dim=2)):
            for first, pixels in final:
                frames |= {first + number: pixels[:, :, number] for number in range(pixels.shape[2])}
            after.append(len(frames))
        return frames, seams.waiting, after

    whole, kept, _ = joined(count)
    assert set(whole) == {frame for block in decode.final for frame in block}
    for sizes in ((1, count - 1), (7, 9, count - 16), (1,) * count):
        frames, still, after = joined(*sizes)
        assert frames.keys() == whole.keys()
        assert all(torch.equal(frames[frame], whole[frame]) for frame in whole)
        assert still.keys() == kept.keys() == {block.start for block in decode.provisional}
        assert all(torch.equal(still[start], kept[start]) for start in kept)
        assert after[-1] == len(whole)
        if plan in ("final", "cut"):
            assert after == [sum(sizes[: number + 1]) for number in range(len(sizes))]
