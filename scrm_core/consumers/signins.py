"""Signing in elsewhere: a plugin sends the browser away and says who came back.

The state that travels with the browser is signed, bound to the browser,
expires, and is used once.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..db import transactional
from ..db.bulk import execute
from ..errors import Forbidden, Gone, NotFound, PluginError, ScrmError
from ..services.survivors import begin_writing
from .sealing import same
from .types import VerifiedIdentity

if TYPE_CHECKING:
    from ..brands import Brand
    from ..plugin import Plugin, SignIn

GOOD_MS = 600_000
# WeChat takes up to 128 letters and digits, and nothing else.
_STATE = re.compile(r"([0-9a-f]{32})([0-9a-f]{12})([0-9a-f]{64})\Z")


def offered(brand: Brand, agent: str) -> list[tuple[str, str]]:
    """(name, title) of every sign-in that is configured and works in this browser (``agent``: its User-Agent)."""
    found = []
    for name, (plugin, sign_in) in _all(brand).items():
        if not sign_in.offered or _call(plugin, sign_in.offered, agent):
            found.append((name, sign_in.title))
    return found


def begin(brand: Brand, name: str, *, device: str) -> tuple[str, str]:
    """Where to send the browser, and the state's nonce; raises NotFound for an unknown sign-in."""
    plugin, sign_in = _of(brand, name)
    nonce = secrets.token_hex(16)
    body = f"{nonce}{brand.now() + GOOD_MS:012x}"
    state = body + _mac(brand, name, body, device)
    return str(_call(plugin, sign_in.begin, return_address(brand, name), state)), nonce


def return_address(brand: Brand, name: str) -> str:
    """Where the browser comes back to."""
    return f"{brand.installation.config.base_url}/p/{brand.id}/-/back/{name}"


@transactional
def use_state(brand: Brand, name: str, state: str, *, device: str) -> str:
    """Use a state up and return its nonce.

    Raises Forbidden for one that is not ours or not this browser's, Gone for one that expired or came back before.
    """
    begin_writing()
    found = _STATE.match(state)
    if found is None or not same(found.group(3), _mac(brand, name, state[:44], device)):
        raise Forbidden("this sign-in was not begun in this browser; begin again", code="state")
    if int(found.group(2), 16) <= brand.now():
        raise Gone("this sign-in took too long; begin again", code="state_gone")
    used = execute(
        "INSERT INTO consumer_state (nonce, at) VALUES (?, ?) ON CONFLICT DO NOTHING", (found.group(1), brand.now())
    )
    if not used.rowcount:
        raise Gone("this sign-in came back before; begin again", code="state_gone")
    return found.group(1)


def finish(brand: Brand, name: str, args: Mapping[str, str]) -> Sequence[VerifiedIdentity]:
    """Ask the plugin who came back; no transaction may be open, since it asks the other service."""
    plugin, sign_in = _of(brand, name)
    identities: Sequence[VerifiedIdentity] = _call(plugin, sign_in.finish, dict(args))
    if not identities:
        raise Forbidden("the other service did not say who you are; begin again", code="nobody")
    return identities


def _all(brand: Brand) -> dict[str, tuple[Plugin, SignIn]]:
    found: dict[str, tuple[Plugin, SignIn]] = {}
    for plugin in brand.plugins.values():
        for name, sign_in in plugin.sign_ins.items():
            found.setdefault(name, (plugin, sign_in))
    return found


def _of(brand: Brand, name: str) -> tuple[Plugin, SignIn]:
    found = _all(brand).get(name)
    if found is None:
        raise NotFound("there is nothing at this address")
    return found


def _call(plugin: Plugin, method: str, *args: Any) -> Any:
    try:
        return getattr(plugin, method)(*args)
    except ScrmError:
        raise
    except Exception as exc:
        raise PluginError(
            f"plugin {plugin.name!r} failed in {method}: {type(exc).__name__}: {exc}", plugin=plugin.name
        ) from exc


def _mac(brand: Brand, name: str, body: str, device: str) -> str:
    return brand.consumers.seals.mac("state", name, body, device)
