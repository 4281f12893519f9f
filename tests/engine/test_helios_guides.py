"""Helios under a guide: what its transformer is given is what Warp-as-History says, rebuilt here number by number."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan, HeliosTransformer3DModel
from diffusers.models.transformers.transformer_helios import HeliosTransformerBlock
from PIL import Image

import engine.inference.registry as registry
from engine.errors import Code, EngineError
from engine.inference.helios.guided import without_tokens
from engine.inference.helios.spec import HELIOS_DISTILLED
from engine.inference.memory.placement import ALL_KEPT, Extent
from engine.inference.speed.kernels import Kernels
from engine.media.images import fit
from engine.models.abilities import abilities
from engine.models.folder import open_folder
from engine.models.spec import Speed
from tests.engine.checkpoints import BOARD
from tests.engine.conftest import MakeShot
from tests.engine.helios_checkpoints import make_helios
from tests.engine.warm_engine import WarmEngine

SIDE, SEED = 64, 9
FRAMES = 66
Pictures = dict[float, tuple[Path, Path | None]]


@dataclass
class Call:
    """One call of the transformer: what it and its blocks were given."""

    network: HeliosTransformer3DModel
    inputs: dict[str, Any]
    blocks: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def led(self) -> bool:
        """Whether nine latents of a guide follow the short history's two."""
        return bool(self.inputs["latents_history_short"].shape[2] == 11)

    @property
    def rows(self) -> int:
        """Rows of latents that the section has at its stage."""
        return int(self.inputs["hidden_states"].shape[3])


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Every call that is made from now on."""
    seen: list[Call] = []
    forward, block = HeliosTransformer3DModel.forward, HeliosTransformerBlock.forward

    def noted(self: HeliosTransformer3DModel, **inputs: Any) -> Any:
        seen.append(Call(self, inputs))
        return forward(self, **inputs)

    def noted_block(self: HeliosTransformerBlock, *args: Any) -> Any:
        seen[-1].blocks.append(args)
        return block(self, *args)

    monkeypatch.setattr(HeliosTransformer3DModel, "forward", noted)
    monkeypatch.setattr(HeliosTransformerBlock, "forward", noted_block)
    return seen


@pytest.fixture(scope="module")
def distilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_helios(tmp_path_factory.mktemp("helios") / "distilled", seed=7, kind="distilled")


def mask_of(frame: int) -> np.ndarray:
    """What is seen at a frame, 0 or 255: a window that wanders, and two tokens at either side of a tenth."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    left = frame % 40
    mask[16:48, left : left + 20] = 255
    few, enough = mask[:16, 48:], mask[48:, :16]
    few[:] = enough[:] = 0
    few[:8, :8].flat[:25] = 255  # 25 of 256 pixels
    enough[8:, :8].flat[:26] = 255
    return mask


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    """A picture and a mask for each of the frames 2 to 66."""
    folder = tmp_path_factory.mktemp("guide")
    noise = np.random.default_rng(5)
    for frame in range(2, FRAMES + 1):
        coarse = Image.fromarray(noise.integers(0, 255, (4, 4, 3), dtype=np.uint8))
        coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / f"{frame:04d}.00.png")
        Image.fromarray(mask_of(frame)).save(folder / f"{frame:04d}.00-seen.png")
    names = {float(frame): f"{frame:04d}.00" for frame in range(2, FRAMES + 1)}
    return {frame: (folder / f"{name}.png", folder / f"{name}-seen.png") for frame, name in names.items()}


@pytest.fixture
def short(guide: Pictures) -> Pictures:
    """The guide of the first section alone."""
    return {frame: held for frame, held in guide.items() if frame <= 33}


def tensor(path: Path) -> torch.Tensor:
    return fit(Image.open(path).convert("RGB"), SIDE, SIDE)


@torch.inference_mode()
def encoded(model: Path, pictures: list[Path]) -> torch.Tensor:
    vae = AutoencoderKLWan.from_pretrained(model / "vae")
    shape = (1, -1, 1, 1, 1)
    mean, deviation = (torch.tensor(each).view(shape) for each in (vae.config.latents_mean, vae.config.latents_std))
    clip = torch.stack([tensor(path) for path in pictures], dim=2)
    latents: torch.Tensor = (vae.encode(clip).latent_dist.mode() - mean) / deviation
    return latents


