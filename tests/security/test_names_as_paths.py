"""No name that somebody gives becomes a path: brands and plugins in commands, addresses and files."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.clock import ManualClock
from scrm_core.web import create_app

NAMES = ["..", ".", "../acme", "../../etc/passwd", "/etc/passwd", "acme/../acme", "acme.toml", "acme%2f..", "a\\b", "ACME", "-",
         "acme\n", "acme\x00", "ａcme", ""]  # fmt: skip
COMMANDS = [
    ["key", "create", "{}", "--name", "x"], ["key", "list", "{}"], ["brand", "check", "{}"], ["segment", "count", "{}", "orders > 0"],
    ["backup", "{}", "out.scrm"], ["restore", "{}", "in.scrm"], ["move", "{}", "--to", "sqlite:elsewhere"],
    ["export", "contacts", "{}"], ["import", "orders", "{}", "orders.csv"], ["report", "{}"], ["partner", "list", "{}"],
]  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0] + "-" + words[1].strip("{}"))
def test_a_brand_s_name_in_a_command_is_a_brand_or_nothing(installation, command, tmp_path, monkeypatch):
    folder = installation.config.root
    installation.close()
    outside = tmp_path / "etc"
    outside.mkdir()
    (outside / "passwd.toml").write_text("[brand]\n", "utf-8")
    (folder / "in.scrm").write_bytes(b"no backup")
    (folder / "orders.csv").write_text("number\n1\n", "utf-8")
    monkeypatch.chdir(folder)
    before = files(tmp_path)
    for name in NAMES:
        words = [word.replace("{}", name) for word in command]
        done = CliRunner().invoke(root, words, obj=Session(folder, ManualClock()))
        assert done.exit_code not in (0,), (name, done.output)
        assert done.exception is None or isinstance(done.exception, SystemExit), (name, done.exception)
        assert "Traceback" not in done.output, name
    assert files(tmp_path) == before


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%00", "acme%00", "-%2f..", "package-card%2f.."])
def test_a_name_in_an_address_is_a_brand_or_a_plugin_or_nothing(installation, name):
    client = create_app(installation).test_client()
    with installation.brand("acme") as brand:
        key = brand.keys.create("test", ("*",))[1]
    for path in (
        f"/api/v1/{name}/contacts", f"/api/v1/acme/plugins/{name}/report", f"/p/{name}/coupon-threshold/mine",
        f"/p/acme/{name}/mine", f"/p/acme/-/{name}", f"/partner-messages/{name}/some-key-1", f"/l/{name}", f"/static/{name}",
    ):  # fmt: skip
        answer = client.get(path, headers={"Authorization": f"Bearer {key}", "Accept": "text/html"})
        assert answer.status_code in (404, 405), path
        assert b"root:" not in answer.data
