"""Several calls in one request."""

from collections.abc import Mapping
from typing import Any

from toto_django.remote.errors import InvalidAnswer, TotoError, remote_error
from toto_django.remote.naming import Methods

__all__ = ["Batch", "BatchMember"]


class BatchMember:
    """One call of a batch, and what it came to."""

    def __init__(self, method: str) -> None:
        self.method = method
        self._result: Any = None
        self._error: TotoError | None = None
        self._is_done = False

    def __repr__(self) -> str:
        state = "waits" if not self._is_done else "failed" if self._error else "done"
        return f"<BatchMember {self.method} {state}>"

    def result(self) -> Any:
        """What the method returned. Raises its error, or that of the whole request."""
        if (error := self.error()) is not None:
            raise error
        return self._result

    def error(self) -> TotoError | None:
        """What `result` would raise."""
        if not self._is_done:
            raise RuntimeError("The batch is sent when its block ends; there is no result before.")
        return self._error

    def _settle(self, result: Any = None, error: TotoError | None = None) -> None:
        self._result, self._error, self._is_done = result, error, True


class Batch:
    """Collects calls. They run one after another, in this order, and share the session."""

    def __init__(self) -> None:
        self._members: dict[str, BatchMember] = {}
        self._calls: dict[str, dict[str, Any]] = {}

    def __len__(self) -> int:
        return len(self._members)

    def call(self, method: str, parameters: Any = None) -> BatchMember:
        """Add a call. Its result is there when the block has ended."""
        member_id = f"{len(self):06}"  # They run in the order of their ids as text.
        self._members[member_id] = member = BatchMember(method)
        self._calls[member_id] = {"method": method, "parameters": {} if parameters is None else parameters}
        return member

    @property
    def methods(self) -> Methods:
        """``batch.methods.notes.add(text="Buy milk")``."""
        return Methods(self.call)

    def to_wire(self) -> dict[str, Any]:
        return {"batch": self._calls}

    def settle(self, answer: Any) -> None:
        """Give each member what the answer holds for it. Raises InvalidAnswer, as all of them do then."""
        answers = answer.get("batch")
        if not isinstance(answers, Mapping):
            raise InvalidAnswer("This is no answer to a batch.")
        for member_id, member in self._members.items():
            given = answers.get(member_id)
            if not isinstance(given, Mapping):
                member._settle(error=InvalidAnswer("The answer lacks this call."))
            elif "error" in given:
                member._settle(error=remote_error(given["error"]))
            else:
                member._settle(given.get("result"))

    def fail(self, error: TotoError) -> None:
        """The whole request has failed."""
        for member in self._members.values():
            member._settle(error=error)
