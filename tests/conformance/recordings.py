"""Recording files as values; tests/wire/README.md describes the format."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

WIRE = Path(__file__).resolve().parent.parent / "wire"

Expectation = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request before its template is filled in; ``raw`` replaces all the rest on a socket."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None
    version: str = "HTTP/1.1"
    raw: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """How x-toto-hmac is made: the key and the parts of the message."""

    key: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One exchange; ``expect`` is None where nothing is compared."""

    name: str
    verdict: str
    request: Request
    expect: Expectation | None
    strict: Expectation | None = None
    template: Mapping[str, Any] = field(default_factory=dict)
    sign: Sign | None = None
    varies: tuple[str, ...] = ()
    same: Mapping[str, str] = field(default_factory=dict)
    expires_in: Mapping[str, float] = field(default_factory=dict)
    any_order: str | None = None
    connection: str | None = None
    answered_by: str | None = None
    pause_before_s: float = 0
    leave_after_s: float | None = None
    needs_server: bool = False
    send: bool = True

    def as_strict(self) -> "Case":
        """The case as it is with HMAC_REQUIRED."""
        if self.strict is None:
            return self
        return replace(self, expect=self.strict, varies=(), same={}, expires_in={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One file: a history to be sent from top to bottom."""

    name: str
    settings: Mapping[str, Any]
    django: Mapping[str, Any]
    mounted_at: str
    processes: int
    sign_parts: tuple[str, ...]
    cases: tuple[Case, ...]

    @property
    def names_processes(self) -> bool:
        """Some cases say which of two processes they go to."""
        return self.processes > 1 and any(case.connection for case in self.cases)


def names() -> list[str]:
    """All recording files."""
    return sorted(path.stem for path in WIRE.glob("*.jsonl"))


@cache
def load(name: str) -> Recording:
    """The file ``name`` with the expectations of withheld.json filled in."""
    with open(WIRE / f"{name}.jsonl", encoding="utf-8") as lines:
        header, *rows = map(json.loads, lines)
    withheld = _withheld().get(name, {})
    cases = tuple(_case(row, withheld.get(row["name"])) for row in rows)
    assert len(cases) == header["cases"], f"{name} has {len(cases)} cases, its header says {header['cases']}"
    unknown = withheld.keys() - {case.name for case in cases if case.verdict == "withheld"}
    assert not unknown, f"withheld.json decides cases of {name} that are not withheld: {unknown}"
    return Recording(
        name=name,
        settings=header["settings"],
        django=header["django"],
        mounted_at=header.get("mounted_at", ""),
        processes=header.get("processes", 1),
        sign_parts=tuple(header.get("custom_signing", {}).get("sign", ())),
        cases=cases,
    )


@cache
def _withheld() -> Mapping[str, Mapping[str, Expectation]]:
    decisions: dict[str, dict[str, Expectation]] = json.loads((WIRE / "withheld.json").read_text("utf-8"))
    return decisions


def _case(row: Mapping[str, Any], withheld: Expectation | None) -> Case:
    verdict = row["verdict"]
    details = dict(withheld or {}) if verdict == "withheld" else row
    return Case(
        name=row["name"],
        verdict=verdict,
        request=_request(row["request"]),
        expect=_expectation(row, withheld),
        strict=details.get("strict"),
        template=row.get("template", {}),
        sign=_sign(row.get("sign")),
        varies=tuple(row.get("varies", ())),
        same=details.get("same", {}),
        expires_in=details.get("expires_in", {}),
        any_order=details.get("any_order"),
        connection=row.get("connection"),
        answered_by=row.get("answered_by"),
        pause_before_s=row.get("pause_before_s", 0),
        leave_after_s=row.get("leave_after_s"),
        needs_server="server" in row.get("needs", ()),
        send=row.get("send", True),
    )


def _expectation(row: Mapping[str, Any], withheld: Expectation | None) -> Expectation | None:
    match row["verdict"]:
        case "keep":
            return _recorded(row)
        case "decided":
            return dict(row["expect"])
        case "withheld":
            assert withheld is not None, f"withheld.json does not decide {row['name']}"
            details = {"rule", "same", "expires_in", "any_order", "strict"}
            return {key: value for key, value in withheld.items() if key not in details}
        case "n/a":
            return None
        case verdict:
            raise AssertionError(f"{row['name']} has the unknown verdict {verdict!r}")


def _recorded(row: Mapping[str, Any]) -> Expectation:
    """A recorded answer in the words of an expectation."""
    if row["outcome"] == "timeout":
        return {"no_answer_within": row["waited_s"]}
    response = row["response"]
    headers = dict(response["headers"])
    expect = {"status": response["status"], "signed": response.get("signed", False), "headers": headers}
    expect["cookies"] = response.get("cookies", [])
    content_type = headers.pop("content-type", None)
    if content_type is not None:
        expect["content_type"] = content_type
    if "decoded" in response:
        expect["body"] = response["decoded"]
    elif "body_b64" in response:
        expect["body"] = {"$bytes": response["body_b64"]}
    elif "body" in response:
        expect |= _recorded_text(response["body"], content_type)
    return expect


def _recorded_text(text: str, content_type: str | None) -> Expectation:
    if content_type == "text/javascript":
        callback, _, rest = text.partition("(")
        return {"jsonp": {"callback": callback, "body": json.loads(rest.rstrip().removesuffix(")"))}}
    if not text:
        return {"body": ""}
    try:
        return {"body": json.loads(text)}
    except ValueError:
        return {"body_text": text}


def _request(row: Mapping[str, Any]) -> Request:
    raw = row.get("raw")
    return Request(
        method=row["method"],
        path=row["path"],
        headers=row["headers"],
        body=_body(row),
        version=row.get("http", "HTTP/1.1"),
        raw=None if raw is None else raw.encode(),
    )


def _body(row: Mapping[str, Any]) -> bytes | None:
    if "body_b64" in row:
        return base64.b64decode(row["body_b64"])
    if "body_generate" in row:
        return _generated(row["body_generate"])
    return None if row["body"] is None else row["body"].encode()


def _generated(pieces: Iterable[str | Mapping[str, Any]]) -> bytes:
    texts = (piece if isinstance(piece, str) else piece["repeat"] * piece["times"] for piece in pieces)
    return "".join(texts).encode()


def _sign(row: Mapping[str, Any] | None) -> Sign | None:
    return None if row is None else Sign(key=row["key"], parts=tuple(row["parts"]))
