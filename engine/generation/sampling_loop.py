"""The generation loop: a resolved request in, typed events out, section by section, committed as it goes.

A generator: nothing happens between two events but the work that leads to the next one, so whoever reads the events
pauses by not asking and cancels by closing. Killed at any instant, the same call goes on at the first unfinished
section and gives the same frames, bit for bit on the same device.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

import torch

from ..drift import OnDrift, sentence
from ..errors import Code, EngineError
from ..events import Event, Finished, Progress, Started, Step
from ..framepack.decoding import DecodePlan
from ..framepack.history import History
from ..framepack.plan import PlannedSection
from ..framepack.seams import Seams
from ..inference.family import Denoising, Family
from ..inference.memory.out_of_memory import memory_faults
from .decode_clips import decode_clips
from .encode import Encoder, Encodings
from .encode_guides import GuideEncoder
from .encoding_cache import EncodingCache
from .guided_frames import GuidedFrames, led_frames
from .history_choice import HistoryChoice
from .preview import section_preview
from .publish import Publisher
from .resolve import ResolvedRequest
from .section_settings import SectionSettings
from .shot_folder import SampledSection, ShotFolder
from .shot_frames import ShotFrames
from .shot_history import given_latents, lead_latents, new_history, restore
from .takes import decodes
from .time_left import Clock

_PREVIEW_INTERVAL_S = 0.5


class Shot:
    """One shot in the making: its request, its model and its folder, which must have been begun."""

    def __init__(
        self,
        resolved: ResolvedRequest,
        family: Family,
        folder: ShotFolder,
        *,
        model: str,
        watched: bool = True,
        revised: Callable[[], ResolvedRequest | None] = lambda: None,
        circumstances: Callable[[], Mapping[str, Any]] = dict,
        asked: Callable[[], bool] = lambda: False,
        stop_after: int = 0,
        cache: EncodingCache,
        codebook: torch.Tensor | None = None,
    ) -> None:
        """`model` is the model's fingerprint; `cache` holds encodings of other shots; `circumstances` tells, at the
        end, what the shot's record says of its memory and kernels.

        `watched` says that somebody looks on while the shot is made: then there are Preview events, at most two a
        second, and provisional frames on disk. `revised` is asked before each section for one that differs in what
        may change (`AMENDABLE`), or None. `asked` tells, after each of the movie's frames, whether somebody wants to be
        heard. Section number `stop_after` (from 1) of those that are made is published before the next is begun.
        Sections see their history as entries of the `codebook`, if any.
        """
        self._resolved = resolved
        self._plan = resolved.plan
        self._family = family
        self._folder = folder
        self._watched = watched
        self._revised = revised
        self._circumstances = circumstances
        self._asked = asked
        self._stop_after = stop_after
        self._codebook = codebook
        pace = family.spec.native_fps / resolved.plan.grid.compression
        self._choice = HistoryChoice(family, resolved.packing, resolved.request.seed, pace)
        self._decodes = decodes(resolved.plan, resolved.sources, folder)
        self._decoding: tuple[PlannedSection, DecodePlan, torch.Tensor, Future[torch.Tensor]] | None = None
        """The section that is decoded while the next one is sampled."""
        self.clock = Clock()
        self._encoder = Encoder(resolved, family, folder, model, self.clock, cache)
        size = resolved.width, resolved.height
        self._guides = GuideEncoder(resolved.guides, resolved.board_images, size, family, folder, self._encoder)
        led = led_frames(resolved.request.conditions, resolved.plan, resolved.shown) if family.spec.guide.alone else {}
        self._guided = GuidedFrames(led, resolved.plan.grid.compression, family, self._guides)
        frames = ShotFrames(resolved.sources, resolved.plan, self._decodes)
        self._publisher = Publisher(resolved, family, folder, model, self.clock, frames=frames, provisional=watched)

    @torch.inference_mode()
    def events(self) -> Iterator[Event]:
        """Make what is still to be made, and tell of what is made already: whoever made it may have been killed first.

        Ends with Finished; raises EngineError where it cannot go on.
        """
        folder, plan = self._folder, self._plan
        folder.make_folders()
        done = self._done()
        yield self._started(done)
        for planned in plan.made[:done]:
            yield self._publisher.replay_section(planned, newest=planned.number == done - 1)
            yield from self._drifted(planned)
        with memory_faults(self._family.device, "encoding the prompt and boards"):
            encodings = yield from self._encoder.encode()
            with self.clock.measure("encode"):
                yield from self._guides.encode(plan.made[done:])
        yield Progress("loading the transformer")
        generator = torch.Generator("cpu").manual_seed(self._resolved.request.seed)
        boards = given_latents(self._resolved, self._family, encodings, generator)
        history = self._history(boards)
        restore(history, plan, folder, done)
        if done:
            generator.set_state(folder.load_latents(done - 1).generator_state)
        self._seams = Seams(plan.grid, self._waiting(done, boards))
        try:
            for planned in plan.made[done:]:
                if folder.is_sampled(planned.number):
                    sampled = folder.load_latents(planned.number)
                    generator.set_state(sampled.generator_state)
                else:
                    if (resolved := self._revised()) is not None:
                        encodings = yield from self._amended(resolved)
                    sampled = yield from self._sample(planned, encodings, history, generator)
                history.add(planned, sampled.latents)
                yield from self._publish_decoded(wanted=True)
                if (decode := self._decodes[planned.number]) is not None:
                    yield from self._decode(planned, decode, history)
                else:  # all that it would show is kept
                    history.forget(planned)
                    yield self._publisher.replay_section(planned, newest=False)
                    yield from self._drifted(planned)
        finally:
            if self._decoding is not None:
                wait([self._decoding[-1]])  # the memory it takes must be free before anybody goes on
        yield from self._publisher.finish(self._resolved, self._circumstances(), self._asked)
        yield Finished(self._resolved.request.frames, round(self.clock.elapsed, 3), folder.movie.name)

    def complete(self) -> bool:
        """Whether the shot is finished and every frame of it is still there."""
        return self._folder.record.exists() and self._publisher.complete()

    def export_latents(self, path: Path) -> None:
        """Save all latents of the finished shot, untrimmed (`ShotFolder.export_latents`)."""
        plan = self._plan
        generator = torch.Generator("cpu").manual_seed(self._resolved.request.seed)
        lead = lead_latents(plan, self._family, self._encoder.start(), generator)
        pieces: list[torch.Tensor | int] = [lead[latent] for latent in plan.lead.history]
        for stretch in plan.stretches:
            if stretch.sections.start > 0:
                pieces.append(self._encoder.latent(self._resolved.board_images[stretch.latents.start]))
            pieces += (plan.by_section[section].number for section in stretch.sections)
        self._folder.export_latents(path, pieces)

    def _amended(self, resolved: ResolvedRequest) -> Generator[Event, None, Encodings]:
        """Go on by another request: from now on, also after a kill."""
        self._folder.amend(resolved.request)
        self._resolved = self._encoder.resolved = resolved
        self._publisher.amend(resolved)
        with memory_faults(self._family.device, "encoding the prompt and boards"):
            return (yield from self._encoder.encode())

    def _started(self, done: int) -> Started:
        resolved = self._resolved
        return Started(
            order=self._plan.order,
            sections=resolved.section_plans(),
            frames=resolved.request.frames,
            width=resolved.width,
            height=resolved.height,
            fps=resolved.fps,
            steps=resolved.steps,
            done=done,
        )

    def _done(self) -> int:
        """Sections that need nothing more: sampled, published, and with every frame that was final still there."""
        done, made = self._folder.done(), self._plan.made
        while done < len(made) and self._decodes[done] is None and self._folder.is_sampled(done):
            done += 1
        return self._publisher.done(done)

    # Decoding

    def _decode(self, planned: PlannedSection, decode: DecodePlan, history: History) -> Iterator[Event]:
        """Decode a section and publish it; or, where memory allows, have it decoded while the next one is sampled.

        Killed meanwhile, the section has its latents on disk but not all frames, as if the kill had come before its
        decode.
        """
        latents = history.clip(decode.latents)
        history.forget(planned)
        alone = planned is self._plan.made[-1] or planned.number + 1 == self._stop_after
        if self._family.decodes_async and not alone and not decode.parts:
            self._decoding = planned, decode, latents, self._family.decode_async(latents)
            return
        pixels = decode_clips(self._family, decode, latents, self._plan.grid.compression)
        yield from self._published(planned, decode, latents, pixels)

    def _publish_decoded(self, *, wanted: bool) -> Iterator[Event]:
        """Publish the section that is decoded meanwhile, if any: once it is done, or where it is `wanted` now."""
        if self._decoding is None or not (wanted or self._decoding[-1].done()):
            return
        planned, decode, latents, decoding = self._decoding
        self._decoding = None
        yield from self._published(planned, decode, latents, (each.result() for each in (decoding,)))

    def _published(
        self, planned: PlannedSection, decode: DecodePlan, latents: torch.Tensor, decoded: Iterator[torch.Tensor]
    ) -> Iterator[Event]:
        """Publish a section: its clip's `latents`, whose pixels `decoded` gives, or waits for."""
        pixels = self._guided.show(decode.latents, latents, decoded)
        yield from self._publisher.publish(planned, decode, self._timed(pixels), self._seams)
        yield from self._drifted(planned)

    def _timed(self, pixels: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
        while True:
            with memory_faults(self._family.device, "decoding"), self.clock.measure("decode"):
                piece = next(pixels, None)
            if piece is None:
                return
            yield piece

    def _drifted(self, planned: PlannedSection) -> Iterator[Event]:
        """Tell how far sections have drifted that are final with `planned`, and stop where that was asked for.

        What was asked for counts as done once whoever reads has taken the event, be it that they close then: a kill
        before that, and the shot tells it once more when it goes on.
        """
        for drift in self._publisher.drifted(planned):
            try:
                yield drift
            finally:
                if drift.then in (OnDrift.ASK, OnDrift.STOP):
                    self._publisher.answer(drift)
            if drift.then == OnDrift.STOP:
                raise EngineError(Code.DRIFTED, detail=sentence(drift))

    # Sampling

    def _history(self, boards: Mapping[int, torch.Tensor]) -> History:
        return new_history(self._resolved, self._family, boards, self._codebook)

    def _waiting(self, done: int, boards: Mapping[int, torch.Tensor]) -> dict[int, torch.Tensor]:
        """The pixels that wait for a neighbour after `done` sections: from disk, else decoded once more."""
        set_by: dict[int, DecodePlan] = {}
        for planned in self._plan.made[:done]:
            if (decode := self._decodes[planned.number]) is not None:
                for block in decode.final:
                    set_by.pop(block.start, None)
                set_by.update({block.start: decode for block in decode.provisional})
        if (
            done
            and self._folder.has_seam(done - 1)
            and set_by.keys() <= (stored := self._folder.load_seam(done - 1)).keys()
        ):
            return stored
        history, seams = self._history(boards), Seams(self._plan.grid)
        wanted = {latent for decode in set_by.values() for latent in decode.latents}
        for planned in self._plan.made[:done]:
            if not wanted.isdisjoint(self._plan.own_latents(planned)):
                history.add(planned, self._folder.load_latents(planned.number).latents)
        for decode in set_by.values():
            clip = history.clip(decode.latents)
            pixels = decode_clips(self._family, decode, clip, self._plan.grid.compression)
            seams.keep(decode, self._guided.show(decode.latents, clip, pixels))
        return {start: seams.waiting[start] for start in set_by}

    def _sample(
        self,
        planned: PlannedSection,
        encodings: Encodings,
        history: History,
        generator: torch.Generator,
    ) -> Generator[Event, None, SampledSection]:
        """Denoise one section and commit its latents."""
        resolved, family = self._resolved, self._family
        made = resolved.sections[planned.section]
        began = time.monotonic()
        shape = family.spec.latent_shape(self._plan.grid.window, resolved.height, resolved.width)
        # Drawn in any case, so that the next section's noise is the one that it has without this one's own seed; not so
        # where a family draws more on its way (Helios between two resolutions).
        noise, drawing = torch.randn(shape, generator=generator, dtype=torch.float32), generator
        if made.seed is not None:
            drawing = torch.Generator("cpu").manual_seed(made.seed)
            noise = torch.randn(shape, generator=drawing, dtype=torch.float32)
        first = self._plan.own_latents(planned).start
        denoising = Denoising(
            context=history.context(planned),
            text=encodings.texts[made.prompt],
            negative=encodings.texts[resolved.negative]
            if self._avoids(made) and resolved.negative is not None
            else None,
            vision=None if planned.anchor is None else encodings.visions.get(resolved.board_images[planned.anchor]),
            guidance=made.guidance,
            cfg=resolved.request.cfg,
            number=planned.number,
            beside_board=self._plan.beside_board(planned),
            solver=resolved.solver,
            steps=made.steps,
            pins={latent - first: encodings.latents[resolved.board_images[latent]] for latent in planned.pins},
            guides=self._guides.of_section(planned),
        )
        selection = None
        if planned.layout.history:
            with memory_faults(family.device, "choosing its history"), self.clock.measure("choice"):
                denoising, selection = self._choice.of_section(planned, history, denoising)
        with memory_faults(family.device, "loading the transformer"):
            steps = family.denoise(denoising, noise, drawing)
        of = family.spec.steps_of(planned.number, made.steps)
        later = sum(resolved.sections[other.section].steps for other in self._plan.made[planned.number + 1 :])
        latents = noise
        shown = 0.0
        for _ in range(of):
            with memory_faults(family.device, "sampling"), self.clock.measure("step"):
                denoised = next(steps)
            latents = denoised.latents
            steps_left = of - denoised.step + later
            left = self.clock.seconds_left(steps_left, len(self._plan.made) - planned.number)
            yield Step(planned.section, denoised.step, of, left)
            if self._watched and time.monotonic() - shown >= _PREVIEW_INTERVAL_S:
                shown = time.monotonic()
                yield section_preview(planned.section, denoised, family.spec.preview)
            yield from self._publish_decoded(wanted=False)
        if (state := self._folder.stored_state(planned.number)) is not None:
            generator.set_state(state)  # the next section's noise is the one that it had
        sampled = SampledSection(latents.cpu(), generator.get_state(), made, time.monotonic() - began, selection)
        with self.clock.measure("disk"):
            self._folder.commit_latents(planned.number, sampled)
        return sampled

    def _avoids(self, made: SectionSettings) -> bool:
        """Whether guidance leads a section away from what is to be avoided."""
        guidance = made.guidance if self._family.spec.classifier_free else self._resolved.request.cfg
        return guidance > 1
