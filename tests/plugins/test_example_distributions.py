"""Every example plugin is a whole distribution, imports the public door alone and has its place in the documentation."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from scrm_core.loader import class_in

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent for path in (ROOT / "examples" / "plugins").glob("scrm_*/__init__.py"))
PAGE = (ROOT / "docs" / "examples.md").read_text("utf-8")


def metadata(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))


def shipped(folder: Path) -> set[str]:
    """Files of a plugin that it needs when it runs."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    beside = {"pyproject.toml", "README.md"}
    return {
        each.as_posix()
        for each in found
        if each.parts[0] != "tests" and each.as_posix() not in beside and not each.parts[0].endswith((".egg-info", "_cache"))
    }


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_its_metadata_say_what_its_class_says(folder):
    cls, told = class_in(folder), metadata(folder)
    assert told["project"]["name"] == f"scrm-{cls.name}"
    assert told["project"]["version"] == cls.version
    assert told["project"]["entry-points"]["scrm.plugins"] == {cls.name: f"{folder.name}:{cls.__name__}"}
    assert told["tool"]["setuptools"]["packages"] == [folder.name]
    data = told["tool"]["setuptools"].get("package-data", {}).get(folder.name, [])
    matched = {path.relative_to(folder).as_posix() for pattern in data for path in folder.glob(pattern)}
    assert shipped(folder) == {path.name for path in folder.glob("*.py")} | matched


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_it_imports_nothing_of_ours_but_the_public_api(folder):
    names: set[str] = set()
    for path in (path for path in folder.rglob("*.py") if "tests" not in path.relative_to(folder).parts):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module)
    assert {name for name in names if name.startswith("scrm")} == {"scrm_core.api"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_it_has_tests_that_try_the_checklist_and_a_readme_that_names_every_setting(folder):
    tests = "".join(path.read_text("utf-8") for path in (folder / "tests").glob("test_*.py"))
    cls, readme = class_in(folder), (folder / "README.md").read_text("utf-8")
    assert f"assert_plugin_ok({cls.__name__}" in tests
    settings = cls.Settings().fields if cls.Settings is not None else {}
    assert [name for name in settings if f"`{name}`" not in readme] == []
    assert f"[plugins.{cls.name}]" in readme


def test_every_example_is_on_the_page_of_examples_and_quoted_there():
    assert set(re.findall(r"\(\.\./examples/plugins/(scrm_\w+)/README\.md\)", PAGE)) == {each.name for each in FOLDERS}
    quoted = set(re.findall(r"<!-- same: examples/plugins/(scrm_\w+)/", PAGE))
    assert quoted == {each.name for each in FOLDERS}


@pytest.mark.soak
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_its_wheel_holds_all_that_it_needs_and_none_of_its_tests(folder, tmp_path):
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel", "--no-deps"]
    copy = tmp_path / "source"
    for name in [*shipped(folder), "pyproject.toml", "README.md"]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((folder / name).read_bytes())
    subprocess.run([*command, "--no-build-isolation", "-w", tmp_path, copy], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert inside == {f"{folder.name}/{name}" for name in shipped(folder)}
