"""`TotoServer`: the server from Python, and all that ``manage.py toto`` does."""

import asyncio
import os
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from toto_django.hub import is_in_memory
from toto_django.server import arguments, operating
from toto_django.server.files import read_options
from toto_django.server.listeners import listen, process_count
from toto_django.server.logs import open_log, set_up_logging
from toto_django.server.options import OPTIONS, action_of, check, overridden, without_effect
from toto_django.server.pidfiles import PidFiles
from toto_django.server.problems import NotRunning, ServerProblem
from toto_django.server.supervisor import Supervisor

__all__ = ["TotoServer"]


class TotoServer:
    """The server with options from its arguments, a file and the command line, each overriding the last.

    ``conf`` is the path of a file. Needs DJANGO_SETTINGS_MODULE in the environment.
    """

    def __init__(self, conf: str | Path | None = None, **options: Any) -> None:
        self.conf = conf
        self.options = options
        self.given: dict[str, Any] = {}
        """What the sources say together; empty before `read`."""
        self.action = ""

    def run(self) -> None:
        """Do what the options say: serve until told to end, or operate the daemon.

        The command line is ``sys.argv``. Ends the interpreter where something is wrong.
        """
        parser = ArgumentParser(allow_abbrev=False)
        arguments.add_arguments(parser)
        values = vars(parser.parse_args(arguments.known_arguments(parser, sys.argv[1:])))
        try:
            self.read(arguments.given(values), values["conf"])
            self.act()
        except ServerProblem as problem:
            print(f"Error: {problem}", file=sys.stderr)
            sys.exit(problem.exit_code)

    def read(self, command_line: Mapping[str, Any], conf: str | Path | None = None) -> None:
        """Take the options of all sources; a file of the command line stands for the one given here.

        Raises OptionProblem.
        """
        sources: dict[str, Mapping[str, Any]] = {"TotoServer": self.options}
        if path := conf or self.conf:
            sources[str(path)] = read_options(path)
        sources["the command line"] = command_line
        for where, source in sources.items():
            check(source, where)
            self.given.update(source)
        self.action = action_of(sources.values())

    @property
    def starts(self) -> bool:
        """What is asked for begins to serve."""
        return self.action in ("", "start", "restart")

    def act(self) -> None:
        """Do it. Raises ServerProblem."""
        options = {option.name: option.default for option in OPTIONS.values() if not option.apply}
        options |= {name: value for name, value in self.given.items() if name in options}
        for name in ("pidfile", "log_file"):
            options[name] = options[name] and os.path.abspath(options[name])
        files = PidFiles(options["pidfile"])
        if self.starts:
            self._warn(options)
        match self.action:
            case "stop":
                print(f"Stopped: process {operating.stop_daemon(files)}.")
            case "status":
                print(*operating.status_lines(files), sep="\n")
            case "reload":
                print(f"Reloaded: process {operating.reload_daemon(files)}.")
            case "start":
                self._start(options, files)
            case "restart":
                self._restart(options, files)
            case _:
                self._serve(options, files if "pidfile" in self.given else None)

    def _warn(self, options: Mapping[str, Any]) -> None:
        if "DJANGO_SETTINGS_MODULE" not in os.environ:
            raise ServerProblem(
                "The processes find the settings through DJANGO_SETTINGS_MODULE, which is missing."
            )
        if find_spec("uvicorn") is None:
            raise ServerProblem("uvicorn is missing: install toto-django[server].")
        if options["autoreload"] and self.action:
            raise ServerProblem("autoreload is for the foreground.")
        warnings = without_effect(self.given)
        if process_count(options["processes"]) > 1 and is_in_memory():
            warnings.append("Events stay in their process: CHANNEL_LAYERS has no layer that processes share.")
        for warning in warnings:
            print(f"Warning: {warning}", file=sys.stderr)

    # Serving

    def _what(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {"options": options, "settings": overridden(self.given)}

    def _serve(self, options: Mapping[str, Any], files: PidFiles | None) -> None:
        what = self._what(options)
        with _refusals(), ExitStack() as stack:
            if files is not None:
                lock = stack.enter_context(files.locked())
                stack.callback(files.remove, lock)
                files.write_master(lock)
            listeners = _listeners(options, stack)
            if options["log_file"]:
                open_log(options["log_file"])
            set_up_logging()
            asyncio.run(Supervisor(what, listeners, files).run())

    def _start(self, options: Mapping[str, Any], files: PidFiles) -> None:
        what = self._what(options)
        with _refusals(), ExitStack() as stack, ExitStack() as undo:
            lock = stack.enter_context(files.locked())
            undo.callback(files.remove, lock)
            listeners = _listeners(options, stack)
            ports = dict.fromkeys(listener.getsockname()[1] for listener in listeners)
            pid = operating.start_daemon(what, listeners, lock)
            undo.pop_all()
        print(f"Started: process {pid} on {options['host']}, port {', '.join(map(str, ports))}.")
        if not options["log_file"]:
            print("Nothing is logged: there is no log_file.")

    def _restart(self, options: Mapping[str, Any], files: PidFiles) -> None:
        try:
            print(f"Stopped: process {operating.stop_daemon(files)}.")
        except NotRunning as problem:
            print(problem)
        self._start(options, files)


def _listeners(options: Mapping[str, Any], stack: ExitStack) -> list[socket.socket]:
    processes = process_count(options["processes"])
    listeners = listen(options["host"], options["port"], processes, options["shared_port"])
    for listener in listeners:
        stack.enter_context(listener)
    return listeners


@contextmanager
def _refusals() -> Iterator[None]:
    """What the system refuses is a ServerProblem."""
    try:
        yield
    except OSError as error:
        raise ServerProblem(f"{error.filename or 'The system'}: {error.strerror}.") from error
