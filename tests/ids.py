"""Names of parametrized cases."""

import re
from typing import Any


def stable_repr(value: Any) -> str:
    """What every process that runs a part of the suite calls a case: no addresses, no order of sets."""
    return re.sub(
        r" at 0x[0-9a-f]+", "", "".join(sorted(ascii(value))) if isinstance(value, set) else ascii(value)
    )
