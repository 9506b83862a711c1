"""``star.*``: undecorated methods in a module that imports as every example of the original does."""

from collections.abc import Callable
from typing import Any

from toto_django import method
from toto_django.exceptions import TotoException
from toto_django.invocation import *  # noqa: F403

VALUES: dict[str, Any] = {
    "none": None,
    "zero": 0,
    "false": False,
    "empty_string": "",
    "empty_list": [],
    "empty_dict": {},
    "one": 1,
}


def _returning(value: Any) -> Callable[[Any, Any], Any]:
    return lambda handler, parameters: value


for _name, _value in VALUES.items():
    method(f"star.{_name}")(_returning(_value))


@method("star.error")
def error(handler: Any, parameters: Any) -> Any:
    raise TotoException(4242, "star error")
