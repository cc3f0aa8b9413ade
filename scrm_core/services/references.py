"""Every column that points to a contact: what a merge moves, an export shows and an erasure clears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..db.catalogue import keys_to
from ..errors import PluginError
from ..models import CORE_MODELS, Contact, ContactMerge

if TYPE_CHECKING:
    from ..brands import Brand


@dataclass(frozen=True, slots=True)
class Reference:
    """A column with a foreign key to Contact, and the primary key of its table."""

    table: str
    column: str
    key: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}"


def references(brand: Brand) -> list[Reference]:
    """Every foreign key to Contact in core and in the brand's plugins, by table and column.

    Merges themselves and the link from a loser to its winner are left out:
    they are history and do not move.
    """
    models = {*CORE_MODELS, *(model for plugin in brand.plugins.values() for model in plugin.models)}
    found = []
    for field in Contact._meta.backrefs:
        model = field.model
        if model not in models or model in (Contact, ContactMerge):
            continue
        if not model._meta.primary_key:
            where = f"{model.__name__}.{field.name}"
            raise PluginError(f"{where}: a table with a foreign key to Contact needs a primary key")
        key = tuple(each.column_name for each in model._meta.get_primary_keys())
        found.append(Reference(model._meta.table_name, field.column_name, key))
    return sorted(found, key=lambda each: each.name)


def unclaimed_references(brand: Brand) -> list[Reference]:
    """Foreign keys to Contact in tables that no model of the core or of an enabled plugin describes.

    A plugin that was switched off leaves its tables and what they say of people.
    The database itself is asked; the primary key is left out.
    """
    claimed = {model._meta.table_name for model in CORE_MODELS}
    claimed |= {model._meta.table_name for plugin in brand.plugins.values() for model in plugin.models}
    contact = Contact._meta.table_name
    found = [Reference(table, column, ()) for table, column in keys_to(contact) if table not in claimed]
    return sorted(found, key=lambda each: each.name)
