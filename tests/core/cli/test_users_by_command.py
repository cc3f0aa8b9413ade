"""``scrm user``: the first owner, roles, passwords that no other process can read."""

from __future__ import annotations

WORD = "correct horse battery"


def test_the_first_owner_is_made_with_a_password_from_standard_input(cli, installation):
    done = cli("user", "create", "Mia", "--role", "acme", "owner", text=f"{WORD}\nnot this\n")
    assert done.output == "user mia may sign in\n"
    found = installation.users.session(installation.users.sign_in("mia", WORD, network="x"))
    assert dict(found.roles) == {"acme": "owner"}
    (listed,) = cli.json("user", "list")
    assert (listed["name"], listed["roles"], listed["disabled_at"]) == ("mia", {"acme": "owner"}, None)
    assert "acme: owner" in cli("user", "list").output


def test_a_password_is_no_argument_and_a_wrong_role_makes_no_user(cli):
    cli("user", "create", "mia", WORD, code=2)
    assert "roles are owner, operator, clerk, analyst" in cli("user", "create", "mia", "--role", "acme", "king", code=1, text=WORD).output
    cli("user", "create", "mia", "--role", "nobody", "owner", code=3, text=WORD)
    assert cli.json("user", "list") == []
    assert "12 to 200 characters" in cli("user", "create", "mia", code=1, text="short\n").output


def test_roles_passwords_and_disabling_by_command(cli, installation):
    users = installation.users
    assert "scrm user role mia BRAND ROLE" in cli("user", "create", "mia", text=WORD).output
    cli("user", "role", "mia", "acme", "clerk")
    cli("user", "role", "mia", "moonco", "owner")
    cli("user", "role", "mia", "moonco", "none")
    session = users.sign_in("mia", WORD, network="x")
    assert dict(users.session(session).roles) == {"acme": "clerk"}
    cli("user", "password", "mia", text="another long sentence")
    assert users.session(session) is None
    session = users.sign_in("mia", "another long sentence", network="x")
    cli("user", "sign-out", "mia")
    assert users.session(session) is None
    session = users.sign_in("mia", "another long sentence", network="x")
    cli("user", "disable", "mia")
    assert users.session(session) is None
    cli("user", "disable", "mia", "--undo")
    assert users.sign_in("mia", "another long sentence", network="x")
    cli("user", "role", "ben", "acme", "clerk", code=3)
