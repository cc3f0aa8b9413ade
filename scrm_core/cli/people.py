"""``scrm contact``: one person at a time. Personal data is masked unless asked for with a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..clock import iso
from ..errors import Invalid, NotFound
from .output import json_option, print_json
from .session import Session

if TYPE_CHECKING:
    from ..brands import Brand
    from ..services.contacts import ContactView

ACTOR = "operator"

_who = click.argument("who")
_source = click.option("--source", default="", help="Where a buyer, openid or member of WHO means something.")


@click.group("contact")
def contact_command() -> None:
    """Show, merge, export or erase a person.

    WHO is a contact's uid, or an identity written KIND=VALUE: phone=13800138000,
    unionid=..., buyer=0001 (with --source cdnow).
    """


def find_contact(brand: Brand, who: str, source: str = "") -> ContactView:
    """The contact that a CONTACT on the command line means: a uid, or an identity ``KIND=VALUE``.

    ``source`` names where a buyer, openid or member means something. Raises
    NotFound, or Invalid for an identity that is none.
    """
    kind, equals, value = who.partition("=")
    if not equals:
        try:
            return brand.contacts.get(who)
        except NotFound as exc:
            if not who.removeprefix("+").isdecimal():
                raise
            raise NotFound(f"{exc.message}; an identity is written KIND=VALUE: phone=NUMBER") from None
    from ..services.resolving import WORLDWIDE, IdentityIn
    from ..values.masking import mask

    identity = IdentityIn.of(kind, value, source, region=brand.config.phone_region)
    found = brand.contacts.find(identity.kind, identity.value, identity.namespace)
    if found is None:
        where = f" of source {source!r}" if source else ""
        if kind not in WORLDWIDE and not source:
            where = "; buyer, openid and member are of a source (--source): name the contact's uid where there is none"
        raise NotFound(f"no contact has the {kind} {mask(kind, identity.value)}{where}")
    return found


@contact_command.command("show")
@click.argument("brand")
@_who
@_source
@click.option("--unmask", metavar="REASON", help="Show identities in clear; the reason is noted in the audit.")
@json_option
@click.pass_obj
def show(session: Session, brand: str, who: str, source: str, unmask: str | None, as_json: bool) -> None:
    """A contact's profile, identities, tags and touches."""
    with session.core_brand(brand) as opened:
        contact = find_contact(opened, who, source)
        if unmask:
            from ..services.audit import record

            record(opened, ACTOR, "contact.unmask", f"contact:{contact.id}", {"reason": unmask})
        profile = _profile(opened, contact, clear=bool(unmask))
    if as_json:
        print_json(profile)
        return
    parts = {name: profile.pop(name) for name in ("identities", "tags", "touches", "merges")}
    session.show_record(profile)
    for name, rows in parts.items():
        if rows:
            click.echo()
            session.show([f"{name}: {next(iter(rows[0]))}", *list(rows[0])[1:]], [list(row.values()) for row in rows])


@contact_command.command("link")
@click.argument("brand")
@_who
@click.argument("path")
@click.option("--hours", type=click.IntRange(1, 8_760), default=72, show_default=True, help="How long it is good for.")
@_source
@click.pass_obj
def link(session: Session, brand: str, who: str, path: str, hours: int, source: str) -> None:
    """Print a one-person link 专属链接 that signs WHO in to a page of the brand.

    PATH lies below /p/BRAND/, for example interaction-games/g/spring. It opens
    once, in one browser, for whoever knows the last four digits of the phone on
    file.
    """
    from ..services.audit import record

    with session.brand(brand) as opened:
        contact = find_contact(opened, who, source)
        with opened.transaction():
            address = opened.consumers.link(contact.id, path, hours=hours)
            record(opened, ACTOR, "contact.link", f"contact:{contact.id}", {"path": path, "hours": hours})
    click.echo(address)


