"""Files that were sent in: whatever happens to the workers, each row takes effect once and the figures are right."""

from __future__ import annotations

import tempfile

import pytest

from scrm_core.errors import Busy, Conflict, Invalid, NotFound, StorageFull
from scrm_core.intake import importer, sent_reading
from scrm_core.jobs import due_jobs, run_job

HEADER = "source,number,status,paid_minor,paid_at\n"
BAD = "shop,B1,nonsense,100,\n"


def rows(first, last):
    return "".join(f"shop,F{nth},completed,100,2025-12-30T10:00:00+08:00\n" for nth in range(first, last))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr("scrm_core.limits.Limits.import_batch", 2)


@pytest.fixture
def files(brand, other):
    """The door of acme's files; moonco has sent in one of its own, which nobody's trouble may touch."""
    with other:
        theirs = other.sent_files.begin("theirs.csv", "orders", (HEADER + rows(0, 1)).encode(), actor="luna")
    with brand:
        yield brand.sent_files
    with other:
        assert [(each.id, each.state) for each in other.sent_files.newest()] == [(theirs, "checking")]


@pytest.fixture
def send(files):
    def send_file(text=HEADER + rows(0, 5), name="orders.csv"):
        return files.begin(name, "orders", text.encode(), actor="otto")

    return send_file


@pytest.fixture
def writing(monkeypatch):
    """A function that lets the writer of orders do something before each batch; gives the list of its batches."""
    real = importer.WRITERS["orders"]

    def let(act=lambda rows: None):
        batches = []

        def write(brand, given, *more):
            batches.append([row["number"] for row in given])
            act(batches[-1])
            return real(brand, given, *more)

        monkeypatch.setitem(importer.WRITERS, "orders", write)
        return batches

    return let


def trouble(error):
    def act(batch):
        raise error

    return act


def started(files, file_id):
    """A file that was tried and that somebody has started."""
    files.work(seconds=60)
    files.start(file_id, actor="otto")
    return file_id


def figures(view):
    return view.state, *(view.counts[name] for name in ("read", "created", "updated", "unchanged", "rejected"))


def numbers(brand):
    return sorted(order.number for order in brand.orders.page(limit=200))


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("error", [Busy("the database is busy"), StorageFull("the disk is full")])
def test_trouble_that_passes_ends_neither_a_try_nor_an_import_however_often_it_comes(files, send, writing, error):
    file_id = send()
    for before, after in (("checking", "checked"), ("running", "done")):
        writing(trouble(error))
        for _ in range(6):
            files.work(seconds=60)
        seen = files.get(file_id)
        assert seen.state == before and seen.error != ""
        writing()
        files.work(seconds=60)
        seen = files.get(file_id)
        assert figures(seen) == (after, 5, 5, 0, 0, 0) and seen.error == ""
        if after == "checked":
            files.start(file_id, actor="otto")


def test_a_machine_without_room_for_a_file_waits_for_it(files, send, monkeypatch, tmp_path):
    file_id = send()
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        for _ in range(4):
            files.work(seconds=60)
        with pytest.raises(Busy):
            send()
    assert files.get(file_id).state == "checking" and "temporary folder" in files.get(file_id).error
    files.work(seconds=60)
    assert figures(files.get(file_id)) == ("checked", 5, 5, 0, 0, 0)


def test_trouble_in_the_middle_loses_no_row_and_writes_none_twice(brand, files, send, writing):
    file_id = started(files, send())
    batches = writing(lambda batch: trouble(Busy("busy"))(batch) if len(batches) == 2 else None)
    files.work(seconds=60)
    files.work(seconds=60)
    assert batches == [["F0", "F1"], ["F2", "F3"], ["F2", "F3"], ["F4"]]
    assert figures(files.get(file_id)) == ("done", 5, 5, 0, 0, 0) and numbers(brand) == [f"F{nth}" for nth in range(5)]


def test_an_import_whose_time_is_over_with_its_last_batch_is_done_and_not_begun_anew(brand, files, send, writing):
    file_id = started(files, send(HEADER + rows(0, 3)))
    batches = writing()
    for _ in range(4):
        files.work(seconds=0)
    assert batches == [["F0", "F1"], ["F2"]]
    assert figures(files.get(file_id)) == ("done", 3, 3, 0, 0, 0)
    assert [(each.rows, each.created) for each in brand.imports.newest()] == [(3, 3)]


