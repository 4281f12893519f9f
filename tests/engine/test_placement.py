"""Where networks live changes no frame; what the policy says of the 13B model is true of its real classes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLHunyuanVideo, HunyuanVideoFramepackTransformer3DModel
from diffusers.models.transformers.transformer_hunyuan_video import (
    HunyuanVideoSingleTransformerBlock,
    HunyuanVideoTransformerBlock,
)
from PIL import Image
from torchao.utils import TorchAOBaseTensor

from engine.generation import open_family
from engine.generation.job import prepare, run
from engine.inference.hunyuan.family import HunyuanFramePack
from engine.inference.hunyuan.memory import hunyuan_attention, hunyuan_demand
from engine.inference.hunyuan.spec import RELEASED
from engine.inference.memory.placement import ALL_KEPT, GIB, TILE, Demand, Extent, Placed, Placement, Room, Stay, place
from engine.inference.networks import Networks
from engine.inference.speed.quantize import store_in_eight_bits
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.models.guide_use import GuideUse
from engine.protocol import Board, ShotRequest
from tests.engine.checkpoints import BOARD, TINY
from tests.engine.conftest import MakeShot
from tests.engine.live_memory import no_data, working_bytes
from tests.engine.released import released_folders

TURNS = Placement(Stay.IN_TURN, Stay.IN_TURN, Stay.IN_TURN)
STREAMED = Placement(Stay.STREAMED, Stay.STREAMED, Stay.IN_TURN, TILE)


def make(folder: Path, placement: Placement | None = None) -> np.ndarray:
    """The frames of a shot of two sections under `placement`: the policy is told what to say, the rest is real."""
    board = open_board(BOARD)
    request = ShotRequest("tiny", "w5 w2 w81", (Board(1, board.sha256),), frames=73, width=64, height=64, steps=2)
    with pytest.MonkeyPatch.context() as patch:
        if placement is not None:
            patch.setattr(open_family, "place_model", lambda *_, **__: Placed(placement, 0, fits=True))
        pictures = {board.sha256: board}
        list(run(prepare(request, pictures, open_folder(TINY), "cpu", folder), pictures, resume=False))
    return np.stack([np.asarray(Image.open(path)) for path in sorted((folder / "frames").glob("*.png"))])


@pytest.fixture(scope="module")
def as_usual(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """The frames where the policy has its way."""
    return make(tmp_path_factory.mktemp("usual") / "shot")


@pytest.mark.parametrize("placement", [Placement(Stay.IN_TURN), TURNS, STREAMED], ids=lambda each: each.words)
def test_every_placement_gives_the_same_frames(as_usual: np.ndarray, tmp_path: Path, placement: Placement) -> None:
    assert np.array_equal(make(tmp_path / "placed", placement), as_usual)


def test_half_precision_is_near(as_usual: np.ndarray, tmp_path: Path) -> None:
    """The last resort of a short CPU: bfloat16 all over, which random weights forgive less than trained ones."""
    frames = make(tmp_path / "half_precision", Placement(*[Stay.IN_TURN] * 3, half_precision=True))
    error = np.mean(((frames.astype(float) - as_usual) / 255) ** 2)
    assert 20 < -10 * np.log10(error) < 80


def test_eight_bits_are_near(as_usual: np.ndarray, tmp_path: Path) -> None:
    frames = make(tmp_path / "int8_weights", Placement(Stay.IN_TURN, int8_weights=True))
    error = np.mean(((frames.astype(float) - as_usual) / 255) ** 2)
    assert 30 < -10 * np.log10(error) < 80
    streamed = make(tmp_path / "streamed", replace(STREAMED, tile=0, int8_weights=True))
    assert np.array_equal(streamed, frames), "where they wait does not matter"


def test_eight_bits_are_eight_bits() -> None:
    model = open_folder(TINY)
    family = HunyuanFramePack(model.components, RELEASED, torch.device("cpu"), placement=Placement(int8_weights=True))
    transformer = family._transformer()
    blocks = [*transformer.transformer_blocks, *transformer.single_transformer_blocks]
    weights = [p for block in blocks for p in block.parameters() if p.dim() == 2]
    assert weights
    for weight in weights:
        assert bytes_of(weight) == weight.numel() + 5 * len(weight), "int8; scale and zero point by output"
    assert bytes_of(transformer.proj_out.weight) == 4 * transformer.proj_out.weight.numel()


def bytes_of(parameter: torch.Tensor) -> int:
    """Bytes that a parameter takes; a rounded one calls itself as wide as it was, and holds narrower ones."""
    if not isinstance(parameter, TorchAOBaseTensor):
        return parameter.nbytes
    return sum(getattr(parameter, name).nbytes for name in parameter.__tensor_flatten__()[0])


def test_in_turn_only_one_is_there() -> None:
    networks = Networks(open_folder(TINY).components, torch.device("cpu"), TURNS, lambda _: None)
    networks.network("vae", AutoencoderKLHunyuanVideo, torch.float32)
    networks.network("transformer", HunyuanVideoFramepackTransformer3DModel, torch.float32)
    assert list(networks._kept) == ["transformer"]


def test_the_record_says_what_was_predicted_and_what_was(make_shot: MakeShot) -> None:
    record = json.loads((make_shot(1, steps=1).folder / "shot.json").read_text())["memory"]
    assert record["placement"] == "everything stays on the device"
    assert record["predicted_bytes"] > 0
    assert record["measured_bytes"] > 100_000_000  # a process with torch in it


# The 13B model: its real classes without data, and files that have headers only.


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return released_folders(tmp_path_factory.mktemp("released"))


def released_demand(folders: dict[str, Path], width: int = 768, height: int = 512) -> Demand:
    extent = Extent(width, height, tokens_of(width, height), latents=18)
    return HunyuanFramePack.demand(folders, RELEASED, extent, torch.device("cuda"))


def tokens_of(width: int, height: int) -> int:
    """Of a section in inverted order: 9 frames made, 2 clean, 2 at half size, 16 at a quarter (paper, packing)."""
    rows, columns = height // 8, width // 8
    return 11 * (rows // 2) * (columns // 2) + -(-rows // 4) * -(-columns // 4) + 4 * -(-rows // 8) * -(-columns // 8)


def test_weights_of_the_released_model(released: dict[str, Path]) -> None:
    """13 billion numbers in 16 bits, a Llama of 8 billion, and the blocks' closed form."""
    demand = released_demand(released)
    width = 24 * 128
    assert 12.5e9 < demand.transformer.weights / 2 < 13.5e9
    assert 7.4e9 < demand.encoders["text_encoder"].weights / 2 < 8.1e9
    # A dual block: two streams of modulation (6), attention (4), feed-forward (8), in units of width squared.
    assert demand.transformer.block / 2 == pytest.approx(2 * 18 * width**2, rel=1e-3)
    assert demand.transformer.weights - demand.transformer.rest == pytest.approx(
        2 * (20 * 36 + 40 * 15) * width**2, rel=1e-3
    )


