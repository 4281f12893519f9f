"""Prompts and boards, each encoded once and kept by content.

In the shot's folder, so that a resumed shot needs no encoder; and what comes from text and image encoders also where
the next shot finds it, so that another take of the same words loads neither.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

import torch

from ..events import NOT_ALL, Event, Progress
from ..inference.family import Family, TextCondition
from ..inference.prompt_length import told
from ..media.boards import decode_board
from ..media.images import fit
from .encoding_cache import EncodingCache
from .resolve import ResolvedRequest
from .shot_folder import ShotFolder
from .time_left import Clock


@dataclass(frozen=True)
class Encodings:
    """Everything that is encoded once a shot: prompts by text, boards by their picture's SHA-256, what precedes it."""

    texts: Mapping[str, TextCondition]
    visions: Mapping[str, torch.Tensor]
    """(1, tokens, features) float32."""
    latents: Mapping[str, torch.Tensor]
    """(1, C, 1, H, W) float32, posterior mean, VAE-scaled."""
    start: torch.Tensor | None
    """(1, C, T, H, W) float32, the latents of `plan.lead`; None where nothing precedes the shot."""


class Encoder:
    """Encodes what a resolved request names, as far as the shot's folder does not hold it yet."""

    def __init__(
        self,
        resolved: ResolvedRequest,
        family: Family,
        folder: ShotFolder,
        model: str,
        clock: Clock,
        cache: EncodingCache,
    ) -> None:
        """`model` is the model's fingerprint: another model's encodings are never taken for this one's.

        `resolved` may be exchanged between two calls of `encode`.
        """
        self.resolved = resolved
        self._family = family
        self._folder = folder
        self._model = model
        self._clock = clock
        self._cache = cache
        self._looked_at: set[str] = set()
        """The prompts whose length has been looked at."""

    def encode(self) -> Generator[Event, None, Encodings]:
        """Encode all prompts together, then the boards; says what it is doing before each."""
        resolved = self.resolved
        yield from self._cut()
        wanted = dict.fromkeys([*resolved.prompts, *([resolved.negative] if resolved.negative is not None else [])])
        missing = [text for text in wanted if not self._known(self._text_key(text), "text", text)]
        if missing:
            yield Progress("encoding the prompt")
            with self._clock.measure("encode"):
                for text, condition in zip(missing, self._family.encode_texts(missing), strict=True):
                    self._folder.keep_encoding(self._text_key(text), condition.tensors)
                    self._cache.keep(condition.tensors, "text", text)
        images = list(dict.fromkeys(resolved.board_images.values()))
        seen = images if self._family.spec.uses_image_encoder else []
        unseen = [image for image in seen if not self._known(self.key(*self._seen(image)), *self._seen(image))]
        keys = [self._latent_key(image) for image in self._boards()] + [self._start_key()] * bool(resolved.start_images)
        if unseen or not all(map(self._folder.has_encoding, keys)):
            yield Progress("encoding the frames before it" if resolved.request.clip else "encoding the boards")
        with self._clock.measure("encode"):
            if unseen:
                pictures = [self.picture(image) for image in unseen]
                for image, vision in zip(unseen, self._family.encode_visions(pictures), strict=True):
                    self._folder.keep_encoding(self.key(*self._seen(image)), {"vision": vision})
                    self._cache.keep({"vision": vision}, *self._seen(image))
            latents = {image: self.latent(image) for image in self._boards()}
            start = self.start()
        return Encodings(
            {text: TextCondition(self._folder.encoding(self._text_key(text))) for text in wanted},
            {image: self._folder.encoding(self.key(*self._seen(image)))["vision"] for image in seen},
            latents,
            start,
        )

    def _cut(self) -> Iterator[Progress]:
        """Tell of each prompt that is longer than the model reads, once, whether it is encoded now or was before."""
        resolved = self.resolved
        prompts = {resolved.request.prompt: "the prompt"}
        for change in sorted(resolved.request.prompts, key=lambda change: change.frame):
            prompts.setdefault(change.text, f"the prompt at frame {change.frame}")
        for section in resolved.request.sections:
            if section.prompt is not None:
                prompts.setdefault(section.prompt, f"the prompt of section {section.section}")
        labels = {text: label for text, label in prompts.items() if text in resolved.prompts}
        if resolved.negative is not None:
            labels.setdefault(resolved.negative, "the negative prompt")
        for text in [text for text in labels if text not in self._looked_at]:
            self._looked_at.add(text)
            if words := told(labels[text], self._family.unread(text)):
                yield Progress(f"{NOT_ALL}{words}")

    def start(self) -> torch.Tensor | None:
        """The latents of what precedes the shot: (1, C, T, H, W) float32; None where nothing does."""
        if not self.resolved.start_images:
            return None
        key = self._start_key()
        if not self._folder.has_encoding(key):
            pictures = {image: self.picture(image) for image in self.resolved.start_images}
            start = self._family.encode_start([pictures[image] for image in self.resolved.start_images])
            self._folder.keep_encoding(key, {"latent": start})
        return self._folder.encoding(key)["latent"]

    def _boards(self) -> list[str]:
        """The pictures of the boards beside the start."""
        plan = self.resolved.plan
        return [image for latent, image in self.resolved.board_images.items() if latent not in plan.lead.latents]

    def latent(self, image: str) -> torch.Tensor:
        """The latent of the board whose picture has the SHA-256 `image`: (1, C, 1, H, W) float32."""
        key = self._latent_key(image)
        if not self._folder.has_encoding(key):
            self._folder.keep_encoding(key, {"latent": self._family.encode_latent(self.picture(image))})
        return self._folder.encoding(key)["latent"]

    def _known(self, key: str, *content: str) -> bool:
        """Whether the shot's folder has the encoding, be it now, from the cache."""
        if self._folder.has_encoding(key):
            return True
        if (kept := self._cache.take(*content)) is None:
            return False
        self._folder.keep_encoding(key, kept)
        return True

    def picture(self, image: str) -> torch.Tensor:
        """A stored picture as the model sees it: (1, 3, H, W) in [-1, 1]."""
        data = (self._folder.boards / image).read_bytes()
        return fit(decode_board(data, f"board {image[:8]}"), self.resolved.width, self.resolved.height)

    def _text_key(self, text: str) -> str:
        return self.key("text", text)

    def _seen(self, image: str) -> tuple[str, ...]:
        """What decides how the image encoder sees a board."""
        return ("vision", image, str(self.resolved.width), str(self.resolved.height))

    def _latent_key(self, image: str) -> str:
        return self.key("latent", image, str(self.resolved.width), str(self.resolved.height))

    def _start_key(self) -> str:
        """A start board keeps the key of a board: a shot begun by an earlier version goes on with its latent."""
        images = self.resolved.start_images
        if len(images) == 1 and not self._family.spec.separate_first_latent:
            return self._latent_key(images[0])
        return self.key("start", *images, str(self.resolved.width), str(self.resolved.height))

    def key(self, *content: str) -> str:
        """The name that an encoding of `content` by this model is kept under."""
        described = json.dumps([self._model, self._family.device.type, *content])
        return hashlib.sha256(described.encode()).hexdigest()[:32]
