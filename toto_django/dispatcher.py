"""From a `Call` to its `Answer`: look the method up, let its policies pass, run it, say what came of it.

`call` and `batch` drive plain functions in the caller's thread, `acall` and `abatch`
everything on an event loop, with plain functions in worker threads. The steps between
the awaits are shared.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.db import connections, transaction

from toto_django.conf import settings
from toto_django.exceptions import RateLimited, ServerError, TimedOut, TotoException, Unavailable
from toto_django.exchange import Exchange
from toto_django.handler import Handler
from toto_django.messages import ABSENT, NOTHING, Answer, Call, Result, as_member
from toto_django.observing import Kind, Observation, is_observed
from toto_django.registry import Method, registry
from toto_django.signals import aemit, emit, method_finished, method_started
from toto_django.waiting import Waiting
from toto_django.workers import run_in_worker

__all__ = ["abatch", "acall", "batch", "call"]

logger = logging.getLogger("toto_django")

BATCH, UNKNOWN = "<batch>", "<unknown>"
NEEDS_ASGI = "This method answers later, which needs an ASGI server (uvicorn, for example)."

Batch = Mapping[Any, Any]
Members = dict[Any, Mapping[str, Any]]
Invoked = list[tuple[Method, Handler]]
Admitted = Callable[[], object] | None


def call(exchange: Exchange, call: Call, kind: Kind = "call") -> Answer:
    """Run one call. An asynchronous method that has not answered when it returns is an error here."""
    handler, found = _found(exchange, call)
    if not is_observed():
        return _called(handler, found, call)
    with Observation(handler, kind) as observation:
        return observation.of(_called(handler, found, call))


def acall(
    exchange: Exchange,
    call: Call,
    kind: Kind = "call",
    members: Invoked | None = None,
    admitted: Admitted = None,
) -> Coroutine[Any, Any, Answer]:
    """Run one call when it is awaited; a method that answers later is waited for.

    ``members`` collects those of a batch, which end together. ``admitted`` is called once
    the policies have let the call pass or refused it.
    """
    handler, found = _found(exchange, call)
    answer = _acalled(handler, found, call, members, admitted)
    return _aobserved(handler, kind, answer) if is_observed() else answer


def batch(exchange: Exchange, members: Batch) -> Members:
    """Run the members one after another, in the order of their keys; each one's failure is its own."""
    handler = Handler(exchange, BATCH)
    with Observation(handler, "batch") if is_observed() else _not_observed:
        _started(handler)
        answers = {key: as_member(_member(exchange, member)) for key, member in _sorted(members)}
        _finished(handler, NOTHING)
    return answers


async def abatch(exchange: Exchange, members: Batch) -> Members:
    """See batch; members that answer later are waited for together."""
    handler = Handler(exchange, BATCH)
    with Observation(handler, "batch") if is_observed() else _not_observed:
        if method_started.receivers:
            await _astarted(handler)
        answers = await _amembers(exchange, members)
        if method_finished.receivers:
            await _afinished(handler, NOTHING)
    return answers


# Steps


def _found(exchange: Exchange, call: Call) -> tuple[Handler, Method | Result]:
    """A handler and the method that a call names, or the answer that there is none."""
    handler = Handler(exchange, call.method if isinstance(call.method, str) else "")
    try:
        return handler, registry.find(call.method)
    except TotoException as error:
        handler.label = UNKNOWN
        return handler, Result.of_exception(error)


def _called(handler: Handler, found: Method | Result, call: Call) -> Answer:
    """See call."""
    if isinstance(found, Result):
        _finished(handler, found)
        return found
    _started(handler)
    try:
        if found.is_coroutine:
            answer = async_to_sync(_ainvoked)(found, handler, call, None)
        else:
            answer = _invoked(found, handler, call.parameters)
    finally:
        handler.finish()
    answer = answer or _late(handler)
    _finished(handler, answer)
    return answer


async def _aobserved(handler: Handler, kind: Kind, answer: Coroutine[Any, Any, Answer]) -> Answer:
    with Observation(handler, kind) as observation:
        return observation.of(await answer)


