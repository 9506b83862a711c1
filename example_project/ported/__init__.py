"""Methods as a Toto server has them: modules with an ``invoke``, each named by its path."""
