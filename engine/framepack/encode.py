"""Prompts and boards, each encoded once a shot and kept in its folder by content: a resumed shot needs no encoder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass

import torch

from ..media.boards import decode_board
from ..media.images import fit
from ..models.spec import Family, TextCondition
from ..protocol import Event, Progress
from .checkpoint import ShotFolder
from .clock import Clock
from .request import Brief


@dataclass(frozen=True)
class Encodings:
    """Everything that is encoded once a shot: prompts by text, boards by their picture's SHA-256."""

    texts: Mapping[str, TextCondition]
    visions: Mapping[str, torch.Tensor]
    """(1, tokens, features) float32."""
    latents: Mapping[str, torch.Tensor]
    """(1, C, 1, H, W) float32, posterior mean, VAE-scaled."""


class Encoder:
    """Encodes what a brief names, as far as the shot's folder does not hold it yet."""

    def __init__(self, brief: Brief, family: Family, folder: ShotFolder, model: str, clock: Clock) -> None:
        """`model` is the model's fingerprint: another model's encodings are never taken for this one's.

        `brief` may be exchanged between two calls of `encode`.
        """
        self.brief = brief
        self._family = family
        self._folder = folder
        self._model = model
        self._clock = clock

    def encode(self) -> Generator[Event, None, Encodings]:
        """Encode all prompts together, then the boards; says what it is doing before each."""
        request = self.brief.request
        wanted = dict.fromkeys([*self.brief.prompts, *([request.negative] if request.cfg > 1 else [])])
        missing = [text for text in wanted if not self._folder.has_encoding(self._text_key(text))]
        if missing:
            yield Progress("encoding the prompt")
            with self._clock.measure("encode"):
                for text, condition in zip(missing, self._family.encode_texts(missing), strict=True):
                    self._folder.keep_encoding(self._text_key(text), condition.tensors)
        images = dict.fromkeys(self.brief.board_images.values())
        if not all(self._folder.has_encoding(self._board_key(image)) for image in images):
            yield Progress("encoding the boards")
        with self._clock.measure("encode"):
            boards = {image: self.board(image) for image in images}
        return Encodings(
            {text: TextCondition(self._folder.encoding(self._text_key(text))) for text in wanted},
            {image: tensors["vision"] for image, tensors in boards.items()},
            {image: tensors["latent"] for image, tensors in boards.items()},
        )

    def board(self, image: str) -> dict[str, torch.Tensor]:
        """`vision` and `latent` of the board whose picture has the SHA-256 `image`."""
        key = self._board_key(image)
        if not self._folder.has_encoding(key):
            data = (self._folder.boards / image).read_bytes()
            picture = fit(decode_board(data, f"board {image[:8]}"), self.brief.width, self.brief.height)
            encoded = {"vision": self._family.encode_vision(picture), "latent": self._family.encode_latent(picture)}
            self._folder.keep_encoding(key, encoded)
        return self._folder.encoding(key)

    def _text_key(self, text: str) -> str:
        return self._key("text", text)

    def _board_key(self, image: str) -> str:
        return self._key("board", image, str(self.brief.width), str(self.brief.height))

    def _key(self, *content: str) -> str:
        described = json.dumps([self._model, self._family.device.type, *content])
        return hashlib.sha256(described.encode()).hexdigest()[:32]
