"""Signatures against vectors that openssl and node computed, and the wire's rules about who signs what."""

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.calls import Login, Service, envelope, error_of, signature, signed
from toto_django.signing import SCHEMES, SignedRequest, current_scheme, sign
from toto_django.signing.toto import low_bytes

USER_ID, SESSION_KEY = SCHEMES["user_id"], SCHEMES["session_key"]
OLD_SECRET = "an older secret"
SESSION_ID = "A" * 22
OTHERS_SIGNATURE = signature("bertha", b"")

Toto = Callable[..., None]


class Named(NamedTuple):
    """A session, as schemes see it."""

    session_id: str = SESSION_ID
    permanent_id: str = SESSION_ID
    user_id: str = "anna"


def key_of(request: SignedRequest, given: str, scheme: Any = USER_ID, user_id: str = "anna") -> str | None:
    proof = scheme.proof(Named(user_id=user_id), request, given)
    return None if proof is None else proof.key


# Vectors


@pytest.mark.parametrize(
    ("key", "message", "expected"),
    [
        ("anna", '{"method": "echo"}', "/6im97iBb9ySvfav1LFbIgfBVcc="),
        ("anna", '{"a": "é☃😀"}', "C/cLBaONUaCOScs72C9eUV0bi3k="),
        ("jörg", '{"a": "é☃😀"}', "qJacGja/dTKjan9z+6GR9un2sIE="),
        ("", '{"result": 1}', "Imv5OPbw5QUu+2HJj30WpK6vDaw="),
    ],
)
def test_signature_is_base64_of_hmac_sha1(key: str, message: str, expected: str) -> None:
    assert sign(key, message.encode()).decode() == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"a": "é☃😀"}', "xLHR4sOl5ftn0/IhOQrd6GBpCCY="),
        ('{"name": "Łódź"}', "VfmIYvH9st0uYa8cmBR5BKUH2z8="),
    ],
)
def test_low_bytes_of_utf_16_units_are_accepted_as_the_published_clients_hash_them(
    body: str, expected: str, toto: Toto
) -> None:
    request = SignedRequest("POST", ("/",), body.encode())
    assert key_of(request, expected) == "anna"
    toto(HMAC_LEGACY_BYTES=False)
    assert key_of(request, expected) is None


@pytest.mark.parametrize("body", [b"plain ASCII", b"\xff\xfe no UTF-8", b""])
def test_there_is_no_legacy_reading_of_ascii_and_of_binary_bodies(body: bytes) -> None:
    assert low_bytes(body) is None


def test_session_keys_are_derived_from_the_secret_and_its_fallbacks(settings: Any) -> None:
    settings.SECRET_KEY_FALLBACKS = [OLD_SECRET]
    assert list(SESSION_KEY.keys(Named())) == ["fEeMjRx37Cm5Mvy0qf9nuQ", "IsI4f9XTRhdTSAMsQiX5Cw"]


def test_secret_keys_may_be_bytes(settings: Any) -> None:
    text = list(SESSION_KEY.keys(Named()))
    settings.SECRET_KEY = settings.SECRET_KEY.encode()
    assert list(SESSION_KEY.keys(Named())) == text


# Schemes


def test_user_id_scheme_covers_the_body_alone() -> None:
    given = signature("anna", b"body")
    assert key_of(SignedRequest("POST", ("/a",), b"body"), given) == "anna"
    assert key_of(SignedRequest("GET", ("/b",), b"body"), given) == "anna"
    assert key_of(SignedRequest("POST", ("/a",), b"body."), given) is None
    assert key_of(SignedRequest("POST", ("/a",), b"body"), given, user_id="bertha") is None


