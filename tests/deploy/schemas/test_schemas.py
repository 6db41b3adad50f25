"""The published schemas describe the records on the stream."""

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from jsonschema import Draft202012Validator

from normalizers.model import Persistence, Reason, Status
from sinks.kafka.messages import headers
from sinks.stream import Topic
from tests.deploy.schemas.generate import text
from tests.deploy.schemas.published import FILES, FOLDER, records, schema, validator

ASYNCAPI = yaml.safe_load((FOLDER.parent / "asyncapi.yaml").read_text("utf-8"))


@pytest.mark.parametrize("topic", Topic)
def test_the_schemas_are_generated(topic: Topic) -> None:
    """The published schemas are up to date; `python -m tests.deploy.schemas.generate` writes them."""
    Draft202012Validator.check_schema(schema(topic))
    assert (FOLDER / FILES[topic]).read_bytes() == text(topic)


def test_written_records_validate() -> None:
    """The records of every example request validate, and there are some of each topic."""
    seen = set()
    for record in records():
        errors = [error.message for error in validator(record.topic).iter_errors(orjson.loads(record.value))]
        assert errors == [], record
        seen.add(record.topic)
    assert seen == set(Topic)


@pytest.mark.parametrize("topic", Topic)
def test_a_missing_or_wrong_field_does_not_validate(topic: Topic) -> None:
    """A value with a missing field, or a field of another type, does not validate."""
    value = next(orjson.loads(record.value) for record in records() if record.topic is topic)
    for field in value:
        assert not validator(topic).is_valid({name: value[name] for name in value if name != field})
    assert not validator(topic).is_valid(value | {"received_at": "yesterday"})
    assert not validator(topic).is_valid(value | {"provider": 7})
    assert validator(topic).is_valid(value | {"a_later_version_s": "field"})


def test_asyncapi_names_every_topic() -> None:
    """The channels are the topics, each with its schema and an operation that publishes to it."""
    channels = ASYNCAPI["channels"]
    assert {name: channel["address"] for name, channel in channels.items()} == {
        topic: f"dlr.{topic}" for topic in Topic
    }
    for topic in Topic:
        [message] = channels[topic]["messages"].values()
        assert _resolve(message)["payload"] == {"$ref": f"schemas/{FILES[topic]}"}
    assert [_resolve(operation["channel"]) for operation in ASYNCAPI["operations"].values()] == list(channels.values())


def test_asyncapi_describes_the_headers() -> None:
    """The headers of every message are those that the program writes."""
    written = {name: value.decode() for name, value in headers("cm")}
    for message in ASYNCAPI["components"]["messages"].values():
        described = _resolve(message["headers"])
        assert described["required"] == list(described["properties"]) == list(written)
        Draft202012Validator(described).validate(written)


def test_asyncapi_names_a_server() -> None:
    """The document names the brokers and their authentication."""
    [server] = ASYNCAPI["servers"].values()
    assert server["protocol"] == "kafka-secure"
    assert [_resolve(scheme)["type"] for scheme in server["security"]] == ["scramSha512"]


@pytest.mark.parametrize("topic", Topic)
def test_asyncapi_has_an_example_of_every_payload(topic: Topic) -> None:
    """The example of a topic validates, and has all fields and the headers that the program writes."""
    [message] = ASYNCAPI["channels"][topic]["messages"].values()
    [example] = _resolve(message)["examples"]
    assert [error.message for error in validator(topic).iter_errors(example["payload"])] == []
    assert set(example["payload"]) == set(schema(topic)["properties"])
    provider = example["payload"]["provider"]
    assert example["headers"] == {name: value.decode() for name, value in headers(provider)}


@pytest.mark.parametrize("topic", [Topic.REPORTS, Topic.INBOUND])
def test_the_examples_are_written_by_the_program(topic: Topic) -> None:
    """The examples of a report and an inbound message are the records of example requests."""
    [message] = ASYNCAPI["channels"][topic]["messages"].values()
    [example] = _resolve(message)["examples"]
    written = [orjson.loads(record.value) for record in records() if record.topic is topic]
    versions = {"normalizer", "identity"}
    assert _without(versions, example["payload"]) in [_without(versions, value) for value in written]


def _without(names: set[str], value: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name not in names}


def test_asyncapi_describes_statuses_and_reasons() -> None:
    """The document has every status with its rank, finality and failure, and every reason with its persistence."""
    status, reason = (ASYNCAPI["components"]["schemas"][name] for name in ("status", "reason"))
    assert status["enum"] == list(Status)
    assert status["x-states"] == [
        {"status": each, "rank": each.rank, "final": each.final, "failed": each.failed} for each in Status
    ]
    assert reason["enum"] == list(Reason)
    assert reason["x-persistence"] == {
        kind: [each for each in Reason if each.persistence is kind] for kind in Persistence
    }


def test_every_reference_in_asyncapi_has_a_target() -> None:
    """Every reference is to an existing part or file."""
    for reference in _references(ASYNCAPI):
        if reference.startswith("#"):
            assert _resolve({"$ref": reference})
        else:
            assert Path(FOLDER.parent, reference).is_file()


def _resolve(node: dict[str, Any]) -> Any:
    found: Any = ASYNCAPI
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [reference for value in node.values() for reference in _references(value)]
    return []
