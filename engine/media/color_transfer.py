"""Light: pixels of any depth, curve and gamut become the 8-bit sRGB that a person sees. Arrays only."""

from __future__ import annotations

import numpy as np

PQ, HLG, LINEAR = 16, 18, 8
"""Transfer characteristics, in the numbers of ISO/IEC 23091-2, that are not shown as they are."""
_TO_BT709 = {
    9: ((1.660491, -0.587641, -0.072850), (-0.124550, 1.132900, -0.008349), (-0.018151, -0.100579, 1.118730)),
    11: ((1.224940, -0.224940, 0.0), (-0.042057, 1.042057, 0.0), (-0.019638, -0.078636, 1.098273)),
    12: ((1.224940, -0.224940, 0.0), (-0.042057, 1.042057, 0.0), (-0.019638, -0.078636, 1.098273)),
}
"""Linear BT.2020 and P3 to linear BT.709, by the standard's number of the primaries."""
_WHITE_NITS = 203.0
"""What white on paper is in HDR pictures (ITU-R BT.2408)."""
_HLG_PEAK_NITS = 1000.0
_KNEE = 0.75
"""Share of white, in linear light, from which on highlights are rolled off."""


def special(transfer: int, primaries: int) -> bool:
    """Whether pixels of these characteristics are to be changed (`shown`) before they are sRGB."""
    return transfer in (PQ, HLG, LINEAR) or primaries in _TO_BT709


def shown(coded: np.ndarray, transfer: int, primaries: int) -> np.ndarray:
    """Coded pixels (H, W, 3) of these characteristics, float in [0, 1], as sRGB in [0, 1].

    HDR is brought to a screen's range: up to three quarters of white it stays as it is, lights above are rolled off.
    """
    if transfer == PQ:
        light = _roll_off(_pq_nits(coded) / _WHITE_NITS)
    elif transfer == HLG:
        light = _roll_off(_hlg_nits(coded) / _WHITE_NITS)
    else:
        light = coded if transfer == LINEAR else _linear(coded)
    if primaries in _TO_BT709:
        light = light @ np.asarray(_TO_BT709[primaries], np.float32).T
    return coded_srgb(light)


def coded_srgb(light: np.ndarray) -> np.ndarray:
    """Linear light, 1 is white, as sRGB in [0, 1]; what is no number is black, what a screen cannot show is cut off."""
    light = np.clip(np.nan_to_num(light, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
    coded: np.ndarray = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return coded


def on_paper(pixels: np.ndarray, alpha: np.ndarray, *, premultiplied: bool = False) -> np.ndarray:
    """Pixels (H, W, 3) in [0, 1] on white paper where `alpha` (H, W) in [0, 1] lets it through."""
    alpha = alpha[..., None]
    lying: np.ndarray = pixels * (1 if premultiplied else alpha) + (1 - alpha)
    return lying


def eight_bits(pixels: np.ndarray) -> np.ndarray:
    """Pixels as uint8: uint16 is scaled (65535 is 255), floats are taken from [0, 1]; rounded to nearest."""
    if pixels.dtype == np.uint8:
        return pixels
    if np.issubdtype(pixels.dtype, np.unsignedinteger):
        pixels = pixels / np.float64(np.iinfo(pixels.dtype).max)
    scaled: np.ndarray = (np.clip(pixels, 0, 1) * 255).round().astype(np.uint8)
    return scaled


def _linear(coded: np.ndarray) -> np.ndarray:
    coded = np.clip(coded, 0, 1)
    light: np.ndarray = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return light


def _pq_nits(coded: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084."""
    power = np.clip(coded, 0, 1) ** (32 / 2523)
    light = np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)
    nits: np.ndarray = 10_000 * light ** (8192 / 1305)
    return nits


def _hlg_nits(coded: np.ndarray) -> np.ndarray:
    """ITU-R BT.2100, on a screen of 1000 nits."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    coded = np.clip(coded, 0, 1)
    scene = np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)
    luminance = scene @ np.asarray((0.2627, 0.6780, 0.0593), np.float32)
    nits: np.ndarray = _HLG_PEAK_NITS * scene * np.maximum(luminance, 1e-6)[..., None] ** 0.2
    return nits


def _roll_off(light: np.ndarray) -> np.ndarray:
    """Light above the knee brought under white, hue kept: all channels by the brightest one's factor."""
    brightest = light.max(axis=-1, keepdims=True)
    over = np.maximum(brightest - _KNEE, 0) / (1 - _KNEE)
    rolled = np.where(over > 0, _KNEE + (1 - _KNEE) * (1 - np.exp(-over)), brightest)
    kept: np.ndarray = light * (rolled / np.maximum(brightest, 1e-9))
    return kept
