"""Steps are carried out in turn, by a plain caller and by an asynchronous one."""

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest

from toto_django.steps import arun_steps, run_steps

Run = Callable[[Generator[Any, Any, Any], Callable[[Any], Any]], Any]


def awaited(steps: Generator[Any, Any, Any], carry_out: Callable[[Any], Any]) -> Any:
    async def acarry_out(step: Any) -> Any:
        await asyncio.sleep(0)
        return carry_out(step)

    return asyncio.run(arun_steps(steps, acarry_out))


each_run = pytest.mark.parametrize("run", [run_steps, awaited], ids=["plain", "asynchronous"])


@each_run
def test_each_step_is_sent_what_came_of_it(run: Run) -> None:
    def steps() -> Generator[int, int, list[int]]:
        return [(yield 1), (yield 2)]

    assert run(steps(), lambda step: step * 10) == [10, 20]


@each_run
def test_without_steps_there_is_a_result(run: Run) -> None:
    def steps() -> Generator[Any, Any, str]:
        return "nothing to do"
        yield

    assert run(steps(), lambda step: None) == "nothing to do"


@each_run
def test_error_of_a_step_can_be_handled(run: Run) -> None:
    def steps() -> Generator[int, float, float]:
        try:
            return (yield 0)
        except ZeroDivisionError:
            return (yield 4)

    assert run(steps(), lambda step: 1 / step) == 0.25


@each_run
@pytest.mark.parametrize("error", [ValueError("x"), asyncio.CancelledError("x")], ids=repr)
def test_error_that_no_step_handles_is_raised(run: Run, error: BaseException) -> None:
    def carry_out(step: Any) -> Any:
        raise error

    def steps() -> Generator[Any, Any, Any]:
        yield

    with pytest.raises(type(error)):
        run(steps(), carry_out)


@each_run
def test_error_between_steps_is_raised(run: Run) -> None:
    def steps() -> Generator[int, int, None]:
        raise LookupError((yield 1))

    with pytest.raises(LookupError):
        run(steps(), lambda step: step)
