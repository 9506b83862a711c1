"""Task queues and pools of instances: threads, order, errors, connections, forks, exits."""

import asyncio
import contextvars
import copy
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest
from django.db import connection, connections

from tests.realtime import ROOT, until
from toto_django.tasks import AwaitableInstance, InstancePool, TaskQueue

NAME = "test"
PATIENCE = 5
LIMIT = 30

Queue = Callable[..., TaskQueue]


@pytest.fixture(autouse=True)
def limited() -> Iterator[None]:
    """No test waits longer than LIMIT seconds, for whatever it is."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"after {LIMIT} seconds")

    former = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT, LIMIT)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, former)


@pytest.fixture
def make_queue() -> Iterator[Queue]:
    """``make_queue(thread_count)``; whatever was made is shut down."""
    made: list[TaskQueue] = []

    def make(thread_count: int = 1, idle_timeout: float = 60) -> TaskQueue:
        made.append(TaskQueue(thread_count, idle_timeout, NAME))
        return made[-1]

    yield make
    for queue in made:
        queue.shutdown()


@pytest.fixture
def queue(make_queue: Queue) -> TaskQueue:
    return make_queue()


@pytest.fixture
def shared() -> Iterator[None]:
    """Shared queues are shut down afterwards."""
    yield
    for name in ("test", "pool", "other"):
        TaskQueue.instance(name).shutdown()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(f"toto-task-{NAME}_")]


def fail(error: BaseException) -> None:
    raise error


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "toto_django"]


def run_script(script: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.service.settings"}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT)


# Results, order, threads


def test_future_has_the_result(queue: TaskQueue) -> None:
    future = queue.add_task(divmod, 7, 2)
    assert future.result(PATIENCE) == (3, 1)
    names = {"fn": 1, "self": 2, "function": 3, "job": 4}
    assert queue.add_task(dict, **names).result(PATIENCE) == names


def test_one_thread_keeps_the_order(queue: TaskQueue) -> None:
    seen: list[int] = []
    for future in [queue.add_task(seen.append, number) for number in range(200)]:
        future.result(PATIENCE)
    assert seen == list(range(200))
    assert len(threads()) == 1


@pytest.mark.parametrize("count", [1, 2, 5])
def test_as_many_threads_as_there_is_work_for_and_no_more(make_queue: Queue, count: int) -> None:
    queue, go_on = make_queue(count), threading.Event()
    assert threads() == []
    added = [queue.add_task(go_on.wait, PATIENCE) for _ in range(10)]
    until(lambda: sum(future.running() for future in added) == count, PATIENCE)
    time.sleep(0.05)
    assert sum(future.running() for future in added) == count == len(threads())
    assert len(queue) == 10
    go_on.set()
    assert all(future.result(PATIENCE) for future in added)
    until(lambda: len(queue) == 0, PATIENCE)
    assert queue, "an empty queue is a queue"


def test_idle_threads_stay(make_queue: Queue) -> None:
    queue = make_queue(1, idle_timeout=0.01)
    first = queue.add_task(threading.get_ident).result(PATIENCE)
    time.sleep(0.1)
    assert [thread.ident for thread in threads()] == [first]
    assert queue.add_task(threading.get_ident).result(PATIENCE) == first


def test_many_threads_may_add(make_queue: Queue) -> None:
    queue, results = make_queue(4), []

    def add() -> None:
        for number in range(200):
            results.append(queue.add_task(int, number).result(PATIENCE))

    adding = [threading.Thread(target=add) for _ in range(8)]
    for thread in adding:
        thread.start()
    for thread in adding:
        thread.join()
    assert sorted(results) == sorted([*range(200)] * 8)


@pytest.mark.parametrize("count", [0, -1])
def test_queue_without_threads_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        TaskQueue(count)


def test_import_and_queues_without_tasks_make_no_thread() -> None:
    done = run_script(
        "import threading\n"
        "from toto_django.tasks import TaskQueue\n"
        "queues = TaskQueue(2), TaskQueue.instance('shared', 2)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    assert (done.returncode, done.stderr) == (0, "")


# Errors


def test_error_reaches_the_future_and_the_queue_goes_on(queue: TaskQueue) -> None:
    for error in (ValueError("x"), SystemExit(3), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            queue.add_task(fail, error).result(PATIENCE)
    assert queue.add_task(str, 1).result(PATIENCE) == "1"
    assert len(threads()) == 1


@pytest.mark.parametrize("is_taken", [False, True])
def test_error_of_an_added_task_is_logged_once(
    queue: TaskQueue, caplog: pytest.LogCaptureFixture, is_taken: bool
) -> None:
    future = queue.add_task(fail, ValueError("broken"))
    if is_taken:
        assert isinstance(future.exception(PATIENCE), ValueError)
    queue.shutdown()
    [record] = [record for record in caplog.records if record.name == "toto_django"]
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "a task of the queue 'test' failed"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "broken"


def test_error_of_an_awaited_task_is_for_whoever_awaits_it(
    queue: TaskQueue, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="seen"):
            await queue.await_task(fail, ValueError("seen"))

    asyncio.run(main())
    queue.shutdown()
    assert logged(caplog) == []


def test_cancelled_task_and_one_that_succeeds_log_nothing(
    queue: TaskQueue, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = threading.Event()
    queue.add_task(go_on.wait, PATIENCE)
    assert queue.add_task(fail, ValueError("never")).cancel()
    until(lambda: len(queue) == 1, PATIENCE)
    go_on.set()
    queue.shutdown()
    assert caplog.records == []


def test_nothing_keeps_what_a_task_was_given(queue: TaskQueue) -> None:
    class Thing:
        """Weakly referable."""

    gone = threading.Event()
    thing = Thing()
    weakref.finalize(thing, gone.set)
    queue.add_task(id, thing).result(PATIENCE)
    del thing
    assert gone.wait(PATIENCE)


# On an event loop


def test_tasks_are_awaited(queue: TaskQueue) -> None:
    async def main() -> list[Any]:
        loop_is_free = asyncio.create_task(asyncio.sleep(0, "free"))
        waited = queue.await_task(time.sleep, 0.05)
        return [await loop_is_free, waited.done(), await waited, await queue.yield_task(divmod, 7, 2)]

    assert asyncio.run(main()) == ["free", False, None, (3, 1)]


def test_cancelled_wait_takes_a_task_back_that_has_not_begun(queue: TaskQueue) -> None:
    seen: list[str] = []

    async def main() -> None:
        go_on = threading.Event()
        running = queue.await_task(go_on.wait, PATIENCE)
        waiting = queue.await_task(seen.append, "begun")
        waiting.cancel()
        await asyncio.sleep(0)
        go_on.set()
        await running
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    queue.shutdown()
    assert seen == []


# Context and connections


def test_task_has_neither_the_context_of_its_call_nor_of_the_task_before(queue: TaskQueue) -> None:
    variable = contextvars.ContextVar("variable", default="none")
    variable.set("call")

    def swap() -> str:
        before = variable.get()
        variable.set("task")
        return before

    assert [queue.add_task(swap).result(PATIENCE) for _ in range(2)] == ["none", "none"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("max_age", "were_open"), [(0, [False, False, False]), (None, [False, True, True])])
def test_connections_are_checked_around_each_task(
    queue: TaskQueue, monkeypatch: pytest.MonkeyPatch, max_age: int | None, were_open: list[bool]
) -> None:
    def use() -> bool:
        """Whether the thread came with an open connection."""
        was_open = connection.connection is not None
        connection.ensure_connection()
        return was_open

    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", max_age)
    try:
        assert [queue.add_task(use).result(PATIENCE) for _ in range(3)] == were_open
    finally:
        queue.add_task(connections.close_all).result(PATIENCE)


# Shared queues, shutting down, forks, exits


def test_shared_queue_is_made_once(shared: None) -> None:
    queue = TaskQueue.instance(NAME, 3, 5)
    assert TaskQueue.instance(NAME, 9) is queue
    assert (queue.name, queue.thread_count) == (NAME, 3)
    assert TaskQueue.instance("other") is not queue


def test_shared_queue_that_was_shut_down_is_replaced(shared: None) -> None:
    queue = TaskQueue.instance(NAME)
    queue.shutdown()
    assert TaskQueue.instance(NAME) is not queue
    assert TaskQueue.instance(NAME).add_task(str, 1).result(PATIENCE) == "1"


def test_shared_queue_outlives_others_of_its_name(shared: None, queue: TaskQueue) -> None:
    former = TaskQueue.instance(NAME)
    former.shutdown()
    shared_queue = TaskQueue.instance(NAME)
    queue.shutdown()
    former.shutdown()
    assert TaskQueue.instance(NAME) is shared_queue


def test_queue_that_nobody_holds_does_its_tasks_and_leaves_no_thread() -> None:
    seen: list[int] = []

    def work(number: int) -> None:
        time.sleep(0.01)
        seen.append(number)

    queue = TaskQueue(2, name=NAME)
    for number in range(6):
        queue.add_task(work, number)
    del queue
    until(lambda: threads() == [], PATIENCE)
    assert sorted(seen) == list(range(6))


def test_leaving_the_block_waits_for_all_tasks(make_queue: Queue) -> None:
    seen: list[int] = []
    with make_queue(2) as queue:
        queue.run()
        for number in range(6):
            queue.add_task(lambda number=number: (time.sleep(0.01), seen.append(number)))
    assert sorted(seen) == list(range(6))
    assert threads() == []
    with pytest.raises(RuntimeError, match="after shutdown"):
        queue.add_task(str, 1)


def test_shutdown_may_cancel_and_not_wait(queue: TaskQueue) -> None:
    go_on = threading.Event()
    running, waiting = queue.add_task(go_on.wait, PATIENCE), queue.add_task(str, 1)
    until(running.running)
    queue.shutdown(wait=False, cancel_futures=True)
    assert waiting.cancelled()
    assert not running.done()
    go_on.set()
    assert running.result(PATIENCE) is True
    with pytest.raises(CancelledError):
        waiting.result()


FORK = """
import os, threading, time
from toto_django.tasks import TaskQueue
queue, go_on, seen = TaskQueue.instance("fork"), threading.Event(), []
closed = TaskQueue()
closed.shutdown()
running = queue.add_task(go_on.wait, 30)
waiting = queue.add_task(seen.append, "parent")
while not running.running():
    time.sleep(0.01)
