"""The attention's backend: measured, never guessed; only where speed goes before the same numbers; nothing leaks."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from diffusers import HunyuanVideoFramepackTransformer3DModel
from diffusers.models.transformers import transformer_hunyuan_video
from PIL import Image

from engine.generation import open_family
from engine.inference.hunyuan.spec import RELEASED
from engine.inference.memory.placement import ALL_KEPT, Extent
from engine.inference.registry import kernels_for
from engine.inference.speed import attention
from engine.inference.speed.attention import NATIVE, AttentionWork, candidates, choose, dispatched, fastest, measure
from engine.inference.speed.kernels import AS_RELEASED, Kernels, choose_kernels
from engine.models.folder import open_folder
from engine.models.spec import Speed
from tests.engine.checkpoints import TINY
from tests.engine.conftest import MadeShot, MakeShot

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
WORK = AttentionWork(1024, 2, 24, torch.float32, CPU)


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "_known", {})


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({NATIVE: 1.0}, NATIVE),
        ({NATIVE: 1.0, "flash": 0.96}, NATIVE),
        ({NATIVE: 1.0, "flash": 0.94}, "flash"),
        ({NATIVE: 1.0, "flash": 0.9, "sage": 0.5, "xformers": 2.0}, "sage"),
    ],
)
def test_the_fastest_that_is_worth_it(seconds: dict[str, float], chosen: str) -> None:
    assert choose(seconds) == chosen


class FakeTime:
    """A clock that only the backends move; each takes so long and is off by so much."""

    def __init__(self) -> None:
        self.now = 0.0

    def backend(self, takes: float, off: float = 0.0) -> attention.Backend:
        native = dispatched(NATIVE)

        def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            self.now += takes
            return native(query, key, value) * (1 + off)

        return attend


def test_what_fails_or_disagrees_is_out() -> None:
    def broken(*_: torch.Tensor) -> torch.Tensor:
        raise TypeError("'NoneType' object is not callable")

    time = FakeTime()
    backends = {
        NATIVE: time.backend(2.0),
        "flash": time.backend(1.0, off=0.005),
        "xformers": time.backend(0.1, off=0.05),
        "_native_cudnn": time.backend(0.1, off=float("nan")),
        "sage": time.backend(0.5, off=0.05),
        "_flash_3": broken,
    }
    assert measure(WORK, backends, lambda: time.now) == pytest.approx({NATIVE: 2.0, "flash": 1.0, "sage": 0.5})


def test_real_backends_are_measured() -> None:
    """diffusers' own dispatcher: torch's plain formula agrees and is timed, a package that is not there is out."""
    seconds = measure(WORK, {name: dispatched(name) for name in (NATIVE, "_native_math", "_flash_3")})
    assert set(seconds) == {NATIVE, "_native_math"}
    assert min(seconds.values()) > 0


def test_measured_once_for_what_is_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def measured(work: AttentionWork, backends: dict[str, attention.Backend]) -> dict[str, float]:
        asked.append(work.tokens)
        if work.tokens == 3072:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return {NATIVE: 1.0, "flash": 0.5}

    def of(tokens: int) -> str:
        return fastest(AttentionWork(tokens, 24, 128, torch.bfloat16, CUDA), quantised=False)

    monkeypatch.setattr(attention, "candidates", lambda *_, **__: ("flash",))
    monkeypatch.setattr(attention, "measure", measured)
    assert [of(tokens) for tokens in (1025, 1500, 2048, 2049, 3000, 9000, 20_000)] == [
        *["flash"] * 3,
        *[NATIVE] * 2,
        *["flash"] * 2,
    ]
    assert asked == [2048, 3072, 3072, 8192], "out of memory is not for ever; the rest is remembered"


def test_eight_bits_only_for_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "_installed", lambda _: True)
    assert "sage" in candidates(CUDA, quantised=True)
    assert "sage" not in candidates(CUDA, quantised=False)
    assert not [name for name in candidates(CUDA, quantised=True) if name.endswith("_hub")], "nothing is downloaded"
    offered: list[tuple[str, ...]] = []

    def measured(_: AttentionWork, backends: dict[str, attention.Backend]) -> dict[str, float]:
        offered.append(tuple(backends))
        return {name: 1.0 / (1 + place) for place, name in enumerate(backends)}

    monkeypatch.setattr(attention, "measure", measured)
    work = AttentionWork(9000, 24, 128, torch.bfloat16, CUDA)
    chosen = [choose_kernels(work, speed, ALL_KEPT).attention for speed in Speed]
    assert chosen == [NATIVE, "xformers", "sage"]
    assert len(offered) == 2, "exact asks nobody"


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_other_devices_have_native_only(device: str) -> None:
    assert candidates(torch.device(device), quantised=True) == ()
    work = AttentionWork(9000, 24, 128, torch.float32, torch.device(device))
    assert [choose_kernels(work, speed, ALL_KEPT) for speed in Speed] == [AS_RELEASED] * 3


def test_the_trial_is_the_sections_own_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens of the section, its context, the prompt and the picture; the checkpoint's heads."""
    asked: list[AttentionWork] = []
    monkeypatch.setattr("engine.inference.registry.choose_kernels", lambda work, *_: asked.append(work) or AS_RELEASED)
    kernels_for(open_folder(TINY), RELEASED, Extent(64, 64, 700, 9), CUDA, ALL_KEPT, Speed.FAST)
    (work,) = asked
    assert (work.heads, work.dim, work.dtype) == (2, 24, torch.bfloat16)
    assert work.tokens > 700 + RELEASED.prompt_tokens


