"""Prints the table of all replays."""

from collections.abc import Iterator

import pytest

from tests.conformance.replay import CATEGORIES

NAME = "{:<38}"
ROW = NAME + "{:>13}" * (len(CATEGORIES) + 1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = sorted(_rows(terminalreporter))
    if rows:
        terminalreporter.section("conformance")
        terminalreporter.write_line(ROW.format("recording, transport", *CATEGORIES, "failed"))
        for name, counts in rows:
            terminalreporter.write_line(
                NAME.format(name) + counts if isinstance(counts, str) else ROW.format(name, *counts)
            )


def _rows(terminalreporter: pytest.TerminalReporter) -> Iterator[tuple[str, str | list[int]]]:
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                yield from (value for name, value in report.user_properties if name == "conformance")
