"""How many people two audiences share, estimated from sketches under a key that only this run has.

::

    asks      ask (public key)    ->   computes its sketch
    computes  <- answer (public key, sketch)
    done      sketch ->                done

The key is derived from both sides' X25519 keys, which live for one run: both
estimate, and then forget keys and sketches. What a dishonest partner could
learn is said in the README.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator
from typing import Any

from scrm_core.api import Conflict, Invalid, PartnerMessage, execute, new_uid, transactional

from .book import MS_PER_DAY, Book, Refuse
from .fit import MINIMUM, rounded
from .sketches import Overlap, fault, overlap, sketch

# A message is tried for about 30 hours; a key is kept no longer than an answer may take.
_PATIENCE_DAYS = 3
_RUNNING = "a run with this partner is under way; see `scrm cross-brand-swap overlaps`"
_RUN = "SELECT id, run, partner, asked_by, k, state, secret, public, other, theirs FROM cross_brand_swap_overlap "
_PHONES = (
    "FROM identity i JOIN contact c ON c.id = i.contact_id "
    "WHERE i.kind = 'phone' AND c.state = 'active'"
)
# The latest word of each person counts; nobody who has not said yes is in the sketch.
_CONSENTED = (
    " AND EXISTS (SELECT 1 FROM consent g WHERE g.contact_id = c.id AND g.purpose = ? AND g.channel = '' "
    "AND g.granted = 1 AND NOT EXISTS (SELECT 1 FROM consent later WHERE later.contact_id = g.contact_id "
    "AND later.purpose = g.purpose AND later.channel = '' "
    "AND (later.at > g.at OR (later.at = g.at AND later.id > g.id))))"
)

_REFUSED = (
    " AND NOT EXISTS (SELECT 1 FROM contact_tag ct JOIN tag t ON t.id = ct.tag_id JOIN tag_group g "
    "ON g.id = t.group_id WHERE ct.contact_id = c.id AND g.name || '/' || t.name IN ({marks}))"
)


class Overlaps(Book):
    """A brand's estimates of overlaps."""

    @transactional
    def ask(self, partner: str, *, actor: str) -> str:
        """Begin a run with a partner; returns its id.

        Raises Conflict while overlaps are switched off, the audience is too small
        or the last run with the partner is too recent.
        """
        if partner not in self.brand.partners.names():
            raise Invalid(f"the brand's file names no partner {partner!r}", field="partner")
        reason = self._against(partner)
        if reason:
            raise Conflict(reason, code="overlap_refused")
        run, (secret, public) = new_uid(self.brand.now()), _new_keys()
        if not self._insert(run, partner, "us", self.settings["sketch_size"], "asked", secret, public, ""):
            raise Conflict(_RUNNING, code="overlap_refused")
        body = {"run": run, "k": self.settings["sketch_size"], "public": public}
        self.brand.partners.send(partner, "swap.overlap.ask", body, key=f"overlap:{run}:ask")
        self.note("", partner, "us", "overlap ask", message=run, actor=actor)
        return run

    def take_ask(self, event: PartnerMessage) -> None:
        """A partner asks for a run; the sketch is made by the job."""
        run, k, public = (event.body.get(name) for name in ("run", "k", "public"))
        if not isinstance(run, str) or not 8 <= len(run) <= 64:
            raise Refuse("a run has an id")
        if k != self.settings["sketch_size"]:
            raise Refuse(f"wrong size: sketches of {k} hashes, here of {self.settings['sketch_size']}")
        _public(public)
        if execute("SELECT 1 FROM cross_brand_swap_overlap WHERE run = ?", (run,)).fetchone() is not None:
            raise Refuse("the run is known already")
        reason = self._against(event.partner)
        if reason:
            raise Refuse(reason)
        secret, own = _new_keys()
        _key(secret, own, str(public), run)  # a public key that gives no secret is refused here
        if not self._insert(run, event.partner, "them", k, "computing", secret, own, str(public)):
            raise Refuse(_RUNNING)
        self.note("", event.partner, "them", "overlap ask", message=run)

    def take_sketch(self, event: PartnerMessage) -> None:
        """The partner's sketch, the first with its public key; the job estimates."""
        row = execute(_RUN + "WHERE run = ? AND partner = ?", (str(event.body.get("run")), event.partner)).fetchone()
        answer = event.kind == "swap.overlap.answer"
        if row is None or row[3] != ("us" if answer else "them") or row[5] != ("asked" if answer else "waiting"):
            raise Refuse("out of order: no run waits for this sketch")
        run_id, run, partner, _, k, _, secret, public, other, _ = row
        if answer:
            other = _public(event.body.get("public"))
        key = _key(secret, public, other, run)
        text = event.body.get("sketch")
        try:
            given = base64.b85decode(text)  # type: ignore[arg-type]
        except (ValueError, TypeError):
            given = b""
        wrong = fault(given, k, MINIMUM)
        if not hmac.compare_digest(str(event.body.get("check")).encode(), _check(key, given).encode()):
            wrong = "wrong key: the sketch was not made under the key of this run"
        if event.body.get("k") != k:
            wrong = f"wrong size: a sketch of {event.body.get('k')} hashes, {k} were agreed"
        if wrong:
            self._forget(run_id, "refused", None, wrong)
            raise Refuse(wrong)
        execute(
            "UPDATE cross_brand_swap_overlap SET other = ?, theirs = ?, state = 'computing' WHERE id = ?",
            (other, text, run_id),
        )
        self.note("", partner, "them", "overlap sketch", message=run)

    def end_refused(self, partner: str, run: str, reason: str) -> None:
        """The partner refused what this brand sent for a run: it ends, with the partner's reason."""
        row = execute(
            "SELECT id FROM cross_brand_swap_overlap WHERE run = ? AND partner = ? AND state IN ('asked', 'waiting')",
            (run, partner),
        ).fetchone()
        if row is not None:
            self._forget(row[0], "refused", None, f"the partner refused: {reason}")

    def compute_due(self) -> int:
        """The job: make sketches that are owed, estimate where both are there, give up what nobody answers.

        A run with a partner that the file names no more ends: its key is not kept for a return.
        """
        self._give_up()
        rows = execute(_RUN + "WHERE state = 'computing' ORDER BY id").fetchall()
        for row in rows:
            if row[2] in self.brand.partners.names():
                self._compute(*row)
            else:
                self._forget(row[0], "refused", None, f"the brand's file names no partner {row[2]!r}")
        return len(rows)

    def runs(self) -> list[dict[str, Any]]:
        """Every run, newest first. ``people`` has 2 significant digits; None: not known yet, or see ``reason``."""
        rows = execute(
            "SELECT at, run, partner, asked_by, k, state, estimate, error_bp, reason FROM cross_brand_swap_overlap "
            "ORDER BY id DESC"
        ).fetchall()
        names = ("at", "run", "partner", "asked_by", "k", "state", "people", "error_bp", "reason")
        return [{**dict(zip(names, row, strict=True)), "at": self.shown(row[0])} for row in rows]

    def last(self, partner: str) -> int | None:
        """The last estimate with a partner, with 2 significant digits; None when there is none."""
        row = execute(
            "SELECT estimate FROM cross_brand_swap_overlap WHERE partner = ? AND state = 'done' "
            "ORDER BY id DESC LIMIT 1",
            (partner,),
        ).fetchone()
        return None if row is None else row[0]

    def people(self, partner: str) -> Iterator[str]:
        """The phones that go into a sketch for a partner, each once; never all of them in memory."""
        return (value for (value,) in self._phones("DISTINCT i.value", partner))

    def _phones(self, what: str, partner: str) -> Any:
        sql, params = f"SELECT {what} {_PHONES}", []
        if self.settings["overlap_basis"] == "consent":
            sql, params = sql + _CONSENTED, [_purpose(partner)]
        refused = self.settings["overlap_refuse_tags"]
        if refused:
            sql, params = sql + _REFUSED.format(marks=", ".join("?" * len(refused))), [*params, *refused]
        return execute(sql, params)

    def _compute(
        self, run_id: int, run: str, partner: str, asked_by: str, k: int, _: str, secret: str, public: str, other: str,
        theirs: str,
    ) -> None:  # fmt: skip
        key = _key(secret, public, other, run)
        own = sketch(self.people(partner), key, k)
        small = fault(own, k, MINIMUM)  # the audience may have shrunk since the run began
        if small:
            self._forget(run_id, "refused", None, small)
            return
        found = overlap(own, base64.b85decode(theirs), k) if theirs else None
        body = {
            "run": run, "k": k, "public": public, "sketch": base64.b85encode(own).decode(), "check": _check(key, own),
        }  # fmt: skip
        with self.brand.transaction():
            if asked_by == "them" and found is None:
                moved = execute(
                    "UPDATE cross_brand_swap_overlap SET state = 'waiting' WHERE id = ? AND state = 'computing'",
                    (run_id,),
                )
                if moved.rowcount == 1:  # of two workers that computed, one sends
                    self.brand.partners.send(partner, "swap.overlap.answer", body, key=f"overlap:{run}:answer")
                    self.note("", partner, "us", "overlap sketch", message=run)
            elif self._forget(run_id, "done", found, ""):
                if asked_by == "us":
                    self.brand.partners.send(partner, "swap.overlap.sketch", body, key=f"overlap:{run}:sketch")
                    self.note("", partner, "us", "overlap sketch", message=run)
                self.note("", partner, "us", "overlap done", message=run)

    def _give_up(self) -> None:
        execute(
            "UPDATE cross_brand_swap_overlap SET state = 'refused', secret = '', theirs = '', reason = ? "
            "WHERE state IN ('asked', 'waiting') AND at < ?",
            ("no answer came", self.brand.now() - _PATIENCE_DAYS * MS_PER_DAY),
        )

    def _against(self, partner: str) -> str:
        self._give_up()
        if not self.settings["overlap"]:
            return "overlaps are switched off; see `overlap` in the plugin's settings"
        for tag in self.brand.tags.unknown(self.settings["overlap_refuse_tags"]):
            # A slip of the pen would let minors in.
            return f"overlap_refuse_tags: the brand has no tag {tag!r}, so it would keep nobody out"
        since = self.brand.now() - self.settings["overlap_days"] * MS_PER_DAY
        recent = execute(
            # A refused run that the partner asked for counts too: it had this brand's sketch.
            "SELECT 1 FROM cross_brand_swap_overlap WHERE partner = ? AND at > ? "
            "AND (state <> 'refused' OR asked_by = 'them')",
            (partner, since),
        ).fetchone()
        if recent is not None:
            days = self.settings["overlap_days"]
            return f"one run with a partner in {days} days: two runs tell who joined in between"
        if self._phones("count(DISTINCT i.value)", partner).fetchone()[0] < MINIMUM:
            # The partner is told this too: never how many there are.
            have = "have a phone"
            if self.settings["overlap_basis"] == "consent":
                have = f"with a phone consented to `{_purpose(partner)}`"
            return f"fewer than {MINIMUM:,} people {have}; an audience is below the minimum of {MINIMUM:,} people"
        return ""

    def _insert(
        self, run: str, partner: str, asked_by: str, k: int, state: str, secret: str, public: str, other: str
    ) -> bool:
        """Begin a run; False while another one with the partner is under way: the index allows one."""
        made = execute(
            "INSERT INTO cross_brand_swap_overlap (run, partner, asked_by, k, state, secret, public, other, theirs, "
            "reason, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', '', ?) ON CONFLICT DO NOTHING",
            (run, partner, asked_by, k, state, secret, public, other, self.brand.now()),
        )
        return bool(made.rowcount == 1)

    def _forget(self, run_id: int, state: str, found: Overlap | None, reason: str) -> bool:
        """End a run, and its keys; False when it has ended before."""
        told = rounded(found.people) or None if found is not None else None
        if found is not None and told is None:
            reason = f"fewer than {MINIMUM:,} people are in both: no number is told"
        done = execute(
            "UPDATE cross_brand_swap_overlap SET state = ?, secret = '', theirs = '', estimate = ?, error_bp = ?, "
            "reason = ? WHERE id = ? AND state IN ('asked', 'computing', 'waiting')",
            (state, told, found.error_bp(told) if told is not None and found is not None else None, reason, run_id),
        )
        return bool(done.rowcount == 1)


