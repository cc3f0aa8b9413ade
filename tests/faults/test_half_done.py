"""What was begun and cut off: a migration, a configuration, a backup of yesterday's."""

from __future__ import annotations

import os
import signal

from grounds import Api, until
from ports import free_port
from storm import Gateway, tables
from test_bad_plugins import counting, events, leads, seen

from scrm_core.jobs import Queue, make_huey

# Kills its process between two statements, once.
CUT_OFF = '''
import os, signal
from pathlib import Path

MARK = Path({mark!r})


def up(migrator, db):
    kind = "INTEGER PRIMARY KEY" if db.param == "?" else "BIGSERIAL PRIMARY KEY"
    db.execute_sql("CREATE TABLE later_seen (id " + kind + ", event_id BIGINT NOT NULL)")
    db.execute_sql("INSERT INTO later_seen (event_id) VALUES (-1)")
    if not MARK.exists():
        MARK.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    db.execute_sql("DELETE FROM later_seen")
'''


def test_a_migration_killed_half_way_leaves_nothing_and_runs_again(grounds, tmp_path):
    there = grounds(plugins={"calm": counting("calm")})
    leads(there, 2)
    home = there.root / "own" / "scrm_later"
    (home / "migrations").mkdir(parents=True)
    (home / "__init__.py").write_text(counting("later"))
    (home / "migrations" / "0001_seen.py").write_text(CUT_OFF.format(mark=str(tmp_path / "killed")))
    with (there.root / "brands" / "acme.toml").open("a") as file:
        file.write("[plugins.later]\nhistory = true\n")
    there.installation.close()
    killed = there.scrm("migrate", "migrate")
    assert killed.popen.wait(120) == -9 and (tmp_path / "killed").exists()
    again = there.scrm("again", "migrate")
    assert again.popen.wait(120) == 0, again.said
    once_more = there.scrm("once more", "migrate")
    assert once_more.popen.wait(120) == 0, once_more.said
    there.installation = there.open()
    assert seen(there, "later") == []
    assert there.one("SELECT count(*) FROM migration_later") == 1
    worker = there.worker()
    until(lambda: seen(there, "later") == seen(there, "calm") == events(there), "nothing is handed out")
    assert worker.stop() == 0


def test_a_worker_told_to_end_waits_for_its_job_and_a_job_of_a_killed_one_begins_again_at_once(grounds, tmp_path):
    pipe = tmp_path / "words"
    os.mkfifo(pipe)
    there = grounds(plugins={"nightly": NIGHTLY.format(pipe=str(pipe))})

    def runs() -> list[tuple[str, int]]:
        return there.rows("SELECT state, attempts FROM job_run WHERE plugin = 'nightly'")

    def ask() -> None:
        Queue(there.installation, make_huey(there.installation.config), lambda brand_id: None).enqueue_due()

    ask()
    worker = there.worker()
    until(lambda: runs() == [("running", 1)], "the job does not begin")
    worker.kill()
    assert runs() == [("running", 1)]
    second = there.worker("second")
    ask()
    until(lambda: runs() == [("running", 2)], "the job of the killed worker does not begin again")
    second.popen.send_signal(signal.SIGTERM)
    until(lambda: "job nightly/clean goes on" in second.said, "it does not wait")
    assert second.running
    pipe.write_text("done")
    assert second.popen.wait(60) == 0
    assert runs() == [("done", 2)]
    with there.brand as brand:
        assert [tag.name for tag in brand.tags.all(group="runs")] == ["done"]


