"""The base class of every plugin: what it declares and what it may override.

A class is checked when it is defined: an unknown hook, a hook without
``@hookimpl``, a wrong signature or a missing declaration raises
:class:`~scrm_core.errors.PluginError` at import, naming class, attribute, file
and fix.
"""

from __future__ import annotations

import difflib
import inspect
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from marshmallow import Schema

from .errors import Invalid, PluginError
from .facts import PersonQuery, RewardItem, RewardOrder
from .hooks import HOOK_NAMES, HookSpecs

if TYPE_CHECKING:
    from .brands import Brand
    from .outreach.types import MessageBatch, Rendered, Skipped
    from .services.rewards import RewardWanted

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
HOOK_PREFIXES = ("on_", "check_", "filter_", "choose_", "collect_")
V = TypeVar("V", bound=Callable[..., Any])

# First words of `scrm ...`, of API paths and of history tables: no plugin may take them.
RESERVED_NAMES = frozenset(
    {
        *("core", "backup", "brand", "compact", "completion", "config", "contact", "demo", "doctor", "events"),
        *("export", "hooks", "import", "init", "key", "migrate", "move", "outreach", "partner", "plugin", "report"),
        *("restore", "rfm", "run", "segment", "worker"),
    }
)


@dataclass(frozen=True, slots=True)
class Job:
    """A periodic job: ``method`` of the plugin runs every ``every_seconds``, once per slot and brand."""

    name: str
    every_seconds: int
    method: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a report. ``kind``: text, count, money (minor units), rate (a fraction) or instant."""

    name: str
    title: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A report's answer: columns and rows; a value that cannot be computed is None."""

    columns: tuple[Column, ...]
    rows: Sequence[dict[str, Any]]

    def record(self) -> dict[str, Any]:
        """The report as a route answers it."""
        columns = [{"name": column.name, "title": column.title, "kind": column.kind} for column in self.columns]
        return {"columns": columns, "rows": list(self.rows)}


@dataclass(frozen=True, slots=True)
class Report:
    """A report that a plugin offers: ``method`` returns a :class:`ReportTable`."""

    method: str
    title: str


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that ``collect_metrics`` returns; ``unit`` is count or minor."""

    title: str
    unit: str = "count"


@dataclass(frozen=True, slots=True)
class SegmentField:
    """A field for segment expressions, written ``plugin.field``.

    ``contacts`` names the plugin's method that returns SQL with ``?`` marks
    and its parameters, selecting ``(contact_id, value)``; ``kind`` is number,
    text or instant.
    """

    contacts: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Sender:
    """A way to send messages of ``channel``: ``gateway`` names the plugin's method that makes it.

    The method takes no arguments and returns a :class:`scrm_core.api.Gateway`;
    it is called once per state of the brand's configuration, in the worker.
    """

    channel: str
    title: str
    gateway: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """A way for customers to sign in elsewhere (WeChat and the like); names of the plugin's methods.

    ``begin(return_address, state)`` returns the address to send the browser to;
    the other service must give ``state`` (letters and digits) back with it.
    ``finish(args)`` gets the query of the address it came back to, asks the
    other service and returns the :class:`scrm_core.api.VerifiedIdentity` values
    it vouches for; it runs outside any transaction. ``offered(agent)``, if
    named, says whether it is configured and works in this browser.
    """

    title: str
    begin: str
    finish: str
    offered: str = ""


def contended(view: V) -> V:
    """Say that many callers want the same scarce thing from this POST route at once.

    Their short transactions then share a commit (:meth:`Brand.group`). Such a
    view does nothing slow: everybody of its group waits for it.
    """
    view.scrm_contended = True  # type: ignore[attr-defined]
    return view


def prepared_by(work: Callable[..., Any]) -> Callable[[V], V]:
    """Let a public page's POST do something slow, such as redrawing a picture, before its transaction begins.

    ``work`` gets the arguments of the address and runs in the request, outside
    any transaction; what it returns is the view's argument ``prepared``. What it
    raises is the answer. A form that is sent again prepares again, and acts once.
    """

    def mark(view: V) -> V:
        view.scrm_prepare = work  # type: ignore[attr-defined]
        return view

    return mark


def permission(name: str) -> Callable[[V], V]:
    """Name the permission (scope) that a plugin's route needs; a route without one is an error."""

    def mark(view: V) -> V:
        view.scrm_permission = name  # type: ignore[attr-defined]
        return view

    return mark


