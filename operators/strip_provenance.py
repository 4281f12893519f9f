"""What made a finished shot, as custom properties of its strip: seen in the sidebar, and by whoever reads the file.

They are what its frames say of themselves, and go where the strip goes. Nothing of ours reads them.
"""

from __future__ import annotations

import json
from typing import Any

from ..engine.client import remake
from ..engine.client.shot import FIRST_TAKE, Shot, mark_of
from ..engine.errors import EngineError
from . import trust

SOURCE, SHOT = "digital_source_type", "shotpack_shot"
"""The properties: IPTC's address of what it is, and the shot's facts as JSON."""


def keep(meta: Any, shot: Shot) -> bool:
    """Let a strip say what made the shot that it shows, all of whose frames are here; returns whether that is new."""
    name = _telling(shot)
    stamp = meta.shotpack
    if stamp.said == name or not trust.trusted(shot.folder):
        return False
    stamp.said = name  # whatever it says: it is asked once
    try:
        said = remake.said_by(shot.folder / name)
    except EngineError:  # an engine of an earlier release has made it, or it was retouched
        for key in (SOURCE, SHOT):
            if key in meta:
                del meta[key]
        return True
    meta[SOURCE], meta[SHOT] = said.source, json.dumps(dict(said.shot))
    return True


def _telling(shot: Shot) -> str:
    """The file of the first frame that is the shown take's own, of a take that shows none the first; empty: none."""
    names = [name for _, name in sorted(shot.pictures.items())]  # a file may say nonsense of them: then there are none
    if shot.take == FIRST_TAKE:
        return names[0] if names else ""
    return next((name for name in names if f"{mark_of(shot.take)}." in name), names[0] if names else "")
