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
import time

from flask import Flask, Request, Response
from flask import request as current
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from .. import eventlog
from ..brands import Brand, Installation
from ..delivery import parked_counts, read_cursors
from ..errors import NotFound, ScrmError
from .bodies import encode
from .dispatch import NOTHING_HERE
from .problems import RETRY_SECONDS

log = logging.getLogger("scrm.web")

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Counters:
    """Requests of this process: how many, how long. Labels name routes, never values of a request."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "scrm_http_requests", "Requests answered", ("pid", "route", "method", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "scrm_http_request_seconds", "Time to answer", ("pid", "route"), registry=self.registry, buckets=_BUCKETS
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count(self, request: Request, response: Response) -> None:
        """Count one answered request."""
        rule = request.url_rule
        # An address that no rule has, and a method nobody defined, must not make a new series each.
        route = rule.rule if rule is not None else "none"
        method = request.method if request.method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE") else "other"
        key = (route, method, response.status_code)
        children = self._children.get(key)
        if children is None:
            pid = str(os.getpid())
            children = self._children[key] = (
                self._requests.labels(pid, route, method, str(response.status_code)),
                self._seconds.labels(pid, route),
            )
        children[0].inc()
        children[1].observe(time.perf_counter() - request.environ["scrm.start"])


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
        text = generate_latest(counters.registry) + generate_latest(_delivery_figures(installation))
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
        except ScrmError as error:
            log.error("brand %s: no figures: %s", brand.id, error)
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
