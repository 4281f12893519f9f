"""What can be finished here, as whoever asks for it is told. Nothing is imported to know it, and no torch."""

from __future__ import annotations

from .extras import has
from .upscalers import known_upscalers
from .upscalers.packaged import PACKAGED

_TITLES = {
    "waifu2x": "waifu2x (drawings)",
    "waifu2x-photo": "waifu2x (photographs)",
    "realesrgan": "Real-ESRGAN (animation)",
}


def upscalers() -> list[tuple[str, str]]:
    """Name and title of what enlarges pictures here, the best first."""
    return [(name, _TITLES[name] if name in PACKAGED else name) for name in known_upscalers()]


def betweens() -> list[str]:
    """What can make frames in between here, the best first."""
    return [*(["flow"] if has("cv2") else []), "motion", "nearest"]
