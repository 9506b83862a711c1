"""``uvicorn tests.browser.console.asgi:application``"""

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

from toto_django.asgi import get_asgi_application

application = ASGIStaticFilesHandler(get_asgi_application())
