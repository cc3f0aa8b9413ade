"""Greets every new lead."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from scrm_core.api import Job, LeadCaptured, Plugin, execute, hookimpl

from .models import Greeting
from .routes import READ, blueprint

DAY_MS = 86_400_000


class Settings(Schema):
    """The keys of ``[plugins.hello]`` in a brand's file."""

    text = fields.String(
        load_default="Welcome",
        validate=validate.Length(1, 100),
        metadata={"description": "what a new lead is greeted with"},
    )
    keep_days = fields.Integer(
        strict=True,
        load_default=30,
        validate=validate.Range(1, 3_650),
        metadata={"description": "days after which a greeting is forgotten"},
    )


class Hello(Plugin):
    """Greets every new lead once, lists the greetings and forgets the old ones."""

    name = "hello"
    version = "0.1.0"
    summary = "Greets every new lead"
    requires_core = ">=0.1.0.dev0,<1"
    Settings = Settings
    settings_zh = {"text": "给新线索的问候语", "keep_days": "问候保留的天数"}
    models = (Greeting,)
    migrations = "migrations"
    blueprint = blueprint
    permissions = {READ: "list the greetings"}
    jobs = (Job("forget", 86_400, "forget_old"),)

    @hookimpl
    def on_lead(self, event: LeadCaptured) -> None:
        """Greet a contact when it first comes; what is written here commits with the plugin's place in the log."""
        contact = self.brand.contacts.present(event.contact_id)  # who may have been merged or erased meanwhile
        if event.is_new and contact is not None:
            execute(
                "INSERT INTO hello_greeting (event_id, contact_id, text, at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (event_id) DO NOTHING",
                (event.event_id, contact, self.settings["text"], event.at),
            )

    def forget_old(self) -> int:
        """The job: delete greetings older than ``keep_days``; returns how many."""
        oldest = self.brand.now() - self.settings["keep_days"] * DAY_MS
        return execute("DELETE FROM hello_greeting WHERE at < ?", (oldest,)).rowcount
