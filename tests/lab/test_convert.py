"""Conversions: what comes out says what went in, holds no more memory than it must, and appears whole or not at all."""

from __future__ import annotations

import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    HeliosTransformer3DModel,
    HunyuanVideoFramepackTransformer3DModel,
    HunyuanVideoTransformer3DModel,
    WanTransformer3DModel,
)
from safetensors.torch import load_file
from torch.nn import functional

from engine.generation.job import prepare, run
from engine.inference.hunyuan.packed_transformer import PackedFrames, PackedTransformer
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.protocol import Board, ShotRequest
from lab.__main__ import main
from lab.convert import convert as conversions
from lab.convert.checkpoint import Checkpoint
from lab.convert.convert import convert
from lab.convert.framepack import FramePack
from tests.engine.checkpoints import BOARD, TINY
from tests.lab.text_to_video import change_json, make_hunyuan_video, make_wan

MAKE = {"framepack": make_hunyuan_video, "helios": make_wan}
PRECISE = ("time_embedder", "scale_shift_table", "norm1", "norm2", "norm3")
"""What diffusers' Helios keeps in float32."""


@pytest.fixture(scope="module", params=["framepack", "helios"])
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sources")
    return {name: make(folder / name) for name, make in MAKE.items()}


def command(source: Path | str, layout: str, out: Path, *more: str) -> list[str]:
    vision = ["--image-encoder", str(TINY)] if layout == "framepack" else []
    return ["convert", "--from", str(source), "--to", layout, "--out", str(out), *vision, *more]