async def _acalled(
    handler: Handler, found: Method | Result, call: Call, members: Invoked | None, admitted: Admitted
) -> Answer:
    """See acall. A call that its client leaves is over for the method too."""
    answer: Answer
    try:
        if isinstance(found, Result):
            answer = found
        else:
            if members is not None:
                members.append((found, handler))
            handler.loop = asyncio.get_running_loop()
            if method_started.receivers:
                await _astarted(handler)
            if found.is_coroutine and _timeout(found) is None:
                answer = await _ainvoked(found, handler, call, admitted) or await _aawaited(found, handler)
            else:
                answer = await _awithin(found, handler, call, admitted)
    except asyncio.CancelledError:
        if members is None and isinstance(found, Method):
            await _left([(found, handler)])
        raise
    finally:
        if admitted:
            admitted()
        handler.finish()
    if method_finished.receivers:
        await _afinished(handler, answer)
    return answer


def _member(exchange: Exchange, member: Any) -> Answer:
    member_call = _member_call(member)
    return member_call if isinstance(member_call, Result) else call(exchange, member_call, "member")


async def _amembers(exchange: Exchange, members: Batch) -> Members:
    """All answers of a batch."""
    answers: dict[Any, Answer | asyncio.Task[Answer]] = {}
    invoked: Invoked = []
    try:
        for key, member in _sorted(members):
            answers[key] = await _amember(exchange, member, invoked)
        return {
            key: as_member(await answer if isinstance(answer, asyncio.Task) else answer)
            for key, answer in answers.items()
        }
    except BaseException as error:
        await _cancelled(answers.values())
        if isinstance(error, asyncio.CancelledError):
            await _left(invoked)
        raise


async def _amember(exchange: Exchange, member: Any, invoked: Invoked) -> Answer | asyncio.Task[Answer]:
    """A member's answer, or a task for one that answers later, with its policies passed."""
    call = _member_call(member)
    if isinstance(call, Result):
        return call
    if not _answers_later(call):
        return await acall(exchange, call, "member", invoked)
    admitted = asyncio.Event()
    task = asyncio.create_task(acall(exchange, call, "member", invoked, admitted.set))
    try:
        await admitted.wait()
    except asyncio.CancelledError:
        await _cancelled([task])
        raise
    return task


def _started(handler: Handler) -> None:
    if method_started.receivers:
        emit(method_started, Handler, **_facts(handler))


async def _astarted(handler: Handler) -> None:
    await aemit(method_started, Handler, **_facts(handler))


def _finished(handler: Handler, answer: Answer) -> None:
    if method_finished.receivers:
        emit(method_finished, Handler, **_facts(handler), result=answer)


async def _afinished(handler: Handler, answer: Answer) -> None:
    await aemit(method_finished, Handler, **_facts(handler), result=answer)


def _facts(handler: Handler) -> dict[str, Any]:
    return {"transaction_id": handler.transaction_id, "method": handler.method_name, "handler": handler}


def _sorted(members: Batch) -> Iterable[tuple[Any, Any]]:
    return sorted(members.items(), key=lambda item: str(item[0]))


def _member_call(member: Any) -> Call | Result:
    if not isinstance(member, Mapping):
        return Result.of_exception(ServerError("A member of a batch is an object."))
    named = ABSENT if settings.METHOD_SELECT == "url" else member.get("method", ABSENT)
    return Call(named, member.get("parameters", {}))


def _answers_later(call: Call) -> bool:
    method = registry.get(call.method) if isinstance(call.method, str) else None
    return method is not None and method.is_asynchronous


def _invoked(method: Method, handler: Handler, parameters: Any) -> Answer | None:
    """Run a plain function; None when it will answer later."""
    try:
        parameters = method.admit(handler, parameters)
    except Exception as error:
        return _failed(method, handler, error)
    return _ran(method, handler, parameters)


