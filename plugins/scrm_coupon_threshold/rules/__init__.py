"""Rules (优惠规则): pure arithmetic in minor units."""

from .arithmetic import half_up, spread, units_paid
from .basket import Gift, Unmet
from .choosing import best, elsewhere, quote
from .codes import is_code, new_code, normalise_code, shown_code
from .kinds import Rule
from .offers import BASES, STEPS, Applied, Offer, Policy, Quote, Refused
from .percent import discount_bp
from .reading import KINDS, read_rule
from .refunds import POLICIES, Refund, SoldLine, refund_by_allocation, refund_by_recompute
from .scope import Scope, read_scope
from .wording import describe, explain

__all__ = [
    "BASES",
    "KINDS",
    "POLICIES",
    "STEPS",
    "Applied",
    "Gift",
    "Offer",
    "Policy",
    "Quote",
    "Refund",
    "Refused",
    "Rule",
    "Scope",
    "SoldLine",
    "Unmet",
    "best",
    "describe",
    "discount_bp",
    "elsewhere",
    "explain",
    "half_up",
    "is_code",
    "new_code",
    "normalise_code",
    "quote",
    "read_rule",
    "read_scope",
    "refund_by_allocation",
    "refund_by_recompute",
    "shown_code",
    "spread",
    "units_paid",
]