def rotary(indices: list[int], side: int, pooled: tuple[int, int, int] = (1, 1, 1)) -> torch.Tensor:
    """The angles of each token, cosines before sines, in float64: four numbers each of time, row and column."""
    time, row, column = np.meshgrid(indices, range(side), range(side), indexing="ij")
    frequencies = np.repeat(1 / 10_000 ** (np.arange(0, 4, 2) / 4), 2)
    angles = np.concatenate([place[..., None] * frequencies for place in (time, row, column)], axis=-1)
    rows = np.concatenate([np.cos(angles), np.sin(angles)], axis=-1)
    t, y, x = (length // by for length, by in zip(rows.shape[:3], pooled, strict=True))
    rows = rows.reshape(t, pooled[0], y, pooled[1], x, pooled[2], -1).mean(axis=(1, 3, 5))
    return torch.from_numpy(rows.reshape(t * y * x, -1)).float()


def tokens(network: HeliosTransformer3DModel, kernel: str, latents: torch.Tensor) -> torch.Tensor:
    embedded: torch.Tensor = getattr(network, kernel)(latents)
    return embedded.flatten(2).transpose(1, 2)[0]


@dataclass
class Draws:
    """The shot's one generator as the documentation has it."""

    generator: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(SEED))

    def noised(self, latents: torch.Tensor) -> torch.Tensor:
        sigmas = self.levels(latents.shape[2])
        return torch.randn(latents.shape, generator=self.generator) * sigmas + latents * (1 - sigmas)

    def levels(self, count: int) -> torch.Tensor:
        sigmas = 0.111 + 0.024 * torch.rand(count, generator=self.generator)
        return sigmas.view(1, 1, -1, 1, 1)

    def section(self) -> None:
        torch.randn(1, 16, 9, 8, 8, generator=self.generator)

    def finer_stages(self) -> None:
        """Noise in patches of four for the doubled sections of 4 and of 8 rows."""
        for patches in (2, 4):
            torch.randn(16 * 9 * patches**2, 4, generator=self.generator)


