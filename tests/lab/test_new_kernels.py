"""A converted model learns: new layers beside a LoRA, or all weights, on one schedule; saved, loaded, the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import HunyuanVideoFramepackPipeline, HunyuanVideoFramepackTransformer3DModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from engine.errors import Code, EngineError
from engine.inference.hunyuan.spec import RELEASED
from engine.inference.lora_merge import merge_loras
from engine.inference.registry import spec_of
from engine.models.folder import open_folder
from engine.models.lora_files import KERNELS, LAYERS, find_loras, installed_loras
from engine.models.paths import loras_home
from engine.protocol import Lora
from lab.convert.convert import convert
from tests.engine.checkpoints import TINY
from tests.lab.text_to_video import make_hunyuan_video
from training.__main__ import main
from training.export import write_lora, write_trained
from training.latent_bank import ClipLatents
from training.lessons import VANILLA, draw_lesson, practised_schedule
from training.loop import CHECKPOINT
from training.scenes.moves import Motion, Move
from training.train_transformer import NEW_KERNELS, Settings, train

CPU = torch.device("cpu")
SCHEDULE = practised_schedule(VANILLA, RELEASED)
SETTINGS = Settings(steps=30, batch=2, longest=2, crop=0, own_history=0.2, rate=25.0, schedule=SCHEDULE)
READER = HunyuanVideoFramepackPipeline


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny HunyuanVideo, converted."""
    folder = tmp_path_factory.mktemp("converted")
    source = make_hunyuan_video(folder / "source", loud=False)
    convert(str(source), "framepack", folder / "model", image_encoder=str(TINY), halved=False)
    return folder / "model"


def clips() -> list[ClipLatents]:
    """Pictures that stand still, so that what was is what will be."""
    rng = np.random.default_rng(8)
    return [
        ClipLatents(
            torch.from_numpy(rng.normal(0, 1, (1, 16, 8, 8)).astype(np.float16)).expand(19, -1, -1, -1),
            torch.zeros(19, 64, 64, 3, dtype=torch.uint8),
            Motion(Move.STATIC),
            "ball",
            "room",
            free=False,
        )
        for _ in range(3)
    ]


def transformer(model: Path) -> Any:
    return HunyuanVideoFramepackTransformer3DModel.from_pretrained(model / "transformer").eval()


@torch.inference_mode()
def velocity_of(network: Any) -> torch.Tensor:
    """What a transformer says of frames with history and vision."""
    draw = torch.Generator().manual_seed(6)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draw)

    history = {"clean": (1, [18]), "history_2x": (2, [16, 17]), "history_4x": (16, list(range(16)))}
    told: dict[str, Any] = {}
    for name, (frames, times) in history.items():
        told |= {f"latents_{name}": normal(1, 16, frames, 8, 8), f"indices_latents_{name}": torch.tensor(times)}
    said: torch.Tensor = network.eval()(
        hidden_states=normal(1, 16, 3, 8, 8),
        timestep=torch.tensor([700.0]),
        encoder_hidden_states=normal(1, 5, 16),
        encoder_attention_mask=torch.ones(1, 5),
        pooled_projections=normal(1, 8),
        image_embeds=normal(1, 4, 32),
        indices_latents=torch.arange(19, 22),
        guidance=torch.tensor([6000.0]),
        return_dict=False,
        **told,
    )[0]
    return said


def trained(model: Path, folder: Path, settings: Settings) -> Any:
    torch.manual_seed(1)
    pipeline = HunyuanVideoFramepackPipeline.from_pretrained(model)
    train(pipeline, spec_of(open_folder(model)), clips(), folder, settings, CPU)
    losses = load_file(folder / CHECKPOINT)["losses"]
    assert losses[-8:].mean() < 0.9 * losses[:8].mean()
    return pipeline


def test_new_kernels_learn_beside_a_lora_and_come_with_it(converted: Path, tmp_path: Path) -> None:
    pipeline = trained(converted, tmp_path / "run", replace(SETTINGS, rank=4, new_kernels=True))
    write_lora(pipeline, loras_home() / "packed", SCHEDULE)
    begun = transformer(converted).state_dict()
    kernels = load_file(loras_home() / "packed" / KERNELS)
    assert kernels.keys() == {name for name in begun if name.startswith(NEW_KERNELS)}
    assert all(not torch.equal(tensor, begun[name]) for name, tensor in kernels.items()), "each has learned"
    with safe_open(loras_home() / "packed" / KERNELS, framework="pt") as file:
        assert file.metadata() == {"schedule": VANILLA}

    assert [*installed_loras()] == ["packed"]
    loaded = transformer(converted)
    merge_loras(loaded, find_loras([Lora("packed")]), READER)
    said = velocity_of(loaded)
    torch.testing.assert_close(said, velocity_of(pipeline.transformer), atol=1e-4, rtol=1e-4)
    assert (said - velocity_of(transformer(converted))).abs().mean() > 0.01, "and it is another than before"


