"""What a simulated corp is set up with: its apps, their secrets and callbacks, and how many people it has.

All of it is invented. Nothing here is secret: the credentials of the demo
corps are the same everywhere, so that a page of the documentation can show them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from scrm_core.api import Invalid

ARCHIVE = 2_000_004
"""The agent id of the chat archive, by which demo corps have its secret."""

KEY = re.compile(r"[A-Za-z0-9]{43}")


@dataclass(frozen=True, slots=True)
class CallbackTarget:
    """Where an app's events go: the three fields of the admin console (wecom section 2)."""

    url: str
    token: str
    aes_key: str

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise Invalid("a callback's url begins with http:// or https://")
        if not re.fullmatch(r"[A-Za-z0-9]{1,32}", self.token):
            raise Invalid("a callback's token is 1 to 32 letters and digits")
        if not KEY.fullmatch(self.aes_key):
            raise Invalid("a callback's EncodingAESKey is 43 letters and digits")


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A trusted address or network; raises Invalid."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as exc:
        raise Invalid(f"a trusted address is an IP address or network: {exc}", field="trusted_ips") from None


@dataclass(frozen=True, slots=True)
class AppAccount:
    """An app of a corp with a secret of its own.

    ``archive`` is the secret of the chat archive (会话内容存档), which alone may ask
    who agreed. ``system`` is the admin console's own secret "customer contact"
    (客户联系), which acquisition links refuse. Without ``customer_contact`` the app is not among
    the apps that may call customer contact (48002). ``visible`` are the
    userids that it may see, None everybody. ``trusted_ips`` are addresses or
    networks, None every address; others get 60020.
    """

    agentid: int
    secret: str
    name: str = "SCRM"
    system: bool = False
    archive: bool = False
    customer_contact: bool = True
    visible: frozenset[str] | None = None
    trusted_ips: tuple[str, ...] | None = None
    callback: CallbackTarget | None = None

    def __post_init__(self) -> None:
        for each in self.trusted_ips or ():
            network(each)


@dataclass(frozen=True, slots=True)
class CorpAccount:
    """A corp: ``staff`` members and ``customers`` made from the seed.

    ``first_person`` is where the corp's customers begin in the row of all
    people: two corps whose rows overlap share these people, each with an
    external_userid of its own. ``open_account`` names the WeChat developer
    account that the corp has bound: corps that name the same one see the same
    unionid, "" shows none. ``archive`` is chat archiving that needs consent.
    ``console_welcome`` are members whose welcome text is set in the admin
    console. ``quota`` is what was bought of the acquisition assistant.
    """

    corpid: str
    apps: tuple[AppAccount, ...]
    name: str = "示例企业"
    staff: int = 5
    customers: int = 100
    first_person: int = 0
    open_account: str = "open-demo"
    archive: bool = False
    console_welcome: frozenset[str] = frozenset()
    quota: int = 1_000

    def __post_init__(self) -> None:
        if not 0 <= self.customers <= 1_000_000 or not 0 <= self.staff <= 10_000:
            raise Invalid("a corp has up to 10,000 members and 1,000,000 customers")
        if self.customers and not self.staff:
            raise Invalid("customers need at least one member who follows them")
        if len({app.agentid for app in self.apps}) < len(self.apps):
            raise Invalid(f"{self.corpid}: two apps have one agentid")


def demo_corps(
    count: int = 1, *, staff: int = 5, customers: int = 100, callback_urls: Sequence[str] = ()
) -> Sequence[CorpAccount]:
    """Corps for a demo without an account: fixed ids and secrets, half of the people shared with the next corp.

    The first address is the callback of the first corp's app, and so on.
    """
    corps = []
    for number in range(1, count + 1):
        target = None
        if number <= len(callback_urls):
            url, key = callback_urls[number - 1], f"demoEncodingAESKey{number:025d}"
            target = CallbackTarget(url, f"demoToken{number:04d}", key)
        app = AppAccount(1_000_002, f"demo-secret-{number:04d}", callback=target)
        corps.append(
            CorpAccount(
                corpid=f"wwdemo{number:012d}",
                apps=(app, AppAccount(ARCHIVE, f"demo-archive-{number:04d}", "会话存档", archive=True)),
                name=f"示例企业{number}",
                staff=staff,
                customers=customers,
                first_person=(number - 1) * (customers // 2),
            )
        )
    return corps
