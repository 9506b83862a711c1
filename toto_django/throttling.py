"""How often methods may be called: `throttle`, and `throttle_passwords` for those that check one.

Decorators of methods like those of `toto_django.invocation`. Over its rate a call is
RateLimited, before the method runs; each member of a batch and each frame of a web
socket counts. docs/throttling.md has the reasons.
"""

from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

from django.core.exceptions import ImproperlyConfigured

from toto_django.accounts import normalize_user_id
from toto_django.addresses import address_of
from toto_django.audit import audit
from toto_django.buckets import Buckets, current_buckets
from toto_django.conf import settings
from toto_django.exceptions import InvalidUserID, RateLimited
from toto_django.invocation import Decorator
from toto_django.rates import Rate, parsed_rate, whole_seconds
from toto_django.registry import Function, Method, Policy
from toto_django.workers import run_in_worker

__all__ = [
    "Throttle",
    "account_or_address",
    "apassword_accepted",
    "by_parameter",
    "named_rate",
    "password_accepted",
    "throttle",
    "throttle_passwords",
]

KNOWN_FOR = 30 * 24 * 60 * 60
"""Seconds that an address stays known to an account after a login from there."""

Subject = Callable[[Any, Any], str | None]
"""Who is counted, given handler and parameters; None for nobody."""


def throttle(rate: str, *, by: str | Subject = "address") -> Decorator:
    """At most this rate for each account, address or whatever a function tells; else RateLimited.

    ``rate`` is a name in THROTTLES, whose calls are counted together wherever it stands, or
    a rate such as "10/s" of this method alone. ``by`` is "address"; "account", which is the
    address where there is no session of an account; `by_parameter`; or a function of
    handler and parameters, whose None is not counted.
    """
    if "/" in rate:
        parsed_rate(rate)
    if isinstance(by, str) and by not in _BY:
        raise ImproperlyConfigured(f"A throttle counts by 'account', 'address' or a function, not {by!r}.")
    return lambda function: _add(function, Throttle(rate, by, Method.of(function).source))


def throttle_passwords(parameter: str | None = "user_id") -> Decorator:
    """For methods that check a password: the rates "login", "login.address" and "login.account".

    ``parameter`` names the user id; None for the session's, below ``authenticated``. Every
    call counts as a wrong password, until the method calls `password_accepted`.
    """
    return lambda function: _add(function, _PasswordThrottle(parameter))


def by_parameter(name: str) -> Subject:
    """Count by the value of a parameter. Text is compared as user ids are."""

    def subject(handler: Any, parameters: Any) -> str:
        value = parameters.get(name) if isinstance(parameters, dict) else None
        return f"parameter {name} {_normal(value)}"

    subject.__name__ = f"by_parameter({name})"
    return subject


def password_accepted(handler: Any) -> None:
    """The password of this call was right: it was no wrong one, and those before are forgiven."""
    attempt = _attempts.pop(handler, None)
    if attempt is not None:
        attempt.accept(current_buckets())


async def apassword_accepted(handler: Any) -> None:
    """See password_accepted."""
    await run_in_worker(password_accepted, handler)


def named_rate(name: str) -> Rate | None:
    """What THROTTLES says; None where it is turned off. Raises ImproperlyConfigured."""
    try:
        text = settings.throttles[name]
    except KeyError:
        raise ImproperlyConfigured(f"TOTO['THROTTLES'] has no rate {name!r}.") from None
    return None if text is None else parsed_rate(text)


def account_or_address(user_id: str, request: Any) -> str:
    """Whom a request is counted for; ``user_id`` is "" without an account."""
    return f"account {user_id}" if user_id else address_of(request)