class Plugin(HookSpecs):
    """Base class of all plugins; one instance per brand that switched the plugin on.

    Declarations (class attributes):

    ``name``
        Lower case, digits and dashes; tables, routes, commands and settings are named by it.
    ``version``
        The plugin's own version, shown by ``scrm plugin list``.
    ``summary``
        One line for people.
    ``requires_core``
        A version specifier of the framework, such as ``>=0.1,<1``.
    ``Settings``
        A marshmallow schema class of the keys of ``[plugins.NAME]`` in a brand's file; unknown keys are refused.
    ``models``
        The :class:`scrm_core.api.BrandModel` classes of its tables, whose names begin with the plugin's.
    ``migrations``
        The folder beside the module with the migrations that make those tables.
    ``blueprint``
        A Flask blueprint below ``/api/v1/BRAND/plugins/NAME/``; each route is marked with :func:`permission`.
    ``pages``
        A Flask blueprint for everybody, below ``/p/BRAND/NAME/``.
    ``permissions``
        Scope to description, for API keys; each begins with the plugin's name and a colon.
    ``commands``
        ``"module:group"``, a click group that becomes ``scrm NAME``; imported when it is used.
    ``short_names``
        Shorter words for ``scrm NAME``; one that another plugin has taken is an error when the second is loaded.
        A distribution names them in ``scrm.short_names`` beside its ``scrm.plugins``: they are found sooner.
    ``jobs``
        :class:`Job` values: methods that run periodically, once per slot and brand.
    ``reports``
        Name to :class:`Report`: a method whose :class:`ReportTable` ``scrm report`` and the HTTP API show.
    ``metrics``
        Name to :class:`Metric`: daily values that ``collect_metrics`` returns.
    ``segment_fields``
        Name to :class:`SegmentField`, written ``plugin.field`` in segment expressions.
    ``reward_kinds``
        Kind to description: what ``issue_reward`` and ``reverse_reward`` issue and take back.
    ``senders``
        Name to :class:`Sender`: a gateway for messages of a channel.
    ``sign_ins``
        Name to :class:`SignIn`: a way for customers to sign in elsewhere.
    ``extensions``
        What it offers to other plugins, by the name of the extension point that they document.
    ``history``
        True: its events begin at the start of the log instead of when it was switched on.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    requires_core: ClassVar[str] = ""
    Settings: ClassVar[type[Any] | None] = None
    models: ClassVar[tuple[type[Any], ...]] = ()
    migrations: ClassVar[str | None] = None
    blueprint: ClassVar[Any] = None
    pages: ClassVar[Any] = None
    permissions: ClassVar[dict[str, str]] = {}
    commands: ClassVar[str | None] = None
    short_names: ClassVar[tuple[str, ...]] = ()
    jobs: ClassVar[tuple[Job, ...]] = ()
    reports: ClassVar[dict[str, Report]] = {}
    metrics: ClassVar[dict[str, Metric]] = {}
    segment_fields: ClassVar[dict[str, SegmentField]] = {}
    reward_kinds: ClassVar[dict[str, str]] = {}
    senders: ClassVar[dict[str, Sender]] = {}
    sign_ins: ClassVar[dict[str, SignIn]] = {}
    extensions: ClassVar[dict[str, tuple[Any, ...]]] = {}
    history: ClassVar[bool] = False

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings
        self.log = logging.getLogger(f"scrm.plugin.{self.name}")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _check_methods(cls)
        if cls.name:  # a base class shared by a family of plugins has no name of its own
            _check_declarations(cls)

    def issue_reward(self, order: RewardOrder) -> dict[str, Any]:
        """Issue a reward of one of ``reward_kinds``; runs inside the grant's transaction.

        Return what identifies the issued thing (a code, an entry id). Raise
        Veto to refuse: the grant is then not made.
        """
        raise PluginError(f"plugin {self.name!r} declares reward_kinds but has no issue_reward()")

    def reverse_reward(self, order: RewardOrder) -> None:
        """Take an issued reward back; ``order.issued`` is what issue_reward returned."""
        raise PluginError(f"plugin {self.name!r} declares reward_kinds but has no reverse_reward()")

    def verify_reward_item(self, kind: str, item: str) -> None:
        """Whether the plugin could issue this item of one of its ``reward_kinds``; raises Invalid (``item``) if not.

        Asked by whoever plans rewards long before they are granted; every item is fine unless a plugin says otherwise.
        """

    def reward_item(self, kind: str, item: str) -> RewardItem | None:
        """What the plugin knows of an item of one of its ``reward_kinds``, also one that it does not grant; or None.

        Asked by whoever names an item for later: does it exist, how is it called, has it ended.
        """
        try:
            self.verify_reward_item(kind, item)
        except Invalid:
            return None
        return RewardItem()

    def reward_worth(self, kind: str, item: str, quantity: int) -> int | None:
        """What a reward of one of its ``reward_kinds`` is worth to whoever gets it (all of ``quantity``, at most).

        In minor units; None when nobody can say beforehand, as of a coupon that a
        cart decides. Asked by whoever plans rewards within a budget or a legal cap.
        """
        return None

    def reward_shortage(self, wanted: Sequence[RewardWanted], most_minor: int | None) -> str:
        """Why the plugin could not issue all these rewards of its ``reward_kinds`` now, as a sentence; else empty.

        They cost ``most_minor`` minor units at most, where that is given.
        """
        return ""

    def brand_problems(self) -> Iterable[str]:
        """What keeps the plugin from working for this brand as it is configured, a sentence each.

        Asked inside the brand, its tables migrated, whenever its configuration is
        taken into use: a problem is a configuration error, so the last good
        configuration stays in force and ``scrm run`` does not start.
        """
        return ()

    def brand_warnings(self) -> Iterable[str]:
        """What people should look at though the brand works as it is configured, a sentence each.

        Asked inside the brand by ``scrm doctor`` and ``scrm brand check``, which go on and end well.
        """
        return ()

    def render_messages(self, batch: MessageBatch) -> Sequence[Rendered | Skipped]:
        """Write messages of a run that this plugin opened, just before they are sent.

        One answer per recipient, in order; runs inside the claim's transaction.
        """
        raise PluginError(f"plugin {self.name!r} opens runs but has no render_messages()")

    def erase_personal_data(self, query: PersonQuery) -> None:
        """Erase what the plugin holds about a person outside models with a foreign key to Contact.

        Rows with such a key are deleted by the core. A plugin that implements
        ``collect_personal_data`` must override this.
        """

    @classmethod
    def migrations_path(cls) -> Path | None:
        """The folder of the plugin's migrations, or None."""
        if cls.migrations is None:
            return None
        return Path(inspect.getfile(cls)).resolve().parent / cls.migrations


