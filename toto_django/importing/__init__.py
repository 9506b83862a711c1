"""Accounts and sessions of an original Toto server, into the configured stores (docs/importing.md)."""
