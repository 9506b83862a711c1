"""The WSGI application, for what needs neither long-polls nor web sockets."""

import os

from toto_django.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")

application = get_wsgi_application()