def test_a_worker_that_dies_behind_the_last_batch_leaves_the_figures_to_the_next(brand, files, send, writing, monkeypatch):
    file_id = started(files, send())
    real = sent_reading.run_import

    def dies(*args, **named):
        real(*args, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sent_reading, "run_import", dies)
        with pytest.raises(KeyboardInterrupt):
            files.work(seconds=60)
    batches = writing()
    files.work(seconds=60)
    assert batches == [] and figures(files.get(file_id)) == ("done", 5, 5, 0, 0, 0)
    assert [each.rows for each in brand.imports.newest()] == [5]
    again = started(files, send())
    files.work(seconds=60)
    assert figures(files.get(again)) == ("done", 5, 0, 0, 5, 0), "sent in once more it is another import"


def test_a_try_goes_on_where_its_time_was_over(files, send, writing):
    file_id = send(HEADER + BAD + rows(0, 5) + BAD)
    batches = writing()
    files.work(seconds=0)
    seen = files.get(file_id)
    assert figures(seen) == ("checking", 2, 1, 0, 0, 1) and 0 < seen.share <= 1
    for _ in range(3):
        files.work(seconds=0)
    assert batches == [["F0"], ["F1", "F2"], ["F3", "F4"]]
    seen = files.get(file_id)
    assert figures(seen) == ("checked", 7, 5, 0, 0, 2)
    assert [(line, column) for line, column, _ in seen.rejects] == [(2, "status"), (8, "status")]


def test_what_is_left_of_a_file_is_asked_for_and_not_waited_for(brand, files, send, monkeypatch):
    monkeypatch.setattr("scrm_core.jobs.FILES_MOST_SECONDS", 0)
    file_id = send()

    def minute():
        return [run_job(brand, each) for each in due_jobs(brand) if each.job == "sent-files"]

    for _ in range(3):
        assert minute() != []
    assert files.get(file_id).state == "checked"
    minute()
    assert minute() == [], "nothing is left to do"


def test_a_file_whose_reading_fails_each_time_is_told_as_failed_and_those_behind_it_go_on(files, send, writing):
    poison, behind = send(HEADER + "shop,POISON,completed,100,2025-12-30T10:00:00+08:00\n"), send()

    def act(batch):
        if "POISON" in batch:
            raise ZeroDivisionError("no such thing for +8613800138000")

    writing(act)
    files.work(seconds=60)
    assert files.get(behind).state == "checked" and files.get(poison).state == "checking"
    for _ in range(3):
        files.work(seconds=60)
    seen = files.get(poison)
    assert seen.state == "failed" and "ZeroDivisionError" in seen.error and "13800138000" not in seen.error
    files.forget(poison, actor="otto")
    with pytest.raises(NotFound):
        files.get(poison)


def test_a_file_that_asks_its_workers_to_end_is_told_as_failed_and_those_behind_it_go_on(files, send, writing):
    poison, behind = send(HEADER + "shop,POISON,completed,100,2025-12-30T10:00:00+08:00\n"), send()

    def act(batch):
        if "POISON" in batch:
            raise SystemExit

    writing(act)
    ended = 0
    for _ in range(6):
        try:
            files.work(seconds=60)
        except SystemExit:
            ended += 1
    assert ended == 3 and files.get(behind).state == "checked"
    seen = files.get(poison)
    assert seen.state == "failed" and "SystemExit" in seen.error


KILLED = """
def run(brand, worker):
    import os
    from scrm_core.intake import importer
    importer.WRITERS["orders"] = lambda *args: os._exit(9)
    brand.sent_files.work(seconds=60)
"""


def test_a_file_that_kills_its_workers_is_told_as_failed(installation, files, send, forked):
    file_id = send()
    for _ in range(3):
        child = forked(installation, KILLED)
        child.go()
        assert child.ended() == 9
    files.work(seconds=60)
    seen = files.get(file_id)
    assert seen.state == "failed" and "ended in the middle of it" in seen.error


