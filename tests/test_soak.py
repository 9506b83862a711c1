"""benchmarks.soak: its statistics, how it counts events, its limits, and a soak of some seconds."""

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from benchmarks.soak.backends import POSTGRESQL, REDIS, Backends, backends
from benchmarks.soak.figures import course, percentile, slope
from benchmarks.soak.ledger import Ledger
from benchmarks.soak.load import Kind, Load
from benchmarks.soak.run import Options, soaked
from benchmarks.soak.verdict import Fact, Figure, facts_table, figures_table
from benchmarks.soak.world import World
from toto_django.client import HTTPStatusError

MEBIBYTE = 1024 * 1024
MINUTES = [60.0 * minute for minute in range(21)]


# Statistics


def test_slope_is_that_of_most_points_whatever_a_few_say() -> None:
    points = [(float(second), 100 + 2.0 * second) for second in range(50)]
    points[10] = (10.0, 5000.0)
    points[40] = (40.0, -5000.0)
    assert slope(points) == pytest.approx(2)


def test_slope_of_many_points_is_taken_of_neighbours_together() -> None:
    assert slope([(float(second), 0.5 * second) for second in range(10_000)]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "points", [[], [(1.0, 5.0)], [(1.0, 5.0), (1.0, 9.0)]], ids=["none", "one", "at once"]
)
def test_slope_of_no_time_is_none(points: list[tuple[float, float]]) -> None:
    assert slope(points) == 0


def test_course_starts_and_ends_with_medians() -> None:
    seen = course(
        [(float(at), value) for at, value in enumerate([1.0, 2.0, 90.0] + [5.0] * 24 + [7.0, 8.0, 0.0])]
    )
    assert (seen.start, seen.end, seen.least, seen.most) == (2, 7, 0, 90)


@pytest.mark.parametrize(("part", "value"), [(0.5, 51), (0.99, 100), (1, 100)])
def test_percentile_is_one_of_the_values(part: float, value: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], part) == value


# Events


def test_event_that_was_sent_while_somebody_was_there_and_did_not_come_is_lost() -> None:
    ledger = Ledger()
    ledger.sent(ledger.begin())  # Nobody is there.
    subscription = ledger.subscribe()
    first, second, unknown = ledger.begin(), ledger.begin(), ledger.begin()
    ledger.sent(first)
    ledger.sent(second)
    subscription.receive(first)
    subscription.leave()
    ledger.sent(ledger.begin())  # It is leaving.
    assert subscription.missing == {second}
    assert unknown not in subscription.missing
    subscription.close()
    assert (ledger.count, ledger.delivered, ledger.lost, ledger.doubled) == (4, 1, 1, 0)


def test_event_that_comes_late_is_not_lost() -> None:
    ledger = Ledger()
    subscription = ledger.subscribe()
    number = ledger.begin()
    ledger.sent(number)
    subscription.leave()
    subscription.receive(number)
    subscription.close()
    assert ledger.lost == 0


def test_event_that_comes_twice_is_doubled_for_each_subscriber_of_its_own() -> None:
    ledger = Ledger()
    one, two = ledger.subscribe(), ledger.subscribe()
    number = ledger.begin()
    ledger.sent(number)
    for subscription in (one, two, two):
        subscription.receive(number)
    assert (ledger.delivered, ledger.doubled) == (3, 1)


# Limits


def figure(name: str, values: Sequence[float], before: float = 0, after: float = 0) -> Figure:
    return Figure(name, "1", list(zip(MINUTES, values, strict=False)), before, after, MINUTES[-1])


@pytest.mark.parametrize(
    ("growth", "is_ok"),
    [(-3.0, True), (0.0, True), (2.9, True), (3.1, False)],
    ids=["less", "same", "2.9", "3.1"],
)
def test_memory_may_grow_by_three_mebibytes_in_ten_minutes(growth: float, is_ok: bool) -> None:
    values = [MEBIBYTE * (80 + growth * at / 600) for at in MINUTES]
    assert figure("memory", values, after=values[-1], before=values[0]).is_ok is is_ok


