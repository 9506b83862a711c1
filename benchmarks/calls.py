"""Calls per second of this project beside its peers, and the ratios that are to be reached."""

import sys
import tempfile
from collections.abc import Iterator, Mapping

from benchmarks.cases import CASES, TARGETS, Case, Target
from benchmarks.load import Figures, load
from benchmarks.options import Options
from benchmarks.places import Place, Places
from benchmarks.processes import Running, Server, running
from benchmarks.tables import Table, cpu, failed, ratio, speed

__all__ = ["tables"]

Rounds = Mapping[Case, list[Figures]]


def tables(options: Options) -> Iterator[Table]:
    """Every other round goes backwards, so that no case always follows the same one."""
    cases = [case for case in CASES if not _missing(case)]
    rounds: dict[Case, list[Figures]] = {case: [] for case in cases}
    groups: dict[tuple[Server, Place], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.server, case.place), []).append(case)
    with tempfile.TemporaryDirectory() as folder, Places(folder) as places:
        for number in range(options.rounds):
            for (server, place), group in reversed(groups.items()) if number % 2 else groups.items():
                with running(server, places.settings(server, place)) as process:
                    for case in group:
                        print(f"{server.name}: {case.what}, {place.name}", file=sys.stderr)
                        given = places.credentials(server, place, case.request.needs)
                        rounds[case].append(_loaded(case, process, given, options, folder))
    yield _speeds(rounds)
    yield _targets(rounds)


def _missing(case: Case) -> str:
    return case.server.missing or case.place.missing


def _loaded(case: Case, process: Running, credentials: list[str], options: Options, folder: str) -> Figures:
    connections = case.connections or options.connections
    seconds = max(case.least_seconds, options.seconds)
    return load(case.request, process, credentials, connections, seconds, folder)


def _speeds(rounds: Rounds) -> Table:
    rows = [
        (
            case.server.name,
            case.what,
            case.place.name if case.request.needs else "",
            f"{speed(figures):,.0f}" if speed(figures) > 100 else f"{speed(figures):.1f}",
            f"{cpu(figures):,.0f} µs",
            str(failed(figures)),
        )
        for case, figures in rounds.items()
    ]
    left_out = [
        f"Left out: {case.server.name}, {case.what}: {why}." for case in CASES if (why := _missing(case))
    ]
    return Table(
        "Calls",
        ("server", "call", "sessions", "calls/s", "CPU of a call", "failed"),
        rows,
        notes=[
            "One server process on the first core; the generator and the stores' servers are on the others.",
            "Medians of the rounds. CPU is that of the server's processes alone, stores excluded.",
            "A login is the password's hash, and nearly nothing else.",
            "This project runs with the settings of the example project, without its session cookies.",
            "Peers do the same work on bodies of the same content, without any middleware.",
            *left_out,
        ],
        texts=3,
        failed=sum(map(failed, rounds.values())),
    )


def _targets(rounds: Rounds) -> Table:
    return Table(
        "Ratios",
        ("calls/s", "ratio", "by CPU", "to be reached", ""),
        [row for target in TARGETS if (row := _target_row(target, rounds))],
        notes=[
            "Taken within each round, then the median; of several servers of a peer the faster one counts.",
            "By CPU is the same of the CPU of a call, stores excluded: a busy machine changes it less.",
            "The original Toto (Python 2.7, Tornado 4.2) reached 0.55 of Tornado 6.",
        ],
    )


def _target_row(target: Target, rounds: Rounds) -> tuple[str, ...] | None:
    others = [rounds[other] for other in target.others if other in rounds]
    if not others or target.case not in rounds:
        return None
    ours, theirs = rounds[target.case], max(others, key=speed)
    least, verdict = "", ""
    if not (speed(ours) and speed(theirs)):
        return (target.what, "nothing answered", "", least, verdict)
    reached, by_cpu = ratio(ours, theirs), cpu(theirs) / cpu(ours)
    if target.least is not None:
        least, verdict = f"{target.least:g}", "yes" if reached >= target.least else "no"
    return (target.what, f"{reached:.2f}", f"{by_cpu:.2f}", least, verdict)
