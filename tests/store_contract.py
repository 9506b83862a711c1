"""What every store does: a test class inherits `StoreContract`, names its backend, and passes unedited.

Each test runs twice: over the plain methods, from threads where calls are parallel, and
over their ``a`` twins on one event loop.
"""

import asyncio
import inspect
import os
import re
import string
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.store_calls import Awaited, Calls, Plain
from toto_django.exceptions import UserIDExists
from toto_django.stores import AccountRecord, Conflict, Gone, SessionRecord, Store, get_store

AT_ONCE = 8
LOOKALIKES = [
    *("ann", "Ann", "ANN", "änn", "a\u0308nn", "ann ", " ann", "a nn", "ann\u00a0", "straße", "strasse"),
    *("$where", "a:b", "a", "b", "a.b", "a/b", "a*", "*", "%", "a_n", "a\\", "'", '"', "{}", "null", "1"),
    *("😀", "😁", "x" * 191, "é" * 191, "😀" * 191),
]
"""Ids that a collation, a query language or a key's separator may take for one another or for more."""
PROPERTIES = [
    {},
    {"": "", "a.b": 1, "$set": {"$where": "1"}, "a:b": 2, "_id": 3, "id": 4, "properties": {}, "pk": 5},
    {"\x00": "\x00", "a\x00b": ["\x00", {"\x00": "\x00"}]},
    {"ключ": "😀", "\ud800": "\udfff", "e\u0301": "é", "Name": 1, "name": 2, "name ": 3},
    {"none": None, "zero": 0, "false": False, "text": "", "list": [], "dict": {}, "nested": [{"a": [None]}]},
    {"big": 2**70, "negative": -(2**63) - 1, "float": 0.1, "large": 1.7e308, "small": 5e-324, "one": 1.0},
    {"long": "x" * 100_000},
]


def soon() -> float:
    return time.time() + 1000.123456


def past() -> float:
    return time.time() - 0.001


