"""The admin of accounts: passwords, logging out, properties."""

import time
from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import quote, unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from toto_django import accounts
from toto_django.admin.base import StoreAdmin, reports_unavailable, url_of
from toto_django.admin.forms import (
    AccountCreationForm,
    AccountForm,
    PasswordForm,
    own_properties,
    pretty_json,
)
from toto_django.audit import audit
from toto_django.conf import settings
from toto_django.exceptions import Unavailable, UserNotFound
from toto_django.models import Account, Session
from toto_django.signals import account_created, emit
from toto_django.stores import Store, account_store, session_store
from toto_django.stores.database import DatabaseStore

__all__ = ["AccountAdmin"]

PASSWORD_CHANGED = [{"changed": {"fields": ["password"]}}]
LOGGED_OUT = _("Logged out everywhere.")


class AccountList(ChangeList):
    model_admin: "AccountAdmin"

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.model_admin.attach_sessions(request, self.result_list)


class AccountAdmin(StoreAdmin):
    list_display = ("user_id", "is_active", "session_count", "created")
    list_filter = ("is_active",)
    ordering = ("user_id",)
    actions = ("log_out_everywhere", "deactivate", "activate", "require_v2", "require_v2_no_longer")
    readonly_fields = ("user_id", "created", "session_count", "requires_v2", "properties_text")
    form = AccountForm

    def get_store(self) -> Store:
        return account_store()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return AccountList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        account = super().get_object(request, object_id, from_field)
        if account is not None:
            self.attach_sessions(request, [account])
        return account

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Hashes cannot be guessed piece by piece."""
        return not lookup.startswith("password") and super().lookup_allowed(lookup, value, request)

    def has_upgrade_permission(self, request: HttpRequest) -> bool:
        """Of the actions that have no effect without HMAC_UPGRADE."""
        return settings.HMAC_UPGRADE and self.has_change_permission(request)

    # Columns

    def attach_sessions(self, request: HttpRequest, listed: Iterable[Any]) -> None:
        """Give accounts the number of their unexpired sessions, and where those are listed."""
        listed = list(listed)
        counts = _session_counts([account.user_id for account in listed])
        is_listed = isinstance(session_store(), DatabaseStore)
        url = url_of(self.admin_site, request, Session, "changelist") if is_listed else ""
        for account in listed:
            account.attached_count = counts.get(account.user_id)
            account.attached_url = url

    @admin.display(description=_("unexpired sessions"))
    def session_count(self, account: Any) -> SafeString | int | None:
        if not account.attached_url or not account.attached_count:
            return account.attached_count  # type: ignore[no-any-return]
        query = urlencode({"user_id__exact": account.user_id, "expiry": "unexpired"})
        return format_html('<a href="{}?{}">{}</a>', account.attached_url, query, account.attached_count)

    @admin.display(description=_("requires signatures v2"), boolean=True)
    def requires_v2(self, account: Account) -> bool:
        return accounts.requires_v2(account.user_id)

    @admin.display(description=_("properties"))
    def properties_text(self, account: Account) -> SafeString:
        return format_html('<pre class="toto-json">{}</pre>', pretty_json(own_properties(account.properties)))

    # Adding and changing

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            names: tuple[str, ...] = ("user_id", "password1", "password2")
        else:
            properties = "properties" if self.has_change_permission(request, obj) else "properties_text"
            signing = ("requires_v2",) if settings.HMAC_UPGRADE else ()
            names = ("user_id", "is_active", "session_count", "created", *signing, properties)
        return [(None, {"fields": names})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else self.readonly_fields

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = AccountCreationForm
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        if change:
            return self._save_changes(obj, form)
        obj.save(using=self.database, force_insert=True)
        audit("account_created", obj.user_id)
        emit(account_created, accounts.Account, user_id=obj.user_id)

    def _save_changes(self, account: Account, form: AccountForm) -> None:
        """Write only what was changed: methods change properties meanwhile."""
        if "is_active" in form.changed_data:
            account.save(update_fields=["is_active"])
        changed, removed = form.property_changes()
        if changed or removed:
            self.get_store().change_properties(account.user_id, changed, removed)

    @method_decorator(sensitive_post_parameters())
    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().add_view(request, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """On to the new account's page, where its properties are."""
        if "_addanother" not in request.POST and IS_POPUP_VAR not in request.POST:
            data = request.POST.copy()
            data["_continue"] = "1"
            request.POST = data  # type: ignore[assignment]
        return super().response_add(request, obj, *args, **kwargs)

    @reports_unavailable
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return super().changeform_view(request, object_id, form_url, extra_context)

    @reports_unavailable
    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().delete_view(request, object_id, extra_context)

    @reports_unavailable
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        with transaction.atomic(using=self.database):
            return super().changelist_view(request, extra_context)

    # Actions

    @admin.action(permissions=["change"], description=_("Log out everywhere"))
    def log_out_everywhere(self, request: HttpRequest, queryset: models.QuerySet[Account]) -> None:
        ended = 0
        for account in queryset:
            ended += accounts.end_sessions(account.user_id)
            self.log_change(request, account, str(LOGGED_OUT))
        self._report_ended(request, ended)

    @admin.action(permissions=["change"], description=_("Deactivate and log out everywhere"))
    def deactivate(self, request: HttpRequest, queryset: models.QuerySet[Account]) -> None:
        count = self._set_active(request, queryset, False)
        text = ngettext("%d account was deactivated.", "%d accounts were deactivated.", count) % count
        self.message_user(request, text, messages.SUCCESS)

    @admin.action(permissions=["change"], description=_("Activate"))
    def activate(self, request: HttpRequest, queryset: models.QuerySet[Account]) -> None:
        count = self._set_active(request, queryset, True)
        text = ngettext("%d account was activated.", "%d accounts were activated.", count) % count
        self.message_user(request, text, messages.SUCCESS)

    @admin.action(permissions=["upgrade"], description=_("Require signatures v2 and log out everywhere"))
    def require_v2(self, request: HttpRequest, queryset: models.QuerySet[Account]) -> None:
        count = self._set_v2(request, queryset, True)
        text = ngettext("%d account requires v2 now.", "%d accounts require v2 now.", count) % count
        self.message_user(request, text, messages.SUCCESS)

    @admin.action(
        permissions=["upgrade"], description=_("Require signatures v2 no longer and log out everywhere")
    )
    def require_v2_no_longer(self, request: HttpRequest, queryset: models.QuerySet[Account]) -> None:
        count = self._set_v2(request, queryset, False)
        text = ngettext("%d account requires v2 no longer.", "%d accounts require v2 no longer.", count)
        self.message_user(request, text % count, messages.SUCCESS)

    def _set_v2(self, request: HttpRequest, queryset: models.QuerySet[Account], is_required: bool) -> int:
        """How many accounts were told so: inactive ones cannot be."""
        left_out = queryset.filter(is_active=False).count()
        if left_out:
            text = ngettext("%d account is not active.", "%d accounts are not active.", left_out) % left_out
            self.message_user(request, text, messages.WARNING)
        active = list(queryset.filter(is_active=True))
        for account in active:
            accounts.require_v2(account.user_id, is_required)
            self.log_change(request, account, [{"changed": {"fields": ["required signatures"]}}])
        return len(active)

    def _set_active(self, request: HttpRequest, queryset: models.QuerySet[Account], is_active: bool) -> int:
        """One by one: saving an account is what ends its sessions."""
        changed = list(queryset.exclude(is_active=is_active))
        for account in changed:
            account.is_active = is_active
            account.save(update_fields=["is_active"])
            self.log_change(request, account, [{"changed": {"fields": ["active"]}}])
        return len(changed)

    def _report_ended(self, request: HttpRequest, ended: int) -> None:
        text = ngettext("%d session was ended.", "%d sessions were ended.", ended) % ended
        self.message_user(request, text, messages.SUCCESS)

    # Pages of their own

    def get_urls(self) -> list[URLPattern]:
        name = "toto_django_account_{}".format
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/password/", wrap(self.set_password_view), name=name("set_password")),
            path(
                "<path:object_id>/generate-password/",
                wrap(self.generate_password_view),
                name=name("generate_password"),
            ),
            path("<path:object_id>/log-out/", wrap(self.log_out_view), name=name("log_out")),
            *super().get_urls(),
        ]

    @method_decorator(sensitive_post_parameters())
    @reports_unavailable
    def set_password_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        account = self._changeable(request, object_id)
        data = request.POST if request.method == "POST" else None
        form = PasswordForm(data, user_id=account.user_id)
        if form.is_valid():
            with transaction.atomic(using=self.database):
                accounts.set_password(account.user_id, form.cleaned_data["password1"])
                self.log_change(request, account, PASSWORD_CHANGED)
            self.message_user(request, gettext("Password changed successfully."), messages.SUCCESS)
            return self._to_account(account)
        fields = AdminForm(form, [(None, {"fields": list(form.fields)})], {})  # type: ignore[arg-type]
        title = gettext("Set password")
        return self._page(request, account, "set_password", title=title, adminform=fields, errors=form.errors)

    @reports_unavailable
    @sensitive_variables("password", "shown")
    def generate_password_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The new password is in the answer to the POST and nowhere else: no redirect stores it."""
        account = self._changeable(request, object_id)
        title = gettext("Generate password")
        if request.method != "POST":
            text = gettext(
                "The account gets a random password, which is shown once, and all of its sessions end."
            )
            return self._page(request, account, "confirm", title=title, text=text, button=title)
        try:
            with transaction.atomic(using=self.database):
                password = accounts.generate_password(account.user_id)
                self.log_change(request, account, PASSWORD_CHANGED)
        except UserNotFound:
            self.message_user(request, gettext("This account is not active."), messages.ERROR)
            return self._to_account(account)
        shown = format_html(gettext("The new password is {}"), format_html("<code>{}</code>", password))
        self.message_user(request, shown, messages.SUCCESS)
        text = gettext("Pass the password on now: it cannot be shown again.")
        return self._page(request, account, "confirm", title=title, text=text)

    @reports_unavailable
    def log_out_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        account = self._changeable(request, object_id)
        if request.method != "POST":
            title = gettext("Log out everywhere")
            text = gettext("All sessions of the account end; its password stays what it is.")
            return self._page(request, account, "confirm", title=title, text=text, button=title)
        self._report_ended(request, accounts.end_sessions(account.user_id))
        self.log_change(request, account, str(LOGGED_OUT))
        return self._to_account(account)

    def _changeable(self, request: HttpRequest, object_id: str) -> Account:
        """The account that a page of its own is about. Raises PermissionDenied, Http404."""
        account: Account | None = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, account):
            raise PermissionDenied
        if account is None:
            raise Http404
        return account

    def _to_account(self, account: Account) -> HttpResponseRedirect:
        name = "admin:toto_django_account_change"
        return HttpResponseRedirect(reverse(name, args=[quote(account.pk)], current_app=self.admin_site.name))

    def _page(self, request: HttpRequest, account: Account, name: str, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            f"admin/toto_django/account/{name}.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": account,
                "subtitle": str(account),
                "media": self.media,
                "has_view_permission": True,
                **context,
            },
        )


def _session_counts(user_ids: list[str]) -> dict[str, int]:
    """How many unexpired sessions accounts have, in one query; empty when nobody can tell."""
    store = session_store()
    if not store.keeps_state:
        return {}
    try:
        if not isinstance(store, DatabaseStore):
            return {user_id: store.count_sessions_of(user_id) for user_id in user_ids}
    except Unavailable:
        return {}
    sessions = Session.objects.using(store.db.alias).filter(user_id__in=user_ids, expires__gt=time.time())
    counts = dict(sessions.values_list("user_id").annotate(models.Count("pk")))
    return {user_id: counts.get(user_id, 0) for user_id in user_ids}
