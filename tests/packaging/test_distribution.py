"""What is installed is what the tree holds: packages, data files, dependencies, commands."""

from __future__ import annotations

import ast
import configparser
import importlib.metadata
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from wheels import built_wheel

ROOT = Path(__file__).resolve().parents[2]
NOT_SHIPPED = {"__pycache__", "tests"}
EXTRAS = (
    *("postgres", "redis", "benefitcard", "cards", "console", "coupons", "games", "koc", "livecode", "redpacket", "referral", "sms", "swap"),
    "wechat", "wecom",
)


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def listed(section: str, key: str) -> list[str]:
    lines = (line.strip() for line in setup_cfg()[section][key].splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def import_roots() -> dict[str, Path]:
    """Top-level import names and their folders, as the tree has them."""
    roots = {"scrm_core": ROOT / "scrm_core"}
    roots.update({f.name: f for f in (ROOT / "plugins").iterdir() if f.name.startswith("scrm_")})
    return roots


def packages_in_tree() -> set[str]:
    """Every folder with an ``__init__.py`` below an import root, as a dotted name."""
    found = set()
    for name, folder in import_roots().items():
        for init in folder.rglob("__init__.py"):
            parts = init.parent.relative_to(folder).parts
            if not NOT_SHIPPED & set(parts):
                found.add(".".join((name, *parts)))
    return found


def shipped_files() -> set[str]:
    """Every file below an import root as the path it must have in the wheel."""
    return {
        f"{name}/{path.relative_to(folder).as_posix()}"
        for name, folder in import_roots().items()
        for path in folder.rglob("*")
        if path.is_file() and not NOT_SHIPPED & set(path.relative_to(folder).parts)
    }


def test_the_package_list_equals_the_tree():
    assert set(listed("options", "packages")) == packages_in_tree()


def test_each_plugin_folder_has_a_package_dir_and_an_entry_point():
    plugins = {name for name in import_roots() if name != "scrm_core"}
    directories = dict(re.split(r"\s*=\s*", line) for line in listed("options", "package_dir"))
    assert directories == {name: f"plugins/{name}" for name in plugins}
    entries = dict(re.split(r"\s*=\s*", line) for line in listed("options.entry_points", "scrm.plugins"))
    assert {target.split(":")[0] for target in entries.values()} == plugins
    assert set(entries) == {name.removeprefix("scrm_").replace("_", "-") for name in plugins}


def test_each_entry_point_leads_to_a_plugin_of_that_name():
    for entry in importlib.metadata.entry_points(group="scrm.plugins"):
        if entry.dist is not None and entry.dist.name == "scrm":
            assert entry.load().name == entry.name


def test_the_short_names_of_entry_points_are_those_of_the_classes():
    entries = [re.split(r"\s*=\s*", line) for line in listed("options.entry_points", "scrm.short_names")]
    plugins = importlib.metadata.entry_points(group="scrm.plugins")
    words = [[word, plugin.value] for plugin in plugins for word in plugin.load().short_names]
    assert sorted(entries) == sorted(words) != []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    return zipfile.ZipFile(built_wheel(tmp_path_factory.mktemp("wheel")))


def test_the_wheel_holds_every_file_of_the_tree(wheel):
    assert shipped_files() - set(wheel.namelist()) == set()


def test_the_wheel_holds_nothing_else(wheel):
    metadata = {name for name in wheel.namelist() if name.split("/")[0].endswith(".dist-info")}
    assert set(wheel.namelist()) - metadata - shipped_files() == set()


def test_the_wheel_holds_the_licence_and_the_entry_points(wheel):
    names = wheel.namelist()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
    assert "package-card = scrm_package_card:PackageCard" in wheel.read(entry_points).decode()


def third_party_imports() -> set[str]:
    """Top-level names that shipped code imports and neither Python nor this project provides."""
    own = set(import_roots())
    found = set()
    for folder in import_roots().values():
        for path in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found.update(alias.name.split(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                    found.add(node.module.split(".")[0])
    return found - own - set(sys.stdlib_module_names)


def declared(*extras: str) -> set[str]:
    """Canonical names of the requirements, of the core and of the named extras."""
    lines = listed("options", "install_requires")
    for extra in extras:
        lines += [line for line in listed("options.extras_require", extra) if not line.startswith("%(")]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def test_everything_imported_is_declared_and_everything_declared_is_imported():
    providers = importlib.metadata.packages_distributions()
    used = {canonicalize_name(providers[name][0]) for name in third_party_imports()}
    used_by_data = {"tzdata"}  # read by zoneinfo on machines without a zone database
    # pytest is imported by the test kit for plugin authors, who run it under pytest.
    assert used - {"pytest"} <= declared(*EXTRAS)
    assert declared() <= used | used_by_data


def test_every_requirement_has_a_lower_bound_that_the_constraints_meet():
    pins = {}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pins[canonicalize_name(name)] = Version(version)
    lines = listed("options", "install_requires")
    for extra in (*EXTRAS, "docs", "test"):
        lines += [line for line in listed("options.extras_require", extra) if not line.startswith("%(")]
    for line in lines:
        requirement = Requirement(line)
        assert any(clause.operator == ">=" for clause in requirement.specifier), f"{line} has no lower bound"
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, f"{line} and its pin disagree"


def test_the_launcher_equals_the_installed_command():
    launched = subprocess.run(
        [sys.executable, "cli.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    code = "import sys; from scrm_core.cli import main; sys.argv[0] = 'scrm'; main()"
    installed = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert launched.stdout == installed.stdout
    assert launched.stdout.startswith("Usage: scrm ")


def test_the_launcher_is_not_importable_after_installation(wheel):
    assert "cli.py" not in wheel.namelist()
    assert not any(name.startswith("plugins/") for name in wheel.namelist())
