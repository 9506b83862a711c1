"""Sessions in the admin: the list, the state, revoking."""

import datetime
import time
from typing import Any

import pytest
from django.test import Client, override_settings

from tests.admin.site import (
    ACCOUNTS,
    SESSIONS,
    allow,
    emitted,
    page_of,
    page_of_session,
    shown_messages,
    wire_error,
)
from toto_django import sessions
from toto_django.models import Account, Session
from toto_django.serializers import SERIALIZERS
from toto_django.signals import session_ended
from toto_django.stores import session_store

pytestmark = pytest.mark.django_db


def test_sessions_are_listed_with_owner_and_expiry(admin_client: Client, live: sessions.Session) -> None:
    sessions.create_session("")
    text = admin_client.get(SESSIONS).text
    assert "alice" in text
    assert "anonymous" in text
    assert datetime.datetime.fromtimestamp(live.expires, datetime.UTC).strftime("%Y") in text
    for session in Session.objects.all():
        assert session.id_hash not in text


def test_a_longer_list_of_sessions_takes_no_more_queries_and_reads_no_state(
    admin_client: Client, live: sessions.Session, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(10) as first:
        admin_client.get(SESSIONS)
    for _ in range(3):
        sessions.create_session("alice")
    with django_assert_max_num_queries(len(first.captured_queries)) as second:
        admin_client.get(SESSIONS)
    assert not any(
        '"state"' in query["sql"] or "`state`" in query["sql"] for query in second.captured_queries
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"expiry": "unexpired"}, {"alice", "soon"}),
        ({"expiry": "expired"}, {""}),
        ({"expiry": "day"}, {"soon"}),
        ({"owner": "anonymous"}, {""}),
        ({"owner": "account"}, {"alice", "soon"}),
        ({"q": "ALI"}, {"alice"}),
        ({"expiry": "never"}, {"alice", "soon", ""}),
    ],
)
def test_sessions_are_filtered_and_found(
    admin_client: Client, live: sessions.Session, query: dict[str, str], found: set[str]
) -> None:
    session_store().create_session("soon", time.time() + 60)
    session_store().create_session("", time.time() - 60)
    results = admin_client.get(SESSIONS, query).context["cl"].result_list
    assert {session.user_id for session in results} == found


def test_sessions_cannot_be_asked_for_by_their_hashes(admin_client: Client, live: sessions.Session) -> None:
    assert admin_client.get(SESSIONS, {"id_hash__startswith": "a"}).status_code == 400


def test_sessions_are_neither_added_nor_edited(admin_client: Client, live: sessions.Session) -> None:
    assert admin_client.get(f"{SESSIONS}add/").status_code == 403
    assert admin_client.post(page_of_session(), {"user_id": "bob"}).status_code == 403
    assert Session.objects.get().user_id == "alice"


def test_a_session_shows_its_owner_and_its_state(
    admin_client: Client, live: sessions.Session, alice: Account
) -> None:
    live["cart"] = {"<script>": [1, datetime.date(2024, 2, 29), {1}, b"\x00"], "nan": float("nan")}
    live.save()
    text = admin_client.get(page_of_session()).text
    assert f'<a href="{page_of(alice)}">alice</a>' in text
    assert "&quot;&lt;script&gt;&quot;: [\n      1,\n      &quot;2024-02-29&quot;,\n" in text
    assert "&quot;nan&quot;: &quot;nan&quot;" in text
    assert "&quot;b&#x27;\\\\x00&#x27;&quot;" in text


@pytest.mark.parametrize("view", ["change", "delete"])
def test_a_sessions_pages_never_show_its_hash_or_key(
    admin_client: Client, live: sessions.Session, view: str, settings: Any
) -> None:
    settings.TOTO = {"HMAC": "session_key"}
    text = admin_client.get(page_of_session(view)).text
    assert Session.objects.get().id_hash not in text
    assert live.session_id not in text
    assert live.key is not None
    assert live.key not in text


@pytest.mark.parametrize(
    "path", ["0" * 32 + "/change/", "0" * 64 + "/change/", "a/change/", "_5F/change/", "0" * 32 + "/delete/"]
)
def test_an_unknown_session_is_reported(admin_client: Client, live: sessions.Session, path: str) -> None:
    answer = admin_client.get(f"{SESSIONS}{path}", follow=True)
    assert "exist" in shown_messages(answer)[0]


def test_a_sessions_history_is_not_found(admin_client: Client, live: sessions.Session) -> None:
    assert admin_client.get(page_of_session("history")).status_code == 404


@pytest.mark.parametrize(
    "state", [b"\xc1", b"\x81\xa1", b"\xd9", b"[", SERIALIZERS["pickle"].dumps({"a": 1}), b"\x91" * 100_000]
)
def test_a_state_that_cannot_be_read_is_reported(
    admin_client: Client, live: sessions.Session, state: bytes
) -> None:
    Session.objects.update(state=state)
    answer = admin_client.get(page_of_session())
    assert answer.status_code == 200
    assert f"Not shown: these {len(state)} bytes are no state in the format msgpack" in answer.text


