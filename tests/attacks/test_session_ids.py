"""Session ids that somebody chose, guessed or changed: none opens a session but the very id."""

import base64
import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import bson
import msgpack
import pytest

from tests.calls import PASSWORD, Login, Service
from toto_django import sessions
from toto_django.http import SESSION_COOKIE, cookie_signer
from toto_django.stores import session_store

Toto = Callable[..., None]

pytestmark = pytest.mark.usefixtures("without_signatures")

LONG = 100_000
CYRILLIC = str.maketrans("aceopxABCEHKMOPTX", "асеорхАВСЕНКМОРТХ")  # noqa: RUF001 - they shall look the same
BOLD = str.maketrans({chr(ord("A") + index): chr(0x1D400 + index) for index in range(26)})
FULL_WIDTH = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def of_same_bits(session_id: str) -> list[str]:
    """Texts that base64 decodes to the same 128 bits: the last character has four to spare."""
    first = ALPHABET.index(session_id[-1]) & ~15
    return [session_id[:-1] + ALPHABET[first + spare] for spare in range(16)]


def _lookalikes(session_id: str) -> Iterator[str]:
    yield from (session_id.upper(), session_id.lower(), session_id.swapcase(), session_id[::-1])
    yield from (session_id.translate(alphabet) for alphabet in (CYRILLIC, BOLD, FULL_WIDTH))
    marks = ("\u0301", "\u00ad", "\u200d", "\u202e", "\ufeff", "\ufe0f", "\0", "\0A", "\n", "\r\n", " ")
    yield from (f"{session_id}{tail}" for tail in (*marks, "=", "==", *".,;%*A/#"))
    yield from (
        f"{head}{session_id}" for head in ("=", "\0", " ", "A", "*", "b'", "session:", "toto:session:")
    )
    yield from (session_id[:length] for length in (1, 2, 11, len(session_id) - 1))
    yield from (session_id[start:] for start in (1, 11, len(session_id) - 1))
    yield from (session_id * 2, f"{session_id},{session_id}", f"{session_id} {session_id}")
    yield session_id.replace(session_id[0], f"%{ord(session_id[0]):02x}", 1)
    yield "".join(f"%{ord(character):02X}" for character in session_id)
    yield "".join(f"\\u{ord(character):04x}" for character in session_id)
    yield from (json.dumps(session_id), f"[{session_id}]", f"^{session_id[:5]}.*$", f"{session_id[:-1]}_")
    yield from (hashlib.new(name, session_id.encode()).hexdigest() for name in ("sha1", "sha256"))
    yield from (base64.b64encode(session_id.encode()).decode(), session_id.encode().hex())
    yield from (cookie_signer().sign(session_id), "x" * LONG, session_id * (LONG // len(session_id) + 1))
    yield from ("' OR '1'='1", f"{session_id}' --", '{"$gt": ""}', "{'$ne': null}", "*", "%", "x" * 22)
    yield from of_same_bits(session_id)


def lookalikes(session_id: str) -> list[str]:
    """Texts that a sloppy comparison takes for the id, or finds it with; not the id itself."""
    return [each for each in dict.fromkeys(_lookalikes(session_id)) if each != session_id]


def test_lookalikes_are_what_they_claim_to_be() -> None:
    """Else the tests below would prove little."""
    session_id = "aBcDeFgHiJkLmNoPqRsTuA"
    assert session_id in map(str.swapcase, lookalikes(session_id))
    assert session_id in (unicodedata.normalize("NFKC", each) for each in lookalikes(session_id))
    assert max(map(len, lookalikes(session_id))) >= LONG
    assert len({base64.urlsafe_b64decode(f"{each}==") for each in of_same_bits(session_id)}) == 1


# In every store


@pytest.mark.usefixtures("store_kind")
def test_nothing_that_looks_like_an_id_finds_or_ends_the_session() -> None:
    session_id = sessions.create_session("ann").session_id
    store = session_store()
    assert store.load_sessions(lookalikes(session_id)) == {}
    assert [each for each in lookalikes(session_id) if store.delete_session(each)] == []
    assert store.load_session(session_id) is not None


@pytest.mark.parametrize("chosen", ["chosen", "x" * 22, "A" * 43, "gAAAAA" + "A" * 94], ids=len)
@pytest.mark.usefixtures("store_kind")
def test_chosen_id_is_never_taken_up(wsgi: Service, chosen: str) -> None:
    for name, parameters in (
        ("auth.anon", {}),
        ("sess.set", {"k": "a", "v": 1}),
        ("account.create", {"user_id": "ann", "password": PASSWORD}),
        ("account.login", {"user_id": "ann", "password": PASSWORD}),
    ):
        answer = wsgi.post({"method": name, "parameters": parameters}, x_toto_session_id=chosen).json()
        assert answer["session"]["session_id"] != chosen
        assert sessions.load_session(chosen) is None


@pytest.mark.parametrize("way", ["account.create", "account.login"])
@pytest.mark.usefixtures("store_kind")
def test_session_from_before_a_login_stays_anonymous(wsgi: Service, way: str) -> None:
    planted = wsgi.call("sess.set", {"k": "planted", "v": 1})["session"]["session_id"]
    credentials = {"user_id": "ann", "password": PASSWORD}
    if way == "account.login":
        wsgi.call("account.create", credentials)
    answer = wsgi.post({"method": way, "parameters": credentials}, x_toto_session_id=planted).json()
    login = answer["result"]["session_id"]
    assert answer["session"]["user_id"] == "ann"
    assert login != planted
    before, after = sessions.load_session(planted), sessions.load_session(login)
    assert before is not None
    assert before.user_id == ""
    assert after is not None
    assert dict(after) == {}, "what somebody else may have planted came along"


@pytest.mark.usefixtures("store_kind")
def test_new_password_leaves_no_id_that_somebody_may_know(wsgi: Service) -> None:
    ann = wsgi.create("ann")
    second = wsgi.call("account.login", {"user_id": "ann", "password": PASSWORD})["result"]["session_id"]
    body = {"method": "account.update", "parameters": {"password": PASSWORD, "new_password": "another one"}}
    fresh = wsgi.post(body, x_toto_session_id=ann.session_id).json()["result"]["session_id"]
    assert [opens(wsgi, each) for each in (ann.session_id, second, fresh)] == [False, False, True]


@pytest.mark.parametrize(
    "value",
    [
        *(0, 1, -1, 1.5, True, False, None, [], {}, [[]], [""], {"": ""}, {"session_id": 1}),
        *({"$gt": ""}, {"$ne": None}, {"$regex": ".*"}, {"$where": "1"}, {"$in": [""]}, {"$exists": True}),
    ],
    ids=json.dumps,
)
@pytest.mark.usefixtures("store_kind")
def test_parameter_that_is_no_text_opens_nothing(wsgi: Service, value: Any) -> None:
    session_id = sessions.create_session("ann").session_id
    call = {"method": "auth.param", "parameters": {"session_id": value}}
    assert not opened(wsgi.post(call).json())
    assert not opened(wsgi.post(call, x_toto_session_id=session_id).json()), "it fell back on the header"
    assert wsgi.call("auth.retrieve", {"id": value}) == {"result": {"user_id": None}}


# Over the wire


def opened(answer: Any) -> bool:
    if "error" in answer:
        assert answer["error"]["code"] in (1004, 1103), answer
    return "result" in answer


def opens(service: Service, session_id: str) -> bool:
    """Whether the id, in the header, opens an account's session."""
    return opened(service.post({"method": "auth.required"}, x_toto_session_id=session_id).json())


def opens_as_parameter(service: Service, session_id: Any) -> bool:
    return opened(service.call("auth.param", {"session_id": session_id}))


@pytest.fixture
def ann(service: Service) -> Login:
    return service.create("ann")


def test_parameter_that_looks_like_an_id_opens_nothing(service: Service, ann: Login) -> None:
    assert opens_as_parameter(service, ann.session_id)
    assert [each for each in lookalikes(ann.session_id) if opens_as_parameter(service, each)] == []


def test_header_that_looks_like_an_id_opens_nothing(service: Service, ann: Login) -> None:
    assert opens(service, ann.session_id)
    sent = [each.encode("utf-8", "replace").decode("latin-1") for each in lookalikes(ann.session_id)]
    # Space around a header is no part of it (docs/protocol.md 7.1).
    assert [each for each in sent if opens(service, each) and each.strip(" \t") != ann.session_id] == []


@pytest.mark.parametrize(
    "octets",
    [b"\xff", b"\x80" * 22, b"\xc3\x28", bytes(range(0x86, 0xA0))],
    ids=["one", "22", "cut", "range"],
)
def test_header_of_bytes_that_are_no_text_opens_nothing(service: Service, ann: Login, octets: bytes) -> None:
    real = ann.session_id.encode()
    for value in (octets, octets + real, real + octets, real[:11] + octets + real[11:], octets * LONG):
        assert not opens(service, value.decode("latin-1"))


def test_cookie_that_looks_like_an_id_opens_nothing(service: Service, ann: Login, toto: Toto) -> None:
    toto(USE_COOKIES=True, SECURE_COOKIES=False, COOKIE_GUARD=False)

    def opens_as_cookie(value: str) -> bool:
        service.client.cookies.clear()
        service.client.cookies[SESSION_COOKIE] = value
        return opened(service.post({"method": "auth.required"}).json())

    assert opens_as_cookie(ann.session_id)
    sent = [each for each in lookalikes(ann.session_id) if each.isascii() and each.isprintable()]
    # Quotes and space around a cookie's value are no part of it (RFC 6265).
    assert [each for each in sent if opens_as_cookie(each) and each.strip(' "') != ann.session_id] == []


def test_id_as_bytes_or_in_a_container_opens_nothing(service: Service, ann: Login) -> None:
    for value in (ann.session_id.encode(), [ann.session_id], {ann.session_id: 1}):
        body = msgpack.packb({"method": "auth.param", "parameters": {"session_id": value}})
        answer = service.send("POST", "/", body, content_type="application/msgpack")
        assert msgpack.unpackb(answer.content)["error"]["code"] == 1004
    for value in (bson.ObjectId(), bson.Regex(".*"), bson.Binary(ann.session_id.encode())):
        document = {"method": "auth.param", "parameters": {"session_id": value}}
        answer = service.send("POST", "/", bson.encode(document), content_type="application/bson")
        assert bson.decode(answer.content)["error"]["code"] == 1004


def test_login_as_another_account_leaves_the_first_session_alone(service: Service, ann: Login) -> None:
    service.create("bob")
    body = {"method": "account.login", "parameters": {"user_id": "bob", "password": PASSWORD}}
    answer = service.post(body, x_toto_session_id=ann.session_id).json()
    assert answer["result"]["session_id"] != ann.session_id
    found = service.post({"method": "auth.required"}, x_toto_session_id=ann.session_id).json()
    assert found["result"]["user_id"] == "ann"


def test_planted_cookie_is_replaced_at_the_login(service: Service, toto: Toto) -> None:
    toto(USE_COOKIES=True, COOKIE_GUARD=False)
    planted = service.post({"method": "auth.anon"}).cookies[SESSION_COOKIE].value
    credentials = {"user_id": "ann", "password": PASSWORD}
    answer = service.post({"method": "account.create", "parameters": credentials})
    assert answer.cookies[SESSION_COOKIE].value != planted
    login = answer.json()["result"]["session_id"]
    assert cookie_signer().unsign(answer.cookies[SESSION_COOKIE].value) == login


def test_id_of_an_ended_session_opens_nothing_under_any_spelling(service: Service, ann: Login) -> None:
    service.post({"method": "account.logout"}, x_toto_session_id=ann.session_id)
    tried = [ann.session_id, *lookalikes(ann.session_id)]
    assert [each for each in tried if opens_as_parameter(service, each)] == []
