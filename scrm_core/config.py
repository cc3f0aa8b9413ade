"""Configuration: ``scrm.toml`` for the project, ``brands/<id>.toml`` per brand.

Files are read whole and checked whole: an error names file, table, key, what
was found and what is allowed, and all errors of a file are shown at once.
Text values of the form ``env:NAME`` are replaced by the environment variable.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate

from .config_fields import flag, number, text
from .config_problems import explain
from .consumer_config import ConsumerConfig, ConsumerTable, consumer_config
from .errors import ConfigError, NotFound
from .goals_config import GoalsConfig, GoalsTable, goals_of
from .outreach_config import OutreachPolicy, OutreachTable, outreach_policy
from .partner_config import Network, Partner, PartnerTable, network, partners_of
from .values.money import CURRENCIES

PROJECT_FILE = "scrm.toml"
BRAND_ID = re.compile(r"[a-z][a-z0-9_-]{0,30}\Z")

# Not brand ids: they are path segments or schema names with a meaning of their own.
RESERVED_BRANDS = frozenset({"information_schema", "public", "pg_catalog", "openapi", "docs"})


def _database_url(value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme == "sqlite" and not parts.netloc and len(value) > len("sqlite:"):
        return
    if parts.scheme in ("postgresql", "postgres") and parts.hostname is not None:
        return
    raise ValidationError("must be sqlite:FOLDER or postgresql://user:password@host:port/database")


def _base_url(value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ValidationError("must be http(s)://host[:port][/path] without query")


@cache
def _zones() -> frozenset[str]:
    # The standard library opens every zone's file to answer this, which costs as much as the rest of a brand file.
    return frozenset(available_timezones())


def _zone(value: str) -> None:
    if value not in _zones():
        near = difflib.get_close_matches(value, _zones(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValidationError(f"must be an IANA time zone such as 'Asia/Shanghai'{hint}")


def _redis(value: str) -> None:
    if value and urlsplit(value).scheme not in ("redis", "rediss", "unix"):
        raise ValidationError("must be empty (embedded) or redis://host:port/number")


class ProjectSchema(Schema):
    """``scrm.toml``."""

    class Meta:
        unknown = RAISE

    database_url = text(
        "where brands live: sqlite:FOLDER (one file per brand) or postgresql://... (one schema per brand)",
        "sqlite:data",
        validate=_database_url,
    )
    database_synchronous = text(
        "SQLite durability: FULL survives a power cut, NORMAL may lose the last commits of one",
        "FULL",
        validate=validate.OneOf(["FULL", "NORMAL"]),
    )
    transaction_pooler = flag("PostgreSQL is reached through a transaction pooler (pgbouncer)", False)
    queue_url = text("empty: embedded queue; redis://... for workers on many machines", "", validate=_redis)
    base_url = text(
        "address under which people reach this installation; short links and QR codes begin with it",
        "http://127.0.0.1:8000",
        validate=_base_url,
    )
    brands_dir = text("folder of the brands' files, relative to this file", "brands")
    plugins_dir = text("folder of plugins without packaging, relative to this file; empty for none", "")
    partner_networks = fields.List(
        fields.String(validate=network),
        load_default=list,
        metadata={
            "description": "networks that are not public and that partners may be in, such as 10.1.0.0/16; "
            "to try two installations on one machine: 127.0.0.0/8"
        },
    )
    metrics_token = text("bearer token for /metrics; empty: only from loopback", "")
    demo = flag("show brands, reports and sample commands on the start page", False)


class BrandTable(Schema):
    """``[brand]``."""

    class Meta:
        unknown = RAISE

    id = text(
        "API path and file or schema name; equals the file's name",
        validate=validate.Regexp(BRAND_ID, error="must match [a-z][a-z0-9_-]{{0,30}}"),
    )
    name = text("name shown to people", validate=validate.Length(1, 200))
    timezone = text("IANA zone in which days, streaks and quiet hours are counted", validate=_zone)
    currency = text("ISO 4217 code", validate=validate.OneOf(CURRENCIES, error="must be an ISO 4217 code such as CNY"))
    locale = text("language of pages and texts", "zh_CN", validate=validate.OneOf(["zh_CN", "en"]))
    phone_region = text(
        "region of phone numbers written without country code",
        "CN",
        validate=validate.Regexp(r"[A-Z]{2}\Z", error="must be two capital letters"),
    )


class RfmTable(Schema):
    """``[rfm]``."""

    class Meta:
        unknown = RAISE

    count_zero_orders = flag("orders of net 0 count as purchases", False)


class AttributionTable(Schema):
    """``[attribution]``."""

    class Meta:
        unknown = RAISE

    window_days = number("days back for which a browser's visits to links become those of whoever signs in", 30, 1, 365)


class RetentionTable(Schema):
    """``[retention]``; see :mod:`scrm_core.retention`."""

    class Meta:
        unknown = RAISE

    events_days = number("days after which events that every plugin has had are removed; 0: never", 180, 0, 36_500)
    visits_days = number(
        "days after which a visitor's visits to one link on one day become one row with their number; 0: never",
        400, 0, 36_500,
    )
    messages_days = number("days after which settled messages lose their text; 0: never", 365, 0, 36_500)


class BrandSchema(Schema):
    """``brands/<id>.toml``."""

    class Meta:
        unknown = RAISE

    brand = fields.Nested(BrandTable, required=True)
    rfm = fields.Nested(RfmTable, load_default=dict)
    attribution = fields.Nested(AttributionTable, load_default=dict)
    retention = fields.Nested(RetentionTable, load_default=dict)
    outreach = fields.Nested(OutreachTable, load_default=dict)
    consumer = fields.Nested(ConsumerTable, load_default=dict)
    goals = fields.Nested(GoalsTable, load_default=dict)
    partners = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(PartnerTable),
        load_default=dict,
        metadata={"description": "[partners.NAME]: brands that this one exchanges messages with"},
    )
    plugins = fields.Dict(keys=fields.String(), values=fields.Dict(), load_default=dict)


@dataclass(frozen=True, slots=True)
class ProjectConfig:
    """A checked ``scrm.toml``; paths are absolute."""

    root: Path
    database_url: str = "sqlite:data"
    database_synchronous: str = "FULL"
    transaction_pooler: bool = False
    queue_url: str = ""
    base_url: str = "http://127.0.0.1:8000"
    brands_dir: Path = Path("brands")
    plugins_dir: Path | None = None
    partner_networks: tuple[Network, ...] = ()
    metrics_token: str = ""
    demo: bool = False

    @property
    def sqlite(self) -> bool:
        return self.database_url.startswith("sqlite:")

    @property
    def data_dir(self) -> Path:
        """The folder of everything this installation writes on this machine."""
        if self.sqlite:
            return (self.root / self.database_url.removeprefix("sqlite:").removeprefix("//")).resolve()
        return (self.root / "data").resolve()


@dataclass(frozen=True, slots=True)
class PluginEntry:
    """A ``[plugins.NAME]`` table: its raw settings without ``enabled`` and ``history``."""

    name: str
    enabled: bool
    history: bool | None
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BrandConfig:
    """A checked brand file. ``plugins`` keeps the order of the file: it is the call order."""

    id: str
    name: str
    timezone: str
    currency: str
    locale: str = "zh_CN"
    phone_region: str = "CN"
    rfm_count_zero_orders: bool = False
    attribution_days: int = 30
    events_days: int = 180
    visits_days: int = 400
    messages_days: int = 365
    outreach: OutreachPolicy = field(default_factory=OutreachPolicy)
    consumer: ConsumerConfig = field(default_factory=ConsumerConfig)
    goals: GoalsConfig = field(default_factory=GoalsConfig)
    partners: Mapping[str, Partner] = field(default_factory=dict)
    plugins: dict[str, PluginEntry] = field(default_factory=dict)
    path: Path | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


def find_project(start: Path) -> Path:
    """The nearest folder at or above ``start`` with a ``scrm.toml``; NotFound if there is none."""
    folder = start.resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / PROJECT_FILE).is_file():
            return candidate
    raise NotFound(
        f"no {PROJECT_FILE} in {folder} or above it: this is not a project; make one with `scrm init NAME && cd NAME`"
    )


def load_project(root: Path, environ: Mapping[str, str] = os.environ) -> ProjectConfig:
    """Read and check ``scrm.toml`` in ``root``; raises ConfigError with every problem."""
    path = root / PROJECT_FILE
    values = _checked(path, read_toml(path), ProjectSchema(), environ)
    plugins_dir = values.pop("plugins_dir")
    brands_dir = values.pop("brands_dir")
    values["partner_networks"] = tuple(map(network, values["partner_networks"]))
    root = root.resolve()
    return ProjectConfig(
        root=root,
        brands_dir=root / brands_dir,
        plugins_dir=root / plugins_dir if plugins_dir else None,
        **{**values, "base_url": values["base_url"].rstrip("/")},
    )


def with_database(config: ProjectConfig, url: str, environ: Mapping[str, str] = os.environ) -> ProjectConfig:
    """The project as it would be with another ``database_url``, which may be ``env:NAME``; raises ConfigError."""
    problems: list[str] = []
    found = _resolve(url, environ, Path("the database"), "url", problems)
    if not problems:
        try:
            _database_url(found)
        except ValidationError as exc:
            problems.append(f"the database: found {url.partition(':')[0] + ':...'!r}; {exc.messages[0]}")
    if problems:
        raise ConfigError("\n".join(problems), problems=tuple(problems))
    return replace(config, database_url=found)


def load_brand(path: Path, environ: Mapping[str, str] = os.environ) -> BrandConfig:
    """Read and check one brand file; raises ConfigError with every problem.

    Settings of plugins are checked later, against the plugin's own schema.
    """
    raw = read_toml(path)
    values = _checked(path, raw, BrandSchema(), environ)
    brand = values["brand"]
    problems = []
    if brand["id"] != path.stem:
        problems.append(f"{path}: [brand] id: found {brand['id']!r}; must equal the file's name {path.stem!r}")
    if brand["id"] in RESERVED_BRANDS or brand["id"].startswith("pg_"):
        problems.append(f"{path}: [brand] id: {brand['id']!r} is reserved; choose another")
    entries = {}
    for name, table in values["plugins"].items():
        table = dict(table)
        enabled, history = table.pop("enabled", True), table.pop("history", None)
        for key, value in (("enabled", enabled), ("history", history)):
            if value is not None and not isinstance(value, bool):
                problems.append(f"{path}: [plugins.{name}] {key}: found {value!r}; must be true or false")
        entries[name] = PluginEntry(name, enabled is True, history, table)
    window = values["attribution"]["window_days"]
    if 0 < values["retention"]["visits_days"] <= window:
        problems.append(
            f"{path}: [retention] visits_days: found {values['retention']['visits_days']}; must be 0 (never) or more "
            f"than [attribution] window_days ({window}), within which visits are put down to people"
        )
    partners, wrong = partners_of(brand["id"], values["partners"], raw.get("partners"))
    goals, unreachable = goals_of(values["goals"])
    problems += [f"{path}: {problem}" for problem in (*wrong, *unreachable)]
    if problems:
        raise ConfigError("\n".join(problems), problems=tuple(problems))
    return BrandConfig(
        **brand,
        rfm_count_zero_orders=values["rfm"]["count_zero_orders"],
        attribution_days=values["attribution"]["window_days"],
        **values["retention"],
        outreach=outreach_policy(values["outreach"]),
        consumer=consumer_config(values["consumer"]),
        goals=goals,
        partners=partners,
        plugins=entries,
        path=path,
    )


def plugin_settings(
    path: Path | None, entry: PluginEntry, schema: type[Schema] | None, environ: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """A plugin's settings loaded by its schema; raises ConfigError naming file, table and key."""
    where, table = path or Path("brand file"), f"plugins.{entry.name}"
    if schema is None:
        schema = Schema.from_dict({}, name="NoSettings")
    problems: list[str] = []
    raw = _resolve(entry.raw, environ, where, table, problems)
    instance = schema()
    if instance.unknown == EXCLUDE:
        problems.append(f"{where}: [{table}]: the plugin's Settings must refuse unknown keys")
    try:
        loaded: dict[str, Any] = instance.load(raw)
    except ValidationError as exc:
        problems.extend(explain(where, table, exc.messages, raw, instance))
    if problems:
        raise ConfigError("\n".join(problems), problems=tuple(problems))
    return loaded


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file; raises ConfigError naming the file and line."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: not UTF-8 (byte {exc.start + 1}); save it as UTF-8") from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{path}: not valid TOML: {exc}") from exc