child = os.fork()
if child == 0:
    assert len(queue) == 0
    assert queue.add_task(lambda: seen.append("child") or seen).result(10) == ["child"]
    try:
        closed.add_task(str)
    except RuntimeError:
        os._exit(0)
    os._exit(3)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
go_on.set()
waiting.result(10)
assert seen == ["parent"], seen
assert status == 0, status
"""


def test_queue_works_after_a_fork_and_leaves_the_parents_tasks_to_it() -> None:
    done = run_script(FORK)
    assert (done.returncode, done.stderr) == (0, "")


def test_process_that_ends_waits_for_its_tasks() -> None:
    done = run_script(
        "import time\n"
        "from toto_django.tasks import TaskQueue\n"
        "queue = TaskQueue()\n"
        "for number in range(3):\n"
        "    queue.add_task(lambda number=number: (time.sleep(0.1), print(number, flush=True)))\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n1\n2\n", "")


def test_process_that_ends_takes_no_more_tasks() -> None:
    done = run_script(
        "import time\n"
        "from toto_django.tasks import TaskQueue\n"
        "queue = TaskQueue()\n"
        "def add_until_refused():\n"
        "    try:\n"
        "        while True:\n"
        "            queue.add_task(time.sleep, 0.01)\n"
        "            time.sleep(0.01)\n"
        "    except RuntimeError as error:\n"
        "        print(error, flush=True)\n"
        "queue.add_task(add_until_refused)\n"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "shutdown" in done.stdout


def test_process_with_idle_threads_ends_at_once() -> None:
    done = run_script(
        "from toto_django.tasks import TaskQueue\nTaskQueue(idle_timeout=600).add_task(int).result()"
    )
    assert (done.returncode, done.stderr) == (0, "")


# Pools


class Thing:
    """Counts how many calls it has at a time."""

    def __init__(self) -> None:
        self.most = self.now = self.calls = 0

    def work(self, seconds: float = 0, result: Any = None) -> Any:
        self.now += 1
        self.calls += 1
        self.most = max(self.most, self.now)
        time.sleep(seconds)
        self.now -= 1
        return result

    def fail(self) -> None:
        self.calls += 1
        raise ValueError("broken")


@pytest.fixture
def things() -> list[Thing]:
    return [Thing(), Thing()]


@pytest.fixture
def pool(things: list[Thing], shared: None) -> InstancePool[Thing]:
    return InstancePool(things)


def test_pool_lends_each_object_to_one_thread_at_a_time(
    pool: InstancePool[Thing], things: list[Thing]
) -> None:
    working = [threading.Thread(target=pool.work, args=[0.01]) for _ in range(20)]
    for thread in working:
        thread.start()
    for thread in working:
        thread.join()
    assert [thing.most for thing in things] == [1, 1]
    assert sum(thing.calls for thing in things) == 20
    assert all(thing.calls for thing in things)


def test_pool_waits_for_an_object(pool: InstancePool[Thing]) -> None:
    done = threading.Event()
    with pool.instance() as one, pool.transaction() as other:
        assert one is not other
        waiting = threading.Thread(target=lambda: (pool.work(), done.set()))
        waiting.start()
        assert not done.wait(0.1)
    assert done.wait(PATIENCE)
    waiting.join()


def with_block(pool: InstancePool[Thing]) -> None:
    with pool.instance() as thing:
        thing.fail()


@pytest.mark.parametrize(
    "way",
    [lambda pool: pool.fail(), lambda pool: pool.transaction(Thing.fail), with_block],
    ids=["method", "transaction", "block"],
)
def test_object_comes_back_after_an_error(way: Callable[[InstancePool[Thing]], None]) -> None:
    thing = Thing()
    pool = InstancePool(thing)
    with pytest.raises(ValueError, match="broken"):
        way(pool)
    assert pool.work(result="back") == "back"
    assert thing.calls == 2


def test_transactions(pool: InstancePool[Thing], things: list[Thing]) -> None:
    assert pool.transaction(lambda thing: thing in things) is True
    assert pool.async_transaction(lambda thing: thing.work(result=1)).result(PATIENCE) == 1
    name = pool.async_transaction(lambda _: threading.current_thread().name, "other").result(PATIENCE)
    assert name.startswith("toto-task-other_")

    async def main() -> tuple[int, str]:
        return (
            await pool.await_transaction(lambda thing: thing.work(result=2)),
            await pool.await_transaction(lambda _: threading.current_thread().name, "other"),
        )

    result, name = asyncio.run(main())
    assert result == 2
    assert name.startswith("toto-task-other_")


def test_queue_of_a_pool_has_a_thread_for_each_object(pool: InstancePool[Thing]) -> None:
    for future in [pool.async_transaction(lambda thing: thing.work(0.01)) for _ in range(4)]:
        future.result(PATIENCE)
    assert TaskQueue.instance("pool").thread_count == 2


def test_methods_of_an_awaitable_instance_are_awaited(pool: InstancePool[Thing]) -> None:
    async def main() -> list[Any]:
        thing = Thing()
        return [
            await AwaitableInstance(thing).work(result=1),
            await AwaitableInstance(thing, queue_name="other").work(0.01, result=2),
            await pool.awaitable().work(result=3),
            await pool.awaitable("other").work(result=4),
            thing.calls,
        ]

    assert asyncio.run(main()) == [1, 2, 3, 4, 2]


def test_unknown_methods_are_attribute_errors(pool: InstancePool[Thing]) -> None:
    with pytest.raises(AttributeError):
        pool.nothing()
    with pytest.raises(AttributeError):
        pool._private  # noqa: B018
    with pytest.raises(AttributeError):
        AwaitableInstance(Thing()).nothing  # noqa: B018
    with pytest.raises(AttributeError):
        AwaitableInstance(Thing())._private  # noqa: B018
    assert copy.copy(AwaitableInstance(Thing())), "has no attributes yet when it is asked for some"
    assert pool.work(result=1) == 1