def typed(value: Any) -> Any:
    """The value in a form in which 1, 1.0 and True differ, as they do not in Python."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    return [typed(item) for item in value] if isinstance(value, list) else (type(value), value)


class Contract:
    """How a test class gets at its store."""

    backend: str
    options: Mapping[str, Any] = {}

    @pytest.fixture
    def backing(self, settings: Any) -> Store:
        """The store itself, empty."""
        stores = {"default": {"BACKEND": self.backend, "OPTIONS": self.options}}
        settings.TOTO = {**settings.TOTO, "STORES": stores}
        return get_store("default")

    @pytest.fixture(params=["plain", "awaited"])
    def store(self, request: pytest.FixtureRequest, backing: Store) -> Iterator[Calls]:
        if request.param == "plain":
            yield Plain(backing)
        else:
            with asyncio.Runner() as runner:
                yield Awaited(backing, runner)

    def test_every_method_has_a_twin_of_the_same_signature(self, backing: Store) -> None:
        public = {name for name in vars(Store) if not name.startswith("_") and callable(getattr(Store, name))}
        twins = {name for name in public if inspect.iscoroutinefunction(getattr(Store, name))}
        assert {f"a{name}" for name in public - twins} == twins
        for owner in (Store, type(backing)):
            for name in public - twins:
                plain, twin = getattr(owner, name), getattr(owner, f"a{name}")
                assert inspect.signature(plain) == inspect.signature(twin), (owner, name)
                assert inspect.iscoroutinefunction(twin), (owner, name)


class AccountContract(Contract):
    def test_unknown_account_is_none_and_cannot_be_changed(self, store: Calls) -> None:
        assert store.get_account("nobody") is None
        assert store.get_user("nobody") is None
        assert store.set_password("nobody", "hash") is False
        assert store.change_properties("nobody", {"a": 1}, []) is False
        assert store.delete_account("nobody") is False
        assert store.get_account("nobody") is None

    def test_created_account_reads_as_given(self, store: Calls) -> None:
        store.create_account("ann", "hash", {"name": "Ann"})
        assert store.get_account("ann") == AccountRecord("ann", "hash", True, {"name": "Ann"})

    def test_user_of_an_account_is_authenticated(self, store: Calls) -> None:
        store.create_account("ann", "hash", {})
        user = store.get_user("ann")
        assert user.get_username() == "ann"
        assert user.is_authenticated
        assert user.is_active
        assert not user.is_anonymous

    def test_taken_id_is_refused_and_its_account_unchanged(self, store: Calls) -> None:
        store.create_account("ann", "first", {"a": 1})
        with pytest.raises(UserIDExists):
            store.create_account("ann", "second", {"a": 2})
        assert store.get_account("ann") == AccountRecord("ann", "first", True, {"a": 1})

    def test_ids_are_exact(self, store: Calls) -> None:
        for index, user_id in enumerate(LOOKALIKES):
            assert store.get_account(user_id) is None, user_id
            store.create_account(user_id, f"hash {index}", {"index": index})
        for index, user_id in enumerate(LOOKALIKES):
            assert store.get_account(user_id) == AccountRecord(
                user_id, f"hash {index}", True, {"index": index}
            )

    @pytest.mark.parametrize("user_id", ["ann", "a", "$where", "x" * 191])
    def test_change_or_deletion_touches_only_the_exact_id(self, store: Calls, user_id: str) -> None:
        others = [other for other in LOOKALIKES if other != user_id]
        for each in LOOKALIKES:
            store.create_account(each, "hash", {})
        assert store.set_password(user_id, "new")
        assert store.change_properties(user_id, {"new": True}, [])
        assert store.get_account(user_id) == AccountRecord(user_id, "new", True, {"new": True})
        assert store.delete_account(user_id) is True
        assert store.get_account(user_id) is None
        assert [store.get_account(each) for each in others] == [
            AccountRecord(each, "hash", True, {}) for each in others
        ]

    @pytest.mark.parametrize("properties", PROPERTIES, ids=lambda value: ascii(list(value))[:40])
    def test_properties_read_as_written(self, store: Calls, properties: dict[str, Any]) -> None:
        store.create_account("created", "hash", properties)
        store.create_account("changed", "hash", {})
        assert store.change_properties("changed", properties, []) is True
        for user_id in ("created", "changed"):
            assert typed(store.get_account(user_id).properties) == typed(properties)
        assert store.change_properties("created", {}, properties) is True
        assert store.get_account("created").properties == {}

    def test_change_merges_into_the_newest_properties(self, store: Calls) -> None:
        store.create_account("ann", "hash", {"kept": 1, "changed": 1, "removed": 1})
        assert store.change_properties("ann", {"changed": 2, "added": 2}, ["removed", "missing"]) is True
        assert store.get_account("ann").properties == {"kept": 1, "changed": 2, "added": 2}

    def test_parallel_changes_of_different_names_all_survive(self, store: Calls) -> None:
        store.create_account("ann", "hash", {"old": 0})
        names = [f"p{number}" for number in range(AT_ONCE)]
        outcomes = store.together(*[("change_properties", "ann", {name: name}, ["old"]) for name in names])
        assert outcomes == [True] * AT_ONCE
        assert store.get_account("ann").properties == {name: name for name in names}

    def test_parallel_changes_of_password_and_properties_both_survive(self, store: Calls) -> None:
        for number in range(AT_ONCE):
            user_id = f"ann{number}"
            store.create_account(user_id, "old", {})
            outcomes = store.together(
                ("change_properties", user_id, {"a": 1}, []),
                ("set_password", user_id, "new"),
                ("change_properties", user_id, {"b": 2}, []),
            )
            assert outcomes == [True, True, True]
            assert store.get_account(user_id) == AccountRecord(user_id, "new", True, {"a": 1, "b": 2})

    def test_password_is_replaced_only_where_it_is_still_the_one_given(self, store: Calls) -> None:
        store.create_account("ann", "first", {"a": 1})
        assert store.set_password("ann", "second", "first") is True
        assert store.set_password("ann", "third", "first") is False
        assert store.set_password("nobody", "third", "first") is False
        assert store.get_account("ann") == AccountRecord("ann", "second", True, {"a": 1})

    def test_one_of_many_replacements_of_a_password_wins(self, store: Calls) -> None:
        store.create_account("ann", "old", {})
        outcomes = store.together(*[("set_password", "ann", f"{n}", "old") for n in range(AT_ONCE)])
        assert outcomes.count(True) == 1, outcomes
        assert store.get_account("ann").password == f"{outcomes.index(True)}"

    def test_one_of_many_creators_of_an_id_wins(self, store: Calls) -> None:
        jobs = [("create_account", "ann", f"hash {number}", {"n": number}) for number in range(AT_ONCE)]
        outcomes = store.together(*jobs)
        winners = [number for number, outcome in enumerate(outcomes) if outcome is None]
        losers = [outcome for outcome in outcomes if isinstance(outcome, UserIDExists)]
        assert (len(winners), len(losers)) == (1, AT_ONCE - 1), outcomes
        assert store.get_account("ann").properties == {"n": winners[0]}

    def test_deleted_id_can_be_used_anew(self, store: Calls) -> None:
        store.create_account("ann", "hash", {"a": 1})
        assert [store.delete_account("ann"), store.delete_account("ann")] == [True, False]
        store.create_account("ann", "new", {})
        assert store.get_account("ann") == AccountRecord("ann", "new", True, {})

    def test_many_accounts_are_created_at_once_and_existing_ones_stay(self, backing: Store) -> None:
        backing.create_account("ann", "hash", {"name": "Ann"})
        new = [AccountRecord(user_id, "new", False, {"n": 2**70}) for user_id in LOOKALIKES]
        assert backing.create_accounts(new) == set(LOOKALIKES) - {"ann"}
        assert backing.create_accounts(new) == set()
        assert backing.create_accounts([]) == set()
        assert backing.get_account("ann") == AccountRecord("ann", "hash", True, {"name": "Ann"})
        assert [backing.get_account(each.user_id) for each in new[1:]] == new[1:]

    def test_record_is_a_snapshot(self, store: Calls) -> None:
        given = {"list": [1]}
        store.create_account("ann", "hash", given)
        given["list"].append(2)
        store.get_account("ann").properties["list"].append(3)
        assert store.get_account("ann").properties == {"list": [1]}


class SessionContract(Contract):
    """Sessions in any store, also where the id changes with what the session holds."""

    def test_answers_a_ping(self, store: Calls) -> None:
        store.ping()

    def test_created_session_loads_as_returned(self, store: Calls) -> None:
        expires = soon()
        record = store.create_session("ann", expires, b"state")
        assert (record.user_id, record.expires, record.state) == ("ann", expires, b"state")
        assert store.load_session(record.session_id) == record

    def test_anonymous_session_has_no_user_id_and_no_state(self, store: Calls) -> None:
        record = store.load_session(store.create_session("", soon()).session_id)
        assert (record.user_id, record.state) == ("", b"")

    def test_ids_are_url_safe_and_never_repeat(self, store: Calls) -> None:
        ids = [store.create_session("", soon()).session_id for _ in range(100)]
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{22,}", session_id) for session_id in ids)
        assert len(set(ids)) == 100
        used = set("".join(ids))
        assert used >= set(string.ascii_letters + string.digits), "hardly random"

    def test_many_sessions_load_at_once_without_unknown_and_expired_ones(self, store: Calls) -> None:
        live = [store.create_session(user_id, soon(), user_id.encode()) for user_id in LOOKALIKES]
        ended = [store.create_session("ann", past()) for _ in range(3)]
        ids = [record.session_id for record in (*ended, *live, *live[:3])]
        found = store.load_sessions([*ids, "unknown", "", "x" * 22])
        assert found == {record.session_id: record for record in live}
        assert store.load_sessions([]) == {}
        assert store.load_sessions(iter(ids[:4])) == {live[0].session_id: live[0]}

    def test_sessions_asked_for_at_the_same_time_are_each_their_own(self, store: Calls) -> None:
        records = [store.create_session(f"user {number}", soon()) for number in range(AT_ONCE)]
        outcomes = store.together(*[("load_session", record.session_id) for record in records])
        assert outcomes == records

    @pytest.mark.parametrize(
        "session_id",
        ["", " ", "x" * 22, "x" * 10_000, "\x00", "é", "😀", "\ud800", "$where", "a:b", "*", "%"],
    )
    def test_unknown_id_finds_nothing(self, store: Calls, session_id: str) -> None:
        store.create_session("", soon())
        assert store.load_session(session_id) is None
        assert store.delete_session(session_id) is False

    def test_session_ids_are_exact(self, store: Calls) -> None:
        session_id = store.create_session("ann", soon()).session_id
        near = [
            session_id.swapcase(),
            *(f"{session_id} ", f" {session_id}", f"{session_id}\x00", f"{session_id}=", f"{session_id}."),
            session_id[:-1],
        ]
        assert store.load_sessions(near) == {}
        assert [store.delete_session(each) for each in near] == [False] * len(near)
        assert store.load_session(session_id) is not None

    def test_expired_session_is_not_there(self, store: Calls) -> None:
        record = store.create_session("ann", past(), b"state")
        assert store.load_session(record.session_id) is None
        assert store.count_sessions_of("ann") == 0
        with pytest.raises(Gone):
            store.swap_state(record, b"new")

    def test_renewal_moves_the_expiry_and_nothing_else(self, store: Calls) -> None:
        record = store.create_session("ann", soon(), b"state")
        later = record.expires + 500.5
        renewed = store.renew_session(record, later)
        assert renewed == store.load_session(renewed.session_id)
        assert renewed == replace(record, session_id=renewed.session_id, expires=later)

    def test_renewal_never_shortens(self, store: Calls) -> None:
        record = store.create_session("ann", soon())
        renewed = store.renew_session(record, record.expires - 500)
        assert store.load_session(renewed.session_id).expires == record.expires

    def test_expired_session_is_not_renewed(self, store: Calls) -> None:
        record = store.create_session("ann", past())
        renewed = store.renew_session(record, soon())
        assert store.load_sessions([record.session_id, renewed.session_id]) == {}
        assert store.count_sessions_of("ann") == 0

    def test_swap_replaces_the_state_and_changes_the_version(self, store: Calls) -> None:
        first = store.create_session("ann", soon(), b"1")
        second = store.swap_state(first, b"2")
        third = store.swap_state(second, b"")
        assert store.load_session(third.session_id) == third
        assert (second.state, third.state) == (b"2", b"")
        assert len({first.version, second.version, third.version}) == 3

    def test_whose_session_it_is_survives_a_swap_and_a_renewal(self, store: Calls) -> None:
        first = store.create_session("ann", soon())
        last = store.renew_session(store.swap_state(first, b"2"), soon() + 500)
        loaded = store.load_session(last.session_id)
        assert (loaded.user_id, loaded.permanent_id) == ("ann", first.permanent_id)

    @pytest.mark.parametrize(
        "state",
        [bytes(range(256)), b"\x00", b"\xff\xfe", os.urandom(1024 * 1024)],
        ids=lambda state: len(state),
    )
    def test_binary_state_reads_as_written(self, store: Calls, state: bytes) -> None:
        created = store.create_session("ann", soon(), state)
        assert store.load_session(created.session_id).state == state
        swapped = store.swap_state(created, state + b"\x00")
        assert store.load_session(swapped.session_id).state == state + b"\x00"

    def test_live_session_is_not_cleared(self, store: Calls) -> None:
        live = store.create_session("ann", soon())
        store.clear_expired_sessions()
        assert store.load_session(live.session_id) == live


class RevocationContract(SessionContract):
    """A session that has ended opens nothing, under no id it ever had."""

    @pytest.mark.parametrize("ending", ["delete_session", "delete_sessions_of"])
    def test_deleted_session_comes_back_neither_by_renewal_nor_by_swap(
        self, store: Calls, ending: str
    ) -> None:
        record = store.create_session("ann", soon(), b"state")
        getattr(store, ending)(record.session_id if ending == "delete_session" else "ann")
        renewed = store.renew_session(record, soon() + 1000)
        with pytest.raises(Gone):
            store.swap_state(record, b"late")
        with pytest.raises(Gone):
            store.swap_state(renewed, b"late")
        assert store.load_sessions([record.session_id, renewed.session_id]) == {}
        assert store.count_sessions_of("ann") == 0

    @pytest.mark.parametrize("ending", ["delete_session", "delete_sessions_of"])
    def test_end_of_a_session_ends_what_became_of_it(self, store: Calls, ending: str) -> None:
        first = store.create_session("ann", soon())
        ids = {first.session_id, store.swap_state(first, b"2").session_id}
        ids.add(store.renew_session(first, first.expires + 500).session_id)
        getattr(store, ending)(first.session_id if ending == "delete_session" else "ann")
        assert store.load_sessions(ids) == {}

    def test_session_deleted_among_swaps_and_renewals_stays_deleted(self, store: Calls) -> None:
        for _ in range(AT_ONCE):
            record = store.create_session("ann", soon())
            outcomes = store.together(
                ("swap_state", record, b"a"),
                ("renew_session", record, soon() + 1000),
                ("delete_session", record.session_id),
                ("swap_state", record, b"b"),
                ("renew_session", record, soon() + 2000),
            )
            made = [outcome.session_id for outcome in outcomes if isinstance(outcome, SessionRecord)]
            assert store.load_sessions([record.session_id, *made]) == {}

    def test_deletion_ends_one_session(self, store: Calls) -> None:
        doomed, other = store.create_session("ann", soon()), store.create_session("ann", soon())
        assert [store.delete_session(doomed.session_id) for _ in range(2)] == [True, False]
        assert store.load_sessions([doomed.session_id, other.session_id]) == {other.session_id: other}

    def test_sessions_of_a_user_are_ended_by_the_exact_id(self, store: Calls) -> None:
        records = [store.create_session(user_id, soon()) for user_id in (*LOOKALIKES, *LOOKALIKES, "")]
        store.delete_sessions_of("nobody")
        store.delete_sessions_of("ann")
        assert store.load_sessions([record.session_id for record in records]) == {
            record.session_id: record for record in records if record.user_id != "ann"
        }

    def test_session_made_after_the_others_have_ended_is_good(self, store: Calls) -> None:
        old = store.create_session("ann", soon())
        store.delete_sessions_of("ann")
        new = store.create_session("ann", soon())
        assert store.load_sessions([old.session_id, new.session_id]) == {new.session_id: new}


class KeptSessionContract(RevocationContract):
    """Sessions under ids that never change, with one newest state that all who hold the id share."""

    def test_ids_have_22_characters(self, store: Calls) -> None:
        assert len(store.create_session("ann", soon()).session_id) == 22

    def test_id_stays_through_swap_and_renewal(self, store: Calls) -> None:
        first = store.create_session("ann", soon())
        last = store.renew_session(store.swap_state(first, b"2"), first.expires + 500)
        assert last.session_id == first.session_id
        assert store.load_session(first.session_id) == last

    def test_renewal_keeps_a_state_that_changed_meanwhile(self, store: Calls) -> None:
        record = store.create_session("ann", soon(), b"old")
        swapped = store.swap_state(record, b"new")
        store.renew_session(record, record.expires + 1)
        loaded = store.load_session(record.session_id)
        assert (loaded.state, loaded.version) == (b"new", swapped.version)

    def test_swap_of_a_stale_record_is_a_conflict(self, store: Calls) -> None:
        stale = store.create_session("ann", soon(), b"1")
        store.swap_state(stale, b"2")
        with pytest.raises(Conflict):
            store.swap_state(stale, b"3")
        assert store.load_session(stale.session_id).state == b"2"

    def test_swap_keeps_an_expiry_that_moved_meanwhile(self, store: Calls) -> None:
        record = store.create_session("ann", soon())
        store.renew_session(record, record.expires + 500)
        store.swap_state(record, b"new")
        loaded = store.load_session(record.session_id)
        assert (loaded.state, loaded.expires) == (b"new", record.expires + 500)

    def test_one_of_many_swaps_of_one_record_wins(self, store: Calls) -> None:
        record = store.create_session("ann", soon())
        states = [f"{number}".encode() for number in range(AT_ONCE)]
        outcomes = store.together(*[("swap_state", record, state) for state in states])
        [winner] = [outcome for outcome in outcomes if isinstance(outcome, SessionRecord)]
        assert [type(outcome) for outcome in outcomes if outcome is not winner] == [Conflict] * (AT_ONCE - 1)
        assert store.load_session(record.session_id) == winner

    def test_sessions_of_a_user_are_counted_by_the_exact_id(self, store: Calls) -> None:
        for user_id in (*LOOKALIKES, *LOOKALIKES, ""):
            store.create_session(user_id, soon())
        store.create_session("ann", past())
        assert [store.count_sessions_of(user_id) for user_id in LOOKALIKES] == [2] * len(LOOKALIKES)
        assert store.count_sessions_of("nobody") == store.delete_sessions_of("nobody") == 0
        assert store.delete_sessions_of("änn") == 2
        assert [store.count_sessions_of(user_id) for user_id in ("ann", "änn")] == [2, 0]

    def test_expired_sessions_are_cleared_and_live_ones_stay(self, store: Calls) -> None:
        live = store.create_session("ann", soon())
        for _ in range(3):
            store.create_session("ann", past())
        assert store.clear_expired_sessions() == 3
        assert store.clear_expired_sessions() == 0
        assert store.load_session(live.session_id) == live
        assert store.count_sessions_of("ann") == 1

    def test_sessions_made_elsewhere_go_on_and_existing_ones_stay(self, backing: Store) -> None:
        there = backing.create_session("ann", soon(), b"kept")
        made = [SessionRecord(f"made elsewhere {number}", "ann", soon(), b"state", 0) for number in range(3)]
        wanted = [replace(there, user_id="bob", state=b""), *made]
        assert backing.adopt_sessions(wanted) == {each.session_id for each in made}
        assert backing.adopt_sessions(wanted) == set()
        assert backing.adopt_sessions([]) == set()
        found = backing.load_sessions([each.session_id for each in wanted])
        assert [found[each.session_id] for each in wanted] == [
            there,
            *(replace(each, version=found[each.session_id].version) for each in made),
        ]
        swapped = backing.swap_state(found[made[0].session_id], b"new")
        assert backing.load_session(made[0].session_id) == swapped
        assert backing.count_sessions_of("ann") == 4
        assert backing.delete_sessions_of("ann") == 4


class StoreContract(AccountContract, KeptSessionContract):
    """Accounts and sessions."""
