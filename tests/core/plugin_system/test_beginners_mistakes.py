"""A table of what beginners do wrong, and the one line that each is told: place, name, what was expected, what to do.

``{p}`` is the folder of the plugin ``tea``, ``{f}`` its module, ``{m}`` its migrations, ``{line}`` where the view begins.
"""

from __future__ import annotations

import sys
import textwrap

import pytest
from click.testing import CliRunner

from scrm_core.cli.root import root

HEAD = """\
import flask
import peewee as pw
from marshmallow import EXCLUDE, Schema, fields
from scrm_core.api import *


class Tea(Plugin):
    name = "tea"
    version = "1.0"
    summary = "Sells tea"
    requires_core = ">=0.1"
"""
MODEL = """
class Cup(BrandModel):
    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    class Meta:
        table_name = "tea_cup"
"""
CREATE = "CREATE TABLE tea_cup (id INTEGER PRIMARY KEY, contact_id INTEGER NOT NULL REFERENCES contact (id))"
MIGRATION = f'def up(migrator, db):\n    db.execute_sql("{CREATE}")\n'
TABLES = 'models = (Cup,)\nmigrations = "migrations"'
ROUTES = """
routes = flask.Blueprint("tea", __name__)

@routes.get("/cups/<int:number>")
@permission("tea:read")
def cups(number):
    return {}
"""
ROUTED = 'blueprint = routes\npermissions = {"tea:read": "see cups"}'


@pytest.fixture
def tea(tmp_path):
    """A function that writes the plugin: lines of its class, what stands before it, its migrations by file name."""
    package = tmp_path / "scrm_tea"

    def write(body="", *, before="", head=HEAD, **migrations):
        package.mkdir()
        text = head.replace("\n\nclass Tea", before + "\n\nclass Tea") + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
        (package / "__init__.py").write_text(text + "\n", "utf-8")
        if migrations:
            (package / "migrations").mkdir()
        for name, source in migrations.items():
            (package / "migrations" / f"{name.removeprefix('m')}.py").write_text(source, "utf-8")
        return package

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] in ("scrm_tea", "tea")]:
        del sys.modules[name]


def scrm(*words):
    done = CliRunner().invoke(root, [str(word) for word in words], prog_name="scrm")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == 1, done.output
    return done.output


def line_of(package, written):
    """The line of the module on which something is written for the first time."""
    lines = (package / "__init__.py").read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if written in line)


PARTS = "from scrm_core.api import ConsoleAct, ConsolePart\n"
PART = """ConsolePart("today", {"en": "Today", "zh": "今天"}, "reports:read")"""
HOOK = "@hookimpl\ndef {}:\n    {}"

