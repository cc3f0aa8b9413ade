"""``scrm init``: a project with one brand, or the demo with two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .codes import Failure
from .session import Session

if TYPE_CHECKING:
    from ..project import NewBrand

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DEMO_CAMPAIGN, DEMO_CODE = "SPRING97", "store-door"

# What differs between the two demo brands is their plugins: one switched on, the other not.
_DEMO_BRAND = """
[rfm]
count_zero_orders = true              # the published figures of these orders count them

[consumer]                            # customers sign in with a code; the sender "console" prints it
title = "Demo Music"
code_sender = "console"
membership = true

[plugins.console]

[plugins.package-card]

[plugins.points]

[plugins.coupon-threshold]

[plugins.interaction-games]

[plugins.sms]

[plugins.live-code]

[plugins.wecom]
enabled = false                       # true: adds come through `scrm wecom simulate`, whose corporation this is
corp_id = "wwdemo000000000001"
secret = "demo-secret-0001"
callback_token = "demoToken0001"
callback_aes_key = "demoEncodingAESKey0000000000000000000000001"
api = "http://127.0.0.1:18767"

[plugins.tag-rules]
enabled = false                       # installed, with settings, but off: true switches it on

[[plugins.tag-rules.rules]]
name = "big order"
event = "order"
min_paid_minor = 10000
group = "value"
tag = "big order"
plan = "invite to the members' group"
"""
_QUIET_BRAND = """
[rfm]
count_zero_orders = true

[plugins.console]

[plugins.tag-rules]

[[plugins.tag-rules.rules]]
name = "big order"
event = "order"
min_paid_minor = 10000
group = "value"
tag = "big order"
plan = "invite to the members' group"

# [plugins.package-card]              # without this mark the plugin is on, and no restart is needed
"""


_COUPONS = ("TENTH", "REGULARS", "PRIZE")
_GAMES = {
    "wheel": "wheel",
    "egg": "egg",
    "grab": "grab",
    "checkin": "checkin",
    "nurture": "nurture",
    "bargain": "bargain",
    "team": "groupbuy",
    "welcome": "joingift",
    "friends": "invite",
}
"""Campaigns of the demo with the file of each."""


def demo_steps(examples: Path) -> list[list[str]]:
    """The commands that fill the demo; each of them changes nothing when it is given again."""
    campaigns = examples / "campaigns"
    orders = [str(examples / "cdnow_sample_orders.csv"), "--map", str(examples / "cdnow.toml")]
    scans = [str(examples / "card-scans.csv"), "--map", str(examples / "card-scans.toml")]
    return [
        ["package-card", "create", "demo", DEMO_CAMPAIGN, "--source", "cdnow", "--until", "1997-03-31"],
        ["import", "orders", "demo", *orders],
        ["import", "orders", "quiet", *orders],
        ["import", "leads", "demo", *scans],
        *_live_code_steps(examples),
        ["worker", "--once"],
        *(step for code in _COUPONS for step in _coupon_steps(code, campaigns)),
        *(step for code, file in _GAMES.items() for step in _game_steps(code, campaigns / f"{file}.toml")),
    ]


def _live_code_steps(examples: Path) -> list[list[str]]:
    """A code at a shop's door, whose staff take turns, and people who added by it."""
    rota = {"staff001": "1-5 09:00-18:00", "staff002": "6,7 10:00-18:00"}
    told = [("staff001", "Ann", "100"), ("staff002", "Ben", "50"), ("staff003", "Zoe", "30")]
    adds = [str(examples / "live-code-adds.csv"), "--map", str(examples / "live-code-adds.toml")]
    return [
        *(["live-code", "staff", "put", "demo", userid, "--name", name, "--daily-cap", cap, "--address",
           f"https://work.weixin.qq.com/ca/demo-{name.lower()}", "--as", "demo"] for userid, name, cap in told),
        ["live-code", "create", "demo", DEMO_CODE, "--title", "Store door", "--kind", "poster", "--if-none",
         "--as", "demo"],
        *(["live-code", "seat", "demo", DEMO_CODE, userid, "--hours", hours, "--as", "demo"]
          for userid, hours in rota.items()),
        ["live-code", "seat", "demo", DEMO_CODE, "staff003", "--role", "backup", "--as", "demo"],
        ["live-code", "activity", "demo", DEMO_CODE, "--title", "A gift for new friends", "--first", "1997-01-01",
         "--last", "2099-12-31", "--as", "demo"],
        ["live-code", "publish", "demo", DEMO_CODE, "--as", "demo"],
        ["live-code", "entry", "demo", DEMO_CODE, "--place", "offline", "--store", "S-017", "--as", "demo"],
        ["import", "leads", "demo", *adds],
    ]  # fmt: skip


def _coupon_steps(code: str, folder: Path) -> list[list[str]]:
    file = folder / f"coupon-{code.lower()}.json"
    return [
        ["coupon-threshold", "create", "demo", str(file)],
        ["coupon-threshold", "open", "demo", code],
    ]


def _game_steps(code: str, file: Path) -> list[list[str]]:
    return [
        ["interaction-games", "campaign", "create", "demo", str(file), "--as", "demo"],
        ["interaction-games", "campaign", "publish", "demo", code, "--as", "demo"],
    ]


