"""A wrong key costs what a wrong secret costs; and whatever goes wrong, neither log nor answer holds a phone or a secret."""

from __future__ import annotations

import hmac
import io
import logging
import sqlite3
from pathlib import Path

import pytest
from described_routes import operations
from shop_scene import Shop, bundled
from signing import sign_in
from staff_desk import ROOT as STAFF
from staff_desk import desks
from test_hostile_names_on_pages import places

from scrm_core import logs
from scrm_core.db.bulk import execute
from scrm_core.errors import Unauthorized
from scrm_core.services.keys import Keys
from scrm_core.web import create_app

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("case", ["unknown id", "wrong secret", "revoked", "right"])
def test_every_key_is_compared_once_in_constant_time(doors, shop, monkeypatch, case):
    """The digests of what was given and of what is known, or of nobody: both as long, whether or not there is a key."""
    _, installation = doors
    asked = []

    def compare(one: str, other: str) -> bool:
        asked.append((one, other))
        return one == other

    with installation.brand("acme") as brand:
        _, right = brand.keys.create("test", ("*",))
        key_id = right.partition(".")[2].partition("_")[0]
        near = "f" if right[-1] != "f" else "0"
        given = {"unknown id": right.replace(key_id, "a" * 12), "wrong secret": right[:-1] + near}.get(case, right)
        if case == "revoked":
            brand.keys.revoke(key_id)
        monkeypatch.setattr(hmac, "compare_digest", compare)
        if case == "right":
            assert brand.keys.authenticate(given).key_id == key_id
        else:
            with pytest.raises(Unauthorized):
                Keys(brand).authenticate(given)
    ((one, other),) = asked
    assert len(one) == len(other) == 64


@pytest.fixture
def log():
    """The log of a server, as it is written."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure(stream, logging.DEBUG)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def secrets_of(shop: Shop, installation) -> list[str]:
    """Phones, keys and tokens of the shop: each once as it is kept, phones also without their country code."""
    with installation.brand("acme"):
        phones = [value for (value,) in execute("SELECT value FROM identity WHERE kind = 'phone'").fetchall()]
        sessions = [uid for (uid,) in execute("SELECT uid FROM consumer_session").fetchall()]
    keys = [key.rpartition("_")[2] for key in shop.keys.values()]
    return [*phones, *(phone.removeprefix("+86") for phone in phones), *keys, *sessions, "s3cret-of-wechat-x"]


def break_down(folder: Path) -> None:
    """Nearly every table is gone: each route and page fails in its own way, with the caller's values in hand."""
    with sqlite3.connect(folder / "data" / "acme.db") as file:
        file.execute("PRAGMA foreign_keys = OFF")
        for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if not name.startswith(("sqlite", "api_key", "meta", "migration", "identity", "consumer_s", "plugin_c")):
                file.execute(f'DROP TABLE "{name}"')


def test_no_log_line_and_no_answer_of_a_broken_server_holds_a_phone_or_a_secret(shop, tmp_path, log):
    folder = shop.copied(tmp_path / "shop")
    with shop.opened(folder) as installation:
        client = create_app(installation).test_client()
        hidden = secrets_of(shop, installation)
        assert len(hidden) > 15
        phone = hidden[0]
        answers = []
        break_down(folder)
        headers = {"Authorization": f"Bearer {shop.keys['acme']}", "Cookie": "scrm_session=" + "x" * 40}
        for operation in operations():
            body = {} if operation.method == "GET" else {"json": {"contact": phone, "phone": phone, "name": phone}}
            path = operation.at("acme", phone)
            answer = client.open(path, method=operation.method, headers=headers, query_string={"contact": phone}, **body)
            answers.append((operation, answer.status_code, answer.get_data().decode("utf-8", "replace")))
    assert sum(status >= 500 for _, status, _ in answers) > 50
    written = log.getvalue()
    assert "Traceback" in written
    assert [secret for secret in hidden if secret in written] == []
    for operation, status, text in answers:
        if status >= 500:
            assert phone not in text and "Traceback" not in text and "sqlite" not in text.lower(), operation
            assert str(tmp_path) not in text and "no such table" not in text, operation


def test_no_log_line_and_no_page_of_a_broken_server_holds_a_phone_or_a_secret(shop, tmp_path, log, monkeypatch):
    folder = shop.copied(tmp_path / "shop")
    with shop.opened(folder) as installation:
        mia = desks(installation, monkeypatch)("mia", "zh")
        client, hidden = create_app(installation).test_client(), secrets_of(shop, installation)
        people = places(installation)
        with installation.brand("acme") as brand:
            anna = brand.contacts.get(shop.people["安娜"].uid).id
        sign_in(client, brand, anna)
        parts = [f"x/{name}/{page}" for name, cls in bundled().items() for page in cls.console_pages]
        desk = [*parts, "", "contacts", "orders", "segments", "rewards", "links", "events", "jobs", "audit", "reports"]
        break_down(folder)
        phone = hidden[0]
        headers = {"Accept": "text/html"}
        answers = {
            path: client.get(f"{path}{'&' if '?' in path else '?'}phone={phone.replace('+', '%2B')}", headers=headers)
            for path in people
        }
        answers |= {path: mia.get(f"b/acme/{path}") for path in desk}
        answers |= {f"{STAFF} POST": mia.post("b/acme/contacts", q=phone)}
    failed = {path: answer for path, answer in answers.items() if answer.status_code >= 500}
    assert len([path for path in failed if path.startswith("/p/")]) > 20 and len(failed) > 30
    for path, answer in failed.items():
        for word in (*hidden, "Traceback", "no such table", "sqlite", str(tmp_path)):
            assert word not in answer.text, (path, word)
    written = log.getvalue()
    assert "Traceback" in written
    assert [secret for secret in hidden if secret in written] == []