def test_a_lora_s_kernels_count_as_much_as_it_does(converted: Path) -> None:
    own = transformer(converted)
    names = ("clean_x_embedder.proj_2x.weight", "image_projection.down.bias")
    wanted = {name: torch.randn_like(own.state_dict()[name]) for name in names}
    layer = "transformer_blocks.0.attn.to_q"
    for lora in ("one", "two"):
        (loras_home() / lora).mkdir(parents=True)
        layers = {f"{layer}.lora_A.weight": torch.zeros(2, 24), f"{layer}.lora_B.weight": torch.zeros(24, 2)}
        save_file(layers, loras_home() / lora / LAYERS)
        save_file(wanted, loras_home() / lora / KERNELS)
    whole, half, both = transformer(converted), transformer(converted), transformer(converted)
    merge_loras(whole, find_loras([Lora("one")]), READER)
    merge_loras(half, find_loras([Lora("one", 0.5)]), READER)
    merge_loras(both, find_loras([Lora("one", 0.25), Lora("two", 0.25)]), READER)
    for name, tensor in wanted.items():
        before = own.state_dict()[name]
        assert torch.equal(whole.state_dict()[name], tensor)
        for network in (half, both):
            torch.testing.assert_close(network.state_dict()[name], (before + tensor) / 2, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("kernels", "complaint"),
    [
        ({"clean_x_embedder.proj_8x.weight": torch.ones(1)}, "no weights 'clean_x_embedder.proj_8x.weight'"),
        ({"clean_x_embedder.proj.bias": torch.ones(7)}, "'clean_x_embedder.proj.bias' has another size"),
    ],
)
def test_kernels_of_another_model_are_refused(
    kernels: dict[str, torch.Tensor], complaint: str, converted: Path
) -> None:
    folder = loras_home() / "other"
    folder.mkdir(parents=True)
    save_file({"x.lora_A.weight": torch.zeros(2, 24)}, folder / LAYERS)
    save_file(kernels, folder / KERNELS)
    with pytest.raises(EngineError) as caught:
        merge_loras(transformer(converted), find_loras([Lora("other")]), READER)
    assert caught.value.code is Code.LORA_INVALID
    assert complaint in caught.value.line


def test_other_kernels_are_another_lora(converted: Path) -> None:
    folder = loras_home() / "changing"
    folder.mkdir(parents=True)
    save_file({"x.lora_A.weight": torch.zeros(2, 24)}, folder / LAYERS)
    digests = set()
    for value in (None, 0.0, 1.0):
        if value is not None:
            save_file({"clean_x_embedder.proj.bias": torch.full((24,), value)}, folder / KERNELS)
        digests.add(find_loras([Lora("changing")])[0].sha256)
    assert len(digests) == 3
    (folder / KERNELS).write_bytes(b"not weights")
    with pytest.raises(EngineError, match="kernels"):
        find_loras([Lora("changing")])


def test_all_weights_learn_and_make_a_model(converted: Path, tmp_path: Path) -> None:
    pipeline = trained(converted, tmp_path / "run", replace(SETTINGS, full=True, rate=4.0))
    eye = load_file(converted / "image_encoder" / "model.safetensors")
    assert all(torch.equal(tensor, eye[name]) for name, tensor in pipeline.image_encoder.state_dict().items())
    made = tmp_path / "made"
    for _ in range(2):  # a run that goes on for longer writes it once more
        write_trained(pipeline.transformer, open_folder(converted), made, SCHEDULE)
    spec = spec_of(open_folder(made))
    assert spec.schedules[SCHEDULE.order()] == str(SCHEDULE)
    begun = spec_of(replace(open_folder(converted), name="made"))
    assert replace(spec, schedules=begun.schedules) == begun, "all else is as it was"
    assert torch.equal(velocity_of(transformer(made)), velocity_of(pipeline.transformer.float()))
    for path in converted.rglob("*.safetensors"):
        name = path.relative_to(converted)
        assert (made / name).read_bytes() == path.read_bytes() or name.parts[0] == "transformer"


def test_one_schedule_s_lessons_are_its_own() -> None:
    rng = np.random.default_rng(2)
    for name in (VANILLA, "f1k1_x_g9_f1k1f2k2f4k4_td", "td_f4k4f2k2f1k1_g9_x_f1k1"):
        schedule = practised_schedule(name, RELEASED)
        lessons = [draw_lesson(rng, RELEASED, longest=3, frames=3, schedule=schedule) for _ in range(60)]
        assert {lesson.plan.order for lesson in lessons} == {schedule.order()}
        frames = sum(block.frames for block in (*schedule.before, *schedule.after))
        for lesson in lessons:
            context = lesson.context(torch.zeros(1, 16, lesson.latents, 4, 4))
            assert sum(len(block.indices) for block in context.blocks) == frames
            assert min(int(block.indices.min()) for block in context.blocks) == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("td_f16k4f2k2f1k1_g9+D", "codebook"),
        ("tc_f16k4f2k2f1k1_g9", "tail"),
        ("td_f16k8f2k2f1k1_g9", "k8"),
        ("td_f2k2f1k1_g9", "gives the kernel k4 no frames"),
        ("td_f16k4f2k2f1k1_g5", "its section has 5 frames"),
    ],
)
def test_a_schedule_that_the_model_cannot_is_refused(name: str, said: str) -> None:
    with pytest.raises(EngineError) as caught:
        practised_schedule(name, RELEASED)
    assert caught.value.code is Code.SCHEDULE_UNSUPPORTED
    assert said in caught.value.line


@pytest.mark.parametrize(
    "arguments",
    [["--new-kernels", "full"], ["--full"], ["--full", "--model", "sketch", "--lora", "4"], ["--full", "--heads", "9"]],
)
def test_what_does_not_go_together_is_refused(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--out", str(tmp_path / "run"), *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert arguments[0] in line
    assert not (tmp_path / "run").exists()
