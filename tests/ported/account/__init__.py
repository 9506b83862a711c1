"""account.*: one of the built-in methods is replaced."""
