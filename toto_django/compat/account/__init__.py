"""``toto.methods.account.*``: the built-in methods as modules with ``invoke(handler, parameters)``."""
