"""What the plugin does in one brand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, PersonQuery, fetch_in, iso, transactional

from . import archive, callbacks, door, drafts, rolls, sync, tasks, wishes
from .archive import Archive
from .callbacks import Inbox
from .changes import Changes
from .client.api import Api
from .client.calls import Calls, log
from .client.codes import WecomError
from .door import Door
from .follows import Follows
from .greetings import Greetings
from .invitations import SENDER as INVITE_SENDER
from .invitations import Invitations
from .labels import Labels, disputes
from .link_making import LinkMaking
from .link_news import LinkNews
from .links import Links
from .media import Media
from .moments import Moments
from .people import People
from .rolls import Roll
from .schemas import NAME
from .sends import SENDER as GROUP_SENDER
from .sends import GroupSends
from .sync import FullSync
from .work import ROUND_SECONDS, Work

if TYPE_CHECKING:
    from scrm_core.api import Brand

DAY_MS = 86_400_000


class Wecom:
    """One brand's dealings with its corporation in WeCom."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    @cached_property
    def inbox(self) -> Inbox:
        """What WeCom calls back; only where ``callback_token`` is set."""
        return Inbox(self.brand, self.settings)

    @cached_property
    def door(self) -> Door:
        """What is refused where WeCom calls back."""
        return Door(self.brand)

    @cached_property
    def follows(self) -> Follows:
        """Who has whom."""
        return Follows(self.brand, asks=bool(self.settings["secret"]))

    @cached_property
    def labels(self) -> Labels:
        """Tags both ways."""
        return Labels(self.brand, self.settings["create_tags"])

    @cached_property
    def people(self) -> People:
        """Customers as WeCom tells them."""
        return People(self.brand, self.follows, self.labels)

    @cached_property
    def greetings(self) -> Greetings:
        """Welcomes."""
        return Greetings(self.brand)

    @cached_property
    def sends(self) -> GroupSends:
        """Group sends."""
        return GroupSends(self.brand, self.settings)

    @cached_property
    def moments(self) -> Moments:
        """Customer moments."""
        return Moments(self.brand, self.settings["moments_per_day"])

    @cached_property
    def links(self) -> Links:
        """Acquisition links."""
        return Links(self.brand)

    @cached_property
    def media(self) -> Media:
        """Files of messages."""
        return Media(self.brand)

    @cached_property
    def link_news(self) -> LinkNews:
        """What acquisition links bring."""
        return LinkNews(self.brand, self.links)

    @cached_property
    def invitations(self) -> Invitations:
        """Invitations by acquisition links."""
        return Invitations(self.brand, self.settings, self.links)

    @cached_property
    def archive(self) -> Archive:
        """The chat archive; only where ``archive`` is on."""
        return Archive(self.brand, self.settings)

    @cached_property
    def changes(self) -> Changes:
        """What callbacks do."""
        return Changes(self.brand, self.follows, self.people, self.greetings, self.link_news)

    @cached_property
    def api(self) -> Api:
        """WeCom's API; raises Conflict (``no_secret``) where no secret is set."""
        if not self.settings["secret"]:
            raise Conflict("asking WeCom needs `secret` in [plugins.wecom]", code="no_secret")
        return Api(Calls(self.brand, self.settings))

    @property
    def full_sync(self) -> FullSync:
        """The full sync."""
        return FullSync(self.brand, self.api, self.people, self.labels)

    @property
    def asker(self) -> Work:
        """What waits to be asked of WeCom, or told to it; raises Conflict (``no_secret``)."""
        openids_of = self.settings["corp_id"] if self.settings["openids"] else ""
        return Work(self.brand, self.api, self.people, self.labels, openids_of)

    def work(self) -> str:
        """What the job does every minute: begin the sync that is wanted, do tasks, go on with the sync, and so on.

        Returns what came of it.
        """
        if not self.settings["secret"]:
            read = f"; {self.archive.run()} archived messages" if self.settings["archive"] else ""
            return f"no secret: nothing is asked of WeCom{read}"
        wishes.begin_wanted(self)
        done = self.asker.run()
        running = sync.latest()
        if running is not None and running.state == "running" and not done.error:
            self.full_sync.run(ROUND_SECONDS)
        elif not done.error:
            Roll(self.brand, self.api).run(ROUND_SECONDS)
        heard = 0
        if not done.error:
            self._warm_media()
            self.moments.run(self.api)
            LinkMaking(self.brand, self.api).run()
            self._read_links()
            heard = self._ask_sends()
        if self.settings["archive"]:
            heard += self.archive.run()
        why = done.error or done.refused
        return f"{done.done} tasks done, {done.put_off} put off, {heard} messages settled {why}".strip()

    def _warm_media(self) -> None:
        """A welcome has 20 seconds: its files are uploaded before."""
        try:
            self.media.warm(self.api, [each.content for each in self.greetings.all()])
        except WecomError as exc:
            log.warning("files of welcomes are uploaded later: %s", exc)

    def _read_links(self) -> None:
        try:
            self.link_news.run(self.api)
        except WecomError as exc:
            log.warning("what links may still bring is read later: %s", exc)

    def _ask_sends(self) -> int:
        try:
            return self.sends.ask(self.api)
        except WecomError as exc:
            log.warning("what became of group sends is asked for later: %s", exc)
            return 0

    def warnings(self) -> Iterable[str]:
        """What people should look at: tasks that WeCom refuses, a sync that cannot go on."""
        if self.settings["callback_token"]:
            yield from door.warnings(self.brand)
        for kind, count, error in tasks.waiting():
            if error:
                yield f"{count} tasks ({kind}) wait: {error}"
        if count := disputes():
            yield f"{count} relations have an S-level value in WeCom that is not the customer's here: see WeCom: tags"
        yield from sync.warnings()
        yield from rolls.warnings()
        yield from self.greetings.warnings()
        yield from self.link_news.warnings()
        yield from drafts.warnings(self.brand.now(), GROUP_SENDER, INVITE_SENDER)
        yield from self.moments.warnings()
        if self.settings["archive"]:
            yield from archive.warnings()

    def tidy(self) -> int:
        """Remove callbacks that are older than the setting says, page by page; returns how many.

        The tags are read anew each day, and the chat groups listed: that a callback about one was lost is not told.
        """
        if self.settings["secret"]:
            self._want_tags()
            Roll(self.brand, self.api).begin()
        # Also of an archive that is switched off by now: what it has taken is not kept for longer by that.
        kept = self.settings["archive_days"] * DAY_MS
        self.brand.outreach.forget_received(archive.CHANNEL, self.brand.now() - kept)
        before, removed = self.brand.now() - self.settings["keep_callbacks_days"] * DAY_MS, 0
        while page := self._forget(before):
            removed += page
        self._forget_refusals(before)
        return removed

    @transactional
    def _want_tags(self) -> None:
        tasks.want(self.brand, tasks.TAGS)

    @transactional
    def _forget(self, before: int) -> int:
        return callbacks.forget(before)

    @transactional
    def _forget_refusals(self, before: int) -> None:
        door.forget(before)

    # People -------------------------------------------------------------------

    def personal(self, query: PersonQuery) -> list[dict[str, Any]]:
        """The callbacks about a person; their relations are told by the foreign key."""
        rows = callbacks.about(externals_of(query), "id, event, change, body, received_at")
        return [
            {"event": event, "change": change, "body": body, "received_at": iso(at, self.brand.zone)}
            for _, event, change, body, at in sorted(rows)
        ]

    @transactional
    def erase(self, query: PersonQuery) -> None:
        """Take the person out of the callbacks and of what waits."""
        externals = externals_of(query)
        callbacks.blank(externals)
        callbacks.take_out({*externals, *ids_of(query, ("unionid", "openid"))})
        for external in externals:
            tasks.forget(external)


def wecom_of(brand: Brand) -> Wecom:
    """The plugin's service in a brand; raises NotFound where the plugin is switched off."""
    return Wecom(brand, brand.plugin(NAME).settings)


def externals_of(query: PersonQuery) -> list[str]:
    """The external user ids that a person has or had."""
    rows = fetch_in("SELECT external FROM wecom_follow WHERE contact_id IN ({in})", list(query.contact_ids))
    return sorted({*ids_of(query, ("external_userid",)), *(row[0] for row in rows)})


def ids_of(query: PersonQuery, kinds: Sequence[str]) -> list[str]:
    """The person's identities of these kinds."""
    rows = fetch_in("SELECT value, kind FROM identity WHERE contact_id IN ({in})", list(query.contact_ids))
    return [value for value, kind in rows if kind in kinds]
