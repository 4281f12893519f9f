"""The lab's plots, from what has run: drift along a shot, what is forgotten, and what noise on the history trades."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

from engine.media.files import make_folder, write_whole

from .experiment import Experiment
from .judge import Results, Values
from .metrics import BINS, TENTHS
from .runs import tables_folder

mpl.use("agg")
_SIZE = (7.0, 4.2)
_INCHES = 110
_LINES = cycler(linestyle=["-", "--", ":"]) * mpl.rcParamsDefault["axes.prop_cycle"]
"""No two of thirty rows look alike."""


def write_plots(lab: Path, experiment: Experiment, results: Results) -> list[Path]:
    """Write those plots of `lab` that there is something for; returns their paths."""
    folder = tables_folder(lab, experiment) / "plots"
    make_folder(folder)
    plain = [row.id for row in experiment.rows if row.guidance == 1 and not row.noise]
    noisy = [row.id for row in experiment.rows if row.variant.tested and row.guidance == 1]
    drawn = {
        "sharpness": _curves(results, plain, "H", [f"sharp {tenth}" for tenth in range(TENTHS)], _tenths),
        "forgetting": _curves(results, plain, "R", [f"forget {low}" for low in BINS[:-1]], _gaps, floor="mean colour"),
        "noise": _trade(results, noisy),
        "drift": _bars(results, plain),
    }
    written = []
    for name, figure in drawn.items():
        if figure is not None:
            path = folder / f"{name}.png"
            data = BytesIO()
            figure.savefig(data, dpi=_INCHES, bbox_inches="tight")
            write_whole(path, data.getvalue())
            written.append(path)
    return written


def _tenths(axes: Axes) -> None:
    axes.set(xlabel="tenths of a shot of 22 sections", ylabel="sharpness", title="H: sharpness along a shot")


def _gaps(axes: Axes) -> None:
    axes.set(
        xlabel="latents out of sight, from",
        ylabel="dB to what the model had shown there",
        title="R: what comes back, by how long it was away",
    )


def _curves(
    results: Results,
    rows: Sequence[str],
    on: str,
    metrics: Sequence[str],
    label: Callable[[Axes], None],
    *,
    floor: str = "",
) -> Figure | None:
    """A line for each row through its metrics, with the range of the seeds' own means.

    `floor`: the measure of what a flat picture would get, a band over the rows' own; lines say nothing in it or below.
    """
    figure = Figure(_SIZE)
    axes = figure.subplots()
    axes.set_prop_cycle(_LINES)
    for row in rows:
        told = [results.get((row, on, metric)) for metric in metrics]
        seeds = np.array([_of_seeds(each) for each in told if each is not None])
        if len(seeds) != len(metrics):
            continue
        (line,) = axes.plot(range(len(metrics)), seeds.mean(1), label=row, marker="o", markersize=3)
        axes.fill_between(range(len(metrics)), seeds.min(1), seeds.max(1), color=line.get_color(), alpha=0.15)
    if not axes.lines:
        return None
    if floors := [float(np.nanmean(results[row, on, floor])) for row in rows if (row, on, floor) in results]:
        axes.axhspan(min(floors), max(floors), color="grey", alpha=0.3, label="a flat picture")
    axes.set_xticks(range(len(metrics)), [metric.split()[-1] for metric in metrics])
    label(axes)
    axes.legend(fontsize=7, ncols=2)
    return figure


def _trade(results: Results, rows: Sequence[str]) -> Figure | None:
    """Drift across, memory up: a point for each noise that a history was tried with."""
    figure = Figure(_SIZE)
    axes = figure.subplots()
    for row in rows:
        drift, memory = results.get((row, "H", "drift sharp")), results.get((row, "R", "revisit self"))
        if drift is None or memory is None:
            continue
        across, up = _of_seeds(drift), _of_seeds(memory - results[row, "R", "mean colour"])
        axes.errorbar(across.mean(), up.mean(), xerr=_reach(across), yerr=_reach(up), fmt="o", capsize=3, label=row)
    if not axes.containers:
        return None
    axes.set(
        xlabel="drift of sharpness on H",
        ylabel="dB of what comes back on R, over a flat picture",
        title="Noise on the history",
    )
    axes.legend(fontsize=7)
    return figure


def _bars(results: Results, rows: Sequence[str]) -> Figure | None:
    """Drift of sharpness and of colours, a bar for each row."""
    shown = [row for row in rows if (row, "H", "drift sharp") in results]
    if not shown:
        return None
    figure = Figure(_SIZE)
    for axes, metric in zip(figure.subplots(1, 2, sharey=True), ("drift sharp", "drift colour"), strict=True):
        seeds = np.array([_of_seeds(results[row, "H", metric]) for row in shown])
        axes.barh(shown, seeds.mean(1), xerr=np.array([_reach(each)[:, 0] for each in seeds]).T, capsize=3)
        axes.set_title(f"H: {metric}")
    figure.axes[0].invert_yaxis()  # of both, which share it: the first row is at the top
    return figure


def _of_seeds(values: Values) -> Values:
    """Each seed's own mean."""
    means: Values = np.nanmean(values, axis=1)
    return means


def _reach(seeds: Values) -> Values:
    """How far the seeds lie below and above their mean: (2, 1)."""
    reach: Values = np.array([[seeds.mean() - seeds.min()], [seeds.max() - seeds.mean()]])
    return reach
