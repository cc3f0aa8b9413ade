"""The personal poster (个人海报): the inviter's own QR code under neutral words.

It says what the campaign is called, never what the sharer gets for sharing
(WeChat's rules on induced sharing).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import Poster, draw_poster, execute, mask

if TYPE_CHECKING:
    from .campaigns import Campaign
    from .inviters import Inviter
    from .service import Referrals


def poster_of(referrals: Referrals, campaign: Campaign, inviter: Inviter) -> bytes:
    """The poster of somebody accepted, as a PNG; raises what :func:`scrm_core.api.draw_poster` raises."""
    consumer = referrals.brand.config.consumer
    row = execute("SELECT name FROM contact WHERE id = ?", (inviter.contact_id,)).fetchone()
    return draw_poster(
        Poster(
            url=referrals.campaigns.link(inviter),
            brand=consumer.title or referrals.brand.name,
            title=campaign.definition.title,
            line=campaign.definition.poster,
            person=(mask("name", row[0]) or "") if row is not None and row[0] else "",
            scan="扫一扫 Scan",
            colour=consumer.colour,
            extra="referral",
        )
    )
