"""Consumers (顾客): signed sessions on the public pages, and how they begin."""
