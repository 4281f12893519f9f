"""What enlarges pictures: networks whose weights come in packages, and an artist's own. Asked before torch is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import Code, EngineError
from ...models.paths import upscalers_home
from ...models.upscaler_files import installed_upscalers, pickled_upscalers
from ..extras import has, require
from .packaged import PACKAGED

if TYPE_CHECKING:
    import torch

    from .upscaler import Upscaler


def known_upscalers() -> list[str]:
    """Names of all that can enlarge here, the best first; an artist's own by their files' names."""
    packaged = [name for name, package in PACKAGED.items() if has(package.module)]
    return packaged + sorted(name for name in installed_upscalers() if name not in PACKAGED)


def choose_upscaler(name: str) -> str:
    """The name of the upscaler that is meant: `name`, or the best one here where it is empty.

    Raises EngineError `upscaler_unknown` where there is none of that name, `upscaler_invalid` where its file is one
    that is never opened, and `extra_missing` where packages are missing.
    """
    known = known_upscalers()
    name = name or next(iter([*known, *PACKAGED]))
    if name in PACKAGED:
        require(f"Enlarging by {name}", PACKAGED[name].module)
    elif name not in known and (pickled := pickled_upscalers().get(name)) is not None:
        detail, advice = f"{pickled.name} is a pickle, which can run code", f"save its weights as {name}.safetensors"
        raise EngineError(Code.UPSCALER_INVALID, upscaler=name, detail=detail, advice=advice)
    elif name not in known:
        there = ", ".join(known) or ", ".join(PACKAGED)
        raise EngineError(Code.UPSCALER_UNKNOWN, upscaler=name, path=str(upscalers_home()), known=there)
    else:
        require(f"Enlarging by {name}, an upscaler of your own,", "spandrel", "einops")
    return name


def load_upscaler(name: str, device: torch.device) -> Upscaler:
    """The upscaler of that name, on `device`. Raises as `choose_upscaler`, and EngineError `upscaler_invalid`."""
    from .upscaler import read_own, read_packaged

    name = choose_upscaler(name)
    if name in PACKAGED:
        return read_packaged(name, PACKAGED[name], device)
    return read_own(name, installed_upscalers()[name], device)
