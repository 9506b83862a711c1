import asyncio
from types import SimpleNamespace
from unittest import TestCase

from example_project.ported import alarm
from example_project.tests.base import ServiceTestCase
from toto_django.test import assert_toto_error


class PortedTests(ServiceTestCase):
    def test_hello(self):
        assert self.client.methods.hello() == "Hello, world!"
        assert self.client.methods.hello(name="Ada") == "Hello, Ada!"

    def test_the_url_names_a_method_too(self):
        response = self.client.django.get("/service/hello?name=Ada")
        assert response.json() == {"result": "Hello, Ada!"}

    def test_math_add(self):
        add = self.client.methods.math.add
        assert add(a=2, b=3) == 5
        with assert_toto_error(1003):
            add(a=2)
        with assert_toto_error(2101):
            add(a=2, b="3")

    def test_packages_and_functions_that_are_no_methods_cannot_be_called(self):
        for name in ("math", "math.add.number", "math.number", "ported.hello"):
            with self.subTest(method=name), assert_toto_error(1001):
                self.client.call(name)

    async def test_alarm_answers_later(self):
        alarm = self.async_client.methods.alarm
        slow, quick = await asyncio.gather(alarm(seconds=0.2), alarm(seconds=0.1))
        assert slow == "0.2 s are over."
        assert quick == "0.1 s are over."


class ClosedAlarmTests(TestCase):
    def test_alarm_stops_when_its_client_leaves(self):
        answers = []
        handler = SimpleNamespace(respond=answers.append)
        alarm.invoke(handler, {"seconds": 0.05})
        alarm.on_connection_close(handler)
        handler.timer.join()
        assert answers == []
