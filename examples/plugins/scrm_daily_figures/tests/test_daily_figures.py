"""Each day is reported once: at its hour, late after a pause, through clock changes, in a file and to a real server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scrm_core.api import RefundIn, ScrmError, day_start, to_instant
from scrm_core.testing import assert_plugin_ok
from scrm_daily_figures import DailyFigures

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
KEY = b"0123456789abcdef01234567"
HEAD = "day,leads,orders,revenue_minor,refunds_minor,currency\n"


class Receiver:
    """A server on the loopback that keeps what it is sent; ``status`` is what it answers."""

    def __init__(self):
        self.requests, self.status = [], 204
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((dict(self.headers), body))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/figures"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver():
    server = Receiver()
    yield server
    server.close()


def at(app, text):
    """Set the clock to a time UTC."""
    app.clock.set(to_instant(datetime.fromisoformat(text).replace(tzinfo=UTC)))


def files(app):
    folder = app.root / "reports"
    return {path.name: path.read_text("utf-8") for path in sorted(folder.iterdir())} if folder.is_dir() else {}


def test_yesterday_is_written_at_the_brands_hour_with_its_figures(scrm_app):
    app = scrm_app(DailyFigures, settings={"folder": "reports", "hour": 7})
    shop = app.brand  # Shanghai, eight hours ahead
    ada = shop.lead(at="2026-03-08T00:00")
    shop.lead(at="2026-03-08T23:59:59")
    shop.lead(at="2026-03-09T00:00")
    shop.order(ada, 10_000, at="2026-03-07T23:59:59")
    first = shop.order(ada, 20_000, at="2026-03-08T00:00")
    shop.order(None, 3_400, at="2026-03-08T23:59")
    shop.order(ada, 9_900, at="2026-03-08T12:00", status="unpaid")
    closed = shop.order(ada, 700, at="2026-03-08T13:00")
    shop.refund(closed, at="2026-03-08T14:00")
    shop.order(ada, 700, at="2026-03-08T13:00", number=closed.number, status="closed")
    shop.refund(first, 1_500, at="2026-03-08T20:00")
    shop.refund(first, 1, at="2026-03-09T00:00")
    with shop as brand:  # its order is not known yet: it waits, and counts on no day
        brand.orders.refund(RefundIn("test", "N99", "R99", 999, first.paid_at))
    at(app, "2026-03-08T22:59:59")
    shop.run_jobs()
    assert [name for name in files(app) if "03-08" in name] == []
    at(app, "2026-03-08T23:10:00")  # 07:10 in Shanghai
    assert "daily-figures/report" in shop.run_jobs()
    # 2 leads; 20,000 + 3,400 + 700 paid; 700 + 1,500 went back.
    assert files(app)["acme-2026-03-08.csv"] == HEAD + "2026-03-08,2,3,24100,2200,CNY\n"
    assert shop.report("daily-figures")[0] == {
        "day": "2026-03-08", "leads": 2, "orders": 3, "revenue_minor": 24_100, "refunds_minor": 2_200,
    }  # fmt: skip


def test_a_day_is_reported_once_and_stays_as_it_was_reported(scrm_app, receiver):
    app = scrm_app(DailyFigures, settings={"folder": "reports", "url": receiver.url, "secret": SECRET})
    at(app, "2026-03-09T00:00:00")
    app.brand.run_jobs()
    before = files(app)
    app.brand.order(None, 5_000, at="2026-03-08T10:00")  # told late
    app.clock.advance(hours=3)
    app.brand.run_jobs()
    assert files(app) == before == {"acme-2026-03-08.csv": HEAD + "2026-03-08,0,0,0,0,CNY\n"}
    assert len(receiver.requests) == 1
    # Another worker had the same slot: nothing is there twice.
    with app.brand as brand:
        brand.plugins["daily-figures"].keep(date(2026, 3, 8).toordinal())
        brand.plugins["daily-figures"].report_due()
    assert len(receiver.requests) == 1


def test_days_that_passed_while_nothing_ran_are_reported_late_up_to_the_limit(scrm_app):
    app = scrm_app(DailyFigures, settings={"folder": "reports", "catch_up_days": 3})
    at(app, "2026-03-02T00:00:00")
    app.brand.run_jobs()
    assert list(files(app)) == ["acme-2026-03-01.csv"]
    app.switch_off("daily-figures")
    app.brand.order(None, 5_000, at="2026-03-07T10:00")
    at(app, "2026-03-10T00:00:00")
    app.brand.run_jobs()
    assert list(files(app)) == ["acme-2026-03-01.csv"]
    app.switch_on("daily-figures")
    app.brand.run_jobs()
    assert list(files(app))[1:] == [f"acme-2026-03-0{day}.csv" for day in (7, 8, 9)]
    assert "2026-03-07,0,1,5000,0,CNY" in files(app)["acme-2026-03-07.csv"]


def test_days_on_which_the_clocks_change_have_their_own_hours_and_bounds(scrm_app):
    app = scrm_app(DailyFigures, settings={"folder": "reports", "hour": 2})
    shop = app.second_brand  # New York: 2026-03-08 has no 02:00, 2026-11-01 has 01:00 twice
    shop.order(None, 100, at="2026-03-08T00:00")
    shop.order(None, 20, at="2026-03-08T23:59:59")
    shop.order(None, 3, at="2026-03-09T00:00")
    at(app, "2026-03-08T06:59:59")  # 01:59:59 EST
    shop.run_jobs()
    assert list(files(app)) == ["moonco-2026-03-06.csv"]
    at(app, "2026-03-08T07:00:00")  # the next second: 03:00 EDT, an hour is skipped
    shop.run_jobs()
    assert list(files(app))[1:] == ["moonco-2026-03-07.csv"]
    at(app, "2026-03-09T06:00:00")  # 02:00 EDT
    shop.run_jobs()
    assert files(app)["moonco-2026-03-08.csv"] == HEAD + "2026-03-08,0,2,120,0,USD\n"
    with shop as brand:
        plugin, day = brand.plugins["daily-figures"], date(2026, 11, 1).toordinal()
        assert day_start(day + 1, brand.zone) - day_start(day, brand.zone) == 25 * 3_600_000
        # 2 November 02:00 EST is 07:00 UTC.
        assert plugin.due_at(day) == to_instant(datetime(2026, 11, 2, 7, tzinfo=UTC))


def test_an_hour_that_comes_twice_is_its_first_time(scrm_app):
    app = scrm_app(DailyFigures, settings={"folder": "reports", "hour": 1})
    with app.second_brand as brand:
        due = brand.plugins["daily-figures"].due_at(date(2026, 10, 31).toordinal())
    assert due == to_instant(datetime(2026, 11, 1, 5, tzinfo=UTC))  # 01:00 EDT, not 01:00 EST


def test_figures_are_posted_signed_and_a_post_that_failed_is_made_again_under_its_id(scrm_app, receiver):
    app = scrm_app(DailyFigures, settings={"url": receiver.url, "secret": SECRET})
    at(app, "2026-03-09T00:00:00")
    receiver.status = 500
    with pytest.raises(AssertionError, match="answered 500"):
        app.brand.run_jobs()
    receiver.status = 204
    app.clock.advance(hours=1)
    app.brand.run_jobs()
    (first, body), (second, again) = receiver.requests
    assert body == again
    assert json.loads(body) == {
        "type": "daily-figures", "brand": "acme", "day": "2026-03-08", "currency": "CNY",
        "leads": 0, "orders": 0, "revenue_minor": 0, "refunds_minor": 0,
    }  # fmt: skip
    assert first["webhook-id"] == second["webhook-id"] == "daily-figures-acme-2026-03-08"
    text = f"{second['webhook-id']}.{second['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, text, hashlib.sha256).digest()).decode()
    assert second["webhook-signature"] == f"v1,{expected}"
    app.clock.advance(hours=1)
    app.brand.run_jobs()
    assert len(receiver.requests) == 2
    assert files(app) == {}


def test_a_folder_that_cannot_be_written_keeps_nothing_from_being_posted(scrm_app, receiver):
    app = scrm_app(DailyFigures, settings={"folder": "reports", "url": receiver.url, "secret": SECRET})
    (app.root / "reports").write_text("a file is in the way")
    at(app, "2026-03-09T00:00:00")
    with pytest.raises(AssertionError, match="FileExistsError"):
        app.brand.run_jobs()
    assert len(receiver.requests) == 1
    (app.root / "reports").unlink()
    app.clock.advance(hours=1)
    app.brand.run_jobs()
    assert list(files(app)) == ["acme-2026-03-08.csv"]
    assert len(receiver.requests) == 1


def test_markdown_shows_amounts_as_people_read_them(scrm_app):
    app = scrm_app(DailyFigures, settings={"folder": "reports", "format": "markdown"})
    app.brand.order(None, 123_450, at="2026-03-08T10:00")
    at(app, "2026-03-09T00:00:00")
    app.brand.run_jobs()
    (text,) = files(app).values()
    assert text.startswith("# Acme 母婴 2026-03-08\n")
    assert "| revenue 支付金额 | ¥1,234.50 |" in text and "| orders 订单 | 1 |" in text


@pytest.mark.parametrize(
    "wrong", [{}, {"url": "https://example.org/"}, {"url": "http://example.org/", "secret": SECRET}, {"secret": "short"}]
)
def test_figures_that_would_go_nowhere_or_in_the_open_are_a_configuration_error(scrm_app, wrong):
    with pytest.raises(ScrmError):
        scrm_app(DailyFigures, settings=wrong).brand.brand


def test_the_plugin_meets_the_checklist():
    assert_plugin_ok(DailyFigures, settings={"folder": "reports"})
