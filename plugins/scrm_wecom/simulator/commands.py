"""``scrm wecom simulate``: a WeCom server for whoever has no account."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from scrm_core.api import Invalid

if TYPE_CHECKING:
    from .accounts import CorpAccount

PORT = 8_300


def add_commands(group: click.Group) -> None:
    """Put ``simulate`` below the plugin's commands."""
    group.add_command(simulate)


@click.command("simulate")
@click.option("--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="Port; 0 for a free one.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen at; it has no password."
)
@click.option("--corps", type=click.IntRange(1, 20), default=1, show_default=True, help="How many corps 企业.")
@click.option("--staff", type=click.IntRange(1, 10_000), default=5, show_default=True, help="Members of each 成员.")
@click.option(
    "--customers", type=click.IntRange(0, 1_000_000), default=100, show_default=True, help="Customers of each 客户."
)
@click.option(
    "--callback", "callbacks", multiple=True, metavar="URL", help="Where events go 回调地址; once for each corp."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same people and ids.")
def simulate(
    port: int, host: str, corps: int, staff: int, customers: int, callbacks: tuple[str, ...], seed: int
) -> None:
    """Serve invented corps as WeCom's API, with callbacks, until interrupted 企业微信模拟服务器.

    No account is needed, and nothing is sent but events to the callbacks. Everything is in
    memory and gone at the end. The page at the address shows what the server holds.
    """
    from .accounts import demo_corps
    from .server import serve
    from .simulator import Simulator

    if len(callbacks) > corps:
        raise Invalid(f"{len(callbacks)} callbacks and {corps} corps: give --corps too", field="callback")
    accounts = demo_corps(corps, staff=staff, customers=customers, callback_urls=callbacks)
    over = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: over.set())
    try:
        with serve(Simulator(accounts, seed=seed), host=host, port=port, tick_seconds=1.0) as server:
            click.echo(_shown(server.url, accounts))
            over.wait()
    except OSError as exc:
        raise Invalid(f"cannot listen at {host}:{port}: {exc}", field="port") from exc


def _shown(url: str, accounts: Sequence[CorpAccount]) -> str:
    """What one needs to call the server, written in one piece for whoever waits for it."""
    lines = [f"WeCom simulator 企业微信模拟服务器: {url} (in memory; end with Ctrl-C)"]
    for account in accounts:
        app = account.apps[0]
        lines.append(f"corp_id {account.corpid}  agent_id {app.agentid}  secret {app.secret}")
        if app.callback is not None:
            lines.append(f"  callback_token {app.callback.token}  callback_aes_key {app.callback.aes_key}")
    return "\n".join(lines)
