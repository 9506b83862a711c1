"""Accounts and sessions in Django's admin, as far as they are kept in this app's own models."""

import datetime
import functools
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Concatenate, ParamSpec

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, AdminForm
from django.contrib.admin.utils import quote, unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import models, router, transaction
from django.forms import CheckboxInput
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from toto_django import accounts
from toto_django.conf import settings
from toto_django.exceptions import InvalidUserID, Unavailable
from toto_django.forms import AccountCreationForm, AccountForm, PasswordForm, pretty_json
from toto_django.models import Account, Session
from toto_django.serializers import SERIALIZERS
from toto_django.sessions import Session as LiveSession
from toto_django.signals import account_created, emit, session_ended
from toto_django.stores import Store, account_store, session_store
from toto_django.stores.database import DatabaseStore, account_model

__all__ = ["AccountAdmin", "SessionAdmin", "register"]
