"""The admin of sessions: looking at them and revoking them."""

import datetime
import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.db import models
from django.forms import CheckboxInput
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from toto_django.admin.base import StoreAdmin, url_of
from toto_django.admin.forms import pretty_json
from toto_django.audit import audit
from toto_django.conf import DAY, settings
from toto_django.exceptions import Unavailable
from toto_django.models import Session
from toto_django.serializers import SERIALIZERS
from toto_django.sessions import Session as LiveSession
from toto_django.signals import emit, session_ended
from toto_django.stores import Store, account_store, session_store

__all__ = ["SessionAdmin", "state_text"]

SHOWN_ID = 32
"""How much of a session's primary key its pages and URLs carry: enough to tell sessions apart."""
LONGEST_STATE = 100_000
"""Characters."""


class ExpiryFilter(admin.SimpleListFilter):
    title = _("expiry")
    parameter_name = "expiry"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("unexpired", _("Unexpired")),
            ("day", _("Expiring within a day")),
            ("expired", _("Expired")),
        ]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        now = time.time()
        conditions = {
            "unexpired": {"expires__gt": now},
            "day": {"expires__gt": now, "expires__lte": now + DAY},
            "expired": {"expires__lte": now},
        }
        return queryset.filter(**conditions.get(self.value() or "", {}))


class OwnerFilter(admin.SimpleListFilter):
    title = _("owner")
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("account", _("Account")), ("anonymous", _("Anonymous"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        if self.value() == "account":
            return queryset.exclude(user_id="")
        return queryset.filter(user_id="") if self.value() == "anonymous" else queryset


class SessionList(ChangeList):
    def url_for_result(self, result: Any) -> str:
        name = "admin:toto_django_session_change"
        return reverse(name, args=[shown_id(result)], current_app=self.model_admin.admin_site.name)


class SessionAdmin(StoreAdmin):
    list_display = ("owner", "created", "expires_at", "is_unexpired")
    list_filter = (ExpiryFilter, OwnerFilter)
    ordering = ("-expires",)
    actions = ("delete_selected",)
    fields = readonly_fields = ("owner_link", "created", "expires_at", "is_unexpired", "state_json")

    def get_store(self) -> Store:
        return session_store()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).defer("state")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Primary keys and states cannot be guessed piece by piece."""
        is_hidden = lookup.startswith(("pk", "id_hash", "state"))
        return not is_hidden and super().lookup_allowed(lookup, value, request)

    # Columns

    @admin.display(description=_("user ID"), ordering="user_id")
    def owner(self, session: Session) -> str:
        return session.user_id or gettext("anonymous")

    @admin.display(description=_("user ID"))
    def owner_link(self, session: Any) -> str:
        owner = self.owner(session)
        return (
            format_html('<a href="{}">{}</a>', session.account_url, owner) if session.account_url else owner
        )

    @admin.display(description=_("expires"), ordering="expires")
    def expires_at(self, session: Session) -> str | None:
        try:
            when = datetime.datetime.fromtimestamp(session.expires, datetime.UTC)
            return formats.localize(when.astimezone(timezone.get_current_timezone()))
        except (OverflowError, OSError, ValueError):
            return None

    @admin.display(description=_("unexpired"), boolean=True)
    def is_unexpired(self, session: Session) -> bool:
        return session.expires > time.time()

    @admin.display(description=_("state"))
    def state_json(self, session: Session) -> SafeString:
        return format_html('<pre class="toto-json">{}</pre>', state_text(bytes(session.state)))

    # Pages name a session by a part of its primary key

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SessionList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        if len(object_id) != SHOWN_ID:
            return None
        session = self.get_queryset(request).filter(_named([object_id])).first()
        if session is not None:
            session.shown_id = object_id
            session.account_url = self._account_url(request, session.user_id)
        return session

    def _account_url(self, request: HttpRequest, user_id: str) -> str:
        try:
            account = account_store().get_user(user_id) if user_id else None
        except Unavailable:
            return ""
        if not isinstance(account, models.Model):
            return ""
        return url_of(self.admin_site, request, type(account), "change", str(account.pk))

    def action_checkbox(self, obj: Any) -> SafeString:
        label = format_html(gettext("Select this object for an action - {}"), str(obj))
        checkbox = CheckboxInput({"class": "action-select", "aria-label": label}, lambda value: False)
        return checkbox.render(ACTION_CHECKBOX_NAME, shown_id(obj))

    def response_action(
        self, request: HttpRequest, queryset: models.QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        names = request.POST.getlist(ACTION_CHECKBOX_NAME)
        selected = self.get_queryset(request).filter(_named(names)).values_list("pk", flat=True)
        data = request.POST.copy()
        data.setlist(ACTION_CHECKBOX_NAME, list(selected))
        request.POST = data  # type: ignore[assignment]
        return super().response_action(request, queryset, *args, **kwargs)

    # Revoking

    @admin.action(permissions=["delete"], description=_("Revoke selected sessions"))
    def delete_selected(self, request: HttpRequest, queryset: models.QuerySet[Session]) -> None:
        """In place of the site's own action, which lists every primary key on a page."""
        count = len(queryset)
        self.log_deletions(request, queryset)
        self.delete_queryset(request, queryset)
        text = ngettext("%d session was revoked.", "%d sessions were revoked.", count) % count
        self.message_user(request, text, messages.SUCCESS)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Session]) -> None:
        owners = list(queryset.values_list("user_id", flat=True))
        super().delete_queryset(request, queryset)
        for user_id in owners:
            audit("session_revoked", user_id)
            emit(session_ended, LiveSession, user_id=user_id)

    def delete_model(self, request: HttpRequest, obj: Session) -> None:
        super().delete_model(request, obj)
        audit("session_revoked", obj.user_id)
        emit(session_ended, LiveSession, user_id=obj.user_id)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        context = {"title": gettext("Revoke session"), "media": self.media, **(extra_context or {})}
        return super().delete_view(request, object_id, context)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """There is none: nobody changes a session here."""
        raise Http404

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        text = gettext("The session “%s” was revoked.") % obj_display
        self.message_user(request, text, messages.SUCCESS)
        listed = url_of(self.admin_site, request, Session, "changelist")
        return HttpResponseRedirect(listed or reverse("admin:index", current_app=self.admin_site.name))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        return [str(session) for session in objs], {self.opts.verbose_name_plural: len(objs)}, set(), []


