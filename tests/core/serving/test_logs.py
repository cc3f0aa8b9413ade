"""The log of long-running processes: one JSON object a line, scrubbed."""

from __future__ import annotations

import io
import json
import logging

import pytest
import redis

from scrm_core import logs


@pytest.fixture
def log_to():
    """A function that configures the log to a stream; the earlier settings come back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def configure(stream):
        logs.configure(stream)
        return stream

    yield configure
    root.handlers[:] = handlers
    root.setLevel(level)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_line_is_one_json_object_without_personal_data(log_to):
    stream = log_to(io.StringIO())
    log = logging.getLogger("scrm.test")
    log.info("called %s\nsecond line", "13800138000")
    try:
        raise RuntimeError("for 13800138000")
    except RuntimeError:
        log.exception("failed")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["level"], first["logger"]) == ("info", "scrm.test")
    assert "second line" in first["message"]
    assert "RuntimeError" in second["traceback"]
    assert "13800138000" not in stream.getvalue()


def test_a_terminal_gets_plain_lines(log_to):
    stream = log_to(Terminal())
    logging.getLogger("scrm.test").warning("to +8613800138000")
    assert "WARNING scrm.test: to" in stream.getvalue()
    assert "13800138000" not in stream.getvalue()


def test_a_redis_that_is_away_is_one_line_a_minute_and_names_its_setting(log_to):
    stream = log_to(io.StringIO())

    def told(second, error, logger="huey.consumer.Worker"):
        before = len(stream.getvalue().splitlines())
        try:
            raise error
        except type(error) as exc:
            caught = (type(exc), exc, exc.__traceback__)
        log = logging.getLogger(logger)
        record = log.makeRecord(logger, logging.ERROR, __file__, 1, "Error reading from queue", (), caught)
        record.created = 1_000_000.0 + second
        log.handle(record)
        return [json.loads(line) for line in stream.getvalue().splitlines()[before:]]

    away = redis.ConnectionError("Error 111 connecting to 127.0.0.1:6379")
    (line,) = told(0, away)
    assert line["level"] == "warning" and "traceback" not in line
    assert "Error 111" in line["message"] and "queue_url" in line["message"]
    assert told(1, away) == told(59, redis.TimeoutError("no answer"), "huey.consumer.Scheduler") == []
    assert len(told(61, away)) == 1
    assert len(told(-3600, away)) == 1, "the clock was put back"
    assert "traceback" in told(-3599, ValueError("something else"))[0]
    assert "traceback" in told(-3598, away, "scrm.delivery")[0]
