"""Tags both ways (标签双向同步): the corporation's tags as tags of the brand, and the brand's changes told to WeCom.

WeCom keeps tags per pair of member and customer. A contact of the brand has those
of all relations that stand. From WeCom comes a *sync*: it takes away only what it
has set (``tags.sync``), so tags of persons and rules stay. To WeCom go changes
of tags that the corporation has too: adding always; taking away what a person
took away, and of what a rule took away only what this plugin had set there. A
member's own marking in WeCom is never undone by a rule. A tag that only the brand
has is made in WeCom when it is first given to somebody's customer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from scrm_core.api import execute, fetch_in, transactional

from . import tasks
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand, TagAdded, TagRemoved

    from .client.answers import CorpTag

PLAN = "synced from WeCom 企业微信同步"
MANUAL, SYNCED = "manual", "synced"
UNMADE, PAGE = "tag:", 1_000
_WISHED_FOR = "('active', 'half')"
"""WeCom takes no tag of a half add: what is wished for one goes once the member has added back."""


DISPUTED = "wecom_follow f WHERE f.disputed > 0 AND f.state <> 'lost'"


def disputes() -> int:
    """Relations whose S-level value in WeCom is not the contact's."""
    return int(execute(f"SELECT count(*) FROM {DISPUTED}").fetchone()[0])


