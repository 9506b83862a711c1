"""Where the source is: a URL or the path of a file, and the password that nobody may see."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from toto_django.importing.base import SourceError

__all__ = ["Address", "parsed"]

KINDS = {
    "mysql": "mysql",
    "mariadb": "mysql",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mongodb": "mongodb",
    "mongodb+srv": "mongodb",
    "redis": "redis",
    "rediss": "redis",
    "unix": "redis",
}


@dataclass(frozen=True, slots=True)
class Address:
    """``kind`` is one of KINDS' values, or "json" with ``url`` a path; ``password`` is decoded."""

    kind: str
    url: str
    user: str = ""
    password: str = ""
    host: str = ""
    port: int | None = None
    database: str = ""
    options: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"<Address {self.kind}>"

    def hidden(self, text: str) -> str:
        """A text from a driver without the password, however it is written."""
        forms = {
            self.password,
            quote(self.password),
            quote(self.password, safe=""),
            repr(self.password)[1:-1],
        }
        for form in sorted(forms - {""}, key=len, reverse=True):
            text = text.replace(form, "***")
        return text


def parsed(text: str, password: str = "") -> Address:
    """The address in a command's argument; ``password`` is used where it has none. Raises SourceError.

    Several hosts (mongodb) leave ``host`` and ``port`` empty: their driver reads the URL.
    """
    scheme, separator, _ = text.partition("://")
    if not separator:
        return Address("json", text)
    if scheme not in KINDS:
        raise SourceError(f"The source's address begins with none of {', '.join(sorted(KINDS))}.")
    try:
        parts = urlsplit(text)
        has_many = KINDS[scheme] == "mongodb"
        return Address(
            kind=KINDS[scheme],
            url=text,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or "") or password,
            host="" if has_many else parts.hostname or "",
            port=None if has_many else parts.port,
            database=unquote(parts.path.removeprefix("/")),
            options=tuple(parse_qsl(parts.query)),
        )
    except ValueError:
        raise SourceError(
            "The source's address cannot be read. In its user name and password, write special characters as "
            "%40 (for @) and the like, or give the password as TOTO_IMPORT_PASSWORD."
        ) from None
