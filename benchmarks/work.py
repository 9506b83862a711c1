"""What every server computes for a call."""

from typing import Any

from benchmarks.tally import Tally

__all__ = ["done", "waiting", "work"]

done = Tally("done")
waiting = Tally("waiting")
"""Calls that have begun to wait for an event."""


def work(parameters: Any) -> dict[str, Any]:
    done.add()
    return {"sum": parameters["a"] + parameters["b"]}