@dataclass
class _Place:
    cls: type
    where: str = field(init=False)

    def __post_init__(self) -> None:
        try:
            self.where = f"{inspect.getsourcefile(self.cls)}:{inspect.getsourcelines(self.cls)[1]}"
        except (OSError, TypeError):
            self.where = self.cls.__module__

    def error(self, attribute: str, problem: str) -> PluginError:
        return PluginError(f"{self.where}: {self.cls.__name__}.{attribute}: {problem}")


def _check_methods(cls: type[Plugin]) -> None:
    place = _Place(cls)
    for name, value in vars(cls).items():
        if isinstance(value, property) or not callable(getattr(value, "__func__", value)):
            continue
        marked = hasattr(value, "scrm_impl")
        if not name.startswith(HOOK_PREFIXES):
            if marked:
                raise place.error(name, f"@hookimpl, but no hook has this name; hooks are {_list(HOOK_NAMES)}")
            continue
        if name not in HOOK_NAMES:
            close = difflib.get_close_matches(name, HOOK_NAMES, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"hooks are {_list(HOOK_NAMES)}"
            raise place.error(name, f"no such hook; {hint} (rename the method if it is not meant as one)")
        if not marked:
            raise place.error(name, "looks like a hook but lacks @hookimpl; add it above the method")
        _check_signature(place, name, value)


def _check_signature(place: _Place, name: str, value: Any) -> None:
    if isinstance(value, staticmethod | classmethod) or not inspect.isfunction(value):
        raise place.error(name, "a hook is a plain method")
    if inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value):
        raise place.error(name, "a hook is not async: queue a job for slow work")
    options = value.scrm_impl  # type: ignore[attr-defined]
    if options.get("wrapper") or options.get("hookwrapper"):
        raise place.error(name, "hook wrappers are not supported: implement the hook itself")
    spec = list(inspect.signature(getattr(HookSpecs, name)).parameters)
    given = list(inspect.signature(value).parameters.values())
    if [p.name for p in given] != spec or any(p.default is not p.empty for p in given):
        raise place.error(name, f"takes exactly ({', '.join(spec)}), without defaults")