def test_the_released_model_in_eight_bits(released: dict[str, Path]) -> None:
    """What the policy believes of 8 bits, against the real classes rounded by the real library, without data."""
    with torch.device("meta"):
        transformer = HunyuanVideoFramepackTransformer3DModel(has_image_proj=True, has_clean_x_embedder=True)
    transformer = transformer.to(torch.bfloat16)
    store_in_eight_bits((*transformer.transformer_blocks, *transformer.single_transformer_blocks))
    believed = released_demand(released).transformer.in_eight_bits()
    assert sum(bytes_of(each) for each in transformer.parameters()) == pytest.approx(believed.weights, rel=0.005)
    largest = max(sum(bytes_of(each) for each in block.parameters()) for block in transformer.transformer_blocks)
    assert largest == pytest.approx(believed.block, rel=0.005)


# What the policy does with a 13B model at 768x512, by the gigabytes that are free.
TIERS = [
    (6, Stay.STREAMED, Stay.STREAMED, TILE),
    (8, Stay.STREAMED, Stay.STREAMED, TILE),
    (12, Stay.STREAMED, Stay.STREAMED, TILE),
    (16, Stay.IN_TURN, Stay.STREAMED, TILE),
    (24, Stay.IN_TURN, Stay.STREAMED, 0),
    (32, Stay.STREAMED, Stay.KEPT, TILE),
    (48, Stay.IN_TURN, Stay.KEPT, 0),
    (80, Stay.KEPT, Stay.KEPT, 0),
]


@pytest.mark.parametrize(("gigabytes", "encoders", "transformer", "tile"), TIERS, ids=lambda each: str(each))
def test_tiers(released: dict[str, Path], gigabytes: int, encoders: Stay, transformer: Stay, tile: int) -> None:
    placed = place(released_demand(released), Room("cuda", gigabytes * GIB, 64 * GIB))
    assert placed.fits
    assert (placed.placement.encoders, placed.placement.transformer) == (encoders, transformer)
    assert placed.placement.tile == tile
    assert placed.peak < 0.95 * gigabytes * GIB


