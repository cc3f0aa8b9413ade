"""Gateways (短信网关): ways to send, and what they call back with."""
