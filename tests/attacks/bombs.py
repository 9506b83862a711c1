"""Bodies that are small, or say that they are, and would cost their reader time, memory or its stack."""

import struct
from itertools import accumulate, repeat

JSON, BSON, MESSAGEPACK = "application/json", "application/bson", "application/msgpack"
MULTIPART = "multipart/form-data; boundary=x"
DEEP = 100_000
MOST = 2**32 - 1
MEGABYTE = 1024 * 1024
FIELD = b'--x\r\nContent-Disposition: form-data; name="a"'
FILE = FIELD + b'; filename="f"'


def bson_document(elements: bytes) -> bytes:
    return struct.pack("<i", len(elements) + 5) + elements + b"\0"


def bson_levels(kind: bytes, levels: int = DEEP) -> bytes:
    """Documents (3) or arrays (4) in one another."""
    sizes = accumulate(repeat(7, levels), initial=5)
    heads = [struct.pack("<i", size) + kind + b"\0" for size in list(sizes)[1:]]
    return b"".join(reversed(heads)) + b"\x05\0\0\0\0" + b"\0" * levels


def bson_scopes(levels: int) -> bytes:
    """Code whose scope is a document with code, and so on: levels that are neither dicts nor lists."""
    document = bson_document(b"")
    for _ in range(levels):
        scoped = b"\x01\0\0\0\0" + document
        document = bson_document(b"\x0f\0" + struct.pack("<i", len(scoped) + 4) + scoped)
    return document


def bson_references(levels: int) -> bytes:
    """References whose ids are documents with references, and so on."""
    document = bson_document(b"")
    for _ in range(levels):
        document = bson_document(b"\x02$ref\0\x02\0\0\0a\0\x03$id\0" + document)
    return document


def bson_lying(element: bytes) -> bytes:
    """A document around an element whose own length is a lie."""
    return bson_document(element + b"\0" * 8)


