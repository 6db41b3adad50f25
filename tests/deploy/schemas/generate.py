"""
Writes the JSON schemas in `deploy/schemas` from the record types: `python -m tests.deploy.schemas.generate`.

msgspec derives each field's type; descriptions and the patterns of texts are added here.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, get_type_hints

import msgspec
import orjson

from sinks.records import SCHEMA_VERSION
from sinks.stream import Topic
from tests.deploy.schemas.descriptions import FIELDS, RECORDS, TOPIC_FIELDS
from tests.deploy.schemas.published import FILES, FOLDER, TYPES

_PATTERNS: Final[Mapping[str, str]] = {
    "event_id": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    "id": "^[0-9a-f]{32}$",
    "country": "^([A-Z]{2})?$",
    "body_encoding": "^(utf-8|base64)$",
}
#: Times are written in UTC; both keywords allow null.
_TIME: Final = {"format": "date-time", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$"}
_LEFT_OUT: Final = frozenset({"default", "description", "title"})


def generate(topic: Topic) -> dict[str, Any]:
    """Return the schema of a topic's values; raises KeyError if a field has no description."""
    kind = TYPES[topic]
    (_,), components = msgspec.json.schema_components([kind], schema_hook=lambda _: {"title": "any JSON"})
    types = components[kind.__name__]["properties"]
    title, description = RECORDS[topic]
    fields = get_type_hints(kind)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:dlrhub:schema:{FILES[topic].removesuffix('.json')}:{SCHEMA_VERSION}",
        "title": title,
        "description": f"{description} Fields may be added within a schema version.",
        "type": "object",
        "properties": {
            name: {
                "description": {**FIELDS, **TOPIC_FIELDS.get(topic, {})}[name],
                **_inlined(types[name], components),
                **({"pattern": _PATTERNS[name]} if name in _PATTERNS else {}),
                **(_TIME if field in (datetime, datetime | None) else {}),
            }
            for name, field in fields.items()
        },
        "required": list(fields),
    }


def text(topic: Topic) -> bytes:
    """Return the file of a topic's schema."""
    return orjson.dumps(generate(topic), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _inlined(node: Any, components: Mapping[str, Any]) -> Any:
    """Replace references by their targets, and leave out defaults and Python's names."""
    if isinstance(node, list):
        return [_inlined(item, components) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = {"type": "string", **components[node["$ref"].rpartition("/")[2]]}
    return {key: _inlined(value, components) for key, value in node.items() if key not in _LEFT_OUT}


if __name__ == "__main__":
    for each in Topic:
        (FOLDER / FILES[each]).write_bytes(text(each))
