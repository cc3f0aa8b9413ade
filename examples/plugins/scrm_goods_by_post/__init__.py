"""Goods by post (实物奖品): a reward kind that a third party issues, from the prize to the parcel.

Whoever is given goods says where they go to, in time; staff sends the parcel and says so. What nobody asked for in
time goes back. The core's ledger knows who was given what: this plugin keeps only what a parcel needs.
"""

from __future__ import annotations

from typing import Any

import flask
import peewee as pw
from marshmallow import RAISE, Schema, fields, validate

from scrm_core.api import (
    BrandModel,
    Conflict,
    Contact,
    InstantField,
    Invalid,
    Job,
    NotFound,
    Plugin,
    RewardOrder,
    Veto,
    clean_text,
    consumer_answer,
    consumer_page,
    consumer_refusals,
    current_brand,
    current_plugin,
    day_start,
    execute,
    from_instant,
    insert_model_rows,
    iso,
    load_body,
    need_consumer,
    new_uid,
    permission,
    transactional,
)

COLUMNS = ("uid", "sku", "qty", "state", "address", "tracking", "deadline")
SELECT = f"SELECT {', '.join(COLUMNS)} FROM goods_by_post_parcel "

blueprint = flask.Blueprint("goods_by_post", __name__)
pages = flask.Blueprint("goods_by_post_pages", __name__, template_folder="templates")
consumer_refusals(pages, {"parcel_state": {"zh": "已发货，或已过填写时间", "en": "It was sent, or the time is over."}})


class Parcel(BrandModel):
    """One reward to send: open (no address yet), ready, sent or returned.

    The foreign key makes it a person's: a merge moves it, an erasure deletes it with its address.
    ``deadline`` is the first instant at which an address comes too late.
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    grant_key = pw.TextField()
    contact = pw.ForeignKeyField(Contact)
    sku = pw.TextField()
    qty = pw.BigIntegerField()
    state = pw.TextField(default="open")
    address = pw.TextField(default="")
    tracking = pw.TextField(default="")
    deadline = InstantField()

    class Meta:
        table_name = "goods_by_post_parcel"


class Settings(Schema):
    class Meta:
        unknown = RAISE

    goods = fields.Dict(
        keys=fields.String(validate=validate.Length(1, 40)), values=fields.String(), required=True,
        metadata={"description": "SKU to title: what may be given away"},
    )  # fmt: skip
    claim_days = fields.Integer(
        strict=True, load_default=7, validate=validate.Range(1, 365),
        metadata={"description": "whole days of the brand after the day of the reward to give an address in"},
    )  # fmt: skip


class SentBody(Schema):
    tracking = fields.String(required=True, validate=validate.Length(1, 100))


class GoodsByPost(Plugin):
    name = "goods-by-post"
    version = "1.0"
    summary = "Goods by post 实物奖品: a reward kind with an address, a deadline and a parcel"
    requires_core = ">=0.1.0.dev0"
    Settings = Settings
    models = (Parcel,)
    migrations = "migrations"
    blueprint = blueprint
    pages = pages
    permissions = {
        "goods-by-post:read": "see parcels and where they go to",
        "goods-by-post:send": "say that a parcel was sent",
    }
    jobs = (Job("late", 3_600, "take_back_late"),)
    extensions = {"consumer.me": (("mine", {"zh": "我的实物奖品", "en": "My parcels"}),)}
    reward_kinds = {"goods": "goods by post 实物; the item is a SKU of the setting `goods`"}

    # The reward kind: whoever grants it (a game, a person) knows nothing of parcels.

    def verify_reward_item(self, kind: str, item: str) -> None:
        if item not in self.settings["goods"]:
            known = ", ".join(self.settings["goods"])
            raise Invalid(f"item: {item[:40]!r} is none of the goods of [plugins.{self.name}]: {known}", field="item")

    def issue_reward(self, order: RewardOrder) -> dict[str, Any]:
        """Runs in the grant's transaction: the parcel is there exactly if the reward is."""
        if order.item not in self.settings["goods"]:
            raise Veto(f"{order.item[:40]!r} is not given away any more", "no_goods")
        uid = new_uid(order.at)
        # Days are the brand's: the deadline is a midnight there, also where clocks change meanwhile.
        deadline = day_start(self.brand.day(order.at) + self.settings["claim_days"] + 1, self.brand.zone)
        parcel = {"uid": uid, "grant_key": order.grant_key, "contact": order.contact_id, "sku": order.item}
        insert_model_rows(Parcel, [{**parcel, "qty": order.quantity, "deadline": deadline}])
        return {"parcel": uid}

    def reverse_reward(self, order: RewardOrder) -> None:
        """A parcel that was sent is a Veto: the reward stays. Looked at behind the UPDATE, which waits for a sender."""
        execute(
            "UPDATE goods_by_post_parcel SET state = 'returned', address = '' "
            "WHERE grant_key = ? AND state IN ('open', 'ready')",
            (order.grant_key,),
        )
        if self.parcels("grant_key = ? AND state = 'sent'", order.grant_key):
            raise Veto("the parcel was sent", "sent")

    @transactional
    def take_back_late(self) -> None:
        """The job. The UPDATE decides against an address that comes at the same moment; then the ledger is told."""
        late = execute(
            "UPDATE goods_by_post_parcel SET state = 'returned' WHERE state = 'open' AND deadline <= ? "
            "RETURNING grant_key",
            (self.brand.now(),),
        ).fetchall()
        for (grant_key,) in late:
            self.brand.rewards.reverse(grant_key, reason="no address in time", actor=self.name)

    # The parcel: what its owner and the staff do with it.

    def parcels(self, where: str, *values: Any) -> list[dict[str, Any]]:
        rows = execute(f"{SELECT}WHERE {where} ORDER BY id LIMIT 200", values).fetchall()
        found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        return [{**each, "title": self.settings["goods"].get(each["sku"], each["sku"])} for each in found]

    def change(self, uid: str, where: str, *values: Any, **to: str) -> dict[str, Any]:
        """Move a parcel on by one conditional UPDATE; raises NotFound or Conflict and then nothing has changed."""
        places = ", ".join(f"{name} = ?" for name in to)
        sql = f"UPDATE goods_by_post_parcel SET {places} WHERE uid = ? AND {where}"
        moved = execute(sql, (*to.values(), uid, *values)).rowcount
        found = self.parcels("uid = ?", uid)
        if not found:
            raise NotFound("no such parcel")
        if not moved:
            raise Conflict(f"the parcel is {found[0]['state']}, or its time is over", code="parcel_state")
        return found[0]


