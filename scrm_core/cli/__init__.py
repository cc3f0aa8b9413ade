"""The command line: parse, call one service, print. No rule of the business lives here.

Every command that prints data prints a table for people and, with ``--json``,
one JSON document for programs. Data goes to standard output; progress,
warnings and errors go to standard error.

Exit codes:

====  ===================================================================
code  meaning
====  ===================================================================
0     done
1     refused or failed; the reason is on standard error
2     wrong usage, or not inside a project
3     the thing named does not exist
4     an import went through, but some of its rows were rejected
70    ``scrm worker``: a handler hung; start the worker again
71    ``scrm worker``: memory outgrew its limit; start the worker again
75    the database is busy, full or away; the same command may work later
130   interrupted
====  ===================================================================

Modules here import click and the standard library when they load; whatever is
heavier is imported inside the command that needs it, so ``scrm --help`` costs
little more than Python's own start.

A plugin's commands are ``scrm PLUGIN ...``: the plugin's class names a click
group (``commands = "scrm_shop.commands:group"``), which is imported when it is
used. ``@click.pass_obj`` hands each of its commands the
:class:`~scrm_core.cli.session.Session` (``scrm_core.api.CommandSession``)::

    @group.command()
    @click.argument("brand")
    @json_option
    @click.pass_obj
    def figures(session, brand, as_json):
        with session.brand(brand):
            figures = current_plugin(Shop).figures()
        session.show(["figure", "value"], figures, as_json=as_json)
"""

from .root import main

__all__ = ["main"]
