"""The console's page and description, for staff, and under DEBUG for everybody."""

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from toto_django.conf import settings
from toto_django.description.views import described

__all__ = ["console", "description"]

View = Callable[[HttpRequest], HttpResponseBase]

SCRIPT = "toto_django/console/main.js"


def _for_staff(view: View) -> View:
    """Others are sent to the admin's login; where there is no admin, 404."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponseBase:
        if django_settings.DEBUG or _is_staff(request):
            return view(request)
        try:
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        except NoReverseMatch:
            raise Http404 from None

    return login_not_required(never_cache(require_safe(guarded)))


def _is_staff(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return user is not None and user.is_active and user.is_staff


@_for_staff
def console(request: HttpRequest) -> HttpResponseBase:
    """The page. Its Content-Security-Policy allows the project's own files and no HTML made of text."""
    context = {
        "service": _service_path(),
        "signing": settings.HMAC or "",
        "formats": " ".join(settings.CODECS),
        "names_by_url": settings.METHOD_SELECT == "url",
    }
    headers = {"Content-Security-Policy": _policy(), "Referrer-Policy": "no-referrer"}
    return TemplateResponse(request, "toto_django/console.html", context, headers=headers)


def _service_path() -> str:
    try:
        return reverse("toto_django:dispatch", kwargs={"path": ""})
    except NoReverseMatch:
        raise Http404("The service itself, toto_django.urls, is in no URLconf.") from None


def _policy() -> str:
    files = " ".join(["'self'", *_static_origin()])
    return "; ".join(
        [
            "default-src 'none'",
            "connect-src 'self'",
            f"img-src {files}",
            f"script-src {files}",
            f"style-src {files}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _static_origin() -> list[str]:
    """Where static files have an origin of their own."""
    url = urlsplit(static(SCRIPT))
    return [f"{url.scheme}://{url.netloc}" if url.scheme else url.netloc] if url.netloc else []


@_for_staff
def description(request: HttpRequest) -> HttpResponse:
    """The OpenRPC document, whatever TOTO["DESCRIPTION"] says."""
    return described(request)
