"""Compiled blocks: chosen where they can work, near the plain ones, and given up without losing the shot."""

from __future__ import annotations

import functools
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from engine.generation import open_family
from engine.inference.hunyuan.spec import RELEASED
from engine.inference.memory.placement import ALL_KEPT, Placement, Stay
from engine.inference.registry import Families
from engine.inference.speed import kernels as kernels_module
from engine.inference.speed.attention import AttentionWork
from engine.inference.speed.compile import compile_blocks
from engine.inference.speed.kernels import AS_RELEASED, Kernels, choose_kernels
from engine.models.folder import open_folder
from engine.models.spec import Speed
from tests.engine.checkpoints import TINY
from tests.engine.conftest import MadeShot, MakeShot

CPU = torch.device("cpu")
A_COMPILER = any(shutil.which(name) for name in ("c++", "g++", "clang++", "cl"))


@pytest.fixture(autouse=True)
def _compiled_anew() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Compile on the CPU too, which no speed does."""
    return lambda: monkeypatch.setattr(open_family, "kernels_for", lambda *_: Kernels(compiled=True))


def said(shot: MadeShot) -> bool:
    """Whether the shot's record says that the blocks were compiled to its end."""
    answer: bool = json.loads((shot.folder / "shot.json").read_text())["kernels"]["compiled"]
    return answer


def test_which_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels_module, "fastest", lambda *_, **__: "native")
    work = AttentionWork(9000, 24, 128, torch.bfloat16, torch.device("cuda", 0))

    def compiles(speed: Speed = Speed.FAST, placement: Placement = ALL_KEPT, device: str = "cuda") -> bool:
        return choose_kernels(replace(work, device=torch.device(device)), speed, placement).compiled

    monkeypatch.setattr(kernels_module, "find_spec", lambda name: name)
    assert compiles()
    assert compiles(placement=Placement(Stay.IN_TURN, vae=Stay.IN_TURN))
    assert not compiles(Speed.EXACT)
    assert not compiles(Speed.BALANCED)
    assert not compiles(placement=Placement(transformer=Stay.STREAMED))
    assert compiles(placement=Placement(int8_weights=True))
    assert not compiles(device="cpu")
    monkeypatch.setattr(kernels_module, "find_spec", lambda _: None)
    assert not compiles(), "no triton"


@pytest.mark.skipif(not A_COMPILER, reason="torch.compile needs a C++ compiler on a CPU")
@pytest.mark.slow
def test_compiled_blocks_are_near(make_shot: MakeShot, compiled: Callable[[], None]) -> None:
    """Under a step cache, with a negative prompt, over two sections: the sizes of a block's inputs change."""
    plain = make_shot(73, steps=4, cfg=2.0, cache="teacache:0.3")
    compiled()
    quick = make_shot(73, steps=4, cfg=2.0, cache="teacache:0.3")
    assert said(quick)
    assert not said(plain)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    assert not torch._dynamo.utils.counters["graph_break"], "the caches' decisions stay outside"
    assert ((quick.latents - plain.latents).norm() / plain.latents.norm()).item() < 1e-3
    for one, other in zip(quick.frames, plain.frames, strict=True):
        pictures = [np.asarray(Image.open(path), dtype=float) / 255 for path in (one, other)]
        assert np.abs(pictures[0] - pictures[1]).mean() < 1e-3


@pytest.mark.usefixtures("latents_only")
@pytest.mark.parametrize("cache", ["none", "teacache:0.3", "first-block:0.3"])
def test_a_failing_compiler_loses_nothing(
    make_shot: MakeShot,
    compiled: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    cache: str,
) -> None:
    """The frames are those of a shot that never tried, caches included; it is tried once and said once."""
    plain = make_shot(37, steps=4, cfg=2.0, cache=cache)
    tried: list[int] = []

    def broken(*_: object) -> object:
        tried.append(1)
        raise RuntimeError("ld: cannot find -lcuda")

    compiled()
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=broken))
    with caplog.at_level(logging.WARNING, "shotpack.compile"):
        shot = make_shot(37, steps=4, cfg=2.0, cache=cache)
    assert torch.equal(shot.latents, plain.latents)
    assert not said(shot)
    assert len(tried) == 1
    (message,) = caplog.messages
    assert "cannot find -lcuda" in message


def test_out_of_memory_is_not_a_failing_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(torch, "compile", lambda _: full)
    block = torch.nn.Linear(2, 2)
    gave_up: list[int] = []
    compile_blocks([block], lambda: gave_up.append(1))
    with pytest.raises(torch.OutOfMemoryError):
        block(torch.zeros(1, 2))
    assert not gave_up


def test_other_kernels_are_another_family() -> None:
    families, model = Families(), open_folder(TINY)

    def opened(kernels: Kernels) -> object:
        return families.open(model, RELEASED, CPU, None, ALL_KEPT, kernels=kernels)

    first = opened(AS_RELEASED)
    assert opened(AS_RELEASED) is first
    second = opened(Kernels("flash"))
    assert second is not first
    assert opened(Kernels("flash", compiled=True)) not in (first, second)
