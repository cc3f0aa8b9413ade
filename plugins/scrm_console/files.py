"""Tables as CSV files: what a report's table shows, for spreadsheets. No cell starts a formula."""

from __future__ import annotations

import csv
import io
from typing import Any

from flask import Response

from scrm_core.api import Brand, Column, ReportTable, csv_cell, exponent_of, format_minor, iso

from .frame import attachment


def table_file(brand: Brand, table: ReportTable, name: str) -> Response:
    """A table as a CSV file called ``NAME-BRAND.csv``; ``name`` is ours or a plugin's."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(csv_cell(column.title) for column in table.columns)
    lines.writerows([_cell(brand, column, row[column.name]) for column in table.columns] for row in table.rows)
    return attachment(text.getvalue(), f"{name}-{brand.id}.csv")


def _cell(brand: Brand, column: Column, value: Any) -> str:
    """Amounts in major units, rates as fractions, instants as ISO 8601 in the brand's zone."""
    if value is None:
        return ""
    if column.kind == "money":
        return format_minor(value, exponent_of(brand.currency))
    if column.kind == "instant":
        return str(iso(value, brand.zone))
    return csv_cell(str(value), "text" if column.kind == "text" else "number")
