"""Where the ids of a brand's real rows lie, for every variable of a route: a route that is not listed here fails a test."""

from __future__ import annotations

from described_routes import Operation, operations

from scrm_core.brands import Brand
from scrm_core.db.bulk import execute

# The longest beginning of a path that fits says where its ids come from; a column for each of its variables.
_ROWS = {
    "/channels/": "SELECT code FROM channel WHERE code = 'sms-may'",
    "/contacts/": "SELECT uid FROM contact ORDER BY id",
    "/links/": "SELECT code FROM link ORDER BY id",
    "/orders/": "SELECT uid FROM orders ORDER BY id",
    "/reports/": "",
    "/rewards/": "SELECT uid FROM reward ORDER BY id",
    "/segments/": "SELECT name FROM segment",
    "/plugins/benefit-card/gifts/": "SELECT code FROM benefit_card_gift",
    "/plugins/benefit-card/issues/": "SELECT uid FROM benefit_card_issue",
    "/plugins/benefit-card/pools/": "SELECT code FROM benefit_card_pool",
    "/plugins/coupon-threshold/batches/": "SELECT code FROM coupon_threshold_batch",
    "/plugins/coupon-threshold/clerks/": "SELECT code FROM coupon_threshold_clerk",
    "/plugins/coupon-threshold/counter/redemptions/": "SELECT uid FROM coupon_threshold_redemption",
    "/plugins/coupon-threshold/coupons/": "SELECT uid FROM coupon_threshold_coupon ORDER BY id",
    "/plugins/coupon-threshold/holds/": "SELECT key FROM coupon_threshold_hold",
    "/plugins/coupon-threshold/redemptions/": "SELECT uid FROM coupon_threshold_redemption",
    "/plugins/coupon-threshold/stores/": "SELECT code FROM coupon_threshold_store",
    "/plugins/cross-brand-swap/deals/": "SELECT code FROM cross_brand_swap_deal WHERE code = 'summer'",
    "/plugins/cross-brand-swap/fit/": "",
    "/plugins/interaction-games/awards/": "SELECT uid FROM interaction_games_award",
    "/plugins/interaction-games/campaigns/": "SELECT code FROM interaction_games_campaign ORDER BY id",
    "/plugins/interaction-games/campaigns/{code}/acts/": "SELECT code, 'open' FROM interaction_games_campaign "
    "WHERE code = 'bargain'",
    "/plugins/interaction-games/draws/": "SELECT uid FROM interaction_games_draw ORDER BY id",
    "/plugins/interaction-games/refunds/": "SELECT uid FROM interaction_games_payment",
    "/plugins/interaction-games/tickets/": "SELECT uid FROM interaction_games_seat",
    "/plugins/interaction-games/welfare/": "SELECT code FROM interaction_games_welfare",
    "/plugins/koc/export/": "",
    "/plugins/koc/members/": "SELECT code FROM koc_member",
    "/plugins/koc/orders/": "SELECT source, number FROM koc_use WHERE number = 'G-1'",
    "/plugins/koc/scores/": "SELECT uid FROM contact ORDER BY id",
    "/plugins/koc/statements/": "SELECT number FROM koc_statement",
    "/plugins/koc/tasks/": "SELECT code FROM koc_task",
    "/plugins/koc/works/": "SELECT uid FROM koc_work",
    "/plugins/koc/works/{uid}/judge/": "SELECT uid, 'verify' FROM koc_work",
    "/plugins/koc/works/{uid}/pictures/": "SELECT w.uid, p.sha256 FROM koc_picture p JOIN koc_work w ON w.id = p.work_id",
    "/plugins/koc/works/{uid}/step/": "SELECT uid, 'accept' FROM koc_work",
    "/plugins/live-code/codes/": "SELECT ch.code FROM live_code_code c JOIN channel ch ON ch.id = c.channel_id",
    "/plugins/live-code/codes/{channel}/staff/": "SELECT ch.code, s.userid FROM live_code_seat p "
    "JOIN live_code_code c ON c.id = p.code_id JOIN channel ch ON ch.id = c.channel_id "
    "JOIN live_code_staff s ON s.id = p.staff_id",
    "/plugins/live-code/personas/": "SELECT code FROM live_code_persona",
    "/plugins/live-code/personas/{code}/exposures/": "SELECT p.code, '2026-05-01' FROM live_code_persona p",
    "/plugins/live-code/personas/{code}/staff/": "SELECT p.code, s.userid FROM live_code_persona p, live_code_staff s",
    "/plugins/live-code/staff/": "SELECT userid FROM live_code_staff",
    "/plugins/package-card/batches/": "SELECT code FROM package_card_batch",
    "/plugins/package-card/campaigns/": "SELECT code FROM package_card_campaign",
    "/plugins/package-card/campaigns/{code}/links/": "SELECT campaign, code FROM link WHERE owner = 'package-card' ORDER BY id",
    "/plugins/package-card/campaigns/{code}/steps/proof/{": "SELECT k.code, f.sha256 FROM package_card_step_proof f "
    "JOIN package_card_campaign k ON k.id = f.campaign_id",
    "/plugins/points/accounts/": "SELECT uid FROM contact ORDER BY id",
    "/plugins/points/holds/": "SELECT key FROM points_hold",
    "/plugins/red-packet/packets/": "SELECT code FROM red_packet_packet",
    "/plugins/red-packet/payouts/": "SELECT number FROM red_packet_payout",
    "/plugins/red-packet/payouts/files/": "SELECT file FROM red_packet_payout WHERE file <> ''",
    "/plugins/referral/campaigns/": "SELECT code FROM referral_campaign",
    "/plugins/referral/campaigns/{code}/inviters/": "SELECT c.code, p.uid FROM referral_inviter i "
    "JOIN referral_campaign c ON c.id = i.campaign_id JOIN contact p ON p.id = i.contact_id",
    "/plugins/referral/invitees/": "SELECT uid FROM referral_relation",
    "/plugins/referral/rewards/": "SELECT uid FROM referral_rung",
    "/plugins/sms/packs/": "SELECT code FROM sms_pack",
    "/plugins/sms/plans/": "SELECT code FROM sms_plan",
}
# These choose between things that every brand has: a report, a kind of export, a partner by the file's name.
CHOICES = {path for path, rows in _ROWS.items() if not rows}


def rows_of(operation: Operation) -> str:
    """The question for the ids of an operation's variables; raises KeyError where nobody said."""
    return _ROWS[max((path for path in _ROWS if operation.path.startswith(path)), key=len)]


def named_by_id() -> list[Operation]:
    """Operations whose path names rows of the brand."""
    return [each for each in operations() if each.variables and rows_of(each)]


def ids(operation: Operation, brand: Brand) -> list[dict[str, str]]:
    """Values for the variables of an operation, of rows that the brand has; call it inside the brand."""
    found = execute(rows_of(operation)).fetchall()
    return [dict(zip(operation.variables, row, strict=True)) for row in found]
