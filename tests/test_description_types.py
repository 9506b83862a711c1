"""Types of the methods for TypeScript and Python: they compile, and refuse what is wrong."""

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from toto_django.description.documenting import documented
from toto_django.description.openrpc import document
from toto_django.description.python import python
from toto_django.description.typescript import typescript
from toto_django.invocation import raw_response, requires
from toto_django.registry import Method

Register = Callable[..., Method]

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "clients" / "js"
TSC = shutil.which("tsc") or shutil.which("tsc", path=CLIENT / "node_modules" / ".bin")
needs_tsc = [
    pytest.mark.service,
    pytest.mark.skipif(TSC is None, reason="tsc is missing (npm install in clients/js, or node-typescript)"),
]


@dataclass
class Tree:
    """It grows."""

    name: str
    children: list["Tree"] = field(default_factory=list)


def grow(handler: Any, tree: Tree, *, kind: Literal["oak", "fir"] = "oak", years: int | None = None) -> Tree:
    """Let it grow.

    For as long as it takes.
    """
    return tree


def trees(handler: Any) -> list[Tree]:
    return []


def loose(handler: Any, parameters: Any) -> Any: ...


@pytest.fixture
def methods(register: Register) -> None:
    register("wood.grow", grow)
    register("wood.list", trees)
    register("wood.find", requires("name")(loose))
    register("wood.raw", raw_response(loose))
    register("wood.old", documented(deprecated='Call "wood.list".')(loose))


def written(language: str) -> str:
    out = io.StringIO()
    call_command("toto_schema", "--format", language, stdout=out)
    return out.getvalue()


# TypeScript

GOOD_TYPESCRIPT = """
import { Toto, TotoError } from "toto-django";
import type { Methods, Service, TreeOutput } from "./service.js";

const service: Service = new Toto("/service/");
await service.login("ada", "a long walk");
const tree = await service.call("wood.grow", { tree: { name: "a" }, years: null }, { timeout: 5 });
tree.children[0]?.name.trim();
(await service.call("wood.list")).at(0)?.name.trim();
await service.call("wood.list", {});
await service.call("wood.find", { name: 5, more: true });
const { one, all } = await service.batch({ one: ["wood.grow", { tree }], all: ["wood.list"] });
if (!(one instanceof TotoError)) one.name.trim();
if (!(all instanceof TotoError)) all.length.toFixed();
for await (const news of service.messages("wood.list")) news[0]?.name.trim();
await service.poll("wood.find", (last) => ({ name: last }), { onMessage: (found: unknown) => found });
const socket = service.socket();
socket.send("wood.list");
(await socket.call("wood.grow", { tree, kind: "fir" })).name.trim();
socket.close();
"""
BAD_TYPESCRIPT = [
    'service.call("wood.other")',
    'service.call("wood.raw")',
    'service.call("wood.grow")',
    'service.call("wood.grow", {})',
    'service.call("wood.grow", { tree: { name: 5 } })',
    'service.call("wood.grow", { tree: { name: "a" }, kind: "elm" })',
    'service.call("wood.grow", { tree: { name: "a" }, year: 5 })',
    'service.call("wood.list", { name: "a" })',
    'service.call("wood.find", { more: true })',
    '(await service.call("wood.list")).name',
    'service.batch({ a: ["wood.grow", {}] })',
    'service.batch({ a: ["wood.grow"] })',
    'service.messages("wood.grow")',
    'service.messages("wood.list", () => ({ name: 5 }))',
    'service.socket().send("wood.grow")',
    'service.socket().call("wood.other")',
]


def compiled(folder: Path, *files: str) -> str:
    """What tsc complains of."""
    assert TSC is not None
    options = json.loads((CLIENT / "tsconfig.json").read_text())["compilerOptions"]
    options |= {"lib": ["ES2022", "DOM", "DOM.Iterable"], "paths": {"toto-django": [f"{CLIENT}/index.d.ts"]}}
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": files}))
    return run([TSC, "--project", str(folder)], folder)


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    return done.stdout


@pytest.mark.usefixtures("methods")
class TestTypeScript:
    pytestmark = needs_tsc

    def test_right_and_wrong_calls_are_told_apart(self, tmp_path: Path) -> None:
        bad = "\n".join(f"// @ts-expect-error\n{line};" for line in BAD_TYPESCRIPT)
        (tmp_path / "service.ts").write_text(written("typescript"))
        (tmp_path / "good.ts").write_text(f"{GOOD_TYPESCRIPT}\n{bad}\n({{}}) as Methods | TreeOutput;\n")
        assert compiled(tmp_path, "good.ts") == ""


