"""Which tests go to one worker of pytest-xdist together, and which of them begin first.

A file's tests stay together: its fixtures are made once, and its databases keep their tables. The tests of ``e2e`` are
one share: they have one demo, one mall and one browser, and no small machine carries two of each; those of ``security``
share one shop with a history. A page of the documentation is a share of its own: it starts a project and takes as
long as a file.

The share is read from a test's id. The mark ``xdist_group`` asks for the same, but pytest-xdist 3.8 writes it into a
field that pytest 9.2 no longer has, and then shares nothing and says nothing.
"""

from __future__ import annotations

from typing import Any

from xdist.scheduler.loadscope import LoadScopeScheduling

# What takes longest, longest first: whoever began it last would be waited for.
LONG = (
    "tests/e2e",
    "tests/faults",
    "tests/security",
    "tests/docs/test_console.py",
    "tests/docs/test_examples.py",
    "tests/services",
    "tests/packaging/test_distribution.py",
)

# Folders whose tests share what takes its time to make.
TOGETHER = ("tests/e2e", "tests/faults", "tests/security")


def share_of(test: str) -> str:
    """The share that the test of an id belongs to."""
    path = test.partition("::")[0]
    for together in TOGETHER:
        if path.startswith(f"{together}/"):
            return together
    return test if path == "tests/docs/test_console.py" else path


def rank(path: str) -> int:
    """Where a file comes: the long ones in their order, then all others."""
    return next((place for place, long in enumerate(LONG) if path.startswith(long)), len(LONG))


class Sharing(LoadScopeScheduling):
    """Gives each worker whole shares, in the order in which tests were collected."""

    def __init__(self, config: Any, log: Any = None) -> None:
        super().__init__(config, log)
        # Not the share with the most tests first: the many small ones are no work.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)
