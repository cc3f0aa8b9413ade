"""Writes the parts of the documentation that the code already says.

A page marks such a part with two comments::

    <!-- generated: limits -->
    <!-- end -->

``python docs/generate.py`` fills every part anew; a test runs it with
``--check``, which writes nothing and fails on the first difference.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import sys
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, get_args, get_type_hints

HERE = Path(__file__).resolve().parent
PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; bars and line breaks inside cells are made harmless."""
    lines = ["| " + " | ".join(headings) + " |"]
    lines.append("|" + " --- |" * (lines[0].count(" | ") + 1))
    for row in rows:
        cells = (str(cell).replace("|", "\\|").replace("\n", " ") for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def limits() -> str:
    """Every limit of the framework."""
    from scrm_core.limits import table as limit_rows

    rows = ((f"`{name}`", f"{value:,}", unit, why) for name, value, unit, why in limit_rows())
    return table(("name", "value", "unit", "of what"), rows)


def prose(text: str) -> str:
    """A docstring as Markdown: Sphinx roles become code, double backquotes single ones."""
    text = re.sub(r":\w+:`~?([^`]+)`", lambda m: f"`{m[1].rsplit('.', 1)[-1]}`", inspect.cleandoc(text))
    return text.replace("``", "`")


def type_name(annotation: Any) -> str:
    """A type as a reader writes it."""
    plain = isinstance(annotation, type) and not hasattr(annotation, "__args__")
    return annotation.__name__ if plain else str(annotation)


def hooks() -> str:
    """Every hook with its contract and the fields of its argument."""
    from scrm_core.hooks import HOOK_NAMES, HookSpecs

    parts = []
    explained: set[type] = set()
    for name in HOOK_NAMES:
        spec = getattr(HookSpecs, name)
        hints = {k: v for k, v in get_type_hints(spec).items() if k != "return"}
        ((argument, fact),) = hints.items()
        parts.append(f"### {name}\n\n`def {name}(self, {argument}: {fact.__name__})`\n\n{prose(spec.__doc__)}\n")
        parts.extend(explained_fact(fact, explained))
    return "\n".join(parts)


def hook_history() -> str:
    """Since when each hook is there, and what changed of it."""
    from scrm_core.hooks import hook_history as known

    return table(("version", "hook", "change"), ((version, f"`{name}`", change) for version, name, change in known()))


def explained_fact(fact: type[Any], explained: set[type]) -> list[str]:
    """A dataclass with its fields and what it offers, then the dataclasses it is made of; each once on the page."""
    if fact in explained:
        return []
    explained.add(fact)
    hints = get_type_hints(fact)
    fields = [(f"`{f.name}`", f"`{type_name(f.type)}`") for f in dataclasses.fields(fact)]
    parts = [f"**{fact.__name__}**: {prose(fact.__doc__ or '')}\n\n{table(('field', 'type'), fields)}"]
    offered = [(f"`{name}`", prose(text)) for name, text in offers(fact)]
    if offered:
        parts.append(table((f"a `{fact.__name__}` also has", "meaning"), offered))
    for field in dataclasses.fields(fact):
        for part in get_args(hints[field.name]):
            if dataclasses.is_dataclass(part) and isinstance(part, type):
                parts.extend(explained_fact(part, explained))
    return parts


def offers(cls: type[Any]) -> list[tuple[str, str]]:
    """The public properties and methods that a class itself defines, as a caller writes them, with their docstrings."""
    found = []
    for name, member in vars(cls).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            found.append((name, member.__doc__ or ""))
        elif inspect.isfunction(member):
            found.append((name + arguments(member), member.__doc__ or ""))
    return found


def settings(rows: Iterable[Any]) -> str:
    """A table of each table of a configuration file, with its keys."""
    parts = []
    for name, keys in groupby(rows, lambda row: row.table):
        found = [(f"`{key.key}`", code(key.default), key.meaning) for key in keys]
        heading = f"### `[{name}]`\n\n" if name else ""
        parts.append(heading + table(("key", "default", "meaning"), found))
    return "\n".join(parts)


def code(default: str) -> str:
    """A default as code; one that is none stays a word."""
    return default if default in ("", "required") else f"`{default}`"


def plugin_declarations() -> str:
    """Every declaration of a plugin's class with what it is; the docstring of the class says it."""
    from scrm_core.plugin import Plugin

    text = inspect.cleandoc(Plugin.__doc__ or "").partition("Declarations (class attributes):")[2]
    told = dict(re.findall(r"^``(\w+)``\n((?:    .+\n?)+)", text, re.MULTILINE))
    declared = [name for name in vars(Plugin)["__annotations__"] if not name.startswith("_")]
    if set(told) != set(declared):
        raise ValueError(f"declared or explained, but not both: {sorted(set(told) ^ set(declared))}")
    rows = ((f"`{name}`", default_of(getattr(Plugin, name)), prose(told[name]).replace("\n", " ")) for name in declared)
    return table(("declaration", "default", "what it is"), rows)


def default_of(value: Any) -> str:
    """What a declaration is when a plugin does not make it; the empty text is one that must be declared."""
    return "required" if value == "" else f"`{value!r}`"


def plugin_methods() -> str:
    """Every method besides the hooks that a plugin may override."""
    from scrm_core.plugin import Plugin

    methods = [(name, member) for name, member in vars(Plugin).items() if inspect.isfunction(member)]
    rows = [(f"`{name}{arguments(member)}`", prose(member.__doc__ or "")) for name, member in methods if name[0] != "_"]
    return table(("method", "what it does"), rows)


def arguments(function: Any) -> str:
    """The parameters of a method as its caller sees them."""
    return "(" + ", ".join(list(inspect.signature(function).parameters)[1:]) + ")"


SERVICES = (
    "contacts", "tags", "orders", "products", "segments", "rewards", "channels", "links", "groups", "membership",
    "consent", "events", "audit",
)  # fmt: skip
# What the core's own rooms call: no plugin has a use for it.
OF_THE_CORE = {
    "contacts.suppressed", "contacts.match_waiting", "orders.match_waiting", "orders.recompute", "links.open",
    "links.open_many", "links.record", "links.recorded_upto", "links.forget_spool",
}  # fmt: skip


def brand_services() -> str:
    """What the services that plugins call most can do, a line per method, and the fields of what they answer."""
    from scrm_core.brands import Brand

    rows, classes, answers = [], [], dict[str, str]()
    for service in SERVICES:
        cls = type(vars(Brand)[service].func(Brand.__new__(Brand)))
        classes.append((f"`{service}`", f"`{cls.__module__}.{cls.__name__}`"))
        for name, method in vars(cls).items():
            if not inspect.isfunction(method) or name[0] == "_" or f"{service}.{name}" in OF_THE_CORE:
                continue
            answer = str(inspect.signature(method).return_annotation)
            summary = prose(method.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
            rows.append((f"`{service}.{name}{called(method)}`", "" if answer == "None" else f"`{answer}`", summary))
            for word in re.findall(r"\w+", answer):
                known = method.__globals__.get(word)
                if dataclasses.is_dataclass(known):
                    answers[word] = ", ".join(f"`{each.name}`" for each in dataclasses.fields(known))
    methods = table(("`self.brand.`...", "answer", "what it does"), rows)
    fields = table(("answer", "fields"), ((f"`{name}`", answers[name]) for name in sorted(answers)))
    return f"{methods}\n{fields}\n{table(('service', 'its class, for `pydoc`'), classes)}"


def called(function: Any) -> str:
    """The parameters of a method as its caller writes them, with defaults and without types."""
    signature = inspect.signature(function)
    named = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=named[1:], return_annotation=inspect.Signature.empty))