def _checked(path: Path, raw: dict[str, Any], schema: Schema, environ: Mapping[str, str]) -> dict[str, Any]:
    problems: list[str] = []
    plugins = raw.get("plugins")
    resolved = _resolve({k: v for k, v in raw.items() if k != "plugins"}, environ, path, "", problems)
    if plugins is not None:
        resolved["plugins"] = plugins  # resolved when the plugin is enabled, by plugin_settings
    loaded: dict[str, Any] = {}
    try:
        loaded = schema.load(resolved)
    except ValidationError as exc:
        problems.extend(explain(path, "", exc.messages, resolved, schema))
    if problems:
        raise ConfigError("\n".join(problems), problems=tuple(problems))
    for name, value in schema.fields.items():
        if isinstance(value, fields.Nested) and not loaded.get(name):
            loaded[name] = value.schema.load({})
    return loaded


def _resolve(raw: Any, environ: Mapping[str, str], path: Path, table: str, problems: list[str]) -> Any:
    """Replace ``env:NAME`` texts, noting variables that are not set."""
    if isinstance(raw, dict):
        return {
            key: _resolve(value, environ, path, f"{table}.{key}".lstrip("."), problems) for key, value in raw.items()
        }
    if isinstance(raw, list):
        return [_resolve(value, environ, path, table, problems) for value in raw]
    if isinstance(raw, str) and raw.startswith("env:"):
        variable = raw.removeprefix("env:")
        if variable not in environ:
            problems.append(f"{path}: {table}: environment variable {variable!r} is not set")
            return ""
        return environ[variable]
    return raw
