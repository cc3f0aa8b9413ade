"""A person's rights: a whole copy, and an erasure that lasts."""

from __future__ import annotations

import json

import peewee as pw
import pytest

from scrm_core import eventlog
from scrm_core.db import BrandModel, InstantField
from scrm_core.db.bulk import execute, insert_model_rows
from scrm_core.errors import Conflict, Incomplete, NotFound, Veto
from scrm_core.hooks import hookimpl
from scrm_core.models import CORE_MODELS, ChatGroup, Contact, GroupMember, Membership, Reward, Visit
from scrm_core.plugin import Plugin
from scrm_core.services import erasure
from scrm_core.services.contacts import ConsentIn, IdentityIn, LeadIn
from scrm_core.services.orders import LineIn, OrderIn
from scrm_core.services.references import references

NOON = 1_767_268_800_000
PHONE = "+8613812345678"
OPENID = "oSECRETopenid"
SECRETS = (PHONE, "13812345678", "王小明", OPENID, "SERIAL-77", "cookie-abcdef", "ip-1.2.3.4", "note-free-text")


class Letter(BrandModel):
    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    text = pw.TextField()
    sent_at = InstantField()

    class Meta:
        table_name = "letters_letter"


class Line(BrandModel):
    id = pw.BigAutoField()
    letter = pw.ForeignKeyField(Letter)
    contact = pw.ForeignKeyField(Contact)

    class Meta:
        table_name = "letters_line"


class Letters(Plugin):
    name = "letters"
    version = "1"
    summary = "Keeps letters, and a list outside the database."
    requires_core = ">=0"
    models = (Letter, Line)
    migrations = "letters_migrations"
    memory: dict[int, str] = {}
    fails = False

    @hookimpl
    def collect_personal_data(self, query):
        if self.fails:
            raise RuntimeError("no answer")
        return {"memory": [self.memory[each] for each in query.contact_ids if each in self.memory]}

    def erase_personal_data(self, query):
        if self.fails:
            raise RuntimeError("no answer")
        for each in query.contact_ids:
            self.memory.pop(each, None)


MIGRATION = '''
def up(migrator, db):
    key = "INTEGER PRIMARY KEY" if db.param == "?" else "BIGSERIAL PRIMARY KEY"
    db.execute_sql(f"CREATE TABLE letters_letter (id {key}, contact_id BIGINT NOT NULL REFERENCES contact (id), "
                   "text TEXT NOT NULL, sent_at BIGINT NOT NULL)")
    db.execute_sql(f"CREATE TABLE letters_line (id {key}, letter_id BIGINT NOT NULL REFERENCES letters_letter (id), "
                   "contact_id BIGINT NOT NULL REFERENCES contact (id))")
'''


@pytest.fixture
def shop(new_installation, tmp_path, monkeypatch):
    folder = tmp_path / "letters_migrations"
    folder.mkdir()
    (folder / "0001_letters.py").write_text(MIGRATION, encoding="utf-8")
    monkeypatch.setattr(Letters, "migrations_path", classmethod(lambda cls: folder))
    monkeypatch.setattr(Letters, "memory", {})
    return new_installation(acme="[plugins.letters]\n", plugins=(Letters,))


