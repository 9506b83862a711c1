"""Sessions that their clients keep: the session id is the session, encrypted and authenticated.

An authenticated call asks no database. The id changes with the state and the expiry, the
answer's ``session`` hands the new one over, and older ones open the older state until
they expire: of parallel changes the last answer wins. A logout ends all ids of a session,
and the end of an account's sessions those made before it, if there is a revocation list.
"""

import binascii
import hashlib
import logging
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from secrets import randbits
from typing import Any, TypeVar, cast

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings as django_settings
from django.core.cache import BaseCache, caches
from django.core.checks import CheckMessage, Error, Warning
from django.utils.encoding import force_bytes

from toto_django.conf import settings
from toto_django.exceptions import TooLarge, Unavailable
from toto_django.serializers import pack, unpack
from toto_django.stores.base import Gone, SessionRecord, Store, known_options
from toto_django.stores.ids import new_session_id

__all__ = ["SignedStore"]

T = TypeVar("T")

SALT = b"toto_django.stores.signed"
DEFAULT_SIZE = 4000
"""Characters: as many as a cookie holds, and the headers of any server."""
FORGETFUL = {
    "django.core.cache.backends.dummy.DummyCache",
    "django.core.cache.backends.locmem.LocMemCache",
}
KEY_PREFIX = "toto_django.signed"

logger = logging.getLogger("toto_django")


class SignedStore(Store):
    """OPTIONS: ``MAX_SIZE`` of an id in characters (4000), ``REVOCATION_CACHE``, an alias of CACHES (None).

    Encrypted with Fernet under a key derived from SECRET_KEY; SECRET_KEY_FALLBACKS are read
    too. What the cache forgets is revoked no more.
    """

    keeps_accounts = False
    keeps_state = False

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        super().__init__(alias, options)
        self._max_size, self._cache_alias = known_options(
            options, MAX_SIZE=DEFAULT_SIZE, REVOCATION_CACHE=None
        )
        self.supports_revocation = self._cache_alias is not None

    def check(self) -> list[CheckMessage]:
        if self._cache_alias is None:
            return []
        configuration = cast(Any, django_settings.CACHES).get(self._cache_alias)
        if configuration is None:
            return [Error(f"CACHES has no {self._cache_alias!r}.", id="toto_django.E021")]
        if configuration["BACKEND"] in FORGETFUL or _ignores_exceptions(configuration):
            text = f"The revocation list of the store {self.alias!r} forgets: CACHES[{self._cache_alias!r}]"
            hint = "All processes have to share it, and its failures have to be errors (IGNORE_EXCEPTIONS)."
            return [Warning(text + " is not fit for it.", hint=hint, id="toto_django.W036")]
        return []

    def ping(self) -> None:
        if self._cache_alias is not None:
            self._ask(lambda cache: cache.get(KEY_PREFIX))

    # Sessions

    def create_session(
        self, user_id: str, expires: float, state: bytes = b"", *, suffix: str = ""
    ) -> SessionRecord:
        """Raises TooLarge."""
        permanent_id = f"{time.time()!r}-{new_session_id(suffix)}"
        return self._sealed(SessionRecord("", user_id, expires, state, randbits(63), permanent_id))

    def adopt_sessions(self, sessions: Sequence[SessionRecord]) -> set[str]:
        """Not possible: ids made elsewhere do not hold their sessions."""
        raise NotImplementedError("the signed store makes its session ids itself")

    def load_sessions(self, session_ids: Iterable[str]) -> dict[str, SessionRecord]:
        found = {}
        now = time.time()
        for session_id in session_ids:
            record = _opened(session_id)
            if record is not None and record.expires > now:
                found[session_id] = record
        revoked = self._revoked(found.values())
        return {session_id: record for session_id, record in found.items() if record not in revoked}

    async def aload_session(self, session_id: str) -> SessionRecord | None:
        """See load_session; without a revocation list nobody has to be asked."""
        if self.supports_revocation:
            return await super().aload_session(session_id)
        return self.load_session(session_id)

    def swap_state(self, record: SessionRecord, state: bytes) -> SessionRecord:
        """Raises Gone, TooLarge; a client's other ids keep their own states."""
        if record.expires <= time.time() or self._revoked([record]):
            raise Gone
        return self._sealed(replace(record, state=state, version=randbits(63)))

    def renew_session(self, record: SessionRecord, expires: float) -> SessionRecord:
        if not time.time() < record.expires < expires:
            return record
        return self._sealed(replace(record, expires=expires))

    def delete_session(self, session_id: str) -> bool:
        """False, and nothing ends, without a revocation list."""
        record = _opened(session_id)
        if record is None or not self.supports_revocation:
            return False
        return bool(self._ask(lambda cache: cache.add(_session_key(record), True, _longest_life(record))))

    def delete_sessions_of(self, user_id: str) -> int:
        """0: nobody knows how many there were."""
        if self.supports_revocation:
            self._ask(lambda cache: cache.set(_user_key(user_id), time.time(), _longest_life()))
        return 0

    def count_sessions_of(self, user_id: str) -> int:
        """0: nobody knows."""
        return 0

    def clear_expired_sessions(self) -> int:
        """0: nothing is kept."""
        return 0

    # Steps

    def _sealed(self, record: SessionRecord) -> SessionRecord:
        """The record under the id that holds it. Raises TooLarge."""
        values = [record.permanent_id, record.user_id, record.expires, record.version, record.state]
        session_id = _fernet().encrypt(pack(values)).rstrip(b"=").decode()
        if len(session_id) > self._max_size:
            raise TooLarge(f"The session would need an id longer than {self._max_size} characters.")
        return replace(record, session_id=session_id)

    def _revoked(self, records: Iterable[SessionRecord]) -> list[SessionRecord]:
        """Those that have ended, asked for in one trip."""
        records = list(records)
        if not records or not self.supports_revocation:
            return []
        keys = {key for record in records for key in (_session_key(record), _user_key(record.user_id))}
        entries = self._ask(lambda cache: cache.get_many(keys))
        return [
            record
            for record in records
            if _session_key(record) in entries
            or _created(record) <= entries.get(_user_key(record.user_id), float("-inf"))
        ]

    def _ask(self, question: Callable[[BaseCache], T]) -> T:
        try:
            return question(caches[self._cache_alias])
        except Exception as error:  # Each cache has errors of its own.
            logger.error("store %r: the revocation list does not answer: %s", self.alias, error)
            raise Unavailable from error


