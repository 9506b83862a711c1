"""The signatures of one request and its answer (docs/protocol.md section 13, docs/signing.md)."""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

from django.utils.module_loading import import_string

from toto_django.buckets import nonce_buckets
from toto_django.conf import settings
from toto_django.exceptions import InvalidHMAC
from toto_django.sessions import Session
from toto_django.signing import SCHEMES, Proof, Scheme, SignedRequest

__all__ = ["Signatures", "SignedSocket"]


class SignedSocket(Protocol):
    """A web socket, which knows the sessions that its opening was signed for, or that began over it."""

    proven_sessions: deque[str]
    """Permanent ids."""


class Signatures:
    """What the request's x-toto-hmac, None when missing, shows of the sessions it asks for.

    The request is read when somebody first asks. Its nonce is used up once, however many
    sessions or batch members ask.
    """

    is_refused = False
    """Nothing else of this request is believed."""

    def __init__(
        self, request: Any, header: str | None, signed_request: Callable[[Any], SignedRequest], socket: Any
    ) -> None:
        self.header = header
        self._request = request
        self._signed_request = signed_request
        self._socket: SignedSocket | None = socket
        self._claims: dict[str, bool | asyncio.Future[bool]] = {}

    @property
    def wants_v2(self) -> bool:
        """The client speaks v2."""
        return self.header is not None and self.header.startswith(SCHEMES["v2"].offer)

    def verify(self, session: Session) -> None:
        """Raises InvalidHMAC, Unavailable for a nonce nobody can tell anything about."""
        proof = self._proof(session)
        if proof is not None and proof.nonce is not None:
            if proof.nonce not in self._claims:
                self._claims[proof.nonce] = nonce_buckets().claim(proof.nonce, proof.seconds)
            self._check(self._claims[proof.nonce] is True)

    async def averify(self, session: Session) -> None:
        """See verify."""
        proof = self._proof(session)
        if proof is not None and proof.nonce is not None:
            if proof.nonce not in self._claims:
                claim = nonce_buckets().aclaim(proof.nonce, proof.seconds)
                self._claims[proof.nonce] = asyncio.ensure_future(claim)
            claimed = self._claims[proof.nonce]
            self._check(claimed if isinstance(claimed, bool) else await asyncio.shield(claimed))

    def sign(self, session: Session, body: bytes) -> str | None:
        """The x-toto-hmac of an answer that holds this session; None when signing is off."""
        scheme = session.scheme
        if scheme is None:
            return None
        if settings.HMAC_SIGN is not None:
            return str(_hook(settings.HMAC_SIGN)(session, body))
        key = session.user_id if session.key is None else session.key
        return scheme.sign_answer(key, session.session_id, body, self.header or "")

    def trust(self, session: Session) -> None:
        """The session began in this request: on a web socket, frames after it are its client's."""
        if self._socket is not None:
            self._socket.proven_sessions.append(session.permanent_id)

    # Steps

    def _proof(self, session: Session) -> Proof | None:
        """None where nothing has to be proved. Raises InvalidHMAC."""
        scheme = session.scheme
        if scheme is None:
            return None
        if self._socket is not None:
            # Frames carry no signatures (docs/protocol.md section 15); under v2 the opening has one.
            self._check(not scheme.signs_sockets or session.permanent_id in self._socket.proven_sessions)
            return None
        if settings.HMAC_VERIFY is not None:
            self._check(bool(_hook(settings.HMAC_VERIFY)(session, self._request)))
            return None
        return self._shown(session, scheme)

    def _shown(self, session: Session, scheme: Scheme) -> Proof | None:
        if not session.user_id and not scheme.verifies_anonymous:
            return None
        is_required = scheme.always_required or settings.HMAC_REQUIRED
        if self.header is None:
            self._check(not is_required)
            return None
        request = self._signed_request(self._request)
        if not is_required and not request.body:
            return None
        try:
            proof = scheme.proof(session, request, self.header)
        except InvalidHMAC:
            self.is_refused = True
            raise
        self._check(proof is not None)
        if proof is not None:
            session.key = proof.key
        return proof

    def _check(self, is_right: bool) -> None:
        if not is_right:
            self.is_refused = True
            raise InvalidHMAC


def _hook(hook: Any) -> Any:
    return _imported(hook) if isinstance(hook, str) else hook


@lru_cache(maxsize=16)
def _imported(path: str) -> Any:
    return import_string(path)