def _purpose(partner: str) -> str:
    """The consent that a person gives to be in a sketch for a partner."""
    return f"partner_share:{partner}"


def _new_keys() -> tuple[str, str]:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    key = X25519PrivateKey.generate()
    return key.private_bytes_raw().hex(), key.public_key().public_bytes_raw().hex()


def _public(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise Refuse("a public key is 64 hexadecimal digits")
    return value


def _key(secret: str, public: str, other: str, run: str) -> bytes:
    """The key of a run: HKDF of the X25519 secret, bound to the run and both public keys."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    try:
        shared = X25519PrivateKey.from_private_bytes(bytes.fromhex(secret)).exchange(
            X25519PublicKey.from_public_bytes(bytes.fromhex(other))
        )
    except ValueError:
        raise Refuse("wrong key: no secret comes of it") from None
    bound = "|".join(("scrm cross-brand-swap overlap", *sorted((public, other)))).encode()
    return HKDF(hashes.SHA256(), 32, salt=run.encode(), info=bound).derive(shared)


def _check(key: bytes, given: bytes) -> str:
    return hmac.new(key, b"sketch" + given, "sha256").hexdigest()


def problems() -> list[str]:
    """What keeps overlaps from working here."""
    try:
        import cryptography.hazmat.primitives.kdf.hkdf  # noqa: F401
    except ImportError:
        return ["overlaps need cryptography: pip install 'scrm[swap]'"]
    return []

