"""Acting: one request of a person at a game, once per key, in one short transaction that others may share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Forbidden, Invalid, NotFound, clean_text, consumer_language, execute

from . import means, registry
from .turns import Engine, Turn

if TYPE_CHECKING:
    from .definition import CampaignView

MOST_DATA = 50
DAY_MS = 86_400_000
KEPT_DAYS = 30
"""First answers are kept for repetitions until so many days after a campaign's end."""
BATCH = 5_000
_CLOSED = {
    "draft": ("not_published", "is not published yet"),
    "waiting": ("not_started", "has not begun yet"),
    "paused": ("paused", "is paused"),
    "over": ("ended", "is over"),
    "revealed": ("ended", "is over"),
}


class Acts:
    """Lets people act at games and look at them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.brand = engine.brand
        self._kinds: dict[str, str] = {}

    def act(
        self,
        code: str,
        action: str,
        contact_id: int,
        *,
        key: str,
        data: Mapping[str, Any] | None = None,
        device: str = "",
        network: str = "",
    ) -> dict[str, Any]:
        """Run an action of the campaign's game for a person, or buy a chance (``buy-chance``, see :func:`means.buy`).

        The same key again gets the first answer.

        ``contact_id`` comes from a signed session or a trusted caller, never
        from the request's data. Raises NotFound for an unknown campaign or
        action, Conflict when the campaign is not running or the key was used
        for another action, and whatever the game refuses with; nothing is
        written then.
        """
        key = _key(key)
        texts = _texts(data or {})
        self._ask(code, action, contact_id, key, texts)

        def work() -> dict[str, Any]:
            return self._act(code, action, contact_id, key, texts, device, network)

        return self.brand.group(work)

    def _act(
        self, code: str, action: str, contact_id: int, key: str, data: dict[str, str], device: str, network: str
    ) -> dict[str, Any]:
        contact_id = self.brand.contacts.survivor(contact_id)
        campaign = self.engine.campaigns.get(code)
        game = self._game(campaign)
        method = game.actions.get(action)
        if method is None and action != means.ACTION:
            raise NotFound(f"game {campaign.game!r} has no action {action!r}; it has {', '.join(sorted(game.actions))}")
        self._kinds[code] = campaign.game
        now = self.brand.now()
        row = self._begin(campaign, contact_id, key, action, now)
        if row is None:
            return self._first_answer(campaign, contact_id, key, action)
        self._open(campaign, now)
        if game.draws:
            self._admit(contact_id)
        if method is None:
            return self._finish(row, means.buy(self.brand, campaign, contact_id, now))
        turn = Turn(self.engine, campaign, contact_id, now=now, key=key, data=data, device=device, network=network,
                    act=True)  # fmt: skip
        answer = getattr(game, method)(turn)
        if turn.refused is not None:
            raise turn.refused
        return self._finish(row, answer)

    def _ask(self, code: str, action: str, contact_id: int, key: str, data: dict[str, str]) -> None:
        """Let a game that can say no from what it reads do so before anything is locked or written.

        What was answered under this key before is answered again, whatever is true now.
        """
        game: Any = self.engine.games.get(self._kinds.get(code, ""))
        if not hasattr(game, "refuses") or action not in game.actions:
            return
        now = self.brand.now()
        campaign = self.engine.campaigns.get(code)
        person = self.brand.contacts.survivor(contact_id)
        if campaign.phase(now) == "running" and self._answered(campaign, person, key) is None:
            game.refuses(Turn(self.engine, campaign, person, now=now, key=key, data=data))

    def share(self, code: str, contact_id: int, *, key: str) -> dict[str, int]:
        """A person shared a campaign, as a trusted server saw it: their chances for it, once a day of the brand.

        Answers how many were ``given`` (0 when today's were given before) and how
        many ``chances`` there are; the same key again gets the first answer. Raises
        Conflict when the campaign is not running, gives nothing for sharing
        (``no_share``), or may not on its surface (``surface``).
        """
        key = f"share:{_key(key)}"

        def work() -> dict[str, int]:
            return self._share(code, self.brand.contacts.survivor(contact_id), key)

        return self.brand.group(work)

    def _share(self, code: str, contact_id: int, key: str) -> dict[str, int]:
        campaign = self.engine.campaigns.get(code)
        now = self.brand.now()
        row = self._begin(campaign, contact_id, key, "share", now)
        if row is None:
            return self._first_answer(campaign, contact_id, key, "share")
        self._open(campaign, now)
        count = campaign.chances.share
        if not count:
            raise Conflict(f"campaign {code!r} gives no chances for sharing", code="no_share")
        tickets = self.engine.draws(campaign, now).tickets
        given = tickets.grant(contact_id, count, "share", str(self.brand.day(now)))
        return self._finish(row, {"given": count if given else 0, "chances": tickets.balance(contact_id)})

    def forget(self) -> int:
        """Forget first answers of campaigns that ended long ago, some thousands at a time; returns how many.

        Nothing can be repeated by then: such a campaign refuses every act.
        """
        ended = self.brand.now() - KEPT_DAYS * DAY_MS
        campaigns = execute(
            "SELECT c.id FROM interaction_games_campaign c WHERE "
            "CASE WHEN c.ended_at < c.ends_at THEN c.ended_at ELSE c.ends_at END <= ? "
            "AND (SELECT min(a.at) FROM interaction_games_act a WHERE a.campaign_id = c.id) IS NOT NULL",
            (ended,),
        ).fetchall()
        return sum(
            int(
                execute(
                    "DELETE FROM interaction_games_act WHERE id IN "
                    "(SELECT id FROM interaction_games_act WHERE campaign_id = ? LIMIT ?)",
                    (campaign_id, BATCH),
                ).rowcount
            )
            for (campaign_id,) in campaigns
        )

    def _admit(self, contact_id: int) -> None:
        """Raises Conflict (``refused_person``) for whom the brand lets draw nothing: said openly, never worse odds."""
        refused = self.engine.settings["refuse_tags"]
        if not refused:
            return
        marks = ", ".join("?" * len(refused))
        row = execute(
            "SELECT g.name, t.name FROM contact_tag ct JOIN tag t ON t.id = ct.tag_id JOIN tag_group g "
            f"ON g.id = t.group_id WHERE ct.contact_id = ? AND g.name || '/' || t.name IN ({marks}) LIMIT 1",
            (contact_id, *refused),
        ).fetchone()
        if row is not None:
            raise Conflict("this person takes no part in draws of the brand", code="refused_person")

    @staticmethod
    def _begin(campaign: CampaignView, contact_id: int, key: str, action: str, now: int) -> int | None:
        """The row of a new act; None when there is one with this key."""
        row = execute(
            "INSERT INTO interaction_games_act (campaign_id, contact_id, key, action, at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (contact_id, campaign_id, key) DO NOTHING RETURNING id",
            (campaign.id, contact_id, key, action, now),
        ).fetchone()
        return None if row is None else int(row[0])

    @staticmethod
    def _finish(row: int, answer: dict[str, Any]) -> dict[str, Any]:
        execute("UPDATE interaction_games_act SET answer = ? WHERE id = ?", (json_text(answer), row))
        return dict(answer)

    def _game(self, campaign: CampaignView) -> Any:
        return self.engine.games.get(campaign.game) or registry.game(self.brand, campaign.game)

    def _first_answer(self, campaign: CampaignView, contact_id: int, key: str, action: str) -> dict[str, Any]:
        known = self._answered(campaign, contact_id, key)
        assert known is not None
        before, answer = known
        if before != action:
            raise Conflict(f"the key {key!r} was used for {before!r}", code="key_used")
        found: dict[str, Any] = json.loads(answer)
        return found

    @staticmethod
    def _answered(campaign: CampaignView, contact_id: int, key: str) -> tuple[str, str] | None:
        """(action, answer) of the act with this key, or None."""
        row = execute(
            "SELECT action, answer FROM interaction_games_act WHERE contact_id = ? AND campaign_id = ? AND key = ?",
            (contact_id, campaign.id, key),
        ).fetchone()
        return None if row is None else (row[0], row[1])

    @staticmethod
    def _open(campaign: CampaignView, now: int) -> None:
        phase = campaign.phase(now)
        if phase != "running":
            code, words = _CLOSED[phase]
            raise Conflict(f"campaign {campaign.code!r} {words}", code=code)

    def view(self, code: str, contact_id: int | None, *, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What a person (None: a visitor) sees of a campaign now; writes nothing. Raises NotFound for a draft."""
        campaign = self.engine.campaigns.get(code)
        now = self.brand.now()
        if campaign.state == "draft":
            raise NotFound(f"no campaign {code!r}")
        game = self._game(campaign)
        if contact_id is not None:
            contact_id = self.brand.contacts.survivor(contact_id)
        turn = Turn(self.engine, campaign, contact_id, now=now, data=_texts(data or {}))
        return {
            "code": campaign.code,
            "game": campaign.game,
            "title": campaign.title,
            "phase": campaign.phase(now),
            "starts_at": campaign.starts_at,
            "ends_at": campaign.closes_at,
            "chances": turn.tickets.balance() if contact_id is not None else None,
            "buy": means.offer(self.brand, campaign, contact_id, consumer_language()),
            "prizes": [prize.shown() for prize in campaign.prizes if prize.wins],
            "view": game.view(turn),
        }


def _key(key: str) -> str:
    text = clean_text(key, field="key", max_length=100)
    if not text:
        raise Invalid("key: an act has a key, new for each thing that a person does", field="key")
    return text


def _texts(data: Mapping[str, Any]) -> dict[str, str]:
    """The request's fields as texts; raises Invalid for anything else."""
    if len(data) > MOST_DATA:
        raise Invalid(f"data: at most {MOST_DATA} fields are taken", field="data")
    out = {}
    for name, value in data.items():
        name = clean_text(name, field="data", max_length=60)
        if name in ("contact", "contact_id"):
            raise Forbidden("who acts is known from the signed session, never from the request", code="identity")
        if type(value) in (int, bool):
            value = str(value)
        out[name] = clean_text(value, field=f"data.{name}", multiline=True)
    return out


def json_text(answer: Any) -> str:
    """A game's answer as it is kept; raises Invalid when JSON cannot hold it."""
    if not isinstance(answer, dict):
        raise Invalid(f"a game answers with a dict, not {type(answer).__name__}")
    return json.dumps(answer, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
