"""The example project's settings, with the methods of the soak and its limits out of the way.

BENCH_SETTINGS is a JSON object of settings that differ. What it has for TOTO is added to these.
"""

import json
import os

from example_project.settings import *  # noqa: F403
from example_project.settings import INSTALLED_APPS, TOTO

INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks.soak.service"]
# A hash that is worth its time would be most of the load.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

_given = json.loads(os.environ["BENCH_SETTINGS"])
TOTO = {
    **TOTO,
    "USE_COOKIES": False,
    "EVENT_INIT_MODULES": ["benchmarks.soak.service.listeners"],
    "THREADS": 4,
    # All clients have one address.
    "MAX_SESSION_WAITERS": 100_000,
    "MAX_ADDRESS_WAITERS": 100_000,
    "MAX_SESSION_SOCKETS": 100_000,
    "MAX_ADDRESS_SOCKETS": 100_000,
    # Whose password is guessed is throttled, and nobody else.
    "THROTTLES": {
        "login": "10/min",
        "login.address": "100000/min",
        "login.account": "100000/min",
        "create": "100000/min",
    },
    **_given.pop("TOTO", {}),
}
globals().update(_given)
