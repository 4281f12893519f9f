"""What a monitor wants to know, as Prometheus text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .service import Service


def metrics_text(service: Service) -> str:
    """Jobs by state, listeners, seconds a section, and each worker's memory and deaths."""
    lines = ["# HELP shotpack_jobs Jobs by state.", "# TYPE shotpack_jobs gauge"]
    lines += [f'shotpack_jobs{{state="{state}"}} {count}' for state, count in service.store.counts().items()]
    lines += _gauge("shotpack_listeners", "Open event streams.", len(service.broker))
    lines += _gauge(
        "shotpack_seconds_a_section", "Mean of the latest sections; 0 before any.", service.section_seconds()
    )
    for name, text, values in (
        (
            "shotpack_worker_memory_bytes",
            "Memory a worker holds.",
            [each.memory_used for each in service.pool.workers()],
        ),
        ("shotpack_worker_deaths_total", "How often a worker died.", [each.deaths for each in service.pool.workers()]),
        (
            "shotpack_worker_ready",
            "Whether a worker can take a job.",
            [int(each.ready) for each in service.pool.workers()],
        ),
    ):
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        devices = [each.device for each in service.pool.workers()]
        lines += [f'{name}{{device="{device}"}} {value}' for device, value in zip(devices, values, strict=True)]
    return "\n".join([*lines, ""])


def _gauge(name: str, text: str, value: float) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name} {value:g}"]
