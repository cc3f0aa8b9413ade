"""Users in the console: made, given roles, disabled, signed out; by owners, who reach no further than their brands."""

from __future__ import annotations

import re

import pytest
from console_scene import EVIL, ROOT, WORD


def roles(house):
    return {user.name: dict(user.roles) for user in house.users.list()}


def acts(house):
    return [(each.actor, each.action, each.target) for each in house.users.audit() if each.action != "user.sign_in"]


def test_an_owner_makes_a_user_who_signs_in_with_the_role(browser, house):
    mia = browser("mia")
    mia.get("b/acme/users")
    done = mia.post("b/acme/users/create", name=" New.Person ", password="quite a long sentence", role="clerk")
    assert done.location == f"{ROOT}b/acme/users?done=created"
    page = mia.get(done.location).text
    assert "The user is made." in page and 'data-user="new.person"' in page
    assert roles(house)["new.person"] == {"acme": "clerk"}
    fresh = browser()
    assert fresh.sign_in("new.person", "quite a long sentence").status_code == 303
    assert fresh.get("b/acme/contacts").status_code == 200 and fresh.get("b/acme/").status_code == 403
    assert acts(house)[:2] == [("user:mia", "user.role", "user:new.person"), ("user:mia", "user.create", "user:new.person")]
    assert "user.create user:new.person" in page and "quite a long sentence" not in page


@pytest.mark.parametrize(
    ("name", "password", "role", "status", "told"),
    [
        ("otto", "quite a long sentence", "clerk", 409, "There is such a user already"),
        ("x y", "quite a long sentence", "clerk", 422, "begins with a letter or digit"),
        ("good.name", "short", "clerk", 422, "a password has 12 to 200 characters"),
        ("good.name", "quite a long sentence", "king", 422, "unknown role"),
    ],
)
@pytest.mark.cases_on_sqlite
def test_what_is_wrong_with_a_new_user_is_told_and_what_was_typed_stays_but_the_password(browser, house, name, password, role, status, told):
    mia = browser("mia")
    mia.get("b/acme/users")
    before = roles(house)
    answer = mia.post("b/acme/users/create", name=name, password=password, role=role)
    assert answer.status_code == status and told in answer.text
    assert f'value="{name}"' in answer.text and password not in answer.text.replace(told, "")
    assert roles(house) == before


def test_a_role_is_changed_taken_away_and_given_to_somebody_of_another_brand(browser, house):
    mia, otto = browser("mia"), browser("otto")
    mia.get("b/acme/users")
    assert mia.post("b/acme/users/role", name="otto", role="analyst").location.endswith("done=role")
    assert otto.get("b/acme/contacts").status_code == 403 and otto.get("b/acme/").status_code == 200
    assert mia.post("b/acme/users/role", name="otto", role="none").status_code == 303
    assert otto.get("b/acme/").status_code == 404 and "otto" not in mia.get("b/acme/users").text.partition("<ol")[0]
    assert mia.post("b/acme/users/role", name="Luna", role="clerk").status_code == 303
    assert roles(house)["luna"] == {"moonco": "owner", "acme": "clerk"}
    missing = mia.post("b/acme/users/role", name="nobody-here", role="clerk")
    assert missing.status_code == 404 and "nobody-here" in missing.text


def test_a_user_is_signed_out_everywhere_disabled_and_enabled_again(browser, house):
    mia, otto = browser("mia"), browser("otto")
    mia.get("b/acme/users")
    assert mia.post("b/acme/users/sign-out", name="otto").location.endswith("done=sign-out")
    assert otto.get("b/acme/contacts").status_code == 303
    assert mia.post("b/acme/users/disable", name="otto").status_code == 303
    assert browser().sign_in("otto").status_code == 401 and ">disabled<" in mia.get("b/acme/users").text
    assert mia.post("b/acme/users/enable", name="otto").status_code == 303
    assert browser().sign_in("otto").status_code == 303
    assert mia.post("b/acme/users/promote", name="otto").status_code == 404


def test_a_brand_keeps_an_owner_and_nobody_who_works_elsewhere_too_is_disabled_from_here(browser, house):
    mia = browser("mia")
    mia.get("b/acme/users")
    for form in ({"role": "clerk"}, {"role": "none"}):
        last = mia.post("b/acme/users/role", name="mia", **form)
        assert last.status_code == 409 and "name another one first" in last.text
    assert roles(house)["mia"]["acme"] == "owner"
    elsewhere = mia.post("b/acme/users/disable", name="mia")
    assert elsewhere.status_code == 403 and "works for other brands too" in elsewhere.text
    assert mia.post("b/acme/users/disable", name="luna").status_code == 404, "who has no role here"
    house.users.create("second", WORD)
    house.users.set_role("second", "acme", "owner")
    assert mia.post("b/acme/users/role", name="mia", role="clerk").status_code == 303
    assert mia.get("b/acme/users").status_code == 403
    second = browser("second")
    second.get("b/acme/users")
    assert second.post("b/acme/users/disable", name="second").status_code == 409
    assert second.get("b/acme/users").status_code == 200


def test_only_owners_of_the_brand_see_and_keep_its_users(browser, house):
    before = roles(house)
    for name in ("otto", "cleo", "ana"):
        visitor = browser(name)
        assert visitor.get("b/acme/users").status_code == 403
        for path, form in (("create", {"name": "evil", "password": WORD, "role": "owner"}), ("role", {"name": name, "role": "owner"}), ("disable", {"name": "mia"})):
            assert visitor.post(f"b/acme/users/{path}", **form).status_code == 403
    luna = browser("luna")
    luna.get("b/moonco/users")
    assert luna.post("b/acme/users/role", name="luna", role="owner").status_code == 404
    assert roles(house) == before
    assert EVIL not in luna.post("b/moonco/users/role", name=EVIL, role="clerk").text


def test_the_page_asks_few_queries_with_many_users(browser, house, asked):
    for nth in range(30):
        house.users.create(f"user{nth}", WORD)
        house.users.set_role(f"user{nth}", "acme", "clerk")
    mia = browser("mia")
    asked.clear()
    assert len(re.findall("data-user=", mia.get("b/acme/users").text)) == 33 + 1
    assert 2 <= len(asked) <= 12