@pytest.mark.parametrize(("gigabytes", "transformer"), [(12, Stay.STREAMED), (16, Stay.STREAMED), (24, Stay.KEPT)])
def test_fast_keeps_it_there_in_eight_bits(released: dict[str, Path], gigabytes: int, transformer: Stay) -> None:
    """Where speed goes first 13 billion numbers of 8 bits stay on a card of 24 GB; one of 48 needs no such thing."""
    room = Room("cuda", gigabytes * GIB, 64 * GIB)
    placed = place(released_demand(released), room, int8_weights=True)
    assert (placed.placement.transformer, placed.placement.int8_weights, placed.fits) == (transformer, True, True)
    assert not place(
        released_demand(released), Room("cuda", 48 * GIB, 64 * GIB), int8_weights=True
    ).placement.int8_weights


def test_other_devices(released: dict[str, Path]) -> None:
    demand = released_demand(released)
    assert place(demand, Room("mps", 96 * GIB, 96 * GIB)).placement == ALL_KEPT
    assert place(demand, Room("mps", 32 * GIB, 32 * GIB)).placement.transformer is Stay.IN_TURN
    short = place(demand, Room("cuda", 8 * GIB, 12 * GIB)).placement
    assert short.on_disk, "16 GB of main memory do not hold the transformer: its blocks come from the disk"
    on_cpu = hunyuan_demand(
        released, RELEASED, Extent(768, 512, tokens_of(768, 512), 18), "cpu", transformer_bytes=4, other_bytes=4
    )
    assert place(on_cpu, Room("cpu", 40 * GIB, 40 * GIB, GIB // 2)).placement.half_precision
    assert not place(on_cpu, Room("cpu", 96 * GIB, 96 * GIB, GIB // 2)).placement.half_precision
    waiting = Extent(768, 512, tokens_of(768, 512), 18, waiting=17 * 33)
    planned = hunyuan_demand(released, RELEASED, waiting, "cpu", transformer_bytes=4, other_bytes=4)
    assert planned == replace(on_cpu, waiting=17 * 33 * 768 * 512 * 12), "2.6 GB for 16 planned endpoints"


@pytest.mark.parametrize(("width", "height"), [(768, 512), (416, 960), (640, 384)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_working_memory_of_the_blocks(released: dict[str, Path], width: int, height: int, dtype: torch.dtype) -> None:
    tokens, words = tokens_of(width, height), 256 + 729
    demand = hunyuan_demand(
        released,
        RELEASED,
        Extent(width, height, tokens, 18),
        "cuda",
        transformer_bytes=dtype.itemsize,
        other_bytes=dtype.itemsize,
    )
    counted = []
    with no_data(dtype):
        for kind in (HunyuanVideoSingleTransformerBlock, HunyuanVideoTransformerBlock):
            block = kind(24, 128, mlp_ratio=4.0, qk_norm="rms_norm").eval()
            hidden, text, moment = torch.empty(1, tokens, 3072), torch.empty(1, words, 3072), torch.empty(1, 3072)
            rotary = tuple(torch.empty(tokens, 128, dtype=torch.float32) for _ in range(2))
            counted.append(working_bytes(lambda: block(hidden, text, moment, None, rotary)))  # noqa: B023
    assert demand.transformer.work == pytest.approx(max(counted), rel=0.12)


def test_weights_that_see_guides_hold_a_section_more(released: dict[str, Path]) -> None:
    free = Extent(768, 512, tokens_of(768, 512), 18)
    plain, seeing, led = (
        hunyuan_attention(released, replace(RELEASED, guide=use), extent)[0]
        for use, extent in (
            (GuideUse(), free),
            (GuideUse(context=0.5), free),
            (GuideUse(context=0.5), replace(free, led=3)),
        )
    )
    assert led - plain == 9 * (768 // 16) * (512 // 16)
    assert seeing == plain, "a shot without a guide holds no more than by other weights"


@pytest.mark.parametrize(("width", "height", "tile"), [(768, 512, 0), (416, 960, 0), (512, 384, 256), (384, 256, 128)])
def test_working_memory_of_decoding(released: dict[str, Path], width: int, height: int, tile: int) -> None:
    demand = released_demand(released, width, height)
    with no_data(torch.float16):
        vae = AutoencoderKLHunyuanVideo().eval()
        if tile:
            vae.enable_tiling(
                tile, tile, tile_sample_stride_height=tile * 3 // 4, tile_sample_stride_width=tile * 3 // 4
            )
        latents = torch.empty(1, 16, 18, height // 8, width // 8)
        counted = working_bytes(lambda: vae.decode(latents, return_dict=False))
        picture = torch.empty(1, 3, 1, height, width)
        encoded = working_bytes(lambda: vae.encode(picture).latent_dist.mode()) if not tile else None
    assert demand.decode[tile] == pytest.approx(counted, rel=0.15)
    if encoded is not None:
        assert demand.vae.work == pytest.approx(encoded, rel=0.15)
