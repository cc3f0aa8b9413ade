"""Finding and importing plugins: installed distributions and the project's plugin folder.

Finding never imports. Importing is guarded, one plugin at a time: a broken
plugin is refused with its reason and every other one works.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.util
import os
import re
import sys
import threading
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from . import __version__
from .errors import PluginError
from .places import raised_at, said
from .plugin import NAME, RESERVED_NAMES, Plugin

GROUP = "scrm.plugins"
SHORT_NAMES = "scrm.short_names"
FOLDER_PREFIX = "scrm_"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin that can be switched on. ``refused`` says why it cannot, if so."""

    name: str
    target: str
    origin: str
    version: str = ""
    refused: str = ""


def discover(plugins_dir: Path | None = None) -> dict[str, Candidate]:
    """Every plugin that is installed or lies in ``plugins_dir``, by name; imports nothing.

    A name that two distributions claim is refused for both: which one would
    answer must not depend on the order of installation.
    """
    found: dict[str, Candidate] = {}
    places = tuple((place, _changed(place)) for place in sys.path)
    for candidate in [*_installed(places), *_folders(plugins_dir)]:
        earlier = found.get(candidate.name)
        if earlier is not None and earlier.target != candidate.target:
            reason = (
                f"two plugins are called {candidate.name!r}: {earlier.origin} and {candidate.origin}; "
                "uninstall or rename one"
            )
            candidate = Candidate(candidate.name, candidate.target, candidate.origin, refused=reason)
        found[candidate.name] = candidate
    return dict(sorted(found.items()))


def _changed(place: str) -> int:
    with contextlib.suppress(OSError):
        return os.stat(place or ".").st_mtime_ns
    return 0


@lru_cache(maxsize=1)
def _installed(places: tuple[tuple[str, int], ...]) -> tuple[Candidate, ...]:
    # Reads files of every distribution there is; what is installed or removed changes its place's time.
    out = []
    known: dict[Distribution, tuple[str, str]] = {}  # each question for a name or a version parses all metadata
    for point in entry_points(group=GROUP):
        distribution = point.dist
        if distribution is None:
            origin, version = "entry point", ""
        else:
            if distribution not in known:
                metadata = distribution.metadata
                known[distribution] = f"distribution {metadata['Name']}", metadata["Version"]
            origin, version = known[distribution]
        out.append(Candidate(point.name, point.value, origin, version, _refused_name(point.name)))
    return tuple(out)


def _refused_name(name: str) -> str:
    if not NAME.match(name):
        return f"{name!r} is not a plugin name (lower case letters, digits and dashes)"
    if name in RESERVED_NAMES:
        return f"{name!r} is reserved by the core"
    return ""


def _folders(plugins_dir: Path | None) -> list[Candidate]:
    if plugins_dir is None or not plugins_dir.is_dir():
        return []
    out = []
    for folder in sorted(plugins_dir.iterdir()):
        if folder.name.startswith(FOLDER_PREFIX) and (folder / "__init__.py").is_file():
            name = _name_of(folder.name)
            out.append(Candidate(name, str(folder), f"folder {folder}", "", _refused_name(name)))
    return out