def bundled_plugins() -> list[Any]:
    """The classes of the plugins that come with the framework, by name."""
    from configparser import ConfigParser
    from importlib import import_module

    catalogue = ConfigParser()
    catalogue.read(HERE.parent / "setup.cfg", encoding="utf-8")
    classes = []
    for line in catalogue["options.entry_points"]["scrm.plugins"].strip().splitlines():
        module, _, attribute = line.partition("=")[2].strip().partition(":")
        classes.append(getattr(import_module(module), attribute))
    return sorted(classes, key=lambda cls: cls.name)


def plugin_settings() -> str:
    """The settings of every bundled plugin."""
    from scrm_core.config_reference import plugin_settings as known

    return settings(known(bundled_plugins()))


def plugin_routes() -> str:
    """The routes of every bundled plugin with the scope each needs."""
    from scrm_core.web.mounts import routes_of

    rows = [
        (", ".join(route.methods), f"`/plugins/{cls.name}{route.path}`", f"`{route.permission}`")
        for cls in bundled_plugins()
        for route in sorted(routes_of(cls), key=lambda each: (each.path, each.methods))
    ]
    return table(("method", "path below `/api/v1/<brand>`", "scope"), rows)


def plugin_scopes() -> str:
    """Every scope that a bundled plugin declares."""
    rows = [(f"`{name}`", text) for cls in bundled_plugins() for name, text in cls.permissions.items()]
    return table(("scope", "allows to"), rows)