def test_a_batch_that_is_written_makes_up_for_the_failures_before_it(files, send, writing):
    file_id = started(files, send(HEADER + rows(0, 12)))
    batches = writing(lambda batch: trouble(ZeroDivisionError())(batch) if len(batches) % 2 == 0 else None)
    for _ in range(8):
        files.work(seconds=60)
    assert figures(files.get(file_id)) == ("done", 12, 12, 0, 0, 0)


def test_a_file_that_was_forgotten_and_is_sent_in_once_more_is_imported_once_more(brand, files, send, clock):
    file_id = started(files, send())
    files.work(seconds=60)
    files.forget(file_id, actor="otto")
    clock.advance(seconds=1)
    again = started(files, send())
    files.work(seconds=60)
    assert figures(files.get(again)) == ("done", 5, 0, 0, 5, 0)
    assert [each.rows for each in brand.imports.newest()] == [5, 5]


def test_a_started_file_that_nothing_happened_to_for_a_while_is_forgotten_and_what_came_in_stays(brand, files, send, writing, clock):
    file_id = started(files, send())
    writing(lambda batch: trouble(Busy("busy"))(batch) if "F2" in batch else None)
    files.work(seconds=60)
    with pytest.raises(Conflict):
        files.forget(file_id, actor="otto")
    clock.advance(seconds=601)
    files.work(seconds=60)
    files.forget(file_id, actor="otto")
    with pytest.raises(NotFound):
        files.get(file_id)
    assert numbers(brand) == ["F0", "F1"]


def test_a_worker_that_was_given_up_changes_nothing_of_what_another_found(files, send, monkeypatch, clock):
    file_id = send()
    real = sent_reading.run_import

    def slow(*args, **named):
        monkeypatch.setattr(sent_reading, "run_import", real)
        clock.advance(seconds=601)
        files.work(seconds=60)
        raise Invalid("found out late")

    monkeypatch.setattr(sent_reading, "run_import", slow)
    files.work(seconds=60)
    assert figures(files.get(file_id)) == ("checked", 5, 5, 0, 0, 0)
    files.start(file_id, actor="otto")
    files.work(seconds=60)
    assert figures(files.get(file_id)) == ("done", 5, 5, 0, 0, 0)


def test_two_workers_do_not_read_one_file_at_once_and_nobody_forgets_it_meanwhile(files, send, monkeypatch):
    file_id = started(files, send())
    real, calls = sent_reading.run_import, []

    def meanwhile(*args, **named):
        calls.append(args)
        files.work(seconds=60)
        with pytest.raises(Conflict):
            files.forget(file_id, actor="otto")
        return real(*args, **named)

    monkeypatch.setattr(sent_reading, "run_import", meanwhile)
    files.work(seconds=60)
    assert len(calls) == 1 and figures(files.get(file_id)) == ("done", 5, 5, 0, 0, 0)


def test_a_try_whose_file_is_forgotten_meanwhile_ends_without_a_word(files, send, monkeypatch):
    file_id = send()
    real = sent_reading.run_import

    def meanwhile(*args, **named):
        files.forget(file_id, actor="otto")
        return real(*args, **named)

    monkeypatch.setattr(sent_reading, "run_import", meanwhile)
    assert files.work(seconds=60) == 0 and files.newest() == []


def test_the_daily_forgetting_leaves_alone_what_is_read_at_that_moment(files, send, monkeypatch, clock):
    waiting, file_id = started(files, send(HEADER + rows(5, 7))), send()
    clock.advance(days=1, seconds=60)
    real = sent_reading.run_import

    def meanwhile(*args, **named):
        files.forget_old()
        return real(*args, **named)

    monkeypatch.setattr(sent_reading, "run_import", meanwhile)
    files.work(seconds=60)
    assert figures(files.get(file_id)) == ("checked", 5, 5, 0, 0, 0)
    assert figures(files.get(waiting)) == ("done", 2, 2, 0, 0, 0)


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("name", ["rejects.csv", "\U00020000" * 90 + ".csv", "..", "-"])
def test_a_file_of_any_name_is_read_and_shown_by_it(brand, files, send, name):
    file_id = started(files, send(HEADER + BAD + rows(0, 1), name=name))
    files.work(seconds=60)
    assert figures(files.get(file_id)) == ("done", 2, 1, 0, 0, 1)
    assert brand.imports.newest()[0].name == files.get(file_id).name
