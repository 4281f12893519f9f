"""LoRAs: every format people have, several at once, against closed forms and diffusers; nothing leaks to other jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    HeliosPipeline,
    HeliosTransformer3DModel,
    HunyuanVideoFramepackPipeline,
    HunyuanVideoFramepackTransformer3DModel,
)
from PIL import Image
from safetensors.torch import save_file

from engine.errors import Code, EngineError
from engine.events import Event
from engine.generation.job import prepare, run
from engine.inference.lora_merge import merge_loras
from engine.inference.registry import Families
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.models.lora_files import LoraFile, find_loras
from engine.models.paths import loras_home
from engine.protocol import Board, Lora, ShotRequest
from tests.engine.checkpoints import BOARD, TINY
from tests.engine.helios_checkpoints import make_helios

READER = HunyuanVideoFramepackPipeline
RANK, WIDTH = 4, 48
DUAL, SINGLE = "transformer_blocks.0.attn.to_q", "single_transformer_blocks.1.proj_mlp"


def transformer() -> HunyuanVideoFramepackTransformer3DModel:
    return HunyuanVideoFramepackTransformer3DModel.from_pretrained(TINY / "transformer").eval()


def pair(module: torch.nn.Linear, seed: int, outputs: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    down = torch.randn(RANK, module.in_features, generator=generator) * 0.2
    return down, torch.randn(outputs or module.out_features, RANK, generator=generator) * 0.2


def in_diffusers_names(prefix: str = "transformer.") -> dict[str, torch.Tensor]:
    net, tensors = transformer(), {}
    for seed, name in enumerate((DUAL, SINGLE)):
        down, up = pair(net.get_submodule(name), seed)
        tensors |= {f"{prefix}{name}.lora_A.weight": down, f"{prefix}{name}.lora_B.weight": up}
    return tensors


def keep(tensors: Mapping[str, torch.Tensor], name: str = "ink", weight: float = 1.0) -> LoraFile:
    loras_home().mkdir(parents=True, exist_ok=True)
    path = loras_home() / f"{name}.safetensors"
    save_file(dict(tensors), path)
    (file,) = find_loras([Lora(name, weight)])
    return file


def grown(net: HunyuanVideoFramepackTransformer3DModel, name: str) -> torch.Tensor:
    """How far a layer's weights are from the model's own."""
    with torch.no_grad():
        return net.get_submodule(name).weight - transformer().get_submodule(name).weight


@pytest.mark.parametrize("prefix", ["transformer.", "diffusion_model.", ""])
def test_names_of_diffusers(prefix: str) -> None:
    net = transformer()
    merge_loras(net, [keep(in_diffusers_names(prefix), weight=0.7)], READER)
    for seed, name in enumerate((DUAL, SINGLE)):
        down, up = pair(transformer().get_submodule(name), seed)
        torch.testing.assert_close(grown(net, name), 0.7 * up @ down, atol=1e-6, rtol=1e-5)
    assert not hasattr(net, "peft_config"), "nothing but weights is left"
    assert all("lora" not in name for name, _ in net.named_modules())


def test_names_that_diffusers_wrote_before() -> None:
    told = {
        name.replace(".lora_A.", ".lora.down.").replace(".lora_B.", ".lora.up."): tensor
        for name, tensor in in_diffusers_names().items()
    }
    ours, expected = transformer(), transformer()
    merge_loras(ours, [keep(told)], READER)
    merge_loras(expected, [keep(in_diffusers_names(), "new")], READER)
    assert torch.equal(ours.get_submodule(DUAL).weight, expected.get_submodule(DUAL).weight)
    assert not torch.equal(ours.get_submodule(DUAL).weight, transformer().get_submodule(DUAL).weight)


def test_the_same_as_diffusers_own_adapters() -> None:
    """Merged weights do what diffusers' unmerged layers do."""
    ours, theirs = transformer(), transformer()
    merge_loras(ours, [keep(in_diffusers_names(), weight=0.7)], READER)
    theirs.load_lora_adapter(in_diffusers_names(), adapter_name="a")
    theirs.set_adapters(["a"], [0.7])
    hidden, text, moment = torch.randn(1, 20, WIDTH), torch.randn(1, 5, WIDTH), torch.randn(1, WIDTH)
    with torch.inference_mode():
        one, other = (net.transformer_blocks[0](hidden, text, moment, None, None)[0] for net in (ours, theirs))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(one, transformer().transformer_blocks[0](hidden, text, moment, None, None)[0], atol=1e-3)


