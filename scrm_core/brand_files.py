"""Settings of a brand's plugins as people change them: looked at, tried, written into the brand's file.

The file stays the one truth: what is written is the text that was there with
some keys changed, comments and order kept, and it is checked by the very
functions that read it. A change names the state of the file that somebody
looked at; when the file is another by then, nothing is written.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields, validate

from .config_reference import toml
from .errors import ConfigError, Conflict, Invalid, NotFound
from .services import audit
from .values.masking import scrub

if TYPE_CHECKING:
    from .installation import Installation

SECRET = "(secret)"
ENABLED = "enabled"
MISSING = object()
"""A key that stands nowhere in the file: its default is in force."""


@dataclass(frozen=True, slots=True)
class SettingField:
    """A key of a plugin's settings, as a form asks for it.

    ``kind`` is flag, number, text, choice (one of ``choices``), list (texts, one a
    line), toml (anything else, as the file has it) or file (it holds secrets that
    no page may show: it is changed in the file). ``given`` is what the file says,
    as one types it, and empty where ``is_set`` is False; of a secret it says only a
    reference such as ``env:NAME``. ``default`` is as TOML has it.
    """

    name: str
    kind: str
    meaning: str
    default: str
    required: bool
    secret: bool
    choices: tuple[str, ...]
    given: str
    is_set: bool

    def read(self, text: str) -> Any:
        """What somebody typed, as TOML has it; nothing typed means that the default holds. Raises Invalid."""
        try:
            return read_value(self.kind, text)
        except Invalid as error:
            raise Invalid(error.message, field=self.name) from None


@dataclass(frozen=True, slots=True)
class PluginForm:
    """The settings of one plugin of a brand: ``state`` names the state of the file they were read from."""

    plugin: str
    enabled: bool
    fields: tuple[SettingField, ...]
    state: str


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What a change would do: (key, before, after) as TOML has them, secrets not shown; empty for nothing.

    ``problems`` says per key why the brand could not be used so, under the empty
    key what is wrong with several of them. ``result`` names the state of the file behind it.
    """

    changes: tuple[tuple[str, str, str], ...]
    problems: Mapping[str, tuple[str, ...]]
    state: str
    result: str
    text: str = field(repr=False)


