"""Parameters that came as text: of a query or a form (docs/protocol.md 4.3, 4.4)."""

from collections.abc import Mapping
from typing import Any

from toto_django.codecs.form import FormCodec, MultipartCodec

__all__ = ["text_arguments"]


def text_arguments(handler: Any, parameters: Mapping[str, Any]) -> dict[str, list[Any]] | None:
    """``{name: [values]}`` where the call is a GET or a form, None for every other one.

    Those of a multipart form and its files are put together.
    """
    request: Any = getattr(handler, "request", None)
    verb = getattr(request, "method", None)
    if verb in ("GET", "HEAD"):
        return _lists(parameters)
    if verb != "POST" or not all(isinstance(value, list | dict) for value in parameters.values()):
        return None
    if request.content_type in FormCodec.media_types:
        return _lists(parameters)
    if request.content_type in MultipartCodec.media_types:
        arguments, files = parameters.get("arguments", {}), parameters.get("files", {})
        return _lists({**arguments, **files})
    return None


def _lists(parameters: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {name: value if isinstance(value, list) else [value] for name, value in parameters.items()}
