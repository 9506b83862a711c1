"""Comparison of an answer with what a case expects, as tests/wire/README.md says."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.conformance import paths
from tests.conformance.answers import DECODERS, Answer
from tests.conformance.history import History
from tests.conformance.recordings import Case, Expectation, Recording, Request
from tests.conformance.signatures import signature_problems
from tests.conformance.values import differences, equal, kind_of

SETS = {"access-control-allow-methods", "access-control-allow-headers", "allow"}
TOLERANCE, PART = 2, 1e-6
"""Seconds, or a part of what is expected where that is more: machines are busy."""
JSONP = re.compile(rb"(?P<callback>[^(]+)\((?P<body>.*)\);?\s*", re.DOTALL)
ALIASES = {"application/x-msgpack": "application/msgpack", "application/vnd.msgpack": "application/msgpack"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An answer among everything that its comparison needs."""

    recording: Recording
    case: Case
    answer: Answer
    history: History
    sent_at: float


def problems(exchange: Exchange, expect: Expectation | None) -> list[str]:
    """What is wrong with the answer; ``expect`` None compares what every answer must have."""
    answer, case = exchange.answer, exchange.case
    found = list(_universal(answer, expect or {}, exchange.recording))
    if expect is None:
        return found
    try:
        found += _compared(exchange, expect)
        found += _same(case, answer, exchange.history)
        found += _expiries(case, answer, exchange.sent_at)
    except (ValueError, LookupError, TypeError) as error:
        found.append(f"{type(error).__name__}: {error}")
    return found


def _universal(answer: Answer, expect: Expectation, recording: Recording) -> Iterator[str]:
    origin = expect.get("headers", {}).get(
        "access-control-allow-origin", recording.settings.get("ALLOW_ORIGIN", "*")
    )
    allowed = answer.all("access-control-allow-origin")
    if allowed != [origin]:
        yield f"access-control-allow-origin: expected {origin!r}, got {allowed}"
    exposed = answer.get("access-control-expose-headers") or ""
    if "x-toto-hmac" not in _set(exposed):
        yield f"access-control-expose-headers: expected x-toto-hmac, got {exposed!r}"
    if len(answer.all("content-type")) > 1:
        yield f"content-type: more than one, {answer.all('content-type')}"


def _compared(exchange: Exchange, expect: Expectation) -> list[str]:
    if "one_of" not in expect:
        return list(_checks(exchange, expect))
    attempts = [list(_checks(exchange, choice)) for choice in expect["one_of"]]
    return (
        []
        if [] in attempts
        else [f"choice {n}: {text}" for n, texts in enumerate(attempts) for text in texts]
    )


def _checks(exchange: Exchange, expect: Expectation) -> Iterator[str]:
    answer, case = exchange.answer, exchange.case
    unknown = expect.keys() - CHECKS.keys() - DEFAULTED
    assert not unknown, f"no check for {unknown}"
    if answer.status != expect.get("status", 200):
        yield f"status: expected {expect.get('status', 200)}, got {answer.status} {answer.body[:200]!r}"
    for name in CHECKS.keys() & expect.keys():
        yield from CHECKS[name](exchange, expect[name])
    if answer.body or "content_type" in expect:
        yield from _content_type(answer, expect.get("content_type") or _own_type(case.request, answer))
    yield from _headers(answer, expect.get("headers", {}))
    yield from _cookies(answer, expect.get("cookies", []), expect.get("cookies_cleared", []))
    yield from signature_problems(
        answer, expect.get("signed"), exchange.history, exchange.recording.sign_parts
    )


def _own_type(request: Request, answer: Answer) -> str:
    """The content type of the request's codec; transport-level failures are JSON (1.6, 12.1)."""
    sent = {name.lower(): value for name, value in request.headers.items()}.get("content-type", "")
    asked = sent.partition(";")[0].strip().lower()
    asked = ALIASES.get(asked, asked)
    in_json = answer.status >= 400 or request.method == "GET" or asked not in DECODERS
    return "application/json" if in_json else asked


def _content_type(answer: Answer, expected: str) -> Iterator[str]:
    if answer.media_type != expected:
        yield f"content-type: expected {expected!r}, got {answer.media_type!r} with {answer.body[:200]!r}"


def _headers(answer: Answer, expected: Mapping[str, str]) -> Iterator[str]:
    for name, value in {"location": None, **expected}.items():
        got = answer.get(name)
        same = _set(got or "") == _set(value) if name in SETS and value is not None else got == value
        if not same:
            yield f"{name}: expected {value!r}, got {got!r}"


def _set(value: str) -> set[str]:
    return {entry.strip().lower() for entry in value.split(",") if entry.strip()}


