"""Every option of ``manage.py toto``: its default, what it takes and what it does.

Toto's options are here too. Some are settings of TOTO for the processes of this server; some have
no effect, and say what has.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from toto_django.conf import Setting, Settings, settings
from toto_django.server.kinds import COUNT, FLAG, NAMES, PORT, SECONDS, TEXT, Kind, choice
from toto_django.server.problems import OptionProblem

__all__ = ["ACTIONS", "OPTIONS", "Option", "action_of", "check", "nearest", "overridden", "without_effect"]

Overrides = dict[str, Any]
Apply = Callable[[Any, Overrides], None]

PROCESSES = "processes"
DAEMON = "the daemon"
SETTINGS = "settings of TOTO, for these processes"
WITHOUT_EFFECT = "options of Toto without effect here"

ACTIONS = ("start", "stop", "restart", "status", "reload")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option. ``apply`` writes a value into the keys of TOTO that are overridden.

    ``instead`` is for options that have no effect here: what has.
    """

    name: str
    group: str
    kind: Kind
    help: str
    default: Any = None
    apply: Apply | None = None
    instead: str = ""


def _process(name: str, kind: Kind, default: Any, help: str) -> Option:
    return Option(name=name, group=PROCESSES, kind=kind, help=help, default=default)


def _daemon(name: str, kind: Kind, default: Any, help: str) -> Option:
    return Option(name=name, group=DAEMON, kind=kind, help=help, default=default)


def _toto(name: str, kind: Kind, help: str, apply: Apply) -> Option:
    return Option(name=name, group=SETTINGS, kind=kind, help=help, apply=apply)


def _same(setting: Setting[Any], kind: Kind) -> Option:
    """A setting under Toto's name for it."""

    def apply(value: Any, overrides: Overrides) -> None:
        overrides[setting.name] = value

    expected = Kind(setting.expects, lambda value: bool(setting.valid(value)), kind.read)
    return _toto(setting.name.lower(), expected, f"TOTO['{setting.name}']: {setting.expects}", apply)


def _gone(instead: str, *names: str) -> list[Option]:
    return [_without(name, instead, Kind("anything", lambda value: True)) for name in names]


def _without(name: str, instead: str, kind: Kind) -> Option:
    help = f"No effect here: {instead}."
    return Option(name=name, group=WITHOUT_EFFECT, kind=kind, help=help, instead=instead)


def _listed(key: str) -> Apply:
    def apply(value: Any, overrides: Overrides) -> None:
        overrides[key] = [value] if isinstance(value, str) else list(value)

    return apply


def _codec(name: str) -> Apply:
    def apply(value: Any, overrides: Overrides) -> None:
        codecs = overrides.get("CODECS", settings.CODECS)
        if value and name not in codecs:
            codecs = {**codecs, name: {}} if isinstance(codecs, Mapping) else [*codecs, name]
        elif not value and isinstance(codecs, Mapping):
            codecs = {key: options for key, options in codecs.items() if key != name}
        elif not value:
            codecs = [codec for codec in codecs if codec != name]
        overrides["CODECS"] = codecs

    return apply


def _hmac(value: Any, overrides: Overrides) -> None:
    if not value:
        overrides["HMAC"] = None
    elif settings.HMAC is None:
        raise OptionProblem("hmac_enabled: TOTO['HMAC'] is None. It says which scheme: name one there.")


def _origin(value: Any, overrides: Overrides) -> None:
    overrides["ALLOW_ORIGIN"] = value[0] if len(value) == 1 else value


def _expose(value: Any, overrides: Overrides) -> None:
    overrides["EXPOSE_ERRORS"] = value


