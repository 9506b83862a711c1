"""An answer as it arrived, and its decoded body."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http.cookies import SimpleCookie
from typing import Any

import bson
import msgpack


def _reject(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


DECODERS: Mapping[str, Callable[[bytes], Any]] = {
    "application/json": lambda body: json.loads(body.decode("ascii"), parse_constant=_reject),
    "application/bson": bson.decode,
    "application/msgpack": lambda body: msgpack.unpackb(body, raw=False, strict_map_key=False),
}


@dataclass(frozen=True)
class Answer:
    """Status, headers as sent (names in lower case) and body; ``still_open`` only where there is a socket."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    still_open: bool | None = None

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    def get(self, name: str) -> str | None:
        """The value of a header, repeated ones joined as a client would."""
        return ", ".join(self.all(name)) if self.all(name) else None

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return (self.get("content-type") or "").partition(";")[0].strip().lower()

    @cached_property
    def decoded(self) -> Any:
        """The body as its content type means it: "" when empty, bytes when the type is no codec's."""
        if not self.body:
            return ""
        if self.media_type in DECODERS:
            return DECODERS[self.media_type](self.body)
        return DECODERS["application/json"](self.body) if self.media_type.endswith("+json") else self.body

    @cached_property
    def cookies(self) -> SimpleCookie:
        """What the Set-Cookie headers set or clear."""
        cookies: SimpleCookie = SimpleCookie()
        for value in self.all("set-cookie"):
            cookies.load(value)
        return cookies