def test_session_key_scheme_covers_method_uri_and_body() -> None:
    key = next(SESSION_KEY.keys(Named()))
    given = signature(key, b"POST/echo?a=1body")
    assert key_of(SignedRequest("POST", ("/echo?a=1",), b"body"), given, SESSION_KEY) == key
    assert key_of(SignedRequest("POST", ("/x", "/echo?a=1"), b"body"), given, SESSION_KEY) == key
    for other in (
        SignedRequest("GET", ("/echo?a=1",), b"body"),
        SignedRequest("POST", ("/echo?a=2",), b"body"),
        SignedRequest("POST", ("/echo?a=1",), b"body."),
    ):
        assert key_of(other, given, SESSION_KEY) is None


def test_key_of_an_older_secret_is_found(settings: Any) -> None:
    old_key = next(SESSION_KEY.keys(Named()))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new secret", [settings.SECRET_KEY]
    request = SignedRequest("GET", ("/",), b"")
    assert key_of(request, signature(old_key, b"GET/"), SESSION_KEY) == old_key


@pytest.mark.parametrize("given", ["", "é", "=", "\ud800", "a" * 10_000])
def test_whatever_the_header_holds_is_only_wrong(given: str) -> None:
    assert key_of(SignedRequest("POST", ("/",), b"body"), given) is None


@pytest.mark.parametrize(
    ("name", "scheme"),
    [("user_id", USER_ID), ("session_key", SESSION_KEY), ("v2", SCHEMES["v2"]), (None, None)],
)
def test_setting_names_the_scheme(name: str | None, scheme: Any, toto: Toto) -> None:
    toto(HMAC=name)
    assert current_scheme() is scheme


# On the wire


@pytest.mark.parametrize(
    "headers",
    [{}, {"x_toto_hmac": ""}, {"x_toto_hmac": OTHERS_SIGNATURE}],
    ids=["missing", "empty", "of another key"],
)
def test_unsigned_request_is_1008_without_session_signature_or_renewal(
    service: Service, headers: dict[str, str], toto: Toto
) -> None:
    toto(SESSION_RENEW_INTERVAL=0, SESSION_RENEW=400 * 86400)
    login = service.create()
    response = service.post({"method": "auth.required"}, x_toto_session_id=login.session_id, **headers)
    assert error_of(response.json()) == (1008, "Invalid HMAC")
    assert "session" not in response.json()
    assert "x-toto-hmac" not in response.headers
    toto(HMAC=None, SESSION_RENEW_INTERVAL=10**9)
    assert service.call("auth.required", {}, login)["session"]["expires"] == login.expires


def test_signed_answer_can_be_verified_with_the_user_id(service: Service) -> None:
    login = service.create("Anna")
    body = envelope("auth.required", {"a": "é"})
    response = service.send("POST", "/", body, **signed(login, body))
    assert response.json()["result"]["parameters"] == {"a": "é"}
    assert response.headers["x-toto-hmac"] == signature("anna", response.content)


def test_method_that_asks_for_no_session_is_neither_verified_nor_signed(service: Service) -> None:
    login = service.create()
    response = service.post({"method": "echo"}, x_toto_session_id=login.session_id, x_toto_hmac="wrong")
    assert response.json() == {"result": {"parameters": {"method": "echo"}}}
    assert "x-toto-hmac" not in response.headers


def test_anonymous_session_is_signed_with_the_empty_key_and_not_verified(service: Service) -> None:
    response = service.post({"method": "auth.anon"}, x_toto_hmac="wrong")
    assert response.json()["session"]["user_id"] == ""
    assert response.headers["x-toto-hmac"] == signature("", response.content)


def test_without_hmac_required_a_missing_header_and_a_bodiless_request_pass(
    service: Service, toto: Toto
) -> None:
    toto(HMAC_REQUIRED=False)
    header = {"x_toto_session_id": service.create().session_id}
    assert "result" in service.post({"method": "auth.required"}, **header).json()
    assert "result" in service.send("GET", "/auth.required", **header, x_toto_hmac="of no body").json()
    assert (
        service.post({"method": "auth.required"}, **header, x_toto_hmac="wrong").json()["error"]["code"]
        == 1008
    )


