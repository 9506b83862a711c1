"""The import itself: accounts, then sessions, a batch at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import reset_queries

from toto_django.conf import settings
from toto_django.exceptions import InvalidParameters
from toto_django.importing.accounts import Judged, judged_account, normal_id, plain_text, without_fields
from toto_django.importing.base import Refused, Source, SourceAccount, SourceSession
from toto_django.importing.report import Progress, Tally, shown_session_id
from toto_django.importing.scratch import Claims
from toto_django.importing.sessions import AccountLookup, checked_session_id, judged_session
from toto_django.stores import SessionRecord, account_store, session_store

__all__ = ["Importer"]

OWN_MODEL = "toto_django.Account"


@dataclass
class Importer:
    """Raises SourceError and Unavailable; what is done by then is done, and a second run skips it."""

    source: Source
    claims: Claims
    accounts: Tally
    sessions: Tally
    progress: Progress
    batch_size: int
    is_dry_run: bool

    # Accounts

    def take_accounts(self) -> None:
        """Ids in their normal form come first: under such an id the original looked for an account."""
        others = self._take_spellings("accounts", normal=True)
        if others:
            self._take_spellings("accounts in another spelling", normal=False)

    def _take_spellings(self, label: str, normal: bool) -> int:
        """Take the accounts whose ids are in their normal form, or the others; how many were passed over."""
        passed_over = 0
        self.progress.start(label, self.source.count_accounts())
        for batch in self.source.accounts(self.batch_size):
            judged: list[Judged] = []
            for account in batch:
                user_id = self._normal_id(account, is_first=normal)
                if user_id is not None and (user_id == plain_text(account.user_id)) is normal:
                    judged.extend(self._claimed(account, user_id))
                else:
                    passed_over += user_id is not None
            self._keep_accounts(judged)
            self._finish_batch(len(batch))
        return passed_over

    def _normal_id(self, account: SourceAccount, is_first: bool) -> str | None:
        """None when it has none, which the first reading reports."""
        try:
            return normal_id(account.user_id)
        except Refused as refusal:
            if is_first:
                self.accounts.skip(str(account.user_id), str(refusal))
            return None

    def _claimed(self, account: SourceAccount, user_id: str) -> Iterator[Judged]:
        """The account, if it can be taken and is the first one with this id."""
        try:
            judged = judged_account(account, user_id)
        except Refused as refusal:
            self.accounts.skip(user_id, str(refusal))
            return
        if self.claims.add(user_id, judged.user_id, judged.has_password):
            yield judged
        else:
            self.accounts.skip(judged.user_id, "another account has this user id")

    def _keep_accounts(self, accounts: list[Judged]) -> None:
        created = self._created(accounts)
        for account in accounts:
            user_id = account.record.user_id
            if user_id in created:
                self.accounts.taken += 1
                for reason, name in created[user_id].notes:
                    self.accounts.note(f"{account.user_id}: {name}" if name else account.user_id, reason)
            elif self._is_known(user_id):
                self.accounts.there += 1
            else:
                self.accounts.skip(account.user_id, "the account store refuses its user id")

    def _created(self, accounts: list[Judged]) -> dict[str, Judged]:
        """The accounts that were created, or would be, as they were."""
        by_id = {account.record.user_id: account for account in accounts}
        store = account_store()
        if self.is_dry_run:
            return {user_id: by_id[user_id] for user_id in by_id if store.get_account(user_id) is None}
        try:
            return {
                user_id: by_id[user_id]
                for user_id in store.create_accounts([account.record for account in accounts])
            }
        except InvalidParameters:
            return dict(self._created_one_by_one(accounts))

    def _created_one_by_one(self, accounts: Iterable[Judged]) -> Iterator[tuple[str, Judged]]:
        """Some account has a value that its model's field refuses."""
        for account in accounts:
            try:
                created = account_store().create_accounts([account.record])
            except InvalidParameters as error:
                account = without_fields(account, error)
                created = account_store().create_accounts([account.record])
            if created:
                yield account.record.user_id, account

    def _is_known(self, user_id: str) -> bool:
        """Only an account model of the project's own can refuse an id that is fit."""
        if settings.ACCOUNT_MODEL == OWN_MODEL or self.is_dry_run:
            return True
        return account_store().get_account(user_id) is not None

    # Sessions

    def take_sessions(self) -> None:
        """The accounts come before."""
        self.progress.start("sessions", self.source.count_sessions())
        for batch in self.source.sessions(self.batch_size):
            by_id = self._by_id(batch)
            known = session_store().load_sessions(by_id)
            self.sessions.there += len(known)
            lookup = AccountLookup(self.claims, self.is_dry_run)
            new = (item for item in by_id.items() if item[0] not in known)
            self._keep_sessions(list(self._judged_sessions(new, lookup)))
            self._finish_batch(len(batch))

    def _by_id(self, batch: list[SourceSession]) -> dict[str, SourceSession]:
        by_id: dict[str, SourceSession] = {}
        for session in batch:
            try:
                session_id = checked_session_id(session)
            except Refused as refusal:
                self.sessions.skip(shown_session_id(session.session_id), str(refusal))
                continue
            if by_id.setdefault(session_id, session) is not session:
                self.sessions.skip(shown_session_id(session_id), "another session has this id")
        return by_id

    def _judged_sessions(
        self, sessions: Iterable[tuple[str, SourceSession]], lookup: AccountLookup
    ) -> Iterator[SessionRecord]:
        for session_id, session in sessions:
            try:
                yield judged_session(session_id, session, lookup.own_id)
            except Refused as refusal:
                self.sessions.skip(shown_session_id(session_id), str(refusal))

    def _keep_sessions(self, records: list[SessionRecord]) -> None:
        taken = len(records) if self.is_dry_run else len(session_store().adopt_sessions(records))
        self.sessions.taken += taken
        self.sessions.there += len(records) - taken

    def _finish_batch(self, count: int) -> None:
        # Where DEBUG is on, Django keeps every statement.
        reset_queries()
        self.progress.advance(count)
