"""Brands with the SMS plugin: acme has it, moonco does not unless a test says so."""

from __future__ import annotations
