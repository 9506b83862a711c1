"""hello"""

from toto_django.invocation import default_parameters


@default_parameters({"name": "world"})
def invoke(handler, parameters):
    """Greet, for anybody."""
    return f"Hello, {parameters['name']}!"
