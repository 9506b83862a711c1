"""Names of methods that would be paths, attributes or imports elsewhere: only registered ones are reached."""

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_from_bytes

import bson
import msgpack
import pytest

from tests.calls import Service, error_of
from tests.conformance.recordings import Request
from tests.conformance.transports import PATIENCE, AsgiTransport, WsgiTransport
from tests.service import tree
from toto_django import routes
from toto_django.registry import registry

REAL = ["echo", "auth.required", "account.login", "ret.one"]
ATTRIBUTES = [
    *("__class__", "__init__", "__globals__", "__builtins__", "__dict__", "__module__", "__subclasses__"),
    *(
        "invoke",
        "registry",
        "os",
        "sys",
        "function",
        "policies",
        "admit",
        "handler",
        "self",
        "mro",
        "func_globals",
    ),
]
DOTS = {
    "two dots": "..",
    "ellipsis": "\u2026",
    "one dot leader": "\u2024",
    "full-width full stop": "\uff0e",
    "ideographic full stop": "\u3002",
    "small full stop": "\ufe52",
    "middle dot": "\u00b7",
    "slash": "/",
    "backslash": "\\",
    "fraction slash": "\u2044",
    "full-width solidus": "\uff0f",
    "colon": ":",
    "NUL": "\0",
    "newline": "\n",
    "percent": "%2e",
    "twice percent": "%252e",
    "space around": " . ",
}


def variants(name: str) -> Iterator[str]:
    """Names that would lead to a method, or past it, if they were more than keys of a dict."""
    yield from (f"{name}.{attribute}" for attribute in ATTRIBUTES)
    yield from (f"{attribute}.{name}" for attribute in ATTRIBUTES)
    yield from (
        f"{name}{tail}"
        for tail in (".", "..", "./", "/", "()", "[0]", "\0", "\n", " ", "%00", "%20", ";", "?")
    )
    yield from (
        f"{head}{name}" for head in (".", "..", "/", "./", "../", "\0", " ", "\n", "~", "@", "file:", "a/../")
    )
    yield from (name.upper(), name.title(), name.swapcase(), f"{name}.py", f"{name}.pyc", f"{name}/__init__")
    yield "".join(f"%{ord(character):02x}" for character in name)
    yield "".join(chr(ord(character) + 0xFEE0) for character in name)
    if "." in name:
        yield from (name.replace(".", dot) for dot in DOTS.values())
        yield name.replace(".", "", 1)
        yield from (name.partition(".")[0], name.rpartition(".")[2])


WORLD = [
    *(
        "os.system",
        "os",
        "sys.exit",
        "builtins.eval",
        "subprocess.run",
        "importlib.import_module",
        "socket.socket",
    ),
    *(
        "django.conf.settings",
        "settings.SECRET_KEY",
        "toto_django.registry.registry",
        "tests.service.methods.err",
    ),
    *(
        "toto_django.methods.account.create",
        "tests.service.tree.echo",
        "tests.service.tree.echo.invoke",
        "tree.echo",
    ),
    *(
        "_private",
        "tests.service.tree._private",
        "tree._private",
        "misc.journal",
        "acct.registry.find",
        "types.sys",
    ),
    *(
        "..",
        ".",
        "",
        "/",
        "//",
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "....//....//etc/passwd",
        "C:\\windows",
    ),
    *(
        "%2e%2e",
        "%00",
        "%",
        "%zz",
        "%u002e",
        "\ud800",
        "\u202eohce",
        "*",
        "?",
        "#",
        "a b",
        "<script>",
        "' OR 1=1 --",
    ),
    *(
        "echo\0.html",
        "echo%00",
        "x" * 100_000,
        "a." * 50_000,
        "." * 100_000,
        "é" * 50_000,
        "__import__('os')",
    ),
    *("constructor", "prototype", "__proto__", "toString", "rpc.discover", "system.listMethods", "<batch>"),
]
NAMES = list(dict.fromkeys([*WORLD, *(each for name in REAL for each in variants(name))]))


@pytest.fixture
def unregistered() -> list[str]:
    """Those of the names that are nobody's."""
    names = [name for name in NAMES if registry.get(name) is None]
    assert len(NAMES) - len(names) <= 1, "echo is the last part of nothing else"
    return names


