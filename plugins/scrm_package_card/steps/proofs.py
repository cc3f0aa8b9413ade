"""Step print (批量打印): a proof is made, somebody else approves it, then the print is ordered.

While step test runs, a proof is one of the pilot cards that the arms need;
its approval says nothing about the production that is designed afterwards.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, execute, transactional

from ..stock.service import Stock
from . import wording
from .catalogue import APPROVAL, ORDERED, PILOT, PRODUCTION, PROOF
from .gate import require_approved_proof
from .records import By, Plan, Records, Signoff

if TYPE_CHECKING:
    from scrm_core.api import Brand

MOST_CARDS = 100_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_KEY = "key:"
MOST_BYTES = 900_000
"""Bytes of a proof's file, which one request has to hold; a larger one is named by its digest alone."""
_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"%PDF-", "application/pdf"))


@dataclass(frozen=True, slots=True)
class ProofFile:
    """A proof as it was handed in: PNG, JPEG or PDF."""

    content_type: str
    content: bytes


class Proofs:
    """Proofs and print orders of one brand's campaigns; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any], records: Records) -> None:
        self.brand = brand
        self.settings = settings
        self.records = records

    @transactional
    def make(self, code: str, file: str, by: By, *, sha256: str = "", content: bytes = b"") -> Signoff:
        """Record that a proof was made: its file's name, and its digest so that it cannot be mixed up.

        ``content`` keeps the file itself (PNG, JPEG or PDF, at most
        :data:`MOST_BYTES`), so that whoever approves it sees it. A new proof
        takes the place of an earlier one, whose approval is then void.
        """
        name = wording.words(file, "file", most=300)
        if sha256 and not _SHA256.match(sha256):
            raise Invalid("sha256: 64 hexadecimal digits in lower case are expected", field="sha256")
        content_type = _type_of(content) if content else ""
        digest = hashlib.sha256(content).hexdigest() if content else sha256
        if sha256 and digest != sha256:
            raise Invalid("sha256: it is another file's digest", field="sha256")
        sha256 = digest
        plan = self.records.hold(code)
        kind = self._kind(plan)
        earlier = self.records.state(plan).signed(PROOF, kind)
        number = 1 if earlier is None else earlier.detail["number"] + 1
        voided = self.records.void(plan, ((PROOF, kind), (APPROVAL, kind)), f"replaced by proof {number}")
        detail = {"number": number, "file": name, "sha256": sha256, "of": kind}
        if content:
            self._keep(plan, sha256, content_type, content)
        self.records.sign(plan, PROOF, by, detail, subject=kind)
        self.records.log(plan, by, PROOF, {**detail, "void": voided})
        return self.records.state(plan).signoffs[PROOF, kind]

    @transactional
    def approve(self, code: str, number: int, by: By) -> Signoff:
        """Approve proof ``number``, the latest one.

        With the setting ``two_person_approval`` the approver is somebody else
        than who made the proof, by name and, over the API, by key: Conflict
        (code ``two_person``) otherwise.
        """
        plan = self.records.hold(code)
        kind = self._kind(plan)
        proof = self.records.state(plan).signed(PROOF, kind)
        if proof is None:
            raise Conflict(f"campaign {code!r} has no proof of its {kind} cards to approve", code="proof")
        if number != proof.detail["number"]:
            raise Conflict(
                f"proof {number} is not the latest: proof {proof.detail['number']} ({proof.detail['file']}) is",
                code="proof",
            )
        if self.settings["two_person_approval"]:
            _expect_another(proof, by)
        detail = {"number": number, "file": proof.detail["file"], "sha256": proof.detail["sha256"], "of": kind}
        self.records.sign(plan, APPROVAL, by, detail, subject=kind)
        self.records.log(plan, by, APPROVAL, {**detail, "made_by": proof.who})
        return self.records.state(plan).signoffs[APPROVAL, kind]

    @transactional
    def order(self, code: str, quantity: int, by: By, *, printer: str) -> Signoff:
        """Order the print; raises Conflict (code ``proof``) without an approved proof."""
        detail: dict[str, Any] = {
            "quantity": wording.whole(quantity, "quantity", least=1, most=MOST_CARDS),
            "printer": wording.name(printer, "printer"),
        }
        plan = self.records.hold(code)
        # Pilot cards and earlier prints came before: only what comes from now on is this print.
        detail["arrived_before"] = Stock(self.brand).arrived(plan.campaign_id)
        self.records.expect_at(plan, "print")
        require_approved_proof(self.brand, plan.campaign_id)
        self.records.sign(plan, ORDERED, by, detail)
        self.records.log(plan, by, ORDERED, detail)
        return self.records.state(plan).signoffs[ORDERED, ""]

    def _keep(self, plan: Plan, sha256: str, content_type: str, content: bytes) -> None:
        execute(
            "INSERT INTO package_card_step_proof (campaign_id, sha256, content_type, data, at) "
            "VALUES (?, ?, ?, ?, ?) ON CONFLICT (campaign_id, sha256) DO NOTHING",
            (plan.campaign_id, sha256, content_type, base64.b64encode(content).decode(), self.brand.now()),
        )

    def file(self, code: str, sha256: str) -> ProofFile:
        """The file of a campaign's proof with this digest; raises NotFound for one that was not kept."""
        row = execute(
            "SELECT f.content_type, f.data FROM package_card_step_proof f "
            "JOIN package_card_campaign k ON k.id = f.campaign_id WHERE k.code = ? AND f.sha256 = ?",
            (code, sha256),
        ).fetchone()
        if row is None:
            raise NotFound(f"campaign {code!r} keeps no proof {sha256[:64]!r}")
        return ProofFile(row[0], base64.b64decode(row[1]))

    def type_of(self, code: str, sha256: str) -> str:
        """The content type of a proof's file, or empty for one that was not kept."""
        row = execute(
            "SELECT f.content_type FROM package_card_step_proof f "
            "JOIN package_card_campaign k ON k.id = f.campaign_id WHERE k.code = ? AND f.sha256 = ?",
            (code, sha256),
        ).fetchone()
        return "" if row is None else str(row[0])

    def _kind(self, plan: Plan) -> str:
        self.records.expect_at(plan, "test", "print")
        return PILOT if plan.step == "test" else PRODUCTION


def _type_of(content: bytes) -> str:
    """What a file is by what it begins with, whatever its name says."""
    if len(content) > MOST_BYTES:
        raise Invalid(f"content: a proof of {len(content):,} bytes; at most {MOST_BYTES:,} are kept", field="content")
    for head, content_type in _KINDS:
        if content.startswith(head):
            return content_type
    raise Invalid("content: a proof is a PNG, a JPEG or a PDF", field="content")


def _expect_another(proof: Signoff, by: By) -> None:
    number = proof.detail["number"]
    if wording.same_person(proof.who, by.name):
        raise Conflict(f"proof {number} was made by {proof.who}; somebody else approves it", code="two_person")
    if by.through.startswith(_KEY) and by.through == proof.through:
        raise Conflict(
            f"proof {number} was recorded with the same API key ({by.through}); a second person approves it with "
            "another key, or with the command line",
            code="two_person",
        )
