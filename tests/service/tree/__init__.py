"""A tree of method modules in Toto's own style: each file is the method named by its path."""
