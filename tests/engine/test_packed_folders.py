"""Model folders that pack in ways of their own: what they say, and the shots they make."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine.errors import Code, EngineError
from engine.framepack.packing import Order, Tail
from engine.generation.job import _digest
from engine.inference.registry import spec_of
from engine.models.abilities import abilities
from engine.models.folder import open_folder
from engine.models.packing_use import BY_TIME, Packing, PackingUse
from engine.models.spec import ModelSpec
from engine.protocol import ShotRequest
from tests.engine.checkpoints import TINY, make_packed
from tests.engine.conftest import MakeShot

OWN = "f1k1_td_f8k1h4w4f2k2f1k1_g9"


def said(path: Path, **facts: object) -> Path:
    """A copy of the fixture whose manifest says this."""
    shutil.copytree(TINY, path)
    (path / "shotpack.json").write_text(json.dumps(facts))
    return path


def spec_with(path: Path, **facts: object) -> ModelSpec:
    return spec_of(open_folder(said(path, **facts)))


@pytest.mark.parametrize("order", Order)
@pytest.mark.usefixtures("latents_only")
def test_released_weights_make_the_same_in_the_packed_transformer(
    order: Order, tmp_path: Path, make_shot: MakeShot
) -> None:
    packed = said(tmp_path / "packed", packed=True)
    released, ours = (make_shot(109, model=model, order=str(order), steps=2) for model in (TINY, packed))
    assert released.latents.equal(ours.latents)


@pytest.mark.usefixtures("latents_only")
def test_a_model_with_a_schedule_of_its_own_makes_shots_by_it(tmp_path: Path, make_shot: MakeShot) -> None:
    model = make_packed(tmp_path / "own", seed=1, schedules={"forward": OWN})
    shot = make_shot(73, model=model, steps=2)
    record = json.loads((shot.folder / "shot.json").read_text())
    assert record["request"]["schedule"] == OWN
    assert record["request"]["order"] == "forward"
    assert shot.latents.isfinite().all()
    assert abilities(open_folder(model)).orders == (Order.FORWARD,), "what Blender offers"
    with pytest.raises(EngineError, match="order cannot be 'inverted'"):
        make_shot(73, model=model, order="inverted")
    # Kernels that a schedule gives no frames are no fault here.
    assert not make_shot(73, model=model, steps=2, schedule="td_f2k1_g9").latents.equal(shot.latents)


def test_a_folder_says_how_its_weights_pack(tmp_path: Path) -> None:
    model = make_packed(
        tmp_path / "all",
        seed=1,
        codes=5,
        schedules={"forward": OWN + "+D"},
        packing={"trained": ["hybrid", "time"], "weight": 0.3},
        tails=["td", "tc"],
    )
    folder = open_folder(model)
    spec = spec_of(folder)
    assert (spec.packed, spec.order, dict(spec.schedules)) == (True, Order.FORWARD, {Order.FORWARD: OWN + "+D"})
    assert spec.packing == PackingUse((Packing.HYBRID, Packing.TIME), weight=0.3)
    assert spec.tails == (Tail.DELETE, Tail.COMPRESS)
    assert spec.codebook is not None
    assert spec.codebook.size == 5
    assert "codebook/codebook.safetensors" in dict(folder.files())
    (model / "codebook" / "codebook.safetensors").write_bytes(b"no")
    with pytest.raises(EngineError, match="codebook"):
        open_folder(model)
    shutil.rmtree(model / "codebook")
    with pytest.raises(EngineError, match="its codebook is missing"):
        open_folder(model)


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"packed": True, "kernels": [[1, 2, 2]]}, r"gives the kernels \[\[1, 2, 2\]\], its transformer has"),
        ({"schedules": {"forward": "td_f8k8f1k1_g9"}}, "no weights for the kernel k8"),
        ({"schedules": {"forward": "td_f16k4f2k2f1k1_g9+D"}}, "no codebook"),
        ({"packed": True, "schedules": {"forward": "tc_f16k4f2k2f1k1_g9"}}, "tail option tc"),
        ({"order": "inverted", "schedules": {"forward": "td_f16k4f2k2f1k1_g9"}}, "no schedule for inverted order"),
        (
            {"trained_orders": ["forward", "endpoint"], "schedules": {"forward": "f1k1_td_f16k4f2k2f1k1_g9"}},
            "no schedule for endpoint order",
        ),
        ({"packed": True, "family": "helios-mid"}, "this family packs as it was released"),
    ],
)
def test_what_does_not_fit_together_is_said(facts: dict[str, object], what: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=what) as caught:
        spec_with(tmp_path / "model", **facts)
    assert caught.value.code is Code.MODEL_DAMAGED
    assert "\n" not in caught.value.line


def test_only_what_a_folder_says_of_packing_changes_its_digest(tmp_path: Path) -> None:
    request, plain = ShotRequest(frames=5), spec_of(open_folder(TINY))
    digests = [_digest(plain, request)]
    silent = spec_with(tmp_path / "silent", packing={"trained": ["time"]})
    assert silent.packing == BY_TIME
    assert _digest(silent, request) == digests[0]
    changes: list[dict[str, object]] = [
        {"packed": True},
        {"packing": {"trained": ["time", "hybrid"]}},
        {"packing": {"weight": 2}},
        {"packed": True, "tails": ["td", "ta"]},
        {"schedules": {"forward": "f1k1_td_f16k4f2k2f1k1_g9"}},
    ]
    digests += [_digest(spec_with(tmp_path / str(number), **facts), request) for number, facts in enumerate(changes)]
    assert len(set(digests)) == len(digests)


def test_what_it_was_not_trained_for_is_refused(tmp_path: Path, make_shot: MakeShot) -> None:
    with pytest.raises(EngineError, match=r"packing cannot be 'hybrid'; choose one of time,") as caught:
        make_shot(37, packing="hybrid")
    assert caught.value.code is Code.CHOICE_INVALID
    model = make_packed(
        tmp_path / "model",
        seed=1,
        schedules={"forward": OWN},
        packing={"trained": ["time", "similarity"]},
        tails=["td", "tc"],
    )
    with pytest.raises(EngineError, match="choose one of time or similarity"):
        make_shot(37, model=model, packing="hybrid")
    with pytest.raises(EngineError, match="leave no tail for tc"):
        make_shot(37, model=model, packing="similarity", schedule="tc_f2k1_g9")
    with pytest.raises(EngineError, match="not trained with the tail option ta, only with td and tc"):
        make_shot(37, model=model, schedule="ta_f2k1_g9")
    with pytest.raises(EngineError, match="no codebook"):
        make_shot(37, model=model, schedule="td_f2k1_g9+D")
