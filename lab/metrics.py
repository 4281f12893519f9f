"""What is measured of the lab's shots, a number for each scene: drift, closeness to the truth, memory, motion, seams.

Pictures are those of every third latent, decoded one by one. What a picture ought to show is known wherever the board
showed it; what the model invented it is held to by its own earlier frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from engine.media.measures import BoardSearch, Picture, colour, psnr, sharpness, start_end_contrast
from training.scenes.moves import LATENTS_PER_SECTION

from .held_out import Encoded, HeldOut
from .shifts import MOST, decibels_by_shift
from .sketch_parts import SketchParts
from .world import SIDE, TORUS

STRIDE = 3
"""Latents between two pictures."""
SHARE = 0.15
"""Of a shot: its beginning and its end, as in the paper's equation 7."""
REACH = 8
"""Pixels by which a picture may be moved before it is compared: errors of motion are not errors of memory."""
TENTHS = 10
"""Parts of a shot, for the curve of its sharpness."""
_LEAST_SEEN = 0.1
"""Share of the picture that must be known for it to be compared."""
_AWAY = 19
"""Latents, the depth of the released history: what was out of sight for longer is a return."""
_LEAST_ASKED = 1.0
"""Pixels between two pictures below which a path counts as holding still."""
BINS = (10, 20, 40, 70, 200)
"""Latents out of sight, for the curve of what is forgotten."""
_UNSEEN = -1


@dataclass
class Known:
    """What has been seen of a scene's torus: by pixel the latent that showed it last, and the colour it had there."""

    when: NDArray[np.int64] = field(default_factory=lambda: np.full((TORUS, TORUS), _UNSEEN))
    colours: Picture = field(default_factory=lambda: np.zeros((TORUS, TORUS, 3), np.uint8))

    def see(self, picture: Picture, place: NDArray[np.float64], latent: int) -> None:
        """A picture at its place."""
        rows, columns = _pixels(place)
        self.when[rows, columns], self.colours[rows, columns] = latent, picture

    def at(self, place: NDArray[np.float64]) -> tuple[NDArray[np.int64], Picture]:
        """When what lies at a place was seen last (H, W), and its colours (H, W, 3)."""
        rows, columns = _pixels(place)
        return self.when[rows, columns], self.colours[rows, columns]


def measured(latents: torch.Tensor, scenes: Encoded, parts: SketchParts) -> dict[str, list[float | None]]:
    """Every measure of shots (N, C, T, h, w), scene by scene; None where a scene does not tell.

    `drift sharp`, `drift colour`, `drift like`: |mean of the first 15 % - mean of the last|. `fidelity first` and
    `last`: PSNR to the truth there, where the board shows it. `obey`: displacement along what was asked over its
    length; `dynamic`: displacement either way over the same. `revisit self` and `revisit truth`: PSNR, in dB, of what
    comes into sight again, to what the model itself had shown there and to the board; `mean colour`: what a flat
    picture would get for the former. `jump`: change of latents over borders between sections over that inside.
    """
    found: dict[str, list[float | None]] = {}
    for number, scene in enumerate(scenes.scenes):
        pictures = list(shown(latents[number], parts))
        told = _of_scene(pictures, scene) | {"jump": _jump(latents[number])}
        for name, value in told.items():
            found.setdefault(name, []).append(value)
    return found


def truth_sharpness(scenes: Encoded, parts: SketchParts) -> NDArray[np.float64]:
    """(N,): what `sharp` is of the truth of each scene, through the VAE as shots are."""
    return np.array([np.mean([sharpness(picture) for picture in shown(each, parts)]) for each in scenes.latents])


def shown(latents: torch.Tensor, parts: SketchParts) -> Picture:
    """What is looked at of a shot (C, T, h, w): the pictures of every third latent, (N, H, W, 3)."""
    pictures: Picture = parts.pictures(latents[:, ::STRIDE].transpose(0, 1)).numpy()
    return pictures


def _of_scene(pictures: list[Picture], scene: HeldOut) -> dict[str, float | None]:
    search = BoardSearch(pictures[0])
    values = np.array([(sharpness(each), *colour(each), search.likeness(each)) for each in pictures])
    crisp, *tint, like = start_end_contrast(values, SHARE)
    return {
        "drift sharp": float(crisp),
        "drift colour": float(np.mean(tint)),
        "drift like": float(like),
        "sharp": float(np.mean(values[:, 0])),
        "sharp first": float(np.mean(values[: _part(values), 0])),
        "sharp last": float(np.mean(values[-_part(values) :, 0])),
        **{f"sharp {tenth}": float(value) for tenth, value in enumerate(_along(values[:, 0]))},
        **_motion(pictures, scene),
        **_memory(pictures, scene),
    }


