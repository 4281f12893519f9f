"""Whether the base is fit to test anything: whether it reads its history, moves as it is told, and sees the world.

On scenes of their own, none of the held-out ones.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from engine.framepack.grid import Grid
from engine.framepack.history import PackedContext, PackedFrames
from engine.inference.hunyuan.packed_transformer import PackedTransformer
from engine.media.files import write_whole
from engine.media.measures import Picture, psnr
from training.lessons import VANILLA, Lesson

from .bank import Sentences, told
from .held_out import Encoded
from .lessons import planned_shot
from .network import velocity
from .sight import Sight
from .sketch_parts import SketchParts

LEVELS = (1.0, 0.6)
FINE = "td_f8k1h4w4f2k2f1k1_g9"
"""What similarity is tried on: no kernel joins frames, so that any of them may be chosen."""


LAYOUTS = {"G1": VANILLA, "G1 fine": FINE}
"""What a base is asked whether it reads."""
_READ = 0.01


@dataclass(frozen=True)
class Gate:
    """What must hold for a claim to be worth judging: `value` is at least or at most so much."""

    id: str
    says: str
    value: float
    least: float | None = None
    most: float | None = None
    of: Mapping[str, float] = field(default_factory=dict)
    """What the value was chosen from."""

    @property
    def holds(self) -> bool:
        """Whether it does."""
        low = -math.inf if self.least is None else self.least
        return low <= self.value <= (math.inf if self.most is None else self.most)


@torch.inference_mode()
def history_is_read(
    network: PackedTransformer,
    scenes: Encoded,
    sentences: Sentences,
    grid: Grid,
    schedule: str,
    sight: Sight | None = None,
) -> dict[str, float]:
    """G1: by block of `schedule`, how much the velocity changes when that block's latents are another clip's.

    The mean square over the latents' variance, on the section made last of clips that come back, the more of two
    levels. With `sight` of a history as that sees it without noise, and by time where it chooses frames.
    """
    plan = planned_shot(schedule, scenes.sections, grid)
    lesson = Lesson(plan, plan.made[-1], tuple(range(grid.window)))
    sight = sight or Sight()
    context = lesson.of_frames(lesson.history(scenes.latents, sight.codebook).context(lesson.planned))
    x0 = lesson.target(scenes.latents)
    words = told(sentences, scenes.motions[:, lesson.planned.section], scenes.boards[:, 0])
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1))
    found: dict[str, float] = {}
    for level in LEVELS:
        sigma, none = torch.full((len(x0),), level), torch.zeros(len(x0))
        noised = (1 - level) * x0 + level * noise
        said = velocity(network, noised, sigma, sight.seen(context, sigma, none), words)
        for place, block in enumerate(context.blocks):
            swapped = PackedFrames(block.kernel, block.latents.roll(1, 0), block.indices, block.filled)
            other = PackedContext((*context.blocks[:place], swapped, *context.blocks[place + 1 :]), context.generated)
            otherwise = velocity(network, noised, sigma, sight.seen(other, sigma, none), words)
            changed = (otherwise - said).square().mean() / x0.var()
            name = f"{place}: f{block.latents.shape[2]}{block.kernel.name}"
            found[name] = max(found.get(name, 0.0), float(changed))
    return found


@torch.inference_mode()
def motion_is_made(
    network: PackedTransformer, scenes: Encoded, sentences: Sentences, grid: Grid, schedule: str
) -> float:
    """G2: the error of one look at the first section over that of holding the start. At most 0.5 is wanted."""
    plan = planned_shot(schedule, 1, grid)
    lesson = Lesson(plan, plan.made[0], tuple(range(grid.window)))
    shots = scenes.latents[:, :, : plan.latents]
    x0, context = lesson.target(shots), lesson.context(shots)
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(2))
    said = velocity(
        network, noise, torch.ones(len(x0)), context, told(sentences, scenes.motions[:, 0], scenes.boards[:, 0])
    )
    looked, held = noise - said, shots[:, :, :1]
    return float((looked - x0).square().mean() / (held - x0).square().mean())


def world_through_vae(pictures: list[Picture], decoded: list[Picture]) -> float:
    """G4: mean PSNR of the world's pictures decoded from their latents. At least 30 dB is wanted."""
    return sum(psnr(one, other) for one, other in zip(decoded, pictures, strict=True)) / len(pictures)


def measured(network: PackedTransformer, scenes: Encoded, parts: SketchParts) -> list[Gate]:
    """All gates of a base, on the latents of `gate_scenes`."""
    given = network.eval(), scenes, parts.sentences, parts.grid
    truth = [picture for each in scenes.scenes[:8] for picture in each.scene.frames(each.path, range(0, 37, 9))]
    latents = scenes.latents[:8, :, ::9].transpose(1, 2).flatten(0, 1)
    decoded = list(parts.pictures(latents).numpy())
    return [
        *(read_gate(name, history_is_read(*given, schedule)) for name, schedule in LAYOUTS.items()),
        Gate("G2", "error of one look over that of holding the start", motion_is_made(*given, VANILLA), most=0.5),
        Gate("G4", "dB of the world through the VAE", world_through_vae(truth, decoded), least=30.0),
    ]


def read_gate(name: str, by_block: dict[str, float]) -> Gate:
    """G1, of what `history_is_read` found."""
    said = "change of the velocity with another clip's history, of the block that does least"
    return Gate(name, said, min(by_block.values()), least=_READ, of=by_block)


def write_gates(path: Path, gates: Sequence[Gate]) -> None:
    """As JSON."""
    write_whole(path, json.dumps([asdict(gate) for gate in gates], indent=1).encode() + b"\n")


def read_gates(path: Path) -> list[Gate]:
    """What `write_gates` wrote; nothing where there is nothing."""
    return [Gate(**told) for told in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []
