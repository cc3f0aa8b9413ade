"""The log of long-running processes: one JSON object a line, scrubbed."""

from __future__ import annotations

import io
import json
import logging

import pytest

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
