"""Making a project: the folder with ``scrm.toml``, a file per brand, and nothing else.

Files are only ever added: what is there stays as it is, so making a project
again changes nothing and goes on where an interrupted run stopped.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .config import BRAND_ID, PROJECT_FILE, RESERVED_BRANDS, load_project
from .errors import Conflict, Invalid, Unauthorized

if TYPE_CHECKING:
    from .brands import Brand

KEY_FOLDER = "keys"
"""Folder below the data folder in which the demo keeps its API keys."""

PLUGINS = "plugins"
"""Folder of the plugins of one's own, which the new ``scrm.toml`` names."""

_TEMPORARY = ".scrm-new-"

_PROJECT = """\
# The project. docs/configuration.md explains every key.
database_url = "sqlite:data"          # or "postgresql://user:password@host:5432/database"
base_url = "http://127.0.0.1:8000"    # short links and QR codes begin with it
plugins_dir = "plugins"               # a plugin of one's own may lie here as scrm_NAME/__init__.py
"""

_DEMO_LINE = "demo = true                           # the start page shows brands and reports\n"

_IGNORED = """\
# Databases, keys and queues are no part of the project's history.
/data/
"""

_BRAND = """\
[brand]
id = "{id}"
name = "{name}"
timezone = "{timezone}"
currency = "{currency}"
locale = "{locale}"
phone_region = "{phone_region}"
"""

_FIRST_PLUGINS = """
# A table switches a plugin on; the order here is the order in which plugins are called.
# `scrm plugin list` shows what is installed. A change of this file needs no restart.
# These come with the framework; their pages say which settings they take.
# [plugins.console]            # 控制台: the brand in a browser, at /staff/console/; `scrm user create` makes users
# [plugins.coupon-threshold]   # 门槛券: coupons that are claimed by a task or used from a sum on
# [plugins.points]             # 积分: behind coupon-threshold, points pay what coupons leave
# [plugins.red-packet]         # 红包: cash
# [plugins.benefit-card]       # 权益卡: card codes bought from others, as rewards and gifts of an SMS
# [plugins.referral]           # 老带新: invitees who became customers, a ladder of rewards
# [plugins.cross-brand-swap]   # 异业互换: two brands show each other to their people
# [plugins.interaction-games]  # 互动游戏: nine games, awards by hand, welfare campaigns
# [plugins.koc]                # KOC: candidates, tasks, commission, influence
# [plugins.live-code]          # 渠道活码: one printed code per channel, staff by rota behind it
# [plugins.package-card]       # 包裹卡: cards in parcels
# [plugins.sms]                # 短信: SMS campaigns
# [plugins.tag-rules]          # 数据标签循环: tags by rules
# [plugins.wechat-login]       # 微信登录: customers sign in with WeChat
# [plugins.wecom]              # 企业微信: what customers and staff do in WeCom
"""

_READ_ME = """\
# {name}

| file | what it is |
| --- | --- |
| `scrm.toml` | the project: database, address |
| `brands/` | one file per brand: name, time zone, currency, plugins |
| `plugins/` | plugins of your own, if you have any |
| `data/` | databases and everything else that is written here; back this folder up |

    scrm run                 # serve http://127.0.0.1:8000 and deliver events; Ctrl-C stops
    scrm brand check         # explain errors in the files
    scrm key create BRAND    # another API key
    scrm doctor              # what is wrong, and what to do
"""


@dataclass(frozen=True, slots=True)
class NewBrand:
    """A brand to be written; ``plugins`` is the TOML text of its plugin tables."""

    id: str
    name: str
    timezone: str = "Asia/Shanghai"
    currency: str = "CNY"
    locale: str = "zh_CN"
    phone_region: str = "CN"
    plugins: str = _FIRST_PLUGINS

    def text(self) -> str:
        """The content of the brand's file."""
        members = {
            name: getattr(self, name) for name in ("id", "name", "timezone", "currency", "locale", "phone_region")
        }
        return _BRAND.format(**members) + self.plugins


def brand_id_for(folder: Path) -> str:
    """A brand id made of a folder's name; raises Invalid when nothing of it is left."""
    made = re.sub(r"[^a-z0-9_-]+", "-", folder.resolve().name.lower()).strip("-_")
    made = re.sub(r"\A[^a-z]+", "", made)[:31]
    if not BRAND_ID.match(made) or made in RESERVED_BRANDS or made.startswith("pg_"):
        raise Invalid(f"no brand id can be made of the folder's name {folder.name!r}; name one with --brand")
    return made


def make_project(
    folder: Path,
    brands: list[NewBrand],
    *,
    demo: bool = False,
    about: str = "",
    more: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write the files of a project that are missing; returns those written.

    ``about`` is what else its README says, ``more`` are texts of further files by their
    path in ``plugins``. A project that is complete is left alone. Raises Conflict when the folder
    holds other things, Invalid when it cannot be written.
    """
    wanted = {
        Path(".gitignore"): _IGNORED,
        Path("README.md"): _READ_ME.format(name=folder.resolve().name) + about,
        **{Path("brands") / f"{brand.id}.toml": brand.text() for brand in brands},
        **{Path(PLUGINS) / path: text for path, text in (more or {}).items()},
        # The last one: a folder with scrm.toml is a whole project.
        Path(PROJECT_FILE): _PROJECT + (_DEMO_LINE if demo else ""),
    }
    if (folder / PROJECT_FILE).exists():
        if demo and not load_project(folder).demo:
            raise Conflict(f"{folder} is a project of its own, not the demo; choose another folder")
        return []
    try:
        ours = {path.parts[0] for path in wanted} | {"data", PLUGINS}
        for rest in folder.rglob(f"{_TEMPORARY}*"):
            rest.unlink()  # of a run that was killed
        strange = sorted(set(os.listdir(folder)) - ours) if folder.exists() else []
        if strange:
            raise Conflict(f"{folder} is not empty (it holds {strange[0]}); choose a new folder")
        return [folder / path for path, text in wanted.items() if _write_new(folder / path, text)]
    except OSError as exc:
        raise Invalid(f"{folder}: cannot be written: {exc.strerror}") from exc


def store_key(brand: Brand, name: str) -> Path:
    """Keep an API key with every permission in a file that only its owner reads; returns the file.

    A file whose key works is left alone. For the demo: elsewhere a key is
    shown once and kept by whoever needs it. Call it inside ``with brand:``.
    """
    folder = brand.installation.config.data_dir / KEY_FOLDER
    path = folder / f"{brand.id}.txt"
    if path.exists():
        try:
            brand.keys.authenticate(path.read_text("ascii").strip())
            return path
        except (Unauthorized, UnicodeDecodeError):
            path.unlink()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _, key = brand.keys.create(name, ["*"])
    _write_new(path, key + "\n", mode=0o600)
    return path


def _write_new(path: Path, text: str, mode: int = 0o644) -> bool:
    """Write a file whole or not at all; False when it is there already."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    return True
