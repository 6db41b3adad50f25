"""
Decides which settings a query may set in its SETTINGS clause or in the URL.

Settings that change how a result is computed or written are allowed; limits are allowed up to our own. All others are
refused in a query, and ignored in a URL, because clients send settings there without being told to. The engine itself
would accept every setting (its connections have `readonly = 2`), so this list is the only protection.
"""

import re
from collections.abc import Mapping
from typing import Final

from ingest.query.guard.tokens import Token, access_denied
from sinks.clickhouse.readonly import Limits

#: Settings that change the meaning or the look of a result, and reach nothing else.
_HARMLESS: Final = frozenset(
    """
    aggregate_functions_null_for_empty cast_keep_nullable count_distinct_implementation date_time_input_format
    date_time_output_format empty_result_for_aggregation_by_empty_set except_default_mode extremes final
    format_csv_delimiter group_by_use_nulls intersect_default_mode join_algorithm join_default_strictness join_use_nulls
    max_block_size optimize_read_in_order prefer_column_name_to_alias session_timezone short_circuit_function_evaluation
    transform_null_in union_default_mode use_query_cache
    """.split()
)
_OUTPUT: Final = re.compile(
    r"output_format_(?:arrow|csv|decimal|json|markdown|orc|parquet|pretty|tsv|values|write)_\w{1,60}"
)
_VALUE: Final = re.compile(r"-?\d{1,18}(?:\.\d{1,9})?|[\w ,;:|./+-]{0,64}|\t", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,18}")


def split_settings(tokens: list[Token]) -> tuple[list[Token], dict[str, str]]:
    """Remove the SETTINGS clause from the end of a statement; return the rest, and the settings as written."""
    start = next((index for index in reversed(range(len(tokens))) if tokens[index].says("SETTINGS")), len(tokens))
    clause = tokens[start + 1 :]
    settings: dict[str, str] = {}
    while clause:
        match clause:
            case [Token("word", name), Token("sign", "="), Token("number" | "word", value), *rest]:
                settings[name.lower()] = value
            case [Token("word", name), Token("sign", "="), Token("string", value), *rest]:
                settings[name.lower()] = value[1:-1]
            case _:
                return tokens, {}
        match rest:
            case [] | [Token("sign", ","), Token(), *_]:
                clause = rest[1:]
            case _:
                return tokens, {}
    return tokens[:start], settings


def checked_settings(query: Mapping[str, str], url: Mapping[str, str], limits: Limits) -> Mapping[str, str]:
    """
    Return the settings to run a query with: those of its clause, and those of the URL that the clause does not name.

    Raises `RefusedQueryError` if the clause has a setting that is not allowed.
    """
    most = _most(limits)
    for name, value in query.items():
        if not _may_be_set(name, value, most):
            raise access_denied(f"the setting {name} can't be set to that here")
    chosen = {**{name: value for name, value in url.items() if _may_be_set(name, value, most)}, **query}
    return {name: _bounded(value, most.get(name)) for name, value in chosen.items()}


def as_clause(settings: Mapping[str, str]) -> str:
    """Write settings as a SETTINGS clause."""
    return " SETTINGS " + ", ".join(f"{name} = '{value}'" for name, value in settings.items()) if settings else ""


def _most(limits: Limits) -> Mapping[str, int]:
    """Return the settings that are limits, and the highest value of each."""
    return {
        "max_execution_time": limits.query_seconds,
        "max_memory_usage": limits.memory_bytes,
        "max_result_bytes": limits.result_bytes,
        "max_result_rows": limits.result_rows,
        "max_threads": limits.threads,
        "max_block_size": 65_536,
    }


def _may_be_set(name: str, value: str, most: Mapping[str, int]) -> bool:
    if name in most:
        return _NUMBER.fullmatch(value) is not None
    return (name in _HARMLESS or _OUTPUT.fullmatch(name) is not None) and _VALUE.fullmatch(value) is not None


def _bounded(value: str, most: int | None) -> str:
    """Return a limit that is no higher than ours; 0 asks for no limit."""
    if most is None:
        return value
    return str(min(int(value) or most, most))
