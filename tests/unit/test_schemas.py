"""Requests over the wire: the protocol's own dataclasses, with every limit enforced and every type strict."""

from __future__ import annotations

import dataclasses
from typing import Any, get_type_hints

import pytest
from pydantic import TypeAdapter, ValidationError

from engine.protocol import ShotRequest
from engine.server.schemas import JobChange, NewJob

NEW, CHANGE = TypeAdapter(NewJob), TypeAdapter(JobChange)
HASH = "a" * 64
BOARD = {"frame": 1, "image": HASH}
GUIDE = {"kind": "guide", "frames": [{"frame": 5.5, "image": HASH, "seen": "b" * 64}], "strength": 0.5, "until": 1}


def places(adapter: TypeAdapter[Any], data: object) -> list[str]:
    """Where something is wrong with `data`."""
    try:
        adapter.validate_python(data)
    except ValidationError as fault:
        return [".".join(map(str, each["loc"])) for each in fault.errors()]
    return []


@pytest.mark.parametrize(
    ("body", "digest"),
    [
        ({"frames": 37}, "0382abdbce0d12a71ff53f7f24364994fd2868910a98a44d847dd5394ffabab5"),
        (
            {
                **{"name": "panel", "model": "sketch", "prompt": "pan left", "frames": 37, "fps": 24, "conform": False},
                **{
                    "seed": 3,
                    "order": "forward",
                    "cfg": 1,
                    "guidance": 9,
                    "steps": 25,
                    "speed": "fast",
                    "negative": "",
                },
                "boards": [BOARD, {"frame": 37, "image": "b" * 64}],
                "prompts": [{"frame": 20, "text": "then right"}],
                "loras": [{"name": "ink"}, {"name": "haze", "weight": 0.5}],
            },
            "a0b3a1c89137498567a6a7c6bf88ef6978b724e0e2de0e45eacb0a9513c7dfd0",
        ),
        (
            {"frames": 73, "clip": ["c" * 64, "d" * 64], "model": "helios", "prompt": "w"},
            "cb5e1ead42814ca276414e5535de89e54715f1d11215aa917862f6b92b6374b5",
        ),
    ],
)
def test_a_body_that_an_earlier_engine_stored_is_known_again(body: dict[str, Any], digest: str) -> None:
    """The digests are what 0.1.0 made of these bodies: under the same key the same job is meant."""
    assert NEW.validate_python(body).digest() == digest


def test_every_field_of_a_request_can_be_asked_for_and_its_type_is_strict() -> None:
    assert places(NEW, {"frames": 37, "boards": [BOARD], "conditions": [GUIDE], "name": "panel"}) == []
    for field in dataclasses.fields(ShotRequest):
        wrong = [{"no": "such"}, [[]]] + [value for value in ("1", 1, True, 1.5) if not fits(field.name, value)]
        for value in wrong:
            found = places(NEW, {"frames": 37} | {field.name: value})
            assert found, (field.name, value)
            assert all(place.startswith(field.name) for place in found)


def fits(name: str, value: object) -> bool:
    """Whether a plain value is one that the field could take."""
    hint = str(get_type_hints(ShotRequest)[name])
    kinds = {"str": str, "int": int, "float": (int, float), "bool": bool}
    return any(
        word in hint and isinstance(value, kind) and not (kind is not bool and value is True)
        for word, kind in kinds.items()
    )


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"frames": 0}, "frames"),
        ({"frames": 36_001}, "frames"),
        ({"fps": float("nan")}, "fps"),
        ({"fps": 0.5}, "fps"),
        ({"seed": -1}, "seed"),
        ({"order": "sideways"}, "order"),
        ({"boards": [{"frame": 1, "image": "A" * 64}]}, "boards.0.image"),
        ({"boards": [BOARD | {"more": 1}]}, "boards.0.more"),
        ({"boards": [BOARD] * 65}, "boards"),
        ({"loras": [{"name": ""}]}, "loras.0.name"),
        ({"prompt": "x" * 4001}, "prompt"),
        ({"more": 1}, "more"),
        ({"schedule": "f1k1_x_g9"}, "schedule"),
        ({"window": 9}, "window"),
        ({"between": "ghosts"}, "between"),
        ({"endpoints": [73, 0]}, "endpoints.1"),
        ({"endpoints": list(range(1, 18))}, "endpoints"),
        ({"finish": {"upscale": "3"}}, "finish.upscale"),
        ({"finish": {"upscale": "1280x72x3"}}, "finish.upscale"),
        ({"finish": {"fps": 0}}, "finish.fps"),
        ({"finish": {"slow": 0.5}}, "finish.slow"),
        ({"finish": {"slow": 17}}, "finish.slow"),
        ({"finish": {"between": "ghosts"}}, "finish.between"),
        ({"finish": {"sharpen": 1}}, "finish.sharpen"),
        ({"conditions": [GUIDE | {"kind": "dream"}]}, "conditions.0.kind"),
        ({"conditions": [GUIDE | {"frames": []}]}, "conditions.0.frames"),
        ({"conditions": [GUIDE | {"strength": 1.5}]}, "conditions.0.strength"),
        (
            {"conditions": [GUIDE | {"frames": [{"frame": 2, "image": HASH}, {"frame": 0.5, "image": HASH}]}]},
            "conditions.0.frames.1.frame",
        ),
    ],
)
def test_every_limit_is_named_where_it_is_passed(wrong: dict[str, Any], place: str) -> None:
    assert places(NEW, {"frames": 37} | wrong) == [place]


@pytest.mark.parametrize("upscale", ["", "2", "4", "1920x1080"])
def test_a_shot_may_be_finished(upscale: str) -> None:
    finish = {"upscale": upscale, "upscaler": "waifu2x", "fps": 59.94, "slow": 2, "between": "flow"}
    assert places(NEW, {"frames": 37, "finish": finish, "between": "motion"}) == []


def test_a_change_keeps_to_the_same_limits() -> None:
    assert places(CHANGE, {"steps": 4, "prompts": [{"frame": 3, "text": "roll"}], "before": "end"}) == []
    assert places(CHANGE, {"steps": 0, "before": "first", "frames": 3}) == ["before", "steps", "frames"]


def test_what_only_the_job_has_is_no_part_of_the_request() -> None:
    job = NEW.validate_python({"frames": 37, "name": "panel", "conditions": [GUIDE], "stop_after": 1})
    assert type(job.request) is ShotRequest
    assert job.request.pictures == (HASH, "b" * 64)
    assert not {"name", "stop_after"} & vars(job.request).keys()


def test_where_a_job_is_to_stop_does_not_make_it_another() -> None:
    """Told to go on before it was sent, it is sent without its stop, under the same key."""
    whole, stopping = {"frames": 73, "seed": 4}, {"frames": 73, "seed": 4, "stop_after": 1}
    assert NEW.validate_python(stopping).digest() == NEW.validate_python(whole).digest()
    assert places(NEW, stopping | {"stop_after": 0}) == ["stop_after"]