@pytest.mark.usefixtures("methods")
def test_typescript_has_the_docs() -> None:
    lines = [line.strip() for line in written("typescript").splitlines()]
    assert "* For as long as it takes." in lines
    assert "/** It grows. */" in lines
    assert '/** @deprecated Call "wood.list". */' in lines


# Python

GOOD_PYTHON = """
from service import AsyncService, Service, TreeInput
from toto_django.client import AsyncClient, Client

client = Client("http://127.0.0.1/service/")
service: Service = client
tree = service.call("wood.grow", {"tree": {"name": "a"}, "years": None}, timeout=5, retry=True)
tree["children"][0]["name"].strip()
given: TreeInput = {"name": "a", "children": [{"name": "b"}]}
service.call("wood.grow", {"tree": given, "kind": "fir"})
service.call("wood.list")[0]["name"].strip()
service.call("wood.list", {})
service.call("wood.find", {"name": 5, "more": True})

async def main() -> None:
    service: AsyncService = AsyncClient("http://127.0.0.1/service/")
    (await service.call("wood.list"))[0]["name"].strip()
"""
BAD_PYTHON = [
    'service.call("wood.other")',
    'service.call("wood.raw")',
    'service.call("wood.grow")',
    'service.call("wood.grow", {})',
    'service.call("wood.grow", {"tree": {"name": 5}})',
    'service.call("wood.grow", {"tree": {"name": "a"}, "kind": "elm"})',
    'service.call("wood.grow", {"tree": {"name": "a"}, "year": 5})',
    'service.call("wood.list", {"name": "a"})',
    'service.call("wood.find")',
    'service.call("wood.list")["name"]',
]


def checked(folder: Path, *files: str) -> str:
    """What mypy complains of."""
    (folder / "mypy.ini").write_text(
        "[mypy]\nstrict = true\n[mypy-toto_django.*,msgpack.*]\nignore_errors = true\n"
        "[mypy-bson.*,django.*,httpx.*,websockets.*]\nfollow_imports = skip\n"
    )
    options = ["--no-error-summary", "--config-file", "mypy.ini", "--cache-dir", "cache"]
    return run([sys.executable, "-m", "mypy", *options, *files], folder)


@pytest.mark.usefixtures("methods")
def test_right_and_wrong_calls_are_told_apart_in_python(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(written("python"))
    (tmp_path / "program.py").write_text(GOOD_PYTHON + "\n".join(BAD_PYTHON))
    first = len(GOOD_PYTHON.splitlines()) + 1
    errors = [
        line
        for line in checked(tmp_path, "program.py").splitlines()
        if line.startswith("program.py:") and ": error: " in line
    ]
    wrong = {int(line.split(":")[1]) for line in errors}
    assert wrong == set(range(first, first + len(BAD_PYTHON))), errors


@pytest.mark.usefixtures("methods")
def test_python_has_the_docs() -> None:
    module = ast.parse(written("python"))
    texts = {
        ast.get_docstring(node)
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.Module)
    }
    assert {"Let it grow.\n\nFor as long as it takes.", "It grows.", 'Deprecated. Call "wood.list".'} <= texts


# Both

WRITERS = {"typescript": typescript, "python": python}


@pytest.mark.parametrize("language", WRITERS)
def test_order_of_the_methods_does_not_matter(language: str) -> None:
    made = document()
    turned = {**made, "methods": made["methods"][::-1]}
    turned["components"] = {"schemas": dict(reversed(made["components"]["schemas"].items()))}
    assert WRITERS[language](made) == WRITERS[language](turned)


def test_command_writes_a_file(tmp_path: Path) -> None:
    call_command("toto_schema", "--format", "python", "--output", str(tmp_path / "service.py"))
    assert (tmp_path / "service.py").read_text() == python(document())


# Whatever is described

AWKWARD = """Tree-Input Tree_Input TreeInput class a-b a.b 1a ä Service Any Toto constructor __proto__ __a
    typing list items Array None */ " \\ ${x}"""
