"""Seeds that were tried together: the shots of one press, as their stamps say, and what there is to see of each.

A group is its shots' batch. It looks at strips alone, so a file that is opened has it still, engine or not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..engine.client.board_files import is_picture
from ..engine.client.contact_sheet import frames_of
from ..engine.client.stored_request import asked_for
from . import shot_strips, trust

_STANDING = ("paused", "finished", "failed", "cancelled")


def groups() -> dict[str, list[Any]]:
    """A strip of each shot by group, in the sequence in which they were asked for; without groups of none but chosen.

    The latest group comes last.
    """
    found: dict[str, dict[str, Any]] = {}
    for _, meta in shot_strips.stamped():
        stamp = meta.shotpack
        if stamp.seed_row > 0 and stamp.batch:
            found.setdefault(stamp.batch, {}).setdefault(stamp.shot, meta)
    return {
        batch: sorted(metas.values(), key=lambda meta: meta.shotpack.seed_row)
        for batch, metas in found.items()
        if any(meta.shotpack.trying for meta in metas.values())
    }


def group(batch: str) -> list[Any]:
    """A strip of each shot of a group; none where there is no such group any more."""
    return groups().get(batch, [])


def seed_of(stamp: Any) -> int:
    """The seed that a shot was asked for with; a file may hold anything."""
    asked = asked_for(stamp.request)
    return 0 if asked is None else asked.seed


def tried(meta: Any) -> range:
    """The frames of the section that a seed is judged by; empty before that is made.

    While nobody has gone on with it, it is the only one that is there.
    """
    first, last = meta.shotpack.tried
    if last:
        return range(first, last + 1)
    if meta.shotpack.state not in _STANDING:
        return range(0)  # its frames may still be coming
    return shot_strips.first_shown(meta)


def pictures(meta: Any) -> tuple[Path, ...]:
    """The files that show a seed's section: its first, middle and last frame; none before it is made."""
    folder, shown = shot_strips.folder_of(meta), tried(meta)
    if folder is None or not trust.trusted(folder):
        return ()
    names = [shot_strips.picture_at(meta, frame) for frame in frames_of(shown)] if shown else []
    # What a file calls a picture may lead anywhere.
    return tuple(folder / name for name in names if name) if all(map(is_picture, names)) else ()
