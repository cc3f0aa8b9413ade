"""``scrm benefit-card``: pools of cards, what was given of them, gifts for recipients of an SMS."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from scrm_core.api import (
    Brand,
    CommandSession,
    actor_option,
    find_contact,
    json_option,
    of_brand,
    paged,
)

from .cards import STATES
from .report import benefit_card_report
from .sealing import new_key
from .service import NAME, BenefitCards
from .views import full_pool_view, gift_view, issue_view, pool_view

WRONG = 1
POOL = ["code", "title", "state", "face_minor", "cost_minor", "warn_below"]
ISSUE = ["uid", "pool", "contact", "state", "gift", "expires", "cost_minor", "given_at", "revealed_at", "reason"]
GIFT = ["code", "pool", "plan", "until", "state", "waiting", "reached", "claimed", "left", "missing"]


def _of(brand: Brand) -> BenefitCards:
    return BenefitCards(brand, brand.plugin(NAME).settings)


@click.group(name=NAME)
def group() -> None:
    """Benefit cards 权益卡: pools, given cards, gifts for recipients of an SMS."""


@group.command("key")
def key() -> None:
    """Print a fresh key for the setting seal_keys; keep it outside the database and its backups."""
    click.echo(new_key())


@group.command("reseal")
@of_brand
def reseal(session: CommandSession, brand_id: str) -> None:
    """Seal every card under the first of seal_keys; then the older ones can be removed."""
    with session.brand(brand_id) as brand:
        done = _of(brand).pools.reseal()
    click.echo(f"{done} cards sealed anew")


@group.command("check")
@of_brand
@click.pass_context
def check(ctx: click.Context, session: CommandSession, brand_id: str) -> None:
    """Whether cards and what was given agree; exit code 1 when they do not."""
    with session.brand(brand_id) as brand:
        found = _of(brand).differences()
    for sentence in found:
        click.echo(sentence)
    if found:
        ctx.exit(WRONG)
    click.echo("cards and what was given agree")


@group.command("report")
@of_brand
@json_option
def report(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Where the cards of each pool are, and what they cost."""
    with session.brand(brand_id) as brand:
        _of(brand)
        table = benefit_card_report(brand)
    names = [column.name for column in table.columns]
    session.show(names, [[row[name] for name in names] for row in table.rows], as_json=as_json)


@group.group("pool")
def pool() -> None:
    """Cards of one kind 卡池."""


@pool.command("create")
@of_brand
@click.argument("code")
@click.option("--title", required=True, help="What people read, such as 视频会员月卡.")
@click.option("--cost-minor", type=int, required=True, help="What a card costs, unless its row says so.")
@click.option("--face-minor", type=int, default=0, help="What a card is worth, unless its row says so.")
@click.option("--terms", default="", help="How it is used.")
@click.option("--link", default="", help="Where it is used: an http(s) address.")
@click.option("--warn-below", type=int, help="Cards left below which doctor warns; default: the setting.")
@actor_option
@json_option
def pool_create(
    session: CommandSession, brand_id: str, code: str, title: str, cost_minor: int, face_minor: int, terms: str,
    link: str, warn_below: int | None, actor: str, as_json: bool,
) -> None:  # fmt: skip
    """Make a pool; rewards of kind benefit-card with item CODE give its cards."""
    with session.brand(brand_id) as brand:
        made = _of(brand).pools.create(
            code, title=title, cost_minor=cost_minor, face_minor=face_minor, terms=terms, link=link,
            warn_below=warn_below, actor=actor,
        )  # fmt: skip
        view = pool_view(made, brand)
    session.show_record(view, as_json=as_json)


@pool.command("import")
@of_brand
@click.argument("code")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--ignore", multiple=True, metavar="COLUMN", help="A column of the file to leave out; may be repeated.")
@actor_option
@json_option
@click.pass_context
def pool_import(
    ctx: click.Context, session: CommandSession, brand_id: str, code: str, path: Path, ignore: tuple[str, ...],
    actor: str, as_json: bool,
) -> None:  # fmt: skip
    """Add a CSV file's cards: code, and pin, expires, face_minor, cost_minor; exit code 1 when rows are refused."""
    with session.brand(brand_id) as brand:
        told = _of(brand).pools.import_file(code, path, actor=actor, ignore=ignore)
    session.show_record({"read": told.read, "created": told.created, "rejected": told.rejected}, as_json=as_json)
    for line, reason in told.rejects:
        click.echo(f"line {line}: {reason}", err=True)
    if told.rejected:
        ctx.exit(WRONG)


@pool.command("list")
@of_brand
@paged
@json_option
def pool_list(session: CommandSession, brand_id: str, after: int, limit: int, as_json: bool) -> None:
    """Pools, oldest first."""
    with session.brand(brand_id) as brand:
        views = [pool_view(each, brand) for each in _of(brand).pools.page(after=after, limit=limit)]
    session.show(POOL, [[view[name] for name in POOL] for view in views], as_json=as_json)


