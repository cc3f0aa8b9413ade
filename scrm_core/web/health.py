"""``/healthz`` (the process lives), ``/readyz`` (its databases answer), ``/metrics`` (Prometheus).

The request counters belong to one process: with several web processes on one
port a scrape meets one of them at a time, told apart by the label ``pid``. The
figures of delivery are read from the databases and are the same in each.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from flask import Flask, Response
from flask import request as current
from prometheus_client import CollectorRegistry, Gauge, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from .. import eventlog
from ..brands import Brand
from ..delivery import parked_counts, read_cursors
from ..errors import NotFound
from ..installation import Installation
from .bodies import encode
from .dispatch import NOTHING_HERE
from .problems import RETRY_SECONDS

log = logging.getLogger("scrm.web")

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"))
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Counters(Collector):
    """Requests of this process: how many, how long. Labels name routes, never values of a request.

    Counting is three additions under one lock; the figures become Prometheus
    metrics when somebody asks for them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # (route, method, status) -> requests, seconds, requests per bucket
        self._counts: dict[tuple[str, str, int], list[float]] = {}

    def count(self, route: str, method: str, status: int, start: float) -> None:
        """Count one answered request; ``start`` is the performance counter when it came."""
        seconds = time.perf_counter() - start
        # A method that nobody defined must not make a new series each.
        key = (route, method if method in _METHODS else "other", status)
        with self._lock:
            counts = self._counts.get(key)
            if counts is None:
                counts = self._counts[key] = [0.0] * (2 + len(_BUCKETS) + 1)
            counts[0] += 1
            counts[1] += seconds
            counts[2 + bisect_left(_BUCKETS, seconds)] += 1

    def collect(self) -> Iterator[Metric]:
        """The figures as Prometheus metrics."""
        with self._lock:
            counted = {key: tuple(counts) for key, counts in self._counts.items()}
        pid = str(os.getpid())
        requests = CounterMetricFamily(
            "scrm_http_requests", "Requests answered", labels=("pid", "route", "method", "status")
        )
        times = HistogramMetricFamily("scrm_http_request_seconds", "Time to answer", labels=("pid", "route", "method"))
        by_route: dict[tuple[str, str], list[float]] = {}
        for (route, method, status), counts in sorted(counted.items()):
            requests.add_metric((pid, route, method, str(status)), counts[0])
            total = by_route.setdefault((route, method), [0.0] * len(counts))
            total[:] = [a + b for a, b in zip(total, counts, strict=True)]
        bounds = [*(str(bound) for bound in _BUCKETS), "+Inf"]
        for (route, method), total in by_route.items():
            buckets = list(zip(bounds, accumulate(total[2:]), strict=True))
            times.add_metric((pid, route, method), buckets, sum_value=total[1])
        yield requests
        yield times


def install(app: Flask, installation: Installation, counters: Counters) -> None:
    """Add the three routes."""

    def healthz() -> Response:
        return _json({"status": "ok"})

    def readyz() -> Response:
        # How many, never which: this address needs no key.
        failing = 0
        ids = installation.brand_ids()
        for brand_id in ids:
            try:
                brand = installation.brand(brand_id)
                with brand:
                    read_cursors()
            except Exception:
                # Whatever is wrong with one brand must not hide the others.
                log.exception("brand %s is not ready", brand_id)
                failing += 1
        status = "ready" if not failing else "degraded" if failing < len(ids) else "failing"
        answer = _json({"status": status, "brands": len(ids), "failing": failing})
        if status == "failing":
            answer.status_code = 503
            answer.headers["Retry-After"] = str(RETRY_SECONDS)
        return answer

    def metrics() -> Response:
        if not _may_scrape(installation.config.metrics_token):
            raise NotFound(NOTHING_HERE)
        registry = _delivery_figures(installation)
        registry.register(counters)
        text = generate_latest(registry)
        return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")

    app.add_url_rule("/healthz", "healthz", healthz)
    app.add_url_rule("/readyz", "readyz", readyz)
    app.add_url_rule("/metrics", "metrics", metrics)


def _json(members: dict[str, object]) -> Response:
    return Response(encode(members), content_type="application/json")


def _may_scrape(token: str) -> bool:
    if token:
        scheme, _, given = current.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), token.encode())
    # A proxy on this machine makes everybody loopback: then only a token tells callers apart.
    if "X-Forwarded-For" in current.headers or "Forwarded" in current.headers:
        return False
    try:
        return ipaddress.ip_address(current.remote_addr or "").is_loopback
    except ValueError:
        return False


def _delivery_figures(installation: Installation) -> CollectorRegistry:
    registry = CollectorRegistry()
    labels = ("brand", "plugin")
    waiting = Gauge("scrm_events_waiting", "Events not yet handed to a plugin", labels, registry=registry)
    parked = Gauge("scrm_events_parked", "Events a plugin could not handle", labels, registry=registry)
    paused = Gauge("scrm_plugin_paused", "1 when a plugin is paused for a brand", labels, registry=registry)
    failing = Gauge("scrm_brand_failing", "1 when a brand's database does not answer", ("brand",), registry=registry)
    for brand in installation.brands():
        try:
            _read_figures(brand, waiting, parked, paused)
        except Exception:
            # Whatever is wrong with one brand must not hide the others.
            log.exception("brand %s: no figures", brand.id)
            failing.labels(brand.id).set(1)
        else:
            failing.labels(brand.id).set(0)
    return registry


def _read_figures(brand: Brand, waiting: Gauge, parked: Gauge, paused: Gauge) -> None:
    with brand:
        counts = parked_counts()
        for cursor in read_cursors():
            if cursor.plugin not in brand.plugins:
                continue
            waiting.labels(brand.id, cursor.plugin).set(eventlog.lag(cursor.position))
            parked.labels(brand.id, cursor.plugin).set(counts.get(cursor.plugin, 0))
            paused.labels(brand.id, cursor.plugin).set(1 if cursor.state == "paused" else 0)
