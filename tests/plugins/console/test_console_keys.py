"""API keys in the console: made with chosen scopes, shown once, revoked; for owners alone."""

from __future__ import annotations

import re

from console_scene import EVIL, ROOT

from scrm_core.services import audit


def made(text):
    found = re.search(r"<pre[^>]*data-key>([^<]+)</pre>", text)
    return found and found[1]


def newest(text):
    return re.search(r'name="newest" value="(\w*)"', text)[1]


def test_a_key_is_made_with_the_chosen_scopes_shown_once_and_revoked(browser, brands):
    mia = browser("mia")
    page = mia.get("b/acme/keys").text
    answer = mia.post("b/acme/keys/create", name=EVIL, scope=["leads:write", "tea-room:read"], newest=newest(page))
    key = made(answer.text)
    with brands[0] as acme:
        info = acme.keys.authenticate(key)
        assert info.scopes == {"leads:write", "tea-room:read"}
    assert answer.headers["Cache-Control"] == "no-store" and "<script>alert" not in answer.text
    secret = key.partition("_")[2].rpartition("_")[2]
    assert secret not in mia.get("b/acme/keys").text
    assert mia.post("b/acme/keys/revoke", key=info.key_id).location == f"{ROOT}b/acme/keys?done=revoked"
    with brands[0] as acme:
        assert acme.keys.list()[0].revoked_at is not None
        acts = [(each.actor, each.action, each.target) for each in audit.page()]
        assert all(secret not in str(each.detail) for each in audit.page())
    assert acts == [("user:mia", "key.revoke", f"key:{info.key_id}"), ("user:mia", "key.create", f"key:{info.key_id}")]


def test_a_form_that_is_sent_twice_makes_one_key_and_no_scope_makes_none(browser, brands):
    mia = browser("mia")
    mia.get("b/acme/keys")
    assert made(mia.post("b/acme/keys/create", name="shop", scope="leads:write", newest="").text)
    again = mia.post("b/acme/keys/create", name="shop", scope="leads:write", newest="")
    assert again.status_code == 409 and made(again.text) is None and "A key was made since" in again.text
    assert 'value="shop"' in again.text and re.search(r'value="leads:write" checked', again.text)
    none = mia.post("b/acme/keys/create", name="none", newest=newest(again.text))
    assert none.status_code == 422 and "Choose what it may do" in none.text and 'value="none"' in none.text
    assert mia.post("b/acme/keys/create", name="x", scope="nonsense:read", newest=newest(none.text)).status_code == 422
    with brands[0] as acme:
        assert len(acme.keys.list()) == 1


def test_keys_are_for_owners_of_that_brand_alone(browser, brands):
    with brands[1] as moonco:
        foreign, _ = moonco.keys.create("theirs", ["leads:write"])
    for name in ("otto", "cleo", "ana"):
        visitor = browser(name)
        assert visitor.get("b/acme/keys").status_code == 403
        assert visitor.post("b/acme/keys/create", name="x", scope="*", newest="").status_code == 403
        assert visitor.post("b/acme/keys/revoke", key=foreign).status_code == 403
    mia = browser("mia")
    assert foreign not in mia.get("b/acme/keys").text
    assert mia.post("b/acme/keys/revoke", key=foreign).status_code == 404
    assert mia.get("b/moonco/keys").status_code == 403, "an analyst there"
    with brands[1] as moonco:
        assert moonco.keys.list()[0].revoked_at is None


def test_the_page_asks_few_queries_with_many_keys(browser, brands, asked):
    with brands[0] as acme:
        for nth in range(60):
            acme.keys.create(f"k{nth}", ["leads:write"])
    mia = browser("mia")
    asked.clear()
    assert mia.get("b/acme/keys").text.count('<th scope="row" class="code">') == 60
    assert 2 <= len(asked) <= 12
