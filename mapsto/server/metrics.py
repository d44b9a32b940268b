"""What Prometheus reads at `/metrics`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from mapsto.server.load import Load

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Counts of one server, in a registry of its own."""

    def __init__(self, load: Load) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter("mapsto_requests", "Requests answered.", ["model", "status"], registry=registry)
        self.seconds = Histogram(
            "mapsto_request_seconds",
            "From a request's head to its answer.",
            ["model"],
            buckets=SECONDS,
            registry=registry,
        )
        self.queue = Gauge("mapsto_queue_length", "Examples that wait.", ["model"], registry=registry)
        self.batches = Histogram(
            "mapsto_batch_size", "Examples computed together.", ["model"], buckets=SIZES, registry=registry
        )
        self.reloads = Counter("mapsto_reloads", "Changed files.", ["model", "outcome"], registry=registry)
        self.deaths = Counter("mapsto_worker_deaths", "Processes that computed and died.", registry=registry)
        self.ready = Gauge("mapsto_ready", "Whether the server takes requests.", registry=registry)
        under_way = Gauge("mapsto_requests_under_way", "Requests being answered.", registry=registry)
        under_way.set_function(lambda: load.count)
        arriving = Gauge("mapsto_requests_arriving", "Requests whose body is not whole yet.", registry=registry)
        arriving.set_function(lambda: load.arriving)
        refused = Gauge("mapsto_refused_unread", "Requests refused before they were read.", registry=registry)
        refused.set_function(lambda: load.refused)
        malformed = Gauge("mapsto_malformed", "Requests that were no HTTP.", registry=registry)
        malformed.set_function(lambda: load.malformed)
        self.counter = cache(lambda model, status: self.requests.labels(model, str(status)))
        self.clock = cache(lambda model: self.seconds.labels(model))

    def answered(self, model: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self.counter(model, status).inc()
        self.clock(model).observe(seconds)

    def batch_seen(self, model: str) -> Callable[[int], None]:
        """A model ↦ what is to be told the size of its batches."""
        return self.batches.labels(model).observe

    def watch_queue(self, model: str, length: Callable[[], int]) -> None:
        self.queue.labels(model).set_function(length)

    def text(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self.registry)
