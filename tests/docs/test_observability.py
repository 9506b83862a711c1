"""The recipes of docs/observability.md: Prometheus over two processes; spans of calls, members and frames."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.calls import Service
from tests.docs.pages import DOCS, ROOT, blocks
from tests.docs.test_blocks import SETTINGS
from tests.docs.test_deploying import answers
from tests.realtime import until
from tests.servers.base import free_port
from tests.test_asgi import Client, call
from tests.test_observability import Socket, answered, with_socket
from toto_django.asgi import ASGIApplication, get_asgi_application
from toto_django.exceptions import TotoException
from toto_django.invocation import asynchronous
from toto_django.registry import Method
from toto_django.signals import call_finished, call_started

pytest.importorskip("prometheus_client", reason="docs/requirements.txt is not installed")
pytest.importorskip("opentelemetry.sdk", reason="docs/requirements.txt is not installed")

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

Register = Callable[..., Method]
Toto = Callable[..., None]

PATIENCE = 60
PAGE = DOCS / "observability.md"
CODE = {path: block.code for block in blocks(PAGE) if block.language == "python" for path in block.paths}
METHODS = """
from toto_django import method
from toto_django.exceptions import TotoException

@method
async def fine(handler, parameters):
    return 1

@method
def refuse(handler, parameters):
    raise TotoException(2001, "Out of stock.")
"""
ASGI = "from toto_django.asgi import get_asgi_application\napplication = get_asgi_application()\n"
UVICORN = ["-m", "uvicorn", "mysite.asgi:application"]
TOTO = ["manage.py", "toto"]
REFUSED = {"error": {"code": 2001, "value": "Out of stock."}}


# Two servers


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the files of the page."""
    folder = tmp_path_factory.mktemp("project")
    command = [sys.executable, "-m", "django", "startproject", "mysite", str(folder)]
    subprocess.run(command, check=True, timeout=PATIENCE)
    with (folder / "mysite/settings.py").open("a") as settings:
        settings.write(SETTINGS + "INSTALLED_APPS.remove('django.contrib.admin')\n")
    with (folder / "mysite/asgi.py").open("a") as asgi:
        asgi.write(ASGI)
    (folder / "shop").mkdir()
    for path, code in {**CODE, "shop/__init__.py": "", "shop/methods.py": METHODS}.items():
        (folder / path).write_text(code)
    return folder


@contextmanager
def serving(project: Path, command: list[str], counts: Path, said: Path) -> Iterator[str]:
    """The address of a server."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOTO_")}
    environment |= {
        "DJANGO_SETTINGS_MODULE": "mysite.settings",
        "PYTHONPATH": str(ROOT),
        "PROMETHEUS_MULTIPROC_DIR": str(counts),
    }
    port = str(free_port())
    command = [sys.executable, *command, "--port", port]
    with said.open("w") as output:
        process = subprocess.Popen(command, cwd=project, env=environment, stdout=output)
    try:
        until(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{port}/service/"), PATIENCE)
        assert process.poll() is None, "the server ended"
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="module")
def measured(project: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Any]]:
    """What uvicorn shows of both servers, and the spans that `manage.py toto` has exported by its end."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "counts").mkdir()
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(serving(project, command, folder / "counts", folder / command[1]))
            for command in (UVICORN, TOTO)
        )
        with httpx.Client(timeout=PATIENCE) as client:
            for address in (first, second):
                use(client, f"http://{address}/service/")
            with connect(f"ws://{second}/service/websocket", open_timeout=PATIENCE) as connection:
                connection.send(json.dumps({"id": 1, "method": "shop.refuse"}))
                assert json.loads(connection.recv(PATIENCE)) == {"id": 1, **REFUSED}
            shown = client.get(f"http://{first}/metrics")
    assert shown.headers["content-type"].startswith("text/plain")
    return shown.text, spans_in((folder / "toto").read_text())


