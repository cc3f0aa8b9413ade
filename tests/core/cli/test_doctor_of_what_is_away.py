"""``scrm doctor`` and other commands when the database or Redis is away; when a person has stopped what is sent."""

from __future__ import annotations

import socket
import threading
from contextlib import closing

import pytest

from scrm_core.cli.codes import REFUSED, TRY_AGAIN

pytestmark = pytest.mark.usefixtures("doctor_of_data")

NOBODY = "127.0.0.1:1"  # no server listens on port 1


def with_line(cli, key, value):
    """scrm.toml says ``key = value`` and nothing else of that key."""
    file = cli.folder / "scrm.toml"
    lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith(key)]
    file.write_text("\n".join([f'{key} = "{value}"', *lines]) + "\n", "utf-8")


def of(findings, place):
    return [(each["state"], each["found"], each["remedy"]) for each in findings if each["place"] == place]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the file names a database that is nowhere
def test_a_database_that_is_away_is_a_finding_of_each_brand_and_the_rest_is_told(cli):
    with_line(cli, "database_url", f"postgresql://someone:hush@{NOBODY}/shop")
    findings = cli.json("doctor", code=REFUSED)
    for brand in ("acme", "moonco"):
        ((state, found, remedy),) = of(findings, f"brand {brand}")
        assert state == "failed" and "connection" in found
        assert "database_url" in remedy
    assert of(findings, "disk")
    assert "hush" not in str(findings)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_command_says_that_it_may_work_later_when_the_server_is_away_or_breaks_off(cli):
    with closing(socket.create_server(("127.0.0.1", 0))) as door:

        def hang_up():
            for _ in range(2):  # to a wish for encryption, and to a greeting
                with closing(door.accept()[0]) as line:
                    line.recv(1_024)

        threading.Thread(target=hang_up, daemon=True).start()
        for place in (NOBODY, f"127.0.0.1:{door.getsockname()[1]}"):
            with_line(cli, "database_url", f"postgresql://someone:hush@{place}/shop")
            said = cli("imports", "acme", code=TRY_AGAIN).output
            assert "the database is away" in said and "hush" not in said


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_command_that_the_server_refuses_does_not_promise_to_work_later(cli):
    url = next(line for line in (cli.folder / "scrm.toml").read_text("utf-8").splitlines() if "database_url" in line)
    with_line(cli, "database_url", url.partition('"')[2].rstrip('"').rpartition("/")[0] + "/no_such_database")
    said = cli("imports", "acme", code=REFUSED).output
    assert "does not exist" in said


def test_a_redis_that_is_away_is_a_warning_for_events_go_on_without_it(cli):
    assert of(cli.json("doctor"), "queue") == []
    with_line(cli, "queue_url", f"redis://:hush@{NOBODY}/0")
    findings = cli.json("doctor")
    ((state, found, remedy),) = of(findings, "queue")
    assert state == "warning" and "does not answer" in found
    assert "queue_url" in remedy
    assert "hush" not in str(findings)


def test_the_emergency_switch_is_a_warning_of_its_brand_until_a_person_releases_it(cli):
    cli("outreach", "stop", "acme", "--reason", "wrong price")
    findings = cli.json("doctor")
    ((state, found, remedy),) = of(findings, "brand acme, outreach")
    assert state == "warning" and "wrong price" in found
    assert remedy == "look at: scrm outreach runs acme; then: scrm outreach go-on acme"
    assert of(findings, "brand moonco, outreach") == []
    cli("outreach", "go-on", "acme")
    assert of(cli.json("doctor"), "brand acme, outreach") == []
