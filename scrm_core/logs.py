"""Logs of the long-running processes: JSON lines for machines, plain lines on a terminal.

Every line is scrubbed of phone numbers, identity cards, tokens and keys
(:func:`scrm_core.values.masking.scrub`) before it is written.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import TextIO

from .clock import iso
from .values.masking import scrub

REDIS_AWAY_SECONDS = 60
"""Between two lines of the log that say that Redis is away."""


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": iso(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": scrub(record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = scrub(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class _Plain(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


class _RedisAway(logging.Filter):
    """huey tells of a Redis that is away several times a second, with a traceback; one line a minute is enough.

    Nothing is lost meanwhile: a sweep finds the events.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not record.name.startswith("huey.") or type(error).__module__.partition(".")[0] != "redis":
            return True
        if 0 <= record.created - self._told < REDIS_AWAY_SECONDS:
            return False
        self._told = record.created
        record.msg = "Redis does not answer, events are found about a second late (queue_url in scrm.toml): %s"
        record.args, record.exc_info = (error,), None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


def configure(stream: TextIO | None = None, level: int = logging.INFO, *, plain: bool = False) -> None:
    """Send the log of this process to ``stream`` (default standard error), replacing earlier settings.

    ``plain`` writes lines for people although nobody's terminal is there.
    """
    target = stream if stream is not None else sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(_Plain() if plain or target.isatty() else _JsonLines())
    handler.addFilter(_RedisAway())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # huey and peewee tell of every task and query; what matters of them comes as a warning.
    for noisy in ("huey", "peewee", "werkzeug"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
