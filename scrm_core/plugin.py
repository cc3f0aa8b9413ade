"""The base class of every plugin: what it declares and what it may override.

A class is checked when it is defined (:mod:`scrm_core.declarations`): an unknown
hook, a hook without ``@hookimpl``, a wrong signature or a missing declaration
raises :class:`~scrm_core.errors.PluginError` at import, naming class, attribute,
file and fix.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from .errors import Invalid, PluginError
from .facts import PersonQuery, RewardItem, RewardOrder
from .hooks import HookSpecs
from .shown import ConsolePart, Report

if TYPE_CHECKING:
    from .brands import Brand
    from .outreach.types import MessageBatch, Rendered, Skipped
    from .services.rewards import RewardWanted

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
HOOK_PREFIXES = ("on_", "check_", "filter_", "choose_", "collect_")
V = TypeVar("V", bound=Callable[..., Any])

# First words of `scrm ...`, of API paths, and of tables of the core, of histories and of SQLite: no plugin takes them.
RESERVED_NAMES = frozenset(
    {
        *("core", "audit", "backup", "brand", "channel", "compact", "completion", "config", "contact", "demo"),
        *("doctor", "events", "export", "hooks", "import", "imports", "init", "job", "key", "migrate", "move"),
        *("outreach", "partner", "plugin", "recount", "report", "restore", "rfm", "run", "segment", "user", "worker"),
        *("api", "chat", "consumer", "do", "event", "group", "message", "metric", "migration", "order"),
        *("product", "sqlite", "tag"),
    }
)


@dataclass(frozen=True, slots=True)
class Job:
    """A periodic job: ``method`` of the plugin runs every ``every_seconds``, once per slot and brand."""

    name: str
    every_seconds: int
    method: str


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that ``collect_metrics`` returns; ``unit`` is count or minor.

    ``title`` is in English, then in Chinese (``Cards shipped 发卡数``): the console shows its page's language.
    """

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
    if not isinstance(name, str):
        code = name.__code__
        raise PluginError(
            f"{code.co_filename}:{code.co_firstlineno}: {name.__name__}: @permission names the scope that a key needs; "
            'write @permission("NAME:read")'
        )

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
    ``summary_zh``
        The summary in Chinese, for people whose console is; without it they read ``summary``.
    ``requires_core``
        A version specifier of the framework, such as ``>=0.1,<1``; a development version counts as its release.
    ``Settings``
        A marshmallow schema class of the keys of ``[plugins.NAME]`` in a brand's file; unknown keys are refused.
    ``settings_zh``
        Key of ``Settings`` to its description in Chinese; a key without one is described in English.
    ``models``
        The :class:`scrm_core.api.BrandModel` classes of its tables, whose names begin with the plugin's.
    ``migrations``
        The folder beside the module with the migrations that make those tables.
    ``blueprint``
        A Flask blueprint below ``/api/v1/BRAND/plugins/NAME/``; each route is marked with :func:`permission`.
    ``pages``
        A Flask blueprint for everybody, below ``/p/BRAND/NAME/``.
    ``staff_pages``
        A Flask blueprint for users who are signed in, below ``/staff/NAME/``; see docs/console.md.
    ``console_pages``
        Name to :class:`ConsolePart`: pages that the console shows in its menu.
    ``console_cards``
        Name to :class:`ConsolePart`: cards on the console's overview.
    ``permissions``
        Scope to description, for API keys and users' roles; each begins with the plugin's name and a colon.
    ``commands``
        ``"module:group"``, a click group that becomes ``scrm NAME``; imported when it is used.
    ``short_names``
        Shorter words for ``scrm NAME``; one that another plugin has taken is an error when the second is loaded.
        A distribution names them in ``scrm.short_names`` beside its ``scrm.plugins``: they are found sooner.
    ``panel``
        Which of the five panels of the overview the plugin's metrics and cards feed: ``acquire`` (people come by many
        channels), ``repurchase``, ``hit`` (a product or event that draws), ``referral``, ``insight``; or none.
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
    summary_zh: ClassVar[str] = ""
    requires_core: ClassVar[str] = ""
    Settings: ClassVar[type[Any] | None] = None
    settings_zh: ClassVar[dict[str, str]] = {}
    models: ClassVar[tuple[type[Any], ...]] = ()
    migrations: ClassVar[str | None] = None
    blueprint: ClassVar[Any] = None
    pages: ClassVar[Any] = None
    staff_pages: ClassVar[Any] = None
    console_pages: ClassVar[dict[str, ConsolePart]] = {}
    console_cards: ClassVar[dict[str, ConsolePart]] = {}
    permissions: ClassVar[dict[str, str]] = {}
    commands: ClassVar[str | None] = None
    short_names: ClassVar[tuple[str, ...]] = ()
    panel: ClassVar[str] = ""
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
        from .declarations import check_class

        check_class(cls)

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