@pytest.mark.usefixtures("latents_only")
@torch.inference_mode()
def test_inputs_equal_those_built_by_hand(
    make_shot: MakeShot, distilled: Path, guide: Pictures, calls: list[Call]
) -> None:
    shot = make_shot(FRAMES, model=distilled, guide=guide, seed=SEED, steps=6, size=(SIDE, SIDE))
    led = [call for call in calls if call.led]
    # Six steps and twice as many in the first section, a third of them at a quarter of the size.
    assert [call.rows for call in calls] == [2] * 4 + [4] * 4 + [8] * 4 + [2] * 2 + [4] * 2 + [8] * 2
    assert led == [call for call in calls if call.rows == 2]
    for call in calls:
        if not call.led:
            assert call.inputs["indices_latents_history_short"].tolist() == [[0, 19]]
            assert call.blocks[0][0].shape[1] == 9 * (call.rows // 2) ** 2 + 2 * 16 + 4 + 4

    draws = Draws()
    board, pictures = encoded(distilled, [BOARD]), [path for path, _ in guide.values()]
    still = encoded(distilled, [BOARD] * 33)[:, :, -1:]
    first, history = draws.noised(board), draws.noised(still)
    made = shot.latents[:, :, 1:]
    for section, call in enumerate((led[0], led[4])):
        draws.section()
        clip = pictures[32:65] if section else [BOARD, *pictures[:32]]
        clean = encoded(distilled, clip)
        warped = draws.noised(clean)
        draws.finer_stages()
        zeros = torch.zeros(1, 16, 1, 8, 8)
        if section:
            # Nine latents were made, and the still is before them.
            past = torch.cat([zeros.expand(-1, -1, 9, -1, -1), history, made[:, :, :9]], dim=2)
            held = [False] * 9 + [True] * 10
        else:
            past = torch.cat([zeros.expand(-1, -1, 18, -1, -1), history], dim=2)
            held = [False] * 18 + [True]
        short = torch.cat([first, past[:, :, 18:], warped], dim=2)
        inputs = call.inputs
        for name, latents, indices in (
            ("short", short, [0, 19, *range(20, 29)]),
            ("mid", past[:, :, 16:18], [17, 18]),
            ("long", past[:, :, :16], list(range(1, 17))),
        ):
            assert inputs[f"indices_latents_history_{name}"].tolist() == [indices]
            torch.testing.assert_close(inputs[f"latents_history_{name}"], latents, rtol=0, atol=2e-6)
        assert inputs["indices_hidden_states"].tolist() == [list(range(20, 29))]

        # Of the guide's tokens, 16 x 16 pixels each, those that show a tenth at their latent's last frame.
        first_frame = 33 * section + 1
        kept = []
        for frame in range(first_frame, first_frame + 33, 4):
            mask = mask_of(frame) / 255 if frame > 1 else np.ones((SIDE, SIDE))
            kept += (mask.reshape(4, 16, 4, 16).mean(axis=(1, 3)) >= 0.1).flatten().tolist()
        assert 16 < sum(kept) < len(kept) == 9 * 16
        assert (kept[16 + 3], kept[16 + 12]) == (False, True)
        long = [any(held[group : group + 4]) for group in range(0, 16, 4)]
        mid = [any(held[16:18])] * 4
        rows = torch.tensor([*long, *mid, *[True] * 32, *kept, *[True] * 9])

        network = call.network
        every = torch.cat(
            [
                tokens(network, "patch_long", inputs["latents_history_long"]),
                tokens(network, "patch_mid", inputs["latents_history_mid"]),
                tokens(network, "patch_short", inputs["latents_history_short"]),
                tokens(network, "patch_embedding", inputs["hidden_states"]),
            ]
        )
        angles = torch.cat(
            [
                rotary(list(range(1, 17)), 4, (4, 4, 4)),
                rotary([17, 18], 4, (2, 2, 2)),
                rotary([0, 19, *range(20, 29)], 4),
                rotary(list(range(20, 29)), 1),  # at a quarter of the size the section counts its own rows
            ]
        )
        text = inputs["encoder_hidden_states"]
        old, now = (
            network.condition_embedder(time, text)[1].view(6, -1)
            for time in (torch.zeros(1, dtype=torch.int64), inputs["timestep"])
        )
        for number, (hidden, _, modulation, turned, own) in enumerate(call.blocks):
            assert own == 9
            assert hidden.shape[1] == rows.sum()
            if number == 0:
                torch.testing.assert_close(hidden[0], every[rows])
            torch.testing.assert_close(turned[0], angles[rows], rtol=0, atol=2e-5)
            assert torch.equal(modulation[0, :-9], old.expand(int(rows.sum()) - 9, -1, -1))
            assert torch.equal(modulation[0, -9:], now.expand(9, -1, -1))
        assert not any(block._forward_pre_hooks for block in network.blocks)
    # The first section's first latent shows the board itself.
    torch.testing.assert_close(made[:, :, :1], board, rtol=0, atol=1e-5)


@contextlib.contextmanager
def kept_only(network: HeliosTransformer3DModel, kept: list[bool]) -> Iterator[None]:
    with without_tokens(network.blocks, torch.tensor(kept)):
        yield


@torch.inference_mode()
def test_without_the_guide_s_tokens_the_transformer_is_itself() -> None:
    """To leave out all that a guide shows, or nothing but a part of it, equals not to give it, to the bit."""
    torch.manual_seed(3)
    network = HeliosTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=16,
        freq_dim=16,
        ffn_dim=32,
        num_layers=3,
        rope_dim=(4, 4, 4),
        is_amplify_history=True,
    ).eval()
    for block in network.blocks:
        torch.nn.init.normal_(block.attn1.history_key_scale)
    plain = {
        "hidden_states": torch.randn(1, 16, 9, 4, 4),
        "timestep": torch.tensor([700]),
        "encoder_hidden_states": torch.randn(1, 5, 16),
        "indices_hidden_states": torch.arange(20, 29)[None],
        "return_dict": False,
    }
    for name, indices in (("short", [0, 19]), ("mid", [17, 18]), ("long", list(range(1, 17)))):
        plain[f"latents_history_{name}"] = torch.randn(1, 16, len(indices), 16, 16)
        plain[f"indices_latents_history_{name}"] = torch.tensor([indices])
    (wanted,) = network(**plain)
    history = 4 * 2 * 2 + 4 * 4 + 2 * 64

    def guided(latents: torch.Tensor, kept: list[bool]) -> torch.Tensor:
        at = torch.tensor([[0, 19, *range(20, 20 + latents.shape[2])]])
        short = torch.cat([plain["latents_history_short"], latents], dim=2)
        inputs = plain | {"latents_history_short": short, "indices_latents_history_short": at}
        with kept_only(network, [True] * history + kept):
            answer: torch.Tensor = network(**inputs)[0]
        return answer

    shown = torch.randn(1, 16, 9, 16, 16)
    assert torch.equal(guided(shown, [False] * 9 * 64), wanted)
    five = guided(shown[:, :, :4], [True] * 4 * 64)
    assert not torch.equal(five, wanted)
    assert torch.equal(guided(shown, [True] * 4 * 64 + [False] * 5 * 64), five)
    assert torch.equal(network(**plain)[0], wanted)
    with (
        pytest.raises(ValueError, match="the history has 160 tokens, and 3 are told of"),
        kept_only(network, [True, False, True]),
    ):
        network(**plain)
    assert not any(block._forward_pre_hooks for block in network.blocks)


