"""Every recording, over the transports that matter to it."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings

from tests.conformance.pairs import Pair
from tests.conformance.replay import CATEGORIES, Outcome, Replay
from tests.conformance.runs import IN_PROCESS, PAIRS, SERVERS, Run, all_runs
from tests.conformance.stores import configured, history
from tests.conformance.transports import Transport
from tests.servers.redis import RedisServer
from tests.service import journal, settings

Record = Callable[[str, object], None]

RUNS = [
    pytest.param(run, id=str(run), marks=[getattr(pytest.mark, name) for name in run.marks])
    for run in all_runs()
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("run", RUNS)
def test_answers_as_recorded(run: Run, record_property: Record, request: pytest.FixtureRequest) -> None:
    if run.transport in PAIRS and not RedisServer.is_available():
        record_property("conformance", (str(run), f"needs redis-server ({len(run.recording.cases)} cases)"))
        pytest.skip(RedisServer.reason())
    store = configured(run.store, request)
    with override_settings(**_settings(run, store)), _transport(run) as transport:
        journal.forget()
        outcomes = Replay(run.recording, transport, run.strict, history()).run()
    failed = [outcome for outcome in outcomes if outcome.problems]
    record_property("conformance", (str(run), [*_counts(outcomes), len(failed)]))
    if failed:
        pytest.fail("\n".join(map(str, failed)), pytrace=False)


def _settings(run: Run, store: Mapping[str, Any]) -> dict[str, Any]:
    toto = {**settings.TOTO, **run.toto(), **store}
    return {**run.recording.django, "TOTO": toto, "ROOT_URLCONF": run.urlconf()}


def _transport(run: Run) -> Transport:
    if run.transport in IN_PROCESS:
        return IN_PROCESS[run.transport]()
    environment = run.environment(str(connection.settings_dict["NAME"]))
    if run.transport in PAIRS:
        is_spread = not run.recording.names_processes
        return Pair(PAIRS[run.transport], environment, is_spread)
    return SERVERS[run.transport](environment)


def _counts(outcomes: list[Outcome]) -> list[int]:
    counts = Counter(outcome.category for outcome in outcomes)
    assert counts.keys() <= set(CATEGORIES), f"no column for {counts.keys() - set(CATEGORIES)}"
    return [counts[category] for category in CATEGORIES]
