"""Forms: urlencoded, multipart, and the query of a URL; answered in JSON (docs/protocol.md 4.3, 4.4)."""

from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings as django_settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.http import parse_header_parameters

from toto_django.codecs.base import Malformed
from toto_django.codecs.json import JSONCodec
from toto_django.exceptions import TooLarge

__all__ = ["FormCodec", "MultipartCodec", "query_arguments"]

LONGEST_TYPE = 1000
"""Characters of a content type with its boundary; what reads it takes the square of their number."""


class FormCodec(JSONCodec):
    """``{name: [values]}``."""

    name = "form"
    media_types = ("application/x-www-form-urlencoded",)

    def loads(self, body: bytes, content_type: str = "") -> dict[str, list[str]]:
        return query_arguments(body.decode("utf-8", "replace"))


class MultipartCodec(JSONCodec):
    """``{"arguments": {name: [values]}, "files": {name: [{"filename", "body", "content_type"}]}}``."""

    name = "multipart"
    media_types = ("multipart/form-data",)

    def loads(self, body: bytes, content_type: str = "") -> dict[str, Any]:
        if len(content_type) > LONGEST_TYPE:
            raise Malformed("The content type is too long.")
        media_type, _, parameters = content_type.partition(";")
        meta = {"CONTENT_TYPE": f"{media_type.lower()};{parameters}", "CONTENT_LENGTH": str(len(body))}
        try:
            parser = MultiPartParser(meta, BytesIO(body), [_InMemory()], "utf-8")
            _, options = parse_header_parameters(content_type)
            if b"--" + options["boundary"].encode() not in body:
                raise Malformed("The body does not hold its boundary.")
            arguments, files = parser.parse()
        except RequestDataTooBig as error:
            raise TooLarge(str(error)) from None
        except (MultiPartParserError, SuspiciousOperation, ValueError) as error:
            raise Malformed(f"The body is not a multipart form: {error}") from None
        return {
            "arguments": {name: list(values) for name, values in arguments.lists()},
            "files": {name: [_uploaded(file) for file in values] for name, values in files.lists()},
        }


class _InMemory(MemoryFileUploadHandler):
    """Keeps files in memory: the whole body is there already, and bounded by MAX_BODY."""

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        self.activated = True


def _uploaded(file: Any) -> dict[str, Any]:
    return {
        "filename": file.name,
        "body": file.read(),
        "content_type": file.content_type or "application/unknown",
    }


def query_arguments(query: str) -> dict[str, list[str]]:
    """The arguments of a query string, blanks kept; invalid UTF-8 becomes U+FFFD."""
    limit = django_settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="replace", max_num_fields=limit)
    except ValueError:
        raise Malformed(f"More than {limit} arguments.") from None
    arguments: dict[str, list[str]] = {}
    for name, value in pairs:
        arguments.setdefault(name, []).append(value)
    return arguments
