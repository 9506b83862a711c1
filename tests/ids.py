"""Names of parametrized cases."""

import re
from typing import Any


def stable_repr(value: Any) -> str:
    """repr without addresses: every process that runs a part of the suite gives a case the same name."""
    return re.sub(r" at 0x[0-9a-f]+", "", ascii(value))
