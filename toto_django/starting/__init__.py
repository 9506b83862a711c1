"""Projects to start from, as templates for `django-admin startproject` (docs/starting.md)."""