def write_person(brand, *, plugin=True):
    """A contact of whom every table knows something, with a second contact merged into it."""
    contacts = brand.contacts
    brand.tags.group("tier", s_level=True, default="none")
    first = contacts.capture_lead(
        LeadIn(
            "form",
            (IdentityIn.of("phone", PHONE),),
            NOON,
            reference=PHONE,
            state="SERIAL-77",
            name="王小明",
            fields={"serial": "SERIAL-77", "note": "note-free-text"},
            consents=(ConsentIn("marketing_sms", text_version="v1", evidence={"ip": "ip-1.2.3.4"}),),
        )
    )
    phone, openid = IdentityIn.of("phone", PHONE), IdentityIn.of("openid", OPENID, "mini")
    second = contacts.resolve([openid], at=NOON, origin="mini", name="王小明")
    for number, buyer in (("1", phone), ("2", openid)):
        lines = (LineIn(sku="SKU1", title="Boots", qty=1, paid_minor=500),)
        given = {"status": "completed", "paid_at": NOON, "paid_minor": 500, "buyer": (buyer,), "lines": lines}
        brand.orders.upsert(OrderIn(source="tmall", number=number, **given))
    contacts.merge(first.contact_id, second.contact_id, actor="li", reason="note-free-text")
    contact_id = first.contact_id
    brand.tags.add(contact_id, brand.tags.define("interest", "boots", plan="p"), origin="manual", actor="li")
    contacts.add_touch(contact_id, "ad", "ad-7", at=NOON - 9, key=f"ad:{contact_id}")
    insert_model_rows(ChatGroup, [{"code": "mums", "created_at": 1}])
    (group_id,) = execute("SELECT id FROM chat_group").fetchone()
    insert_model_rows(
        GroupMember, [{"group_id": group_id, "contact_id": contact_id, "joined_at": NOON, "left_at": None}]
    )
    insert_model_rows(
        Membership, [{"contact_id": contact_id, "identity": "13812345678", "joined_at": NOON, "left_at": None}]
    )
    (channel_id,) = execute(
        "INSERT INTO channel (code, name, kind, created_at) VALUES ('c', '', '', 1) RETURNING id"
    ).fetchone()
    (link_id,) = execute(
        "INSERT INTO link (code, channel_id, target, variant, owner, campaign, created_at) "
        "VALUES ('link', ?, 'https://a.example', '', '', '', 1) RETURNING id",
        (channel_id,),
    ).fetchone()
    insert_model_rows(
        Visit, [{"link_id": link_id, "at": NOON, "visitor": "cookie-abcdef", "contact_id": contact_id}]
    )
    visited = {"visit_id": 1, "link_id": link_id, "code": "link", "visitor": "cookie-abcdef"}
    eventlog.append([eventlog.NewEvent("link.visited", None, NOON, visited)], recorded_at=NOON)
    reward = {"uid": "r1", "kind": "k", "contact_id": contact_id, "grant_key": "g1", "issuer": "i", "at": NOON,
              "issued": {"code": "C1"}, "reason": "note-free-text", "reverses_id": None, "cost_minor": 300}  # fmt: skip
    insert_model_rows(Reward, [reward])
    if plugin:
        insert_model_rows(Letter, [{"contact_id": contact_id, "text": "note-free-text", "sent_at": NOON}])
        (letter_id,) = execute("SELECT id FROM letters_letter").fetchone()
        insert_model_rows(Line, [{"letter_id": letter_id, "contact_id": contact_id}])
        Letters.memory[contact_id] = "note-free-text"
    return first, second


def everything():
    """Every value of every core and plugin table of the brand, as one text."""
    tables = [model._meta.table_name for model in CORE_MODELS] + ["letters_letter", "letters_line"]
    return "\n".join(
        repr(tuple(row)) for table in tables if table != "suppression" for row in execute(f'SELECT * FROM "{table}"')
    )