class Labels:
    """The tags of one brand's corporation."""

    def __init__(self, brand: Brand, create: bool = True) -> None:
        self.brand = brand
        self._create = create

    # From WeCom ---------------------------------------------------------------

    def take_catalogue(self, tags: Sequence[CorpTag]) -> None:
        """The corporation has exactly these tags: new ones are defined here, and people get what changed."""
        before = {
            row[0]: row[1:] for row in execute("SELECT key, tag_id, name, group_name FROM wecom_tag").fetchall()
        }
        touched = set(before) - {tag.id for tag in tags}
        for tag in tags:
            tag_id = self.brand.tags.define(tag.group or NAME, tag.name, plan=PLAN)
            if before.get(tag.id) != (tag_id, tag.name, tag.group):
                touched.add(tag.id)
                execute(
                    "INSERT INTO wecom_tag (key, name, group_key, group_name, tag_id) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT (key) DO UPDATE SET name = excluded.name, group_key = excluded.group_key, "
                    "group_name = excluded.group_name, tag_id = excluded.tag_id",
                    (tag.id, tag.name, tag.group_id, tag.group, tag_id),
                )
        for key in sorted(set(before) - {tag.id for tag in tags}):
            execute("DELETE FROM wecom_tag WHERE key = ?", (key,))
        if touched:
            execute("INSERT INTO wecom_settling (keys, place) VALUES (?, 0)", (_listed(touched),))

    @transactional
    def settle_some(self) -> bool:
        """Give people what changed in the catalogue, a page of relations at a time; False when all have it.

        Use it outside transactions: each page is one of its own, and a process that dies loses none.
        """
        row = execute("SELECT id, keys, place FROM wecom_settling ORDER BY id LIMIT 1").fetchone()
        if row is None:
            return False
        settling, wanted, place = row[0], set(json.loads(row[1])), row[2]
        page = execute(
            "SELECT id, contact_id, state, tags FROM wecom_follow WHERE id > ? ORDER BY id LIMIT ?", (place, PAGE)
        ).fetchall()
        moved = execute(
            "UPDATE wecom_settling SET place = ? WHERE id = ? AND place = ?",
            (page[-1][0] if page else place, settling, place),
        )
        if not moved.rowcount:
            return True  # another worker has just done this page
        having = {
            contact_id for _, contact_id, state, tags in page
            if state != "lost" and tags != "[]" and wanted.intersection(json.loads(tags))
        }  # fmt: skip
        for contact_id in sorted(having):
            self.settle(contact_id)
        if len(page) < PAGE:
            execute("DELETE FROM wecom_settling WHERE id = ?", (settling,))
        return True

    def place(self) -> int:
        """How far WeCom was told tags; ask for it before WeCom is asked for a customer's."""
        return int(execute("SELECT coalesce(max(told), 0) FROM wecom_follow WHERE told > 0").fetchone()[0])

    def told_since(self, follow_id: int, place: int) -> bool:
        """Whether WeCom was told tags of this relation behind ``place``: what it had answered before is stale."""
        row = execute("SELECT 1 FROM wecom_follow WHERE id = ? AND told > ?", (follow_id, place)).fetchone()
        return row is not None

    def note(self, follow_id: int, tags: Sequence[str]) -> bool:
        """A relation has exactly these tags of the corporation in WeCom; True when that is news."""
        text = _listed(tags)
        pushed = _of(follow_id, "pushed")
        kept = [key for key in pushed if key in tags]
        changed = execute(
            "UPDATE wecom_follow SET tags = ?, pushed = ? WHERE id = ? AND (tags <> ? OR pushed <> ?)",
            (text, _listed(kept), follow_id, text, _listed(kept)),
        )
        return bool(changed.rowcount)

    def settle(self, contact_id: int) -> None:
        """Give a contact the tags of its relations; takes away only what this sync had set.

        What was taken here and WeCom has not been told of yet does not come back. Who has been lost by everybody
        keeps what was known last.
        """
        standing = execute(
            "SELECT f.id, f.tags, m.key, f.disputed FROM wecom_follow f "
            "LEFT JOIN wecom_mark m ON m.follow_id = f.id AND m.wanted = 0 "
            "WHERE f.contact_id = ? AND f.state <> 'lost' ORDER BY f.id",
            (contact_id,),
        ).fetchall()
        if not standing:
            return
        has = {(follow_id, key) for follow_id, tags, _, _ in standing for key in json.loads(tags)}
        told = has - {(follow_id, taken) for follow_id, _, taken, _ in standing}
        keys = {key for _, key in told}
        rows = fetch_in(
            "SELECT w.key, w.tag_id, g.s_level FROM wecom_tag w JOIN tag t ON t.id = w.tag_id "
            "JOIN tag_group g ON g.id = t.group_id WHERE t.retirement_id IS NULL AND w.key IN ({in})",
            sorted(keys),
        )
        self.brand.tags.sync(contact_id, sorted({row[1] for row in rows}), NAME)
        self._dispute(contact_id, told, {row[0]: row[1] for row in rows if row[2]}, standing)

    @staticmethod
    def _dispute(
        contact_id: int, told: set[tuple[int, str]], values: Mapping[str, int], standing: Sequence[Sequence[object]]
    ) -> None:
        """Note relations whose S-level value in WeCom is not the contact's: the one here stays.

        Of an S-level group everybody has one value, but each member may give another.
        """
        before = {row[0]: row[3] for row in standing}
        if not values and not any(before.values()):
            return
        rows = execute("SELECT tag_id FROM contact_tag WHERE contact_id = ? AND s_group_id IS NOT NULL", (contact_id,))
        here = {row[0] for row in rows.fetchall()}
        wrong = {follow_id for follow_id, key in told if key in values and values[key] not in here}
        for follow_id, disputed in before.items():
            if disputed != int(follow_id in wrong):
                execute("UPDATE wecom_follow SET disputed = ? WHERE id = ?", (int(follow_id in wrong), follow_id))

    def unknown(self, keys: Iterable[str]) -> bool:
        """Whether one of these is no tag that was read: then all have to be read again."""
        wanted = sorted(set(keys))
        return len(fetch_in("SELECT key FROM wecom_tag WHERE key IN ({in})", wanted)) < len(wanted)

    # To WeCom -----------------------------------------------------------------

    def added(self, event: TagAdded) -> None:
        """Somebody got a tag here: every member who has them is to have it there."""
        if not _ours(event) and event.contact_id is not None:
            self._wish(event.contact_id, event.tag_id, True, by_hand=True)

    def removed(self, event: TagRemoved) -> None:
        """Somebody lost a tag here."""
        if not _ours(event) and event.contact_id is not None:
            self._wish(event.contact_id, event.tag_id, False, by_hand=event.origin == MANUAL)

    def _wish(self, contact_id: int, tag_id: int, wanted: bool, *, by_hand: bool) -> None:
        keys = [row[0] for row in execute("SELECT key FROM wecom_tag WHERE tag_id = ?", (tag_id,)).fetchall()]
        if not keys:
            self._wish_unmade(contact_id, tag_id, wanted)
            return
        rows = execute(
            f"SELECT id, state, tags, pushed FROM wecom_follow WHERE contact_id = ? AND state IN {_WISHED_FOR}",
            (contact_id,),
        ).fetchall()
        for follow_id, state, tags, pushed in rows:
            has, ours = json.loads(tags), json.loads(pushed)
            # What waits to be given may have been given, with an answer that was lost.
            allowed = keys if wanted or by_hand else [
                key for key in keys if key in ours or (key not in has and _wished(follow_id, key))
            ]  # fmt: skip
            # One group's tag of a name is enough; taking away means all of them.
            for key in allowed[:1] if wanted else allowed:
                if wanted and key in has and _wished(follow_id, key, "AND wanted = 0"):
                    # It may have been taken, with an answer that was lost: WeCom is not known to have it.
                    execute("UPDATE wecom_follow SET tags = ? WHERE id = ?", (_listed({*has} - {key}), follow_id))
                if wanted or key in has or _wished(follow_id, key):
                    execute(
                        "INSERT INTO wecom_mark (follow_id, key, wanted) VALUES (?, ?, ?) "
                        "ON CONFLICT (follow_id, key) DO UPDATE SET wanted = excluded.wanted",
                        (follow_id, key, int(wanted)),
                    )
            if state == "active":
                tasks.want(self.brand, tasks.PUSH, str(follow_id))

    def _wish_unmade(self, contact_id: int, tag_id: int, wanted: bool) -> None:
        """A tag that WeCom does not have: it is made when it is to be given, and waits no more when it is taken."""
        follows = execute(
            f"SELECT id, state FROM wecom_follow WHERE contact_id = ? AND state IN {_WISHED_FOR}", (contact_id,)
        ).fetchall()
        for follow_id, state in follows:
            if not wanted:
                execute(
                    "DELETE FROM wecom_mark WHERE follow_id = ? AND key = ?", (follow_id, f"{UNMADE}{tag_id}")
                )
            elif self._create:
                execute(
                    "INSERT INTO wecom_mark (follow_id, key, wanted) VALUES (?, ?, 1) "
                    "ON CONFLICT (follow_id, key) DO NOTHING",
                    (follow_id, f"{UNMADE}{tag_id}"),
                )
                if state == "active":
                    tasks.want(self.brand, tasks.PUSH, str(follow_id))

    def unmade(self, follow_id: int) -> list[tuple[int, str, str]]:
        """Tags that a relation is to have and WeCom does not know: the brand's id, group and name.

        What has been made meanwhile is wished for by WeCom's id from now on; in the open transaction.
        """
        waiting = execute(
            "SELECT key FROM wecom_mark WHERE follow_id = ? AND substr(key, 1, 4) = 'tag:' ORDER BY key", (follow_id,)
        ).fetchall()
        found = []
        for (mark,) in waiting:
            tag_id = int(mark.removeprefix(UNMADE))
            known = execute("SELECT min(key) FROM wecom_tag WHERE tag_id = ?", (tag_id,)).fetchone()[0]
            if known is not None:
                self._made(mark, known)
                continue
            row = execute(
                "SELECT g.name, t.name FROM tag t JOIN tag_group g ON g.id = t.group_id "
                "WHERE t.id = ? AND t.kind = 'business' AND t.retirement_id IS NULL",
                (tag_id,),
            ).fetchone()
            if row is None:
                self.drop_unmade(tag_id)
            else:
                found.append((tag_id, row[0], row[1]))
        return found

    @staticmethod
    def _made(mark: str, key: str) -> None:
        execute(
            "INSERT INTO wecom_mark (follow_id, key, wanted) SELECT follow_id, ?, 1 FROM wecom_mark WHERE key = ? "
            "ON CONFLICT (follow_id, key) DO UPDATE SET wanted = 1",
            (key, mark),
        )
        execute("DELETE FROM wecom_mark WHERE key = ?", (mark,))

    def take_made(self, tag_id: int, made: CorpTag) -> None:
        """WeCom made a tag for us; no callback tells of it."""
        execute(
            "INSERT INTO wecom_tag (key, name, group_key, group_name, tag_id) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (key) DO NOTHING",
            (made.id, made.name, made.group_id, made.group, tag_id),
        )
        self._made(f"{UNMADE}{tag_id}", made.id)

    @staticmethod
    def drop_unmade(tag_id: int) -> None:
        """A tag that cannot be made in WeCom stays the brand's alone."""
        execute("DELETE FROM wecom_mark WHERE key = ?", (f"{UNMADE}{tag_id}",))

    def wishes(self, follow_id: int) -> tuple[list[str], list[str]]:
        """Tags to add and to take for a relation in WeCom, without what it has already.

        What is to be taken is told also where WeCom is not known to have it: the answer to its giving may be lost.
        """
        has = set(_of(follow_id, "tags"))
        rows = execute(
            "SELECT key, wanted FROM wecom_mark WHERE follow_id = ? AND substr(key, 1, 4) <> 'tag:' ORDER BY key",
            (follow_id,),
        ).fetchall()
        return (
            [key for key, wanted in rows if wanted and key not in has],
            [key for key, wanted in rows if not wanted],
        )

    def pushed(self, follow_id: int, add: Sequence[str], remove: Sequence[str]) -> None:
        """WeCom took these: no callback tells of them, so our own copy is changed here (dev:96361)."""
        has, ours = _of(follow_id, "tags"), _of(follow_id, "pushed")
        execute(
            # Two who take one number have both been heard by WeCom before anybody can read it.
            "UPDATE wecom_follow SET tags = ?, pushed = ?, "
            "told = (SELECT coalesce(max(told), 0) + 1 FROM wecom_follow WHERE told > 0) WHERE id = ?",
            (
                _listed([*(k for k in has if k not in remove), *add]),
                _listed([*(k for k in ours if k not in remove), *add]),
                follow_id,
            ),
        )
        for wanted, keys in ((1, add), (0, remove)):
            for key in keys:
                execute(
                    "DELETE FROM wecom_mark WHERE follow_id = ? AND key = ? AND wanted = ?", (follow_id, key, wanted)
                )
        if remove:
            # A customer who was read before the worker heard that a tag was taken here had got it back.
            (contact_id,) = execute("SELECT contact_id FROM wecom_follow WHERE id = ?", (follow_id,)).fetchone()
            self.settle(contact_id)

    @staticmethod
    def forget_wishes(follow_id: int, key: str | None = None) -> None:
        """What was wanted for a relation that WeCom does not know is wanted no more; with ``key`` this tag alone."""
        which, params = ("", (follow_id,)) if key is None else (" AND key = ?", (follow_id, key))
        execute(f"DELETE FROM wecom_mark WHERE follow_id = ?{which}", params)


def _ours(event: TagAdded | TagRemoved) -> bool:
    return event.origin == SYNCED and event.actor == NAME


def _wished(follow_id: int, key: str, only: str = "") -> bool:
    row = execute(f"SELECT 1 FROM wecom_mark WHERE follow_id = ? AND key = ? {only}", (follow_id, key)).fetchone()
    return row is not None


def _of(follow_id: int, column: str) -> list[str]:
    row = execute(f"SELECT {column} FROM wecom_follow WHERE id = ?", (follow_id,)).fetchone()
    found: list[str] = json.loads(row[0]) if row is not None else []
    return found


def _listed(keys: Iterable[str]) -> str:
    return json.dumps(sorted(set(keys)))
