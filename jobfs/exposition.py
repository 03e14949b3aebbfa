"""Prometheus asks, and is answered, by a server and threads of its own beside the event loop."""

import http.server
import logging
import socket
import socketserver
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from threading import Thread
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import MetricsHandler
from prometheus_client.registry import Collector

from jobfs import metrics
from jobfs.metrics import Asked, Counted, Counter, Durations, Found, Gauge, Timer

log = logging.getLogger(__name__)

#: Seconds that somebody who connects has for each line of the question.
_PATIENCE = 10


def serve(host: str, ports: Iterable[int], look: Callable[[], Found]) -> int:
    """Answer at the first free port until the process ends; return that port.

    *look* is called in another thread each time that somebody asks. Raises OSError if no port is free.
    """
    registry = CollectorRegistry()
    registry.register(_Shown(look))
    ProcessCollector(registry=registry)
    server = _listening(host, ports, _Handler.factory(registry))
    # Nobody ends the server: it need not look every now and then whether somebody wants to.
    serving = {"poll_interval": None}
    Thread(target=server.serve_forever, kwargs=serving, name="metrics", daemon=True).start()
    port: int = server.socket.getsockname()[1]
    return port


class _Shown(Collector):
    """Every metric that this process has something to say of."""

    def __init__(self, look: Callable[[], Found]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        """Yield each with its numbers."""
        found = self._look()
        families = [_counted(metric) for metric in metrics.COUNTED]
        families += [_asked(metric, found) for metric in metrics.ASKED]
        return (family for family in families if family.samples)


def _counted(metric: Counted) -> Metric:
    match metric:
        case Gauge():
            gauge = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for labels, number in metric:
                gauge.add_metric(labels, number.value)
            return gauge
        case Counter():
            counter = CounterMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for labels, number in metric:
                counter.add_metric(labels, number.value)
            return counter
        case Timer():
            histogram = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for labels, durations in metric:
                histogram.add_metric(labels, *_histogram(durations))
            return histogram


def _histogram(durations: Durations) -> tuple[list[tuple[str, float]], float]:
    """Return how many took at most as long as each bound, and the sum of all."""
    counts, seconds = durations.read()
    bounds = [*(str(float(bound)) for bound in durations.bounds), "+Inf"]
    return list(zip(bounds, accumulate(counts), strict=True)), seconds


def _asked(metric: Asked, found: Found) -> Metric:
    gauge = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for labels, value in found.get(metric, {}).items():
        gauge.add_metric(labels, value)
    return gauge


# --- HTTP ---


class _Handler(MetricsHandler):
    timeout = _PATIENCE


class _Server(http.server.ThreadingHTTPServer):
    # Else the next worker would share the port, and each be asked by chance.
    allow_reuse_port = False

    def __init__(self, address: tuple[str, int], handler: type) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Leave out what HTTPServer does: it asks the name server, which may be away, for its own name."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 (socketserver's)
        """Go on: whoever asked has gone away, or the answer could not be made."""
        error = sys.exception()
        log.warning("cannot tell %s how this role does: %r", client_address[0], error)


def _listening(host: str, ports: Iterable[int], handler: type) -> _Server:
    taken = OSError("there is no port to try")
    for port in ports:
        try:
            return _Server((host, port), handler)
        except OSError as error:
            taken = error
    raise taken