@pages.get("/mine")
def mine() -> Any:
    person, plugin = need_consumer(), current_plugin(GoodsByPost)
    now, zone = plugin.brand.now(), plugin.brand.zone
    shown = [
        {**each, "until": f"{from_instant(each['deadline'], zone):%Y-%m-%d %H:%M}", "open": each["deadline"] > now}
        for each in plugin.parcels("contact_id = ?", person.contact_id)
    ]
    return consumer_page("goods_mine.html", parcels=shown)


@pages.post("/mine/<uid>/address")
def give_address(uid: str) -> Any:
    """Whose parcel it is comes from the session; the address may be mended until the deadline, or until it is sent."""
    person, plugin = need_consumer(), current_plugin(GoodsByPost)
    address = clean_text(flask.request.form.get("address", ""), field="address", max_length=500, multiline=True)
    if not address:
        raise Invalid("address: say where the parcel goes to", field="address")
    if not plugin.parcels("uid = ? AND contact_id = ?", uid, person.contact_id):
        raise NotFound("no such parcel")  # to everybody else it is not there at all
    where = "state IN ('open', 'ready') AND deadline > ?"
    plugin.change(uid, where, plugin.brand.now(), state="ready", address=address)
    # The answer is kept for a second press of the same form: it says nothing of the address.
    return consumer_answer({"state": "ready"}, f"/p/{plugin.brand.id}/{plugin.name}/mine")


@blueprint.get("/parcels")
@permission("goods-by-post:read")
def parcels() -> Any:
    """What is to be sent, oldest first; ``state`` names another state than ready."""
    found = current_plugin(GoodsByPost).parcels("state = ?", flask.request.args.get("state", "ready"))
    return {"parcels": [{**each, "deadline": iso(each["deadline"], current_brand().zone)} for each in found]}


@blueprint.post("/parcels/<uid>/sent")
@permission("goods-by-post:send")
def sent(uid: str) -> Any:
    tracking = load_body(SentBody(), flask.request.get_json())["tracking"]
    parcel = current_plugin(GoodsByPost).change(uid, "state = 'ready'", state="sent", tracking=tracking)
    return {"parcel": uid, "state": parcel["state"], "tracking": parcel["tracking"]}
