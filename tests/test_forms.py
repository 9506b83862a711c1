"""Forms and query strings."""

from typing import Any

import pytest

from toto_django.codecs import Malformed, codec_for, query_arguments
from toto_django.exceptions import TooLarge

FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data; boundary=x"


def loads(content_type: str, body: bytes) -> Any:
    return codec_for(content_type).loads(body, content_type)


def part(body: bytes, disposition: str, *headers: str) -> bytes:
    head = "\r\n".join([f"Content-Disposition: form-data; {disposition}", *headers])
    return b"--x\r\n%b\r\n\r\n%b\r\n" % (head.encode(), body)


END = b"--x--\r\n"


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        ("", {}),
        ("a=1&a=2&b=", {"a": ["1", "2"], "b": [""]}),
        ("a&=b", {"a": [""], "": ["b"]}),
        ("a=%C3%A9+%20", {"a": ["é  "]}),
        ("a=%FF", {"a": ["\ufffd"]}),
        ("a=1;b=2", {"a": ["1;b=2"]}),
    ],
)
def test_every_argument_of_a_query_is_a_list_of_text(query: str, arguments: Any) -> None:
    assert query_arguments(query) == arguments
    assert loads(FORM_TYPE, query.encode()) == arguments


def test_invalid_utf_8_in_a_form_becomes_the_replacement_character() -> None:
    assert loads(FORM_TYPE, b"a=\xff%FE") == {"a": ["\ufffd\ufffd"]}


def test_more_arguments_than_django_allows_are_malformed(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
    assert query_arguments("a&b") == {"a": [""], "b": [""]}
    with pytest.raises(Malformed, match="More than 2 arguments"):
        query_arguments("a&b&c")


def test_multipart_form_has_arguments_and_files_with_bytes() -> None:
    body = (
        part(b"1", 'name="a"')
        + part("é".encode(), 'name="a"')
        + part(b"\x00\xff", 'name="f"; filename="x.bin"', "Content-Type: image/png")
        + part(b"", 'name="f"; filename="y"')
        + END
    )
    assert loads(MULTIPART_TYPE, body) == {
        "arguments": {"a": ["1", "é"]},
        "files": {
            "f": [
                {"filename": "x.bin", "body": b"\x00\xff", "content_type": "image/png"},
                {"filename": "y", "body": b"", "content_type": "application/unknown"},
            ]
        },
    }


def test_multipart_media_type_is_compared_without_case() -> None:
    body = part(b"1", 'name="a"') + END
    assert loads("Multipart/Form-Data; boundary=x", body) == {"arguments": {"a": ["1"]}, "files": {}}


def test_multipart_arguments_above_djangos_own_limit_are_too_large(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    with pytest.raises(TooLarge) as refused:
        loads(MULTIPART_TYPE, part(b"x" * 1001, 'name="a"') + END)
    assert (refused.value.status, refused.value.code) == (413, 1103)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", part(b"1", 'name="a"') + END),
        ("multipart/form-data; boundary=", part(b"1", 'name="a"') + END),
        ("multipart/form-data; boundary=other", part(b"1", 'name="a"') + END),
        ("multipart/form-data; boundary=é", part(b"1", 'name="a"') + END),
        ("multipart/form-data; boundary=" + "x" * 300, part(b"1", 'name="a"') + END),
        (MULTIPART_TYPE, b"nothing of the kind"),
    ],
    ids=["none", "empty", "another", "no ASCII", "too long", "no parts"],
)
def test_multipart_form_with_a_bad_boundary_is_malformed(content_type: str, body: bytes) -> None:
    with pytest.raises(Malformed):
        loads(content_type, body)