def test_get_is_verified_over_the_empty_body(service: Service) -> None:
    login = service.create()
    assert service.send("GET", "/auth.required", **signed(login, b"")).json()["result"]["user_id"] == "anna"


# The scheme "session_key"


def keyed(login: Login, message: bytes) -> dict[str, str]:
    assert login.key is not None
    return {"x_toto_session_id": login.session_id, "x_toto_hmac": signature(login.key, message)}


def test_session_key_signs_method_uri_and_body_and_the_answer_with_its_session_id(
    service: Service, toto: Toto
) -> None:
    toto(HMAC="session_key")
    login = service.create()
    assert login.key is not None
    assert len(login.key) == 22
    target, body = "/auth/required?a=b%20c", '{"parameters": {"é": 1}}'.encode()
    response = service.send("POST", target, body, **keyed(login, b"POST" + target.encode() + body))
    assert "result" in response.json(), response.json()
    assert "key" not in response.json()["session"]
    assert response.headers["x-toto-hmac"] == signature(
        login.key, login.session_id.encode() + response.content
    )


def test_session_key_covers_the_uri_byte_by_byte_as_it_was_sent(wsgi: Service, toto: Toto) -> None:
    toto(HMAC="session_key")
    login, uri = wsgi.create(), "/auth.required?a=é".encode()
    headers = {name.replace("_", "-"): value for name, value in keyed(login, b"GET" + uri).items()}
    raw = uri.decode("latin-1")  # as WSGI hands bytes over
    environ = {"RAW_URI": raw, "QUERY_STRING": raw.partition("?")[2]}
    response = wsgi.client.generic("GET", "/auth.required", headers=headers, **environ)
    assert response.json().get("error") is None


def test_session_key_is_required_whatever_hmac_required_says(service: Service, toto: Toto) -> None:
    toto(HMAC="session_key", HMAC_REQUIRED=False)
    login = service.create()
    response = service.send("GET", "/auth/required", x_toto_session_id=login.session_id)
    assert response.json()["error"]["code"] == 1008


def test_new_anonymous_session_is_given_its_key_once(service: Service, toto: Toto) -> None:
    toto(HMAC="session_key")
    session = service.send("GET", "/auth/anon").json()["session"]
    login = Login(session["session_id"], "", session["expires"], session["key"])
    again = service.send("GET", "/auth/anon", **keyed(login, b"GET/auth/anon")).json()["session"]
    assert again == {"session_id": login.session_id, "expires": login.expires, "user_id": ""}


def test_session_outlives_a_change_of_the_secret_key(service: Service, toto: Toto, settings: Any) -> None:
    toto(HMAC="session_key")
    login = service.create()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new secret", [settings.SECRET_KEY]
    response = service.send("GET", "/auth/required", **keyed(login, b"GET/auth/required"))
    assert response.json()["result"]["user_id"] == "anna"
    assert response.headers["x-toto-hmac"] == signature(
        login.key or "", login.session_id.encode() + response.content
    )


# Hooks


def first_letter(session: Any, request: Any) -> bool:
    return bool(request.headers["x-toto-hmac"] == session.user_id[0])


def digest(session: Any, body: bytes) -> str:
    return f"{session.user_id}:{hashlib.md5(body).hexdigest()}"


@pytest.mark.parametrize("as_path", [True, False], ids=["dotted path", "callable"])
def test_hooks_verify_and_sign_in_the_schemes_place(service: Service, as_path: bool, toto: Toto) -> None:
    verify, make = (f"{__name__}.first_letter", f"{__name__}.digest") if as_path else (first_letter, digest)
    toto(HMAC_VERIFY=verify, HMAC_SIGN=make)
    header = {"x_toto_session_id": service.create().session_id}
    response = service.send("GET", "/auth/required", **header, x_toto_hmac="a")
    assert response.headers["x-toto-hmac"] == f"anna:{hashlib.md5(response.content).hexdigest()}"
    assert service.send("GET", "/auth/required", **header, x_toto_hmac="b").json()["error"]["code"] == 1008
