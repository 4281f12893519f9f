"""The models Shotpack knows by name: what they are made of, where that comes from, under which licence, and what of it
is installed.

Several models share the text encoders, VAE and image encoder; each repository at each revision is kept once, under
`models/parts/`, and an installed model is a small folder `models/NAME` whose `shotpack.json` points there.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ..errors import Code, EngineError
from ..framepack.packing import Order
from ..protocol import Start
from .folder import FACTS, INDEX, ModelFolder, open_folder
from .paths import PARTS, cache_home, models_home
from .spec import start_unsupported

__all__ = [
    "CATALOG",
    "SKETCH",
    "Entry",
    "Licence",
    "Part",
    "Source",
    "State",
    "cache_home",
    "find_entry",
    "find_model",
    "installed",
    "models_home",
    "require_start",
    "state",
]

SKETCH = "sketch"
_SKETCH_FOLDER = Path(__file__).resolve().parent.parent / SKETCH / "weights"


@dataclass(frozen=True)
class Licence:
    """Terms that weights come under; `note` says in one sentence what an artist must know before agreeing."""

    name: str
    url: str
    note: str


@dataclass(frozen=True)
class Source:
    """A repository on the Hugging Face hub. Without a `revision` the newest one is taken, and recorded."""

    repo: str
    revision: str | None
    licences: tuple[Licence, ...]

    def folder(self, revision: str) -> str:
        """Where this repository at `revision` lies in the models home; the model name alone would not be unique."""
        return f"{PARTS}/{self.repo.replace('/', '--')}@{revision[:12]}"


@dataclass(frozen=True)
class Part:
    """One component: a folder of a repository (`""` for its root) and about how many bytes, as the hub's pages say."""

    component: str
    source: Source
    folder: str
    about_bytes: int

    def wants(self, path: str) -> bool:
        """Whether a file of the repository belongs to this part: safetensors and text only, never a pickle."""
        folder, _, name = path.rpartition("/")
        return folder == self.folder and re.fullmatch(r"\w[\w.\-]*\.(safetensors|json|txt|model)", name) is not None


@dataclass(frozen=True)
class Entry:
    """A model that can be installed by name."""

    name: str
    title: str
    pipeline: str
    """Class name of the diffusers pipeline whose layout its parts make up."""
    order: Order
    parts: tuple[Part, ...]
    flags: tuple[str, ...] = ()
    """The pipeline's own switches that are on for these weights."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every repository it takes something from, each once."""
        return tuple(dict.fromkeys(part.source for part in self.parts))

    @property
    def licences(self) -> tuple[Licence, ...]:
        """Every licence it comes under, each once."""
        return tuple(dict.fromkeys(licence for source in self.sources for licence in source.licences))

    @property
    def about_bytes(self) -> int:
        """Size of all its parts, shared ones included."""
        return sum(part.about_bytes for part in self.parts)


class State(StrEnum):
    """What of a model is on this machine."""

    INSTALLED = "installed"
    PARTIAL = "partial"
    MISSING = "missing"


# As far as could be found out without the hub: tencent/HunyuanVideo and black-forest-labs/FLUX.1-Redux-dev state these
# licences. FramePack's two repositories and the mirror were not seen to state any, so the terms of what they derive
# from are assumed.
_HUNYUAN_LICENCE = Licence(
    "Tencent Hunyuan Community License",
    "https://huggingface.co/tencent/HunyuanVideo/blob/main/LICENSE",
    "not granted in the European Union, the United Kingdom and South Korea; FramePack's weights derive from"
    " HunyuanVideo, and FramePack's own Apache-2.0 licence is for its code",
)
_LLAMA_LICENCE = Licence(
    "Meta Llama 3 Community License",
    "https://www.llama.com/llama3/license/",
    "for the text encoder, a descendant of Llama 3 8B",
)
_REDUX_LICENCE = Licence(
    "FLUX.1 [dev] Non-Commercial License",
    "https://huggingface.co/black-forest-labs/FLUX.1-Redux-dev/blob/main/LICENSE.md",
    "no commercial use; the image encoder comes from a mirror of FLUX.1 Redux [dev]",
)

# Revisions as found in public code that uses these repositories; the one of FramePack F1 in one place only.
_I2V = Source("lllyasviel/FramePackI2V_HY", "86cef4396041b6002c957852daac4c91aaa47c79", (_HUNYUAN_LICENCE,))
_F1 = Source("lllyasviel/FramePack_F1_I2V_HY_20250503", "ab239828e0b384fed75580f186f078717d4020f7", (_HUNYUAN_LICENCE,))
_HUNYUAN = Source(
    "hunyuanvideo-community/HunyuanVideo",
    "e8c2aaa66fe3742a32c11a6766aecbf07c56e773",
    (_HUNYUAN_LICENCE, _LLAMA_LICENCE),
)
_REDUX = Source("lllyasviel/flux_redux_bfl", "45b801affc54ff2af4e5daf1b282e0921901db87", (_REDUX_LICENCE,))

_SHARED = (
    Part("vae", _HUNYUAN, "vae", 986_000_000),
    Part("text_encoder", _HUNYUAN, "text_encoder", 15_020_000_000),
    Part("text_encoder_2", _HUNYUAN, "text_encoder_2", 246_000_000),
    Part("tokenizer", _HUNYUAN, "tokenizer", 17_300_000),
    Part("tokenizer_2", _HUNYUAN, "tokenizer_2", 1_600_000),
    Part("scheduler", _HUNYUAN, "scheduler", 1_000),
    Part("image_encoder", _REDUX, "image_encoder", 857_000_000),
    Part("feature_extractor", _REDUX, "feature_extractor", 1_000),
)
_PIPELINE = "HunyuanVideoFramepackPipeline"

