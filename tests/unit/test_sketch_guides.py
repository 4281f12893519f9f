"""What lessons with a guide are drawn from: a board carried by the true motion is the clip, wherever it says it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from training.scenes.clips import Clip, random_blocks, random_clip
from training.scenes.guides import CarriedBoard
from training.scenes.moves import CAMERA_MOVES, OBJECT_MOVES, Depth, Motion, Move, Speed
from training.scenes.pen import OVERSAMPLING
from training.scenes.scenes import Layer, Scene
from training.scenes.textures import textured

SIZE = (128, 80)


@pytest.mark.parametrize("move", [*CAMERA_MOVES, *OBJECT_MOVES, Move.STATIC])
def test_what_is_seen_is_the_clip(move: Move) -> None:
    """Resampling costs a little; a pixel that is said to be seen and shows another thing costs much."""
    for seed in range(3):
        draw = random_blocks if seed == 2 else random_clip
        clip = draw(np.random.default_rng([1, seed]), SIZE, 2, Motion(move))
        board = CarriedBoard(clip)
        for number in (9, 36, 72):
            picture, seen = board.at(number)
            truth = clip.frame(number).astype(float)
            away = np.abs(picture - truth).mean(-1)
            assert picture.shape == (SIZE[1], SIZE[0], 3)
            assert picture.dtype == np.uint8
            if not seen.any():
                continue
            assert away[seen].mean() < 6, "linear sampling of thin ink"
            field = clip.motion_field(0, number)
            assert not (seen & ~field.visible).any()


def test_by_whole_pixels_nothing_is_lost() -> None:
    clip = random_clip(np.random.default_rng(4), SIZE, 1, Motion(Move.PAN_LEFT))
    picture, seen = CarriedBoard(clip).at(18)  # 12 pixels
    assert np.abs(picture.astype(int) - clip.frame(18))[seen].max() <= 1
    assert not seen[:, :11].any()
    assert seen[:, 13:].all()


def test_things_of_a_blocked_out_scene_keep_their_silhouettes_in_the_fill() -> None:
    """Where the board shows some of a thing, what comes into view of it has its colours and no other's."""
    clip = random_blocks(np.random.default_rng(11), SIZE, 2, Motion(Move.PAN_LEFT, Speed.FAST))
    assert len(clip.scene.layers) > 3
    assert all(layer.picture.mode == "RGBA" for layer in clip.scene.layers[1:])
    board = CarriedBoard(clip)
    layers = clip.motion_field(0, 0).layer
    picture, seen = board.at(40)
    field = clip.motion_field(0, 40)
    for number in np.unique(field.layer[~seen]):
        sources = board._clean & (layers == number)
        if sources.any():
            known = {tuple(colour) for colour in board._around[sources]}
            assert {tuple(colour) for colour in picture[~seen & (field.layer == number)]} <= known


def two_sheets(motion: Motion) -> Clip:
    """A grey ground with a red square before it that is nearer."""
    ground = Image.new("RGB", (400 * OVERSAMPLING, 200 * OVERSAMPLING), (90, 90, 90))
    ground.paste((90, 90, 250), (0, 0, 400 * OVERSAMPLING, 90 * OVERSAMPLING))
    square = Image.new("RGBA", (40 * OVERSAMPLING, 40 * OVERSAMPLING), (240, 20, 20, 255))
    layers = (
        Layer(ground, (0, 0), Depth.BACKGROUND),
        Layer(square, (0, 10), Depth.FOREGROUND),
    )
    return Clip(Scene(layers, "box", "room"), motion, SIZE, 1)


def test_what_comes_into_view_takes_the_colours_of_its_own_layer() -> None:
    """And what lies beside a silhouette is not carried: a ghost of the square would stay on the ground."""
    clip = two_sheets(Motion(Move.ORBIT_RIGHT, Speed.FAST))
    picture, seen = CarriedBoard(clip).at(18)
    field, truth = clip.motion_field(0, 18), clip.frame(18).astype(int)
    uncovered = ~seen & (field.layer == 0)
    assert uncovered.sum() > 100
    assert (picture[uncovered][:, 0] < 120).all(), "no red on the ground"
    inside = field.layer == 1
    assert (picture[inside & ~seen][:, 0] > 200).all()
    assert np.abs(picture - truth)[seen].max() <= 2


def test_the_fill_is_the_nearest_place_that_is_known() -> None:
    clip = two_sheets(Motion(Move.STATIC))
    board = CarriedBoard(clip)
    (sources, *_), clean = board._sources, board._clean
    known = clean & (clip.motion_field(0, 0).layer == 0)
    places = np.argwhere(known)
    for at in np.argwhere(~known)[::37]:
        nearest = np.sqrt(((places - at) ** 2).sum(1).min())
        found = sources[tuple(at)]
        assert known[tuple(found)]
        assert np.hypot(*(found - at)) < nearest + 1


def test_patterns_keep_silhouettes_and_move_with_their_sheets() -> None:
    clip = random_clip(np.random.default_rng(3), SIZE, 1, Motion(Move.ORBIT_LEFT))
    worn = replace(clip, scene=textured(np.random.default_rng(5), clip.scene))
    changed = 0
    for before, after in zip(clip.scene.layers, worn.scene.layers, strict=True):
        changed += before.picture is not after.picture
        if before.picture.mode == "RGBA":
            assert np.array_equal(before.picture.getchannel("A"), after.picture.getchannel("A"))
    assert changed
    picture, seen = CarriedBoard(worn).at(30)
    assert np.abs(picture.astype(int) - worn.frame(30))[seen].mean() < 12