@pytest.fixture(autouse=True)
def no_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No name leads to the import of a module of that name, or to a shell."""
    before = set(sys.modules)
    monkeypatch.setattr(os, "system", lambda command: pytest.fail("a shell was started"))
    yield
    imported = set(sys.modules) - before
    assert not imported & set(NAMES)
    assert not hasattr(tree, "invoke")


def is_unknown(answer: Any, name: str) -> bool:
    shown = name if len(name) <= 255 else name[:255] + "…"
    return error_of(answer) == (1001, f"Cannot call '{shown}'.")


def test_name_in_a_body_is_a_key_and_nothing_else(service: Service, unregistered: list[str]) -> None:
    assert [name for name in unregistered if not is_unknown(service.call(name), name)] == []


def test_name_in_a_batch_is_a_key_and_nothing_else(service: Service, unregistered: list[str]) -> None:
    for start in range(0, len(unregistered), 100):
        some = unregistered[start : start + 100]
        members = service.batch({str(number): {"method": name} for number, name in enumerate(some)})["batch"]
        assert [name for number, name in enumerate(some) if not is_unknown(members[str(number)], name)] == []


def test_name_in_the_binary_formats_is_a_key_and_nothing_else(wsgi: Service, unregistered: list[str]) -> None:
    formats: dict[str, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]] = {
        "application/msgpack": (msgpack.packb, msgpack.unpackb),
        "application/bson": (bson.encode, bson.decode),
    }
    for content_type, (write, read) in formats.items():
        for name in unregistered:
            if name.isascii():
                answer = wsgi.send("POST", "/", write({"method": name}), content_type=content_type)
                assert is_unknown(read(answer.content), name)


def test_name_as_bytes_is_no_name(wsgi: Service) -> None:
    for name in REAL:
        for value in (
            name.encode(),
            [name],
            {name: 1},
            [name.partition(".")[0], name],
            msgpack.ExtType(1, b"\xc0"),
        ):
            answer = wsgi.send(
                "POST", "/", msgpack.packb({"method": value}), content_type="application/msgpack"
            )
            assert msgpack.unpackb(answer.content)["error"]["code"] == 1001


@pytest.fixture(params=[WsgiTransport, AsgiTransport], ids=["wsgi", "asgi"])
def got(request: pytest.FixtureRequest, db: None) -> Iterator[Callable[[str], Any]]:
    """The decoded answer to a GET of a path as it is, through a real handler."""
    with request.param() as transport:

        def get(path: str) -> Any:
            sent = Request(method="GET", path=path, headers={"Host": "toto.test"}, body=None)
            answer = transport.send(sent).result(PATIENCE)
            assert answer.status == 200, path
            return answer.decoded

        yield get


def test_name_in_the_path_is_a_key_and_nothing_else(
    got: Callable[[str], Any], unregistered: list[str]
) -> None:
    """A slash in a path is a dot in a name, and a percent-escape is its character, once."""
    for name in unregistered:
        octets = name.encode("utf-8", "replace")
        wanted = octets.decode().replace("/", ".")
        if wanted and registry.get(wanted) is None:
            assert is_unknown(got("/" + quote_from_bytes(octets, safe="")), wanted), name


def test_path_is_decoded_once_and_not_resolved(got: Callable[[str], Any]) -> None:
    assert "result" in got("/%65%63%68%6f")
    for path, name in {
        "/%2565cho": "%65cho",
        "/auth%2e%2erequired": "auth..required",
        "/../echo": "...echo",
        "/./echo": "..echo",
        "/a/../echo": "a....echo",
        "/%2e%2e/echo": "...echo",
        "//echo": ".echo",
        "/echo%00": "echo\0",
        "/echo%0a": "echo\n",
        "/echo%2f": "echo.",
    }.items():
        assert is_unknown(got(path), name), path


def test_dots_of_other_alphabets_are_no_dots(wsgi: Service, got: Callable[[str], Any]) -> None:
    for dot in DOTS.values():
        called = f"auth{dot}required"
        assert is_unknown(wsgi.call(called), called), ascii(called)
        if dot != "/":
            assert is_unknown(got("/" + quote(called, safe="")), called), ascii(called)


def test_batch_is_no_way_around_where_names_may_stand(service: Service, toto: Callable[..., None]) -> None:
    toto(METHOD_SELECT="url")
    answer = service.batch({"a": {"method": "echo"}})
    assert answer["batch"]["a"]["error"]["code"] == 1002
    toto(METHOD_SELECT="parameter")
    assert service.send("GET", "/echo").json()["error"]["code"] == 1002
    inner = {"batch": {"b": {"method": "echo"}}}
    assert service.batch({"a": {"method": "echo.x", **inner}})["batch"]["a"]["error"]["code"] == 1001
    assert service.batch({"a": inner})["batch"]["a"]["error"]["code"] == 1002


def test_long_paths_are_not_remembered(asgi: Service) -> None:
    """Clients choose them: a thousand of the longest that a server takes are a hundred megabytes."""
    known = routes._call_match
    known.cache_clear()
    for number in range(20):
        path = f"/{number:02}{'x' * 10_000}"
        assert routes.call_match(path, is_async=True) is not None
    assert known.cache_info().currsize == 0
    for number in range(20):
        routes.call_match(f"/short/{number}", is_async=True)
    assert known.cache_info().currsize == 20