def shown_id(session: Session) -> str:
    return session.id_hash[:SHOWN_ID]


def _named(shown_ids: Iterable[str]) -> models.Q:
    """Sessions by what pages show of their primary keys."""
    named = models.Q(pk__in=[])
    for name in shown_ids:
        if len(name) == SHOWN_ID:
            named |= models.Q(pk__gte=name, pk__lt=f"{name}g")
    return named


def state_text(data: bytes) -> str:
    """A session's state for people to read: JSON as far as it can be, and never an unpickled object."""
    name = settings.STATE_SERIALIZER
    if not data:
        return "{}"
    if name == "pickle":
        return gettext("Not shown: reading a pickle would run whatever it holds.")
    try:
        text = pretty_json(_plain(dict(SERIALIZERS[name].loads(data))))
    except Exception as error:
        return gettext("Not shown: these %(size)d bytes are no state in the format %(name)s (%(error)s).") % {
            "size": len(data),
            "name": name,
            "error": type(error).__name__,
        }
    return text if len(text) <= LONGEST_STATE else text[:LONGEST_STATE] + "…"


def _plain(value: Any) -> Any:
    """What JSON can carry of a value; the rest as text."""
    if isinstance(value, Mapping):
        return {_text(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int) or _is_finite(value):
        return value
    return _text(value)


def _text(value: Any) -> str:
    return repr(value) if isinstance(value, bytes) else str(value)


def _is_finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)
