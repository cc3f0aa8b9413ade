"""Acts of people in the audit log (审计): noted where they are done, whether by a page, a call or a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scrm_core.api import Brand


def noted(brand: Brand, actor: str, act: str, thing: str = "", detail: dict[str, Any] | None = None) -> None:
    """Note an act (``wecom_send.open``) upon a thing (``may``, noted as ``wecom-send:may``) in its transaction.

    What plugins ask of one another has no actor, and is nobody's act.
    """
    if actor:
        kind = act.partition(".")[0].replace("_", "-")
        brand.audit.note(actor, act, f"{kind}:{thing}" if thing else "", detail)
