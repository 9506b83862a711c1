"""Processes that call account.create at the same moment: `python -m tests.store_processes.racing <rounds>`.

The rounds are JSON: for each, the user ids that the processes ask for, one each. Each
process prints a line with its number and its outcomes; the last line has what the store
holds then. The databases are created before, and removed in the end.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import django
from django.db import connections

from tests.calls import PASSWORD, Service
from toto_django.accounts import normalize_user_id
from toto_django.stores import account_store, get_store

__all__ = ["main"]

Rounds = Sequence[Sequence[str]]
Pipe = tuple[int, int]


def main(rounds: Rounds) -> None:
    with ExitStack() as stack:
        if account_store().uses_account_model:
            stack.enter_context(_own_database())
        _race(rounds)
        print(json.dumps([[_kept(user_id) for user_id in dict.fromkeys(ids)] for ids in rounds]), flush=True)


@contextmanager
def _own_database() -> Iterator[None]:
    """Nothing of the connection is left for the processes to inherit."""
    connection = connections["default"]
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    connections.close_all()
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def _race(rounds: Rounds) -> None:
    """Each round begins when its pipe ends, which wakes all processes at once."""
    guns, ready = [os.pipe() for _ in rounds], os.pipe()
    racers = [_fork(number, ids, guns, ready) for number, ids in enumerate(zip(*rounds, strict=True))]
    os.close(ready[1])
    for _, gun in guns:
        for _ in racers:
            if not os.read(ready[0], 1):
                sys.exit("a process has died")
        os.close(gun)
    if any(os.waitpid(racer, 0)[1] for racer in racers):
        sys.exit("a process has failed")


def _fork(number: int, ids: Sequence[str], guns: Sequence[Pipe], ready: Pipe) -> int:
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        for _, gun in guns:
            os.close(gun)
        outcomes = _outcomes(number, ids, [gun for gun, _ in guns], ready[1])
        os.write(sys.stdout.fileno(), json.dumps([number, outcomes]).encode() + b"\n")
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _outcomes(number: int, ids: Sequence[str], guns: Sequence[int], ready: int) -> list[Any]:
    """For each round the error's code, None for a success, and when the call began and ended."""
    service = Service("wsgi")
    get_store("default").ping()
    outcomes = []
    for user_id, gun in zip(ids, guns, strict=True):
        parameters = {"user_id": user_id, "password": PASSWORD, "number": number}
        os.write(ready, b".")
        os.read(gun, 1)
        began = time.monotonic()
        answer = service.call("account.create", parameters)
        outcomes.append([answer.get("error", {}).get("code"), began, time.monotonic()])
    return outcomes


def _kept(user_id: str) -> list[Any]:
    """Who has created the account, and how many sessions it has."""
    store, normal_id = get_store("default"), normalize_user_id(user_id)
    account = store.get_account(normal_id)
    return [account and account.properties["number"], store.count_sessions_of(normal_id)]


if __name__ == "__main__":
    django.setup()
    main(json.loads(sys.argv[1]))