def test_a_configuration_broken_while_it_is_served_keeps_the_last_good_one_and_mended_is_in_force(grounds):
    there = grounds(plugins={"calm": counting("calm"), "later": counting("later")})
    file = there.root / "brands" / "acme.toml"
    with_later = file.read_text()
    file.write_text(with_later.replace("[plugins.later]", "[plugins.later]\nenabled = false"))
    port = free_port()
    there.web(port)
    worker = there.worker()
    api = Api([f"http://127.0.0.1:{port}"], there.key())

    def post(number: int) -> None:
        body = {"source": "form", "key": str(number), "phone": f"138{number:08d}"}
        assert api.call("POST", "/leads", body)[0] == 201

    post(0)
    until(lambda: len(seen(there, "calm")) == 1, "the first lead is not handed out")
    for number, broken in enumerate(["[brand\n", with_later.replace("Asia/Shanghai", "Asia/Nowhere"), ""], 1):
        file.write_text(broken)
        post(number)
        until(lambda: len(seen(there, "calm")) == 1 + number, "a broken file stops the worker")
    file.write_text(with_later)
    post(9)
    # Switched on again it also hears of what came while it was off.
    until(lambda: seen(there, "later") == seen(there, "calm") == events(there), "the mended file is not in force")
    assert worker.running and worker.stop() == 0


def test_yesterdays_backup_restored_sends_nothing_again_under_a_running_worker(grounds):
    gateway = Gateway()
    try:
        port = free_port()
        there = grounds(tables(f"http://127.0.0.1:{port}", gateway.url), {"herald": HERALD, "calm": counting("calm")})
        people = 12
        with there.brand as brand:
            run = brand.outreach.open_run("may", owner="herald", channel="sms", kind="notice", sender="kannel")
            brand.outreach.queue_addresses(run.id, [(f"+86136{n:08d}", None) for n in range(people)])
            brand.outreach.release_count(run.id, 4)
            brand.outreach.start(run.id)
        worker = there.worker()
        until(lambda: len(gateway.taken) == 4, "the first four are not sent")
        until(lambda: there.one("SELECT count(*) FROM message WHERE state = 'sent'") == 4, "nobody noted it")
        backup = there.scrm("backup", "backup", "acme", "yesterday.db")
        assert backup.popen.wait(120) == 0, backup.said
        with there.brand as brand:
            brand.outreach.release(run.id, 10_000)
        until(lambda: len(gateway.taken) == people, "the others are not sent")
        until(lambda: there.one("SELECT count(*) FROM message WHERE state = 'sent'") == people, "nobody noted it")
        assert worker.stop() == 0
        there.installation.close()
        restored = there.scrm("restore", "restore", "acme", "yesterday.db", "--replace")
        assert restored.popen.wait(120) == 0, restored.said
        there.installation = there.open()
        assert there.one("SELECT count(*) FROM message WHERE state = 'sent'") == 4
        with there.brand as brand:
            brand.outreach.release(run.id, 10_000)
        worker = there.worker()
        leads(there, 2)  # it works: events are handed out
        until(lambda: seen(there, "calm") == events(there), "the worker does not work")
        with there.brand as brand:
            assert brand.outreach.stopped().startswith("restored from yesterday.db")
            # A person has looked, and cancels what went already.
            brand.outreach.cancel(run.id, "sent before the restore")
        go_on = there.scrm("go-on", "outreach", "go-on", "acme")
        assert go_on.popen.wait(120) == 0, go_on.said
        with there.brand as brand:
            second = brand.outreach.open_run("june", owner="herald", channel="sms", kind="notice", sender="kannel")
            brand.outreach.queue_addresses(second.id, [("+8613600000000", None)])
            brand.outreach.release(second.id, 10_000)
            brand.outreach.start(second.id)
        until(lambda: len(gateway.taken) > people, "nothing is sent any more")
        assert worker.stop() == 0
        assert len({(to, text) for _, to, text in gateway.taken}) == len(gateway.taken) == people + 1
    finally:
        gateway.close()


HERALD = '''
from scrm_core.api import Plugin, Rendered


class Herald(Plugin):
    name, version, summary, requires_core = "herald", "1", "writes messages", ">=0.0"

    def render_messages(self, batch):
        return [Rendered(f"【示例旗舰店】{batch.run.code} to {each.address}") for each in batch.recipients]
'''

# Its job goes on until somebody writes into the pipe.
NIGHTLY = '''
from pathlib import Path

from scrm_core.api import Job, Plugin


class Nightly(Plugin):
    name, version, summary, requires_core = "nightly", "1", "works at night", ">=0.0"
    jobs = (Job("clean", 86_400, "clean"),)

    def clean(self):
        self.brand.tags.define("runs", Path({pipe!r}).read_text(), kind="system")
'''