def test_the_copy_has_a_section_for_everything(shop):
    brand = shop.brand("acme")
    with brand:
        first, second = write_person(brand)
        copy = brand.privacy.export(first.contact_id, actor="li")
        assert json.loads(json.dumps(copy)) == copy
        assert (copy["contact"]["name"], copy["contact"]["money_minor"]) == ("王小明", 1_000)
        assert {i["value"] for i in copy["identities"]} == {PHONE, OPENID}
        assert {(t["group"], t["tag"]) for t in copy["tags"]} == {("interest", "boots"), ("tier", "none")}
        assert [(c["purpose"], c["granted"], c["evidence"]) for c in copy["consents"]] == [
            ("marketing_sms", True, {"ip": "ip-1.2.3.4"})
        ]
        assert [order["lines"][0]["sku"] for order in copy["orders"]] == ["SKU1", "SKU1"]
        assert copy["orders"][0]["paid_at"] == "2026-01-01T20:00:00+08:00"
        assert [(r["kind"], r["issued"], r["reversal"]) for r in copy["rewards"]] == [("k", {"code": "C1"}, False)]
        assert {t["kind"] for t in copy["touches"]} == {"ad", "lead", "order", "visit", "group"}
        assert copy["leads"][0]["fields"]["serial"] == "SERIAL-77"
        assert [(g["code"], g["left_at"]) for g in copy["groups"]] == [("mums", None)]
        assert len(copy["membership"]) == len(copy["merges"]) == 1
        section = copy["plugins"]["letters"]
        assert section["letters_letter.contact_id"][0]["text"] == "note-free-text"
        assert section["letters_letter.contact_id"][0]["sent_at"] == "2026-01-01T20:00:00+08:00"
        assert section["data"] == {"memory": ["note-free-text"]}
        assert copy["incomplete"] == []
        assert brand.privacy.export(second.contact_id) == copy
        acts = execute("SELECT action, target, actor FROM audit ORDER BY id").fetchall()
        assert [each[0] for each in acts] == ["contact.merge", "contact.export", "contact.export"]
    assert tuple(acts[1]) == ("contact.export", f"contact:{first.contact_id}", "li")


def test_a_plugin_that_fails_is_named_in_the_copy(shop, monkeypatch):
    brand = shop.brand("acme")
    with brand:
        first, _ = write_person(brand)
        monkeypatch.setattr(Letters, "fails", True)
        copy = brand.privacy.export(first.contact_id)
        assert copy["incomplete"] == ["letters"] and copy["plugins"]["letters"]["unavailable"] is True


def test_nothing_that_identifies_an_erased_person_is_left(shop):
    brand = shop.brand("acme")
    with brand:
        first, second = write_person(brand)
        before = everything()
        assert all(secret in before for secret in SECRETS)
        receipt = brand.privacy.erase(first.contact_id, actor="li")
        left = everything()
        assert [secret for secret in SECRETS if secret in left] == []
        assert Letters.memory == {}
        assert receipt["plugins"] == {"letters": 2} and receipt["suppressed_identities"] == 2
        assert not any(secret in json.dumps(receipt, ensure_ascii=False) for secret in SECRETS)
        for gone in (first, second):
            with pytest.raises(NotFound):
                brand.contacts.get(gone.uid)
            with pytest.raises(NotFound):
                brand.privacy.export(gone.contact_id)


def test_the_file_itself_holds_nothing_of_an_erased_person(shop, engine):
    if engine != "sqlite":
        return  # PostgreSQL overwrites dead rows by its own vacuum
    brand = shop.brand("acme")
    files = [shop.engine.path("acme"), shop.engine.path("acme").with_name("acme.db-wal")]
    with brand:
        first, _ = write_person(brand)
        brand.privacy.erase(first.contact_id, actor="li")
        stored = b"".join(path.read_bytes() for path in files if path.exists())
    assert [secret for secret in SECRETS if secret.encode() in stored] == []


def test_sums_stay_without_the_person(shop):
    brand = shop.brand("acme")
    with brand:
        first, _ = write_person(brand)
        brand.privacy.erase(first.contact_id, actor="li")
        assert tuple(execute("SELECT count(*), sum(paid_minor) FROM orders").fetchone()) == (2, 1_000)
        assert tuple(execute("SELECT count(*), sum(cost_minor) FROM reward").fetchone()) == (1, 300)
        assert execute("SELECT count(*) FROM consent").fetchone()[0] == 1
        assert not brand.consent.state(first.contact_id, "marketing_sms")


def test_erasing_twice_gives_the_same_receipt(shop, clock):
    brand = shop.brand("acme")
    with brand:
        first, second = write_person(brand)
        receipt = brand.privacy.erase(second.contact_id, actor="li")
        clock.advance(days=1)
        assert brand.privacy.erase(first.contact_id, actor="wang") == receipt
        assert brand.privacy.erase(second.contact_id, actor="wang") == receipt
        acts = [row[0] for row in execute("SELECT action FROM audit ORDER BY id")]
        assert acts.count("contact.erase") == 1
        with pytest.raises(NotFound):
            brand.privacy.erase(4_000_000, actor="li")