def test_a_pickle_is_not_read(admin_client: Client, live: sessions.Session, settings: Any) -> None:
    settings.TOTO = {"STATE_SERIALIZER": "pickle"}
    Session.objects.update(state=b"cos\nabort\n(tR.")
    assert "Not shown: reading a pickle" in admin_client.get(page_of_session()).text


def test_a_long_state_is_cut(admin_client: Client, live: sessions.Session) -> None:
    Session.objects.update(state=SERIALIZERS["msgpack"].dumps({"a": "b" * 200_000}))
    assert len(admin_client.get(page_of_session()).text) < 120_000


@override_settings(TOTO={"STATE_SERIALIZER": "json"})
@pytest.mark.parametrize(
    ("state", "shown"),
    [(b"", "{}"), (b'{"a":"\\ud800"}', '{\n  "a": "\\ud800"\n}'), (b'{"a":"\xc3\xa4"}', '{\n  "a": "ä"\n}')],
)
def test_states_in_json_are_shown(state: bytes, shown: str) -> None:
    from toto_django.admin.sessions import state_text

    assert state_text(state) == shown


def test_an_expiry_beyond_the_calendar_is_shown(admin_client: Client, live: sessions.Session) -> None:
    Session.objects.update(expires=1e300)
    assert admin_client.get(SESSIONS).status_code == 200
    assert admin_client.get(page_of_session()).status_code == 200


@pytest.mark.parametrize("use_tz", [True, False])
def test_the_expiry_is_a_date_in_the_time_zone(
    admin_client: Client, live: sessions.Session, settings: Any, use_tz: bool
) -> None:
    Session.objects.update(expires=1_900_000_000.5)
    settings.TIME_ZONE = "Asia/Tokyo"
    settings.USE_TZ = use_tz
    for page in (SESSIONS, page_of_session()):
        assert "March 18, 2030, 2:46 a.m." in admin_client.get(page).text


def test_a_revoked_session_is_refused(admin_client: Client, live: sessions.Session) -> None:
    name = str(Session.objects.get())
    with emitted(session_ended) as user_ids:
        answer = admin_client.post(page_of_session("delete"), {"post": "yes"}, follow=True)
    assert shown_messages(answer) == [f"The session “{name}” was revoked."]
    assert answer.redirect_chain == [(SESSIONS, 302)]
    assert wire_error(live) == 1004
    assert user_ids == ["alice"]


def test_selected_sessions_are_revoked(admin_client: Client, live: sessions.Session) -> None:
    mine = Session.objects.get().id_hash
    other = sessions.create_session("alice")
    data = {"action": "delete_selected", "_selected_action": [mine[:32]]}
    assert mine[:32] in admin_client.get(SESSIONS).text
    with emitted(session_ended) as user_ids:
        answer = admin_client.post(SESSIONS, data, follow=True)
    assert shown_messages(answer) == ["1 session was revoked."]
    assert (wire_error(live), wire_error(other)) == (1004, None)
    assert user_ids == ["alice"]


def test_all_sessions_of_a_list_are_revoked(admin_client: Client, live: sessions.Session) -> None:
    anonymous = sessions.create_session("")
    data = {"action": "delete_selected", "_selected_action": ["x"], "select_across": "1"}
    admin_client.post(f"{SESSIONS}?owner=account", data)
    assert wire_error(live) == 1004
    assert sessions.load_session(anonymous.session_id) is not None


@pytest.mark.parametrize("selected", [[], [""], ["%" * 32], ["0" * 32]])
def test_selecting_no_session_revokes_none(
    admin_client: Client, live: sessions.Session, selected: list[str]
) -> None:
    admin_client.post(SESSIONS, {"action": "delete_selected", "_selected_action": selected})
    assert wire_error(live) is None


@pytest.mark.parametrize("granted", [(), ("view_session",), ("change_session", "view_session")])
def test_a_session_is_revoked_with_permission_only(
    staff: Client, live: sessions.Session, granted: tuple[str, ...]
) -> None:
    allow(staff, *granted)
    assert staff.post(page_of_session("delete"), {"post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "_selected_action": Session.objects.get().id_hash[:32]}
    staff.post(SESSIONS, data)
    assert wire_error(live) is None
    assert staff.get(page_of_session()).status_code == (200 if granted else 403)


def test_who_may_delete_sessions_revokes_them(staff: Client, live: sessions.Session) -> None:
    allow(staff, "view_session", "delete_session")
    text = staff.get(page_of_session()).text
    assert "Revoke" in text
    assert ACCOUNTS not in text
    staff.post(page_of_session("delete"), {"post": "yes"})
    assert wire_error(live) == 1004
