"""What a monitor wants to know, as Prometheus text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from prometheus_client import Metric

    from .service import Service


class ServiceCollector:
    """Jobs by state, listeners, seconds a section, and each worker's memory and deaths, as they are when asked."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """Every metric with its samples."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        service = self._service
        jobs = GaugeMetricFamily("shotpack_jobs", "Jobs by state.", labels=["state"])
        for state, count in service.store.counts().items():
            jobs.add_metric([state], count)
        yield jobs
        yield GaugeMetricFamily("shotpack_listeners", "Open event streams.", value=len(service.broker))
        yield GaugeMetricFamily(
            "shotpack_seconds_a_section", "Mean of the latest sections; 0 before any.", value=service.section_seconds()
        )
        device = ["device"]
        memory = GaugeMetricFamily("shotpack_worker_memory_bytes", "Memory a worker holds.", labels=device)
        deaths = CounterMetricFamily("shotpack_worker_deaths_total", "How often a worker died.", labels=device)
        ready = GaugeMetricFamily("shotpack_worker_ready", "Whether a worker can take a job.", labels=device)
        for worker in service.pool.workers():
            memory.add_metric([worker.device], worker.memory_used)
            deaths.add_metric([worker.device], worker.deaths)
            ready.add_metric([worker.device], worker.ready)
        yield from (memory, deaths, ready)


def metrics_answer(service: Service) -> PlainTextResponse:
    """The answer to a monitor."""
    # It brings HTTP servers of its own: not before a monitor asks.
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

    return PlainTextResponse(generate_latest(ServiceCollector(service)), media_type=CONTENT_TYPE_PLAIN_0_0_4)