@pool.command("show")
@of_brand
@click.argument("code")
@json_option
def pool_show(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """A pool with where its cards are."""
    with session.brand(brand_id) as brand:
        cards = _of(brand)
        view = full_pool_view(cards.pools.get(code), cards)
    session.show_record(view, as_json=as_json)


@pool.command("close")
@of_brand
@click.argument("code")
@actor_option
@json_option
def pool_close(session: CommandSession, brand_id: str, code: str, actor: str, as_json: bool) -> None:
    """Give no more cards of a pool."""
    with session.brand(brand_id) as brand:
        view = pool_view(_of(brand).pools.switch(code, "closed", actor=actor), brand)
    session.show_record(view, as_json=as_json)


@pool.command("reopen")
@of_brand
@click.argument("code")
@actor_option
@json_option
def pool_reopen(session: CommandSession, brand_id: str, code: str, actor: str, as_json: bool) -> None:
    """Give cards of a closed pool again."""
    with session.brand(brand_id) as brand:
        view = pool_view(_of(brand).pools.switch(code, "open", actor=actor), brand)
    session.show_record(view, as_json=as_json)


@group.command("issued")
@of_brand
@click.option("--pool", "pool_code", help="Of this pool alone.")
@click.option("--state", type=click.Choice(STATES), help="Of this state alone.")
@click.option("--contact", help="Of this person (uid, phone=NUMBER) alone.")
@paged
@json_option
def issued(
    session: CommandSession, brand_id: str, pool_code: str | None, state: str | None, contact: str | None, after: int,
    limit: int, as_json: bool,
) -> None:  # fmt: skip
    """Given cards, oldest first; never a code."""
    with session.brand(brand_id) as brand:
        contact_id = find_contact(brand, contact).id if contact is not None else None
        found = _of(brand).cards.page(pool=pool_code, state=state, contact_id=contact_id, after=after, limit=limit)
        views = [issue_view(issue, brand) for issue in found]
    session.show(ISSUE, [[view[name] for name in ISSUE] for view in views], as_json=as_json)
    if len(found) == limit:
        click.echo(f"more: --after {found[-1].id}", err=True)


@group.command("revoke")
@of_brand
@click.argument("uid")
@click.option("--reason", required=True, help="Why.")
@actor_option
@json_option
def revoke(session: CommandSession, brand_id: str, uid: str, reason: str, actor: str, as_json: bool) -> None:
    """Take a given card back: to its pool while nobody has seen it, else as a loss."""
    with session.brand(brand_id) as brand:
        view = issue_view(_of(brand).cards.revoke(uid, reason=reason, actor=actor), brand)
    session.show_record(view, as_json=as_json)


@group.group("gift")
def gift() -> None:
    """A card for each recipient of an SMS plan 短信礼."""


@gift.command("create")
@of_brand
@click.argument("code")
@click.option("--pool", "pool_code", required=True, help="Of which pool.")
@click.option("--plan", required=True, help="The SMS plan whose recipients may claim one.")
@click.option("--title", required=True, help="What people read.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The last day on which it is claimed.")
@click.option("--owner", default="sms", show_default=True, help="The plugin whose plan it is.")
@actor_option
@json_option
def gift_create(
    session: CommandSession, brand_id: str, code: str, pool_code: str, plan: str, title: str, until: datetime,
    owner: str, actor: str, as_json: bool,
) -> None:  # fmt: skip
    """Give a card to each recipient of a plan who comes for it; prints the address for the landing page."""
    with session.brand(brand_id) as brand:
        cards = _of(brand)
        made = cards.gifts.create(
            code, pool=pool_code, title=title, plan=plan, until=until.date(), owner=owner, actor=actor
        )
        view = gift_view(made, cards)
    session.show_record(view, as_json=as_json)


@gift.command("list")
@of_brand
@paged
@json_option
def gift_list(session: CommandSession, brand_id: str, after: int, limit: int, as_json: bool) -> None:
    """Gifts, oldest first."""
    with session.brand(brand_id) as brand:
        cards = _of(brand)
        views = [gift_view(each, cards) for each in cards.gifts.page(after=after, limit=limit)]
    session.show(GIFT, [[view[name] for name in GIFT] for view in views], as_json=as_json)


@gift.command("show")
@of_brand
@click.argument("code")
@json_option
def gift_show(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """A gift: how many the plan writes to, how many came, whether the cards are enough."""
    with session.brand(brand_id) as brand:
        cards = _of(brand)
        view = gift_view(cards.gifts.get(code), cards)
    session.show_record(view, as_json=as_json)


@gift.command("close")
@of_brand
@click.argument("code")
@actor_option
@json_option
def gift_close(session: CommandSession, brand_id: str, code: str, actor: str, as_json: bool) -> None:
    """End a gift; who has a card keeps it."""
    with session.brand(brand_id) as brand:
        cards = _of(brand)
        view = gift_view(cards.gifts.close(code, actor=actor), cards)
    session.show_record(view, as_json=as_json)
