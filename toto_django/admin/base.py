"""What the admins of accounts and of sessions have in common."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.contrib import admin, messages
from django.contrib.admin.sites import AdminSite
from django.db import models, router
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from toto_django.accounts import normalize_user_id
from toto_django.exceptions import InvalidUserID, Unavailable
from toto_django.stores import Store

__all__ = ["StoreAdmin", "reports_unavailable", "url_of"]

View = TypeVar("View", bound=Callable[..., HttpResponse])


class StoreAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The admin of a model that belongs to a store, and is found by user ids."""

    search_fields = ("user_id",)
    search_help_text = _("Part of a user ID")
    show_full_result_count = False

    class Media:
        css = {"all": ["toto_django/admin.css"]}  # noqa: RUF012

    def get_store(self) -> Store:
        raise NotImplementedError

    @property
    def database(self) -> str:
        """Where the store keeps the model."""
        return getattr(self.get_store(), "database", None) or router.db_for_write(self.model)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).using(self.database)

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """User ids are kept in their normal form, so that is how they are looked for."""
        return super().get_search_results(request, queryset, _normalized(search_term))


def reports_unavailable(view: View) -> View:
    """A view that says so when a store does not answer; what it began in the database is undone."""

    @functools.wraps(view)
    def reporting(self: StoreAdmin, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(self, request, *args, **kwargs)
        except Unavailable:
            text = _("The store of the sessions does not answer, so nothing was changed. Try again later.")
            self.message_user(request, text, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    return cast(View, reporting)


def url_of(site: AdminSite, request: HttpRequest, model: type[models.Model], view: str, *args: str) -> str:
    """A page of another model's admin; "" if there is none, or this user may not see it."""
    if not site.is_registered(model) or not site.get_model_admin(model).has_view_permission(request):
        return ""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}"
    return reverse(name, args=args, current_app=site.name)


def _normalized(search_term: str) -> str:
    try:
        return normalize_user_id(search_term)
    except InvalidUserID:
        return search_term
