import asyncio
import json

from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import User
from django.db import connections
from django.test import TestCase, TransactionTestCase

from example_project.chat import news
from example_project.chat.models import Message
from example_project.tests.base import ServiceTestCase
from toto_django.asgi import get_asgi_application
from toto_django.models import Account
from toto_django.test import AsyncTotoClient, assert_toto_error

NOT_AUTHORIZED, INVALID_PARAMETERS, SOCKET_NEEDED = 1004, 1100, 2201
PATIENCE = 10


class ChatTests(ServiceTestCase):
    def setUp(self):
        self.chat = self.client.methods.chat
        self.sign_up("ada")

    def texts(self, **parameters):
        return [message["text"] for message in self.chat.receive(wait=0, **parameters)]

    def say(self, *texts, room="lobby"):
        author = Account.objects.get(user_id="ada")
        Message.objects.bulk_create(Message(room=room, author=author, text=text) for text in texts)

    def test_what_is_said_can_be_read(self):
        said = self.chat.post(text=" Hello <b>süß</b> 🎈\n")
        assert (said["author"], said["text"]) == ("ada", "Hello <b>süß</b> 🎈")
        self.sign_up("grace")
        assert self.chat.receive() == [said]

    def test_the_newest_come_first_of_all_and_the_others_in_order(self):
        self.say(*map(str, range(news.HISTORY + 5)))
        latest = self.texts()
        assert (len(latest), latest[0], latest[-1]) == (news.HISTORY, "5", "54")

    def test_only_what_is_newer_is_given(self):
        said = [self.chat.post(text=text) for text in ("one", "two", "three")]
        assert self.chat.receive(after=said[0]["id"]) == said[1:]
        assert self.texts(after=said[2]["id"]) == []

    def test_a_long_absence_is_made_up_for_step_by_step(self):
        self.say(*map(str, range(news.LIMIT + 1)))
        first = self.chat.receive(after=0)
        assert len(first) == news.LIMIT
        assert self.texts(after=first[-1]["id"]) == [str(news.LIMIT)]

    def test_rooms_are_apart(self):
        self.chat.post(room="Garden", text="among flowers")
        assert self.texts() == []
        assert self.texts(room="garden") == ["among flowers"]
        assert self.texts(room="garden", after=0) == ["among flowers"]

    def test_waiting_ends(self):
        assert self.chat.receive(after=0, wait=1) == []

    def test_an_empty_room_is_known_at_once(self):
        assert self.chat.receive() == []

    def test_text_is_bounded(self):
        longest = "x" * Message.MAX_LENGTH
        assert self.chat.post(text=longest)["text"] == longest
        for text in (f"{longest}x", "", "  ", None, [], {}, "\0", "\ud800"):
            with self.subTest(text=text), assert_toto_error(INVALID_PARAMETERS):
                self.chat.post(text=text)
        with assert_toto_error(INVALID_PARAMETERS):
            self.chat.post()

    def test_rooms_have_names(self):
        self.chat.post(room="x" * 40, text="x")
        for room in ("x" * 41, "", "a b", "a/b", "a\nb", None, 7.5, [], {}):
            for method in ("chat.post", "chat.receive", "chat.subscribe", "chat.typing"):
                with self.subTest(room=room, method=method), assert_toto_error(INVALID_PARAMETERS):
                    self.client.call(method, {"room": room, "text": "x"})

    def test_numbers_are_bounded(self):
        for name, value in (("after", -1), ("after", 2**63), ("after", "x"), ("wait", -1), ("wait", 21)):
            with self.subTest(name=name, value=value), assert_toto_error(INVALID_PARAMETERS):
                self.chat.receive(**{name: value})

    def test_only_logged_in_accounts_talk(self):
        for name in ("post", "receive", "subscribe", "typing"):
            with self.subTest(method=name):
                self.client.session = None
                with assert_toto_error(NOT_AUTHORIZED):
                    self.client.call(f"chat.{name}")
                self.client.call("counter.reset")
                with assert_toto_error(NOT_AUTHORIZED):
                    self.client.call(f"chat.{name}")

    def test_subscribing_takes_a_web_socket(self):
        with assert_toto_error(SOCKET_NEEDED):
            self.chat.subscribe()

    def test_typing_is_not_kept(self):
        assert self.chat.typing() == {"room": "lobby"}
        assert not Message.objects.exists()

    def test_messages_go_with_their_account(self):
        self.chat.post(text="farewell")
        Account.objects.get(user_id="ada").delete()
        assert not Message.objects.exists()


