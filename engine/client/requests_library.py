"""The library that calls go through. Blender brings it, and every extension shares it: one may have put another in its
place that does not load, and that must not keep ours from loading.
"""

from __future__ import annotations

from types import ModuleType

from ..errors import Code, EngineError


def library() -> ModuleType:
    """The module `requests`, imported on first use. Raises EngineError `requests_broken` where it is of no use."""
    try:
        import requests

        requests.Session().close()
    except (Exception, SystemExit) as fault:  # a file of that name may do anything
        raise EngineError(Code.REQUESTS_BROKEN, detail=f"{type(fault).__name__}: {fault}") from fault
    return requests
