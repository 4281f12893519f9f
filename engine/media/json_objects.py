"""JSON that lies in a shot's folder, where anybody may have put it."""

from __future__ import annotations

import json
from typing import Any


def json_object(data: str | bytes) -> dict[str, Any]:
    """The object in `data`. Raises ValueError for anything else, however deep it is."""
    try:
        found = json.loads(data)
    except RecursionError as fault:
        raise ValueError("it is too deep") from fault
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return found