class PageTests(TestCase):
    def test_page_allows_nothing_inline(self):
        response = self.client.get("/chat/")
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]
        self.assertNotContains(response, "style=")
        self.assertContains(self.client.get("/"), 'href="/chat/"')
        assert self.client.post("/chat/").status_code == 405

    def test_staff_sees_messages_in_the_admin(self):
        author = Account.objects.create(user_id="ada")
        Message.objects.create(room="lobby", author=author, text="Hello")
        self.client.force_login(User.objects.create_superuser("staff"))
        self.assertContains(self.client.get("/admin/chat/message/?q=ada"), "Hello")


class Socket:
    """A web socket in JSON."""

    def __init__(self, session):
        path = f"/service/websocket/{session.session_id}"
        scope = {"type": "websocket", "path": path, "headers": [], "subprotocols": []}
        self.connection = ApplicationCommunicator(get_asgi_application(), scope)
        self.pushed = []
        """What came before an answer that was waited for."""

    async def connect(self):
        await self.connection.send_input({"type": "websocket.connect"})
        assert (await self.connection.receive_output(PATIENCE))["type"] == "websocket.accept"

    async def send(self, **frame):
        await self.connection.send_input({"type": "websocket.receive", "text": json.dumps(frame)})

    async def receive(self):
        return self.pushed.pop(0) if self.pushed else await self.frame()

    async def answer(self):
        while isinstance(frame := await self.frame(), list):
            self.pushed.append(frame)
        return frame

    async def frame(self):
        return json.loads((await self.connection.receive_output(PATIENCE))["text"])

    async def receives_nothing(self):
        return await self.connection.receive_nothing(timeout=1)

    async def close(self):
        await self.connection.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.connection.wait()


class LiveTests(TransactionTestCase):
    """Those who wait hear of what others say."""

    def setUp(self):
        self.clients = {}
        for user_id in ("ada", "grace"):
            Account.objects.create(user_id=user_id)
            self.clients[user_id] = AsyncTotoClient()
            async_to_sync(self.clients[user_id].force_login)(user_id)

    def tearDown(self):
        connections.close_all()

    async def call(self, user_id, method, **parameters):
        return await self.clients[user_id].call(method, parameters)

    async def waiting(self, user_id, **parameters):
        """A call that waits already."""
        call = asyncio.create_task(self.call(user_id, "chat.receive", after=0, **parameters))
        await asyncio.sleep(0.5)
        assert not call.done()
        return call

    async def socket(self, user_id, **parameters):
        """A socket that is subscribed."""
        socket = Socket(self.clients[user_id].session)
        await socket.connect()
        await socket.send(id="1", method="chat.subscribe", parameters=parameters)
        assert (await socket.answer())["result"] == {"room": parameters.get("room", "lobby")}
        return socket

    async def test_a_message_ends_the_waiting(self):
        calls = [await self.waiting(user_id) for user_id in ("ada", "grace")]
        said = await self.call("ada", "chat.post", text="Hello")
        assert await asyncio.gather(*calls) == [[said], [said]]

    async def test_typing_ends_the_waiting(self):
        call = await self.waiting("grace")
        await self.call("ada", "chat.typing")
        assert await call == [{"typing": "ada"}]

    async def test_other_rooms_are_not_heard(self):
        call = await self.waiting("grace", room="garden", wait=2)
        await self.call("ada", "chat.post", text="Hello")
        assert await call == []

    async def test_a_socket_is_pushed_each_message_once_and_in_order(self):
        socket = await self.socket("grace")
        texts = [str(number) for number in range(20)]
        for text in texts:
            await self.call("ada", "chat.post", text=text)
        received = []
        while len(received) < len(texts):
            received += await socket.receive()
        assert [item["text"] for item in received] == texts
        await self.call("ada", "chat.typing")
        assert await socket.receive() == [{"typing": "ada"}]
        assert await socket.receives_nothing()
        await socket.close()

    async def test_a_socket_that_comes_back_is_pushed_what_it_missed(self):
        first = await self.call("ada", "chat.post", text="seen")
        missed = await self.call("ada", "chat.post", text="missed")
        socket = await self.socket("grace", after=first["id"])
        assert await socket.receive() == [missed]
        await socket.close()

    async def test_another_room_takes_the_place_of_the_one_before(self):
        socket = await self.socket("grace")
        await socket.send(id="2", method="chat.subscribe", parameters={"room": "garden"})
        await socket.receive()
        await self.call("ada", "chat.post", text="in the lobby")
        said = await self.call("ada", "chat.post", room="garden", text="in the garden")
        assert await socket.receive() == [said]
        assert await socket.receives_nothing()
        await socket.close()

    async def test_a_socket_hears_nothing_after_its_session_has_ended(self):
        socket = await self.socket("grace")
        await self.clients["grace"].logout()
        await self.call("ada", "chat.post", text="secret")
        await self.call("ada", "chat.typing")
        assert await socket.receives_nothing()
        await socket.close()
