"""What the server counts about itself, for Prometheus. Routes and statuses only: nothing about anybody.

One registry an application. Where several processes serve, each sees its own requests; name a folder for them all
in `PROMETHEUS_MULTIPROC_DIR` (prometheus_client's own variable), and any of them answers for all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from registry.base.context import part, reading
from registry.base.jobs import Job, State

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "vorbehalt_requests",
            "Requests by method, route and status",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "vorbehalt_request_seconds",
            "How long answering took",
            ("method", "route"),
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.registry.register(_Jobs())

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody)  # type: ignore[no-untyped-call]
        everybody.register(_Jobs())
        return generate_latest(everybody)


class _Jobs(Collector):
    """How many jobs wait, run and failed: counted when somebody asks."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge by state."""
        gauge = GaugeMetricFamily("vorbehalt_jobs", "Jobs by state", labels=("state",))
        with reading() as session:
            found: dict[str, int] = dict(session.execute(_BY_STATE).all())
        for state in State:
            gauge.add_metric([state.value], found.get(state.value, 0))
        yield gauge

    def describe(self) -> list[GaugeMetricFamily]:
        """Its name, without asking the database."""
        return [GaugeMetricFamily("vorbehalt_jobs", "Jobs by state", labels=("state",))]


_BY_STATE = select(Job.state, func.count()).group_by(Job.state)


def register_metrics(app: Flask) -> None:
    """Count every request, and answer GET /metrics."""

    @app.before_request
    def begin() -> None:
        g.begun_at = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        metrics, route = part(Metrics), str(request.url_rule or "none")
        metrics.requests.labels(request.method, route, str(response.status_code)).inc()
        if "begun_at" in g:
            metrics.seconds.labels(request.method, route).observe(time.perf_counter() - g.begun_at)
        return response

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(part(Metrics).text(), content_type=CONTENT_TYPE_LATEST)
