import asyncio
import json
from types import SimpleNamespace
from unittest import TestCase

from example_project.ported import alarm
from example_project.tests.client import URL, ServiceTestCase


class PortedTests(ServiceTestCase):
    def test_hello(self):
        assert self.call("hello") == "Hello, world!"
        assert self.call("hello", name="Ada") == "Hello, Ada!"

    def test_the_url_names_a_method_too(self):
        response = self.client.get(f"{URL}hello?name=Ada")
        assert response.json() == {"result": "Hello, Ada!"}

    def test_math_add(self):
        assert self.call("math.add", a=2, b=3) == 5
        assert self.refused("math.add", a=2) == 1003
        assert self.refused("math.add", a=2, b="3") == 2101

    def test_packages_and_functions_that_are_no_methods_cannot_be_called(self):
        for name in ("math", "math.add.number", "math.number", "ported.hello"):
            with self.subTest(method=name):
                assert self.refused(name) == 1001

    async def test_alarm_answers_later(self):
        calls = [
            self.async_client.post(
                URL, json.dumps({"method": "alarm", "parameters": {"seconds": seconds}}), "application/json"
            )
            for seconds in (0.2, 0.1)
        ]
        slow, quick = await asyncio.gather(*calls)
        assert slow.json() == {"result": "0.2 s are over."}
        assert quick.json() == {"result": "0.1 s are over."}


class ClosedAlarmTests(TestCase):
    def test_alarm_stops_when_its_client_leaves(self):
        answers = []
        handler = SimpleNamespace(respond=answers.append)
        alarm.invoke(handler, {"seconds": 0.05})
        alarm.on_connection_close(handler)
        handler.timer.join()
        assert answers == []