@pytest.fixture(scope="module")
def kept(sources: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both converted, in the numbers that they have."""
    folder = tmp_path_factory.mktemp("kept")
    for name, source in sources.items():
        assert main(command(source, name, folder / name, "--dtype", "kept")) == 0
    return {name: folder / name for name in sources}


def hunyuan_inputs(batch: int, channels: int = 16) -> dict[str, Any]:
    draw = torch.Generator().manual_seed(3)
    mask = torch.ones(batch, 6)
    mask[0, 4:] = 0
    return {
        "hidden_states": torch.randn(batch, channels, 4, 6, 10, generator=draw),
        "timestep": torch.tensor([40.0, 730.0])[:batch],
        "encoder_hidden_states": torch.randn(batch, 6, 16, generator=draw),
        "encoder_attention_mask": mask,
        "pooled_projections": torch.randn(batch, 8, generator=draw),
        "guidance": torch.tensor([6000.0, 2000.0])[:batch],
        "return_dict": False,
    }


@torch.inference_mode()
def test_framepack_without_history_and_vision_is_hunyuan_video_to_the_bit(
    sources: dict[str, Path], kept: dict[str, Path]
) -> None:
    video = HunyuanVideoTransformer3DModel.from_pretrained(sources["framepack"] / "transformer").eval()
    packed = PackedTransformer.from_pretrained(kept["framepack"] / "transformer").eval()
    inputs = hunyuan_inputs(2)
    [expected] = video(**inputs)
    nothing_seen, times = torch.zeros(2, 0, 32), torch.arange(4)
    [made] = packed(**inputs, image_embeds=nothing_seen, indices_latents=times)
    assert torch.equal(made, expected)
    # Two traps. Vision of zeros is not the same as none, and time has to begin at 0.
    [zeros] = packed(**inputs, image_embeds=torch.zeros(2, 3, 32), indices_latents=times)
    [later] = packed(**inputs, image_embeds=nothing_seen, indices_latents=times + 9)
    for other in (zeros, later):
        assert (other - expected).abs().mean() > 1e-3 * expected.abs().mean()
    history = PackedFrames((2, 4, 4), torch.randn(2, 16, 4, 6, 10), torch.arange(4))
    [seen] = packed(**inputs, image_embeds=nothing_seen, indices_latents=times, blocks=[history])
    assert seen.isfinite().all()
    assert not torch.allclose(seen, expected, atol=1e-3)


@torch.inference_mode()
def test_diffusers_class_takes_what_was_converted_and_vision_begins_as_zeros(kept: dict[str, Path]) -> None:
    theirs = HunyuanVideoFramepackTransformer3DModel.from_pretrained(kept["framepack"] / "transformer")
    assert theirs.config.image_proj_dim == 32, "as the fixture's image encoder says"
    assert not theirs.image_projection(torch.randn(1, 5, 32)).any()
    assert theirs.image_projection.up(torch.randn(1, 5, 32)).std() > 0.05, "else nothing could be learned"


@torch.inference_mode()
def test_helios_without_history_is_wan(sources: dict[str, Path], kept: dict[str, Path]) -> None:
    wan = WanTransformer3DModel.from_pretrained(sources["helios"] / "transformer").eval()
    helios = HeliosTransformer3DModel.from_pretrained(kept["helios"] / "transformer").eval()
    draw = torch.Generator().manual_seed(3)
    inputs = {
        "hidden_states": torch.randn(2, 16, 5, 6, 10, generator=draw),
        "timestep": torch.tensor([40.0, 730.0]),
        "encoder_hidden_states": torch.randn(2, 6, 16, generator=draw),
        "return_dict": False,
    }
    [expected] = wan(**inputs)
    for times in (None, torch.arange(5).expand(2, -1)):
        [made] = helios(**inputs, indices_hidden_states=times)
        assert (made - expected).abs().max() <= 2e-6 * expected.abs().max()
    [later] = helios(**inputs, indices_hidden_states=torch.arange(9, 14).expand(2, -1))
    torch.testing.assert_close(later, expected, atol=1e-4, rtol=1e-3)  # Wan's words have no place that time counts from


@torch.inference_mode()
def test_a_token_of_history_is_that_of_the_frames_averaged(kept: dict[str, Path], layout: str) -> None:
    if layout == "framepack":
        net = HunyuanVideoFramepackTransformer3DModel.from_pretrained(kept[layout] / "transformer")
        fine, layers = net.x_embedder.proj, [net.clean_x_embedder.proj, net.clean_x_embedder.proj_2x]
        layers.append(net.clean_x_embedder.proj_4x)
    else:
        net = HeliosTransformer3DModel.from_pretrained(kept[layout] / "transformer")
        fine, layers = net.patch_embedding, [net.patch_short, net.patch_mid, net.patch_long]
    frames = torch.randn(2, 16, 4, 16, 8)
    for times, layer in zip((1, 2, 4), layers, strict=True):
        torch.testing.assert_close(layer(frames), fine(functional.avg_pool3d(frames, times)), atol=1e-5, rtol=1e-4)


def test_in_half_precision_nothing_but_numbers_changes(
    layout: str, sources: dict[str, Path], kept: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(sources[layout], layout, tmp_path / "model")) == 0
    assert "on one block it says what its source says" in capsys.readouterr().out
    halved, whole = (
        load_file(folder / "transformer" / "diffusion_pytorch_model.safetensors")
        for folder in (tmp_path / "model", kept[layout])
    )
    assert halved.keys() == whole.keys()
    for name, tensor in halved.items():
        precise = layout == "helios" and set(PRECISE) & set(name.split("."))
        assert tensor.dtype == (torch.float32 if precise else torch.bfloat16), name
        assert torch.equal(tensor, whole[name].to(tensor.dtype)), name


def test_shards_are_read_and_written(layout: str, kept: dict[str, Path], tmp_path: Path) -> None:
    source = MAKE[layout](tmp_path / "source")
    kind = {"framepack": HunyuanVideoTransformer3DModel, "helios": WanTransformer3DModel}[layout]
    network = kind.from_pretrained(source / "transformer")
    shutil.rmtree(source / "transformer")
    network.save_pretrained(source / "transformer", max_shard_size="40KB")
    assert len(list((source / "transformer").glob("*.safetensors"))) > 2
    out = tmp_path / "model"
    convert(str(source), layout, out, image_encoder=str(TINY), halved=False, shard_bytes=50_000)
    files = sorted((out / "transformer").glob("*.safetensors"))
    assert len(files) > 2
    crowded = [file for file in files if len(load_file(file)) > 1]
    assert crowded
    assert all(file.stat().st_size < 70_000 for file in crowded), "50 kB, and their headers"
    whole = load_file(kept[layout] / "transformer" / "diffusion_pytorch_model.safetensors")
    target = {"framepack": HunyuanVideoFramepackTransformer3DModel, "helios": HeliosTransformer3DModel}[layout]
    read = target.from_pretrained(out / "transformer").state_dict()
    assert read.keys() == whole.keys()
    assert all(torch.equal(tensor, whole[name]) for name, tensor in read.items())


def test_one_tensor_is_held_at_a_time(
    layout: str, sources: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[weakref.ref[torch.Tensor]] = []
    most: list[int] = []
    tensor = Checkpoint.tensor

    def noted(self: Checkpoint, name: str) -> torch.Tensor:
        read = tensor(self, name)
        held.append(weakref.ref(read))
        most.append(sum(each() is not None for each in held))
        return read

    class ComparedError(Exception):
        """The weights are written."""

    def compare(*_: object) -> float:
        raise ComparedError

    monkeypatch.setattr(Checkpoint, "tensor", noted)
    monkeypatch.setattr(conversions, "_compare", compare)
    with pytest.raises(ComparedError):
        convert(str(sources[layout]), layout, tmp_path / "model", image_encoder=str(TINY))
    assert len(most) > 40
    assert max(most) == 1


@pytest.mark.parametrize(
    ("layout", "spoil", "said"),
    [
        (
            "framepack",
            {"config": {"image_condition_type": "token_replace"}},
            "image-to-video checkpoint (token_replace)",
        ),
        ("framepack", {"config": {"image_condition_type": "latent_concat", "in_channels": 33}}, "(latent_concat)"),
        ("framepack", {"config": {"in_channels": 33}}, "takes 33 channels and makes 16"),
        ("framepack", {"config": {"_class_name": "HunyuanVideoFramepackTransformer3DModel"}}, "packs already"),
        ("framepack", {"config": {"_class_name": "HunyuanVideo15Transformer3DModel"}}, "a HunyuanVideo15Transformer3D"),
        ("framepack", {"config": {"num_layers": 3}}, "it has no 'transformer_blocks.2."),
        ("framepack", {"config": {"num_layers": 1}}, "it has a 'transformer_blocks.1."),
        ("framepack", {"config": {"pooled_projection_dim": 9}}, "its configuration wants"),
        ("framepack", {"config": {"quantization_config": {"quant_method": "torchao"}}}, "quantised"),
        ("framepack", {"index": {"_class_name": "HunyuanVideoImageToVideoPipeline"}}, "a HunyuanVideoImageToVideoPipe"),
        ("framepack", {"index": {"_class_name": "WanPipeline"}}, "it holds a WanPipeline"),
        ("helios", {"config": {"image_dim": 1280}}, "image-to-video checkpoint"),
        ("helios", {"config": {"in_channels": 36}}, "takes 36 channels and makes 16"),
        ("helios", {"index": {"transformer_2": ["diffusers", "WanTransformer3DModel"]}}, "it is Wan 2.2"),
        ("helios", {"config": {"patch_size": [2, 2, 2]}}, "tokens are not of 1 x 2 x 2"),
        ("helios", {"config": {"_class_name": "WanVACETransformer3DModel"}}, "a WanVACETransformer3DModel"),
    ],
)
def test_another_source_is_refused_in_one_sentence(
    layout: str, spoil: dict[str, dict[str, Any]], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = MAKE[layout](tmp_path / "source")
    change_json(source / "transformer" / "config.json", **spoil.get("config", {}))
    change_json(source / "model_index.json", **spoil.get("index", {}))
    refused(command(source, layout, tmp_path / "there" / "model"), said, tmp_path / "there", capsys)


def refused(arguments: list[str], said: str, beside: Path, capsys: pytest.CaptureFixture[str], code: int = 3) -> None:
    capsys.readouterr()
    assert main(arguments) == code
    told = capsys.readouterr()
    [line] = told.err.splitlines()
    assert line.startswith("shotpack: ")
    assert said in line
    assert told.out == ""
    assert not beside.exists() or not list(beside.iterdir())


def test_pickles_are_not_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for part, name in (("transformer", "diffusion_pytorch_model"), ("text_encoder", "model")):
        source = make_hunyuan_video(tmp_path / part)
        (source / part / f"{name}.safetensors").rename(source / part / f"{name}.bin")
        refused(command(source, "framepack", tmp_path / "there" / "m"), "is a pickle", tmp_path / "there", capsys)


def test_a_model_is_found_by_its_name_and_an_image_encoder_among_the_installed(
    sources: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "home" / "models"
    shutil.copytree(sources["framepack"], models / "hunyuan")
    arguments = ["convert", "--from", "hunyuan", "--to", "framepack", "--out", str(tmp_path / "out" / "model")]
    refused(arguments, "--image-encoder", tmp_path / "out", capsys)
    shutil.copytree(TINY, models / "framepack-i2v")
    (models / "framepack-i2v" / "shotpack.json").write_text("{}")
    assert main(arguments) == 0
    eye = "image_encoder/model.safetensors"
    assert (tmp_path / "out" / "model" / eye).read_bytes() == (TINY / eye).read_bytes()
    refused([*arguments[:2], "nobody", *arguments[3:]], "nobody", tmp_path / "nothing", capsys)


def test_nothing_is_left_of_a_conversion_that_fails(
    sources: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FramePack, "limit", -1.0)
    there = tmp_path / "there"
    assert main(command(sources["framepack"], "framepack", there / "model")) == 1
    assert "differs from its source's by 0.0e+00" in capsys.readouterr().err
    assert list(there.iterdir()) == []


def test_what_is_there_is_not_written_over_and_what_was_left_is_removed(
    sources: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, left = tmp_path / "model", tmp_path / ".model.99999999-0a0b.part"
    (left / "transformer").mkdir(parents=True)
    assert main(command(sources["helios"], "helios", out)) == 0
    assert not left.exists()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert main(command(sources["helios"], "helios", out)) == 2
    assert "something is there already" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_the_engine_makes_shots_of_it(layout: str, kept: dict[str, Path], tmp_path: Path) -> None:
    board = open_board(BOARD)
    request = ShotRequest(str(kept[layout]), "w5 w2", (Board(1, board.sha256),), frames=9, width=64, height=64, steps=2)
    job = prepare(request, {board.sha256: board}, open_folder(kept[layout]), "cpu", tmp_path / "shot")
    list(run(job, {board.sha256: board}, resume=False))
    assert len(list((tmp_path / "shot" / "frames").glob("*.png"))) == 9
