"""signin: a built-in method under another name"""

from toto.methods.account.login import invoke  # noqa: F401