def project_settings() -> str:
    """``scrm.toml``."""
    from scrm_core.config_reference import project_settings as known

    return settings(known())


def brand_settings() -> str:
    """The tables of ``brands/<id>.toml``."""
    from scrm_core.config_reference import brand_settings as known

    return settings(known())


def segment_fields() -> str:
    """The fields that segment expressions may name without any plugin."""
    from scrm_core.segmentlang import CORE_FIELDS

    forms = {"no": "{0}", "may": "{0}, {0}.name", "must": "{0}.name"}
    rows = []
    for spec in CORE_FIELDS.values():
        written = ", ".join(f"`{form}`" for form in forms[spec.keyed].format(spec.name).split(", "))
        rows.append((written, spec.kind.value, spec.summary))
    return table(("field", "kind", "meaning"), rows)


def literal_block(docstring: str, language: str) -> str:
    """The first indented block of a docstring as a fenced block."""
    block = re.search(r"::\n\n((?:    .*\n|\n)+)", inspect.cleandoc(docstring) + "\n")
    if block is None:
        raise ValueError("the docstring has no indented block")
    return f"```{language}\n{inspect.cleandoc(block[1])}\n```\n"


def mapping_format() -> str:
    """Every key of a mapping file, with comments."""
    from scrm_core.intake import mapping

    return literal_block(mapping.__doc__ or "", "toml")


def built_in_mappings() -> str:
    """The headers that the built-in mappings of platforms look for."""
    from scrm_core.intake.platforms import PLATFORMS

    rows = []
    for name, platform in PLATFORMS.items():
        columns = platform["columns"] | platform.get("lines", {})
        rows.append((f"`{name}`", platform.get("one_row", "order"), "、".join(h for c in columns.values() for h in c)))
    return table(("mapping", "one row is", "headers it knows"), rows)


def row_fields() -> str:
    """The fields of each kind of row."""
    from scrm_core.intake.mapping import NESTED
    from scrm_core.intake.schemas import SCHEMAS

    parts = []
    for kind, schema in SCHEMAS.items():
        names = schema._declared_fields.items()
        required = ", ".join(f"`{n}`" for n, f in names if f.required) or "none by itself"
        optional = ", ".join(f"`{n}`" for n, f in names if not f.required and n not in NESTED)
        parts.append(f"**{kind}**: {prose(schema.__doc__ or '')}\n\nRequired: {required}. Optional: {optional}.\n")
    return "\n".join(parts)


def http_routes() -> str:
    """Every route of a brand's API with the scope it needs."""
    from scrm_core.web.routes import ROUTES

    rows = ((r.method, f"`{r.path}`", f"`{r.permission}`", r.summary) for r in ROUTES)
    return table(("method", "path below `/api/v1/<brand>`", "scope", "what it does"), rows)


def scopes() -> str:
    """Every scope of the core."""
    from scrm_core.services.keys import CORE_SCOPES

    return table(("scope", "allows to"), ((f"`{name}`", text) for name, text in CORE_SCOPES.items()))


def exit_codes() -> str:
    """The exit codes of the command line."""
    from scrm_core import cli

    rows = re.findall(r"^(\d+)\s{2,}(.+)$", inspect.cleandoc(cli.__doc__ or ""), re.MULTILINE)
    return table(("code", "meaning"), ((code, prose(text)) for code, text in rows))


def commands() -> str:
    """Every command of the core with its arguments and options."""
    from scrm_core.cli.root import root

    return described(root, "scrm")


