"""Attacks, one family in each module: every test fails if the hole that it looks for comes back."""
