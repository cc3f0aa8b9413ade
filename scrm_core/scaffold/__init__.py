"""What ``scrm plugin new`` writes: a complete distribution, or one file for the project's plugins folder."""

from __future__ import annotations

import keyword
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from string import Template

from .. import __version__
from ..errors import Conflict, Invalid, ScrmError
from ..plugin import NAME, RESERVED_NAMES

_HERE = Path(__file__).resolve().parent

# What is written -> the text beside this module that it is made of.
FULL = {
    "pyproject.toml": "full/pyproject.txt",
    "README.md": "full/readme.txt",
    "LICENSE": "full/licence.txt",
    ".gitignore": "full/gitignore.txt",
    ".github/workflows/test.yml": "full/ci.txt",
    "$module/__init__.py": "full/plugin.txt",
    "$module/models.py": "full/models.txt",
    "$module/routes.py": "full/routes.txt",
    "$module/migrations/0001_greetings.py": "full/migration.txt",
    "tests/test_$package.py": "full/test.txt",
}
MINIMAL = {"__init__.py": "minimal/plugin.txt"}


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the folder, the files in it (relative), and the commands that come next."""

    folder: Path
    files: tuple[str, ...]
    commands: tuple[str, ...]


def plugin_texts(name: str, *, minimal: bool = False, year: int) -> tuple[str, dict[str, str]]:
    """The folder of a new plugin, ``scrm-NAME`` or ``scrm_NAME`` for the minimal one, and its texts by path in it.

    Raises Invalid for a name that no plugin may have.
    """
    if not NAME.match(name) or name.endswith("-"):
        raise Invalid(f"{name!r} is not a plugin name: lower case letters, digits and dashes, such as third-order")
    if name in RESERVED_NAMES or name == "outbox":  # the test kit's own sender has this name
        raise Invalid(f"{name!r} is reserved by the core; choose another name")
    package = name.replace("-", "_")
    cls = "".join(part.capitalize() for part in name.split("-"))
    words = {
        "name": name,
        "package": package,
        "module": f"scrm_{package}",
        "distribution": f"scrm-{name}",
        "cls": f"{cls}Plugin" if keyword.iskeyword(cls) else cls,
        "table": f"{package}_greeting",
        "summary": "Tags every lead" if minimal else "Greets every new lead",
        "core": f">={__version__},<1",
        "year": str(year),
    }
    texts = {
        Template(target).substitute(words): Template((_HERE / source).read_text("utf-8")).substitute(words)
        for target, source in (MINIMAL if minimal else FULL).items()
    }
    return words["module"] if minimal else words["distribution"], texts


def write_plugin(name: str, parent: Path, *, minimal: bool = False, year: int) -> Written:
    """Write a plugin into a new folder of ``parent``; the arguments are those of :func:`plugin_texts`.

    Raises Invalid for a name that no plugin may have, Conflict when the folder is there, and ScrmError when it cannot
    be written: then nothing is left of it.
    """
    name_of_folder, texts = plugin_texts(name, minimal=minimal, year=year)
    folder = parent / name_of_folder
    try:
        folder.mkdir()  # of two who write it at once, one does
    except FileExistsError:
        raise Conflict(f"{folder} is there already; choose another name or folder") from None
    except OSError as exc:
        raise ScrmError(f"{folder} cannot be written: {exc.strerror}") from exc
    try:
        for relative, text in texts.items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except BaseException as exc:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(exc, OSError):
            raise ScrmError(f"{folder} cannot be written: {exc.strerror}") from exc
        raise
    if minimal:
        commands = (
            f"scrm plugin check {shlex.quote(str(folder))}",
            f"printf '\\n[plugins.{name}]\\n' >> brands/BRAND.toml",
            "scrm brand check",
        )
    else:
        commands = (f"cd {shlex.quote(str(folder))}", "python -m pip install -e '.[test]'", "python -m pytest")
    return Written(folder, tuple(texts), commands)
