"""Lives of accounts, and passwords that are guessed."""

import itertools
from collections.abc import Iterator

from benchmarks.soak.load import Kind
from benchmarks.soak.world import PASSWORD, World, Wrong, check
from toto_django.client import AsyncClient, NotAuthorized, RateLimited, Session, UserNotFound

__all__ = ["Accounts"]

NEW_PASSWORD = "another long and quiet walk"
VICTIM = "victim"
GUESSES = 12
"""More than the rate allows at once."""


class Accounts:
    def __init__(self, world: World) -> None:
        self.world = world
        self.refused = self.throttled = 0
        """Wrong passwords, by answer."""
        self._numbers = itertools.count()

    async def log_in(self) -> None:
        await self.world.client().create(VICTIM, PASSWORD)
        for _ in range(GUESSES):
            await self.guess()

    def kinds(self) -> Iterator[Kind]:
        yield Kind("login", 2, self.login)
        yield Kind("life of an account", 0.5, self.life)
        yield Kind("wrong password", 1, self.guess)

    async def login(self) -> None:
        user_id = self.world.any_session().user_id
        client = self.world.client()
        with self.world.timed("login"):
            await client.login(user_id, PASSWORD)
        await client.logout()
        check(client.session, None)

    async def life(self) -> None:
        """Create, properties, two sessions, another password, which ends both; and the end."""
        user_id = f"life-{next(self._numbers)}"
        client, other = self.world.client(), self.world.client()
        with self.world.timed("life of an account"):
            await client.create(user_id, PASSWORD, {"colour": "green"})
            await other.login(user_id, PASSWORD)
            old = other.session
            check(await client.update(PASSWORD, {"colour": "blue"}), ["colour"])
            check(await client.update(PASSWORD, {"new_password": NEW_PASSWORD}), ["password"])
            await _is_refused(self.world.client(session=old))
            await _is_welcome(client)
            last = client.session
            await client.logout()
            await _is_refused(self.world.client(session=last))
            await other.login(user_id, NEW_PASSWORD)
            await other.logout()

    async def guess(self) -> None:
        try:
            await self.world.client().login(VICTIM, "wrong")
        except UserNotFound:
            self.refused += 1
        except RateLimited:
            self.throttled += 1
        else:
            raise Wrong("a wrong password is accepted")


async def _is_welcome(client: AsyncClient) -> None:
    session: Session | None = client.session
    assert session is not None
    result = await client.call("soak.signed", {"a": 1, "b": 2})
    check(result, {"sum": 3, "user_id": session.user_id})


async def _is_refused(client: AsyncClient) -> None:
    try:
        await client.call("soak.signed", {"a": 1, "b": 2})
    except NotAuthorized:
        return
    raise Wrong("a session that has ended is welcome")
