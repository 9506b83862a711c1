"""Secrets are compared in constant time: what ``==`` tells early, a clock tells an attacker."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import toto_django

PACKAGE = Path(toto_django.__file__).parent
SECRETS = re.compile(
    r"(^|_)(signature|hmac|mac|password|secret|token|digest|session_id|nonce|cookie|hash|key)$"
)
JUSTIFIED = {
    "accounts.py: now.password == account.password": "two hashes from the store, no guess of a client's",
    "stores/memory.py: replacing not in (None, account.password)": "two hashes from the store",
    "receivers.py: password not in (None, instance.password)": "two hashes from the store",
    "stores/signed.py: urlsafe_b64encode(urlsafe_b64decode(padded)).rstrip(b'=') != token": "the token with "
    "itself in another spelling; its HMAC is verified by cryptography",
    "exchange.py: session_id == self.session.session_id": "a loaded session's id is known to who asks",
    "consumers.py: session.session_id != exchange.given_session_id": "both ids are the socket's own",
    "consumers.py: self.session_id == session.session_id": "both ids are the socket's own",
    "consumers.py: key == name": "the names of headers",
    "remote/conversation.py: self.result.get('session_id') == session.session_id": "in a client: its own ids",
    "remote/session.py: (one and one.session_id) == (other and other.session_id)": "in a client: its own ids",
    "server/options.py: key != name": "the names of options",
}
"""Comparisons of what is called like a secret, and why nobody learns one from their time."""


def compared(source: str) -> Iterator[str]:
    """Comparisons for equality, with anything but a literal, of what is called like a secret."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and _is_equality(node) and any(map(_is_secret, _operands(node))):
            yield ast.unparse(node)


def _is_equality(node: ast.Compare) -> bool:
    for kind, operand in zip(node.ops, node.comparators, strict=True):
        if isinstance(kind, ast.Eq | ast.NotEq) and not isinstance(operand, ast.Constant):
            return True
        if isinstance(kind, ast.In | ast.NotIn) and isinstance(operand, ast.Tuple | ast.List):
            return not all(isinstance(each, ast.Constant) for each in operand.elts)
    return False


def _operands(node: ast.Compare) -> Iterator[str]:
    """What is compared, by the names of variables, attributes and members."""
    for operand in (node.left, *node.comparators):
        if isinstance(operand, ast.Call) and ast.unparse(operand.func) == "len":
            continue
        for below in ast.walk(operand):
            match below:
                case ast.Name(id=name) if below is operand:
                    yield name
                case ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
                    yield name
                case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
                    yield name


def _is_secret(name: str) -> bool:
    return SECRETS.search(name) is not None


def test_every_comparison_of_a_secret_takes_constant_time_or_is_justified() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {comparison}"
        for path in PACKAGE.rglob("*.py")
        for comparison in compared(path.read_text())
    }
    assert found - JUSTIFIED.keys() == set()


@pytest.mark.parametrize(
    "source",
    [
        "given == signature",
        "self.hmac != x_toto_hmac",
        "sign(key, message) == request.signature",
        "form['password'] == account.password",
        "password in [account.password]",
        "if a and session_id == b: pass",
        "given == request.META.get('session_id')",
    ],
)
def test_comparison_would_be_found(source: str) -> None:
    assert list(compared(source))


@pytest.mark.parametrize(
    "module", ["signing/toto.py", "signing/v2.py", "remote/conversation.py", "hashers.py"]
)
def test_what_verifies_uses_a_comparison_of_constant_time(module: str) -> None:
    assert re.search(r"compare_digest\(|constant_time_compare\(", (PACKAGE / module).read_text())
