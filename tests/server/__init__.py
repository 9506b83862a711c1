"""``manage.py toto`` in real processes."""
