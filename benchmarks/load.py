"""Requests, and many of them at a time, by wrk (Debian: apt-get install wrk)."""

import json
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.processes import Running

__all__ = ["Figures", "Request", "WrongAnswer", "ask", "check", "load"]

TIMEOUT = 60
"""Seconds that a call may take."""

Headers = Mapping[str, str]


class WrongAnswer(Exception):
    """A server answers something else than what was asked for."""


@dataclass(frozen=True)
class Request:
    """A POST of JSON. ``key`` is one that the result has to have, with this ``value``, or any at all."""

    path: str
    body: str
    calls: int = 1
    """How many calls it carries."""
    key: str = "sum"
    value: Any = 3
    needs: str = ""
    """What has to be in the database: ``account``; or ``session`` or ``token``, another one each time."""
    headers: Headers = field(default_factory=dict, hash=False)
    """Beside the content type; ``{credential}`` is put in."""
    answer_header: str = ""
    """One that the answer has to have."""


@dataclass(frozen=True)
class Figures:
    """What came of a load."""

    done: int
    per_second: float
    cpu: float
    """What a call took of the server's CPU, in seconds."""
    failed: int = 0
    """Requests that got no answer or a wrong one."""


def ask(request: Request, running: Running, credential: str = "") -> Any:
    """The answer to one request. Raises WrongAnswer for one without `Request.answer_header`."""
    headers = {name: value.format(credential=credential) for name, value in request.headers.items()}
    posted = urllib.request.Request(
        f"http://127.0.0.1:{running.port}{request.path}",
        request.body.encode(),
        {"Content-Type": "application/json", **headers},
    )
    with urllib.request.urlopen(posted, timeout=TIMEOUT) as answer:
        body = json.load(answer)
        if request.answer_header and not answer.headers[request.answer_header]:
            raise WrongAnswer(f"no header {request.answer_header}: {body}")
    return body


def check(request: Request, running: Running, credential: str = "") -> None:
    """Ask once, and look at the answer. Raises WrongAnswer."""
    body = ask(request, running, credential)
    members = list(body["batch"].values()) if "batch" in body else [body]
    results = [member.get("result", member) for member in members]
    if len(results) != request.calls or not all(_is_right(request, result) for result in results):
        raise WrongAnswer(str(body))


def _is_right(request: Request, result: Mapping[str, Any]) -> bool:
    return request.key in result and request.value in (None, result[request.key])


def load(
    request: Request,
    running: Running,
    credentials: Sequence[str],
    connections: int,
    seconds: float,
    folder: str,
) -> Figures:
    """Each connection sends its next request when it has the answer; one generator for each port.

    Failures may have status 200 as well, so the server counts what it has done. Raises
    WrongAnswer before the load when a single request fails.
    """
    check(request, running, credentials[0] if credentials else "")
    script = Path(folder, "load.lua")
    script.write_text(_script(request, credentials))
    options = [f"-c{connections // len(running.ports)}", f"-d{seconds}s", f"--timeout={TIMEOUT}s"]
    done, cpu = running.count("done"), running.cpu()
    generators = [
        subprocess.Popen(
            ["wrk", "-t1", *options, "-s", str(script), f"http://127.0.0.1:{port}{request.path}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for port in running.ports
    ]
    outputs = [json.loads(generator.communicate()[0].splitlines()[-1]) for generator in generators]
    done, cpu = running.count("done") - done, running.cpu() - cpu
    answered = sum(each["requests"] for each in outputs)
    refused = sum(each["refused"] for each in outputs)
    undone = max(0, answered - refused - done // request.calls)
    good = answered - refused - undone
    rate = sum(each["requests"] / each["seconds"] for each in outputs) * request.calls
    return Figures(
        done=done,
        per_second=rate * good / answered if answered else 0.0,
        cpu=cpu / done if done else 0.0,
        failed=refused + undone + sum(each["broken"] for each in outputs) + (0 if answered else connections),
    )


def _script(request: Request, credentials: Sequence[str]) -> str:
    """wrk's: the same body each time, with the next of the credentials; a line of JSON at the end."""
    headers = {"Content-Type": "application/json", **request.headers}
    lines = ["wrk.method = 'POST'", f"wrk.body = '{request.body}'"]
    changing = [name for name, value in headers.items() if "{credential}" in value]
    lines += [f"wrk.headers['{name}'] = '{headers[name]}'" for name in headers if name not in changing]
    if changing:
        before, after = headers[changing[0]].split("{credential}")
        ids = ",".join(f"'{item}'" for item in credentials)
        lines += [
            f"local ids, n = {{{ids}}}, 0",
            "function request()",
            "n = n % #ids + 1",
            f"wrk.headers['{changing[0]}'] = '{before}' .. ids[n] .. '{after}'",
            "return wrk.format()",
            "end",
        ]
    return "\n".join([*lines, _SUMMARY])


_SUMMARY = """
function done(summary, latency, requests)
    local errors = summary.errors
    print(string.format('{"requests": %d, "seconds": %f, "refused": %d, "broken": %d}', summary.requests,
        summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
"""