class Loader:
    """Imports plugin classes on demand and remembers the outcome for this process."""

    def __init__(self, plugins_dir: Path | None = None, extra: Iterable[type[Plugin]] = ()) -> None:
        self._plugins_dir = plugins_dir
        self._extra = {cls.name: cls for cls in extra}
        self._outcomes: dict[str, type[Plugin] | str] = {}
        self._lock = threading.RLock()

    def candidates(self) -> dict[str, Candidate]:
        """What :func:`discover` finds now, with classes given directly on top."""
        found = discover(self._plugins_dir)
        for name, cls in self._extra.items():
            found[name] = Candidate(name, cls.__module__, "given", cls.version)
        return found

    def load(self, name: str) -> type[Plugin]:
        """The class of an installed plugin; raises PluginError with the reason it is refused."""
        with self._lock:
            outcome = self._outcomes.get(name)
            if outcome is None:
                try:
                    outcome = self._import(name)
                except PluginError as exc:
                    # "Not installed" may change while we run; a broken import does not heal by itself.
                    if exc.code == "plugin_missing":
                        raise
                    outcome = str(exc)
                self._outcomes[name] = outcome
        if isinstance(outcome, str):
            raise PluginError(outcome)
        return outcome

    def named(self, word: str) -> type[Plugin] | None:
        """The class whose commands ``scrm WORD`` runs: by its name, else by a short name; None when there is none.

        Whose a short name may be is known from entry points (group ``scrm.short_names``, written like the plugin's
        own), else by importing every plugin; broken ones are passed over.
        Raises PluginError for a broken plugin of this name, and for a short name that two claim.
        """
        candidates = self.candidates()
        if word in candidates:
            return self.load(word)
        declared = {point.value for point in entry_points(group=SHORT_NAMES, name=word)}
        claims = []
        for name, candidate in candidates.items():
            silent = name in self._extra or Path(candidate.target).is_absolute()  # has no entry points to say it with
            if declared and candidate.target not in declared and not silent:
                continue
            with contextlib.suppress(PluginError):
                claims += [cls for cls in (self._class(name),) if word in cls.short_names]
        if len(claims) > 1:
            raise _taken(word, claims[0].name, claims[1].name)
        return claims[0] if claims else None

    def _import(self, name: str) -> type[Plugin]:
        cls = self._class(name)
        for word in cls.short_names:
            holders = [each.name for each in self._outcomes.values() if not isinstance(each, str)
                       and word in each.short_names]  # fmt: skip
            if holders or word in self.candidates():
                raise _taken(word, holders[0] if holders else word, name)
        return cls

    def _class(self, name: str) -> type[Plugin]:
        if name in self._extra:
            _check_core(self._extra[name])
            return self._extra[name]
        candidate = self.candidates().get(name)
        if candidate is None:
            near = difflib.get_close_matches(name, self.candidates(), n=1)
            hint = f"did you mean {near[0]!r}? If not, " if near else ""
            raise PluginError(f"plugin {name!r} is not installed; {hint}{self._remedy(name)}", code="plugin_missing")
        if candidate.refused:
            raise PluginError(f"plugin {name!r}: {candidate.refused}")
        try:
            cls = _class_of(candidate)
        except PluginError:
            raise
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as exc:  # a plugin may raise anything, SystemExit too
            raise _fails_at_import(exc, f"plugin {name!r}", candidate.origin, _home(candidate.target)) from exc
        if cls.name != name:
            raise PluginError(
                f"plugin {name!r} ({candidate.origin}): the class calls itself {cls.name!r}; make both equal"
            )
        _check_core(cls)
        return cls

    def _remedy(self, name: str) -> str:
        """What to do about a plugin that is nowhere; one that lies there under another name is pointed at."""
        folder, place = _folder_of(name), self._plugins_dir
        if place is None:
            return "install its distribution or put it into the plugins folder, which `plugins_dir` in scrm.toml names"
        if not place.is_dir():
            return f"install its distribution, or make the plugins folder {place}, which is not there"
        if (place / folder).is_dir():
            return f"{place / folder} has no __init__.py: write the plugin's class there"
        if (place / f"scrm-{name}" / folder).is_dir():
            return f"install {place / f'scrm-{name}'} with pip, or move its {folder} into {place}"
        for wrong in (name, folder.removeprefix(FOLDER_PREFIX)):
            if (place / wrong).is_dir():
                return f"call the folder {place / wrong} {folder}"
        return f"install its distribution or put it into {place} as {folder}"


def _folder_of(name: str) -> str:
    """The package of a plugin; the other way round is :func:`_name_of`."""
    return FOLDER_PREFIX + name.replace("-", "_")


def _name_of(folder: str) -> str:
    return folder.removeprefix(FOLDER_PREFIX).replace("_", "-")


def _home(target: str) -> Path | None:
    """The files of a candidate's package, for finding its own lines in a traceback."""
    if Path(target).is_absolute():
        return Path(target)
    try:
        spec = importlib.util.find_spec(target.partition(":")[0].partition(".")[0])
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)


def _fails_at_import(exc: BaseException, who: str, origin: str, home: Path | None) -> PluginError:
    where = raised_at(exc, home) if home is not None else ""
    place = f"{where}: {who}" if where else f"{who} ({origin})"
    return PluginError(f"{place} fails at import: {said(exc)}{_import_remedy(exc)}")


def _import_remedy(exc: BaseException) -> str:
    if not isinstance(exc, ImportError) or exc.name is None:
        return ""
    if exc.name.partition(".")[0] == "scrm_core":
        from . import api

        missing = re.search(r"cannot import name '(\w+)'", str(exc))
        near = difflib.get_close_matches(missing[1], api.__all__, n=1) if missing else []
        return f"; did you mean {near[0]!r}?" if near else "; a plugin imports from scrm_core.api alone"
    if isinstance(exc, ModuleNotFoundError):
        return f"; install {exc.name.partition('.')[0]!r} where scrm is installed, or correct the name"
    return ""