@pytest.fixture
def masks(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor | None]:
    """The masks that the blocks hand to the dispatcher."""
    seen: list[torch.Tensor | None] = []
    original = transformer_hunyuan_video.dispatch_attention_fn

    def watched(*args: object, attn_mask: torch.Tensor | None = None, **kwargs: object) -> torch.Tensor:
        seen.append(attn_mask)
        return original(*args, attn_mask=attn_mask, **kwargs)

    monkeypatch.setattr(transformer_hunyuan_video, "dispatch_attention_fn", watched)
    return seen


def pixels(shot: MadeShot) -> list[bytes]:
    pictures = []
    for path in shot.frames:
        with Image.open(path) as picture:
            pictures.append(picture.tobytes())
    return pictures


def test_a_processor_stays_native(make_shot: MakeShot, masks: list[torch.Tensor | None]) -> None:
    """On the CPU every speed has the same frames where the step cache is the same; and no block has a mask."""
    shots = [make_shot(37, speed=str(speed), cache="none", cfg=2.0) for speed in Speed]
    for shot in shots:
        assert torch.equal(shot.latents, shots[0].latents)
        # Not their bytes: a frame's file tells at which speed it was asked for.
        assert pixels(shot) == pixels(shots[0])
        record = json.loads((shot.folder / "shot.json").read_text())
        assert record["kernels"] == {"attention": NATIVE, "compiled": False, "convolution": "winograd"}
    assert masks
    assert all(mask is None for mask in masks)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Kernels], None]:
    return lambda kernels: monkeypatch.setattr(open_family, "kernels_for", lambda *_: kernels)


@pytest.mark.usefixtures("latents_only")
def test_a_choice_reaches_the_blocks_and_no_other_job(make_shot: MakeShot, use: Callable[[Kernels], None]) -> None:
    before = make_shot(37)
    use(Kernels("_native_math"))
    other = make_shot(37)
    assert json.loads((other.folder / "shot.json").read_text())["kernels"]["attention"] == "_native_math"
    assert not torch.equal(other.latents, before.latents)
    torch.testing.assert_close(other.latents, before.latents, atol=1e-3, rtol=1e-3)
    use(AS_RELEASED)
    assert torch.equal(make_shot(37).latents, before.latents)


def test_the_prompts_refiner_keeps_torchs_own() -> None:
    """It has a mask, which most backends refuse."""
    transformer = HunyuanVideoFramepackTransformer3DModel.from_pretrained(TINY / "transformer")
    attention.use_attention(transformer, "_native_math")
    for name, module in transformer.named_modules():
        if hasattr(module, "processor"):
            chosen = getattr(module.processor, "_attention_backend", None)
            assert chosen == (None if name.startswith("context_embedder") else "_native_math"), name
