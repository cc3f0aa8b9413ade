"""SMS (短信): plans from goal to report, number packs, gateways, and what the messages brought."""

from __future__ import annotations

from scrm_core.api import Plugin

from .routes import blueprint
from .schemas import NAME, Settings


class Sms(Plugin):
    """A plan is made step by step, tested, approved, sent in the brand's hours, and counted."""

    name = NAME
    version = "0.1.0"
    summary = "SMS 短信: plans, number packs, gateways and results"
    requires_core = ">=0.1.0.dev0,<1"
    Settings = Settings
    migrations = "migrations"
    blueprint = blueprint
    permissions = {
        "sms:read": "see plans, number packs and their figures",
        "sms:write": "make plans and number packs, pause what is being sent",
        "sms:approve": "approve a plan for sending",
        "sms:send": "test, schedule, resume and release what is sent to people",
    }
    commands = "scrm_sms.commands:group"
