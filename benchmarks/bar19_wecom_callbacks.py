"""Bar 19, the plugin wecom's own: encrypted callbacks checked, decrypted, deduplicated and kept, on one core.

In process, one by one with a commit each, the yardstick leaves the same behind by hand: it
verifies, decrypts and parses with the same crypt, hashes the plain text, and
inserts the row, with the same indexes, and its event with raw SQLite. The second
row is 500 a second. The others are beside the decryption alone (the envelope read
by the strict parser, its signature, its cipher) and count the processor's time:
the disk is nobody's who only decrypts. There callbacks are handed over one by one,
eight and sixty-four at a time, as a crowd has them. A quarter of the callbacks
are repetitions, and customers' ids are as random as WeCom's.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from brand_scene import BRAND
from measure import Pairs, paired, report, size

from scrm_core.brands import Brand
from scrm_core.installation import Installation
from scrm_wecom import WecomPlugin
from scrm_wecom.crypto import Crypt, read_xml

CALLBACKS = size(4_000, 200)
CORP, TOKEN, KEY = "ww0123456789abcdef", "benchToken", "k" * 43
TABLE = f'[plugins.wecom]\ncorp_id = "{CORP}"\ncallback_token = "{TOKEN}"\ncallback_aes_key = "{KEY}"\n'
RATE = 500
LOTS = {1: "one by one", 8: "in lots of 8", 64: "in lots of 64"}

NAMES = ("Event", "ChangeType", "ExternalUserID")
TABLES = (
    "CREATE TABLE kept (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, event TEXT, change TEXT, external TEXT, "
    "body TEXT, state TEXT, note TEXT, at INTEGER, received_at INTEGER) STRICT",
    "CREATE INDEX kept_external ON kept (external)",
    "CREATE INDEX kept_waiting ON kept (state, id)",
    "CREATE INDEX kept_received ON kept (received_at)",
    "CREATE TABLE told (id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT, contact_id INTEGER, at INTEGER, "
    "recorded_at INTEGER, history INTEGER, data TEXT) STRICT",
)
KEEP = (
    "INSERT INTO kept (key, event, change, external, body, state, note, at, received_at) "
    "VALUES (?, ?, ?, ?, ?, 'new', '', ?, ?) ON CONFLICT DO NOTHING"
)
TELL = "INSERT INTO told (type, at, recorded_at, history, data) VALUES ('plugin.event', ?, ?, 0, ?)"

Request = tuple[str, str, str, bytes]


def opened(root: Path) -> Brand:
    """A brand with the plugin in a file of its own."""
    (root / "brands").mkdir()
    (root / "scrm.toml").write_text('database_url = "sqlite:data"\ndatabase_synchronous = "NORMAL"\n')
    (root / "brands" / "acme.toml").write_text(BRAND.format(id="acme") + TABLE)
    installation = Installation.open(root, plugins=(WecomPlugin,))
    installation.migrate()
    return installation.brand("acme")


def requests(crypt: Crypt, batch: int) -> list[Request]:
    """What WeCom sends, ``RATE`` a second: three customers who add, then one of them again."""
    begun = int(time.time())
    now = str(begun)
    made = []
    for number in range(CALLBACKS):
        who = number - number % 4 if number % 4 == 3 else number
        # A second has as many as the bar asks for; a batch begins where the one before ended.
        second = begun - 7_200 + (batch * CALLBACKS + number) // RATE
        customer = f"wm{hashlib.sha256(b'%d/%d' % (batch, who)).hexdigest()[:30]}"
        fields = {
            "ToUserName": CORP, "FromUserName": "sys", "CreateTime": str(second), "MsgType": "event",
            "Event": "change_external_contact", "ChangeType": "add_external_contact", "UserID": "staff001",
            "ExternalUserID": customer, "State": "spring", "WelcomeCode": f"code-{who}",
        }  # fmt: skip
        inside = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())
        encrypted = crypt.encrypt(f"<xml>{inside}</xml>".encode())
        body = f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
        made.append((crypt.signature(now, "nonce", encrypted), now, "nonce", body.encode()))
    return made


def main() -> None:
    """All rows."""
    with tempfile.TemporaryDirectory() as folder:
        brand, crypt = opened(Path(folder)), Crypt(TOKEN, KEY, CORP)
        inbox = brand.plugins["wecom"].inbox
        raw = sqlite3.connect(Path(folder) / "raw.db", isolation_level=None)
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = NORMAL")
        for statement in TABLES:
            raw.execute(statement)
        rates: list[float] = []
        batches = iter(range(1_000))

        def ours() -> None:
            sent, start = given.pop(), time.process_time()
            with brand:
                for request in sent:
                    inbox.receive(*request)
            rates.append(CALLBACKS / (time.process_time() - start))

        def by_hand() -> None:
            for signature, at, nonce, body in given.pop():
                encrypted = read_xml(body).findtext("Encrypt") or ""
                message = crypt.open(signature, at, nonce, encrypted)
                root = read_xml(message)
                raw.execute("BEGIN IMMEDIATE")
                key, fields = hashlib.sha256(message).hexdigest(), {each.tag: each.text for each in root}
                row = raw.execute(KEEP, (key, *(fields[name] for name in NAMES), message.decode(), at, at))
                if row.rowcount:
                    raw.execute(TELL, (at, at, json.dumps({"callback": row.lastrowid})))
                raw.execute("COMMIT")

        def together(lot: int) -> None:
            sent = given.pop()
            with brand:
                for start in range(0, CALLBACKS, lot):
                    brand.group_each(inbox.keep_many, [inbox.opened(*each) for each in sent[start : start + lot]])

        def decrypted() -> None:
            for signature, at, nonce, body in given.pop():
                crypt.open(signature, at, nonce, read_xml(body).findtext("Encrypt") or "")

        def worked(work: Callable[[], None]) -> float:
            start = time.process_time()
            work()
            return time.process_time() - start

        def drawn() -> list[list[Request]]:
            return [requests(crypt, next(batches)) for _ in range(2 * size(5, 2))]

        given = drawn()
        pairs = paired(ours, by_hand)
        report("19 WeCom callbacks kept / by hand, SQLite", pairs.speed, at_least=0.5)
        rate = sorted(rates)[len(rates) // 2]
        report("19 WeCom callbacks a second of one core / 500, SQLite", rate / RATE, at_least=1)
        for lot, called in LOTS.items():
            given[:] = drawn()
            turns = [(worked(lambda lot=lot: together(lot)), worked(decrypted)) for _ in range(len(given) // 2)]
            pairs = Pairs(*zip(*turns, strict=True))
            report(f"19 WeCom callbacks kept {called} / decryption alone, SQLite", pairs.speed, at_least=0.5)
        raw.close()


if __name__ == "__main__":
    main()
