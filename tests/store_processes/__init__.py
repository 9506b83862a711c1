"""Processes that use stores: servers under load, and processes that race one another."""