def _ignores_exceptions(configuration: Mapping[str, Any]) -> bool:
    """As django-redis may: an outage of the list would open all sessions that it revokes."""
    default = getattr(django_settings, "DJANGO_REDIS_IGNORE_EXCEPTIONS", False)
    return bool(configuration.get("OPTIONS", {}).get("IGNORE_EXCEPTIONS", default))


def _fernet() -> MultiFernet:
    secrets = (django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS)
    return _fernet_of(tuple(force_bytes(secret) for secret in secrets))


@lru_cache(maxsize=4)
def _fernet_of(secrets: tuple[bytes, ...]) -> MultiFernet:
    keys = [hashlib.sha256(SALT + secret).digest() for secret in secrets]
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])


def _opened(session_id: str) -> SessionRecord | None:
    """The session that an id holds, None for any other text: what differs by one character too."""
    try:
        token = session_id.encode("ascii")
        padded = token + b"=" * (-len(token) % 4)
        if urlsafe_b64encode(urlsafe_b64decode(padded)).rstrip(b"=") != token:
            return None
        permanent_id, user_id, expires, version, state = unpack(_fernet().decrypt(padded))
    except (UnicodeEncodeError, binascii.Error, InvalidToken):
        return None
    return SessionRecord(session_id, user_id, expires, state, version, permanent_id)


def _created(record: SessionRecord) -> float:
    """Unix seconds."""
    return float(record.permanent_id.partition("-")[0])


def _longest_life(record: SessionRecord | None = None) -> float:
    """Seconds after which no id of the session, or of any session there is, opens anything."""
    lives = [settings.SESSION_TTL, settings.SESSION_RENEW]
    if record is not None:
        lives += [settings.ANON_SESSION_TTL, settings.ANON_SESSION_RENEW, record.expires - time.time()]
    return max(lives) + 1


def _session_key(record: SessionRecord) -> str:
    return f"{KEY_PREFIX}.session.{record.permanent_id}"


def _user_key(user_id: str) -> str:
    return f"{KEY_PREFIX}.user.{hashlib.sha256(user_id.encode()).hexdigest()}"
