"""A plugin of number packs alone: its tables, routes and commands, without plans and gateways."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click
import flask

import scrm_sms
from scrm_core.api import Plugin, hookimpl
from scrm_sms.packs import people
from scrm_sms.packs.commands import add_commands
from scrm_sms.packs.models import PACK_MODELS
from scrm_sms.packs.routes import add_routes
from scrm_sms.packs.schemas import PackSettings
from scrm_sms.packs.service import Packs

blueprint = flask.Blueprint("sms_packs", __name__)
add_routes(blueprint)

group = click.Group(name="sms")
add_commands(group)

_FOLDER = tempfile.TemporaryDirectory(prefix="sms-packs-")
shutil.copy(Path(scrm_sms.__file__).parent / "migrations" / "0001_packs.py", _FOLDER.name)


class PacksOnly(Plugin):
    """The plugin sms as far as packs go."""

    name = "sms"
    version = "0.1.0"
    summary = "number packs"
    requires_core = ">=0.1.0.dev0,<1"
    Settings = PackSettings
    models = PACK_MODELS
    migrations = "migrations"
    blueprint = blueprint
    permissions = {"sms:read": "see packs", "sms:write": "make packs"}

    @classmethod
    def migrations_path(cls):
        return Path(_FOLDER.name)

    @hookimpl
    def collect_personal_data(self, query):
        return {"packs": people.collect(self.brand, people.phones_of(query.contact_ids))}

    def erase_personal_data(self, query):
        people.erase(self.brand, people.phones_of(query.contact_ids), query.contact_ids)


SMS = "\n[plugins.sms]\n"


def packs_of(brand):
    """The packs of a brand with its settings."""
    return Packs(brand, brand.plugins["sms"].settings)


def everything(packs, code):
    """All that a pack holds, in a form that two packs can be compared in."""
    pack = packs.get(code)
    numbers = [(n.address, n.line, n.name, n.ordered_at, n.order_number, n.contact_id) for n in packs.numbers(code)]
    dropped = [(d.line, d.number, d.reason, d.winner) for d in packs.dropped(code)]
    return (pack.state, pack.rows, pack.accepted, pack.dropped, pack.matched, pack.content), numbers, dropped
