"""``manage.py toto``: options, processes and a daemon around uvicorn.

A master holds the listening sockets and keeps one process for each of them. Processes are started
afresh and inherit the sockets, so none shares a thread, a client or an event loop with the master, and
a reload runs the newest code.
"""

from toto_django.server.server import TotoServer

__all__ = ["TotoServer"]