class Throttle(Policy):
    """What `throttle` adds to a method."""

    name = "throttle"
    errors = (RateLimited(1),)
    uses_session = True
    """`load` waits for the cache, and by account for the session."""

    def __init__(self, rate: str, by: str | Subject, source: str) -> None:
        self.rate = rate
        self.by = by
        self.source = source

    def load(self, handler: Any, parameters: Any) -> None:
        if self.by == "account":
            handler.retrieve_session()
        bucket = self._bucket(handler, parameters)
        if bucket is not None:
            self._check(handler, current_buckets().charge(*bucket))

    async def aload(self, handler: Any, parameters: Any) -> None:
        if self.by == "account":
            await handler.aretrieve_session()
        bucket = self._bucket(handler, parameters)
        if bucket is not None:
            self._check(handler, await current_buckets().acharge(*bucket))

    def describe(self) -> str:
        by = self.by if isinstance(self.by, str) else getattr(self.by, "__name__", type(self.by).__name__)
        return f"throttle({self.rate}, by={by})"

    @property
    def is_named(self) -> bool:
        """The rate is a name in THROTTLES."""
        return "/" not in self.rate

    def _check(self, handler: Any, wait: int) -> None:
        if wait > 0:
            audit("throttled", "" if handler.session is None else handler.session.user_id, rate=self.rate)
            raise RateLimited(whole_seconds(wait))

    def _bucket(self, handler: Any, parameters: Any) -> tuple[str, Rate] | None:
        rate = named_rate(self.rate) if self.is_named else parsed_rate(self.rate)
        counted = _BY[self.by] if isinstance(self.by, str) else self.by
        subject = None if rate is None else counted(handler, parameters)
        if rate is None or subject is None:
            return None
        scope = self.rate if self.is_named else f"{self.source} {self.rate}"
        return f"{scope} {subject}", rate


class _PasswordThrottle(Policy):
    name = "throttle_passwords"
    errors = (RateLimited(1),)
    uses_session = True

    def __init__(self, parameter: str | None) -> None:
        self.parameter = parameter

    def load(self, handler: Any, parameters: Any) -> None:
        attempt = _attempts[handler] = _Attempt(self._user_id(handler, parameters), handler.request)
        attempt.begin(current_buckets())

    async def aload(self, handler: Any, parameters: Any) -> None:
        await run_in_worker(self.load, handler, parameters)

    def describe(self) -> str:
        return f"throttle_passwords({self.parameter or ''})"

    def _user_id(self, handler: Any, parameters: Any) -> Any:
        if self.parameter is not None:
            return parameters.get(self.parameter) if isinstance(parameters, dict) else None
        return None if handler.session is None else handler.session.user_id


class _Attempt:
    """A password that may be wrong: of an account, from an address."""

    def __init__(self, user_id: Any, request: Any) -> None:
        self.user_id = user_id
        self.account = f"account {_normal(user_id)}"
        self.address = address_of(request)
        self.pair = f"{self.address} {self.account}"
        self.charged: list[tuple[str, Rate]] = []

    def begin(self, buckets: Buckets) -> None:
        """Raises RateLimited; what was charged before that is given back."""
        for bucket in self._buckets(buckets):
            wait = buckets.charge(*bucket)
            if wait > 0:
                for charged in self.charged:
                    buckets.refund(*charged)
                audit("throttled", self.user_id or "", rate=bucket[0].partition(" ")[0])
                raise RateLimited(whole_seconds(wait))
            self.charged.append(bucket)

    def accept(self, buckets: Buckets) -> None:
        """Forgive the attempts on this account from this address, which is known to it from now on."""
        for name, rate in self.charged:
            if name == f"login {self.pair}":
                buckets.fill(name)
            else:
                buckets.refund(name, rate)
        buckets.remember(f"known {self.pair}", KNOWN_FOR)

    def _buckets(self, buckets: Buckets) -> Iterator[tuple[str, Rate]]:
        """The account's own one is for addresses that it does not know."""
        for scope, subject in (("login", self.pair), ("login.address", self.address)):
            if (rate := named_rate(scope)) is not None:
                yield f"{scope} {subject}", rate
        rate = named_rate("login.account")
        if rate is not None and not buckets.remembers(f"known {self.pair}"):
            yield f"login.account {self.account}", rate


_attempts: WeakKeyDictionary[Any, _Attempt] = WeakKeyDictionary()
"""The attempt of each call, by its handler."""

_BY: dict[str, Subject] = {
    "account": lambda handler, parameters: account_or_address(
        handler.session.user_id if handler.session else "", handler.request
    ),
    "address": lambda handler, parameters: address_of(handler.request),
}


def _normal(value: Any) -> str:
    """Text as user ids are compared, so that another spelling is no other bucket.

    What is neither text nor a number has one bucket together.
    """
    if isinstance(value, str):
        try:
            return normalize_user_id(value)
        except InvalidUserID:
            return f"invalid {value}"
    if isinstance(value, int):
        return hex(value)
    return repr(value) if isinstance(value, float) else "else"


def _add(function: Function | Method, policy: Policy) -> Method:
    method = Method.of(function)
    return method.changed(policies=(policy, *method.policies))
