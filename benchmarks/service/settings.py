"""The example project's settings, with the methods of the benchmarks and the stores to measure.

BENCH_SETTINGS is a JSON object of settings that differ. What it has for TOTO is added to the example's.
"""

import json
import os

from example_project.settings import *  # noqa: F403
from example_project.settings import INSTALLED_APPS, TOTO

INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks.service"]

_given = json.loads(os.environ["BENCH_SETTINGS"])
# The example's browsable API needs cookies; the clients that are measured send headers, all from one address.
TOTO = {**TOTO, "USE_COOKIES": False, "MAX_ADDRESS_WAITERS": 100_000, **_given.pop("TOTO", {})}
globals().update(_given)
