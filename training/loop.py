"""The training loop: optimiser steps, a moving average of the weights, checkpoints that survive a kill, a loss curve.

A run lives in a folder. `training.safetensors` holds what is trained, its average, the optimisers' state and the losses
so far, written whole; a run that was stopped, whoever stopped it, goes on from there. Every step draws its randomness
from the seed and the step's number alone, so a run that was interrupted ends where one that was not does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import nn
from tqdm import tqdm

from engine.media.files import make_folder, write_whole

from .loss_curve import draw_curve

CHECKPOINT = "training.safetensors"
CURVE = "loss.png"
_CHECKPOINT_SECONDS = 120.0


@dataclass(frozen=True)
class Course:
    """How a run goes: optimiser steps, when the rate stops being constant, and the average's memory."""

    steps: int
    seed: int
    warm_up: int = 50
    constant: float = 0.5
    """Share of the steps after which the learning rate falls linearly to zero."""
    average: float = 0.998
    clip: float = 1.0
    """Norm beyond which a gradient is shortened."""

    def rate(self, step: int) -> float:
        """Multiple of the base learning rates at `step`, 0 to 1."""
        if step < self.warm_up:
            return (step + 1) / self.warm_up
        falling = self.steps * (1 - self.constant)
        return min(1.0, (self.steps - step) / max(falling, 1))


class Training:
    """One run of `networks` under `optimizers`, kept in `folder`."""

    def __init__(
        self, folder: Path, networks: nn.Module, optimizers: Mapping[str, torch.optim.Optimizer], course: Course
    ) -> None:
        """Take up the run in `folder` where there is one, else begin it."""
        make_folder(folder)
        self._folder = folder
        self._optimizers = optimizers
        self._course = course
        self._rates = {name: [group["lr"] for group in each.param_groups] for name, each in optimizers.items()}
        self._trained = {name: each for name, each in networks.named_parameters() if each.requires_grad}
        self._average = {name: each.detach().clone() for name, each in self._trained.items()}
        self.losses: list[float] = []
        if (folder / CHECKPOINT).is_file():
            self._load()

    @torch.no_grad()
    def use_average(self) -> None:
        """Put the moving average of the weights, which is what is worth keeping, into the networks."""
        for name, parameter in self._trained.items():
            parameter.copy_(self._average[name])

    def run(self, loss_of: Callable[[int, np.random.Generator], torch.Tensor], title: str) -> None:
        """Train to the end of the course; `loss_of` takes a step's number and its own generator."""
        saved = time.monotonic()
        bar = tqdm(
            range(len(self.losses), self._course.steps), title, initial=len(self.losses), total=self._course.steps
        )
        for step in bar:
            torch.manual_seed(self._course.seed * 1_000_003 + step)
            loss = loss_of(step, np.random.default_rng([self._course.seed, step]))
            loss.backward()  # type: ignore[no-untyped-call]
            self._update(step)
            self.losses.append(float(loss.detach()))
            if step % 20 == 0:
                bar.set_postfix_str(f"loss {np.mean(self.losses[-100:]):.4f}")
            if time.monotonic() - saved > _CHECKPOINT_SECONDS:
                self.save()
                saved = time.monotonic()
        self.save()

    def save(self) -> None:
        """Write the checkpoint, whole, and the loss curve."""
        tensors = {f"networks.{name}": tensor.detach() for name, tensor in self._trained.items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self._average.items()}
        for kind, optimizer in self._optimizers.items():
            for number, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{kind}.{number}.{name}": value for name, value in state.items()}
        tensors["losses"] = torch.tensor(self.losses)
        write_whole(self._folder / CHECKPOINT, save({name: each.contiguous() for name, each in tensors.items()}))
        draw_curve(self.losses, self._folder / CURVE)

    def _load(self) -> None:
        tensors = load_file(self._folder / CHECKPOINT)
        for into, prefix in ((self._trained, "networks."), (self._average, "average.")):
            for name, tensor in _under(prefix, tensors).items():
                into[name].data.copy_(tensor)
        for kind, optimizer in self._optimizers.items():
            states: dict[int, dict[str, torch.Tensor]] = {}
            for name, tensor in _under(f"optimizer.{kind}.", tensors).items():
                number, key = name.split(".", 1)
                states.setdefault(int(number), {})[key] = tensor
            optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
        self.losses = tensors["losses"].tolist()

    def _update(self, step: int) -> None:
        nn.utils.clip_grad_norm_(self._trained.values(), self._course.clip)
        for name, optimizer in self._optimizers.items():
            for group, rate in zip(optimizer.param_groups, self._rates[name], strict=True):
                group["lr"] = rate * self._course.rate(step)
            optimizer.step()
            optimizer.zero_grad()
        # Early on the average forgets faster: the first weights are worth little.
        memory = min(self._course.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, parameter in self._trained.items():
                self._average[name].lerp_(parameter, 1 - memory)


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
