"""Replays a recording over a transport."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, replace

from tests.conformance.answers import Answer
from tests.conformance.history import History
from tests.conformance.matching import Exchange, problems
from tests.conformance.needs_asgi import refused
from tests.conformance.recordings import Case, Expectation, Recording, Request
from tests.conformance.signatures import signed_headers
from tests.conformance.transports import PATIENCE, Transport

NEEDS_ASGI, NEEDS_SERVER, VERB_REFUSED = "needs asgi", "needs server", "verb refused"
CATEGORIES = ("keep", "decided", "withheld", "n/a", NEEDS_ASGI, NEEDS_SERVER, VERB_REFUSED)
"""The columns of the table: the verdicts, answers that ASGI alone allows, cases that mean nothing without a
socket, and requests whose verb the server itself refuses."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case: the column it counts in, and what is wrong."""

    case: Case
    category: str
    problems: list[str]

    def __str__(self) -> str:
        request = self.case.request
        sent = f"{request.method} {request.path} {request.raw or request.body!r}"
        told = "\n    ".join(self.problems)
        return f"{self.case.name} ({self.case.verdict}): {sent[:300]}\n    {told}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A request that was sent and waits for its answer."""

    case: Case
    category: str
    expect: Expectation | None
    answer: "Future[Answer]"
    sent_at: float
    leave_after: float | None


@dataclass
class Replay:
    """One run of a recording, from its first case to its last."""

    recording: Recording
    transport: Transport
    strict: bool = False
    history: History = field(default_factory=History)
    waiting: dict[str, list[Pending]] = field(default_factory=lambda: defaultdict(list))

    def run(self) -> list[Outcome]:
        """Every case has exactly one outcome."""
        cases = [case.as_strict() if self.strict else case for case in self.recording.cases]
        outcomes = [outcome for case in cases for outcome in self._step(case)]
        names = Counter(outcome.case.name for outcome in outcomes)
        assert names == Counter(case.name for case in self.recording.cases), "a case has no outcome"
        return outcomes

    def _step(self, case: Case) -> Iterator[Outcome]:
        category, expect = self._category(case)
        if not case.send or category == NEEDS_SERVER:
            yield Outcome(case, category, [])
        else:
            time.sleep(case.pause_before_s)
            yield from self._exchange(case, category, expect)
        for pending in self.waiting.pop(case.name, ()):
            yield self._finished(pending)

    def _category(self, case: Case) -> tuple[str, Expectation | None]:
        if not case.send:
            assert case.verdict == "n/a", f"{case.name} is not sent, yet {case.verdict}"
        if case.needs_server and not self.transport.is_server and case.send:
            return NEEDS_SERVER, None
        refusal = None if self.transport.is_asgi else refused(case)
        if refusal is not None:
            return NEEDS_ASGI, refusal
        if case.send and case.request.method in self.transport.refused_verbs:
            return VERB_REFUSED, None
        return case.verdict, case.expect

    def _exchange(self, case: Case, category: str, expect: Expectation | None) -> Iterator[Outcome]:
        try:
            request = self._ready(case)
        except LookupError as error:
            yield Outcome(case, category, [f"cannot be sent: {error}"])
            return
        sent_at = time.time()
        leave_after = (expect or {}).get("no_answer_within", case.leave_after_s)
        pending = Pending(
            case=case,
            category=category,
            expect=expect,
            answer=self.transport.send(request, case.connection, leave_after),
            sent_at=sent_at,
            leave_after=leave_after,
        )
        if case.answered_by is None:
            yield self._finished(pending)
        else:
            self.waiting[case.answered_by].append(pending)

    def _ready(self, case: Case) -> Request:
        template = self.history.filled(case.template)
        request = replace(
            case.request,
            path=template.get("path", case.request.path),
            headers={**case.request.headers, **template.get("headers", {})},
            body=template["body"].encode() if "body" in template else case.request.body,
        )
        if case.sign is None:
            return request
        return replace(request, headers=signed_headers(request, case.sign, self.history))

    def _finished(self, pending: Pending) -> Outcome:
        case = pending.case
        try:
            answer = pending.answer.result(2 * PATIENCE)
        except CancelledError:
            left = [] if pending.leave_after is not None else ["the call was cancelled"]
            return Outcome(case, pending.category, left)
        except Exception as error:
            return Outcome(case, pending.category, [f"no answer: {error!r}"])
        self.history.add(case.name, answer)
        if pending.category == VERB_REFUSED:
            wrong = (
                [] if answer.status == 400 else [f"status: expected the server's 400, got {answer.status}"]
            )
            return Outcome(case, pending.category, wrong)
        exchange = Exchange(
            recording=self.recording, case=case, answer=answer, history=self.history, sent_at=pending.sent_at
        )
        return Outcome(case, pending.category, problems(exchange, pending.expect))
