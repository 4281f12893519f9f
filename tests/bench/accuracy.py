"""How near Shotpack's latents are to diffusers' pipeline and to the released sampler, and UniPC's measured order."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file

from engine.framepack.solvers.base import Solver
from tests.bench.shots import FIXTURES, MODEL, make_shotpack
from tests.bench.table import Row
from tests.engine.oracle import diffusers_latents, relative_error
from tests.engine.test_solvers import even_lambdas, gaussian_solution, measured_order, steps_of

SIZE = 64


def accuracy(folder: Path, quick: bool) -> list[Row]:
    """Relative errors (norm of the difference over the norm) of whole shots' latents."""
    rows = []
    for order, sections in (("inverted", 1 if quick else 5), ("forward", 1 if quick else 3)):
        ours = make_shotpack(folder / order, 36 * sections + 1, SIZE, 6, order=order, seed=5)
        settings = {"prompt": "w5 w2 w81", "seed": 5, "width": SIZE, "height": SIZE, "num_inference_steps": 6}
        theirs = diffusers_latents(MODEL, order, sections, guidance_scale=10.0, **settings)
        error = relative_error(load_file(ours)["latents"], theirs)
        rows.append(Row(f"latents against diffusers, Euler, {order}, {sections} sections", f"{error:.1e}", "", "1e-4"))
    settings = json.loads((FIXTURES / "released.json").read_text())
    for name, recorded in load_file(FIXTURES / "released.safetensors").items():
        if name == "start":
            continue
        solver, order, _ = name.split("_")
        ours = make_shotpack(
            folder / name,
            settings[f"frames_{order}"],
            SIZE,
            settings["steps"],
            order=order,
            solver=solver,
            seed=settings["seed"],
            guidance=settings["guidance"],
        )
        error = relative_error(load_file(ours)["latents"], recorded)
        rows.append(Row(f"latents against the recorded {name}", f"{error:.1e}", "", "1e-3"))

    def unipc_error(steps: int) -> float:
        sigmas = even_lambdas(steps, 0.05)
        arrived = steps_of(Solver.UNIPC, [*sigmas, 0.0])[-2]
        return float((arrived.latents - gaussian_solution(sigmas[-2])).abs().max())

    for steps in ([8, 12, 16, 24, 32, 48, 64], [64, 96, 128, 192, 256]):
        name = f"UniPC's order of convergence, float64, {steps[0]} to {steps[-1]} steps"
        rows.append(Row(name, f"{measured_order(unipc_error, steps):.2f}", "", "3"))
    return rows
