"""Mixed load for as long as asked, and whether a server stays what it is: `python -m benchmarks.soak`.

Needs Linux, and uses what there is of PostgreSQL and Redis. Exits with 1 when something is not ok.
"""

import argparse
import signal
import sys
from pathlib import Path

from benchmarks.machine import allow_open_files, description, require
from benchmarks.soak.backends import POSTGRESQL, REDIS
from benchmarks.soak.run import Options, Report, soaked
from benchmarks.soak.verdict import verdict

PAGE = Path(__file__).parent.with_name("SOAK.md")
INTERRUPTED = 130


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=Options.minutes, help="of load, warm-up included")
    parser.add_argument("--processes", type=int, default=Options.processes)
    parser.add_argument(
        "--scale", type=float, default=Options.scale, help="of the rates, about 110 requests/s"
    )
    parser.add_argument("--only", default=Options.only, metavar="TEXT", help="kinds with this in their name")
    parser.add_argument("--signing", default=Options.signing, help="TOTO['HMAC']; none for None")
    parser.add_argument("--warm-up", type=float, metavar="SECONDS", help="a tenth, but two minutes of six")
    parser.add_argument("--silence", type=float, default=Options.silence, metavar="SECONDS", help="at least")
    parser.add_argument("--postgresql", default=POSTGRESQL, metavar="URL", help=POSTGRESQL)
    parser.add_argument("--redis", default=REDIS, metavar="URL", help=f"{REDIS}, without a database's number")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} as well")
    given = vars(parser.parse_args())
    is_written = given.pop("write")
    given["signing"] = None if given["signing"] == "none" else given["signing"]
    require("taskset")
    allow_open_files()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        report = soaked(options := Options(**given))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    page = _page(options, report)
    print(page)
    if is_written:
        PAGE.write_text(page)
    if not report.is_ok:
        sys.exit(1)


def _page(options: Options, report: Report) -> str:
    arguments = f'ARGS="{" ".join(sys.argv[1:])}"' if sys.argv[1:] else ""
    head = (
        "# Soak\n\n"
        f"Written by `{f'make soak {arguments}'.strip()}`: {options.minutes:g} minutes of load, of which "
        f"{options.warming:.0f} s to warm up, {options.processes} processes.\n\n"
        f"{description()}\n\nAll in all: {verdict(report.is_ok)}.\n"
    )
    notes = ["## Notes", "", *(f"- {note}" for note in report.notes), ""] if report.notes else []
    return "\n".join([head, *map(str, report.tables), *notes])


if __name__ == "__main__":
    main()
