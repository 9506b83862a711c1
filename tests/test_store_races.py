"""Twenty processes ask for the same user id at the same moment: one gets it, in every store they share."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.realtime import ROOT
from tests.service import settings as service_settings
from tests.store_processes.load import Stores
from toto_django.accounts import normalize_user_id

PROCESSES = 20
SPELLINGS = [
    ["ann", "ANN", "Ann", "\uff41\uff4e\uff4e", "\uff21\uff4e\uff4e"],
    ["straße", "STRASSE", "strasse", "STRAẞE"],
    ["\u00e5se", "a\u030ase", "\u212bse", "A\u030aSE"],
    ["\ufb01n", "fin", "FIN", "\uff26\uff29\uff2e"],
]
"""In each line one id, written in several ways: case, width, ligatures, composition."""
DIFFERENT = list("aáàâäãāăąåbḃḅḇeéèêëē")
"""Ids of their own, which a collation may take for one another."""
ROUNDS = [
    *([f"same-{number}"] * PROCESSES for number in range(10)),
    *([ids[number % len(ids)] for number in range(PROCESSES)] for ids in SPELLINGS),
    DIFFERENT,
]
"""What each process asks for."""

Make = Callable[[pytest.FixtureRequest, Path], Stores]


def sqlite(request: pytest.FixtureRequest, folder: Path) -> Stores:
    name = str(folder / "races.sqlite3")
    engine = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {"timeout": 20}}
    return in_database({**engine, "NAME": name, "TEST": {"NAME": name}})


def postgresql(request: pytest.FixtureRequest, folder: Path) -> Stores:
    psycopg = pytest.importorskip("psycopg")
    try:
        psycopg.connect("postgresql://postgres@127.0.0.1:5432/postgres", connect_timeout=2).close()
    except psycopg.OperationalError as error:
        pytest.skip(f"PostgreSQL does not answer: {error}")
    return on_server(request, ENGINE="django.db.backends.postgresql", USER="postgres", PORT="5432")


def mariadb(request: pytest.FixtureRequest, folder: Path) -> Stores:
    mysql = pytest.importorskip("MySQLdb", reason="mysqlclient is missing (the extra mysql)")
    try:
        mysql.connect(host="127.0.0.1", user="root", connect_timeout=2).close()
    except mysql.OperationalError as error:
        pytest.skip(f"MariaDB does not answer: {error}")
    options = {"charset": "utf8mb4"}
    return on_server(request, ENGINE="django.db.backends.mysql", USER="root", PORT="3306", OPTIONS=options)


def on_server(request: pytest.FixtureRequest, **configuration: Any) -> Stores:
    name = f"{request.getfixturevalue('isolation')}_races"
    return in_database({**configuration, "HOST": "127.0.0.1", "NAME": name, "TEST": {"NAME": name}})


def in_database(configuration: Mapping[str, Any]) -> Stores:
    return Stores(toto={}, databases={"default": configuration}, caches={})


def redis(request: pytest.FixtureRequest, folder: Path) -> Stores:
    cache = service_settings.CACHES["redis"]
    request.getfixturevalue("redis_url")
    prefix = f"{request.getfixturevalue('isolation')}_races:"
    return Stores(only("redis.RedisStore", CACHE="redis", PREFIX=prefix), {}, {"redis": cache})


def mongodb(request: pytest.FixtureRequest, folder: Path) -> Stores:
    options = {
        "HOST": request.getfixturevalue("mongodb_url"),
        "DATABASE": f"{request.getfixturevalue('isolation')}_races",
    }
    return Stores(only("mongodb.MongoDBStore", **options), databases={}, caches={})


def only(backend: str, **options: Any) -> Mapping[str, Any]:
    return {"STORES": {"default": {"BACKEND": f"toto_django.stores.{backend}", "OPTIONS": options}}}


@pytest.mark.parametrize(
    "make",
    [
        sqlite,
        *(pytest.param(make, marks=pytest.mark.service) for make in (postgresql, mariadb, redis, mongodb)),
    ],
)
def test_one_of_twenty_processes_creates_the_account(
    request: pytest.FixtureRequest, tmp_path: Path, make: Make
) -> None:
    outcomes, kept = race(make(request, tmp_path))
    assert len(outcomes) == PROCESSES
    contested = 0
    for number, ids in enumerate(ROUNDS[:-1]):
        assert len({normalize_user_id(user_id) for user_id in ids}) == 1
        codes = {process: each[number][0] for process, each in outcomes.items()}
        [winner] = [process for process, code in codes.items() if code is None]
        assert sorted(code for code in codes.values() if code) == [1006] * (PROCESSES - 1), ids
        assert kept[number] == [[winner, 1]] * len(set(ids)), ids
        contested += is_contested(outcomes[winner][number], [each[number] for each in outcomes.values()])
    assert [each[-1][0] for each in outcomes.values()] == [None] * PROCESSES
    assert kept[-1] == [[process, 1] for process in range(PROCESSES)]
    assert contested > len(ROUNDS) / 2, "they did not race"


def race(stores: Stores) -> tuple[dict[int, Any], Any]:
    """Each process's outcomes, and what the store holds then for each id of each round."""
    command = (sys.executable, "-m", "tests.store_processes.racing", json.dumps(ROUNDS))
    done = subprocess.run(
        command, cwd=ROOT, env=stores.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    *outcomes, kept = map(json.loads, done.stdout.splitlines())
    return dict(outcomes), kept


def is_contested(winner: Any, all_of_them: Any) -> bool:
    """Somebody else's call was under way at the same time as the winner's."""
    _, began, ended = winner
    at_once = [other for _, *other in all_of_them if other[0] < ended and other[1] > began]
    return len(at_once) > 1
