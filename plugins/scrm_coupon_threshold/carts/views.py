"""Redemptions, scans, shops and clerks as JSON."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from scrm_core.api import iso

from ..rules import shown_code
from .counter import Redeemed, Scan
from .redeeming import RedemptionView
from .stores import ClerkView, StoreView


def redemption_view(entry: RedemptionView, zone: ZoneInfo) -> dict[str, Any]:
    """A redemption: what it took off, where and by whom. Its customer is named by no more than the coupon."""
    return {
        "redemption": entry.uid,
        "coupon": entry.coupon,
        "batch": entry.batch,
        "title": entry.title,
        "source": entry.source,
        "order_number": entry.order_number,
        "store": entry.store,
        "store_name": entry.store_name,
        "clerk": entry.clerk,
        "clerk_name": entry.clerk_name,
        "terminal": entry.terminal,
        "ticket": entry.ticket,
        "actor": entry.actor,
        "at": iso(entry.at, zone),
        "amount_minor": entry.amount_minor,
        "discount_minor": entry.discount_minor,
        "shipping_minor": entry.shipping_minor,
        "shares": list(entry.shares),
        "reversal": entry.reverses_id is not None,
        "reversed_by": entry.reversed_by,
        "reversed_at": iso(entry.reversed_at, zone),
        "reason": entry.reason,
    }


def first_view(entry: RedemptionView, zone: ZoneInfo) -> dict[str, Any]:
    """The facts of the first redemption that a second scan is told: when, where, by whom."""
    return {
        "redemption": entry.uid,
        "at": iso(entry.at, zone),
        "store": entry.store,
        "store_name": entry.store_name,
        "clerk": entry.clerk,
        "clerk_name": entry.clerk_name,
        "ticket": entry.ticket,
        "order_number": entry.order_number,
    }


def scan_view(scan: Scan, zone: ZoneInfo) -> dict[str, Any]:
    """What a scan found; the owner is masked."""
    shown: dict[str, Any] = {"usable": scan.usable, "reason": scan.reason, "message": scan.message}
    if scan.locked_until is not None:
        shown["locked_until"] = iso(scan.locked_until, zone)
    coupon = scan.coupon
    if coupon is not None:
        shown |= {
            "coupon": coupon.uid,
            "code": shown_code(coupon.code),
            "batch": coupon.batch,
            "title": coupon.title,
            "state": coupon.state,
            "rule": scan.rule,
            "terms": scan.terms,
            "sku": scan.sku,
            "owner": scan.owner,
            "phone": scan.phone,
            "stores": list(scan.stores),
            "valid_from": iso(coupon.valid_from, zone),
            "valid_to": iso(coupon.valid_to, zone),
        }
    return shown if scan.first is None else {**shown, "first": first_view(scan.first, zone)}


def redeemed_view(done: Redeemed, zone: ZoneInfo) -> dict[str, Any]:
    """What a press on the button did."""
    shown: dict[str, Any] = {"redeemed": done.redeemed, "replayed": done.replayed}
    if done.redemption is not None:
        return {**shown, "payable_minor": done.payable_minor, "redemption": redemption_view(done.redemption, zone)}
    return {**shown, "scan": scan_view(done.scan, zone)}


def store_view(store: StoreView) -> dict[str, Any]:
    """A shop."""
    return {"code": store.code, "name": store.name, "state": store.state}


def clerk_view(clerk: ClerkView) -> dict[str, Any]:
    """A clerk; nothing of the PIN."""
    return {
        "code": clerk.code,
        "name": clerk.name,
        "store": clerk.store,
        "role": clerk.role,
        "state": clerk.state,
    }
