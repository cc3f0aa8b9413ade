"""What plugins tell, offer and ask each other through the core, without knowing one another."""

from __future__ import annotations

import pytest

from scrm_core.api import MemberJoined, Plugin, PluginEvent, hookimpl
from scrm_core.db.bulk import execute
from scrm_core.errors import ConfigError, Invalid
from scrm_core.services.contacts import IdentityIn

AT = 1_767_225_600_000


def make(plugin_name: str, **attributes) -> type[Plugin]:
    base = {"name": plugin_name, "version": "1", "summary": "s", "requires_core": ">=0.0"}
    return type(f"P_{plugin_name}", (Plugin,), {**base, **attributes})


def person(brand, name="u-1"):
    return brand.contacts.resolve([IdentityIn.of("unionid", name)], at=AT, origin="test").contact_id


@pytest.fixture
def heard():
    return []


@pytest.fixture
def listening(new_installation, heard):
    @hookimpl
    def on_event(self, event: PluginEvent) -> None:
        heard.append((self.brand.id, event.plugin, event.name, event.contact_id, event.fields, event.at))

    @hookimpl
    def on_member(self, event: MemberJoined) -> None:
        heard.append((self.brand.id, "member", event.identity, event.contact_id, event.source, event.at))

    ear = make("ear", on_event=on_event, on_member=on_member)
    both = "[plugins.mouth]\n[plugins.ear]\n"
    return new_installation(plugins=(make("mouth"), ear), acme=both, moonco="[plugins.ear]\n")


def test_an_event_of_a_plugin_reaches_every_plugin_of_its_brand(listening, deliver, heard):
    acme, moonco = listening.brand("acme"), listening.brand("moonco")
    with acme:
        who = person(acme)
        acme.emit("mouth", "checked-in", who, {"campaign": "spring", "streak": 7}, at=AT)
        acme.emit("mouth", "opened", None)
    for brand in (acme, moonco):
        deliver(brand)
    assert heard == [
        ("acme", "mouth", "checked-in", who, {"campaign": "spring", "streak": 7}, AT),
        ("acme", "mouth", "opened", None, {}, AT),
    ]


def test_an_event_that_is_rolled_back_was_never_told(listening, deliver, heard):
    acme = listening.brand("acme")
    with acme:
        with pytest.raises(ZeroDivisionError), acme.transaction():
            acme.emit("mouth", "opened", None)
            1 // 0
    deliver(acme)
    assert heard == []


@pytest.mark.parametrize(
    ("plugin", "name", "fields"),
    [
        ("stranger", "opened", {}),
        ("mouth", "Opened", {}),
        ("mouth", "", {}),
        ("mouth", "opened", {"rate": 0.5}),
        ("mouth", "opened", {"flag": True}),
        ("mouth", "opened", {"row": {"id": 1}}),
    ],
)
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_an_event_holds_names_texts_and_integers(listening, plugin, name, fields):
    acme = listening.brand("acme")
    with acme, pytest.raises(Invalid):
        acme.emit(plugin, name, None, fields)
    with acme:
        assert execute("SELECT count(*) FROM event").fetchone() == (0,)


def test_joining_is_told_once_and_again_after_leaving(listening, deliver, heard):
    acme = listening.brand("acme")
    with acme:
        who = person(acme)
        acme.membership.join(who, "M-1", at=AT, source="store")
        acme.membership.join(who, "M-1", at=AT, source="store")
        acme.membership.leave(who, at=AT + 1)
        acme.membership.join(who, "M-1", at=AT + 2, source="store")
    deliver(acme)
    assert heard == [("acme", "member", "M-1", who, "store", AT), ("acme", "member", "M-1", who, "store", AT + 2)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_plugins_offer_to_an_extension_point_is_found_in_the_order_of_the_file(new_installation):
    one = make("one", extensions={"games": ("dice", "cards"), "themes": ("dark",)})
    two, three = make("two", extensions={"games": ("chess",)}), make("three")
    installation = new_installation(
        plugins=(one, two, three), acme="[plugins.two]\n[plugins.three]\n[plugins.one]\n", moonco="[plugins.three]\n"
    )
    acme, moonco = installation.brand("acme"), installation.brand("moonco")
    assert acme.extensions("games") == [("two", "chess"), ("one", "dice"), ("one", "cards")]
    assert (acme.extensions("nothing"), moonco.extensions("games")) == ([], [])


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_plugin_that_misses_another_one_is_a_configuration_error_at_start(new_installation):
    def brand_problems(self):
        return () if "bank" in self.brand.plugins else ("nobody issues coins: switch the plugin bank on",)

    installation = new_installation(
        plugins=(make("shop", brand_problems=brand_problems), make("bank")),
        acme="[plugins.shop]\n[plugins.bank]\n",
        moonco="[plugins.shop]\n[plugins.bank]\n",
    )
    path = installation.config.brands_dir / "acme.toml"
    good = path.read_text("utf-8")
    path.write_text(good.replace("[plugins.bank]\n", ""), "utf-8")
    # A running process keeps the last good configuration and says why; a new one refuses.
    assert "bank" in installation.brand("acme").plugins
    assert "nobody issues coins" in str(installation.problem("acme"))
    fresh = type(installation).open(installation.config.root, plugins=(make("shop", brand_problems=brand_problems),))
    with pytest.raises(ConfigError, match=r"acme.toml: \[plugins.shop\]: nobody issues coins"):
        fresh.brand("acme")
    fresh.close()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_check_that_fails_is_named(new_installation):
    def brand_problems(self):
        raise RuntimeError("oops")

    installation = new_installation(plugins=(make("shop", brand_problems=lambda self: ()),), acme="[plugins.shop]\n")
    fresh = type(installation).open(installation.config.root, plugins=(make("shop", brand_problems=brand_problems),))
    with pytest.raises(ConfigError, match="brand_problems\\(\\) failed: RuntimeError: oops"):
        fresh.brand("acme")
    fresh.close()