# Stated on the models' own pages, as Wan 2.1 and UMT5, which they come from, state it. Sizes follow from the numbers
# of the networks in 16 bits (the VAE in 32), since the hub could not be asked; no revision was to be found either.
_HELIOS_LICENCE = Licence(
    "Apache License 2.0",
    "https://www.apache.org/licenses/LICENSE-2.0",
    "free for commercial use too; Helios derives from Wan 2.1, under the same licence",
)
_HELIOS_BASE, _HELIOS_MID, _HELIOS_DISTILLED = (
    Source(f"BestWishYsh/Helios-{kind}", None, (_HELIOS_LICENCE,)) for kind in ("Base", "Mid", "Distilled")
)


def _helios(source: Source) -> tuple[Part, ...]:
    """Transformer and scheduler of their own; what was never trained further is the same for all three."""
    return (
        Part("transformer", source, "transformer", 28_600_000_000),
        Part("scheduler", source, "scheduler", 1_000),
        Part("vae", _HELIOS_BASE, "vae", 508_000_000),
        Part("text_encoder", _HELIOS_BASE, "text_encoder", 11_360_000_000),
        Part("tokenizer", _HELIOS_BASE, "tokenizer", 21_400_000),
    )


CATALOG: tuple[Entry, ...] = (
    Entry(
        "framepack-i2v",
        "FramePack I2V",
        _PIPELINE,
        Order.INVERTED,
        (Part("transformer", _I2V, "", 25_750_000_000), *_SHARED),
    ),
    Entry(
        "framepack-f1",
        "FramePack F1",
        _PIPELINE,
        Order.FORWARD,
        (Part("transformer", _F1, "", 25_750_000_000), *_SHARED),
    ),
    Entry(
        "helios-distilled",
        "Helios Distilled",
        "HeliosPyramidPipeline",
        Order.FORWARD,
        _helios(_HELIOS_DISTILLED),
        ("is_distilled",),
    ),
    Entry("helios-base", "Helios Base", "HeliosPipeline", Order.FORWARD, _helios(_HELIOS_BASE)),
    Entry(
        "helios-mid",
        "Helios Mid",
        "HeliosPyramidPipeline",
        Order.FORWARD,
        _helios(_HELIOS_MID),
        ("is_cfg_zero_star",),
    ),
)
"""Best first: without a choice, the first one that is installed is used."""


def find_entry(name: str) -> Entry:
    """The catalog's entry of that name. Raises EngineError `model_unknown` with the names there are."""
    for entry in CATALOG:
        if entry.name == name:
            return entry
    raise EngineError(Code.MODEL_UNKNOWN, model=name, known=_known())


def state(entry: Entry, home: Path | None = None) -> State:
    """What of `entry` is here: installed once its `shotpack.json` is, which a download writes last."""
    root = models_home(home)
    if (root / entry.name / FACTS).is_file():
        return State.INSTALLED
    own = next(part for part in entry.parts if part.component == "transformer").source.repo.replace("/", "--")
    begun = next((root / PARTS).glob(f"{own}@*"), None) if (root / PARTS).is_dir() else None
    return State.PARTIAL if begun is not None or (root / entry.name).is_dir() else State.MISSING


def installed(home: Path | None = None) -> Iterator[tuple[str, Path]]:
    """Name and folder of every model that is here, best first: catalog, then other folders, then Sketch."""
    root = models_home(home)
    names = [entry.name for entry in CATALOG if state(entry, home) is State.INSTALLED]
    if root.is_dir():
        known = {entry.name for entry in CATALOG}
        others = sorted(path.name for path in root.iterdir() if path.name not in known and path.name != PARTS)
        names += [name for name in others if not name.startswith(".") and (root / name / INDEX).is_file()]
    yield from ((name, root / name) for name in names)
    if (_SKETCH_FOLDER / INDEX).is_file():
        yield SKETCH, _SKETCH_FOLDER


def find_model(name_or_folder: str | Path | None, home: Path | None = None, *, check: bool = True) -> ModelFolder:
    """The model an artist means: an installed model's name, a model folder, or None for the best one installed.

    An installed model's name goes before a folder of that name in the current directory (write `./NAME` for that).
    Raises EngineError `model_missing`, `model_not_installed`, `model_unknown`, `model_folder_invalid` or
    `model_damaged`.
    """
    models = dict(installed(home))
    if name_or_folder is None:
        if not models:
            raise EngineError(Code.MODEL_MISSING, suggestion=CATALOG[0].name)
        name = next(iter(models))
        return open_folder(models[name], name=name, home=home, check=check)
    text = str(name_or_folder)
    if text in models:
        return open_folder(models[text], name=text, home=home, check=check)
    path = Path(text).expanduser()
    if path.is_dir():
        return open_folder(path, home=home, check=check)
    entry = next((entry for entry in CATALOG if entry.name == text), None)
    if entry is not None:
        partial = state(entry, home) is State.PARTIAL
        words = "only partly downloaded" if partial else "not installed"
        raise EngineError(Code.MODEL_NOT_INSTALLED, model=text, state=words)
    raise EngineError(Code.MODEL_UNKNOWN, model=text, known=_known(home))


def require_start(model: ModelFolder, start: Start, home: Path | None = None) -> None:
    """Raise EngineError `start_unsupported`, naming installed models that can, where `model` cannot start so."""
    if start in model.starts:
        return
    able = []
    for name, path in installed(home):
        with contextlib.suppress(EngineError):  # a damaged model is passed over
            if start in open_folder(path, name=name, home=home, check=False).starts:
                able.append(name)
    raise start_unsupported(start, model.starts, able)


def _known(home: Path | None = None) -> str:
    return ", ".join(dict.fromkeys([entry.name for entry in CATALOG] + [name for name, _ in installed(home)]))
