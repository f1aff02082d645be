"""The API's Prometheus metrics, in a registry of their own."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class ApiMetrics:
    """Each metric with its meaning; `registry` is what /metrics shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "runtally_api_requests",
            "Requests answered, by route template and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "runtally_api_request_seconds",
            "Time from the request's first byte to the answer's last.",
            ["method", "route"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=self.registry,
        )