NAMES = st.sampled_from(["", "\n", "\u2028", *AWKWARD.split()]) | st.text(max_size=3)
TEXTS = st.sampled_from(
    ["", '"', '"""', "\\", "*/", "a\n\nb", "\u2028", "\x85", "\ud800", "'", "${x}"]
) | st.text(max_size=8)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS | st.just([1])
COMPONENTS = ["Tree-Input", "Tree_Input", "Service", "1a", "Methods"]
ANYTHING: st.SearchStrategy[Any] = st.sampled_from(
    [True, False, {}, {"type": "strange"}, {"$ref": "#/elsewhere"}]
)
LEAVES: st.SearchStrategy[Any] = st.one_of(
    ANYTHING,
    st.sampled_from(["null", "boolean", "integer", "number", "string"]).map(lambda kind: {"type": kind}),
    st.just({"type": ["string", "null"]}),
    st.lists(VALUES, max_size=3).map(lambda values: {"enum": values}),
    VALUES.map(lambda value: {"const": value}),
    st.sampled_from(COMPONENTS).map(lambda name: {"$ref": f"#/components/schemas/{name}"}),
)


def inner(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    below = below | st.tuples(below, TEXTS).map(
        lambda pair: {**pair[0], "description": pair[1]} if isinstance(pair[0], dict) else pair[0]
    )
    several = st.lists(below, min_size=1, max_size=3)
    properties = st.dictionaries(NAMES, below, max_size=4)
    return st.one_of(
        st.fixed_dictionaries({"type": st.just("array")}, optional={"items": below}),
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": several},
            optional={"additionalItems": below, "minItems": st.integers(0, 4), "maxItems": st.integers(0, 4)},
        ),
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": properties},
            optional={"required": st.lists(NAMES, max_size=3), "additionalProperties": below},
        ),
        st.sampled_from(["anyOf", "oneOf", "allOf"]).flatmap(
            lambda keyword: st.fixed_dictionaries({keyword: several})
        ),
    )


SCHEMAS = st.recursive(LEAVES, inner, max_leaves=6)
OBJECTS = inner(LEAVES).filter(lambda schema: "type" in schema)
"""What a component that refers to itself may be."""


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    params = st.lists(
        st.fixed_dictionaries({"name": NAMES, "required": st.booleans(), "schema": SCHEMAS}),
        max_size=3,
        unique_by=lambda each: each["name"],
    )
    method = st.fixed_dictionaries(
        {
            "name": NAMES,
            "params": params,
            "result": SCHEMAS.map(lambda schema: {"name": "result", "schema": schema}),
        },
        optional={
            "summary": TEXTS,
            "description": TEXTS,
            "deprecated": st.just(True),
            "x-toto-deprecated": TEXTS,
            "x-toto-other-parameters": st.just(True) | SCHEMAS,
        },
    )
    return {
        "methods": draw(st.lists(method, max_size=4, unique_by=lambda each: each["name"])),
        "components": {"schemas": {name: draw(OBJECTS) for name in COMPONENTS}},
    }


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_python_is_python(made: dict[str, Any]) -> None:
    text = python(made)
    text.encode()
    exec(text, {"__name__": "generated"})
    protocols = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)][-2:]
    assert [each.name for each in protocols] == ["Service", "AsyncService"]
    for protocol in protocols:
        literals = re.findall(
            r"method: typing.Literal\[(.*)\],$", ast.get_source_segment(text, protocol) or "", re.M
        )
        assert [ast.literal_eval(each) for each in literals] == (sorted(names_of(made)) or [""])


def names_of(made: dict[str, Any]) -> set[str]:
    return {each["name"] for each in made["methods"]}


def some_documents(count: int = 25) -> list[dict[str, Any]]:
    """For compilers, which are slow to start."""
    found: list[dict[str, Any]] = []

    @settings(max_examples=count, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
    @given(documents())
    def collect(made: dict[str, Any]) -> None:
        found.append(made)

    collect()
    return found


def test_python_has_right_types(tmp_path: Path) -> None:
    texts = {f"module{number}.py": python(made) for number, made in enumerate(some_documents())}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert checked(tmp_path, *texts) == ""


class TestWhateverIsDescribed:
    pytestmark = needs_tsc

    def test_typescript_compiles(self, tmp_path: Path) -> None:
        texts = {f"module{number}.ts": typescript(made) for number, made in enumerate(some_documents())}
        for name, text in texts.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        assert compiled(tmp_path, *texts) == ""
