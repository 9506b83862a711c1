"""Options: where they come from, what they may be, and what Toto's do here."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from toto_django.conf import Settings, settings
from toto_django.management.commands.toto import Command
from toto_django.server import TotoServer
from toto_django.server.arguments import given, known_arguments
from toto_django.server.files import read_options
from toto_django.server.options import ACTIONS, OPTIONS, action_of, check, overridden, without_effect
from toto_django.server.problems import OptionProblem

Toto = Callable[..., None]

OF_TOTO = """
port root method_module method_select allow_origin bson_enabled msgpack_enabled hmac_enabled database
db_host db_port mysql_database mysql_user mysql_password postgres_database postgres_user postgres_password
postgres_min_connections postgres_max_connections mongodb_database redis_database session_ttl
anon_session_ttl session_renew anon_session_renew cookie_secret use_cookies secure_cookies cookie_domain
event_mode event_port event_init_module remote_event_receivers startup_function autoreload processes daemon
start stop restart nodaemon pidfile debug use_web_sockets socket_path socket_method_module
socket_opened_method socket_closed_method client_side_worker_path
"""


def read(server: TotoServer, *, conf: Path | None = None, **command_line: Any) -> dict[str, Any]:
    server.read(command_line, conf)
    return server.given


def parsed(*arguments: str) -> dict[str, Any]:
    """The options of a command line."""
    command = Command()
    parser = command.create_parser("manage.py", "toto")
    return given(vars(parser.parse_args(known_arguments(parser, arguments))))


# Sources


def test_each_source_overrides_the_one_before(tmp_path: Path) -> None:
    conf = tmp_path / "toto.toml"
    conf.write_text("port = 2\nprocesses = 2\n")
    given = read(TotoServer(conf, port=1, processes=1, grace=1), port=3)
    assert given == {"port": 3, "processes": 2, "grace": 1}


def test_file_of_the_command_line_stands_for_the_one_of_the_script(tmp_path: Path) -> None:
    for name, port in (("one.toml", 1), ("two.toml", 2)):
        (tmp_path / name).write_text(f"port = {port}\n")
    assert read(TotoServer(tmp_path / "one.toml"), conf=tmp_path / "two.toml") == {"port": 2}


def test_file_of_toto_is_read_as_literals(tmp_path: Path) -> None:
    conf = tmp_path / "toto.conf"
    conf.write_text('"""Ours."""\n# Ports\nport = 8080\nmethod_module = u"methods"\nsession_ttl = 1.5\n')
    assert read_options(conf) == {"port": 8080, "method_module": "methods", "session_ttl": 1.5}
    conf.write_text("allow_origin = ['https://a',\n                'https://b']\nuse_cookies = True")
    assert read_options(conf) == {"allow_origin": ["https://a", "https://b"], "use_cookies": True}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("port = 1\nimport os", "line 2: only name = literal is read, nothing is run"),
        ("port = os.getpid()", "line 1: the value of port is no literal"),
        ("port = 8000 + 888", "line 1: the value of port is no literal"),
        ("options['port'] = 1", "line 1: only name = literal"),
        ("raise SystemExit", "line 1: only name = literal"),
        ("\nport = 0777", "line 2: leading zeros"),
        ("port = [" * 1000, "line 1: "),
    ],
)
def test_file_is_never_run(tmp_path: Path, text: str, reason: str) -> None:
    conf = tmp_path / "toto.conf"
    conf.write_text(text)
    with pytest.raises(OptionProblem, match=f"^{conf}: {reason}"):
        read_options(conf)


def test_file_that_is_no_toml_or_missing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "toto.toml").write_text("port: 1")
    with pytest.raises(OptionProblem, match=r"toto.toml: .*line 1"):
        read_options(tmp_path / "toto.toml")
    with pytest.raises(OptionProblem, match=r"none.toml: No such file or directory"):
        read_options(tmp_path / "none.toml")
    (tmp_path / "toto.conf").write_bytes(b"port = '\xff'")
    with pytest.raises(OptionProblem, match=r"toto.conf: .*utf-8"):
        read_options(tmp_path / "toto.conf")


# Names and values


def test_every_option_of_toto_is_known() -> None:
    assert [name for name in OF_TOTO.split() if name not in OPTIONS] == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"prot": 1}, "here: there is no option 'prot'. Did you mean 'port'?"),
        ({"session_tll": 1}, "here: there is no option 'session_tll'. Did you mean 'session_ttl'?"),
        ({"xyzzy": 1}, "here: there is no option 'xyzzy'."),
        ({"port": "8888"}, "here: port must be a port from 0 to 65535, not '8888'."),
        ({"port": 65536}, "here: port must be a port from 0 to 65535, not 65536."),
        ({"port": True}, "here: port must be a port from 0 to 65535, not True."),
        ({"processes": -2}, "here: processes must be a whole number, 0 or above, not -2."),
        ({"start": 1}, "here: start must be true or false, not 1."),
        ({"grace": float("nan")}, "here: grace must be a number of seconds, 0 or above, not nan."),
        ({"session_ttl": 0}, "here: session_ttl must be a number of seconds above 0, not 0."),
        ({"method_select": []}, "here: method_select must be 'both', 'url' or 'parameter', not []."),
        ({"daemon": "begin"}, "here: daemon must be '' or 'start' or 'stop' or 'restart' or 'status' or "),
        ({"method_module": [1]}, "here: method_module must be a text, or a list of texts"),
        ({"event_mode": "only"}, "here: event_mode must be 'on' or 'off': every process serves, not 'only'."),
        (
            {"client_side_worker_path": "w"},
            "here: client_side_worker_path must be empty: scripts of the server",
        ),
    ],
)
def test_unknown_names_and_bad_values_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionProblem) as raised:
        check(given, "here")
    assert str(raised.value).startswith(message)


def test_refusal_says_which_source_it_is(tmp_path: Path) -> None:
    with pytest.raises(OptionProblem, match=r"^TotoServer: there is no option 'prot'"):
        read(TotoServer(prot=1))
    (tmp_path / "toto.toml").write_text("prot = 1")
    with pytest.raises(OptionProblem, match=r"toto.toml: there is no option 'prot'"):
        read(TotoServer(), conf=tmp_path / "toto.toml")


# The command line


def test_command_line_takes_both_spellings() -> None:
    assert parsed("--session_ttl=5", "--anon-session-ttl", "6") == {"session_ttl": 5, "anon_session_ttl": 6}
    assert parsed("--start", "toto.conf") == {"start": True}
    assert parsed("--use_cookies=false", "--debug=Yes") == {"use_cookies": False, "debug": True}
    assert parsed("--method_module=a, b.c", "--allow-origin=*") == {
        "method_module": ["a", "b.c"],
        "allow_origin": ["*"],
    }
    assert parsed("--processes=-1", "--grace=0.5") == {"processes": -1, "grace": 0.5}
    assert parsed() == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prot=1"], "there is no option '--prot=1'. Did you mean 'port'?"),
        (["--shared_prot"], "there is no option '--shared-prot'. Did you mean 'shared_port'?"),
        (["--proc", "2"], "there is no option '--proc'."),
        (["--port=http"], "argument --port: must be a port from 0 to 65535, not 'http'"),
        (["--start=maybe"], "argument --start: must be true or false, not 'maybe'"),
        (["--daemon=begin"], "argument --daemon: must be '' or 'start' or"),
    ],
)
def test_command_line_refuses(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        Command(stdout=io.StringIO(), stderr=io.StringIO()).run_from_argv(["manage.py", "toto", *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_help_lists_every_option_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        Command().run_from_argv(["manage.py", "toto", "--help"])
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for option in OPTIONS.values():
        assert f"--{option.name.replace('_', '-')} " in said
        assert " ".join(option.help.split()) in said
    assert "The first port; one for each process, counted up. Default: 8888." in said
    assert "Default: toto.daemon.pid." in said


def test_command_reports_problems_as_command_errors() -> None:
    with pytest.raises(CommandError, match="no such file: No such file or directory") as raised:
        call_command("toto", "no such file")
    assert raised.value.returncode == 2


# What to do


@pytest.mark.parametrize(
    ("sources", "action"),
    [
        ([{}], ""),
        ([{"daemon": "start"}], "start"),
        ([{"daemon": "start"}, {"stop": True}], "stop"),
        ([{"daemon": "start"}, {"nodaemon": True}], ""),
        ([{"start": True}, {"daemon": "reload"}], "reload"),
        ([{"start": True}, {"start": False}], "start"),
        ([{"status": True}, {"port": 1}], "status"),
    ],
)
def test_last_source_says_what_to_do(sources: list[dict[str, Any]], action: str) -> None:
    assert action_of(sources) == action


def test_two_things_at_once_are_refused() -> None:
    with pytest.raises(OptionProblem, match=r"^Only one of start and stop.$"):
        action_of([{"start": True, "stop": True}])
    assert set(ACTIONS) <= OPTIONS.keys()


# Settings of TOTO


@pytest.mark.parametrize(
    ("given", "overrides"),
    [
        ({"method_module": "methods"}, {"METHOD_MODULES": ["methods"]}),
        ({"method_module": ("a", "b")}, {"METHOD_MODULES": ["a", "b"]}),
        ({"method_select": "url"}, {"METHOD_SELECT": "url"}),
        ({"allow_origin": ["*"]}, {"ALLOW_ORIGIN": "*"}),
        ({"allow_origin": "https://a"}, {"ALLOW_ORIGIN": "https://a"}),
        ({"allow_origin": ["https://a", "https://b"]}, {"ALLOW_ORIGIN": ["https://a", "https://b"]}),
        ({"bson_enabled": False}, {"CODECS": ["json", "msgpack"]}),
        ({"bson_enabled": False, "msgpack_enabled": False}, {"CODECS": ["json"]}),
        ({"bson_enabled": True}, {"CODECS": ["json", "bson", "msgpack"]}),
        ({"hmac_enabled": False}, {"HMAC": None}),
        ({"hmac_enabled": True}, {}),
        ({"session_ttl": 1, "anon_session_ttl": 2}, {"SESSION_TTL": 1, "ANON_SESSION_TTL": 2}),
        ({"session_renew": 0, "anon_session_renew": 0}, {"SESSION_RENEW": 0, "ANON_SESSION_RENEW": 0}),
        ({"use_cookies": True, "secure_cookies": False}, {"USE_COOKIES": True, "SECURE_COOKIES": False}),
        ({"cookie_domain": "example.org"}, {"COOKIE_DOMAIN": "example.org"}),
        ({"event_init_module": "events"}, {"EVENT_INIT_MODULES": ["events"]}),
        ({"socket_opened_method": "a.b", "port": 1}, {"SOCKET_OPENED_METHOD": "a.b"}),
        ({"debug": True, "database": "mysql"}, {"EXPOSE_ERRORS": True}),
    ],
)
def test_options_of_toto_override_its_settings(given: dict[str, Any], overrides: dict[str, Any]) -> None:
    check(given, "here")
    assert overridden(given) == overrides
    assert all(name in {setting.name for setting in Settings.all()} for name in overrides)


def test_codecs_with_options_keep_them(toto: Toto) -> None:
    toto(CODECS={"json": {}, "bson": {}})
    assert overridden({"bson_enabled": False, "msgpack_enabled": True}) == {
        "CODECS": {"json": {}, "msgpack": {}}
    }
    assert settings.CODECS == {"json": {}, "bson": {}}


def test_signing_without_a_scheme_is_refused(toto: Toto) -> None:
    toto(HMAC=None)
    with pytest.raises(OptionProblem, match=r"hmac_enabled: TOTO\['HMAC'\] is None"):
        overridden({"hmac_enabled": True})


def test_options_without_effect_say_what_has() -> None:
    assert without_effect({"database": "mysql", "port": 1, "cookie_secret": "x", "session_ttl": 1}) == [
        "The option database has no effect here; what counts is DATABASES, and TOTO['STORES'].",
        "The option cookie_secret has no effect here; what counts is SECRET_KEY.",
    ]
    assert overridden({"database": "mysql"}) == {}
