"""Pages that customers and clerks see, below ``/p/<brand>/coupon-threshold/``."""

from __future__ import annotations

from flask import Blueprint

from scrm_core.api import consumer_refusals

from . import clerk, coupon, offer
from .words import REFUSALS

pages = Blueprint(
    "coupon_pages",
    "scrm_coupon_threshold",
    template_folder="templates",
    static_folder="static",
    static_url_path="/static",
)
consumer_refusals(pages, REFUSALS)
offer.add_pages(pages)
coupon.add_pages(pages)
clerk.add_pages(pages)