# What is wrong -> (lines of the class, the line that is told behind the place of the class, keyword arguments).
IN_THE_CLASS = {
    "a panel that is none of the five": (
        'panel = "aquire"', "Tea.panel: found 'aquire'; must be acquire, repurchase, hit, referral or insight",
    ),
    "a misspelt hook": (
        HOOK.format("on_ordr(self, event)", "pass"),
        "Tea.on_ordr: no such hook; did you mean 'on_order'? (rename the method if it is not meant as one)",
    ),
    "a hook without its mark": (
        "def on_order(self, event):\n    pass",
        "Tea.on_order: looks like a hook but lacks @hookimpl; add it above the method",
    ),
    "a mark on what is no hook": (
        HOOK.format("order(self, event)", "pass"),
        "Tea.order: @hookimpl, but no hook has this name; did you mean 'on_order'?",
    ),
    "a hook without its mark in a class beside it": (
        "", "Tea.on_order: looks like a hook but lacks @hookimpl; add it above the method",
        {"before": "class Sells:\n    def on_order(self, event):\n        pass\n", "head": HEAD.replace("(Plugin)", "(Sells, Plugin)")},
    ),
    "an argument of another name": (
        HOOK.format("on_order(self, order)", "pass"),
        "Tea.on_order: takes exactly (self, event), without defaults; write def on_order(self, event: OrderPaid)",
    ),
    "an argument too many": (
        HOOK.format("on_lead(self, event, brand)", "pass"),
        "Tea.on_lead: takes exactly (self, event), without defaults; write def on_lead(self, event: LeadCaptured)",
    ),
    "another event's type": (
        HOOK.format("on_order(self, event: LeadCaptured)", "pass"),
        "Tea.on_order: gets OrderPaid, not LeadCaptured; write def on_order(self, event: OrderPaid)",
    ),
    "a hook without self": (
        "@staticmethod\n" + HOOK.format("on_order(event)", "pass"),
        "Tea.on_order: a hook is a plain method; write def on_order(self, event: OrderPaid)",
    ),
    "an async hook": (
        "@hookimpl\nasync def on_order(self, event):\n    pass",
        "Tea.on_order: a hook is not async: declare a job for slow work",
    ),
    "a guard that asks for the past": (
        "@hookimpl(backfill=True)\ndef check_lead(self, draft):\n    pass",
        "Tea.check_lead: backfill=True is for on_* hooks, which hear of the past; write @hookimpl",
    ),
    "a name with capitals": (
        'name = "Tea_Shop"',
        "Tea.name: 'Tea_Shop' must match [a-z][a-z0-9-]{{0,30}}; write name = \"tea-shop\"",
    ),
    "a name of the core": ('name = "run"', "Tea.name: 'run' is reserved by the core; choose another, such as \"my-run\""),
    "a name that is a number": ("name = 7", 'Tea.name: found 7; must be a text: name = "tea"'),
    "a version that is a number": (
        "version = 1.0", 'Tea.version: found 1.0; must be declared as a text: version = "0.1.0"',
    ),
    "no summary": (
        'summary = ""', 'Tea.summary: must be declared as a text: summary = "What it does, in one line"',
    ),
    "a version where a range belongs": (
        'requires_core = "0.1"',
        "Tea.requires_core: found '0.1'; must be a version specifier: requires_core = \">=0.1.0.dev0,<1\"",
    ),
    "a misspelt declaration": (
        'migration = "migrations"',
        "Tea.migration: no such declaration; did you mean 'migrations'? If not, call it _migration",
    ),
    "settings in small letters": (
        "class settings(Schema):\n    pass",
        "Tea.settings: no such declaration; did you mean 'Settings'? If not, call it _settings",
    ),
    "settings that are no schema": (
        "class Settings:\n    pass",
        "Tea.Settings: found the class Settings; must be a marshmallow schema: class Settings(Schema)",
    ),
    "settings that swallow what they do not know": (
        "class Settings(Schema):\n    class Meta:\n        unknown = EXCLUDE",
        "Tea.Settings: must refuse unknown keys: take `unknown` out of its Meta, or write RAISE",
    ),
    "a setting of the core's name": (
        "class Settings(Schema):\n    enabled = fields.Boolean()",
        "Tea.Settings: 'enabled' is the core's own key of every plugin's table; choose another name",
    ),
    "one job without a comma": (
        'jobs = (Job("nightly", 86_400, "tidy"))',
        'Tea.jobs: found a Job; must be a tuple, also of one: jobs = (Job("nightly", 86_400, "tidy"),)',
    ),
    "a job that is a tuple": (
        'jobs = (("nightly", 86_400, "tidy"),)',
        'Tea.jobs: found a tuple in it; write jobs = (Job("nightly", 86_400, "tidy"),)',
    ),
    "a job every second": (
        'jobs = (Job("often", 1, "tidy"),)\ndef tidy(self):\n    pass', "Tea.jobs: 'often' runs every 1 s; 60 s is the least",
    ),
    "a job without its method": (
        'jobs = (Job("nightly", 86_400, "tidy"),)\ndef tidy_up(self):\n    pass',
        "Tea.jobs: names method 'tidy', which the class does not have; did you mean 'tidy_up'?",
    ),
    "a job named by the function": (
        'def tidy(self):\n    pass\njobs = (Job("nightly", 86_400, tidy),)',
        "Tea.jobs: found a function; a method is named by a text: \"tidy\"",
    ),
    "a report that wants the brand": (
        'reports = {"cups": Report("cups", "Cups")}\ndef cups(self, brand):\n    pass',
        "Tea.cups: named in reports, which calls it with (self); take no others",
    ),
    "an async job": (
        'jobs = (Job("nightly", 86_400, "tidy"),)\nasync def tidy(self):\n    pass',
        "Tea.tidy: named in jobs: must not be async; write def",
    ),
    "permissions in a list": (
        'permissions = ["tea:read"]',
        'Tea.permissions: found a list; must be a dict: permissions = {{"NAME:read": "see it"}}',
    ),
    "a permission of nobody's": (
        'permissions = {"read": "see cups"}',
        "Tea.permissions: 'read' must begin with 'tea:'; write 'tea:read'",
    ),
    "a metric that nobody counts": (
        'metrics = {"cups": Metric("Cups")}',
        "Tea.metrics: declares metrics but has no collect_metrics(); write it with @hookimpl",
    ),
    "a console page named like a title": (
        f"console_pages = {{'Today!': {PART}}}\ndef today(self):\n    pass",
        "Tea.console_pages: 'Today!' must match [a-z][a-z0-9-]{{0,30}}; it is part of an address",
        {"before": PARTS},
    ),
    "a console page in one language": (
        'console_pages = {"today": ConsolePart("today", {"en": "Today"}, "reports:read")}\ndef today(self):\n    pass',
        "Tea.console_pages: 'today' has the title {{'en': 'Today'}}; write {{\"en\": \"Today\", \"zh\": \"今天\"}}",
        {"before": PARTS},
    ),
    "a console page in a group that the menu does not have": (
        f'console_pages = {{"today": {PART[:-1]}, group="growth")}}\ndef today(self):\n    pass',
        "Tea.console_pages: 'today' is in the group 'growth'; write one of brand, people, campaigns, channels, house",
        {"before": PARTS},
    ),
    "a console card that needs what nobody has": (
        'console_cards = {"today": ConsolePart("today", {"en": "Today", "zh": "今天"}, "tea:see")}\ndef today(self):\n    pass',
        "Tea.console_cards: 'today' needs 'tea:see', which neither `permissions` declares nor the core has; "
        'write permissions = {{"tea:read": "see it"}}',
        {"before": PARTS},
    ),
    "a console card without its method": (
        f'console_cards = {{"today": {PART}}}\ndef todays(self):\n    pass',
        "Tea.console_cards: names method 'today', which the class does not have; did you mean 'todays'?",
        {"before": PARTS},
    ),
    "an act on a console card": (
        f'console_cards = {{"today": {PART[:-1]}, acts={{"stop": 1}})}}\ndef today(self):\n    pass',
        "Tea.console_cards: 'today' has acts, and a card only shows; declare a page and link to it",
        {"before": PARTS},
    ),
    "a console page whose act is a method": (
        f'console_pages = {{"today": {PART[:-1]}, acts={{"stop": "today"}})}}\ndef today(self):\n    pass',
        "Tea.console_pages: 'today' has the act 'stop'; write {{\"stop\": ConsoleAct(\"stop\", \"tea:write\")}}",
        {"before": PARTS},
    ),
    "an act that is asked nothing": (
        f'console_pages = {{"today": {PART[:-1]}, acts={{"stop": ConsoleAct("today", "reports:read")}})}}\ndef today(self):\n    pass',
        "Tea.today: named in console_pages, which calls it with (self, query); take no others",
        {"before": PARTS},
    ),
    "console pages in a tuple": (
        f"console_pages = ({PART},)\ndef today(self):\n    pass",
        "Tea.console_pages: found a tuple; must be a dict: console_pages = "
        '{{"today": ConsolePart("today", {{"en": "Today", "zh": "今天"}}, "NAME:read")}}',
        {"before": PARTS},
    ),
    "a segment field of an unknown kind": (
        'segment_fields = {"cups": SegmentField("cups", "integer", "cups")}\ndef cups(self):\n    pass',
        "Tea.segment_fields: 'cups' has the kind 'integer'; must be number, text or instant",
    ),
    "a reward that nobody issues": (
        'reward_kinds = {"cup": "a cup"}',
        "Tea.reward_kinds: declares reward kinds but does not override issue_reward(); write it",
    ),
    "commands without a group": (
        'commands = "scrm_tea.commands"',
        "Tea.commands: found 'scrm_tea.commands'; must name module and group: \"scrm_NAME.commands:group\"",
    ),
    "a blueprint that is a text": (
        'blueprint = "routes"',
        'Tea.blueprint: found a str; must be a blueprint: flask.Blueprint("tea", __name__)',
    ),
    "personal data that is never forgotten": (
        HOOK.format("collect_personal_data(self, query)", "return {}"),
        "Tea.collect_personal_data: needs erase_personal_data() beside it, which forgets the same",
    ),
    "a model without migrations": (
        "models = (Cup,)",
        'Tea.migrations: models are declared but no migrations folder creates them; write migrations = "migrations"',
        {"before": MODEL},
    ),
    "a model that is no brand's": (
        TABLES, "Tea.models: Cup is no table of a brand; write class Cup(BrandModel)",
        {"before": MODEL.replace("(BrandModel)", "(pw.Model)")},
    ),
    "a table of any name": (
        TABLES, "Tea.models: table 'cup' must begin with 'tea_'; write table_name = \"tea_cup\" in the Meta of Cup",
        {"before": MODEL.replace("tea_cup", "cup")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", IN_THE_CLASS)
def test_a_beginners_mistake_is_one_line_that_says_what_to_do(tea, mistake):
    body, told, *more = IN_THE_CLASS[mistake]
    package = tea(body, **(more[0] if more else {}))
    member = told.partition(":")[0].removeprefix("Tea.")
    method = next((word for word in (f"def {member}(self", f"def {member}(event") if word in body), "")
    line = line_of(package, method or "class Tea")
    if method and "@hookimpl" in body:
        line -= 2 if "@staticmethod" in body else 1  # a method begins with its marks
    assert scrm("plugin", "check", package) == f"Error: {package}/__init__.py:{line}: {told.format()}\n"


# Told by trying the plugin: (lines of the class, before it, migrations, the line).
TRIED = {
    "a setting without a description": (
        "class Settings(Schema):\n    word = fields.String(load_default='')", "", {},
        "settings: the setting 'word' has no description; give the field metadata={{\"description\": \"...\"}}",
    ),
    "a constructor of one's own": (
        "def __init__(self):\n    pass", "", {},
        "class: scrm_tea: plugin 'tea' cannot be made: TypeError: Tea.__init__() takes 1 positional argument but 3 were given; "
        "begin it with: def __init__(self, brand, settings): super().__init__(brand, settings)",
    ),
    "a constructor that forgets the core's": (
        "def __init__(self, brand, settings):\n    self.cups = 0", "", {},
        "class: plugin 'tea': its __init__ leaves out what the core does; "
        "begin it with: def __init__(self, brand, settings): super().__init__(brand, settings)",
    ),
    "problems that are one text": (
        "def brand_problems(self):\n    return 'no water'", "", {},
        "settings: [plugins.tea]: brand_problems() failed: TypeError: returned 'no water', not a list of sentences; "
        "write return [...]; give the settings that the plugin needs (settings= in a test, else --settings FILE), or mend it",
    ),
    "no migrations folder": (
        TABLES, MODEL, {},
        "migrations: plugin 'tea': its migrations folder {m} is not there; make it, with 0001_tables.py in it",
    ),
    "a migration without a number": (
        TABLES, MODEL, {"cups": MIGRATION},
        "migrations: plugin 'tea': {m}/cups.py would never run: its name begins with its number; call it 0001_cups.py",
    ),
    "two migrations of one number": (
        TABLES, MODEL, {"m0001_a": MIGRATION, "m0001_b": MIGRATION},
        "migrations: plugin 'tea': {m}/0001_b.py has the number of 0001_a.py; give it the next one",
    ),
    "a migration without up": (
        TABLES, MODEL, {"m0001_cups": "def upgrade(migrator, db):\n    pass\n"},
        "migrations: {m}: a migration of plugin 'tea' fails: MigrationError: 0001_cups does not define up().; "
        "write def up(migrator, db)",
    ),
    "an up that takes nothing": (
        TABLES, MODEL, {"m0001_cups": "def up():\n    pass\n"},
        "migrations: {m}: a migration of plugin 'tea' fails: TypeError: up() takes 0 positional arguments but 2 were given; "
        "write def up(migrator, db)",
    ),
    "a migration that may stay half done": (
        TABLES, MODEL, {"m0001_cups": f"atomic = False\n{MIGRATION}    db.execute_sql('CREAT TABLE')\n"},
        "migrations: {m}/0001_cups.py: a migration runs whole or not at all; take out atomic = False",
    ),
    "SQL that is none": (
        TABLES, MODEL, {"m0001_cups": MIGRATION.replace("CREATE TABLE", "CREAT TABLE")},
        "migrations: {m}/0001_cups.py:2: a migration of plugin 'tea' fails: OperationalError: near \"CREAT\": syntax error",
    ),
    "a migration that is no Python": (
        TABLES, MODEL, {"m0001_cups": "def up(migrator, db)\n    pass\n"},
        "migrations: {m}/0001_cups.py:1: a migration of plugin 'tea' fails: SyntaxError: expected ':'",
    ),
    "a table that is not the plugin's by its name": (
        'migrations = "migrations"', "", {"m0001_cups": MIGRATION.replace("tea_cup", "cup")},
        "migrations: a migration makes the table 'cup'; let its name begin with tea_",
    ),
    "a route that asks for no key": (
        ROUTED, ROUTES.replace('@permission("tea:read")\n', ""), {},
        "routes: {f}:{line}: plugin 'tea': route '/cups/<int:number>' (tea.cups) names no permission; "
        "add @permission('tea:read') below the route",
    ),
    "a permission that is not declared": (
        "blueprint = routes", ROUTES, {},
        "routes: {f}:{line}: plugin 'tea': route '/cups/<int:number>' (tea.cups) needs 'tea:read', which `permissions` does not "
        "declare; write permissions = {{\"tea:read\": \"what it allows to\"}}",
    ),
    "a view without the address's part": (
        ROUTED, ROUTES.replace("def cups(number)", "def cups()"), {},
        "routes: {f}:{line}: plugin 'tea': route '/cups/<int:number>' (tea.cups) gives its view (number), which takes (); "
        "let both say the same",
    ),
    "an async view": (
        ROUTED, ROUTES.replace("def cups", "async def cups"), {},
        "routes: {f}:{line}: plugin 'tea': route '/cups/<int:number>' (tea.cups) is async; views are plain functions: write def",
    ),
    "two views of one name": (
        ROUTED, ROUTES + '\n@routes.get("/more")\n@permission("tea:read")\ndef cups():\n    return {}\n', {},
        "routes: plugin 'tea': blueprint 'tea': AssertionError: View function mapping is overwriting an existing endpoint "
        "function: tea.cups; give each view a name of its own",
    ),
    "a handler that breaks": (
        HOOK.format("on_order(self, event)", "raise KeyError('cup')"), "", {},
        "handlers: {f}:14: on_order fails: KeyError: 'cup'; mend what raised it",
    ),
    "a guard that returns False": (
        HOOK.format("check_lead(self, draft)", "return False"), "", {},
        "handlers: {f}:12: plugin 'tea': check_lead returned False, which means nothing; raise Veto(reason) to refuse, "
        "return nothing otherwise",
    ),
    "a cart that is no cart": (
        HOOK.format("filter_cart(self, cart)", "return cart.payable_minor"), "", {},
        "handlers: {f}:12: plugin 'tea' failed in filter_cart: TypeError: filter_cart returns a Cart or None, not int",
    ),
    "a cart that is asked for what it has not": (
        HOOK.format("filter_cart(self, cart)", "return cart.total"), "", {},
        "handlers: {f}:14: plugin 'tea' failed in filter_cart: AttributeError: 'Cart' object has no attribute 'total'",
    ),
    "a job that breaks": (
        'jobs = (Job("nightly", 86_400, "tidy"),)\ndef tidy(self):\n    self.cups', "", {},
        "jobs: job tea/nightly failed: AttributeError: 'Tea' object has no attribute 'cups'; mend what raised it",
    ),
    "a report that is a list": (
        'reports = {"cups": Report("cups", "Cups")}\ndef cups(self):\n    return []', "", {},
        "figures: the report 'cups' returns a list; return ReportTable(columns, rows)",
    ),
    "a metric that is not declared": (
        'metrics = {"cups": Metric("Cups")}\n'
        + HOOK.format("collect_metrics(self, query)", "yield MetricValue('pots', query.first_day, 1)"), "", {},
        "figures: collect_metrics fails: plugin 'tea': metric 'pots' of day 739617 ('') is not declared; mend what raised it",
    ),
    "an import from inside the framework": (
        "", "\nfrom scrm_core.models import Order as Sold\n", {},
        "public-api: {f}:6: imports Order from scrm_core.models; import Order from scrm_core.api",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", TRIED)
def test_a_mistake_that_shows_when_the_plugin_is_tried_is_one_line_too(tea, mistake):
    body, before, migrations, told = TRIED[mistake]
    package = tea(body, before=before, **migrations)
    line = 0
    if "{line}" in told:
        line = line_of(package, "@routes.get")
    wanted = told.format(f=package / "__init__.py", m=package / "migrations", line=line)
    assert scrm("plugin", "check", package, "--without", "import-cost") == f"{wanted}\n"


BARE = "from scrm_core.api import *\n\n\n"
OTHER = "\nclass Other(Plugin):\n    name, version, summary, requires_core = 'other', '1', 's', '>=0.1'\n"

# Told when it is loaded: (the module, the line).
LOADED = {
    "a module that is not installed": (
        "import teapot\n",
        "{f}:1: plugin 'tea' fails at import: ModuleNotFoundError: No module named 'teapot'; "
        "install 'teapot' where scrm is installed, or correct the name",
    ),
    "a misspelt name of the API": (
        "\nfrom scrm_core.api import Plugn\n",
        "{f}:2: plugin 'tea' fails at import: ImportError: cannot import name 'Plugn' from 'scrm_core.api' ({api}); "
        "did you mean 'Plugin'?",
    ),
    "a module that the framework does not have": (
        "import scrm_core.plugins\n",
        "{f}:1: plugin 'tea' fails at import: ModuleNotFoundError: No module named 'scrm_core.plugins'; "
        "a plugin imports from scrm_core.api alone",
    ),
    "a syntax error": (
        "\n\nclass Tea(Plugin)\n", "{f}:3: plugin 'tea' fails at import: SyntaxError: expected ':'",
    ),
    "a name that nobody defined": (
        "\nclass Tea(Plugin):\n    pass\n",
        "{f}:2: plugin 'tea' fails at import: NameError: name 'Plugin' is not defined",
    ),
    "a mark with an option of another framework": (
        BARE + "@hookimpl(tryfirst=True)\ndef on_lead(self, event): ...\n",
        "{f}:4: plugin 'tea' fails at import: TypeError: hookimpl() got an unexpected keyword argument 'tryfirst'",
    ),
    "a field that was not called": (
        BARE + "from marshmallow import Schema, fields\n\nclass Settings(Schema):\n    cups = fields.Integer\n",
        "{f}:6: plugin 'tea' fails at import: TypeError: Field for \"cups\" must be declared as a Field instance, not a "
        "class. Did you mean \"fields.Integer()\"?",
    ),
    "a permission without its scope": (
        HEAD + "    pass\n" + ROUTES.replace('@permission("tea:read")', "@permission"),
        "{f}:{line}: cups: @permission names the scope that a key needs; write @permission(\"NAME:read\")",
    ),
    "no name": (
        HEAD.replace('    name = "tea"\n', ""),
        "{f}: defines 0 named Plugin classes; exactly one is needed: write name = \"tea\" in class Tea",
    ),
    "no base class": (
        HEAD.replace("(Plugin)", ""),
        "{f}: defines 0 named Plugin classes; exactly one is needed: write class Tea(Plugin) there, "
        "or import it there from the module that defines it",
    ),
    "two classes": (
        HEAD + OTHER,
        "{f}: defines 2 named Plugin classes; exactly one is needed: move Tea or Other into a package of its own",
    ),
    "another name than the folder's": (
        HEAD.replace('"tea"', '"teas"'),
        "{p}: the class Tea calls itself 'teas', its folder 'tea'; make both equal",
    ),
    "a range that the framework is not in": (
        HEAD.replace(">=0.1", ">=7,<8"),
        "plugin 'tea' 1.0 needs core >=7,<8, this is {version}; install a matching version of either",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", LOADED)
def test_a_mistake_that_shows_when_the_plugin_is_loaded_is_one_line_too(tea, mistake):
    import scrm_core.api

    source, told = LOADED[mistake]
    package = tea()
    (package / "__init__.py").write_text(source, "utf-8")
    line = line_of(package, "@routes.get") if "{line}" in told else 0
    wanted = told.format(
        p=package, f=package / "__init__.py", line=line, api=scrm_core.api.__file__, version=scrm_core.__version__
    )
    assert scrm("plugin", "check", package) == f"Error: {wanted}\n"


PYPROJECT = '[project]\nname = "scrm-tea"\nversion = "1.0"\n\n'


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ("", "no entry point names 'tea'"),
        ('[project.entry-points."scrm.plugin"]\ntea = "scrm_tea:Tea"\n', "no entry point names 'tea'"),
        ('[project.entry-points."scrm.plugins"]\ntea = "scrm_tea:Teas"\n', "the entry point of 'tea' is 'scrm_tea:Teas'"),
        ('[project.entry-points."scrm.plugins"]\ntea = "scrm_tea"\n', "the entry point of 'tea' is 'scrm_tea'"),
        ('[project.entry-points."scrm.plugins"]\ntea = ["scrm_tea:Tea"]\n', "the entry point of 'tea' is ['scrm_tea:Tea']"),
        ('[project.entry-points]\n"scrm.plugins" = "scrm_tea:Tea"\n', "no entry point names 'tea'"),
        ("[project.entry-points.scrm.plugins]\ntea = 'scrm_tea:Tea'\n", "no entry point names 'tea'"),
        ("entry-points = ['scrm_tea:Tea']\n", "no entry point names 'tea'"),
        ("dynamic = 5\n", "no entry point names 'tea'"),
    ],
)
def test_a_distribution_that_does_not_name_its_plugin_is_told_the_line_to_write(tea, points, told):
    folder = tea("pass").parent
    (folder / "pyproject.toml").write_text(PYPROJECT + points, "utf-8")
    right = 'write tea = "scrm_tea:Tea" in [project.entry-points."scrm.plugins"]'
    assert scrm("plugin", "check", folder) == f"Error: {folder}/pyproject.toml: {told}; {right}\n"


def test_a_folder_of_another_name_is_told_what_to_call_it(tea):
    package = tea("pass")
    wrong = package.rename(package.parent / "tea")
    told = f"Error: {wrong}: a plugin's folder is called scrm_<name>; call it scrm_tea\n"
    assert scrm("plugin", "check", wrong) == told
    empty = package.parent / "empty"
    empty.mkdir()
    assert scrm("plugin", "check", empty) == (
        f"Error: {empty}: has no single package scrm_<name>; found: none; write a plugin's class into scrm_<name>/__init__.py\n"
    )


# What an installed distribution's entry point says -> the line.
INSTALLED = {
    "scrm_tea:Tee": "the entry point 'scrm_tea:Tee' is not a Plugin class; write tea = \"scrm_tea:Tea\"",
    "scrm_tea": "the entry point 'scrm_tea' is not a Plugin class; write tea = \"scrm_tea:Tea\"",
    "scrm_teas:Tea": "fails at import: ModuleNotFoundError: No module named 'scrm_teas'; "
    "install 'scrm_teas' where scrm is installed, or correct the name",
}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A function that makes an installed distribution of some entry points, as pip leaves it behind."""

    def install(points):
        information = tmp_path / "scrm_tea-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: scrm-tea\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(f"[scrm.plugins]\n{points}\n")
        monkeypatch.syspath_prepend(tmp_path)

    return install


@pytest.mark.parametrize("target", INSTALLED)
def test_an_entry_point_that_leads_nowhere_is_told_what_to_write(tea, installed, target):
    tea("pass")
    installed(f"tea = {target}")
    between = " " if "fails" in INSTALLED[target] else ": "
    told = f"Error: plugin 'tea' (distribution scrm-tea){between}{INSTALLED[target]}\n"
    assert scrm("plugin", "check", "tea") == told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Tea_Shop", "'Tea_Shop' is not a plugin name (lower case letters, digits and dashes)"),
        ("report", "'report' is reserved by the core"),
    ],
)
def test_an_entry_point_of_a_wrong_name_is_refused(tea, installed, name, told):
    tea("pass")
    installed(f"{name} = scrm_tea:Tea")
    assert scrm("plugin", "check", name) == f"Error: plugin {name!r}: {told}\n"


def test_an_entry_point_and_a_class_of_two_names_are_told_to_be_equal(tea, installed):
    tea("pass")
    installed("green-tea = scrm_tea:Tea")
    told = "the class calls itself 'tea'; make both equal"
    assert scrm("plugin", "check", "green-tea") == f"Error: plugin 'green-tea' (distribution scrm-tea): {told}\n"


BRAND = '[brand]\nid = "shop"\nname = "Shop"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n\n'
SETTINGS = """
class Settings(Schema):
    cups = fields.Integer(strict=True, required=True, metadata={"description": "how many"})
    kind = fields.String(load_default="green", metadata={"description": "which"})
    hot = fields.Boolean(truthy={True}, falsy={False}, load_default=True, metadata={"description": "how"})
"""

# In a brand's file behind [brand] -> the line behind the file's name.
IN_THE_FILE = {
    "[plugin.tea]\ncups = 1\n": "plugin: found {{'tea': {{'cups': 1}}}}; unknown key; allowed are attribution, brand, consumer, "
    "goals, outreach, partners, plugins, retention, rfm; did you mean 'plugins'?",
    "[plugins]\ntea = true\n": "[plugins] tea: found True; must be a table of its own: [plugins.tea]",
    "[plugins.tea]\ncups = 1\n[plugins.tea]\n": "not valid TOML: Cannot declare ('plugins', 'tea') twice (at line 9, column 13)",
    "[plugins.tea]\ncups = many\n": "not valid TOML: Invalid value (at line 8, column 8)",
    "[plugins.tea]\n": "[plugins.tea] cups: is required; add it",
    '[plugins.tea]\ncups = "1"\n': "[plugins.tea] cups: found '1'; must be a whole number, without quotation marks",
    "[plugins.tea]\ncups = 1\nkind = 5\n": "[plugins.tea] kind: found 5; must be a text, in quotation marks",
    '[plugins.tea]\ncups = 1\nhot = "yes"\n': "[plugins.tea] hot: found 'yes'; must be true or false",
    "[plugins.tea]\ncups = 1\nkinds = 2\n": "[plugins.tea] kinds: found 2; unknown key; allowed are cups, hot, kind; "
    "did you mean 'kind'?",
    "[plugins.tea]\ncups = 1\nenabled = 1\n": "[plugins.tea] enabled: found 1; must be true or false",
    '[plugins.tea]\ncups = 1\nkind = "env:TEA_KIND"\n': "plugins.tea.kind: environment variable 'TEA_KIND' is not set",
    "[plugins.te]\n": "[plugins.te]: plugin 'te' is not installed; did you mean 'tea'? If not, install its distribution or put "
    "it into {plugins} as scrm_te",
    "[plugins.green]\n": "[plugins.green]: plugin 'green' is not installed; call the folder {plugins}/green scrm_green",
    "[plugins.black]\n": "[plugins.black]: plugin 'black' is not installed; {plugins}/scrm_black has no __init__.py: "
    "write the plugin's class there",
    "[plugins.white]\n": "[plugins.white]: plugin 'white' is not installed; install {plugins}/scrm-white with pip, or move its "
    "scrm_white into {plugins}",
}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "scrm.toml").write_text('plugins_dir = "plugins"\n')
    (tmp_path / "brands").mkdir()
    (tmp_path / "brands" / "moonco.toml").write_text(BRAND.replace("shop", "moonco"))
    for folder in ("green", "scrm_black", "scrm-white/scrm_white"):
        (tmp_path / "plugins" / folder).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("text", IN_THE_FILE)
def test_a_mistake_in_a_brands_file_is_one_line_too(tea, project, text):
    package = tea(SETTINGS)
    package.rename(project / "plugins" / "scrm_tea")
    path = project / "brands" / "shop.toml"
    path.write_text(BRAND + text)
    (line, fine) = sorted(scrm("--project", project, "brand", "check").splitlines(), key=lambda line: "moonco:" in line)
    assert line == f"{path}: {IN_THE_FILE[text].format(plugins=project / 'plugins')}"
    assert fine == "moonco: no errors"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"shop"', '"store"', "[brand] id: found 'store'; must equal the file's name 'shop'"),
        ("Asia/Shanghai", "Shanghai", "[brand] timezone: found 'Shanghai'; must be an IANA time zone such as 'Asia/Shanghai'; "
         "did you mean 'Asia/Shanghai'?"),
        ("CNY", "RMB", "[brand] currency: found 'RMB'; must be an ISO 4217 code such as CNY"),
        ('currency = "CNY"', "", "[brand] currency: is required; add it"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_brands_own_table_is_one_line_too(project, old, new, told):
    path = project / "brands" / "shop.toml"
    path.write_text(BRAND.replace(old, new))
    assert scrm("--project", project, "brand", "check", "shop") == f"{path}: {told}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('plugin_dir = "plugins"\n', "plugin_dir: found 'plugins'; unknown key; allowed are base_url, brands_dir, "
         "database_synchronous, database_url, demo, metrics_token, partner_networks, plugins_dir, queue_url, "
         "transaction_pooler; did you mean 'plugins_dir'?"),
        ('database_url = "data"\n', "database_url: found 'data'; must be sqlite:FOLDER or "
         "postgresql://user:password@host:port/database"),
        ("demo = yes\n", "not valid TOML: Invalid value (at line 1, column 8)"),
    ],
)  # fmt: skip
def test_a_mistake_in_scrm_toml_is_one_line_too(project, text, told):
    (project / "scrm.toml").write_text(text)
    assert scrm("--project", project, "brand", "check") == f"Error: {project}/scrm.toml: {told}\n"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "install its distribution or put it into the plugins folder, which `plugins_dir` in scrm.toml names"),
        ('plugins_dir = "mine"\n', "install its distribution, or make the plugins folder {mine}, which is not there"),
    ],
)
def test_a_plugin_in_a_folder_that_scrm_toml_does_not_name_is_told_where_to_put_it(tea, project, text, remedy):
    tea("pass").rename(project / "plugins" / "scrm_tea")
    (project / "scrm.toml").write_text(text)
    path = project / "brands" / "shop.toml"
    path.write_text(BRAND + "[plugins.tea]\n")
    told = f"{path}: [plugins.tea]: plugin 'tea' is not installed; {remedy.format(mine=project / 'mine')}\n"
    assert scrm("--project", project, "brand", "check", "shop") == told
