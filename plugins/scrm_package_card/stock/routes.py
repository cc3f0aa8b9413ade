"""Routes of print batches, their stock and costs, below ``/api/v1/<brand>/plugins/package-card``."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import flask

from scrm_core.api import Invalid, current_brand, iso, load_body, permission, read_instant

from ..claims import NAME
from ..schemas import BatchBody, MoveBody, SpendBody
from ..service import PackageCards
from .batches import BatchIn
from .cards import cards_of
from .erp import COLUMNS, goods
from .forecast import suggest
from .presswork import link_code
from .views import batch_view, suggestion_view

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

READ = "package-card:read"
WRITE = "package-card:write"
PAGE = 200


def cards_here() -> PackageCards:
    """The service of the brand that is asked."""
    brand = current_brand()
    return PackageCards(brand, brand.plugins[NAME].settings)


def number_asked(name: str, default: int | None) -> int | None:
    """A whole number of the query; raises Invalid for anything else."""
    text = flask.request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise Invalid(f"{name}: {text[:40]!r} is no whole number", field=name)
    return int(text)


def _page(name: str, rows_of: Callable[[int, int], Sequence[Any]], view: Callable[[Any], dict[str, Any]]) -> Any:
    """A page of a list, and behind which id the next one begins."""
    limit = number_asked("limit", PAGE) or 0
    rows = rows_of(number_asked("after", 0) or 0, limit)
    onward = None
    if len(rows) == limit:
        onward = getattr(rows[-1], "id", None) or getattr(rows[-1], "number", None)
    return flask.jsonify({name: [view(row) for row in rows], "next": onward})


def _at(row: Any) -> dict[str, Any]:
    told = asdict(row)
    del told["id"]
    return {**told, "at": iso(told["at"], current_brand().zone)}


@permission(READ)
def batches() -> Any:
    """Print batches, oldest first; of one ``campaign`` when asked."""
    stock = cards_here().stock
    campaign = flask.request.args.get("campaign")
    return _page("batches", lambda after, limit: stock.batches(campaign, after=after, limit=limit), batch_view)


@permission(WRITE)
def create_batch() -> Any:
    """Enter a print batch with its links, or tell what that would cost (``dry_run``)."""
    body = load_body(BatchBody(), flask.request.get_json())
    dry_run = body.pop("dry_run")
    stock = cards_here().stock
    if dry_run:
        return flask.jsonify({**asdict(stock.preview(BatchIn(**body))), "dry_run": True})
    return flask.jsonify(batch_view(stock.create(BatchIn(**body), at_once=True))), 201


@permission(READ)
def batch(code: str) -> Any:
    """One print batch."""
    return flask.jsonify(batch_view(cards_here().stock.batch(code)))


@permission(READ)
def moves(code: str) -> Any:
    """The stock moves of a batch, oldest first."""
    stock = cards_here().stock
    return _page("moves", lambda after, limit: stock.moves(code, after=after, limit=limit), _at)


@permission(WRITE)
def move(code: str) -> Any:
    """Record that cards were received, damaged or counted differently."""
    body = load_body(MoveBody(), flask.request.get_json())
    cards = cards_here()
    body["at"] = read_instant(body["at"], cards.brand.zone, "at") if body["at"] else None
    return flask.jsonify(batch_view(cards.move_stock(code, **body))), 201


@permission(WRITE)
def unique_cards(code: str) -> Any:
    """Serials and links of a batch's unique cards; whoever knows one can claim it, hence the write scope."""
    found = cards_here().stock.batch(code)
    base = current_brand().installation.config.base_url
    return _page(
        "cards",
        lambda after, limit: cards_of(found, after=after, limit=limit),
        lambda card: {"number": card.number, "serial": card.serial, "url": f"{base}/l/{card.link}"},
    )


@permission(READ)
def virtual_goods() -> Any:
    """The stock as virtual goods for an ERP, as CSV; of one ``campaign`` when asked."""
    file = io.StringIO()
    lines = csv.writer(file)
    lines.writerow(COLUMNS)
    lines.writerows(goods(cards_here().stock, flask.request.args.get("campaign")))
    return flask.Response(file.getvalue(), mimetype="text/csv")


@permission(READ)
def suggestion(code: str) -> Any:
    """How many cards to print, with the arithmetic (``days``, ``basis``, ``lot``)."""
    cards = cards_here()
    found = suggest(
        cards.brand,
        cards.campaign(code),
        lot=number_asked("lot", cards.settings["print_lot"]) or 0,
        days=number_asked("days", None),
        basis=flask.request.args.get("basis"),
    )
    return flask.jsonify(suggestion_view(found))


@permission(READ)
def link_qr(code: str, link: str) -> Any:
    """The QR code of a campaign's link as SVG."""
    cards = cards_here()
    return flask.Response(link_code(cards.brand, cards.campaign(code), link), mimetype="image/svg+xml")


@permission(READ)
def misses(code: str) -> Any:
    """Orders of a campaign for which no card was left."""
    stock = cards_here().stock
    return _page("misses", lambda after, limit: stock.misses(code, after=after, limit=limit), _at)


@permission(READ)
def spends(code: str) -> Any:
    """What a campaign cost besides its cards."""
    cards = cards_here()
    campaign = cards.campaign(code)
    return _page("spends", lambda after, limit: cards.spending.entries(campaign, after=after, limit=limit), _at)


@permission(WRITE)
def spend(code: str) -> Any:
    """Note a cost of a campaign, once per key."""
    body = load_body(SpendBody(), flask.request.get_json())
    cards = cards_here()
    made = cards.spending.record(cards.campaign(code), **body)
    return flask.jsonify({"created": made}), 201


_ROUTES = (
    ("GET", "/batches", batches),
    ("POST", "/batches", create_batch),
    ("GET", "/batches/<code>", batch),
    ("GET", "/batches/<code>/moves", moves),
    ("POST", "/batches/<code>/moves", move),
    ("GET", "/batches/<code>/cards", unique_cards),
    ("GET", "/goods", virtual_goods),
    ("GET", "/campaigns/<code>/suggestion", suggestion),
    ("GET", "/campaigns/<code>/links/<link>/qr", link_qr),
    ("GET", "/campaigns/<code>/misses", misses),
    ("GET", "/campaigns/<code>/spends", spends),
    ("POST", "/campaigns/<code>/spends", spend),
)


def add_routes(blueprint: flask.Blueprint) -> None:
    """Register the routes of the stock on the plugin's blueprint."""
    for method, path, view in _ROUTES:
        blueprint.add_url_rule(path, f"stock_{view.__name__}", view, methods=[method])
