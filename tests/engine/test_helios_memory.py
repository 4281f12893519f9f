"""What the placement policy says of Helios at its true size is true of its real classes; frames do not depend on it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLWan, HeliosTransformer3DModel
from torch._subclasses.fake_tensor import unset_fake_temporarily

from engine.generation import open_family
from engine.inference.helios.family import Helios
from engine.inference.helios.guided import without_tokens
from engine.inference.helios.memory import helios_demand
from engine.inference.helios.spec import HELIOS_DISTILLED
from engine.inference.memory.placement import GIB, TILE, Demand, Extent, Placed, Placement, Room, Stay, place
from tests.engine.conftest import MakeShot
from tests.engine.helios_checkpoints import make_helios
from tests.engine.live_memory import no_data, working_bytes
from tests.engine.oracle import relative_error
from tests.engine.released import helios_folders


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return helios_folders(tmp_path_factory.mktemp("helios"))


def tokens_of(width: int, height: int) -> int:
    """11 frames at full size, 2 at half, 16 at a quarter: as released FramePack's (paper, packing)."""
    rows, columns = height // 8, width // 8
    return 11 * (rows // 2) * (columns // 2) + -(-rows // 4) * -(-columns // 4) + 4 * -(-rows // 8) * -(-columns // 8)


def helios_inputs(
    width: int, height: int, coarser: int = 1, short: tuple[int, ...] = (0, 19)
) -> dict[str, torch.Tensor]:
    """What the transformer is given of a section at 1 / `coarser` of its size."""
    rows, columns = height // 8, width // 8
    inputs = {
        "hidden_states": torch.empty(1, 16, 9, rows // coarser, columns // coarser),
        "timestep": torch.empty(1),
        "encoder_hidden_states": torch.empty(1, 512, 4096),
        "indices_hidden_states": torch.arange(20, 29)[None],
    }
    for name, indices in {"short": short, "mid": (17, 18), "long": tuple(range(1, 17))}.items():
        inputs[f"indices_latents_history_{name}"] = torch.tensor([indices])
        inputs[f"latents_history_{name}"] = torch.empty(1, 16, len(indices), rows, columns)
    return inputs


def demand_of(folders: dict[str, Path], width: int = 640, height: int = 384) -> Demand:
    extent = Extent(width, height, tokens_of(width, height), latents=9)
    return Helios.demand(folders, HELIOS_DISTILLED, extent, torch.device("cuda"))


def test_weights_of_the_released_models(released: dict[str, Path]) -> None:
    """14 billion numbers in 16 bits, UMT5-XXL's encoder of 5.7 billion, and the blocks' closed form."""
    demand = demand_of(released)
    width, inner = 40 * 128, 13_824
    assert 14.0e9 < demand.transformer.weights / 2 < 14.6e9
    assert 5.5e9 < demand.encoders["text_encoder"].weights / 2 < 5.9e9
    # Self-attention and cross-attention (4 each) in units of width squared, and the feed-forward.
    assert demand.transformer.block / 2 == pytest.approx(8 * width**2 + 2 * width * inner, rel=1e-3)


@pytest.mark.parametrize(
    ("gigabytes", "encoders", "transformer", "tile"),
    [
        (6, Stay.STREAMED, Stay.STREAMED, TILE),
        (12, Stay.STREAMED, Stay.STREAMED, 0),
        (24, Stay.IN_TURN, Stay.STREAMED, 0),
        (48, Stay.KEPT, Stay.KEPT, 0),
    ],
    ids=lambda each: str(each),
)
def test_tiers(released: dict[str, Path], gigabytes: int, encoders: Stay, transformer: Stay, tile: int) -> None:
    placed = place(demand_of(released), Room("cuda", gigabytes * GIB, 96 * GIB))
    assert placed.fits
    assert (placed.placement.encoders, placed.placement.transformer) == (encoders, transformer)
    assert placed.placement.tile == tile
    assert placed.peak < 0.95 * gigabytes * GIB


@pytest.mark.parametrize(
    ("width", "height", "dtype"),
    [(640, 384, torch.bfloat16), (384, 640, torch.float32), (768, 512, torch.bfloat16)],
    ids=str,
)
def test_working_memory_of_the_blocks(released: dict[str, Path], width: int, height: int, dtype: torch.dtype) -> None:
    demand = helios_demand(
        released,
        HELIOS_DISTILLED,
        Extent(width, height, tokens_of(width, height), 9),
        transformer_bytes=dtype.itemsize,
        encoder_bytes=2,
        vae_bytes=4,
    )
    with no_data(dtype, autocast=True):
        transformer = HeliosTransformer3DModel(num_layers=1).eval()
        inputs = helios_inputs(width, height)
        counted = working_bytes(lambda: transformer(**inputs, return_dict=False))
    assert demand.transformer.work == pytest.approx(counted, rel=0.05)


@pytest.mark.parametrize("left_out", [0, 1], ids=["all seen", "one token not"])
@pytest.mark.parametrize(("width", "height", "dtype"), [(640, 384, torch.bfloat16), (384, 640, torch.float32)], ids=str)
def test_working_memory_of_guided_blocks(
    released: dict[str, Path], width: int, height: int, dtype: torch.dtype, left_out: int
) -> None:
    """The coarsest stage sees nine latents more at full size; it takes most where next to no token is left out."""
    extent = Extent(width, height, tokens_of(width, height), 9, led=9)
    predicted = helios_demand(
        released, HELIOS_DISTILLED, extent, transformer_bytes=dtype.itemsize, encoder_bytes=2, vae_bytes=4
    ).transformer.work
    plain = helios_demand(
        released,
        HELIOS_DISTILLED,
        replace(extent, led=0),
        transformer_bytes=dtype.itemsize,
        encoder_bytes=2,
        vae_bytes=4,
    ).transformer.work
    kept = torch.ones(tokens_of(width, height), dtype=torch.bool)  # two and nine frames at full size, and the rest
    kept[:left_out] = False
    with ExitStack() as hooks, no_data(dtype, autocast=True):
        transformer = HeliosTransformer3DModel(num_layers=2).eval()
        with unset_fake_temporarily():
            hooks.enter_context(without_tokens(transformer.blocks, kept))
        inputs = helios_inputs(width, height, coarser=4, short=(0, 19, *range(20, 29)))
        counted = working_bytes(lambda: transformer(**inputs, return_dict=False))
    assert predicted == pytest.approx(counted, rel=0.05)
    assert 1 < predicted / plain < 1.15


@pytest.mark.parametrize(("width", "height", "tile"), [(640, 384, 0), (384, 320, 256), (320, 192, 128)])
def test_working_memory_of_the_vae(released: dict[str, Path], width: int, height: int, tile: int) -> None:
    demand = demand_of(released, width, height)
    with no_data(torch.float32):
        vae = AutoencoderKLWan().eval()
        if tile:
            vae.enable_tiling(
                tile, tile, tile_sample_stride_height=tile * 3 // 4, tile_sample_stride_width=tile * 3 // 4
            )
        latents, clip = torch.empty(1, 16, 9, height // 8, width // 8), torch.empty(1, 3, 33, height, width)
        counted = working_bytes(lambda: vae.decode(latents, return_dict=False))
        encoded = working_bytes(lambda: vae.encode(clip).latent_dist.mode())
    assert demand.decode[tile] == pytest.approx(counted, rel=0.15)
    assert encoded <= 1.05 * demand.vae.work


def test_a_placement_changes_no_latent(make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = make_helios(tmp_path / "model", seed=3, kind="distilled")
    settings = {"model": model, "start": None, "steps": 3}
    usual = make_shot(66, **settings)
    streamed = Placement(Stay.STREAMED, Stay.STREAMED, Stay.IN_TURN)
    monkeypatch.setattr(open_family, "place_model", lambda *_, **__: Placed(streamed, 0, fits=True))
    other = make_shot(66, **settings)
    assert relative_error(other.latents, usual.latents) < 1e-5


def test_memory_does_not_grow_with_the_length(make_shot: MakeShot, tmp_path: Path) -> None:
    """The plan of 60 s asks for what that of 5 s asks for, and a section decodes nothing but itself."""
    model = make_helios(tmp_path / "model", seed=3, kind="distilled")
    records = []
    for frames in (33, 33 * 5):
        shot = make_shot(frames, model=model, start=None, steps=3)
        records.append(json.loads((shot.folder / "shot.json").read_text()))
    short, long = (record["memory"]["predicted_bytes"] for record in records)
    assert short == long
    assert {section["decoded_latents"] for section in records[1]["plan"]["sections"]} == {9}