def test_an_erased_person_is_not_brought_back(shop):
    brand = shop.brand("acme")
    with brand:
        first, _ = write_person(brand)
        brand.privacy.erase(first.contact_id, actor="li")
        phone = IdentityIn.of("phone", "138 1234 5678")
        stranger = IdentityIn.of("openid", "new", "mini")
        assert brand.contacts.suppressed([phone, stranger]) == {phone}
        with pytest.raises(Veto) as refused:
            brand.contacts.resolve([phone], at=NOON, origin="import")
        assert refused.value.code == "suppressed"
        with pytest.raises(Veto):
            brand.contacts.capture_lead(LeadIn("form", (phone,), NOON, reference="again"))
        assert brand.contacts.resolve_many([[phone], [phone, stranger], [stranger]], at=[1] * 3, origin="i")[0] is None
        order = OrderIn(
            source="tmall", number="1", status="completed", paid_at=NOON, paid_minor=500, buyer=(phone,), name="王小明"
        )
        new = OrderIn(source="tmall", number="9", status="completed", paid_at=NOON, paid_minor=500, buyer=(phone,))
        brand.orders.upsert_many([order, new])
        left = everything()
        assert [secret for secret in SECRETS if secret in left] == []
        assert execute("SELECT count(*) FROM contact WHERE state = 'active'").fetchone()[0] == 0


def test_somebody_else_named_beside_an_erased_person_keeps_their_row(shop):
    brand = shop.brand("acme")
    with brand:
        first, _ = write_person(brand)
        brand.privacy.erase(first.contact_id, actor="li")
        alive = brand.contacts.resolve([IdentityIn.of("phone", "13900000000")], at=1, origin="t").contact_id
        phones = [IdentityIn.of("phone", "13900000000"), IdentityIn.of("phone", PHONE)]
        assert brand.contacts.resolve(phones, at=2, origin="t").contact_id == alive
        assert len(brand.contacts.identities(alive)) == 1


def test_one_phone_has_another_hash_in_each_brand(shop):
    hashes = []
    for brand_id in ("acme", "moonco"):
        brand = shop.brand(brand_id)
        with brand:
            person = brand.contacts.resolve([IdentityIn.of("phone", PHONE)], at=1, origin="t")
            brand.privacy.erase(person.contact_id, actor="li")
            hashes.append(execute("SELECT digest FROM suppression").fetchone()[0])
    assert hashes[0] != hashes[1]


def test_erasing_in_one_brand_leaves_the_other_alone(shop):
    one, two = shop.brand("acme"), shop.brand("moonco")
    kept = None
    for brand in (one, two):
        with brand:
            kept = brand.contacts.resolve([IdentityIn.of("phone", PHONE)], at=1, origin="t")
    with one:
        one.privacy.erase(one.contacts.find("phone", PHONE).id, actor="li")
    with two:
        assert two.contacts.get(kept.uid).id == kept.contact_id
        assert two.contacts.suppressed([IdentityIn.of("phone", PHONE)]) == set()


def test_a_plugin_that_fails_stops_the_whole_erasure(shop, monkeypatch):
    brand = shop.brand("acme")
    with brand:
        first, _ = write_person(brand)
        before = everything()
        monkeypatch.setattr(Letters, "fails", True)
        with pytest.raises(Incomplete, match="letters"):
            brand.privacy.erase(first.contact_id, actor="li")
        assert everything() == before
        assert brand.contacts.suppressed([IdentityIn.of("phone", PHONE)]) == set()


