"""Personas (人设, IP): who people think they add. Several in a brand, each with staff, a profile and a funnel.

Adding a company's account directly brings fewer people than adding a person whose
profile one believes; the profile follows three principles (向往 aspiration, 冲突
conflict, 真实 truth) and has elements, which a brand names in its file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Column,
    Conflict,
    Invalid,
    NotFound,
    ReportTable,
    ShareTest,
    clean_text,
    compare_arms,
    execute,
    fetch_in,
    page_size,
    transactional,
    wilson,
)

if TYPE_CHECKING:
    from datetime import date

    from scrm_core.api import Brand

KINDS = ("wecom", "personal")
PRINCIPLES = ("aspiration", "conflict", "truth")
MOST_PERSONAS, MOST_STAFF, MOST_PEOPLE = 100, 200, 10_000_000
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}\Z")
COLUMNS = (
    Column("persona", "Persona 人设"),
    Column("name", "Name 名称"),
    Column("kind", "Account 账号类型"),
    Column("profile_done", "Profile items done 人设清单已填", "count"),
    Column("profile_of", "Profile items 人设清单", "count"),
    Column("exposed", "Exposed 曝光", "count"),
    Column("added", "Added 添加", "count"),
    Column("replied", "Replied 回复", "count"),
    Column("ordered", "First order 首单", "count"),
    Column("add_rate", "Add rate 添加率", "rate"),
    Column("low", "95 % from 区间下限", "rate"),
    Column("high", "95 % to 区间上限", "rate"),
    Column("reply_rate", "Replied of added 回复率", "rate"),
    Column("order_rate", "Ordered of added 首单率", "rate"),
    Column("practice_low", "Practitioners' rate, from 业内参考下限", "rate"),
    Column("practice_high", "Practitioners' rate, to 业内参考上限", "rate"),
)


@dataclass(frozen=True, slots=True)
class Persona:
    """A persona; ``profile`` is (item, text) of its checklist in order, with an empty text for what is missing.

    ``staff`` are the first ``MOST_STAFF`` of its members.
    """

    id: int
    code: str
    name: str
    kind: str
    profile: tuple[tuple[str, str], ...]
    staff: tuple[str, ...]
    actor: str

    @property
    def texts(self) -> dict[str, str]:
        """Item -> text of its checklist."""
        return dict(self.profile)

    @property
    def done(self) -> int:
        """How many items of the checklist are filled in."""
        return sum(bool(text) for _, text in self.profile)


class Personas:
    """The personas of one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any]) -> None:
        self.brand = brand
        self.items = (*PRINCIPLES, *settings["persona_elements"])
        self.minimum = int(settings["persona_minimum"])
        self.practice = {kind: tuple(settings[f"practice_{kind}"]) for kind in KINDS}

    @transactional
    def put(
        self, code: str, *, name: str, kind: str = "wecom", profile: Mapping[str, str] | None = None,
        new: bool = False, actor: str,
    ) -> Persona:  # fmt: skip
        """Write a persona down, or anew; ``profile`` are items of the checklist, which replace those of before.

        None leaves the profile as it is. Raises Invalid, and where a ``new`` one is meant
        Conflict (``persona_exists``) for the code of another.
        """
        if not _CODE.match(code):
            raise Invalid("a persona's code has 1 to 40 small letters, digits, - and _", field="code")
        if kind not in KINDS:
            raise Invalid(f"kind is {' or '.join(KINDS)}", field="kind")
        name = clean_text(name, field="name", max_length=100)
        if not name:
            raise Invalid("a persona has a name", field="name")
        known, count = execute(
            "SELECT sum(CASE WHEN code = ? THEN 1 ELSE 0 END), count(*) FROM live_code_persona", (code,)
        ).fetchone()
        if not known and count >= MOST_PERSONAS:
            raise Invalid(f"a brand has at most {MOST_PERSONAS} personas", field="code", code="personas_full")
        told = None if profile is None else self._profile(profile)
        anew = (
            "DO NOTHING" if new
            else "DO UPDATE SET name = excluded.name, kind = excluded.kind, actor = excluded.actor"
            + ("" if told is None else ", profile = excluded.profile")
        )  # fmt: skip
        written = execute(
            "INSERT INTO live_code_persona (code, name, kind, profile, actor) VALUES (?, ?, ?, ?, ?) "
            f"ON CONFLICT (code) {anew}",
            (code, name, kind, told or "{}", clean_text(actor, field="actor", max_length=100)),
        )
        if not written.rowcount:
            raise Conflict(f"a persona {code!r} exists; change that one, or choose another code", code="persona_exists")
        self._note(code, "put", actor, {"kind": kind})
        return self.get(code)

    def _profile(self, profile: Mapping[str, str]) -> str:
        for item in profile:
            if item not in self.items:
                raise Invalid(f"{item!r} is no item of the profile: {', '.join(self.items)}", field="profile")
        texts = {item: clean_text(text, field=item, max_length=500) for item, text in profile.items()}
        return json.dumps({item: text for item, text in texts.items() if text}, ensure_ascii=False)

    @transactional
    def cast(self, code: str, userid: str, *, cast: bool = True, actor: str) -> Persona:
        """Let a member of staff be this persona from now on (one at a time), or no more. Raises NotFound.

        What they brought before stays with whom they were then.
        """
        persona = self.get(code)
        actor = clean_text(actor, field="actor", max_length=100)
        done = execute(
            "UPDATE live_code_staff SET persona_id = ?, actor = ? WHERE userid = ? AND (persona_id = ? OR ? = 1)",
            (persona.id if cast else None, actor, userid, persona.id, int(cast)),
        )
        if not done.rowcount:
            raise NotFound(f"no member of staff {userid!r}" + ("" if cast else f" is {code!r}"))
        self._note(code, "cast" if cast else "uncast", actor, {"staff": userid})
        return self.get(code)

    @transactional
    def exposed(self, code: str, day: date, people: int, *, actor: str = "operator") -> Persona:
        """Say how many people of a day were shown this persona elsewhere: by a contact way's code, by requests sent.

        It replaces what was said of that day. Raises Invalid, NotFound.
        """
        if type(people) is not int or not 0 <= people <= MOST_PEOPLE:
            raise Invalid(f"people is a whole number from 0 to {MOST_PEOPLE}", field="people")
        if day.toordinal() > self.brand.day(self.brand.now()):
            raise Invalid("the day has not come", field="day")
        persona = self.get(code)
        execute(
            "INSERT INTO live_code_exposure (persona_id, day, people) VALUES (?, ?, ?) "
            "ON CONFLICT (persona_id, day) DO UPDATE SET people = excluded.people",
            (persona.id, day.toordinal(), people),
        )
        self._note(code, "exposed", actor, {"day": day.isoformat(), "people": people})
        return persona

    def _note(self, code: str, what: str, actor: str, detail: dict[str, Any]) -> None:
        self.brand.audit.note(actor, f"live_code_persona.{what}", f"live-code-persona:{code}", detail)

    def get(self, code: str) -> Persona:
        """The persona of this code; raises NotFound."""
        found = self._read("code = ?", (code,))
        if not found:
            raise NotFound(f"no persona {code!r}")
        return found[0]

    def all(self) -> list[Persona]:
        """Every persona, oldest first; at most ``MOST_PERSONAS``."""
        return self.page(limit=MOST_PERSONAS)

    def page(self, *, after: int = 0, limit: int = 50) -> list[Persona]:
        """Personas with ids above ``after``, oldest first."""
        return self._read("id > ? ORDER BY id LIMIT ?", (after, page_size(limit, MOST_PERSONAS)))

    def _read(self, condition: str, values: tuple[Any, ...]) -> list[Persona]:
        rows = execute(
            f"SELECT id, code, name, kind, profile, actor FROM live_code_persona WHERE {condition}", values
        ).fetchall()
        staff: dict[int, list[str]] = {}
        for persona_id, userid in fetch_in(
            "SELECT persona_id, userid FROM (SELECT persona_id, userid, id, row_number() OVER (PARTITION BY persona_id "
            "ORDER BY id) AS nth FROM live_code_staff WHERE left_at IS NULL AND persona_id IN ({in})) t "
            f"WHERE nth <= {MOST_STAFF} ORDER BY id",
            [row[0] for row in rows],
        ):
            staff.setdefault(persona_id, []).append(userid)
        return [self._persona(row, staff.get(row[0], [])) for row in rows]

    def _persona(self, row: tuple[Any, ...], staff: list[str]) -> Persona:
        row_id, code, name, kind, profile, actor = row
        texts = json.loads(profile)
        items = tuple((item, texts.get(item, "")) for item in self.items)
        return Persona(row_id, code, name, kind, items, tuple(staff), actor)

    # Figures ------------------------------------------------------------------

    def funnel(self, of: Sequence[Persona] | None = None) -> ReportTable:
        """A row per persona (``of``, else all): exposed, added, wrote back, ordered first, and the add rate's interval.

        Exposed are people who were sent to its staff by a code's page, and those told by
        :meth:`exposed`. A rate is None where more were added than were exposed: then exposures are missing.
        """
        found = self.all() if of is None else of
        figures = self._figures([each.id for each in found])
        return ReportTable(COLUMNS, [self._row(each, *figures.get(each.id, (0, 0, 0, 0))) for each in found])

    @staticmethod
    def _figures(ids: list[int]) -> dict[int, tuple[int, int, int, int]]:
        rows = fetch_in(
            "SELECT p.id, (SELECT count(*) FROM live_code_place s WHERE s.persona_id = p.id) "
            "+ (SELECT coalesce(sum(e.people), 0) FROM live_code_exposure e WHERE e.persona_id = p.id), "
            "count(DISTINCT a.contact_id), count(DISTINCT CASE WHEN a.spoke_at IS NOT NULL THEN a.contact_id END), "
            "count(DISTINCT CASE WHEN a.ordered_at IS NOT NULL THEN a.contact_id END) "
            "FROM live_code_persona p LEFT JOIN live_code_add a ON a.persona_id = p.id "
            "WHERE p.id IN ({in}) GROUP BY p.id",
            ids,
        )
        return {row[0]: (int(row[1]), row[2], row[3], row[4]) for row in rows}

    def _row(self, persona: Persona, exposed: int, added: int, replied: int, ordered: int) -> dict[str, Any]:
        known = exposed > 0 and added <= exposed
        interval = wilson(added, exposed) if known else None
        low, high = self.practice[persona.kind]
        return {
            "persona": persona.code, "name": persona.name, "kind": persona.kind,
            "profile_done": persona.done, "profile_of": len(persona.profile),
            "exposed": exposed, "added": added, "replied": replied, "ordered": ordered,
            "add_rate": added / exposed if known else None,
            "low": interval.low if interval else None, "high": interval.high if interval else None,
            "reply_rate": replied / added if added else None, "order_rate": ordered / added if added else None,
            "practice_low": low, "practice_high": high,
        }  # fmt: skip

    def compare(self) -> ShareTest:
        """The add rates of personas, the oldest being the control; no winner under the minimum (``persona_minimum``).

        Personas without a rate are left out. Raises Invalid with fewer than two.
        """
        rows = [row for row in self.funnel().rows if row["add_rate"] is not None]
        if len(rows) < 2:
            raise Invalid("a comparison needs two personas with an add rate")
        return compare_arms([(row["persona"], row["exposed"], row["added"]) for row in rows], self.minimum)
