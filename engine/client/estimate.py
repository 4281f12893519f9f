"""What a shot will be and take, before it is sent: size, sections, time as the engine has measured it, room on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..picture_sizes import fitting_size
from .section_borders import sections_in

_BYTES_PER_PIXEL = 4
"""Of a frame: a PNG takes at most 2 in practice, and it is kept here and by the engine."""


@dataclass(frozen=True)
class Estimate:
    """One shot. `seconds` is None where shots of this kind were never measured on the device."""

    width: int
    height: int
    sections: int
    seconds: float | None
    bytes: int


def size_for(details: Mapping[str, Any], shape: tuple[int, int] | None) -> tuple[int, int]:
    """The (width, height) that a model gives to a shot whose board has the shape (width, height); None: no board."""
    sizes = [(int(width), int(height)) for width, height in details["sizes"]]
    if shape is None or min(shape) < 1:
        return sizes[0]
    shortest, longest = details["side_limits"]
    return fitting_size(*shape, sizes, multiple=details["size_multiple"], limits=(shortest, longest))


def sections_of(details: Mapping[str, Any], frames: int, fps: float, *, conform: bool) -> int:
    """How many sections a shot of `frames` frames takes."""
    return sections_in(details, fps, conform=conform).count(frames)


def section_seconds(speeds: Sequence[Mapping[str, Any]], devices: Sequence[str], **kind: Any) -> float | None:
    """How long a section of a kind (model, width, height, steps, speed) takes; the newest measurement counts.

    `devices` are those there are now; none: whichever was measured.
    """
    for each in _on(speeds, devices):
        if all(each[name] == value for name, value in kind.items()):
            return float(each["section_seconds"])
    return None


def film_second(
    model: str, details: Mapping[str, Any], speeds: Sequence[Mapping[str, Any]], devices: Sequence[str]
) -> tuple[float, str] | None:
    """Seconds that a second of a model's film takes, and at which size, as measured last; None: nothing was."""
    for each in _on(speeds, devices):
        if each["model"] == model:
            seconds = each["section_seconds"] * details["native_fps"] / details["section_frames"]
            return seconds, f"{each['width']}x{each['height']}"
    return None


def estimate(
    about: Mapping[str, Any],
    model: str,
    size: tuple[int, int],
    *,
    frames: int,
    fps: float,
    conform: bool,
    steps: int,
    speed: str,
) -> Estimate | None:
    """What a shot will take by what the engine says of itself; None where it says nothing of the model.

    `steps` 0: the model's own.
    """
    details = about.get("details", {}).get(model)
    if details is None:
        return None
    width, height = size
    sections = sections_of(details, frames, fps, conform=conform)
    kind = {"model": model, "width": width, "height": height, "steps": steps or details["steps"], "speed": speed}
    pace = section_seconds(about.get("speeds", ()), devices_of(about), **kind)
    seconds = None if pace is None else sections * pace
    return Estimate(width, height, sections, seconds, frames * width * height * _BYTES_PER_PIXEL)


def devices_of(about: Mapping[str, Any]) -> list[str]:
    """What the engine's devices are called, as far as they have said so."""
    return [worker["title"] or worker["device"] for worker in about.get("workers", ()) if worker["ready"]]


def _on(speeds: Sequence[Mapping[str, Any]], devices: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """The measurements on these devices, the newest first."""
    return (each for each in reversed(speeds) if not devices or each["device"] in devices)
