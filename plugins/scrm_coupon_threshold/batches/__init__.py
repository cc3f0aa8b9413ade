"""Batches (券批次): templates with their stock, code pools and budget."""
