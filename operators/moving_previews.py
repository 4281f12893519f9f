"""The newest preview of a section that is being denoised as files that a strip can play: a picture a latent frame.

They lie in a folder of this Blender's own for as long as a strip may show them; no name comes twice, for Blender keeps
what it has read by name.
"""

from __future__ import annotations

import base64
import itertools
import shutil
import tempfile
from pathlib import Path

from ..engine.client.session import Job
from ..engine.client.shot import MovingPreview, Shot

_folder: Path | None = None
_numbers = itertools.count(1)
_kept: dict[str, list[MovingPreview]] = {}
"""By shot: the newest, and the one before, which a strip shows until it is told of the newest."""


def take_in(shot: Shot, job: Job | None) -> None:
    """Let a shot have the newest preview that its job tells of; none where nothing is denoised, or of an old engine."""
    preview = job.preview if job is not None and not job.ended else None
    if preview is None or not preview.frames:
        shot.previewed(None)
        return
    if shot.moving is not None and (shot.moving.section, shot.moving.step) == (preview.section, preview.step):
        return
    try:
        moving = MovingPreview(preview.section, preview.step, *_written(preview.frames))
    except (OSError, ValueError):
        return  # the one before stays, and the next one may have room
    shot.previewed(moving)
    kept = _kept.setdefault(shot.id, [])
    kept.append(moving)
    for old in kept[:-2]:
        _remove(old)
    del kept[:-2]


def forget() -> None:
    """Let go of all files: no strip shows them any more."""
    global _folder
    _kept.clear()
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)  # Windows keeps what Blender is reading just now
        _folder = None


def _written(frames: tuple[str, ...]) -> tuple[Path, tuple[str, ...]]:
    """The folder of these pictures, and their names there. Raises OSError, and ValueError for what is no Base64."""
    global _folder
    if _folder is None or not _folder.is_dir():
        _folder = Path(tempfile.mkdtemp(prefix="shotpack-preview-"))
    number, names = next(_numbers), []
    for place, frame in enumerate(frames, 1):
        names.append(f"{number:06d}-{place:02d}.jpg")
        (_folder / names[-1]).write_bytes(base64.b64decode(frame))
    return _folder, tuple(names)


def _remove(moving: MovingPreview) -> None:
    for name in moving.names:
        (moving.folder / name).unlink(missing_ok=True)