def test_memory_may_grow_by_three_hundredths_where_that_is_more() -> None:
    values = [MEBIBYTE * (1000 + 29 * at / 600) for at in MINUTES]
    assert figure("memory", values, after=values[-1], before=values[0]).is_ok


@pytest.mark.parametrize("name", ["threads", "files", "tasks", "handlers", "groups"])
def test_what_does_not_return_after_the_load_is_not_ok(name: str) -> None:
    busy = [7.0, 300.0, 40.0]
    assert figure(name, busy, before=7, after=7).is_ok
    assert not figure(name, busy, before=7, after=8).is_ok


def test_objects_may_grow_by_a_thousand_in_ten_minutes() -> None:
    assert figure("objects", [0.0], before=100_000, after=102_000).is_ok
    assert not figure("objects", [0.0], before=100_000, after=102_001).is_ok


def test_tables_count_what_is_not_ok() -> None:
    facts = [Fact("sent", 5), Fact("lost", 1, most=0), Fact("seen", 0, least=1), Fact("doubled", 0, most=0)]
    assert facts_table(facts).failed == 2
    assert figures_table([figure("files", [1.0], 1, 2), figure("files", [1.0], 2, 2)]).failed == 1


# Load


def test_load_keeps_what_goes_wrong_and_begins_no_more_than_allowed() -> None:
    world = World([], None)

    async def fail() -> None:
        raise HTTPStatusError(503)

    async def stay() -> None:
        await world.over.wait()

    asyncio.run(Load(world, [Kind("failing", 200, fail), Kind("staying", 200, stay, most=2)]).run(0.5))
    failing, staying = world.outcomes["failing"], world.outcomes["staying"]
    assert failing.server_errors == failing.unexpected.total() > 0
    assert staying.skipped > 0
    assert not staying.unexpected


def test_load_says_what_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.soak.load.ENDING", 0.1)
    world = World([], None)
    asyncio.run(Load(world, [Kind("endless", 100, lambda: asyncio.sleep(60), most=1)]).run(0.3))
    (words,) = world.outcomes["endless"].unexpected
    assert words.startswith("Wrong: it does not end; it waits in ")
    assert "tasks.py" in words


# All of it

ZERO = "≤ 0"
BUSY = "events for one process: lost"
"""They may be, where processes take longer than EVENT_TIMEOUT to say that they are there."""


@pytest.mark.server
@pytest.mark.service
@pytest.mark.skipif(shutil.which("taskset") is None, reason="taskset is missing (Debian: util-linux)")
def test_soak_of_some_seconds_finds_nothing_and_leaves_nothing() -> None:
    report = soaked(Options(minutes=0.05, warm_up=0.5, silence=0.2, accounts=4, at_once=5))
    _, counts, requests = report.tables
    wrong = [row for row in counts.rows if row[2] == ZERO and row[0] != BUSY and row[3] != "ok"]
    assert not wrong, report.notes
    good = {row[0]: int(row[1].replace(",", "")) for row in requests.rows}
    assert good["public, async def"] > 0
    assert good["signed, plain def"] > 0


@pytest.mark.service
def test_databases_are_made_and_dropped(tmp_path: Path) -> None:
    try:
        psycopg.connect(POSTGRESQL, connect_timeout=2).close()
        Redis.from_url(REDIS).ping()
    except Exception as error:
        pytest.skip(f"PostgreSQL or Redis does not answer: {error}")
    with suppress(KeyboardInterrupt), backends(str(tmp_path)) as made:
        assert _is_there(made) == (True, True)
        raise KeyboardInterrupt
    assert _is_there(made) == (False, False)


def _is_there(made: Backends) -> tuple[bool, bool]:
    with psycopg.connect(made.postgresql) as connection, Redis.from_url(made.redis) as client:
        query = "SELECT 1 FROM pg_database WHERE datname = %s"
        return connection.execute(query, [made.database]).fetchone() is not None, client.dbsize() > 0
