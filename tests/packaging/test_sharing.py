"""Which tests share a worker: one browser and one demo at a time, a file's fixtures once, no long test at the end."""

from __future__ import annotations

from types import SimpleNamespace

from sharing import rank, share_of
from xdist.remote import Producer

TESTS = [
    "tests/e2e/test_koc_on_a_phone.py::test_a[x::y]",
    "tests/e2e/test_demo_served.py::test_b[@]",
    "tests/e2e/test_demo_served.py::test_b[2]",
    "tests/docs/test_console.py::test_page[quickstart.md]",
    "tests/docs/test_console.py::test_page[README.md]",
    "tests/core/tags/test_tags.py::test_c[sqlite]",
    "tests/core/tags/test_tags.py::test_c[postgresql]",
    "tests/core/tags/test_names.py::test_d",
]


class Worker:
    """Notes which tests it is given, and has done each at once."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.given: list[str] = []
        self.todo: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, places: list[int]) -> None:
        self.given += [TESTS[place] for place in places]
        self.todo += places

    def shutdown(self) -> None:
        self.shutting_down = True


def test_a_file_is_a_share_the_end_to_end_tests_are_one_and_a_page_is_one():
    files = ["tests/core/tags/test_tags.py", "tests/core/tags/test_tags.py", "tests/core/tags/test_names.py"]
    assert [share_of(test) for test in TESTS] == [*["tests/e2e"] * 3, *TESTS[3:5], *files]


def test_what_takes_longest_begins_first():
    assert sorted(TESTS, key=rank) == TESTS


def two_workers() -> SimpleNamespace:
    """As much of pytest's configuration as a scheduler asks for."""
    return SimpleNamespace(
        option=SimpleNamespace(loadscopereorder=True),
        getvalue={"tx": ["2*popen"], "maxfail": 0, "maxschedchunk": None}.__getitem__,
    )


def test_tests_of_one_share_go_to_one_worker(pytestconfig):
    workers = [Worker("one"), Worker("two")]
    # Made as the session makes it.
    sharing = pytestconfig.hook.pytest_xdist_make_scheduler(config=two_workers(), log=Producer("test", enabled=False))
    for worker in workers:
        sharing.add_node(worker)
        sharing.add_node_collection(worker, TESTS)
    sharing.schedule()
    while any(worker.todo for worker in workers):
        # The second is the quicker one: whatever is not bound to the first could go to it.
        worker = next(worker for worker in reversed(workers) if worker.todo)
        sharing.mark_test_complete(worker, worker.todo.pop(0))
    assert sorted(workers[0].given + workers[1].given) == sorted(TESTS)
    assert workers[0].given[:3] == TESTS[:3]
    assert workers[1].given[:2] == TESTS[3:5]
    assert sum(set(TESTS[5:7]) <= set(worker.given) for worker in workers) == 1
