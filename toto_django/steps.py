"""Operations that are written once, as generators of steps, for plain and for asynchronous callers.

A generator yields what is to be done, is sent what came of it or thrown the exception it ended
in, and returns the operation's result.
"""

from collections.abc import Callable, Generator
from typing import Any, TypeVar

__all__ = ["arun_steps", "run_steps"]

S = TypeVar("S")
T = TypeVar("T")


def run_steps(steps: Generator[S, Any, T], carry_out: Callable[[S], Any]) -> T:
    """The result of the steps, each done by ``carry_out``. Raises what they let through."""
    try:
        step = next(steps)
        while True:
            try:
                outcome = carry_out(step)
            except Exception as error:
                step = steps.throw(error)
            else:
                step = steps.send(outcome)
    except StopIteration as end:
        result: T = end.value
        return result


async def arun_steps(steps: Generator[S, Any, T], carry_out: Callable[[S], Any]) -> T:
    """See run_steps; what ``carry_out`` returns is awaited."""
    try:
        step = next(steps)
        while True:
            try:
                outcome = await carry_out(step)
            except Exception as error:
                step = steps.throw(error)
            else:
                step = steps.send(outcome)
    except StopIteration as end:
        result: T = end.value
        return result