def _along(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (N,) of a shot's pictures at so many places from its first to its last."""
    found: NDArray[np.float64] = np.interp(np.linspace(0, 1, TENTHS), np.linspace(0, 1, len(values)), values)
    return found


def _part(values: NDArray[np.float64]) -> int:
    return max(1, round(len(values) * SHARE))


def _motion(pictures: list[Picture], scene: HeldOut) -> dict[str, float | None]:
    """What moved, of what was asked, over pairs of pictures that lie in one motion."""
    asked = np.diff(scene.path.camera[::STRIDE], axis=0)
    along, either, still = [], [], []
    for (earlier, later), wanted in zip(pairwise(pictures), asked, strict=True):
        length = float(np.hypot(*wanted))
        moved = displacement(earlier, later)
        if length < _LEAST_ASKED:
            still.append(float(np.hypot(*moved)))
            continue
        along.append(float(moved @ wanted) / length**2)
        either.append(float(np.hypot(*moved)) / length)
    return {"obey": _mean(along), "dynamic": _mean(either), "still": _mean(still)}


def _memory(pictures: list[Picture], scene: HeldOut) -> dict[str, float | None]:
    """How close pictures are to what was known of their places: to the board, and to the model's own frames."""
    places = scene.scene.places(scene.path)[::STRIDE]
    truth = scene.scene.view(places[0])
    board, own = Known(), Known()
    board.see(truth, places[0], 0)
    flat = np.broadcast_to(truth.reshape(-1, 3).mean(0).round().astype(np.uint8), truth.shape)
    fidelity: list[float | None] = []
    returned: dict[str, list[float]] = {"self": [], "truth": [], "flat": []}
    by_gap: dict[int, list[float]] = {}
    for number, (picture, place) in enumerate(zip(pictures, places, strict=True)):
        latent = number * STRIDE
        when, colours = board.at(place)
        shown = when != _UNSEEN
        fidelity.append(_closest(picture, colours, shown))
        last, mine = own.at(place)
        away = np.where(last == _UNSEEN, 0, latent - last)
        if (near := _closest(picture, mine, away > _AWAY)) is not None:
            returned["self"].append(near)
            returned["flat"].append(_decibels(flat, mine, away > _AWAY))
        if (near := _closest(picture, colours, (away > _AWAY) & shown)) is not None:
            returned["truth"].append(near)
        for low, high in pairwise(BINS):
            if (near := _closest(picture, mine, (away > low) & (away <= high))) is not None:
                by_gap.setdefault(low, []).append(near)
        own.see(picture, place, latent)
    part = max(1, round(len(pictures) * SHARE))
    return {
        "fidelity first": _mean([each for each in fidelity[1 : part + 1] if each is not None]),
        "fidelity last": _mean([each for each in fidelity[-part:] if each is not None]),
        "revisit self": _mean(returned["self"]),
        "revisit truth": _mean(returned["truth"]),
        "mean colour": _mean(returned["flat"]),
        **{f"forget {low}": _mean(by_gap.get(low, [])) for low in BINS[:-1]},
    }


def displacement(earlier: Picture, later: Picture) -> NDArray[np.float64]:
    """(across, down) in whole pixels by which what `earlier` shows has moved in `later`, by phase correlation."""
    window = np.outer(np.hanning(SIDE), np.hanning(SIDE))
    spectra = [np.fft.rfft2((each.mean(-1) - each.mean()) * window) for each in (earlier, later)]
    cross = np.conj(spectra[0]) * spectra[1]
    correlation = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-9), (SIDE, SIDE))
    down, across = np.unravel_index(int(correlation.argmax()), correlation.shape)
    return np.array([_signed(int(across)), _signed(int(down))], float)


def _closest(picture: Picture, known: Picture, where: NDArray[np.bool_]) -> float | None:
    """PSNR to what is `known` there after the best shift; None where too little is."""
    if where.mean() < _LEAST_SEEN:
        return None
    # Every second pixel first, as pictures are alike beside their best place; with room beyond, where nothing is near.
    near = np.pad(decibels_by_shift(picture, known, where, REACH), 1)
    coarse = near[1:-1:2, 1:-1:2]
    down, across = (2 * int(place) + 1 for place in np.unravel_index(coarse.argmax(), coarse.shape))
    return float(near[down - 1 : down + 2, across - 1 : across + 2].max())


def _decibels(picture: Picture, truth: Picture, where: NDArray[np.bool_]) -> float:
    return min(MOST, psnr(picture, truth, where))


def _jump(latents: torch.Tensor) -> float:
    """Change of latents (C, T, h, w) over the borders between sections, over that inside sections."""
    changes = latents.diff(dim=1).abs().mean((0, 2, 3))[1:]  # the board's own is no border between sections
    borders = torch.arange(len(changes)) % LATENTS_PER_SECTION == LATENTS_PER_SECTION - 1
    return float(changes[borders].mean() / changes[~borders].mean())


def _pixels(place: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the torus, to the nearest pixel, that a view at `place` shows."""
    across, down = ((round(float(place[axis])) + np.arange(SIDE)) % TORUS for axis in (0, 1))
    return down[:, None], across[None]


def _signed(shift: int) -> int:
    return shift - SIDE if shift > SIDE // 2 else shift


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
