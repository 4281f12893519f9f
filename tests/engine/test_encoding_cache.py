"""The cache of encodings: the same words never load an encoder twice; it is never wrong, too large or in the way."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.events import Progress
from engine.generation.encoding_cache import EncodingCache
from engine.inference.hunyuan.family import HunyuanFramePack
from engine.protocol import PromptAt
from tests.engine.conftest import MakeShot


def tensors(value: float = 1.0, size: int = 10) -> dict[str, torch.Tensor]:
    return {"embeds": torch.full((1, size), value), "mask": torch.ones(1, 3)}


def test_a_second_shot_loads_no_encoder(make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_shot(1, steps=1)

    def unwanted(*_: object) -> None:
        raise AssertionError("an encoder was asked for")

    monkeypatch.setattr(HunyuanFramePack, "encode_texts", unwanted)
    monkeypatch.setattr(HunyuanFramePack, "encode_visions", unwanted)
    second = make_shot(1, steps=1)
    assert np.array_equal(Image.open(first.frames[0]), Image.open(second.frames[0]))
    assert torch.equal(first.latents, second.latents)


@pytest.mark.usefixtures("latents_only")
@pytest.mark.parametrize("change", [{"prompt": "w3"}, {"size": (96, 64)}])
def test_other_words_and_sizes_are_encoded(
    make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    make_shot(1, steps=1)
    asked: list[str] = []
    for method in ("encode_texts", "encode_visions"):
        original = getattr(HunyuanFramePack, method)
        monkeypatch.setattr(
            HunyuanFramePack, method, lambda *args, _n=method, _o=original: asked.append(_n) or _o(*args)
        )
    make_shot(1, steps=1, **change)  # type: ignore[arg-type]
    assert asked == (["encode_texts"] if "prompt" in change else ["encode_visions"])


@pytest.mark.usefixtures("latents_only")
def test_what_is_not_read_of_a_prompt_is_said(make_shot: MakeShot) -> None:
    """Of every prompt of a shot, whether it is encoded now or was before: Llama reads 256 tokens here, CLIP 77."""
    words = [f"w{number}" for number in range(1, 900)]
    asked = {
        "prompt": " ".join(words[:300]),
        "prompts": (PromptAt(40, " ".join(words[300:400])),),
        "negative": " ".join(words[500:800]),
        "cfg": 2.0,
    }
    for _ in range(2):
        shot = make_shot(73, steps=1, order="forward", **asked)  # type: ignore[arg-type]
        said = [event.stage for event in shot.events if isinstance(event, Progress) and "not all of" in event.stage]
        assert len(said) == 3
        assert said[0].startswith('not all of the prompt is read: the model stops before "w2')
        assert ' and one of its text encoders before "w7' in said[0]
        assert said[1].startswith("not all of the prompt at frame 40 is read by all of the model's text encoders")
        assert said[2].startswith("not all of the negative prompt is read: the model stops before")


def test_what_is_kept_is_taken_whole(tmp_path: Path) -> None:
    cache = EncodingCache(tmp_path / "cache", "model")
    assert cache.take("text", "a cat") is None
    cache.keep(tensors(), "text", "a cat")
    taken = cache.take("text", "a cat")
    assert taken is not None
    assert all(torch.equal(taken[name], each) for name, each in tensors().items())
    assert cache.take("text", "a dog") is None
    assert EncodingCache(tmp_path / "cache", "another model").take("text", "a cat") is None


def test_damage_counts_as_missing(tmp_path: Path) -> None:
    cache = EncodingCache(tmp_path, "model")
    cache.keep(tensors(), "a")
    (path,) = tmp_path.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-5])
    assert cache.take("a") is None
    cache.keep(tensors(), "a")
    assert cache.take("a") is not None


def test_the_longest_unused_go_first(tmp_path: Path) -> None:
    cache = EncodingCache(tmp_path, "model", limit=2500)
    for age, name in ((300, "old"), (200, "used again"), (100, "young")):
        cache.keep(tensors(size=200), name)
        newest = max(tmp_path.glob("*.safetensors"), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (newest.stat().st_atime, newest.stat().st_mtime - age))
    assert cache.take("used again") is not None
    cache.keep(tensors(size=200), "newest")
    assert [name for name in ("old", "used again", "young", "newest") if cache.take(name) is None] == ["old", "young"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2500


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = EncodingCache(tmp_path / "file" / "cache", "model")
    cache.keep(tensors(), "a")
    assert cache.take("a") is None