def filled(unit: bytes, size: int = MEGABYTE) -> bytes:
    return unit * (size // len(unit))


INT32 = b"\xff\xff\xff\x7f"
UINT32 = b"\xff\xff\xff\xff"

REFUSED: dict[str, tuple[str, bytes]] = {
    "lists": (JSON, b"[" * DEEP + b"]" * DEEP),
    "objects": (JSON, b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "open lists": (JSON, b"[" * MEGABYTE),
    "parameters of many levels": (JSON, b'{"method":"echo","parameters":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    "number beyond floats": (JSON, b'{"method":"echo","parameters":1e400}'),
    "number far beyond floats": (JSON, b'{"method":"echo","parameters":-1e999999999}'),
    "float of many digits": (JSON, b"[1" + b"0" * DEEP + b".5]"),
    "integer of 5,000 digits": (JSON, b'{"method":"echo","parameters":' + b"9" * 5000 + b"}"),
    "integer of a million digits": (JSON, b'{"method":"echo","parameters":-' + b"9" * MEGABYTE + b"}"),
    "not a number": (JSON, b'{"method":"echo","parameters":NaN}'),
    "no UTF-8": (JSON, b'{"method":"echo","parameters":"\xff\xfe"}'),
    "cut UTF-8": (JSON, b'{"method":"echo","parameters":"\xe2\x82"}'),
    "overlong UTF-8": (JSON, b'{"method":"echo","parameters":"\xc0\xaf"}'),
    "surrogates in UTF-8": (JSON, b'{"method":"echo","parameters":"\xed\xa0\x80"}'),
    "UTF-16": (JSON, '{"method":"echo"}'.encode("utf-16")),
    "UTF-32": (JSON, '{"method":"echo"}'.encode("utf-32")),
    "byte order mark": (JSON, b'\xef\xbb\xbf{"method":"echo"}'),
    "NUL after the value": (JSON, b'{"method":"echo"}\0'),
    "NUL in a text": (JSON, b'{"method":"echo","parameters":"\0"}'),
    "two values": (JSON, b'{"method":"echo"}{"method":"echo"}'),
    "nested arrays": (MESSAGEPACK, b"\x91" * DEEP + b"\xc0"),
    "nested maps": (MESSAGEPACK, b"\x81\xa1a" * DEEP + b"\xc0"),
    "maps as keys": (MESSAGEPACK, b"\x81" * DEEP + b"\xc0" * (DEEP + 1)),
    "array32": (MESSAGEPACK, b"\xdd" + UINT32),
    "map32": (MESSAGEPACK, b"\xdf" + UINT32),
    "bin32": (MESSAGEPACK, b"\xc6" + UINT32 + b"a"),
    "str32": (MESSAGEPACK, b"\xdb" + UINT32 + b"a"),
    "ext32": (MESSAGEPACK, b"\xc9" + UINT32 + b"\x05a"),
    "array32 in a call": (MESSAGEPACK, b"\x82\xa6method\xa4echo\xaaparameters\xdd" + UINT32),
    "array32 in array32": (
        MESSAGEPACK,
        (b"\xdd" + struct.pack(">I", MEGABYTE - 9)) * 900 + b"\xc0" * MEGABYTE,
    ),
    "map32 in map32": (
        MESSAGEPACK,
        (b"\xdf" + struct.pack(">I", DEEP) + b"\xa1a") * 900 + b"\xc0" * MEGABYTE,
    ),
    "never used type": (MESSAGEPACK, b"\xc1"),
    "two MessagePack values": (MESSAGEPACK, b"\x81\xa6method\xa4echo\xc0"),
    "nested documents": (BSON, bson_levels(b"\x03")),
    "nested BSON arrays": (BSON, bson_levels(b"\x04")),
    "nested scopes": (BSON, bson_scopes(1000)),
    "nested references": (BSON, bson_references(1000)),
    "document of 2 GB": (BSON, INT32 + b"\x08a\0\1\0"),
    "document of 4 GB": (BSON, UINT32 + b"\x08a\0\1\0"),
    "document of nothing": (BSON, b"\0\0\0\0"),
    "document longer than itself": (BSON, b"\xff\0\0\0\x08a\0\1\0"),
    "document shorter than itself": (BSON, b"\x05\0\0\0\x08a\0\1\0"),
    "inner document of 2 GB": (BSON, bson_lying(b"\x03a\0" + INT32)),
    "inner document of -1": (BSON, bson_lying(b"\x03a\0" + UINT32)),
    "inner array of 2 GB": (BSON, bson_lying(b"\x04a\0" + INT32)),
    "text of 2 GB": (BSON, bson_lying(b"\x02a\0" + INT32)),
    "text of -1": (BSON, bson_lying(b"\x02a\0" + UINT32)),
    "text of nothing": (BSON, bson_lying(b"\x02a\0" + b"\0\0\0\0")),
    "binary of 2 GB": (BSON, bson_lying(b"\x05a\0" + INT32 + b"\0")),
    "binary of -1": (BSON, bson_lying(b"\x05a\0" + UINT32 + b"\0")),
    "old binary of 2 GB": (BSON, bson_lying(b"\x05a\0" + b"\x08\0\0\0\x02" + INT32)),
    "code of 2 GB": (BSON, bson_lying(b"\x0fa\0" + INT32 + b"\1\0\0\0\0")),
    "name without end": (BSON, b"\x0a\0\0\0\x08aaaaa"),
    "text that is no UTF-8": (BSON, bson_document(b"\x02a\0\x02\0\0\0\xff\0")),
    "name that is no UTF-8": (BSON, bson_document(b"\x08\xff\0\1")),
    "date beyond the calendar": (BSON, bson_document(b"\x09a\0" + b"\xff" * 7 + b"\x7f")),
    "unknown BSON type": (BSON, bson_document(b"\x42a\0")),
    "many parts": (MULTIPART, filled(b"--x\r\n\r\n\r\n")),
    "many fields": (MULTIPART, filled(FIELD + b"\r\n\r\n1\r\n") + b"--x--\r\n"),
    "many files": (MULTIPART, filled(FILE + b"\r\n\r\n1\r\n") + b"--x--\r\n"),
    "many boundaries": (MULTIPART, filled(b"--x\r\n")),
    "boundaries without lines": (MULTIPART, filled(b"--x")),
    "many headers of a part": (MULTIPART, b"--x\r\n" + filled(b"a: b\r\n") + b"\r\n1\r\n--x--\r\n"),
    "one huge header of a part": (
        MULTIPART,
        FIELD + b"\r\nX: " + b"a" * MEGABYTE + b"\r\n\r\n1\r\n--x--\r\n",
    ),
    "huge field": (MULTIPART, FIELD + b"\r\n\r\n" + b"a" * (3 * MEGABYTE) + b"\r\n--x--\r\n"),
    "parts in a part": (
        MULTIPART,
        FIELD
        + b"\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n"
        + filled(b"--y\r\n\r\n1\r\n", 3 * MEGABYTE),
    ),
    "base64 of space": (
        MULTIPART,
        FILE + b"\r\nContent-Transfer-Encoding: base64\r\n\r\nA" + b" \n" * MEGABYTE + b"\r\n--x--\r\n",
    ),
    "no boundary": ("multipart/form-data", b"--x\r\n\r\n\r\n"),
    "empty boundary": ('multipart/form-data; boundary=""', filled(b"--\r\n")),
    "another boundary": ("multipart/form-data; boundary=y", FIELD + b"\r\n\r\n1\r\n--x--\r\n"),
    "boundary of 9,000": (f"multipart/form-data; boundary={'b' * 9000}", b"--" + b"b" * 9000),
    "type of many parameters": (
        f"multipart/form-data; a={';a=b' * 2000}; boundary=x",
        FIELD + b"\r\n\r\n1\r\n--x--",
    ),
    "quote without end": (f'multipart/form-data; boundary="{";" * 9000}', b"--x--"),
    "many arguments": ("application/x-www-form-urlencoded", filled(b"a&")),
    "many arguments with values": ("application/x-www-form-urlencoded", filled(b"a=%00&")),
}
"""Content type and body, by what is wrong. Each is refused."""
