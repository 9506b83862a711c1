"""What changes between two descriptions mean for clients written for the older one.

A client may go on sending what it sent: so a method must not take less than before. And it
understands what it was told: so a result must not be more than before. Both are one question:
is every value of one schema a value of another? `losses` answers it for the schemas that
descriptions hold; where it cannot tell, it says no.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Change", "changes", "losses"]

Json = Mapping[str, Any]

AT_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
"""Limits that lose values when they rise, or appear."""
AT_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
"""Limits that lose values when they fall, or appear."""
EXACT = ("pattern", "format", "multipleOf", "contentEncoding", "propertyNames", "uniqueItems")
"""Conditions that are either the same or another one."""
SESSIONS_NEEDED = {"account", "parameter"}


@dataclass(frozen=True)
class Change:
    """One line of a comparison."""

    method: str
    text: str
    is_breaking: bool = True

    def __str__(self) -> str:
        return f"{'breaks' if self.is_breaking else 'fits'}: {self.method}: {self.text}"


def changes(old: Json, new: Json) -> list[Change]:
    """From one OpenRPC document to another, those that break callers first."""
    found = list(_all_changes(old, new))
    return sorted(found, key=lambda change: not change.is_breaking)


def _all_changes(old: Json, new: Json) -> Iterator[Change]:
    old_methods, new_methods = _by_name(old["methods"]), _by_name(new["methods"])
    for name, method in old_methods.items():
        if name not in new_methods:
            yield Change(name, "the method is gone")
            continue
        context = _Context(_schemas(old), _schemas(new))
        yield from _method_changes(method, new_methods[name], context)
    for name in new_methods.keys() - old_methods.keys():
        yield Change(name, "a new method", is_breaking=False)


def _schemas(document: Json) -> Json:
    schemas: Json = document.get("components", {}).get("schemas", {})
    return schemas


def _by_name(items: list[Json]) -> dict[str, Json]:
    return {item["name"]: item for item in items}


@dataclass(frozen=True)
class _Context:
    """What references mean on either side, and the pairs that are being compared further up."""

    old: Json
    new: Json
    pairs: frozenset[tuple[str, str]] = frozenset()

    def swapped(self) -> "_Context":
        return _Context(self.new, self.old)


def _method_changes(old: Json, new: Json, context: _Context) -> Iterator[Change]:
    name = old["name"]
    yield from _parameter_changes(old, new, context)
    for text in losses(new["result"]["schema"], old["result"]["schema"], context.swapped(), is_result=True):
        yield Change(name, f"the result {text}")
    yield from _session_changes(old, new)
    if old.get("x-toto-raw", False) != new.get("x-toto-raw", False):
        form = "a raw answer" if new.get("x-toto-raw") else "an ordinary result"
        yield Change(name, f"it answers with {form} now")
    if new.get("deprecated") and not old.get("deprecated"):
        yield Change(name, "it is deprecated now", is_breaking=False)


def _parameter_changes(old: Json, new: Json, context: _Context) -> Iterator[Change]:
    name = old["name"]
    old_ones, new_ones = _by_name(old["params"]), _by_name(new["params"])
    old_others, new_others = (each.get("x-toto-other-parameters", False) for each in (old, new))
    for each, descriptor in old_ones.items():
        if each in new_ones:
            yield from _descriptor_changes(name, descriptor, new_ones[each], context)
        elif new_others is False:
            yield Change(name, f"the parameter {each!r} is gone")
        else:
            for text in losses(descriptor["schema"], new_others, context):
                yield Change(name, f"the parameter {each!r} {text}")
    for each in new_ones.keys() - old_ones.keys():
        if new_ones[each].get("required"):
            yield Change(name, f"the new parameter {each!r} is required")
        else:
            yield Change(name, f"a new parameter {each!r}, which may be left out", is_breaking=False)
    if old_others is not False:
        for text in losses(old_others, new_others, context):
            yield Change(name, f"parameters of other names: what they hold {text}")


def _descriptor_changes(name: str, old: Json, new: Json, context: _Context) -> Iterator[Change]:
    each = old["name"]
    if new.get("required") and not old.get("required"):
        yield Change(name, f"the parameter {each!r} is required now")
    elif old.get("required") and not new.get("required"):
        yield Change(name, f"the parameter {each!r} may be left out now", is_breaking=False)
    found = list(losses(old["schema"], new["schema"], context))
    for text in found:
        yield Change(name, f"the parameter {each!r} {text}")
    if not found and any(losses(new["schema"], old["schema"], context.swapped())):
        yield Change(name, f"the parameter {each!r} takes more than before", is_breaking=False)


def _session_changes(old: Json, new: Json) -> Iterator[Change]:
    before, after = old.get("x-toto-session"), new.get("x-toto-session")
    if before == after:
        return
    if after in SESSIONS_NEEDED:
        needed = "the session of an account" if after == "account" else "the parameter 'session_id'"
        yield Change(old["name"], f"it needs {needed} now")
    elif before in SESSIONS_NEEDED:
        yield Change(old["name"], "it needs no session any more", is_breaking=False)


# Schemas


def losses(
    old: Any, new: Any, context: _Context | None = None, path: str = "", *, is_result: bool = False
) -> Iterator[str]:
    """Why some value of one schema is none of another; nothing if all are.

    Each text goes behind "the parameter 'x'", or "the result" with ``is_result``, where the
    newer document is on the left.
    """
    said = _Said(path, is_result)
    context = context or _Context({}, {})
    if isinstance(old, Mapping) and isinstance(new, Mapping) and "$ref" in old and "$ref" in new:
        pair = (old["$ref"], new["$ref"])
        if pair in context.pairs:
            return
        context = _Context(context.old, context.new, context.pairs | {pair})
    old_kinds, new_kinds = _alternatives(old, context.old), _alternatives(new, context.new)
    if new_kinds is None:
        return
    if old_kinds is None:
        yield said("takes less than anything now", "may be anything now")
        return
    for kind in old_kinds:
        yield from _kind_losses(kind, new_kinds, context, said)


@dataclass(frozen=True)
class _Said:
    """The two ways to say the same thing, of parameters and of results."""

    path: str
    is_result: bool

    def __call__(self, of_parameter: str, of_result: str) -> str:
        where = f"at {self.path} " if self.path else ""
        return where + (of_result if self.is_result else of_parameter)

    def below(self, part: str) -> str:
        return f"{self.path}.{part}" if self.path else part


def _alternatives(schema: Any, components: Json) -> list[Json] | None:
    """Schemas of one type each, or of single values; None for a schema that takes anything."""
    if schema is True or schema == {}:
        return None
    if schema is False:
        return []
    if "$ref" in schema:
        return _alternatives(components.get(schema["$ref"].rpartition("/")[2], {}), components)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return _joined(schema[keyword], components)
    if len(schema.get("allOf", ())) == 1:
        return _alternatives(schema["allOf"][0], components)
    if "const" in schema:
        return [{"enum": [schema["const"]]}]
    if "enum" in schema:
        return [{"enum": schema["enum"]}]
    kinds = schema.get("type")
    if kinds is None:
        return None
    return [{**schema, "type": kind} for kind in (kinds if isinstance(kinds, list) else [kinds])]


def _joined(schemas: list[Any], components: Json) -> list[Json] | None:
    joined: list[Json] = []
    for schema in schemas:
        below = _alternatives(schema, components)
        if below is None:
            return None
        joined.extend(below)
    return joined


def _kind_losses(old: Json, news: list[Json], context: _Context, said: _Said) -> Iterator[str]:
    """The losses to the nearest of the new alternatives."""
    if "enum" in old:
        lost = [value for value in old["enum"] if not any(_takes_value(new, value) for new in news)]
        for value in lost:
            yield said(f"does not take {value!r} any more", f"may be {value!r} now")
        return
    candidates = [new for new in news if _same_type(old, new)]
    if not candidates:
        kind = _type_text(old)
        yield said(f"does not take {kind} any more", f"may be {kind} now")
        return
    yield from min((list(_type_losses(old, new, context, said)) for new in candidates), key=len)


def _same_type(old: Json, new: Json) -> bool:
    return old["type"] == new.get("type") or (old["type"] == "integer" and new.get("type") == "number")


def _type_text(schema: Json) -> str:
    article = "an" if schema["type"][0] in "aeio" else "a"
    return "null" if schema["type"] == "null" else f"{article} {schema['type']}"


def _takes_value(schema: Json, value: Any) -> bool:
    if "enum" in schema:
        return any(type(each) is type(value) and each == value for each in schema["enum"])
    kinds: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
    kind = schema["type"]
    if kind == "null":
        return value is None
    if isinstance(value, bool) != (kind == "boolean"):
        return False
    is_of_type = isinstance(value, kinds.get(kind, ()))
    return is_of_type and not any(keyword in schema for keyword in (*AT_LEAST, *AT_MOST, *EXACT))


def _type_losses(old: Json, new: Json, context: _Context, said: _Said) -> Iterator[str]:
    for keyword in AT_LEAST:
        if keyword in new and (keyword not in old or old[keyword] < new[keyword]):
            yield said(f"has a {keyword} of {new[keyword]} now", f"may be below its {keyword} now")
    for keyword in AT_MOST:
        if keyword in new and (keyword not in old or old[keyword] > new[keyword]):
            yield said(f"has a {keyword} of {new[keyword]} now", f"may be above its {keyword} now")
    for keyword in EXACT:
        if keyword in new and old.get(keyword) != new[keyword]:
            yield said(f"has the {keyword} {new[keyword]!r} now", f"may have another {keyword} now")
    if new["type"] == "array":
        yield from _item_losses(old, new, context, said)
    elif new["type"] == "object":
        yield from _member_losses(old, new, context, said)


def _item_losses(old: Json, new: Json, context: _Context, said: _Said) -> Iterator[str]:
    """Items are one schema for all, or one for each place."""
    old_items, new_items = old.get("items", {}), new.get("items", {})
    if isinstance(old_items, list) and isinstance(new_items, list):
        pairs = list(zip(old_items, new_items, strict=False))
    elif isinstance(old_items, list):
        pairs = [(each, new_items) for each in old_items]
    elif isinstance(new_items, list):
        pairs = [(old_items, each) for each in new_items]
    else:
        yield from losses(old_items, new_items, context, said.below("*"), is_result=said.is_result)
        return
    for index, (before, after) in enumerate(pairs):
        yield from losses(before, after, context, said.below(str(index)), is_result=said.is_result)


def _member_losses(old: Json, new: Json, context: _Context, said: _Said) -> Iterator[str]:
    old_members, new_members = old.get("properties", {}), new.get("properties", {})
    old_others, new_others = old.get("additionalProperties", {}), new.get("additionalProperties", {})
    for name in new.get("required", ()):
        if name not in old.get("required", ()):
            yield said(f"needs its member {name!r} now", f"may lack its member {name!r} now")
    for name, schema in old_members.items():
        after = new_members.get(name, new_others)
        if after is False:
            yield said(f"has no member {name!r} any more", f"may have a member {name!r} now")
        else:
            yield from losses(schema, after, context, said.below(name), is_result=said.is_result)
    if old_others is not False and new_others is False:
        yield said("takes no members of other names any more", "may have members of other names now")
    elif old_others is not False:
        yield from losses(old_others, new_others, context, said.below("*"), is_result=said.is_result)
