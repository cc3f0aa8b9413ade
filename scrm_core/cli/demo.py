"""The demo: two brands with real sample orders, moved to these days, and people who do something in one of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .codes import Failure
from .demo_files import DemoFiles
from .session import Session

if TYPE_CHECKING:
    from ..project import NewBrand

DEMO_CAMPAIGN, DEMO_LATER, DEMO_CODE, DEMO_REFERRAL = "SPRING97", "AGAIN", "store-door", "bring-a-friend"

# What differs between the two demo brands is their plugins: one switched on, the other not.
_DEMO_BRAND = """
[rfm]
count_zero_orders = true              # the published figures of these orders count them

[consumer]                            # customers sign in with a code; the sender "console" prints it
title = "Demo Music"
code_sender = "console"
membership = true

[goals]                               # of a calendar month, what a small shop could wish for
contacts = 60
members = 30
orders = 200
revenue_minor = 600000

[goals.channels.newsletter]
contacts = 25

[goals.channels.record-fair]
contacts = 20
class = "test"

[goals.channels.shop-window]
contacts = 15

[plugins.console]

[plugins.package-card]

[plugins.points]

[plugins.coupon-threshold]

[plugins.interaction-games]

[plugins.referral]

[plugins.sms]                         # the sender console writes messages to the log of scrm run
signature = "Demo Music"
seed_numbers = ["+8613900000001", "+8613900000002"]

[plugins.live-code]

[plugins.wecom]
enabled = false                       # true: adds come through `scrm wecom simulate`, whose corporation this is
corp_id = "wwdemo000000000001"
secret = "demo-secret-0001"
callback_token = "demoToken0001"
callback_aes_key = "demoEncodingAESKey0000000000000000000000001"
api = "http://127.0.0.1:18767"

[plugins.tag-rules]

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

_ABOUT = """
## The demo's data

Both brands hold the same real orders, of 1997 and 1998. So that charts of these days show something, every date was
moved forward by {weeks:,} weeks, the same for all rows: days of the week and all that lies between two rows are true.
The files as they were read are in `data/examples`. What else the brand `demo` has is invented: who came, what they
bought in the store, who played. Delete this folder to make the demo anew, of the day on which you do.
"""


def past_steps(files: DemoFiles) -> list[list[str]]:
    """The commands that bring in what was before; like those that follow, each changes nothing when given again."""
    orders = files.of("cdnow_sample_orders", "cdnow")
    return [
        ["package-card", "create", "demo", DEMO_CAMPAIGN, "--source", "cdnow", "--until", files.day("1997-03-31")],
        ["package-card", "create", "demo", DEMO_LATER, "--source", "cdnow", "--from", files.day("1998-04-01")],
        ["import", "orders", "demo", *orders],
        ["import", "orders", "quiet", *orders],
        ["import", "leads", "demo", *files.of("card-scans")],
        ["import", "leads", "demo", *files.of("card-scans-later", "card-scans")],
        ["import", "leads", "demo", *files.of("arrivals")],
        *_live_code_steps(files),
    ]


def campaign_steps(files: DemoFiles) -> list[list[str]]:
    """The commands that open coupons and games."""
    campaigns = files.examples / "campaigns"
    return [
        *(step for code in _COUPONS for step in _coupon_steps(code, campaigns)),
        *(step for code, file in _GAMES.items() for step in _game_steps(code, campaigns / f"{file}.toml")),
    ]


def referral_steps(files: DemoFiles, state: str) -> list[list[str]]:
    """The commands that open the referral campaign, whose state is empty before there is one."""
    file = str(files.examples / "campaigns" / "referral.toml")
    create = ["referral", "create", "demo", file, "--as", "demo"]
    publish = ["referral", "publish", "demo", DEMO_REFERRAL, "--as", "demo"]
    return {"": [create, publish], "draft": [publish]}.get(state, [])


def _live_code_steps(files: DemoFiles) -> list[list[str]]:
    """A code at a shop's door, whose staff take turns, and people who added by it."""
    rota = {"staff001": "1-5 09:00-18:00", "staff002": "6,7 10:00-18:00"}
    told = [("staff001", "Ann", "100"), ("staff002", "Ben", "50"), ("staff003", "Zoe", "30")]
    return [
        *(["live-code", "staff", "put", "demo", userid, "--name", name, "--daily-cap", cap, "--address",
           f"https://work.weixin.qq.com/ca/demo-{name.lower()}", "--as", "demo"] for userid, name, cap in told),
        ["live-code", "create", "demo", DEMO_CODE, "--title", "Store door", "--kind", "poster", "--if-none",
         "--as", "demo"],
        *(["live-code", "seat", "demo", DEMO_CODE, userid, "--hours", hours, "--as", "demo"]
          for userid, hours in rota.items()),
        ["live-code", "seat", "demo", DEMO_CODE, "staff003", "--role", "backup", "--as", "demo"],
        ["live-code", "activity", "demo", DEMO_CODE, "--title", "A gift for new friends", "--first",
         files.day("1998-06-01"), "--last", "2099-12-31", "--as", "demo"],
        ["live-code", "publish", "demo", DEMO_CODE, "--as", "demo"],
        ["live-code", "entry", "demo", DEMO_CODE, "--place", "offline", "--store", "S-017", "--as", "demo"],
        ["import", "leads", "demo", *files.of("live-code-adds")],
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


def demo_brands() -> list[NewBrand]:
    """The two brands of the demo as their files are written."""
    from ..project import NewBrand

    zone = {"timezone": "America/New_York", "currency": "USD", "locale": "en", "phone_region": "US"}
    return [
        NewBrand("demo", "Demo (package cards on)", plugins=_DEMO_BRAND, **zone),
        NewBrand("quiet", "Quiet (package cards off)", plugins=_QUIET_BRAND, **zone),
    ]


def make_demo(folder: Path, examples: Path) -> None:
    """Make the demo in a new folder, or go on where making it was cut short."""
    from ..project import make_project, store_key
    from .demo_days import DemoClock, live

    marker = folder / "data" / "demo-complete"
    if marker.exists():
        click.echo(f"The demo in {folder} is complete; nothing was changed.")
        return
    if not (examples / "cdnow_sample_orders.csv").is_file():
        raise Failure(f"the demo needs the examples of the source checkout; not found in {examples}: name --examples")
    brands = demo_brands()
    files = DemoFiles(examples, folder / "data" / "examples")
    make_project(folder, brands, demo=True, about=_ABOUT.format(weeks=files.weeks))
    files.write()
    clock = DemoClock(files.zone)
    session = Session(folder, clock)
    try:
        session.installation.migrate()
        for brand in brands:
            with session.brand(brand.id) as made:
                store_key(made, "demo")
        live(session, files, clock)
        base_url = session.installation.config.base_url
    finally:
        session.close()
    marker.touch()
    click.echo(f"The demo in {folder} is complete. API keys: {folder / 'data' / 'keys'}")
    click.echo(
        f"Its real orders are of 1997 and 1998: every date was moved forward by {files.weeks:,} weeks, "
        f"see {folder / 'README.md'}"
    )
    click.echo(
        f"The console 控制台: in {folder}, scrm user create mia --role demo owner asks for a password; "
        f"then sign in at {base_url}/staff/console/ while scrm run goes on."
    )