def _ran(method: Method, handler: Handler, parameters: Any) -> Answer | None:
    """See _invoked; once the policies have let the call pass."""
    try:
        with _transactions():
            value = method.function(handler, parameters)
    except (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
        raise
    except BaseException as error:
        return _failed(method, handler, error)
    return _returned(method, handler, value)


async def _ainvoked(method: Method, handler: Handler, call: Call, admitted: Admitted) -> Answer | None:
    """See _invoked; for a coroutine function."""
    try:
        parameters = await method.aadmit(handler, call.parameters) if method.policies else call.parameters
        if admitted:
            admitted()
        value = await method.function(handler, parameters)
    except (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
        raise
    except BaseException as error:
        return _failed(method, handler, error)
    return _returned(method, handler, value)


def _timeout(method: Method) -> float | None:
    return settings.METHOD_TIMEOUT if method.timeout is None else method.timeout


async def _awithin(method: Method, handler: Handler, call: Call, admitted: Admitted) -> Answer:
    """The answer within the method's time, else TimedOut; a plain function is not interrupted."""
    answer = None if method.is_coroutine else await _ainvoked_in_worker(method, handler, call, admitted)
    try:
        async with asyncio.timeout(_timeout(method)):
            if method.is_coroutine:
                answer = await _ainvoked(method, handler, call, admitted)
            return answer or await _aawaited(method, handler)
    except TimeoutError:
        return method.redirect(TimedOut()) or Result.of_exception(TimedOut())


async def _ainvoked_in_worker(
    method: Method, handler: Handler, call: Call, admitted: Admitted
) -> Answer | None:
    """See _invoked; only the function itself needs a worker thread."""
    try:
        parameters = await method.aadmit(handler, call.parameters)
    except Exception as error:
        return _failed(method, handler, error)
    job = asyncio.ensure_future(run_in_worker(_ran, method, handler, parameters))
    try:
        answer = await asyncio.shield(job)
    except asyncio.CancelledError:
        await asyncio.wait([job])  # The thread goes on; on_connection_close comes after it, not beside it.
        raise
    if admitted:
        admitted()
    return answer


async def _aawaited(method: Method, handler: Handler) -> Answer:
    """Wait for a method that answers later; HEAD does not (docs/protocol.md 2.3)."""
    if handler.headers_only:
        return NOTHING

    def leave() -> None:
        handler.reply.give(Result.of_exception(Unavailable()))

    try:
        with Waiting(handler, leave), handler.waits:
            answer = await handler.reply.wait()
    except RateLimited as error:
        handler.reply.give(method.redirect(error) or Result.of_exception(error))
        answer = await handler.reply.wait()
    return method.finish(handler, answer) if isinstance(answer, Result) else answer


def _returned(method: Method, handler: Handler, value: Any) -> Answer | None:
    given = None if value is None else Result(value)
    answer = handler.reply.returned(given, not method.is_asynchronous)
    return method.finish(handler, answer) if isinstance(answer, Result) else answer


def _late(handler: Handler) -> Answer:
    """The answer to a method that has not answered, where nobody can wait for it."""
    otherwise = NOTHING if handler.headers_only else Result.of_exception(ServerError(NEEDS_ASGI))
    handler.reply.give(otherwise)
    return handler.reply.answer or otherwise


def _failed(method: Method, handler: Handler, error: BaseException) -> Answer:
    if not isinstance(error, TotoException):
        logger.error("%s failed", handler.method_name, exc_info=error)
    given = handler.reply.answer
    return given or method.redirect(error) or Result.of_exception(error)


def _transactions() -> AbstractContextManager[object]:
    """The transactions of ATOMIC_REQUESTS, around a plain method instead of the whole view."""
    aliases = [alias for alias, given in connections.settings.items() if given["ATOMIC_REQUESTS"]]
    return _atomic(aliases) if aliases else _no_transactions


@contextmanager
def _atomic(aliases: Iterable[str]) -> Iterator[None]:
    with ExitStack() as stack:
        for alias in aliases:
            stack.enter_context(transaction.atomic(using=alias))
        yield


_no_transactions = _not_observed = nullcontext()


async def _left(invoked: Invoked) -> None:
    """Tell the methods that the client has left before the answer (docs/protocol.md 10.4)."""
    for method, handler in invoked:
        if method.on_connection_close is not None:
            await _closed(method.on_connection_close, handler)


async def _closed(on_connection_close: Callable[[Handler], Any], handler: Handler) -> None:
    try:
        if iscoroutinefunction(on_connection_close):
            await on_connection_close(handler)
        else:
            await run_in_worker(on_connection_close, handler)
    except Exception:
        logger.exception("on_connection_close of %s failed", handler.method_name)


async def _cancelled(answers: Iterable[Answer | asyncio.Task[Answer]]) -> None:
    """Those that are still to come, and wait for their ends."""
    tasks = [answer for answer in answers if isinstance(answer, asyncio.Task)]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
