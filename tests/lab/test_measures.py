"""The lab's measures on shots whose faults are known: the truth itself, blurred, shifted, and another scene's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from engine.media.measures import Picture
from lab.held_out import Encoded, HeldOut
from lab.metrics import STRIDE, displacement, measured
from lab.world import MOTIONS, Scene, out_and_back
from training.scenes.moves import Move, Speed


@dataclass(frozen=True)
class Shown:
    """In place of a decoder: latents are numbers of pictures."""

    frames: list[Picture]

    def pictures(self, latents: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(np.stack([self.frames[int(latent.flatten()[0])] for latent in latents]))


@pytest.fixture(scope="module")
def scene() -> HeldOut:
    return HeldOut(Scene(11), out_and_back(Move.PAN_LEFT, Speed.FAST, 4, 8), 11)


def measures(scene: HeldOut, change: Callable[[int, Picture], Picture]) -> dict[str, float | None]:
    """Of the true frames after `change`, which is told the latent."""
    frames = [change(latent, frame) for latent, frame in enumerate(scene.scene.frames(scene.path))]
    latents = torch.arange(len(frames)).reshape(1, 1, -1, 1, 1).float()
    motions = torch.tensor([[MOTIONS.index(motion) for motion in scene.path.motions]])
    encoded = Encoded((scene,), latents, torch.zeros(1, 9, 1, 1), motions)
    found = measured(latents, encoded, Shown(frames))  # type: ignore[arg-type]
    return {name: values[0] for name, values in found.items()}


def blurred(picture: Picture) -> Picture:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(2)))


def value(told: dict[str, float | None], name: str) -> float:
    found = told[name]
    assert found is not None, name
    return found


def test_the_truth_moves_as_asked_and_comes_back(scene: HeldOut) -> None:
    told = measures(scene, lambda _, frame: frame)
    assert value(told, "obey") == pytest.approx(1, abs=0.05)
    assert value(told, "dynamic") == pytest.approx(1, abs=0.05)
    assert value(told, "fidelity last") > 35
    assert value(told, "revisit self") > 28  # half pixels lie between
    assert value(told, "revisit truth") > 28
    assert value(told, "mean colour") < 20
    assert told["still"] is None


def test_a_shot_that_blurs_drifts_and_forgets(scene: HeldOut) -> None:
    truth = measures(scene, lambda _, frame: frame)
    told = measures(scene, lambda latent, frame: blurred(frame) if latent > 50 else frame)
    assert value(told, "drift sharp") > value(truth, "drift sharp") + 3
    assert value(told, "sharp last") < value(truth, "sharp last") / 2
    assert value(told, "revisit self") < value(truth, "revisit self") - 3


def test_what_comes_back_from_another_scene_is_no_memory(scene: HeldOut) -> None:
    other = Scene(12).frames(scene.path)
    told = measures(scene, lambda latent, frame: other[latent] if latent > 36 else frame)
    assert value(told, "revisit self") < 18
    assert value(told, "fidelity last") < 18


def test_a_picture_a_few_pixels_off_is_still_the_same(scene: HeldOut) -> None:
    told = measures(scene, lambda latent, frame: np.roll(frame, 5, 1) if latent > 50 else frame)
    assert value(told, "fidelity last") > 30


def test_held_still_is_no_motion(scene: HeldOut) -> None:
    first = scene.scene.frames(scene.path, range(1))[0]
    told = measures(scene, lambda _, __: first)
    assert value(told, "obey") == pytest.approx(0, abs=0.05)
    assert value(told, "dynamic") == pytest.approx(0, abs=0.05)


def test_displacement_is_the_shift() -> None:
    view = Scene(13)
    earlier, later = view.view(np.array([40.0, 90.0])), view.view(np.array([40.0 - 7, 90.0 + 4]))
    assert displacement(earlier, later).tolist() == [7, -4]


def test_a_jump_at_borders_is_told_from_motion() -> None:
    latents = torch.zeros(1, 2, 28, 2, 2)
    latents[0, :, :] = torch.arange(28.0)[None, :, None, None]
    latents[0, :, 10:] += 2  # the border between the first section and the second
    from lab.metrics import _jump

    # Two borders and 25 steps within sections, of 1 each; one border has 3.
    assert _jump(latents[0]) == pytest.approx(2)


def test_pictures_are_those_of_every_third_latent(scene: HeldOut) -> None:
    asked: list[int] = []

    def seen(latent: int, frame: Picture) -> Picture:
        asked.append(latent)
        return frame

    measures(scene, seen)
    assert len(asked) == scene.path.latents
    assert scene.path.latents % STRIDE == 1