class PluginSettings:
    """The settings of the plugins in one brand's file."""

    def __init__(self, installation: Installation, brand_id: str) -> None:
        self._installation = installation
        self._path = installation.brand_file(brand_id)
        self._brand_id = brand_id

    def form(self, plugin: str, language: str = "en") -> PluginForm:
        """What a plugin's table says, key by key, in ``en`` or ``zh``; raises NotFound for one not installed."""
        text = self._read()
        table = _table(tomllib.loads(text), plugin)
        items = self._schema(plugin).fields.items()
        words = self._installation.loader.load(plugin).settings_zh if language == "zh" else {}
        enabled = plugin in tomllib.loads(text).get("plugins", {}) and table.get(ENABLED, True) is True
        found = tuple(_field(name, item, table, words) for name, item in items)
        return PluginForm(plugin, enabled, found, _state(text))

    def plan(self, plugin: str, values: Mapping[str, Any], *, enabled: bool | None = None) -> SettingsChange:
        """Try a change without writing it: ``values`` are as TOML has them, MISSING takes a key out.

        ``enabled`` switches the plugin on or off for the brand. Raises NotFound for a plugin that is not installed.
        """
        return self._plan(self._read(), plugin, values, enabled)

    def write(
        self, plugin: str, values: Mapping[str, Any], *, enabled: bool | None = None, state: str, actor: str
    ) -> SettingsChange:
        """Write a change; it holds from the next call on, in every process that reads this file.

        Raises Conflict (``settings_changed``) when the file is not in ``state`` any more, (``file_readonly``) when it
        cannot be written, and ConfigError when the brand could not be used so. The audit has before and after.
        Call it outside any transaction.
        """
        with self._alone():
            text = self._read()
            if _state(text) != state:
                raise Conflict(
                    f"somebody else has changed the file of brand {self._brand_id!r} meanwhile; look at it again",
                    code="settings_changed",
                )
            change = self._plan(text, plugin, values, enabled)
            if change.problems:
                told = tuple(words for each in change.problems.values() for words in each)
                raise ConfigError("\n".join(told), problems=told)
            if not change.changes:
                return change
            brand = self._installation.brand(self._brand_id)
            detail = {
                "before": {key: scrub(before) for key, before, _ in change.changes},
                "after": {key: scrub(after) for key, _, after in change.changes},
            }
            with brand, brand.transaction():
                audit.record(brand, actor, "settings.write", f"plugin:{plugin}", detail)
                self._replace(change.text)
        return change

    def _plan(self, text: str, plugin: str, values: Mapping[str, Any], enabled: bool | None) -> SettingsChange:
        import tomlkit

        schema = self._schema(plugin)
        before = _table(tomllib.loads(text), plugin)
        document = tomlkit.parse(text)
        plugins: Any = document.setdefault("plugins", tomlkit.table(is_super_table=True))
        if plugin not in plugins:
            plugins[plugin] = tomlkit.table()
        table: Any = plugins[plugin]
        wanted = dict(values) if enabled is None else {**values, ENABLED: MISSING if enabled else False}
        new = plugin not in tomllib.loads(text).get("plugins", {})
        if new and not enabled and all(value is MISSING for key, value in wanted.items() if key != ENABLED):
            return SettingsChange((), {}, _state(text), _state(text), text)
        for key, value in wanted.items():
            if value is MISSING:
                table.pop(key, None)
            elif key not in before or before[key] != value or type(before[key]) is not type(value):
                table[key] = value
        changed = tomlkit.dumps(document)
        after = _table(tomllib.loads(changed), plugin)
        keys = [key for key in dict.fromkeys([*before, *after]) if before.get(key, MISSING) != after.get(key, MISSING)]
        changes = tuple((key, _told(schema, key, before), _told(schema, key, after)) for key in keys)
        if new and ENABLED not in after:
            changes = ((ENABLED, "–", "true"), *changes)
        problems = self._problems(changed, plugin) if changes else {}
        return SettingsChange(changes, problems, _state(text), _state(changed), changed)

    def _problems(self, text: str, plugin: str) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for problem in self._installation.problems_of(self._brand_id, text):
            own = re.match(rf"\[plugins\.{re.escape(plugin)}\](?: ([A-Za-z0-9_-]+))?[^:]*: (.*)", problem, re.DOTALL)
            key, words = (own[1] or "", own[2]) if own is not None else ("", problem)
            found.setdefault(key, []).append(words)
        return {key: tuple(words) for key, words in found.items()}

    def _schema(self, plugin: str) -> Schema:
        if plugin not in self._installation.loader.candidates():
            raise NotFound(f"no plugin {plugin!r} is installed")
        settings = self._installation.loader.load(plugin).Settings
        return settings() if settings is not None else Schema()

    # The file ------------------------------------------------------------------

    def _read(self) -> str:
        # Line ends stay as they are.
        with self._path.open(encoding="utf-8", newline="") as file:
            return file.read()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One change at a time on this machine."""
        folder = self._installation.config.data_dir
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "brand-files.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _replace(self, text: str) -> None:
        """The file appears whole or not at all, with the rights it had."""
        temporary = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            mode = self._path.stat().st_mode & 0o777
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
        except OSError as error:
            raise Conflict(f"the brand's file cannot be written: {error.strerror}", code="file_readonly") from None
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def candidate(text: str, brand_id: str) -> tempfile.TemporaryDirectory[str]:
    """A folder of its own that holds a brand's file with this text; use it as a context manager."""
    folder = tempfile.TemporaryDirectory(prefix="scrm-brand-")
    (Path(folder.name) / f"{brand_id}.toml").write_text(text, "utf-8", newline="")
    return folder