def _cookies(answer: Answer, expected: list[str], cleared: list[str]) -> Iterator[str]:
    gone = {name for name, cookie in answer.cookies.items() if cookie["max-age"] == "0"}
    if gone != set(cleared):
        yield f"cookies cleared: expected {sorted(cleared)}, got {sorted(gone)}"
    wanted = dict(_cookie(text) for text in expected)
    for name in wanted.keys() | (answer.cookies.keys() - gone):
        got = answer.cookies.get(name)
        shown = None if got is None else {"value": got.value, "path": got["path"], "domain": got["domain"]}
        if shown is None or not wanted.get(name, {"": ""}).items() <= shown.items():
            yield f"cookie {name}: expected {wanted.get(name)}, got {shown}"


def _cookie(text: str) -> tuple[str, dict[str, str]]:
    """``name; Path=/; Domain=d`` or ``name=value; …`` as the parts to be compared."""
    first, *rest = (part.strip() for part in text.split(";"))
    name, _, value = first.partition("=")
    parts = {"path": "", "domain": ""} | {
        key.lower(): worth for key, _, worth in (part.partition("=") for part in rest)
    }
    return name, parts | ({"value": value} if value else {})


def _body(exchange: Exchange, expected: Any) -> Iterator[str]:
    case, answer = exchange.case, exchange.answer
    expected = exchange.history.filled(expected)
    for path in case.varies:
        expected = paths.replaced(expected, path, {"$any": kind_of(paths.read(expected, path))})
    if case.any_order is None:
        yield from differences(expected, answer.decoded)
        return
    wanted = paths.read(expected, case.any_order)
    yield from differences(paths.replaced(expected, case.any_order, {"$any": "string"}), answer.decoded)
    got = paths.read(answer.decoded, case.any_order)
    if _words(got) != _words(wanted):
        yield f"{case.any_order}: expected the words of {wanted!r}, got {got!r}"


def _words(text: str) -> list[str]:
    return sorted(re.split(r"[,\s]+", text))


def _body_includes(exchange: Exchange, expected: Any) -> Iterator[str]:
    yield from differences(exchange.history.filled(expected), exchange.answer.decoded, subset=True)


def _body_text(exchange: Exchange, expected: str) -> Iterator[str]:
    if exchange.answer.body != expected.encode():
        yield f"body: expected {expected!r}, got {exchange.answer.body[:200]!r}"


def _jsonp(exchange: Exchange, expected: Mapping[str, Any]) -> Iterator[str]:
    found = JSONP.fullmatch(exchange.answer.body)
    if found is None or found["callback"].decode() != expected["callback"]:
        yield f"jsonp: expected a call of {expected['callback']}, got {exchange.answer.body[:200]!r}"
        return
    yield from differences(
        exchange.history.filled(expected["body"]), json.loads(found["body"].decode("ascii"))
    )


def _error_code(exchange: Exchange, expected: Any) -> Iterator[str]:
    decoded = exchange.answer.decoded
    error = decoded.get("error", {}) if isinstance(decoded, dict) else {}
    if not equal(expected, error.get("code")):
        yield f"error.code: expected {expected!r}, got {exchange.answer.body[:200]!r}"


def _has(exchange: Exchange, members: list[str]) -> Iterator[str]:
    decoded = exchange.answer.decoded
    yield from (f"{name}: expected, got nothing" for name in members if name not in decoded)


def _json_error(exchange: Exchange, expected: bool) -> Iterator[str]:
    yield from differences({"error": {}}, exchange.answer.decoded, subset=True)
    yield from (
        f"error.{name}: missing" for name in ("code", "value") if name not in exchange.answer.decoded["error"]
    )


def _connection_after(exchange: Exchange, expected: str) -> Iterator[str]:
    if expected == "open" and exchange.answer.still_open is False:
        yield "connection: expected to stay open, got closed"


def _no_answer_within(exchange: Exchange, expected: float) -> Iterator[str]:
    yield f"expected no answer within {expected} s, got {exchange.answer.body[:200]!r}"


Check = Callable[[Exchange, Any], Iterator[str]]

CHECKS: Mapping[str, Check] = {
    "body": _body,
    "body_includes": _body_includes,
    "body_text": _body_text,
    "jsonp": _jsonp,
    "error_code": _error_code,
    "has": _has,
    "json_error": _json_error,
    "connection_after": _connection_after,
    "no_answer_within": _no_answer_within,
}
DEFAULTED = {"status", "content_type", "headers", "cookies", "cookies_cleared", "signed"}


def _same(case: Case, answer: Answer, history: History) -> Iterator[str]:
    for path, other in case.same.items():
        got = paths.read(answer.decoded, path)
        wanted = paths.read(answer.decoded, other) if other.startswith("$") else history.filled(other)
        if got != wanted:
            yield f"{path}: expected the value of {other}, {wanted!r}, got {got!r}"


def _expiries(case: Case, answer: Answer, sent_at: float) -> Iterator[str]:
    for path, seconds in case.expires_in.items():
        ahead = paths.read(answer.decoded, path) - time.time()
        tolerance = max(TOLERANCE, PART * seconds)
        if not seconds - tolerance - (time.time() - sent_at) <= ahead <= seconds + tolerance:
            yield f"{path}: expected {seconds} s from now, got {ahead:.1f} s"
