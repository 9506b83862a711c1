"""The event manager of a process that forks."""

import json
import os
import subprocess
import sys

from tests.realtime import HERE, ROOT

FORK = """
import os, queue
import django
django.setup()
from toto_django.events import EventManager
manager = EventManager.instance()
arrived = queue.Queue()
manager.register_handler("event", arrived.put, persist=True)
manager.send("event", "parent")
assert arrived.get(timeout=10) == "parent"
child = os.fork()
if child == 0:
    manager.send("event", "child")
    ok = arrived.get(timeout=10) == "child"
    manager.register_handler("own", arrived.put)
    manager.send("own", "own")
    os._exit(0 if ok and arrived.get(timeout=10) == "own" else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
manager.send("event", "again")
assert arrived.get(timeout=10) == "again"
assert status == 0, status
"""


def test_forked_process_has_a_hub_of_its_own() -> None:
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.service.realtime_settings",
        "TOTO_TEST_TOTO": json.dumps(HERE),
    }
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
