"""Where the time of a public call goes, layer by layer: `python -m benchmarks.profile`.

A process of `manage.py toto` under load is looked at from outside, by py-spy, some hundred
times a second; nothing in it is traced, so no layer pays for being measured. What a call
takes of the CPU is measured before, without py-spy. To look into another process py-spy
needs root, or kernel.yama.ptrace_scope = 0.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.cases import ASYNC, RAW_CALL, Case
from benchmarks.load import load
from benchmarks.machine import description, leave_first_core, require
from benchmarks.options import Options
from benchmarks.places import Places
from benchmarks.processes import Running, running
from benchmarks.tables import Table

PAGE = Path(__file__).with_name("PROFILE.md")
RATE = 400
"""Looks a second."""
MARGIN = 1
"""Seconds of load before and after the looking."""
ELSEWHERE = "elsewhere"

LAYERS = {
    "event loop and sockets": r"asyncio/|uvloop/|selectors\.py|toto_django/server/",
    "uvicorn, reading": r"uvicorn/protocols/\S+ (data_received|on_\w+)",
    "uvicorn, sending": r"uvicorn/protocols/\S+ send\b",
    "uvicorn, the rest": r"uvicorn/",
    "body": r"toto_django/asgi\.py (_read|_of_client|_declared_length)",
    "path": r"django/urls/|toto_django/asgi\.py (call_match|_call_match)|toto_django/requests\.py path_info",
    "request": r"toto_django/requests\.py",
    "watch for clients that leave": r"toto_django/asgi\.py (_unless_left|begin|cancel_when_left)",
    "handler of calls": r"toto_django/(asgi|threads)\.py|django/core/handlers/",
    "middleware, session, signature": r"toto_django/(middleware|exchange|http|signing|sessions|stores/\S+)\b",
    "view": r"toto_django/views\.py|django/views/",
    "codec": r"toto_django/codecs/",
    "dispatcher": r"toto_django/(dispatcher|registry|handler|reply|messages|invocation|workers)\.py",
    "method": r"benchmarks/",
    "response and its headers": r"django/http/",
    "settings": r"toto_django/conf\.py|django/conf/",
    "the rest of toto_django": r"toto_django/",
}
"""Patterns of ``file function``. A look counts for the innermost of its frames that has a layer, so what a
layer calls in libraries is its own."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=20, help="of looking")
    parser.add_argument("--quick", action="store_true", help="two seconds: is all of it there?")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} as well")
    given = parser.parse_args()
    require("wrk", "taskset", "py-spy")
    leave_first_core()
    seconds = 2 if given.quick else given.seconds
    page = f"# Where the time of a call goes\n\n{description()}\n\n{_table(seconds)}"
    print(page)
    if given.write:
        PAGE.write_text(page)


def _table(seconds: int) -> Table:
    call, looks = _profiled(ASYNC, seconds)
    raw_call, raw_looks = _profiled(RAW_CALL, seconds)
    rows = [
        (
            layer,
            f"{_share(looks, layer):.1%}",
            *(_time(*each, layer) for each in ((call, looks), (raw_call, raw_looks))),
        )
        for layer in [*LAYERS, ELSEWHERE]
        if looks[layer] or raw_looks[layer]
    ]
    return Table(
        "A public call, async def",
        ("layer", "share", "µs", "µs of raw ASGI"),
        [*rows, ("all", "", f"{call:.1f}", f"{raw_call:.1f}")],
        notes=[
            f"{looks.total():,} looks, {RATE} a second, at one process of `manage.py toto` with the settings "
            f"of the example project and {Options.connections} connections; raw ASGI: {raw_looks.total():,}.",
            "The times are these shares of the CPU that a call takes where nobody looks.",
            "The time of the kernel is in the layer that asks for it, so most of sending is the kernel's.",
        ],
    )


def _share(looks: Counter[str], layer: str) -> float:
    return looks[layer] / looks.total()


def _time(call: float, looks: Counter[str], layer: str) -> str:
    return f"{call * _share(looks, layer):.1f}" if looks[layer] else ""


def _profiled(case: Case, seconds: int) -> tuple[float, Counter[str]]:
    """Microseconds of CPU that a call takes, and the looks by layer."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Places(folder) as places,
        running(case.server, places.settings(case.server, case.place)) as process,
    ):
        alone = load(case.request, process, [], Options.connections, seconds, folder)
        looking = _looking(process, seconds, f"{folder}/stacks")
        load(case.request, process, [], Options.connections, seconds + 2 * MARGIN, folder)
        if looking.wait():
            sys.exit("py-spy failed.")
        stacks = Path(folder, "stacks").read_text()
    looks: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        looks[_layer(stack)] += int(count)
    return 1e6 * alone.cpu, looks


def _looking(process: Running, seconds: int, path: str) -> subprocess.Popen[bytes]:
    options = ("--format", "raw", "--rate", str(RATE), "--duration", str(seconds), "--output", path)
    command = ["py-spy", "record", "--pid", str(process.busiest()), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _layer(stack: str) -> str:
    """Of frames as ``function (file:line)``, joined by semicolons."""
    for frame in reversed(stack.split(";")):
        found = re.fullmatch(r"(?:.*\.)?(\S+) \((.*):\d+\)", frame)
        place = f"{found[2]} {found[1]}" if found else frame
        for layer, pattern in LAYERS.items():
            if re.match(pattern, place):
                return layer
    return ELSEWHERE


if __name__ == "__main__":
    main()
