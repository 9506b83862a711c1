"""The pages."""

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from toto_django.conf import settings
from toto_django.registry import registry

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "connect-src 'self'",
        "img-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}


@require_safe
def start(request: HttpRequest) -> TemplateResponse:
    """Try the service from a browser."""
    return TemplateResponse(
        request,
        "start.html",
        {"method_names": registry.names(), "signing": settings.HMAC or ""},
        headers=HEADERS,
    )


@require_safe
def chat(request: HttpRequest) -> TemplateResponse:
    """Talk to other browsers."""
    return TemplateResponse(request, "chat.html", {"signing": settings.HMAC or ""}, headers=HEADERS)