_LIST = [
    # Processes
    _process("host", TEXT, "127.0.0.1", "The address to listen on; 0.0.0.0 for every one."),
    _process("port", PORT, 8888, "The first port; one for each process, counted up."),
    _process("processes", COUNT, 1, "How many processes; 0 for one per CPU."),
    _process("shared_port", FLAG, False, "All processes serve the first port."),
    _process(
        "application", TEXT, "", "Dotted path of an ASGI application; ASGI_APPLICATION, or else Toto's."
    ),
    _process("startup_function", TEXT, "", "Dotted path of what each process calls before it serves."),
    _process("use_web_sockets", FLAG, True, "Accept web sockets."),
    _process("grace", SECONDS, 10, "Seconds that open calls have at the end of a process."),
    _process("keep_alive", SECONDS, 75, "Seconds that an idle connection is kept."),
    _process("forwarded_allow_ips", TEXT, "127.0.0.1", "Whose X-Forwarded-* headers count; '' for nobody's."),
    _process("access_log", FLAG, False, "Log every request."),
    _process("log_file", TEXT, "", "Where output goes instead of stdout; opened anew at SIGUSR1."),
    _process("autoreload", FLAG, False, "Replace the processes when a Python file changes."),
    # The daemon
    _daemon("start", FLAG, False, "Start as a daemon; return when it serves."),
    _daemon("stop", FLAG, False, "Stop the daemon."),
    _daemon("restart", FLAG, False, "Stop the daemon, if it runs, and start it."),
    _daemon("status", FLAG, False, "Say what runs; exit with 3 if nothing does."),
    _daemon("reload", FLAG, False, "Replace the processes one after another."),
    _daemon("daemon", choice("", *ACTIONS), "", "One of these, for files."),
    _daemon("nodaemon", FLAG, False, "Stay in the foreground, whatever a file says."),
    _daemon("pidfile", TEXT, "toto.daemon.pid", "With .1, .2, ... and .master before its extension."),
    # Settings of TOTO
    _toto("method_module", NAMES, "TOTO['METHOD_MODULES']", _listed("METHOD_MODULES")),
    _same(Settings.METHOD_SELECT, TEXT),
    _toto("allow_origin", NAMES, "TOTO['ALLOW_ORIGIN']", _origin),
    _toto("bson_enabled", FLAG, "'bson' in TOTO['CODECS']", _codec("bson")),
    _toto("msgpack_enabled", FLAG, "'msgpack' in TOTO['CODECS']", _codec("msgpack")),
    _toto("hmac_enabled", FLAG, "False for no TOTO['HMAC']; True leaves the scheme there.", _hmac),
    *(
        _same(setting, SECONDS)
        for setting in (
            Settings.SESSION_TTL,
            Settings.ANON_SESSION_TTL,
            Settings.SESSION_RENEW,
            Settings.ANON_SESSION_RENEW,
        )
    ),
    _same(Settings.USE_COOKIES, FLAG),
    _same(Settings.SECURE_COOKIES, FLAG),
    _same(Settings.COOKIE_DOMAIN, TEXT),
    _toto("event_init_module", NAMES, "TOTO['EVENT_INIT_MODULES']", _listed("EVENT_INIT_MODULES")),
    _same(Settings.SOCKET_OPENED_METHOD, TEXT),
    _same(Settings.SOCKET_CLOSED_METHOD, TEXT),
    _toto("debug", FLAG, "TOTO['EXPOSE_ERRORS']; Django's DEBUG stays as it is.", _expose),
    # Without effect
    *_gone("the prefix in urls.py", "root"),
    *_gone("SECRET_KEY", "cookie_secret"),
    *_gone("DATABASES, and TOTO['STORES']", "database", "db_host", "db_port"),
    *_gone("DATABASES", "mysql_database", "mysql_user", "mysql_password"),
    *_gone("DATABASES", "postgres_database", "postgres_user", "postgres_password"),
    *_gone("TOTO['THREADS']", "postgres_min_connections", "postgres_max_connections"),
    *_gone("the OPTIONS of a store in TOTO['STORES']", "mongodb_database", "redis_database"),
    *_gone("CHANNEL_LAYERS", "event_port", "remote_event_receivers"),
    _without(
        "event_mode",
        "CHANNEL_LAYERS",
        Kind("'on' or 'off': every process serves", {"on", "off"}.__contains__),
    ),
    *_gone("web sockets are at 'websocket' below the prefix", "socket_path"),
    *_gone("web sockets call the same methods as requests", "socket_method_module"),
    _without(
        "client_side_worker_path",
        "nothing: it ran scripts of the server in browsers",
        Kind("empty: scripts of the server are not run in browsers", lambda value: not value),
    ),
]

OPTIONS = {option.name: option for option in _LIST}
"""By name, in the order of the help."""


def nearest(name: str) -> str:
    """`` Did you mean ...?``, or nothing where no option's name is near; rather one that has an effect."""
    name = name.replace("-", "_")
    with_effect = [option.name for option in OPTIONS.values() if not option.instead]
    found = get_close_matches(name, with_effect, n=1) or get_close_matches(name, OPTIONS, n=1)
    return f" Did you mean {found[0]!r}?" if found else ""


def check(given: Mapping[str, Any], where: str) -> None:
    """Refuse unknown names and bad values. Raises OptionProblem, which names ``where`` they were given."""
    for name, value in given.items():
        if name not in OPTIONS:
            raise OptionProblem(f"{where}: there is no option {name!r}.{nearest(name)}")
        if not _is_valid(OPTIONS[name], value):
            raise OptionProblem(f"{where}: {name} must be {OPTIONS[name].kind.expects}, not {value!r}.")


def _is_valid(option: Option, value: Any) -> bool:
    try:
        return bool(option.kind.is_valid(value))
    except TypeError:
        return False


def action_of(sources: Iterable[Mapping[str, Any]]) -> str:
    """What to do: one of ACTIONS, "" to serve in the foreground. The last source that says so decides.

    Raises OptionProblem when it says two things.
    """
    action = ""
    for source in sources:
        said = [name for name in ("nodaemon", *ACTIONS) if source.get(name)]
        if len(said) > 1:
            raise OptionProblem(f"Only one of {' and '.join(said)}.")
        if said:
            action = "" if said == ["nodaemon"] else said[0]
        elif "daemon" in source:
            action = source["daemon"]
    return action


def overridden(given: Mapping[str, Any]) -> Overrides:
    """The keys of TOTO that the given options change. Raises OptionProblem."""
    overrides: Overrides = {}
    for name, value in given.items():
        if apply := OPTIONS[name].apply:
            apply(value, overrides)
    return overrides


def without_effect(given: Mapping[str, Any]) -> list[str]:
    """A line for each given option that has no effect."""
    return [
        f"The option {name} has no effect here; what counts is {OPTIONS[name].instead}."
        for name in given
        if OPTIONS[name].instead
    ]
