"""This project and its peers, one after another on the same core: `python -m benchmarks.run`.

Needs Linux, wrk and taskset (Debian: apt-get install wrk util-linux). Peers and stores that
are missing are left out, and named.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.machine import allow_open_files, description, leave_first_core, require
from benchmarks.options import Options

SECTIONS = ("calls", "stores", "curves", "waiting", "realtime")
"""Modules of this package; each has ``tables(options)``."""
PAGE = Path(__file__).with_name("RESULTS.md")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "sections", nargs="*", metavar="section", help=f"{', '.join(SECTIONS)}; all by default"
    )
    parser.add_argument(
        "--seconds", type=int, default=Options.seconds, help="of load for each case and round"
    )
    parser.add_argument("--rounds", type=int, default=Options.rounds)
    parser.add_argument("--connections", type=int, default=Options.connections)
    parser.add_argument("--quick", action="store_true", help="one round of one second: is all of it there?")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} as well")
    given = parser.parse_args()
    if unknown := set(given.sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    require("wrk", "taskset")
    allow_open_files()
    leave_first_core()
    seconds, rounds = (1, 1) if given.quick else (given.seconds, given.rounds)
    options = Options(seconds, rounds, given.connections, given.quick)
    parts, failed = [_head(options)], 0
    print(parts[0])
    for section in given.sections or SECTIONS:
        for table in import_module(f"benchmarks.{section}").tables(options):
            print(table, flush=True)
            parts.append(str(table))
            failed += table.failed
    if given.write:
        PAGE.write_text("\n".join(parts))
    if failed:
        sys.exit(f"{failed} requests failed.")


def _head(options: Options) -> str:
    arguments = f'ARGS="{" ".join(sys.argv[1:])}"' if sys.argv[1:] else ""
    return (
        "# Results\n\n"
        f"Written by `{f'make bench {arguments}'.strip()}`: rounds {options.rounds}, seconds of load "
        f"for each case {options.seconds}, connections {options.connections}.\n\n{description()}\n"
    )


if __name__ == "__main__":
    main()
