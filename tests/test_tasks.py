"""Task queues and pools of instances: threads, order, errors, connections, forks, exits."""

import asyncio
import contextvars
import copy
import logging
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest
from django.db import connection

from tests.realtime import ROOT, until
from toto_django.tasks import AwaitableInstance, InstancePool, TaskQueue

NAME = "test"
PATIENCE = 10

Queue = Callable[..., TaskQueue]


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
    return [thread for thread in threading.enumerate() if thread.name == f"toto-task-{NAME}"]


def fail(error: BaseException) -> None:
    raise error


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "toto_django"]


def run_script(script: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.service.settings"}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


# Results, order, threads


def test_future_has_the_result(queue: TaskQueue) -> None:
    future = queue.add_task(divmod, 7, 2)
    assert future.result(PATIENCE) == (3, 1)
    assert queue.add_task(dict, fn=1, self=2).result(PATIENCE) == {"fn": 1, "self": 2}


def test_one_thread_keeps_the_order(queue: TaskQueue) -> None:
    seen: list[int] = []
    for future in [queue.add_task(seen.append, number) for number in range(200)]:
        future.result(PATIENCE)
    assert seen == list(range(200))
    assert len(threads()) == 1


@pytest.mark.parametrize("count", [1, 2, 5])
def test_as_many_threads_as_there_is_work_for_and_no_more(make_queue: Queue, count: int) -> None:
    queue, go_on = make_queue(count), threading.Event()
    running = [queue.add_task(go_on.wait, PATIENCE) for _ in range(10)]
    until(lambda: sum(future.running() for future in running) == count)
    time.sleep(0.05)
    assert sum(future.running() for future in running) == count == len(threads())
    assert len(queue) == 10
    go_on.set()
    assert all(future.result(PATIENCE) for future in running)
    until(lambda: len(queue) == 0)
    assert queue, "an empty queue is a queue"


def test_idle_thread_takes_the_next_task(make_queue: Queue) -> None:
    queue = make_queue(5)
    names = set()
    for _ in range(5):
        names.add(queue.add_task(threading.get_ident).result(PATIENCE))
        until(lambda: len(queue) == 0)
    assert len(names) == 1
    assert len(threads()) == 1


def test_idle_threads_end_and_later_tasks_get_new_ones(make_queue: Queue) -> None:
    queue = make_queue(3, 0.05)
    for future in [queue.add_task(time.sleep, 0.02) for _ in range(3)]:
        future.result(PATIENCE)
    until(lambda: threads() == [])
    assert queue.add_task(str, 1).result(PATIENCE) == "1"


def test_many_threads_may_add(make_queue: Queue) -> None:
    queue, results = make_queue(4, 0.001), []

    def add() -> None:
        for number in range(200):
            results.append(queue.add_task(int, number).result(PATIENCE))

    adding = [threading.Thread(target=add) for _ in range(8)]
    for thread in adding:
        thread.start()
    for thread in adding:
        thread.join()
    assert sorted(results) == sorted([*range(200)] * 8)


def test_queue_without_threads_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one thread"):
        TaskQueue(0)


def test_queue_is_an_executor(queue: TaskQueue) -> None:
    assert list(queue.map(str, [1, 2])) == ["1", "2"]

    async def main() -> str:
        return await asyncio.get_running_loop().run_in_executor(queue, str, 3)

    assert asyncio.run(main()) == "3"


def test_import_makes_no_thread() -> None:
    done = run_script("import threading, toto_django.tasks\nassert threading.active_count() == 1")
    assert (done.returncode, done.stderr) == (0, "")


# Errors


def test_error_reaches_the_future_and_the_queue_goes_on(queue: TaskQueue) -> None:
    for error in (ValueError("x"), SystemExit(3), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            queue.add_task(fail, error).result(PATIENCE)
    assert queue.add_task(str, 1).result(PATIENCE) == "1"
    assert len(threads()) == 1


def test_error_that_nobody_takes_is_logged(queue: TaskQueue, caplog: pytest.LogCaptureFixture) -> None:
    queue.add_task(fail, ValueError("lost"))
    until(lambda: logged(caplog))
    [record] = [record for record in caplog.records if record.name == "toto_django"]
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "a task of the queue 'test' failed"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "lost"


def test_error_is_logged_once_the_future_is_let_go(
    queue: TaskQueue, caplog: pytest.LogCaptureFixture
) -> None:
    future = queue.add_task(fail, ValueError("lost"))
    until(future.done)
    until(lambda: len(queue) == 0)
    assert logged(caplog) == []
    del future
    assert logged(caplog) == ["a task of the queue 'test' failed"]


@pytest.mark.parametrize("way", ["result", "exception", "await", "cancel", "success"])
def test_error_that_somebody_takes_is_not_logged(
    queue: TaskQueue, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    async def awaited() -> None:
        with pytest.raises(ValueError, match="seen"):
            await queue.await_task(fail, ValueError("seen"))

    if way == "result":
        with pytest.raises(ValueError, match="seen"):
            queue.add_task(fail, ValueError("seen")).result(PATIENCE)
    elif way == "exception":
        assert isinstance(queue.add_task(fail, ValueError("seen")).exception(PATIENCE), ValueError)
    elif way == "await":
        asyncio.run(awaited())
    elif way == "cancel":
        queue.add_task(time.sleep, 0.05)
        assert queue.add_task(fail, ValueError("never")).cancel()
    else:
        queue.add_task(str, 1)
    until(lambda: len(queue) == 0)
    assert logged(caplog) == []


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
def test_connections_are_checked_around_each_task(queue: TaskQueue) -> None:
    def use() -> bool:
        """Whether the thread came with an open connection."""
        was_open = connection.connection is not None
        connection.ensure_connection()
        return was_open

    assert connection.settings_dict["CONN_MAX_AGE"] == 0
    assert [queue.add_task(use).result(PATIENCE) for _ in range(3)] == [False, False, False]


@pytest.mark.django_db(transaction=True)
def test_connections_end_with_their_thread(make_queue: Queue) -> None:
    queue, used = make_queue(1, 0.05), []

    def use() -> None:
        connection.settings_dict["CONN_MAX_AGE"] = None
        connection.ensure_connection()
        connection.close_at = None
        used.append(connection._connections[connection._alias])

    age = connection.settings_dict["CONN_MAX_AGE"]
    try:
        queue.add_task(use).result(PATIENCE)
        until(lambda: threads() == [])
    finally:
        connection.settings_dict["CONN_MAX_AGE"] = age
    assert used[0].connection is None


# Shared queues, shutting down, forks, exits


def test_shared_queue_is_made_once(shared: None) -> None:
    queue = TaskQueue.instance(NAME, 3, 5)
    assert TaskQueue.instance(NAME, 9) is queue
    assert (queue.name, queue.thread_count, queue.idle_timeout) == (NAME, 3, 5)
    assert TaskQueue.instance("other") is not queue


def test_shared_queue_that_was_shut_down_is_replaced(shared: None) -> None:
    queue = TaskQueue.instance(NAME)
    queue.shutdown()
    assert TaskQueue.instance(NAME) is not queue
    assert TaskQueue.instance(NAME).add_task(str, 1).result(PATIENCE) == "1"


def test_leaving_the_block_waits_for_all_tasks(make_queue: Queue) -> None:
    seen: list[int] = []
    with make_queue(2) as queue:
        queue.run()
        for number in range(6):
            queue.add_task(lambda number=number: (time.sleep(0.01), seen.append(number)))
    assert sorted(seen) == list(range(6))
    assert threads() == []
    with pytest.raises(RuntimeError, match="'test' has been shut down"):
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
running = queue.add_task(go_on.wait, 30)
waiting = queue.add_task(seen.append, "parent")
while not running.running():
    time.sleep(0.01)
child = os.fork()
if child == 0:
    assert len(queue) == 0
    assert queue.add_task(lambda: seen.append("child") or seen).result(10) == ["child"]
    os._exit(0)
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


def test_process_with_idle_threads_ends_at_once() -> None:
    begun = time.monotonic()
    done = run_script("from toto_django.tasks import TaskQueue\nTaskQueue().add_task(int).result()")
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - begun < 30


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


def test_object_comes_back_after_an_error(shared: None) -> None:
    thing = Thing()
    pool = InstancePool(thing)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"):
            pool.fail()
        with pytest.raises(ValueError, match="broken"):
            pool.transaction(Thing.fail)
    with pytest.raises(ZeroDivisionError), pool.instance():
        1 / 0  # noqa: B018
    assert pool.work(result="back") == "back"
    assert thing.calls == 7


def test_transactions(pool: InstancePool[Thing], things: list[Thing]) -> None:
    assert pool.transaction(lambda thing: thing in things) is True
    assert pool.async_transaction(lambda thing: thing.work(result=1)).result(PATIENCE) == 1
    assert pool.async_transaction(lambda _: threading.current_thread().name, "other").result(PATIENCE) == (
        "toto-task-other"
    )

    async def main() -> list[Any]:
        return [
            await pool.await_transaction(lambda thing: thing.work(result=2)),
            await pool.await_transaction(lambda _: threading.current_thread().name, "other"),
        ]

    assert asyncio.run(main()) == [2, "toto-task-other"]


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