@click.command("init")
@click.argument("folder", metavar="NAME", type=click.Path(path_type=Path))
@click.option("--brand", help="The brand's id; default: made of the folder's name.")
@click.option("--title", help="The brand's name for people; default: its id.")
@click.option("--timezone", default="Asia/Shanghai", show_default=True, help="IANA zone of the brand's days.")
@click.option("--currency", default="CNY", show_default=True, help="ISO 4217 code.")
@click.option("--plugin", metavar="PLUGIN", help="Also write a plugin of one's own of this name, switched on.")
@click.option("--demo", is_flag=True, help="Make the demo: two brands with real sample orders.")
@click.option(
    "--examples",
    type=click.Path(file_okay=False, path_type=Path),
    default=EXAMPLES,
    help="Where the demo's files are; default: the source checkout.",
)
def init_command(
    folder: Path,
    brand: str | None,
    title: str | None,
    timezone: str,
    currency: str,
    plugin: str | None,
    demo: bool,
    examples: Path,
) -> None:
    """Make a project: a folder with one brand.

    Given again, it changes nothing. The brand's first API key is shown once;
    the demo keeps its keys in files below data/keys. With --plugin there is a
    plugin of twenty lines in the project's plugins folder, as `scrm plugin new
    PLUGIN --minimal` writes it.
    """
    if demo and plugin is not None:
        raise click.UsageError("--plugin is for a project of one's own, not for --demo")
    if demo:
        _make_demo(folder, examples)
    else:
        _make_own(folder, brand, title, timezone, currency, plugin)


def _make_own(
    folder: Path, brand_id: str | None, title: str | None, timezone: str, currency: str, plugin: str | None
) -> None:
    from ..project import PLUGINS, NewBrand, brand_id_for, make_project

    brand_id = brand_id or brand_id_for(folder)
    brand = NewBrand(brand_id, title or brand_id, timezone, currency)
    texts: dict[str, str] = {}
    if plugin is not None:
        texts = _plugin_texts(plugin)
        brand = replace(brand, plugins=f"{brand.plugins}\n[plugins.{plugin}]\n")
    _check(brand.text(), brand_id)
    written = make_project(folder, [brand], more=texts)
    if not written:
        told = "another key: scrm key create BRAND; a plugin: scrm plugin new NAME --minimal --in plugins"
        click.echo(f"{folder} is a project already; nothing was changed ({told})")
        return
    session = Session(folder)
    try:
        session.installation.migrate()
        with session.brand(brand_id) as made:
            _, key = made.keys.create("first", ["*"])
    finally:
        session.close()
    click.echo(f"Made {folder} with the brand {brand_id!r}.")
    click.echo(f"Its API key, shown this once:\n\n  {key}\n")
    for path in texts:
        click.echo(f"Its plugin {plugin!r} is yours to change: {folder / PLUGINS / path}\n")
    click.echo(f"Next:\n  cd {folder}\n  scrm run")


def _plugin_texts(name: str) -> dict[str, str]:
    """The files of a minimal plugin by their path in the plugins folder; Conflict for a name that is installed."""
    from ..clock import SystemClock, from_instant
    from ..errors import Conflict
    from ..loader import discover
    from ..scaffold import plugin_texts

    folder, texts = plugin_texts(name, minimal=True, year=from_instant(SystemClock().now()).year)
    installed = discover(None).get(name)
    if installed is not None:
        raise Conflict(f"a plugin {name!r} is installed already ({installed.origin}); choose another name")
    return {f"{folder}/{path}": text for path, text in texts.items()}


def _check(text: str, brand_id: str) -> None:
    """Refuse a brand before anything is written; the file's own checks say what is wrong."""
    import tempfile

    from ..config import load_brand
    from ..errors import ConfigError

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{brand_id.replace('/', '-')}.toml"
        path.write_text(text, "utf-8")
        try:
            load_brand(path)
        except ConfigError as exc:
            problems = "\n".join(problem.removeprefix(f"{path}: ") for problem in exc.problems)
            raise Failure(f"the brand cannot be made:\n{problems}") from None


def demo_brands() -> list[NewBrand]:
    """The two brands of the demo as their files are written."""
    from ..project import NewBrand

    zone = {"timezone": "America/New_York", "currency": "USD", "locale": "en", "phone_region": "US"}
    return [
        NewBrand("demo", "Demo (package cards on)", plugins=_DEMO_BRAND, **zone),
        NewBrand("quiet", "Quiet (package cards off)", plugins=_QUIET_BRAND, **zone),
    ]


def _make_demo(folder: Path, examples: Path) -> None:
    from ..project import make_project, store_key

    marker = folder / "data" / "demo-complete"
    if marker.exists():
        click.echo(f"The demo in {folder} is complete; nothing was changed.")
        return
    if not (examples / "cdnow_sample_orders.csv").is_file():
        raise Failure(f"the demo needs the examples of the source checkout; not found in {examples}: name --examples")
    brands = demo_brands()
    make_project(folder, brands, demo=True)
    session = Session(folder)
    try:
        session.installation.migrate()
        for brand in brands:
            with session.brand(brand.id) as made:
                store_key(made, "demo")
        _fill(session, examples)
        base_url = session.installation.config.base_url
    finally:
        session.close()
    marker.touch()
    click.echo(f"The demo in {folder} is complete. API keys: {folder / 'data' / 'keys'}")
    click.echo(
        f"The console 控制台: in {folder}, scrm user create mia --role demo owner asks for a password; "
        f"then sign in at {base_url}/staff/console/ while scrm run goes on."
    )


def _fill(session: Session, examples: Path) -> None:
    from .root import root

    for step in demo_steps(examples):
        click.secho(f"$ scrm {' '.join(step)}", dim=True)
        code = root.main(args=list(step), prog_name="scrm", standalone_mode=False, obj=session)
        if code:
            raise Failure(f"the demo stopped at: scrm {' '.join(step)}")