def plugin_commands() -> str:
    """Every command of the bundled plugins."""
    from importlib import import_module

    parts = []
    for cls in bundled_plugins():
        if cls.commands is not None:
            module, _, attribute = cls.commands.partition(":")
            word = cls.short_names[0] if cls.short_names else cls.name
            parts.append(described(getattr(import_module(module), attribute), f"scrm {word}"))
    return "\n".join(parts)


def described(group: Any, name: str) -> str:
    """A command and everything below it, with arguments and options."""
    import click

    parts: list[str] = []

    def add(command: click.Command, context: click.Context) -> None:
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        parts.append(f"### {context.command_path}\n\n{prose(command.help or '')}\n\n```text\n{usage}\n```\n")
        records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
        options = [record for record in records if record and record[1] and "--help" not in record[0]]
        if options:
            parts.append(table(("option", "meaning"), ((f"`{name}`", words) for name, words in options)))
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                if child is not None:
                    add(child, click.Context(child, info_name=name, parent=context))

    add(group, click.Context(group, info_name=name))
    return "\n".join(parts)


def plugin_checks() -> str:
    """What ``scrm plugin check`` tries."""
    from scrm_core.testing.checklist import CHECKS

    rows = ((f"`{name}`", prose(check.__doc__ or "")) for name, check in CHECKS.items())
    return table(("check", "what must hold"), rows)


def error_codes() -> str:
    """The code of each class of error, with the status that it answers with unless it says otherwise."""
    from scrm_core import errors

    classes = [each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, errors.ScrmError)]
    rows = [(f"`{each.code}`", each.status, prose(each.__doc__ or "").partition("\n\n")[0]) for each in classes]
    return table(("code", "status", "meaning"), rows)


def core_codes() -> str:
    """The finer codes that the core's own errors carry, and the plugins' by plugin; read from the syntax trees."""
    rows = [("the core", raised_codes(HERE.parent / "scrm_core"))]
    for cls in bundled_plugins():
        module = cls.__module__.partition(".")[0]
        rows.append((f"`{cls.name}`", raised_codes(HERE.parent / "plugins" / module)))
    return table(("raised by", "codes"), ((who, ", ".join(f"`{code}`" for code in codes)) for who, codes in rows))


def raised_codes(folder: Path) -> list[str]:
    """The codes that are written out where the errors of a folder's modules are made."""
    from scrm_core import errors

    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if not inspect.isclass(getattr(errors, name, None)):
                continue
            values = [word.value for word in node.keywords if word.arg == "code"]
            values += node.args[1:2] if name == "Veto" else []
            found |= {value.value for value in values if isinstance(value, ast.Constant)}
    return sorted(found)


GENERATORS: dict[str, Callable[[], str]] = {
    "limits": limits,
    "hooks": hooks,
    "hook-history": hook_history,
    "plugin-declarations": plugin_declarations,
    "plugin-methods": plugin_methods,
    "brand-services": brand_services,
    "project-settings": project_settings,
    "brand-settings": brand_settings,
    "segment-fields": segment_fields,
    "mapping-format": mapping_format,
    "built-in-mappings": built_in_mappings,
    "row-fields": row_fields,
    "http-routes": http_routes,
    "scopes": scopes,
    "exit-codes": exit_codes,
    "plugin-checks": plugin_checks,
    "error-codes": error_codes,
    "core-codes": core_codes,
    "commands": commands,
    "plugin-commands": plugin_commands,
    "plugin-routes": plugin_routes,
    "plugin-scopes": plugin_scopes,
    "plugin-settings": plugin_settings,
}


def filled(text: str) -> str:
    """A page with every generated part written anew."""
    return PART.sub(lambda m: f"{m[1]}\n{GENERATORS[m[2]]()}\n{m[3]}", text)


def main(arguments: list[str]) -> int:
    """Fill all pages, or with ``--check`` name those that differ; returns the exit code."""
    stale = []
    for page in sorted(HERE.glob("*.md")):
        text = page.read_text("utf-8")
        new = filled(text)
        if new != text:
            stale.append(page.name)
            if "--check" not in arguments:
                page.write_text(new, "utf-8")
    if stale and "--check" in arguments:
        print(f"{', '.join(stale)}: not what the code says; run: python docs/generate.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
