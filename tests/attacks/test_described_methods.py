"""Every method, called with what its description allows, with what it forbids, and with neither.

Whatever comes, in any format and form: an answer of the wire, an error of the contract,
and no word of what went wrong inside. Each method gets TOTO_ATTACK_EXAMPLES sets of
parameters, the same ones each time.
"""

import itertools
import json
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.calls import PASSWORD, Service
from tests.conformance.answers import Answer
from tests.openrpc.values import ANYTHING, Values
from tests.realtime import ROOT
from tests.test_fuzz import WRITERS, keys, mutated, values
from toto_django import accounts, sessions
from toto_django.codecs.base import Malformed
from toto_django.description.openrpc import document
from toto_django.registry import registry

EXAMPLE_PROJECT = "example_project.settings"
IS_EXAMPLE_PROJECT = os.environ.get("DJANGO_SETTINGS_MODULE") == EXAMPLE_PROJECT
DOCUMENT = document()
METHODS = {method["name"]: method for method in DOCUMENT["methods"]}
OWN_STATUS = {"misc.status"}
"""Methods whose parameters are the answer's status."""
OWN_TYPE = {"misc.ctype"}
"""Methods that relabel their answer, whatever it is."""
OWN_ERRORS = ("err.", "star.", "async_.", "req.", "plain.", "notes.", "chat.", "alarm", "hello", "math.")
"""Methods with errors of their own."""
STATUSES = {200, 204, 302, 304, 400, 405, 413, 415}
CODES = {*range(1000, 1007), 1008, 1010, *range(1100, 1105)}
SERVER_ERRORS = re.compile(
    r"Server error|Cannot encode \S.*|The body .+|A (raw|jsonp|redirect) answer has no place in a batch\."
    r"|A member of a batch is an object\.|A batch is an object\.|A raw response is bytes or text\."
    r"|This method answers later, which needs an ASGI server \(.+\)\.|More than \d+ arguments\."
    r"|The session cannot keep .+|The event cannot carry this: .+|The content type is too long\."
    r"|Unsupported content type '.*'\."
    r"|There is no web socket to send a message to\.",
    re.DOTALL,
)
"""All that error 1000 says where exceptions are not shown."""
INSIDE = re.compile(rb"Traceback|File \\?\"/|site-packages|toto_django/|object at 0x|\bline \d+, in ")
"""What only a stack trace or the text of an exception has."""

