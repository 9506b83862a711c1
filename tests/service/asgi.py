"""The ASGI application."""

from toto_django.asgi import get_asgi_application

application = get_asgi_application()
