"""math.add"""

from toto_django.exceptions import TotoException
from toto_django.invocation import requires

NOT_A_NUMBER = 2101


@requires("a", "b")
def invoke(handler, parameters):
    """Add two numbers."""
    return number(parameters["a"]) + number(parameters["b"])


def number(value):
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TotoException(NOT_A_NUMBER, "a and b are numbers.")
    return value
