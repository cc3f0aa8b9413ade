"""``scrm package-card proof`` and ``print``: the files that go to the printer."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import asdict
from pathlib import Path

import click

from scrm_core.api import CommandSession, json_option, of_brand

from ..printing import Sheet
from ..steps.machine import Steps
from ..steps.proofs import MOST_BYTES
from ..steps.records import By
from . import presswork
from .batches import KINDS
from .commands import cards_of_brand

_DESIGN = click.option(
    "--design",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file with size, colours and words.",
)
_SHEET = click.option("--sheet", default="A4", show_default=True, help="A4, A3, SRA3, card, or a size like 330x480.")


@click.command("proof")
@of_brand
@click.argument("campaign", metavar="CAMPAIGN")
@_DESIGN
@_SHEET
@click.option("--kind", type=click.Choice(list(KINDS)), required=True, help="通知 / 品牌 / 营销 / 热点.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="PDF file.")
@click.option("--record-by", default="", help="Who made it: record it as a proof of the campaign's steps.")
@json_option
def proof(
    session: CommandSession,
    brand_id: str,
    campaign: str,
    design: Path,
    sheet: str,
    kind: str,
    out: Path,
    record_by: str,
    as_json: bool,
) -> None:
    """Write the proof sheet (校样) of a campaign's card, at its real size, for everyone to sign."""
    with session.brand(brand_id) as brand:
        cards = cards_of_brand(brand)
        found = cards.campaign(campaign)
        settled = presswork.settled_design(brand, found)
        spec = presswork.read_design(design, brand, kind=kind, settled=settled)
        presswork.prove(brand, found, spec, Sheet.named(sheet), out)
        content = out.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        record: dict[str, object] = {"file": str(out), "sha256": digest}
        if record_by:
            # What is small enough can be looked at in the console by whoever approves it.
            kept = content if len(content) <= MOST_BYTES else b""
            proofs = Steps(brand, cards.settings).proofs
            signed = proofs.make(campaign, out.name, By(record_by), sha256=digest, content=kept)
            record["proof"] = signed.detail["number"]
    session.show_record(record, as_json=as_json)


@click.command("print")
@of_brand
@click.argument("code", metavar="BATCH")
@_DESIGN
@_SHEET
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="PDF file.")
@click.option("--dry-run", is_flag=True, help="Tell what would be printed and what it costs; write no file.")
@json_option
def print_cards(
    session: CommandSession,
    brand_id: str,
    code: str,
    design: Path,
    sheet: str,
    out: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write the production file (印刷文件) of a batch; its proof must be approved.

    Unique cards are printed each with its own serial and code, in the order of
    their numbers; cards that are all alike are one card, which the printer repeats.
    """
    if out is None and not dry_run:
        raise click.UsageError("name the PDF with --out, or look at it first with --dry-run")
    with session.brand(brand_id) as brand:
        cards = cards_of_brand(brand)
        batch = cards.stock.batch(code)
        settled = presswork.settled_design(brand, cards.campaign(batch.campaign))
        spec = presswork.read_design(design, brand, kind=batch.kind, settled=settled)
        paper = Sheet.named(sheet)
        plan = presswork.plan(brand, batch, spec, paper)
        if out is None or dry_run:
            session.show_record(asdict(plan), as_json=as_json)
            click.echo("dry run: nothing was written", err=True)
            return
        with click.progressbar(length=plan.cards, label=f"{code} into {out.name}", file=sys.stderr) as bar:
            summary = presswork.produce(
                brand, batch, spec, paper, out, progress=lambda done: bar.update(done - bar.pos)
            )
    record = {**asdict(summary), "path": str(summary.path), "cost_minor": plan.cost_minor}
    session.show_record(record, as_json=as_json)


@click.command("qr")
@of_brand
@click.argument("campaign", metavar="CAMPAIGN")
@click.argument("link")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="SVG file.")
def qr(session: CommandSession, brand_id: str, campaign: str, link: str, out: Path) -> None:
    """Write the QR code of a campaign's LINK (its code), for whoever draws the card themselves."""
    with session.brand(brand_id) as brand:
        picture = presswork.link_code(brand, cards_of_brand(brand).campaign(campaign), link)
    out.write_bytes(picture)
    click.echo(f"{out} written")


COMMANDS = (proof, print_cards, qr)


def add_commands(group: click.Group) -> None:
    """Add the commands of the press to the plugin's group."""
    for command in COMMANDS:
        group.add_command(command)
