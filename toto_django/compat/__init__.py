"""The names that ported method modules import: ``toto.invocation``, ``toto.exceptions``, ...

``"toto_django.compat"`` in INSTALLED_APPS makes them work, `install` does in scripts.
Without either, nothing here has any effect.
"""

from toto_django.compat.finder import install, uninstall

__all__ = ["install", "uninstall"]