def read_value(kind: str, text: str) -> Any:
    """What somebody typed for a field of a kind, as TOML has it; MISSING for nothing. Raises Invalid.

    A number that is none stays a text: the plugin's own schema says what it expects.
    """
    text = text.replace("\r\n", "\n").strip()
    if not text:
        return MISSING
    if kind == "list":
        return [line.strip() for line in text.split("\n") if line.strip()]
    if kind == "flag":
        return {"true": True, "false": False}.get(text, text)
    if kind == "number":
        if re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            return int(text)
        return float(text) if re.fullmatch(r"[+-]?[0-9]{1,15}\.[0-9]{1,15}", text) else text
    if kind == "toml":
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError as error:
            raise Invalid(f"not valid TOML: {error}") from None
    return text


def _state(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _table(document: dict[str, Any], plugin: str) -> dict[str, Any]:
    found = document.get("plugins", {}).get(plugin, {})
    return found if isinstance(found, dict) else {}


def _field(name: str, item: fields.Field[Any], table: dict[str, Any], words: Mapping[str, str]) -> SettingField:
    value, secret = table.get(name, MISSING), bool(item.metadata.get("secret"))
    kind, choices = _kind(item, value)
    default = "" if item.required or secret else _default(item)
    given = "" if value is MISSING or kind == "file" else _typed(kind, value)
    if secret and not given.startswith("env:"):
        given = ""
    meaning = words.get(name, str(item.metadata.get("description", "")))
    return SettingField(name, kind, meaning, default, item.required, secret, choices, given, value is not MISSING)


def _kind(item: fields.Field[Any], value: Any) -> tuple[str, tuple[str, ...]]:
    if _hides_secret(item):
        return "file", ()
    if isinstance(value, str) and value.startswith("env:"):
        return "text", ()
    if isinstance(item, fields.Boolean):
        return "flag", ()
    if isinstance(item, fields.Number):
        return "number", ()
    if isinstance(item, fields.String):
        of = next((each for each in item.validators if isinstance(each, validate.OneOf)), None)
        choices = tuple(map(str, of.choices)) if of is not None else ()
        return ("choice", choices) if choices else ("text", ())
    texts = value is MISSING or (isinstance(value, list) and all(isinstance(each, str) for each in value))
    if isinstance(item, fields.List) and isinstance(item.inner, fields.String) and texts:
        return "list", ()
    return "toml", ()


def _hides_secret(item: Any) -> bool:
    """Whether something below the field is a secret; a plain secret is a field of its own."""
    if isinstance(item, fields.List):
        inner = item.inner
        return bool(item.metadata.get("secret") or inner.metadata.get("secret")) or _hides_secret(inner)
    if isinstance(item, fields.Dict):
        inner = item.value_field
        secret = item.metadata.get("secret") or (inner is not None and inner.metadata.get("secret"))
        return bool(secret) or (inner is not None and _hides_secret(inner))
    if isinstance(item, fields.Nested):
        below = item.schema.fields.values()
        return any(each.metadata.get("secret") or _hides_secret(each) for each in below)
    return False


def _default(item: fields.Field[Any]) -> str:
    from marshmallow import missing

    return "" if item.load_default is missing else toml(item.load_default)


def _typed(kind: str, value: Any) -> str:
    if kind == "list":
        return "\n".join(value)
    if kind == "toml" or not isinstance(value, str):
        return toml(value)
    return value


def _told(schema: Schema, key: str, table: dict[str, Any]) -> str:
    if key not in table:
        return "–"
    value, item = table[key], schema.fields.get(key)
    plain = isinstance(value, str) and value.startswith("env:")
    secret = item is not None and (item.metadata.get("secret") or _hides_secret(item))
    return SECRET if secret and not plain else toml(value)