def _profile(brand: Brand, contact: ContactView, *, clear: bool) -> dict[str, Any]:
    from ..values.masking import mask

    zone = brand.zone
    return {
        "uid": contact.uid,
        "name": contact.name if clear else mask("name", contact.name),
        "state": contact.state,
        "origin": contact.origin,
        "created_at": iso(contact.created_at, zone),
        "lead_at": iso(contact.lead_at, zone),
        "lead_channel": contact.lead_channel or None,
        "orders": contact.orders,
        "purchase_days": contact.occasions,
        "money_minor": contact.money,
        "first_order_at": iso(contact.first_order_at, zone),
        "last_order_at": iso(contact.last_order_at, zone),
        "cycle_days": contact.cycle_days,
        "identities": [
            {
                "kind": identity.kind,
                "source": identity.namespace or None,
                "value": identity.value if clear else mask(identity.kind, identity.value),
                "verified": identity.verified,
                "origin": identity.origin,
            }
            for identity in brand.contacts.identities(contact.id)
        ],
        "tags": [
            {"group": tag.group, "name": tag.name, "origin": tag.origin, "at": iso(tag.at, zone)}
            for tag in brand.tags.of(contact.id)
        ],
        "touches": [
            {"at": iso(touch.at, zone), "kind": touch.kind, "ref": touch.ref, "channel": touch.channel or None}
            for touch in brand.contacts.touches(contact.id)
        ],
        "merges": [
            {
                "merge": str(merge.id),
                "at": iso(merge.at, zone),
                "actor": merge.actor,
                "reason": merge.reason,
                "undone_at": iso(merge.undone_at, zone),
            }
            for merge in brand.contacts.merges(contact.id)
        ],
    }


@contact_command.command("merge")
@click.argument("brand")
@click.argument("winner")
@click.argument("loser")
@_source
@click.option("--reason", required=True, help="Why the two are one person; it is recorded.")
@json_option
@click.pass_obj
def merge(session: Session, brand: str, winner: str, loser: str, source: str, reason: str, as_json: bool) -> None:
    """Merge LOSER into WINNER; recorded, and undone with `scrm contact undo-merge`."""
    with session.brand(brand) as opened, opened.transaction():
        first, second = find_contact(opened, winner, source), find_contact(opened, loser, source)
        merge_id = opened.contacts.merge(first.id, second.id, actor=ACTOR, reason=reason)
    if as_json:
        print_json({"merge": merge_id, "winner": first.uid, "loser": second.uid})
    else:
        click.echo(f"merged {second.uid} into {first.uid}; undo: scrm contact undo-merge {brand} {merge_id}")


@contact_command.command("undo-merge")
@click.argument("brand")
@click.argument("merge_id", metavar="MERGE", type=int)
@click.pass_obj
def undo_merge(session: Session, brand: str, merge_id: int) -> None:
    """Undo a merge: what moved goes back, what came later stays."""
    with session.brand(brand) as opened:
        opened.contacts.undo_merge(merge_id, actor=ACTOR)
    click.echo(f"merge {merge_id} is undone")


@contact_command.command("consent")
@click.argument("brand")
@_who
@click.argument("purpose")
@click.option("--give/--withdraw", "granted", default=None, help="What the person decided.")
@click.option("--channel", default="", help="Narrows the purpose; most have none.")
@_source
@click.option("--told", required=True, help="Where the person said so: counter, call, letter.")
@click.option("--reason", required=True, help="Why it is recorded by hand; it is kept with the record.")
@click.pass_obj
def consent(
    session: Session,
    brand: str,
    who: str,
    purpose: str,
    granted: bool | None,
    channel: str,
    source: str,
    told: str,
    reason: str,
) -> None:
    """Record that WHO gave or withdrew a consent 同意, such as marketing_sms; it holds at once."""
    with session.brand(brand) as opened:
        contact = find_contact(opened, who, source)
        if granted is None:
            raise Invalid("say what the person decided: --give or --withdraw", field="granted")
        opened.consent.decide(contact.id, purpose, channel, granted=granted, source=told, reason=reason, actor=ACTOR)
    click.echo(f"{contact.uid}: {purpose} is {'given' if granted else 'withdrawn'}")


@contact_command.command("export")
@click.argument("brand")
@_who
@_source
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File; default: standard output.")
@click.pass_obj
def export(session: Session, brand: str, who: str, source: str, output: Path | None) -> None:
    """Everything the brand holds about a person, as one JSON document, in clear."""
    from .exporting import whole_file

    with session.brand(brand) as opened:
        document = opened.privacy.export(find_contact(opened, who, source).id, actor=ACTOR)
    with whole_file(output) as file:
        file.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


@contact_command.command("erase")
@click.argument("brand")
@_who
@_source
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def erase(session: Session, brand: str, who: str, source: str, yes: bool) -> None:
    """Erase a person for good and print the receipt.

    Orders stay without the person; a salted note keeps an import from bringing
    the identities back. Nothing is erased when a plugin fails.
    """
    with session.brand(brand) as opened:
        receipt = opened.privacy.receipt(who)
        if receipt is None:
            contact = find_contact(opened, who, source)
            if not yes:
                click.confirm(f"Erase {who} of brand {brand} for good?", abort=True, err=True)
            receipt = opened.privacy.erase(contact.id, actor=ACTOR)
    print_json(receipt)
