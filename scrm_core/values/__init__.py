"""Values: money, identities, masking, text and JSON, each with one way to read and write it.

Pure functions without a database, a clock or a brand.
"""
