"""A tree of methods as a Toto server has them, with Toto's imports: for tests of toto_django.compat."""
