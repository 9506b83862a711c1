"""The description at a URL, for those that TOTO["DESCRIPTION"] lets see it."""

from functools import lru_cache
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string
from django.views.decorators.http import require_safe

from toto_django.codecs import JSON
from toto_django.conf import settings
from toto_django.description.openrpc import document
from toto_django.registry import Method, registry

__all__ = ["described", "openrpc"]


@login_not_required
@require_safe
def openrpc(request: HttpRequest) -> HttpResponse:
    """The OpenRPC document. 404 where it is off, 403 for those who may not see it."""
    _check(request)
    return described(request)


def described(request: HttpRequest) -> HttpResponse:
    """The OpenRPC document; who may see it is the caller's business."""
    made = _current_document()
    url = _service_url(request)
    servers = {} if url is None else {"servers": [{"name": "service", "url": url}]}
    return HttpResponse(JSON.dumps({**made, **servers}), content_type="application/json")


def _check(request: HttpRequest) -> None:
    match settings.DESCRIPTION:
        case None if not django_settings.DEBUG:
            raise Http404
        case "off":
            raise Http404
        case None | "public":
            return
        case "staff":
            user = getattr(request, "user", None)
            is_allowed = user is not None and user.is_active and user.is_staff
        case hook:
            is_allowed = (import_string(hook) if isinstance(hook, str) else hook)(request)
    if not is_allowed:
        raise PermissionDenied


def _current_document() -> dict[str, Any]:
    return _document_of(tuple(registry), repr(settings.DESCRIPTION_INFO))


@lru_cache(maxsize=1)
def _document_of(methods: tuple[tuple[str, Method], ...], info: str) -> dict[str, Any]:
    """Made once for the methods of the moment."""
    return document()


def _service_url(request: HttpRequest) -> str | None:
    try:
        return request.build_absolute_uri(reverse("toto_django:dispatch", kwargs={"path": ""}))
    except NoReverseMatch:
        return None