def class_in(folder: Path) -> type[Plugin]:
    """The plugin class of a folder: a package ``scrm_<name>``, or a distribution that holds one.

    Raises PluginError when there is none, or when it cannot be imported.
    """
    folder = folder.resolve()
    packages = [folder] if (folder / "__init__.py").is_file() else []
    for place in (folder, folder / "src") if not packages else ():
        packages += sorted(init.parent for init in place.glob(f"{FOLDER_PREFIX}*/__init__.py"))
    if len(packages) != 1:
        found = ", ".join(each.name for each in packages) or "none"
        raise PluginError(
            f"{folder}: has no single package {FOLDER_PREFIX}<name>; found: {found}; "
            f"write a plugin's class into {FOLDER_PREFIX}<name>/__init__.py"
        )
    (package,) = packages
    if not package.name.startswith(FOLDER_PREFIX):
        right = _folder_of(package.name)
        raise PluginError(f"{package}: a plugin's folder is called {FOLDER_PREFIX}<name>; call it {right}")
    candidate = Candidate("", str(package), f"folder {package}")
    try:
        cls = _class_of(candidate)
    except (PluginError, KeyboardInterrupt, MemoryError):
        raise
    except BaseException as exc:  # a plugin may raise anything, SystemExit too
        raise _fails_at_import(exc, f"plugin {_name_of(package.name)!r}", candidate.origin, package) from exc
    if cls.name != _name_of(package.name):
        raise PluginError(
            f"{package}: the class {cls.__name__} calls itself {cls.name!r}, its folder {_name_of(package.name)!r}; "
            "make both equal"
        )
    _check_core(cls)
    _check_entry_point(folder, package.name, cls)
    return cls


def _check_entry_point(folder: Path, package: str, cls: type[Plugin]) -> None:
    """A distribution whose metadata stands in pyproject.toml names its plugin there, or nobody would find it."""
    path = folder / "pyproject.toml"
    if not path.is_file():
        return
    try:
        project = tomllib.loads(path.read_text("utf-8")).get("project")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise PluginError(f"{path}: not valid TOML: {exc}") from exc
    if not isinstance(project, dict) or "entry-points" in _held(project, "dynamic", list):
        return  # setup.cfg or setup.py says it
    target = _held(_held(project, "entry-points", dict), GROUP, dict).get(cls.name)
    module, _, attribute = str(target or "").partition(":")
    if module.partition(".")[0] != package or attribute != cls.__name__:
        found = f"the entry point of {cls.name!r} is {target!r}" if target else f"no entry point names {cls.name!r}"
        right = f'{cls.name} = "{package}:{cls.__name__}" in [project.entry-points."{GROUP}"]'
        raise PluginError(f"{path}: {found}; write {right}")


def _held(table: dict[str, Any], key: str, kind: type[Any]) -> Any:
    """What somebody's table holds under a key, empty where that is of another kind."""
    found = table.get(key)
    return found if isinstance(found, kind) else kind()


def _taken(word: str, one: str, other: str) -> PluginError:
    return PluginError(
        f"two plugins want the command `scrm {word}`: {one!r} and {other!r}; "
        f"take {word!r} out of the short_names of one, or uninstall it"
    )


def _class_of(candidate: Candidate) -> type[Plugin]:
    folder = Path(candidate.target)
    if folder.is_absolute():
        module_name = folder.name
        module = sys.modules.get(module_name)
        if module is None or Path(module.__file__ or "").parent != folder:
            spec = importlib.util.spec_from_file_location(
                module_name, folder / "__init__.py", submodule_search_locations=[str(folder)]
            )
            if spec is None or spec.loader is None:
                raise PluginError(f"{folder}: cannot be imported")
            module = importlib.util.module_from_spec(spec)
            sys.modules[module_name] = module
            try:
                spec.loader.exec_module(module)
            except BaseException:
                sys.modules.pop(module_name, None)
                raise
        classes = list(dict.fromkeys(value for value in _classes(module) if value.name))
        if len(classes) != 1:
            raise PluginError(
                f"{folder / '__init__.py'}: defines {len(classes)} named Plugin classes; exactly one is needed: "
                + _how_many(module, classes, _name_of(folder.name))
            )
        return classes[0]
    module_name, _, attribute = candidate.target.partition(":")
    module = importlib.import_module(module_name)
    cls = getattr(module, attribute, None)
    if not (isinstance(cls, type) and issubclass(cls, Plugin)):
        own = [each.__name__ for each in _classes(module) if each.name == candidate.name]
        right = f'{candidate.name} = "{module_name}:{(own or ["CLASS"])[0]}"'
        found = f"the entry point {candidate.target!r} is not a Plugin class"
        raise PluginError(f"plugin {candidate.name!r} ({candidate.origin}): {found}; write {right}")
    return cls


def _classes(module: ModuleType) -> list[type[Plugin]]:
    return [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Plugin)]


def _how_many(module: ModuleType, named: list[type[Plugin]], name: str) -> str:
    """What to do in a package that has no named class, or several."""
    if named:
        return f"move {' or '.join(cls.__name__ for cls in named)} into a package of its own"
    nameless = [cls.__name__ for cls in _classes(module) if cls is not Plugin]
    if nameless:
        return f'write name = "{name}" in class {nameless[0]}'
    written = name.title().replace("-", "")
    return f"write class {written}(Plugin) there, or import it there from the module that defines it"


def _check_core(cls: type[Plugin]) -> None:
    # A development version is the one it becomes: what asks for >=0.1 works with 0.1.0.dev0.
    if not SpecifierSet(cls.requires_core).contains(Version(__version__).base_version):
        raise PluginError(
            f"plugin {cls.name!r} {cls.version} needs core {cls.requires_core}, this is {__version__}; "
            "install a matching version of either"
        )