def test_kohya_s_names_of_the_model_s_own_layers() -> None:
    net, tensors = transformer(), {}
    for seed, name in enumerate((DUAL, SINGLE)):
        down, up = pair(net.get_submodule(name), seed)
        flat = f"lora_unet_{name.replace('.', '_')}"
        tensors |= {f"{flat}.lora_down.weight": down, f"{flat}.lora_up.weight": up, f"{flat}.alpha": torch.tensor(2.0)}
    merge_loras(net, [keep(tensors)], READER)
    for seed, name in enumerate((DUAL, SINGLE)):
        down, up = pair(transformer().get_submodule(name), seed)
        torch.testing.assert_close(grown(net, name), 2.0 / RANK * up @ down, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kohya", [False, True])
def test_the_original_hunyuan_s_names(kohya: bool) -> None:
    """One layer there is three here: query, key and value share A and split B."""
    net = transformer()
    down, up = pair(net.get_submodule(DUAL), 3, 3 * WIDTH)
    ahead, behind = pair(net.get_submodule("transformer_blocks.0.ff.net.0.proj"), 4)
    if kohya:
        first, second = "lora_unet_double_blocks_0_img_attn_qkv", "lora_unet_double_blocks_0_img_mlp_fc1"
        sides, alpha = ("lora_down", "lora_up"), {f"{first}.alpha": torch.tensor(float(RANK))}
    else:
        first, second = "double_blocks.0.img_attn_qkv", "double_blocks.0.img_mlp.fc1"
        sides, alpha = ("lora_A", "lora_B"), {}
    tensors = {f"{first}.{sides[0]}.weight": down, f"{first}.{sides[1]}.weight": up, **alpha}
    tensors |= {f"{second}.{sides[0]}.weight": ahead, f"{second}.{sides[1]}.weight": behind}
    merge_loras(net, [keep(tensors)], READER)
    for layer, part in zip(("to_q", "to_k", "to_v"), up.chunk(3), strict=True):
        torch.testing.assert_close(grown(net, f"transformer_blocks.0.attn.{layer}"), part @ down, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(grown(net, "transformer_blocks.0.ff.net.0.proj"), behind @ ahead, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ("blocks.0.attn1.to_q", "transformer.blocks.0.attn1.to_q"),
        ("blocks.1.ffn.net.2", "blocks.1.ffn.net.2"),
        ("blocks.0.attn1.to_q", "lora_unet_blocks_0_attn1_to_q"),
        ("blocks.1.attn1.to_k", "lora_unet_blocks_1_self_attn_k"),
        ("blocks.0.attn2.to_out.0", "lora_unet_blocks_0_cross_attn_o"),
        ("blocks.1.ffn.net.0.proj", "lora_unet_blocks_1_ffn_0"),
    ],
)
def test_helios_names_and_the_original_wan_s(helios: Path, layer: str, name: str) -> None:
    def transformer() -> HeliosTransformer3DModel:
        return HeliosTransformer3DModel.from_pretrained(helios / "transformer")

    net, before = transformer(), transformer().get_submodule(layer).weight
    down, up = pair(net.get_submodule(layer), 5)
    kohya = name.startswith("lora_unet")
    sides, more = (
        (("lora_down", "lora_up"), {f"{name}.alpha": torch.tensor(2.0)}) if kohya else (("lora_A", "lora_B"), {})
    )
    tensors = {f"{name}.{sides[0]}.weight": down, f"{name}.{sides[1]}.weight": up, **more}
    merge_loras(net, [keep(tensors, weight=0.5)], HeliosPipeline)
    wanted = 0.5 * (2.0 / RANK if kohya else 1.0) * up @ down
    torch.testing.assert_close(net.get_submodule(layer).weight - before, wanted, atol=1e-6, rtol=1e-5)


@pytest.fixture(scope="module")
def helios(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_helios(tmp_path_factory.mktemp("helios") / "model", seed=3, kind="base")


def test_several_add_up() -> None:
    net = transformer()
    module = net.get_submodule(DUAL)
    pairs = [pair(module, seed) for seed in (5, 6)]
    files = [
        keep({f"{DUAL}.lora_A.weight": down, f"{DUAL}.lora_B.weight": up}, f"lora {number}", weight)
        for number, ((down, up), weight) in enumerate(zip(pairs, (0.5, -1.5), strict=True))
    ]
    merge_loras(net, files, READER)
    wanted = 0.5 * pairs[0][1] @ pairs[0][0] - 1.5 * pairs[1][1] @ pairs[1][0]
    torch.testing.assert_close(grown(net, DUAL), wanted, atol=1e-6, rtol=1e-5)


def make(folder: Path, families: Families, *loras: Lora, resume: bool = False, frames: int = 1) -> list[Event]:
    board = open_board(BOARD)
    request = ShotRequest(
        "tiny", "w5", (Board(1, board.sha256),), frames=frames, width=64, height=64, steps=2, loras=loras
    )
    job = prepare(request, {board.sha256: board}, open_folder(TINY), "cpu", folder)
    return list(run(job, {board.sha256: board}, resume=resume, families=families))


def picture(folder: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in sorted((folder / "frames").glob("*.png"))])


def test_nothing_leaks_into_the_next_job(tmp_path: Path) -> None:
    keep({name: 3 * tensor for name, tensor in in_diffusers_names().items()})
    families = Families()
    for name, loras in (("before", ()), ("with", (Lora("ink"),)), ("after", ()), ("none of it", (Lora("ink", 0.0),))):
        make(tmp_path / name, families, *loras, frames=5)
    before = picture(tmp_path / "before")
    assert not np.array_equal(picture(tmp_path / "with"), before)
    assert np.array_equal(picture(tmp_path / "after"), before)
    assert np.array_equal(picture(tmp_path / "none of it"), before)
    record = json.loads((tmp_path / "with" / "shot.json").read_text())
    assert record["request"]["loras"] == [{"name": "ink", "weight": 1.0}]


def test_a_shot_does_not_go_on_with_another_file(tmp_path: Path) -> None:
    keep(in_diffusers_names())
    make(tmp_path / "shot", Families(), Lora("ink"))
    keep({name: 2 * tensor for name, tensor in in_diffusers_names().items()})
    with pytest.raises(EngineError) as caught:
        make(tmp_path / "shot", Families(), Lora("ink"), resume=True)
    assert caught.value.code is Code.RESUME_MISMATCH
    assert "LoRA" in caught.value.line


@pytest.mark.parametrize(
    ("tensors", "complaint"),
    [
        ({"transformer.no_such_layer.lora_A.weight": torch.ones(4, 8)}, "the model has no layer 'no_such_layer'"),
        ({"lora_unet_down_blocks_0.lora_down.weight": torch.ones(4, 8)}, "the model has no layer 'down_blocks_0'"),
        ({f"{DUAL}.lora_A.weight": torch.ones(4, 99), f"{DUAL}.lora_B.weight": torch.ones(WIDTH, 4)}, "another size"),
    ],
)
def test_one_for_another_model_is_refused(tensors: dict[str, torch.Tensor], complaint: str) -> None:
    with pytest.raises(EngineError) as caught:
        merge_loras(transformer(), [keep(tensors)], READER)
    assert caught.value.code is Code.LORA_INVALID
    assert complaint in caught.value.line


def test_what_is_not_there_is_said() -> None:
    keep(in_diffusers_names())
    (loras_home() / "broken.safetensors").write_bytes(b"not weights")
    for name, code in (("haze", Code.LORA_UNKNOWN), ("../ink", Code.LORA_UNKNOWN), ("broken", Code.LORA_INVALID)):
        with pytest.raises(EngineError) as caught:
            find_loras([Lora(name)])
        assert caught.value.code is code
    with pytest.raises(EngineError) as caught:
        find_loras([Lora("ink", 11.0)])
    assert caught.value.code is Code.NUMBER_INVALID
