"""What is wrong with parameters, in words for whoever sent them; never the values themselves."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic_core import ErrorDetails, ValidationError
from pydantic_core.core_schema import ErrorType

from toto_django.exceptions import InvalidParameters, TotoException
from toto_django.typed.refusals import MISSING, UNKNOWN, Fields, path_of, refused

__all__ = ["OTHERS", "refusal"]

OTHERS = "**"
"""The field of `toto_django.typed.binding` that holds what ``**others`` takes; no part of a path."""
INVALID = "Invalid."
EMPTY = "Must not be empty."
MOST_ERRORS = 1000

MESSAGES = {
    "arguments_type": "Must be an object.",
    "assertion_error": "{error}",
    "bool_parsing": "Must be true or false.",
    "bool_type": "Must be true or false.",
    "bytes_invalid_encoding": "Must be bytes.",
    "bytes_too_long": "Must have at most {max_length} bytes.",
    "bytes_too_short": "Must have at least {min_length} bytes.",
    "bytes_type": "Must be bytes.",
    "dataclass_type": "Must be an object.",
    "date_future": "Must be in the future.",
    "date_past": "Must be in the past.",
    "datetime_future": "Must be in the future.",
    "datetime_past": "Must be in the past.",
    "decimal_max_digits": "Must have at most {max_digits} digits.",
    "decimal_max_places": "Must have at most {decimal_places} decimal places.",
    "decimal_parsing": "Must be a number.",
    "decimal_type": "Must be a number.",
    "decimal_whole_digits": "Must have at most {whole_digits} digits before the point.",
    "dict_type": "Must be an object.",
    "enum": "Must be {expected}.",
    "extra_forbidden": UNKNOWN,
    "finite_number": "Must be a finite number.",
    "float_parsing": "Must be a number.",
    "float_type": "Must be a number.",
    "frozen_set_type": "Must be a list.",
    "greater_than": "Must be greater than {gt}.",
    "greater_than_equal": "Must be at least {ge}.",
    "int_from_float": "Must be a whole number.",
    "int_parsing": "Must be a whole number.",
    "int_parsing_size": "Is too large a number.",
    "int_type": "Must be a whole number.",
    "invalid_key": UNKNOWN,
    "iterable_type": "Must be a list.",
    "less_than": "Must be less than {lt}.",
    "less_than_equal": "Must be at most {le}.",
    "list_type": "Must be a list.",
    "literal_error": "Must be {expected}.",
    "mapping_type": "Must be an object.",
    "missing": MISSING,
    "missing_argument": MISSING,
    "missing_keyword_only_argument": MISSING,
    "missing_positional_only_argument": MISSING,
    "model_attributes_type": "Must be an object.",
    "model_type": "Must be an object.",
    "multiple_of": "Must be a multiple of {multiple_of}.",
    "named_tuple_type": "Must be a list.",
    "none_required": "Must be null.",
    "set_item_not_hashable": "Must have plain items.",
    "set_type": "Must be a list.",
    "string_not_ascii": "Must be ASCII text.",
    "string_pattern_mismatch": "Does not have the expected form.",
    "string_too_long": "Must have at most {max_length} characters.",
    "string_too_short": "Must have at least {min_length} characters.",
    "string_type": "Must be text.",
    "string_unicode": "Must be Unicode text.",
    "time_delta_parsing": "Must be a duration.",
    "time_delta_type": "Must be a duration.",
    "timezone_aware": "Must have a time zone.",
    "timezone_naive": "Must not have a time zone.",
    "timezone_offset": "Must have another time zone.",
    "too_long": "Must have at most {max_length} items.",
    "too_short": "Must have at least {min_length} items.",
    "tuple_type": "Must be a list.",
    "unexpected_keyword_argument": UNKNOWN,
    "union_tag_invalid": "Must be one of the kinds {expected_tags}.",
    "union_tag_not_found": "Must say which kind it is.",
    "url_too_long": "Must have at most {max_length} characters.",
    "value_error": "{error}",
}
"""By pydantic's types of errors, with the names of their contexts."""
BY_PREFIX = {
    "datetime": "Must be a date and time.",
    "date": "Must be a date.",
    "time": "Must be a time.",
    "url": "Must be a URL.",
    "uuid": "Must be a UUID.",
}
"""Types of errors of which there are several for one mistake."""

KINDS = frozenset(get_args(ErrorType))
"""pydantic's own; the texts of all others are somebody's words for readers."""


def refusal(error: ValidationError | None, given: Mapping[str, Any], unknown: Sequence[Any]) -> TotoException:
    """What a call with wrong parameters is answered: MissingParameters if any are missing, else
    InvalidParameters, either with all that is wrong by path."""
    if error is not None and error.error_count() > MOST_ERRORS:
        return InvalidParameters(f"The parameters have more than {MOST_ERRORS} mistakes.")
    fields: Fields = {path_of([name]): [UNKNOWN] for name in unknown}
    missing = []
    for each in [] if error is None else error.errors(include_url=False, include_input=False):
        path = _path(each, given)
        messages = fields.setdefault(path_of(path), [])
        message = _message(each)
        if message not in messages:
            messages.append(message)
        if message == MISSING and len(path) == 1:
            missing.append(str(path[0]))
    return refused(fields, missing)


def _path(error: ErrorDetails, given: Any) -> list[str | int]:
    """Where in the parameters; pydantic's own labels, of the branches of unions for example, are left out."""
    path: list[str | int] = []
    for part in error["loc"]:
        if _is_in(part, given):
            given = given[part]
            if path or part != OTHERS:
                path.append(part)
    if error["type"].startswith("missing"):
        path.append(error["loc"][-1])
    return path


def _is_in(part: Any, given: Any) -> bool:
    if isinstance(given, Mapping):
        return part in given
    return isinstance(part, int) and isinstance(given, list | tuple) and part < len(given)


def _message(error: ErrorDetails) -> str:
    kind = error["type"]
    context = error.get("ctx", {})
    if kind.endswith("too_short") and context.get("min_length") == 1:
        return EMPTY
    template = MESSAGES.get(kind) or next(
        (message for prefix, message in BY_PREFIX.items() if kind.startswith(f"{prefix}_")), None
    )
    if template is not None:
        return template.format(**context) or INVALID
    return INVALID if kind in KINDS else error["msg"]
