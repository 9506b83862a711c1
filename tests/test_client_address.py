"""Whose address a call has, and whom it is counted for: nobody can choose another by a header."""

from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from toto_django.addresses import address_of, client_address
from toto_django.requests import CallRequest

FORMS = ("wsgi", "asgi", "call", "scope")


def request(form: str, peer: str | None, *forwarded: str) -> Any:
    """A request of each form; each further argument is an X-Forwarded-For line."""
    if form == "wsgi":
        headers = {"HTTP_X_FORWARDED_FOR": ",".join(forwarded)} if forwarded else {}
        return RequestFactory().get("/", REMOTE_ADDR=peer or "", **headers)
    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "client": None if peer is None else (peer, 50_000),
        "headers": [(b"host", b"a.test"), *((b"x-forwarded-for", line.encode()) for line in forwarded)],
    }
    if form == "scope":
        return scope
    if form == "asgi":
        return ASGIRequest(scope, None)
    match: Any = None
    return CallRequest(scope, b"", "", match)


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


def found(form: str, peer: str | None, *forwarded: str) -> str:
    return str(client_address(request(form, peer, *forwarded)))


def test_address_is_the_peers_whatever_the_header_says(form: str) -> None:
    assert found(form, "192.0.2.1") == "192.0.2.1"
    assert found(form, "192.0.2.1", "198.51.100.7") == "192.0.2.1"
    assert found(form, "2001:db8::1", "198.51.100.7") == "2001:db8::1"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ([], "10.0.0.1"),
        ([""], "10.0.0.1"),
        (["192.0.2.1"], "192.0.2.1"),
        (["192.0.2.1:5000"], "192.0.2.1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["[2001:db8::1]:5000"], "2001:db8::1"),
        (["::ffff:192.0.2.1"], "192.0.2.1"),
        (["192.0.2.1, 10.0.0.2"], "192.0.2.1"),
        (["192.0.2.1", "10.0.0.2"], "192.0.2.1"),
        (["198.51.100.7, 192.0.2.1"], "192.0.2.1"),
        (["198.51.100.7", "192.0.2.1"], "192.0.2.1"),
        (["10.0.0.9, 192.0.2.1"], "192.0.2.1"),
        (["unknown"], "10.0.0.1"),
        (["198.51.100.7, unknown, 10.0.0.2"], "10.0.0.2"),
        (["198.51.100.7, "], "10.0.0.1"),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (["<script>, 192.0.2.1"], "192.0.2.1"),
    ],
    ids=str,
)
def test_header_is_read_from_the_right_past_trusted_proxies(
    form: str, toto: Any, forwarded: list[str], expected: str
) -> None:
    toto(TRUSTED_PROXIES=["10.0.0.0/24"])
    assert found(form, "10.0.0.1", *forwarded) == expected


def test_header_of_a_stranger_is_not_read(form: str, toto: Any) -> None:
    toto(TRUSTED_PROXIES=["10.0.0.1"])
    assert found(form, "10.0.0.2", "192.0.2.1") == "10.0.0.2"
    assert found(form, "10.0.0.1", "192.0.2.1") == "192.0.2.1"


def test_proxy_may_have_an_ipv6_address(form: str, toto: Any) -> None:
    toto(TRUSTED_PROXIES=["fd00::/8"])
    assert found(form, "fd00::1", "192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize("peer", [None, ""])
def test_unix_socket_has_no_address_and_may_be_a_proxy(form: str, toto: Any, peer: str | None) -> None:
    assert found(form, peer, "192.0.2.1") == "None"
    toto(TRUSTED_PROXIES=["10.0.0.1"])
    assert found(form, peer, "192.0.2.1") == "None"
    toto(TRUSTED_PROXIES=["unix"])
    assert found(form, peer, "198.51.100.7, 192.0.2.1") == "192.0.2.1"


def test_peer_with_a_name_is_no_unix_socket(form: str, toto: Any) -> None:
    toto(TRUSTED_PROXIES=["unix"])
    assert found(form, "testclient", "192.0.2.1") == "None"


def test_middleware_that_corrects_the_address_is_believed() -> None:
    corrected = request("call", "10.0.0.1")
    corrected.META["REMOTE_ADDR"] = "192.0.2.1"
    assert str(client_address(corrected)) == "192.0.2.1"


@given(st.text(alphabet="0123456789abcdef.:,[]% \t", max_size=60))
def test_whatever_a_client_claims_the_proxys_word_counts(claimed: str) -> None:
    from django.test import override_settings

    with override_settings(TOTO={"TRUSTED_PROXIES": ["10.0.0.1"]}):
        for form in FORMS:
            assert found(form, "10.0.0.1", f"{claimed}, 192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("192.0.2.1", "address 192.0.2.1"),
        ("2001:db8:1:2:aaaa::1", "address 2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::2", "address 2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "address 192.0.2.1"),
        (None, "address None"),
    ],
)
def test_ipv6_counts_by_the_network_that_one_user_has(form: str, peer: str | None, expected: str) -> None:
    assert address_of(request(form, peer)) == expected
