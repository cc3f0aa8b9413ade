"""The plugin's routes, below ``/api/v1/<brand>/plugins/red-packet``."""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import Any

import flask

from scrm_core.api import (
    Brand,
    current_actor,
    current_brand,
    load_body,
    next_after,
    permission,
    query_number,
)

from .payouts import Confirmation
from .report import red_packet_report
from .schemas import ConfirmationsBody, ConfirmBody, FileBody, FundBody, PacketBody, ReasonBody
from .service import NAME, RedPackets
from .views import budget_view, entry_view, packet_view, payout_view, step_view

blueprint = flask.Blueprint("red_packet", __name__)

READ = "red-packet:read"
PREPARE = "red-packet:prepare"
FUND = "red-packet:fund"
PAY = "red-packet:pay"


def _here() -> tuple[Brand, RedPackets]:
    brand = current_brand()
    return brand, RedPackets(brand, brand.plugins[NAME].settings)


def _body(schema: Any) -> dict[str, Any]:
    return load_body(schema, flask.request.get_json())


@blueprint.get("/report")
@permission(READ)
def report() -> Any:
    """Issued, paid, waiting, returned to the budget."""
    table = red_packet_report()
    return flask.jsonify(table.record())


@blueprint.get("/check")
@permission(READ)
def check() -> Any:
    """Where the ledgers do not add up; an empty list is as it should be."""
    return flask.jsonify({"differences": _here()[1].differences()})


@blueprint.get("/budget")
@permission(READ)
def budget() -> Any:
    """What was funded, is used, and is left."""
    return flask.jsonify(budget_view(_here()[1].budget.view()))


@blueprint.get("/budget/entries")
@permission(READ)
def budget_entries() -> Any:
    """Entries of the budget, oldest first."""
    brand, packets = _here()
    limit = query_number("limit", 50)
    found = packets.budget.entries(after=query_number("after", 0), limit=limit)
    return flask.jsonify({"entries": [entry_view(e, brand) for e in found], "next": next_after(found, limit)})


@blueprint.post("/budget/funds")
@permission(FUND)
def fund() -> Any:
    """Put money into the budget, once per key; the key of the request is the actor."""
    body = _body(FundBody())
    brand, packets = _here()
    entry = packets.budget.fund(**body, actor=current_actor())
    return flask.jsonify(entry_view(entry, brand)), 201


@blueprint.get("/packets")
@permission(READ)
def packet_list() -> Any:
    """Prepared packets, oldest first."""
    brand, packets = _here()
    limit = query_number("limit", 50)
    found = packets.packets.page(after=query_number("after", 0), limit=limit)
    return flask.jsonify({"packets": [packet_view(p, brand) for p in found], "next": next_after(found, limit)})


@blueprint.post("/packets")
@permission(PREPARE)
def prepare() -> Any:
    """Prepare a packet that people share, once per code."""
    body = _body(PacketBody())
    brand, packets = _here()
    made = packets.packets.prepare(**body, actor=current_actor())
    return flask.jsonify(packet_view(made, brand)), 201


@blueprint.get("/packets/<code>")
@permission(READ)
def packet(code: str) -> Any:
    """A prepared packet."""
    brand, packets = _here()
    return flask.jsonify(packet_view(packets.packets.get(code), brand))


@blueprint.post("/packets/<code>/close")
@permission(PREPARE)
def close(code: str) -> Any:
    """End a packet now; what nobody got returns to the budget."""
    brand, packets = _here()
    return flask.jsonify(packet_view(packets.packets.close(code, actor=current_actor()), brand))


@blueprint.get("/payouts")
@permission(READ)
def payout_list() -> Any:
    """Payouts, oldest first; of one state, person (``contact``) or file when asked."""
    brand, packets = _here()
    limit, args = query_number("limit", 50), flask.request.args
    uid = args.get("contact")
    found = packets.payouts.page(
        state=args.get("state"),
        contact_id=brand.contacts.get(uid).id if uid is not None else None,
        file=args.get("file"),
        after=query_number("after", 0),
        limit=limit,
    )
    return flask.jsonify({"payouts": [payout_view(p, brand) for p in found], "next": next_after(found, limit)})


@blueprint.get("/payouts/<number>")
@permission(READ)
def payout(number: str) -> Any:
    """A payout with its steps."""
    brand, packets = _here()
    found = packets.payouts.get(number)
    steps = [step_view(step, brand) for step in packets.payouts.steps(found.id)]
    return flask.jsonify({**payout_view(found, brand), "steps": steps})


@blueprint.post("/payouts/<number>/confirm")
@permission(PAY)
def confirm(number: str) -> Any:
    """Say that a payout was paid, or could not be."""
    body = _body(ConfirmBody())
    brand, packets = _here()
    said = Confirmation(number, **body)
    return flask.jsonify(payout_view(packets.payouts.confirm(said, actor=current_actor()), brand))


@blueprint.post("/payouts/<number>/retry")
@permission(PAY)
def retry(number: str) -> Any:
    """Make a failed payout due again, under a new number."""
    brand, packets = _here()
    return flask.jsonify(payout_view(packets.payouts.retry(number, actor=current_actor()), brand))


@blueprint.post("/payouts/<number>/cancel")
@permission(PAY)
def cancel(number: str) -> Any:
    """Take the reward behind an unpaid payout back."""
    body = _body(ReasonBody())
    brand, packets = _here()
    canceled = packets.payouts.cancel_by_number(number, reason=body["reason"], actor=current_actor())
    return flask.jsonify(payout_view(canceled, brand))


@blueprint.post("/payouts/files")
@permission(PAY)
def make_file() -> Any:
    """Put payouts that wait into a file for the finance department."""
    body = _body(FileBody())
    _, packets = _here()
    made = packets.files.export(everything=body["all"], actor=current_actor())
    return flask.jsonify(dataclasses.asdict(made)), 201


@blueprint.get("/payouts/files/<code>")
@permission(PAY)
def file(code: str) -> Any:
    """A file as CSV in UTF-8."""
    _, packets = _here()
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(packets.files.rows(code))
    headers = {"Content-Disposition": f'attachment; filename="red-packets-{code}.csv"', "Cache-Control": "no-store"}
    return flask.Response("\ufeff" + text.getvalue(), mimetype="text/csv", headers=headers)


@blueprint.post("/payouts/confirmations")
@permission(PAY)
def confirmations() -> Any:
    """Say what became of many payouts; each row is answered, and one that is refused changes nothing."""
    body = _body(ConfirmationsBody())
    _, packets = _here()
    answers = packets.files.confirm_rows(body["rows"], actor=current_actor())
    return flask.jsonify({"rows": [dataclasses.asdict(answer) for answer in answers]})
