"""The deployment files of the examples are what the programs read, and say what the commands take."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import crossplane
import pytest
import yaml

from scrm_core.cli.root import root
from scrm_core.config import ProjectSchema, load_project

DEPLOY = Path(__file__).resolve().parents[2] / "examples" / "deploy"
ENVIRONMENT = {"SCRM_DATABASE": "postgresql://scrm:x@database/scrm", "SCRM_QUEUE": "redis://queue:6379/0"}
UNITS = ("scrm-web.service", "scrm-worker@.service")
# https://github.com/compose-spec/compose-spec/blob/main/spec.md: what services of ours may have.
SERVICE_KEYS = {
    "build", "command", "depends_on", "deploy", "environment", "healthcheck", "image", "network_mode", "ports",
    "restart", "stop_grace_period", "volumes",
}  # fmt: skip


def takes(arguments: list[str]) -> None:
    """Parse a command line as ``scrm`` would, without running it; a wrong option raises."""
    assert arguments[0].rpartition("/")[2] == "scrm"
    context = click.Context(root)
    command = root.get_command(context, arguments[1])
    assert command is not None, arguments
    command.make_context(arguments[1], arguments[2:], parent=context)


def compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str
    parser.read_string((DEPLOY / name).read_text("utf-8"))
    return parser


def test_compose_has_the_services_and_each_names_what_is_there():
    file = compose()
    services, volumes = file["services"], file["volumes"]
    assert set(services) == {"database", "queue", "migrate", "web", "worker", "proxy"}
    assert set(file) == {"name", "services", "volumes", "x-scrm"}
    for name, service in services.items():
        assert set(service) <= SERVICE_KEYS, name
        assert "image" in service
        needed = service.get("depends_on", {})
        assert set(needed) <= set(services), name
        if isinstance(needed, dict):
            for other, how in needed.items():
                assert how["condition"] in ("service_started", "service_healthy", "service_completed_successfully")
                assert how["condition"] != "service_healthy" or "healthcheck" in services[other]
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source.startswith("./") or source in volumes, f"{name}: {volume}"
    assert services["proxy"]["network_mode"].partition(":")[2] in services
    assert (DEPLOY / services["web"]["build"]["context"] / services["web"]["build"]["dockerfile"]).is_file()


def test_the_image_has_every_extra_of_the_bundled_plugins_and_a_folder_that_its_user_may_write():
    """A named volume takes its owner from the image's folder of the same name; one that is not there is root's."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(DEPLOY.parents[1] / "setup.cfg", "utf-8")
    extras = text.partition("'.[")[2].partition("]'")[0].split(",")
    assert set(extras) == set(setup["options.extras_require"]) - {"docs", "test"}
    places = {mount.split(":")[1] for mount in compose()["services"]["web"]["volumes"] if not mount.startswith("./")}
    user = text.partition("USER ")[2].split()[0]
    for place in places:
        assert f"install --directory --owner={user} {place}" in text


def test_commands_of_compose_and_units_are_commands_of_scrm():
    services = compose()["services"]
    for name in ("migrate", "web", "worker"):
        takes(services[name]["command"])
    for name in UNITS:
        takes(shlex.split(unit(name)["Service"]["ExecStart"]))
    with pytest.raises(click.UsageError):
        takes(["scrm", "run", "--no-workers"])  # a slip is noticed


def test_the_project_file_is_read_and_gets_its_urls_from_where_compose_puts_them():
    config = load_project(DEPLOY, ENVIRONMENT)
    assert (config.database_url, config.queue_url) == (ENVIRONMENT["SCRM_DATABASE"], ENVIRONMENT["SCRM_QUEUE"])
    given = compose()["services"]["web"]["environment"]
    assert set(given) == set(ENVIRONMENT)
    assert given["SCRM_QUEUE"] == ENVIRONMENT["SCRM_QUEUE"]
    assert set(tomllib.loads((DEPLOY / "scrm.toml").read_text("utf-8"))) <= set(ProjectSchema().fields)


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_again_whatever_ended_it_and_waits_for_work_at_hand(name):
    service = unit(name)["Service"]
    assert service["Restart"] == "always"
    assert int(service["TimeoutStopSec"]) > 20
    assert unit(name)["Install"]["WantedBy"] == "multi-user.target"
    assert service["ReadWritePaths"].startswith(service["WorkingDirectory"])


@pytest.mark.parametrize("name", UNITS)
def test_systemd_itself_takes_the_unit(name, tmp_path):
    """Where there is no systemd the parser above has the word: nothing is skipped."""
    program = shutil.which("systemd-analyze")
    text = (DEPLOY / name).read_text("utf-8").replace("/srv/shop/.venv/bin/scrm", sys.executable)
    path = tmp_path / name.replace("@.", "@1.")
    path.write_text(text.replace("User=scrm\n", "User=root\n"), "utf-8")
    if program is None:
        assert unit(name).sections() == ["Unit", "Service", "Install"]
        return
    done = subprocess.run([program, "verify", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert name.partition(".")[0] not in done.stderr, done.stderr


def test_nginx_takes_its_file_and_passes_on_who_asks(tmp_path):
    found = crossplane.parse(str(DEPLOY / "nginx.conf"), strict=True, check_ctx=True, check_args=True)
    assert found["errors"] == []
    (http,) = [block for block in found["config"][0]["parsed"] if block["directive"] == "http"]
    (tls,) = [
        block
        for block in http["block"]
        if block["directive"] == "server" and ["443", "ssl"] in [each["args"] for each in block["block"]]
    ]
    (place,) = [each for each in tls["block"] if each["directive"] == "location" and each["args"] == ["/"]]
    said = [(each["directive"], *each["args"]) for each in place["block"]]
    assert ("proxy_set_header", "X-Forwarded-For", "$remote_addr") in said
    assert ("proxy_set_header", "Host", "$host") in said
    program = shutil.which("nginx")
    if program is not None:
        text = (DEPLOY / "nginx.conf").read_text("utf-8").replace("listen 443 ssl;", "listen 443;")
        text = "\n".join(line for line in text.splitlines() if "ssl_certificate" not in line)
        (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\n{text}\n", "utf-8")
        done = subprocess.run(
            [program, "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_a_broken_nginx_file_is_noticed(tmp_path):
    broken = tmp_path / "nginx.conf"
    broken.write_text((DEPLOY / "nginx.conf").read_text("utf-8").replace("proxy_pass http://scrm;", "proxy_pas x;"), "utf-8")
    assert crossplane.parse(str(broken), strict=True)["errors"] != []


def test_caddys_blocks_are_closed_and_metrics_stay_inside():
    text = (DEPLOY / "Caddyfile").read_text("utf-8")
    assert text.count("{") == text.count("}")
    assert "respond /metrics 404" in text
    program = shutil.which("caddy")
    if program is not None:
        command = [program, "validate", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
        assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
