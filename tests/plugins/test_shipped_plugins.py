"""What every shipped plugin has in common, and the example that lies in a folder."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import peewee
import pytest

from scrm_benefit_card import BenefitCard
from scrm_console import Console
from scrm_core.api import BrandModel
from scrm_core.db.bulk import execute
from scrm_core.installation import Installation
from scrm_core.plugin import Plugin
from scrm_coupon_threshold import CouponThreshold
from scrm_cross_brand_swap import CrossBrandSwap
from scrm_interaction_games import InteractionGames
from scrm_koc import KocPlugin
from scrm_live_code import LiveCodePlugin
from scrm_package_card import PackageCard
from scrm_points import Points
from scrm_red_packet import RedPacket
from scrm_referral import Referral
from scrm_sms import Sms
from scrm_tag_rules import TagRules
from scrm_wechat_login import WechatLogin
from scrm_wecom import WecomPlugin

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = (
    BenefitCard, Console, CouponThreshold, CrossBrandSwap, InteractionGames, KocPlugin, LiveCodePlugin, PackageCard, Points,
    RedPacket, Referral, Sms, TagRules, WechatLogin, WecomPlugin,
)  # fmt: skip
# One signs customers in, one shows what others keep: they have no tables, routes or commands.
WITHOUT_TABLES = (Console, WechatLogin)
WITH_TABLES = tuple(cls for cls in SHIPPED if cls not in WITHOUT_TABLES)
# Settings without which a plugin cannot be switched on.
NEEDED = {"benefit-card": f'seal_keys = ["{base64.urlsafe_b64encode(bytes(32)).decode()}"]\n', "wecom": 'corp_id = "ww1"\n'}
TABLES = "".join(f"\n[plugins.{cls.name}]\n{NEEDED.get(cls.name, '')}" for cls in WITH_TABLES)
ROLES = {
    "__init__.py",
    "README.md",
    "commands.py",
    "migrations",
    "models.py",
    "report.py",
    "routes.py",
    "schemas.py",
    "service.py",
}


def folder(cls: type[Plugin]) -> Path:
    return ROOT / "plugins" / cls.__module__


@pytest.mark.parametrize("cls", WITH_TABLES)
def test_a_plugin_folder_has_the_same_files_in_the_same_roles(cls):
    # A large plugin has rooms, and in each of them the same files in the same roles.
    assert {path.name for path in folder(cls).rglob("*")} >= ROLES
    assert {path.name for path in folder(cls).iterdir()} >= ROLES - {"models.py", "report.py", "service.py"}


@pytest.mark.parametrize("cls", SHIPPED)
def test_every_setting_is_described_and_named_in_the_readme(cls):
    readme = (folder(cls) / "README.md").read_text("utf-8")
    for name, field in cls.Settings().fields.items():
        assert field.metadata["description"], name
        assert name in readme


@pytest.mark.parametrize("cls", WITH_TABLES)
def test_every_route_is_in_the_readme(cls):
    import flask

    app = flask.Flask("routes")
    app.register_blueprint(cls.blueprint)
    readme = (folder(cls) / "README.md").read_text("utf-8")
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            assert rule.rule in readme, rule.rule


def test_migrations_make_the_tables_that_the_models_describe(new_installation, engine):
    brand = new_installation(plugins=WITH_TABLES, acme=TABLES).brand("acme")
    with brand:
        for model in (model for cls in WITH_TABLES for model in cls.models):
            meta = model._meta
            made = {column.name: column for column in meta.database.get_columns(meta.table_name)}
            assert set(made) == {field.column_name for field in meta.sorted_fields}, meta.table_name
            for field in meta.sorted_fields:
                assert made[field.column_name].null == field.null or field.primary_key, field
            keys = {(key.column, key.dest_table) for key in meta.database.get_foreign_keys(meta.table_name)}
            assert keys == {
                (field.column_name, field.rel_model._meta.table_name)
                for field in meta.sorted_fields
                if isinstance(field, peewee.ForeignKeyField)
            }


def test_no_two_plugins_make_an_index_of_one_name(new_installation, engine):
    """Names of indexes are unique in a brand: a plugin of somebody else's could ask for the same one."""
    tables = {}
    for cls in WITH_TABLES:
        for model in cls.models:
            tables[model._meta.table_name] = cls.name.replace("-", "_")
    older = {"package_card", "sms", "tag_rules"}  # landed before the rule
    with new_installation(plugins=WITH_TABLES, acme=TABLES).brand("acme"):
        found = [
            index.name
            for table, owner in tables.items()
            if owner not in older
            for index in BrandModel._meta.database.get_indexes(table)
        ]
    assert found
    strange = [name for name in found if not name.startswith(("sqlite_autoindex", *set(tables.values()) - older))]
    assert strange == []


def test_the_smallest_plugin_works_from_a_folder(new_installation, shop_of):
    installation = new_installation()
    root = installation.config.root
    shutil.copytree(ROOT / "examples" / "plugins", root / "plugins")
    (root / "scrm.toml").write_text((root / "scrm.toml").read_text() + 'plugins_dir = "plugins"\n')
    brand_file = root / "brands" / "acme.toml"
    brand_file.write_text(brand_file.read_text("utf-8") + "\n[plugins.big-spenders]\nleast = 5000\n", encoding="utf-8")
    fresh = Installation.open(root, clock=installation.clock)
    fresh.migrate()
    shop, quiet = shop_of(fresh.brand("acme")), shop_of(fresh.brand("moonco"))
    for each in (shop, quiet):
        each.sell("A1", "b1", "2026-05-01T10:00", 5_000)
        each.sell("A2", "b2", "2026-05-01T10:00", 4_999)
        each.deliver()
    with shop.brand:
        uids = [shop.brand.contacts.find("buyer", b, "shop").uid for b in ("b1", "b2")]
    assert [shop.tags(uid, "value") for uid in uids] == [["big spender"], []]
    with quiet.brand:
        assert execute("SELECT count(*) FROM contact_tag").fetchone() == (0,)
    fresh.close()


def test_the_smallest_plugin_stays_small():
    source = (ROOT / "examples" / "plugins" / "scrm_big_spenders" / "__init__.py").read_text("utf-8")
    assert len([line for line in source.splitlines() if line.strip()]) <= 22
