"""Acting: one request of a person at a game, once per key, in one short transaction that others may share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Forbidden, Invalid, NotFound, clean_text, execute

from . import registry
from .turns import Engine, Turn

if TYPE_CHECKING:
    from .definition import CampaignView

MOST_DATA = 50
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
        """Run an action of the campaign's game for a person; the same key again gets the first answer.

        ``contact_id`` comes from a signed session or a trusted caller, never
        from the request's data. Raises NotFound for an unknown campaign or
        action, Conflict when the campaign is not running or the key was used
        for another action, and whatever the game refuses with; nothing is
        written then.
        """
        key = clean_text(key, field="key", max_length=100)
        if not key:
            raise Invalid("key: an act has a key, new for each thing that a person does", field="key")
        texts = _texts(data or {})

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
        if method is None:
            raise NotFound(f"game {campaign.game!r} has no action {action!r}; it has {', '.join(sorted(game.actions))}")
        now = self.brand.now()
        row = execute(
            "INSERT INTO interaction_games_act (campaign_id, contact_id, key, action, at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (contact_id, campaign_id, key) DO NOTHING RETURNING id",
            (campaign.id, contact_id, key, action, now),
        ).fetchone()
        if row is None:
            return self._first_answer(campaign, contact_id, key, action)
        self._open(campaign, now)
        turn = Turn(self.engine, campaign, contact_id, now=now, key=key, data=data, device=device, network=network,
                    act=True)  # fmt: skip
        answer = getattr(game, method)(turn)
        if turn.refused is not None:
            raise turn.refused
        execute("UPDATE interaction_games_act SET answer = ? WHERE id = ?", (json_text(answer), row[0]))
        return dict(answer)

    def _game(self, campaign: CampaignView) -> Any:
        return self.engine.games.get(campaign.game) or registry.game(self.brand, campaign.game)

    def _first_answer(self, campaign: CampaignView, contact_id: int, key: str, action: str) -> dict[str, Any]:
        before, answer = execute(
            "SELECT action, answer FROM interaction_games_act WHERE contact_id = ? AND campaign_id = ? AND key = ?",
            (contact_id, campaign.id, key),
        ).fetchone()
        if before != action:
            raise Conflict(f"the key {key!r} was used for {before!r}", code="key_used")
        found: dict[str, Any] = json.loads(answer)
        return found

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
            "ends_at": campaign.ends_at,
            "chances": turn.tickets.balance() if contact_id is not None else None,
            "prizes": [prize.shown() for prize in campaign.prizes if prize.wins],
            "view": game.view(turn),
        }


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