@pytest.mark.usefixtures("latents_only")
@pytest.mark.parametrize("start", [None, BOARD], ids=["words", "board"])
def test_a_guide_that_shows_nothing_is_none(
    make_shot: MakeShot, distilled: Path, guide: Pictures, start: Path | None, tmp_path: Path
) -> None:
    Image.new("L", (SIDE, SIDE), 0).save(tmp_path / "black.png")
    unseen = {frame: (guide[frame][0], tmp_path / "black.png") for frame in (5.0, 30.0)}
    settings: dict[str, Any] = {"model": distilled, "start": start, "steps": 3, "seed": SEED}
    plain = make_shot(33, **settings)
    assert torch.equal(make_shot(33, guide=unseen, **settings).latents, plain.latents)


@pytest.mark.usefixtures("latents_only")
def test_words_alone_and_a_share_of_the_steps(
    make_shot: MakeShot, distilled: Path, short: Pictures, calls: list[Call]
) -> None:
    """Without a board there is no history at first; of twelve steps a sixth is guided, though the stage has four."""
    shot = make_shot(33, model=distilled, guide=short, led=(1.0, 1 / 6), start=None, seed=SEED, steps=6)
    assert [call.led for call in calls] == [True] * 2 + [False] * 10
    seen = calls[0].blocks[0][0].shape[1] - 9
    assert 0 < seen < 8 * 16, "nothing but what the guide shows, and that lacks the first frame"
    none = make_shot(33, model=distilled, guide=short, led=(1.0, 0.0), start=None, seed=SEED, steps=6)
    plain = make_shot(33, model=distilled, start=None, seed=SEED, steps=6)
    assert torch.equal(none.latents, plain.latents)
    assert not torch.equal(shot.latents, plain.latents)


@pytest.mark.usefixtures("latents_only")
def test_guidance_sees_it_on_both_sides(
    make_shot: MakeShot, short: Pictures, calls: list[Call], tmp_path: Path
) -> None:
    mid = make_helios(tmp_path / "mid", seed=7, kind="mid")
    make_shot(33, model=mid, guide=short, seed=SEED, steps=9, guidance=4.0)
    # CFG-Zero* stands still in the first two steps and does not ask what is to be avoided.
    assert [call.led for call in calls] == [True] * (1 + 1 + 2) + [False] * 12


def test_base_takes_none_and_the_others_every_frame(
    make_shot: MakeShot, distilled: Path, short: Pictures, tmp_path: Path
) -> None:
    base = make_helios(tmp_path / "base", seed=1, kind="base")
    with pytest.raises(EngineError, match="cannot be led by a guide; leave it out") as caught:
        make_shot(33, model=base, guide=short)
    assert caught.value.code is Code.CONDITION_UNSUPPORTED
    assert (abilities(open_folder(base)).guide_frames, abilities(open_folder(distilled)).guide_frames) == (0, 1)
    (distilled / "shotpack.json").write_text('{"guide": {"hidden": 1}}')
    try:
        with pytest.raises(EngineError, match="a guide's hidden means nothing to such a model; correct it"):
            make_shot(33, model=distilled, guide=short)
    finally:
        (distilled / "shotpack.json").unlink()


def test_guided_blocks_are_not_compiled(distilled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "choose_kernels", lambda *_: Kernels(compiled=True))
    extents = Extent(64, 64, 200, 9), Extent(64, 64, 200, 9, led=9)
    chosen: Callable[[Extent], Kernels] = lambda extent: registry.kernels_for(  # noqa: E731
        open_folder(distilled), HELIOS_DISTILLED, extent, torch.device("cpu"), ALL_KEPT, Speed.FAST
    )
    assert [chosen(extent).compiled for extent in extents] == [True, False]


def test_killed_and_resumed_to_the_bit(
    distilled: Path, guide: Pictures, warm_engine: WarmEngine, tmp_path: Path
) -> None:
    folder = next(iter(guide.values()))[0].parent

    def arguments(out: Path, *more: str) -> list[str]:
        words = [
            "generate",
            "--image",
            str(BOARD),
            "--prompt",
            "w5",
            "--model",
            str(distilled),
            "--frames",
            str(FRAMES),
        ]
        words += ["--size", f"{SIDE}x{SIDE}", "--steps", "3", "--device", "cpu", "--out", str(out), "--json", *more]
        return [*words, "--save-latents", str(out / "latents.safetensors")]

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    ended = warm_engine.run(arguments(whole, "--guide", str(folder)), tmp_path / "log")
    assert ended.status == 0, ended.stderr
    warm_engine.run(arguments(killed, "--guide", str(folder)), tmp_path / "log", kill_at='"section"')
    assert not (killed / "shot.json").exists()
    ended = warm_engine.run(arguments(killed, "--resume"), tmp_path / "log")
    assert ended.status == 0, ended.stderr
    files = [[*sorted((each / "frames").iterdir()), each / "latents.safetensors"] for each in (whole, killed)]
    assert len(files[0]) == FRAMES + 1
    assert all(one.read_bytes() == two.read_bytes() for one, two in zip(*files, strict=True))