def use(client: httpx.Client, url: str) -> None:
    """Whatever comes of a call, HTTP says 200."""
    batch = {"a": {"method": "shop.fine"}, "b": {"method": "shop.refuse"}}
    answers = [
        client.get(f"{url}shop/fine"),
        client.get(f"{url}shop/fine"),
        client.get(f"{url}shop/refuse"),
        client.post(url, json={"method": "no.such.method"}),
        client.post(url, json={"batch": batch}),
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[2].json() == REFUSED


def spans_in(text: str) -> list[Any]:
    """What ConsoleSpanExporter wrote, among lines of a log."""
    return [json.loads(span) for span in re.findall(r"^\{\n.*?^\}$", text, re.M | re.S)]


@pytest.mark.server
def test_prometheus_counts_the_codes_of_two_processes(measured: tuple[str, list[Any]]) -> None:
    families = {family.name: family for family in text_string_to_metric_families(measured[0])}
    counted = {
        tuple(sample.labels[name] for name in ("method", "kind", "code")): sample.value
        for sample in families["toto_calls"].samples
    }
    assert counted == {
        ("shop.fine", "call", "ok"): 4,
        ("shop.refuse", "call", "2001"): 2,
        ("<unknown>", "call", "1001"): 2,
        ("shop.fine", "member", "ok"): 2,
        ("shop.refuse", "member", "2001"): 2,
        ("<batch>", "batch", "ok"): 2,
        ("shop.refuse", "frame", "2001"): 1,
    }
    timed = {
        sample.labels["method"]: sample.value
        for sample in families["toto_call_seconds"].samples
        if sample.name.endswith("_count") and sample.labels["kind"] == "call"
    }
    assert timed == {"shop.fine": 4, "shop.refuse": 2, "<unknown>": 2}


@pytest.mark.server
def test_set_up_of_the_page_exports_the_spans_of_a_server(measured: tuple[str, list[Any]]) -> None:
    spans = measured[1]
    kinds = [span["attributes"]["toto.kind"] for span in spans]
    assert sorted(kinds) == ["batch", *["call"] * 4, "frame", *["member"] * 2]
    [batch] = [span for span in spans if span["name"] == "<batch>"]
    parents = {span["parent_id"] for span in spans if span["attributes"]["toto.kind"] == "member"}
    assert parents == {batch["context"]["span_id"]}
    assert {span["resource"]["attributes"]["service.name"] for span in spans} == {"shop"}


# Spans


@cache
def exporter() -> InMemorySpanExporter:
    """That of the process, whose provider can be set only once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans() -> Iterator[Callable[[], list[ReadableSpan]]]:
    """``spans()``: those that have ended, in their order; the page's receivers make them."""
    exporter().clear()
    page: dict[str, Any] = {}
    exec(CODE["shop/tracing.py"], page)

    def ended() -> list[ReadableSpan]:
        assert page["spans"] == {}
        return list(exporter().get_finished_spans())

    yield ended
    call_started.disconnect(page["begin"])
    call_finished.disconnect(page["end"])


def own(handler: Any = None, parameters: Any = None) -> str:
    """The id of the current span, and a child of it."""
    with trace.get_tracer("library").start_as_current_span("child"):
        pass
    return f"{trace.get_current_span().get_span_context().span_id:x}"


async def aown(handler: Any, parameters: Any) -> str:
    return own()


@asynchronous
async def later(handler: Any, parameters: Any) -> None:
    handler.respond(own())


def refuse(handler: Any, parameters: Any) -> None:
    raise TotoException("sold out", "no")


@pytest.fixture
def methods(register: Register) -> None:
    for name, function in (("own", own), ("aown", aown), ("later", later), ("refuse", refuse)):
        register(f"t.{name}", function)


@pytest.fixture
def application(toto: Toto) -> ASGIApplication:
    toto(HMAC=None, STORES={"default": {"BACKEND": "toto_django.stores.memory.MemoryStore"}})
    return get_asgi_application()


def id_of(span: ReadableSpan) -> str:
    return f"{span.get_span_context().span_id:x}"


def parent_of(span: ReadableSpan) -> str:
    return "" if span.parent is None else f"{span.parent.span_id:x}"


@pytest.mark.parametrize("name", ["t.own", "t.aown"])
def test_span_of_a_call_is_current_in_its_method(
    service: Service, methods: None, spans: Any, name: str
) -> None:
    current = service.call(name)["result"]
    child, span = spans()
    assert (span.name, id_of(span), parent_of(span)) == (name, current, "")
    assert (child.name, parent_of(child)) == ("child", current)
    assert dict(span.attributes) == {"rpc.system": "toto", "rpc.method": name, "toto.kind": "call"}
    assert span.status.status_code is trace.StatusCode.UNSET


@pytest.mark.parametrize(("name", "code"), [("t.refuse", "sold out"), ("err.generic", 1000), ("nope", 1001)])
def test_code_of_an_error_is_the_status_of_its_span(
    service: Service, methods: None, spans: Any, name: str, code: Any
) -> None:
    service.call(name)
    [span] = spans()
    assert span.name == ("<unknown>" if name == "nope" else name)
    assert span.attributes["toto.code"] == code
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.status.description == f"error {code}"


def test_spans_of_members_are_children_of_their_batch(service: Service, methods: None, spans: Any) -> None:
    names = ["t.own", "t.refuse", "t.aown"]
    answer = service.batch({str(number): {"method": name} for number, name in enumerate(names)})["batch"]
    *members, batch = [span for span in spans() if span.name != "child"]
    assert batch.name == "<batch>"
    assert [span.name for span in members] == names
    assert {parent_of(span) for span in members} == {id_of(batch)}
    assert answer["0"]["result"] == id_of(members[0])
    assert answer["2"]["result"] == id_of(members[2])


def test_spans_of_members_that_answer_later_are_told_apart(
    application: ASGIApplication, methods: None, spans: Any
) -> None:
    batch = {"batch": {number: {"method": "t.later"} for number in "ab"}}
    answer = answered(application, Client(json.dumps(batch).encode()))["batch"]
    members = [span for span in spans() if span.name == "t.later"]
    [outer] = [span for span in spans() if span.name == "<batch>"]
    assert {parent_of(span) for span in members} == {id_of(outer)}
    assert {id_of(span) for span in members} == {member["result"] for member in answer.values()}
    assert len(members) == 2


def test_each_frame_has_a_span(application: ASGIApplication, methods: None, spans: Any) -> None:
    results: list[str] = []

    async def follow(socket: Socket) -> None:
        for _ in range(2):
            results.append((await socket.ask("t.aown"))["result"])
        await socket.ask("t.refuse")

    with_socket(application, follow)
    frames = [span for span in spans() if span.name != "child"]
    assert [id_of(span) for span in frames[:2]] == results
    assert [span.attributes["toto.kind"] for span in frames] == ["frame"] * 3
    assert [span.attributes.get("toto.code") for span in frames] == [None, None, "sold out"]
    assert {parent_of(span) for span in frames} == {""}


def test_span_of_the_server_is_the_parent(application: ASGIApplication, methods: None, spans: Any) -> None:
    async def traced(*arguments: Any) -> None:
        with trace.get_tracer("server").start_as_current_span("server"):
            await application(*arguments)

    answered(traced, call("t.own"))  # type: ignore[arg-type]
    _, span, server = spans()
    assert (span.name, parent_of(span)) == ("t.own", id_of(server))
