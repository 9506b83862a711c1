"""A small Django project that shows toto_django: ``make demo``."""
