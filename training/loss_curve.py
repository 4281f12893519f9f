"""A loss curve as a picture: the losses of a run and their running mean, on a logarithmic scale."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from engine.media.files import write_whole

_WIDTH, _HEIGHT, _MARGIN = 900, 420, 50


def draw_curve(losses: Sequence[float], path: Path) -> None:
    """Write the curve of `losses`, one a step, as a PNG."""
    picture = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    values = np.asarray(losses, float)
    values = values[np.isfinite(values) & (values > 0)]
    if len(values) > 1:
        logs = np.log10(values)
        low, high = np.percentile(logs, 1), np.percentile(logs, 99.5)
        span = max(high - low, 1e-3)
        steps = np.linspace(_MARGIN, _WIDTH - _MARGIN, len(logs))
        heights = _HEIGHT - _MARGIN - (logs - low) / span * (_HEIGHT - 2 * _MARGIN)
        window = max(1, len(logs) // 60)
        mean = np.convolve(heights, np.ones(window) / window, "valid")
        draw.line(list(zip(steps, heights, strict=True)), fill=(205, 215, 230))
        draw.line(list(zip(steps[window - 1 :], mean, strict=True)), fill=(20, 60, 140), width=2)
        for level in np.linspace(low, high, 5):
            y = _HEIGHT - _MARGIN - (level - low) / span * (_HEIGHT - 2 * _MARGIN)
            draw.text((4, y - 6), f"{10**level:.3g}", fill="black")
    draw.rectangle((_MARGIN, _MARGIN, _WIDTH - _MARGIN, _HEIGHT - _MARGIN), outline="black")
    draw.text((_WIDTH // 2 - 60, _HEIGHT - 30), f"{len(losses)} steps", fill="black")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    write_whole(path, buffer.getvalue())
