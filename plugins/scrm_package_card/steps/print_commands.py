"""Commands of the steps design, print and launch."""

from __future__ import annotations

from datetime import datetime
from typing import Any, BinaryIO

import click

from scrm_core.api import CommandSession, Invalid, json_option

from . import views
from .command_parts import by, of_campaign, steps_of
from .design import ITEMS
from .proofs import MOST_BYTES
from .records import By

DAY = click.DateTime(["%Y-%m-%d"])


@click.command("design")
@of_campaign
@by
@click.option("--width", type=float, help="Trimmed width in millimetres.")
@click.option("--height", type=float, help="Trimmed height in millimetres.")
@click.option("--bleed", type=float, help="Bleed on each side in millimetres; default: the setting.")
@click.option("--colour", "colours", multiple=True, help="A colour, such as #C8102E; repeat it.")
@click.option("--layout", help="How picture, words and code lie.")
@click.option("--benefit", help="What the buyer gets.")
@click.option("--copy-zh", help="The copy in Chinese.")
@click.option("--copy-en", help="The copy in English.")
@click.option("--structure", help="The order of the parts.")
@click.option("--acquire-entry", help="Where a buyer is acquired, such as the contact-me code.")
@click.option("--group-channel", help="Which group they come into.")
def design(
    session: CommandSession,
    brand_id: str,
    code: str,
    who: str,
    width: float | None,
    height: float | None,
    bleed: float | None,
    colours: tuple[str, ...],
    **texts: str | None,
) -> None:
    """Settle items of the design's checklist."""
    size = {"width_mm": width, "height_mm": height, "bleed_mm": bleed}
    items: dict[str, Any] = {item: text for item, text in texts.items() if text is not None}
    if any(length is not None for length in size.values()):
        items["size"] = {side: length for side, length in size.items() if length is not None}
    if colours:
        items["colours"] = list(colours)
    with session.brand(brand_id) as brand:
        changed = steps_of(brand).design.set_items(code, items, By(who))
    click.echo(f"{code}: {', '.join(ITEMS[item] for item in changed) or 'nothing changed'}")


@click.command("proof")
@of_campaign
@click.argument("file")
@by
@click.option("--sha256", default="", help="The file's digest.")
@click.option("--content", type=click.File("rb"), help="The file itself (PNG, JPEG, PDF), to be seen in the console.")
def proof(
    session: CommandSession, brand_id: str, code: str, file: str, who: str, sha256: str, content: BinaryIO | None
) -> None:
    """Record that a proof was made, in FILE."""
    kept = b"" if content is None else content.read(MOST_BYTES + 1)
    with session.brand(brand_id) as brand:
        signed = steps_of(brand).proofs.make(code, file, By(who), sha256=sha256, content=kept)
    click.echo(f"{code}: proof {signed.detail['number']} of the {signed.subject} cards")


@click.command("approve")
@of_campaign
@click.argument("number", type=int)
@by
def approve(session: CommandSession, brand_id: str, code: str, number: int, who: str) -> None:
    """Approve proof NUMBER, the latest one."""
    with session.brand(brand_id) as brand:
        signed = steps_of(brand).proofs.approve(code, number, By(who))
    click.echo(f"{code}: proof {number} approved by {signed.who}")


@click.command("print")
@of_campaign
@click.argument("quantity", type=int)
@by
@click.option("--printer", required=True, help="Who prints.")
def print_order(session: CommandSession, brand_id: str, code: str, quantity: int, who: str, printer: str) -> None:
    """Order the print of QUANTITY cards; the proof must be approved."""
    with session.brand(brand_id) as brand:
        steps_of(brand).proofs.order(code, quantity, By(who), printer=printer)
    click.echo(f"{code}: {quantity:,} cards ordered at {printer}")


@click.command("departments")
@of_campaign
@click.argument("departments", metavar="DEPARTMENT...", nargs=-1, required=True)
@by
def departments(session: CommandSession, brand_id: str, code: str, departments: tuple[str, ...], who: str) -> None:
    """Name the departments that must know before the launch."""
    with session.brand(brand_id) as brand:
        named = steps_of(brand).launches.set_departments(code, departments, By(who))
    click.echo(f"{code}: {', '.join(named)}")


@click.command("texts")
@of_campaign
@click.argument("department")
@by
@click.option("--faq", type=click.File("rb"), help="UTF-8 file with its FAQ; - is the standard input.")
@click.option("--sop", type=click.File("rb"), help="UTF-8 file with its SOP.")
def texts(
    session: CommandSession,
    brand_id: str,
    code: str,
    department: str,
    who: str,
    faq: BinaryIO | None,
    sop: BinaryIO | None,
) -> None:
    """Give a department its FAQ, its SOP or both."""
    given = {name: _text_of(name, file) for name, file in (("faq", faq), ("sop", sop)) if file is not None}
    with session.brand(brand_id) as brand:
        changed = steps_of(brand).launches.set_texts(code, department, By(who), **given)
    click.echo(f"{code}: {department}: {', '.join(changed) or 'nothing changed'}")


def _text_of(name: str, file: BinaryIO) -> str:
    try:
        return file.read().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise Invalid(f"{name}: the file is not UTF-8 text; save it as such", field=name) from None


@click.command("arrival")
@of_campaign
@by
def arrival(session: CommandSession, brand_id: str, code: str, who: str) -> None:
    """Confirm that the cards are in the warehouse."""
    with session.brand(brand_id) as brand:
        signed = steps_of(brand).launches.confirm_arrival(code, By(who))
    click.echo(f"{code}: {signed.detail['quantity']:,} cards arrived")


@click.command("acknowledge")
@of_campaign
@click.argument("department")
@by
def acknowledge(session: CommandSession, brand_id: str, code: str, department: str, who: str) -> None:
    """A department says that it has read its FAQ and SOP."""
    with session.brand(brand_id) as brand:
        steps_of(brand).launches.acknowledge(code, department, By(who))
    click.echo(f"{code}: {department} is ready")


@click.command("launch")
@of_campaign
@by
@click.option("--day", type=DAY, help="First day of shipping (brand's calendar); default: today.")
@click.option("--warehouse", is_flag=True, help="Ship by the warehouse's files only, not with every order.")
@json_option
def launch(
    session: CommandSession, brand_id: str, code: str, who: str, day: datetime | None, warehouse: bool, as_json: bool
) -> None:
    """Launch the campaign; everything that is missing is named."""
    first = None if day is None else day.date().toordinal()
    with session.brand(brand_id) as brand:
        signed = steps_of(brand).launches.launch(code, By(who), automatic=not warehouse, day=first)
        view = views.signoff_view(signed, brand)
    session.show_record(view, as_json=as_json)


COMMANDS = (design, proof, approve, print_order, departments, texts, arrival, acknowledge, launch)
