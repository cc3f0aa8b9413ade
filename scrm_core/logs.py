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


def configure(stream: TextIO | None = None, level: int = logging.INFO, *, plain: bool = False) -> None:
    """Send the log of this process to ``stream`` (default standard error), replacing earlier settings.

    ``plain`` writes lines for people although nobody's terminal is there.
    """
    target = stream if stream is not None else sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(_Plain() if plain or target.isatty() else _JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # huey and peewee tell of every task and query; what matters of them comes as a warning.
    for noisy in ("huey", "peewee", "werkzeug"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