def _check_declarations(cls: type[Plugin]) -> None:
    place = _Place(cls)
    if not NAME.match(cls.name):
        raise place.error("name", f"{cls.name!r} must match {NAME.pattern.removesuffix(chr(92) + 'Z')}")
    if cls.name in RESERVED_NAMES:
        raise place.error("name", f"{cls.name!r} is reserved by the core")
    for attribute in ("version", "summary", "requires_core"):
        if not isinstance(getattr(cls, attribute), str) or not getattr(cls, attribute):
            raise place.error(attribute, "must be declared as a text")
    if cls.Settings is not None and not (isinstance(cls.Settings, type) and issubclass(cls.Settings, Schema)):
        raise place.error("Settings", "must be a marshmallow schema: class Settings(Schema)")
    _check_short_names(place, cls)
    for job in cls.jobs:
        _check_method(place, "jobs", job.method)
        if job.every_seconds < 60:
            raise place.error("jobs", f"{job.name!r} runs every {job.every_seconds} s; 60 s is the least")
    for report in cls.reports.values():
        _check_method(place, "reports", report.method)
    for segment_field in cls.segment_fields.values():
        _check_method(place, "segment_fields", segment_field.contacts)
    for name in cls.permissions:
        if not name.startswith(f"{cls.name}:"):
            raise place.error("permissions", f"{name!r} must begin with {cls.name + ':'!r}")
    if cls.models and cls.migrations is None:
        raise place.error("migrations", "models are declared but no migrations folder creates them")
    prefix = cls.name.replace("-", "_") + "_"
    for model in cls.models:
        if not model._meta.table_name.startswith(prefix):
            raise place.error("models", f"table {model._meta.table_name!r} must begin with {prefix!r}")
    for sender in cls.senders.values():
        _check_method(place, "senders", sender.gateway)
    for name, sign_in in cls.sign_ins.items():
        if not NAME.match(name):
            raise place.error("sign_ins", f"{name!r} must match {NAME.pattern.removesuffix(chr(92) + 'Z')}")
        for method in (sign_in.begin, sign_in.finish, sign_in.offered):
            if method:
                _check_method(place, "sign_ins", method)
    if cls.reward_kinds and cls.issue_reward is Plugin.issue_reward:
        raise place.error("reward_kinds", "declares reward kinds but does not override issue_reward()")
    collects = cls.collect_personal_data is not Plugin.collect_personal_data
    if collects and cls.erase_personal_data is Plugin.erase_personal_data:
        raise place.error("collect_personal_data", "needs erase_personal_data() beside it")


def _check_short_names(place: _Place, cls: type[Plugin]) -> None:
    if cls.short_names and cls.commands is None:
        raise place.error("short_names", "are words for its commands, and it declares none")
    for name in cls.short_names:
        if not NAME.match(name) or name in RESERVED_NAMES:
            raise place.error("short_names", f"{name!r} is reserved by the core, or not written as a plugin's name is")


def _check_method(place: _Place, attribute: str, method: str) -> None:
    if not callable(getattr(place.cls, method, None)):
        raise place.error(attribute, f"names method {method!r}, which the class does not have")


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