described = Values(DOCUMENT)
quick = hypothesis_settings(
    max_examples=int(os.environ.get("TOTO_ATTACK_EXAMPLES", "3")),
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
pytestmark = pytest.mark.django_db


def parameters_of(method: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Right ones, almost right ones, and any."""
    broken = described.broken_parameters(method) if _can_be_broken(method) else ANYTHING
    more = st.tuples(described.parameters(method), st.dictionaries(keys, values, max_size=2))
    return st.one_of(
        described.parameters(method), broken, more.map(lambda pair: {**pair[1], **pair[0]}), values
    )


def _can_be_broken(method: dict[str, Any]) -> bool:
    is_open = bool(method.get("x-toto-other-parameters"))
    return not is_open or any(each["required"] for each in method["params"])


@pytest.fixture(autouse=True)
def quickly(toto: Callable[..., None], settings: Any) -> None:
    """Sessions need no signatures, errors are not shown, and nothing waits for long."""
    rates = dict.fromkeys(("create", "login", "login.address", "login.account"))
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    toto(HMAC=None, EXPOSE_ERRORS=False, METHOD_TIMEOUT=0.01, THROTTLES=rates)


class Asker:
    """Asks the service behind both handlers in turn, for an account with a session."""

    def __init__(self) -> None:
        self.services = itertools.cycle([Service("wsgi"), Service("asgi")])
        self.root = "/service/" if IS_EXAMPLE_PROJECT else "/"
        accounts.create_account("anna", PASSWORD)

    def __call__(
        self, verb: str, target: str = "", body: bytes = b"", content_type: str = "", name: str = ""
    ) -> Answer:
        service, session_id = next(self.services), sessions.create_session("anna").session_id
        response = service.send(
            verb, self.root + target, body, x_toto_session_id=session_id, content_type=content_type
        )
        content = b"".join(response.chunks) if response.streaming else response.content
        headers = tuple((key.lower(), value) for key, value in response.headers.items())
        answer = Answer(response.status_code, headers, content)
        check(answer, name)
        return answer


@pytest.fixture
def ask(db: None) -> Asker:
    return Asker()


def check(answer: Answer, name: str) -> None:
    """It is an answer of the wire."""
    assert answer.status in STATUSES or name in OWN_STATUS, answer
    assert not INSIDE.search(answer.body), answer.body
    if not answer.body or name in OWN_TYPE or not isinstance(answer.decoded, dict):
        assert answer.get("x-toto-hmac") is None
        return
    members = answer.decoded.get("batch", {"": answer.decoded})
    for error in (member["error"] for member in members.values() if "error" in member):
        if not name.startswith(OWN_ERRORS):
            assert error["code"] in CODES, error
        if error["code"] == 1000 and not name.startswith("err."):
            assert SERVER_ERRORS.fullmatch(error["value"]), error


def forms_of(parameters: Any) -> tuple[str, bytes]:
    """A query, and a multipart form, of what may be an object."""
    pairs = parameters.items() if isinstance(parameters, dict) else [("a", parameters)]
    texts = [(str(name), value if isinstance(value, str) else json.dumps(value)) for name, value in pairs]
    query = urlencode([(a.encode("utf-8", "replace"), b.encode("utf-8", "replace")) for a, b in texts])
    part = 'Content-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    parts = "".join("--x\r\n" + part.format(a.replace('"', "%22"), b) for a, b in texts)
    return query, parts.encode("utf-8", "replace") + b"--x--\r\n"


@pytest.mark.parametrize("name", METHODS)
def test_method_answers_whatever_it_is_called_with(ask: Asker, name: str) -> None:
    @quick
    @given(parameters=parameters_of(METHODS[name]), data=st.data())
    def called(parameters: Any, data: st.DataObject) -> None:
        call = {"method": name, "parameters": parameters}
        for content_type in ("application/json", "application/bson", "application/msgpack"):
            body = WRITERS[content_type](call)
            ask("POST", "", body, content_type, name)
            ask("POST", "", data.draw(mutated(st.just(body))), content_type, name)
        batch = {"batch": {"a": call, "b": {"method": name}, "c": {"method": "no.such"}, "d": parameters}}
        ask("POST", "", json.dumps(batch).encode(), "application/json", name)
        query, multipart = forms_of(parameters)
        ask("GET", f"{name}?{query}", name=name)
        ask("POST", name.replace(".", "/"), query.encode(), "application/x-www-form-urlencoded", name)
        ask("POST", name, multipart, "multipart/form-data; boundary=x", name)
        ask("HEAD", f"{name}?{query}", name=name)

    called()
    answer = ask("POST", "", b'{"method": "client_error"}', "application/json")
    assert answer.decoded["error"]["code"] == 1003


def test_description_knows_every_method() -> None:
    here = {name for name in registry.names() if not name.startswith("concurrency.")}
    assert METHODS.keys() == here  # Another test module has those, and may have been imported since.
    assert len(METHODS) > 10


@pytest.mark.skipif(IS_EXAMPLE_PROJECT, reason="it would not end")
def test_methods_of_the_example_project_answer_too() -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("EXAMPLE_", "PYTEST_"))
    }
    environment |= {"DJANGO_SETTINGS_MODULE": EXAMPLE_PROJECT, "EXAMPLE_DEBUG": "0"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        f"--ds={EXAMPLE_PROJECT}",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [*command, __file__],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert "1 skipped" in done.stdout


def test_inside_would_be_found() -> None:
    try:
        raise Malformed("x")
    except Malformed:
        assert INSIDE.search(traceback.format_exc().encode())
        assert INSIDE.search(json.dumps(traceback.format_exc()).encode())
    assert INSIDE.search(repr(object()).encode())