def test_tables_of_a_plugin_that_was_switched_off_are_cleared_too(shop):
    brand = shop.brand("acme")
    with brand:
        first, _ = write_person(brand)
    path = shop.config.brands_dir / "acme.toml"
    path.write_text(path.read_text("utf-8").replace("[plugins.letters]", "[plugins.letters]\nenabled = false"), "utf-8")
    brand = shop.brand("acme")
    assert brand.plugins == {}
    with brand:
        copy = brand.privacy.export(first.contact_id)
        assert copy["plugins_switched_off"] == {"letters_letter.contact_id": 1, "letters_line.contact_id": 1}
        receipt = brand.privacy.erase(first.contact_id, actor="li")
        assert receipt["plugins"] == {"switched off": 2}
        assert execute("SELECT count(*) FROM letters_letter").fetchone()[0] == 0


def test_every_core_table_about_a_contact_has_its_rule(brand):
    assert {each.table for each in references(brand)} == {*erasure.DELETED, *erasure.STRIPPED}
    assert not set(erasure.DELETED) & set(erasure.STRIPPED)


def test_a_merge_with_an_erased_person_stays(shop):
    brand = shop.brand("acme")
    with brand:
        first, _ = write_person(brand)
        (merge,) = brand.contacts.merges(first.contact_id)
        brand.privacy.erase(first.contact_id, actor="li")
        with pytest.raises(Conflict, match="erased"):
            brand.contacts.undo_merge(merge.id, actor="li")


class Tagger(Plugin):
    name = "tagger"
    version = "1"
    summary = "Tags every lead."
    requires_core = ">=0"

    @hookimpl
    def on_lead(self, event):
        if not event.fields.get("break"):
            self.brand.tags.add(event.contact_id, ("rule", "lead"))
            return
        raise ValueError(f"cannot read {event.fields}")


def test_delivery_to_an_erased_or_merged_contact_tags_nobody_else(new_installation, deliver):
    installation = new_installation(acme="[plugins.tagger]\n", plugins=(Tagger,))
    brand = installation.brand("acme")
    with brand:
        brand.tags.define("rule", "lead", kind="system")
        people = [
            brand.contacts.capture_lead(
                LeadIn("form", (IdentityIn.of("phone", f"1381234567{n}"),), NOON, reference=str(n))
            ).contact_id
            for n in range(3)
        ]
        brand.contacts.merge(people[0], people[1], actor="li", reason="same")
        brand.privacy.erase(people[2], actor="li")
        deliver(brand)
        rows = execute("SELECT contact_id FROM contact_tag").fetchall()
        assert [row[0] for row in rows] == [people[0]]
        told = [e.contact_id for e in eventlog.tail(100) if e.type == "tag.added"]
        assert told == [people[0]]


def test_traces_of_a_failed_handler_are_erased(new_installation, deliver):
    installation = new_installation(acme="[plugins.tagger]\n", plugins=(Tagger,))
    brand = installation.brand("acme")
    with brand:
        lead = LeadIn("form", (IdentityIn.of("phone", PHONE),), NOON, reference="1", fields={"break": "note-free-text"})
        contact_id = brand.contacts.capture_lead(lead).contact_id
        deliver(brand)
        assert "note-free-text" in execute("SELECT error FROM parked").fetchone()[0]
        brand.privacy.erase(contact_id, actor="li")
        assert "note-free-text" not in repr(tuple(execute("SELECT error, traceback FROM parked").fetchone()))


RACE = """
from scrm_core.errors import Veto
from scrm_core.services.contacts import IdentityIn

def run(brand, worker):
    phone = IdentityIn.of("phone", "13812345678")
    if worker == 0:
        person = brand.contacts.find("phone", phone.value)
        return brand.privacy.erase(person.id, actor="race")["suppressed_identities"]
    for n in range(25):
        try:
            brand.contacts.resolve([phone, IdentityIn.of("openid", f"o{worker}-{n}", "mini")], at=1, origin="race")
        except Veto:
            return n
    return 25
"""


def test_imports_that_run_during_an_erasure_bring_nobody_back(installation, brand, together):
    with brand:
        brand.contacts.resolve([IdentityIn.of("phone", PHONE)], at=1, origin="t")
    together(installation, RACE, 3)
    with brand:
        assert execute("SELECT count(*) FROM contact WHERE state = 'active'").fetchone()[0] == 0
        assert execute("SELECT count(*) FROM identity").fetchone()[0] == 0
