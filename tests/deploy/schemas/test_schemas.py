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
    """A published schema is as `python -m tests.deploy.schemas.generate` makes it from the record's type."""
    Draft202012Validator.check_schema(schema(topic))
    assert (FOLDER / FILES[topic]).read_bytes() == text(topic)


def test_what_the_program_writes_is_as_published() -> None:
    """Every example request becomes values that validate, and there are some of each topic."""
    seen = set()
    for record in records():
        errors = [error.message for error in validator(record.topic).iter_errors(orjson.loads(record.value))]
        assert errors == [], record
        seen.add(record.topic)
    assert seen == set(Topic)


@pytest.mark.parametrize("topic", Topic)
def test_a_value_that_lacks_or_breaks_a_field_is_not_as_published(topic: Topic) -> None:
    """A validator of the published schema notices a field that is missing and one of another type."""
    value = next(orjson.loads(record.value) for record in records() if record.topic is topic)
    for field in value:
        assert not validator(topic).is_valid({name: value[name] for name in value if name != field})
    assert not validator(topic).is_valid(value | {"received_at": "yesterday"})
    assert not validator(topic).is_valid(value | {"provider": 7})
    assert validator(topic).is_valid(value | {"a_later_version_s": "field"})


def test_asyncapi_names_every_topic() -> None:
    """The channels are the topics, each with its schema, and something is published to each."""
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
    """A consumer reads where the brokers are and how they are authenticated against."""
    [server] = ASYNCAPI["servers"].values()
    assert server["protocol"] == "kafka-secure"
    assert [_resolve(scheme)["type"] for scheme in server["security"]] == ["scramSha512"]


@pytest.mark.parametrize("topic", Topic)
def test_asyncapi_has_an_example_of_every_payload(topic: Topic) -> None:
    """The example of a topic is as published, with the headers that the program writes."""
    [message] = ASYNCAPI["channels"][topic]["messages"].values()
    [example] = _resolve(message)["examples"]
    assert [error.message for error in validator(topic).iter_errors(example["payload"])] == []
    assert set(example["payload"]) == set(schema(topic)["properties"])
    provider = example["payload"]["provider"]
    assert example["headers"] == {name: value.decode() for name, value in headers(provider)}


@pytest.mark.parametrize("topic", [Topic.REPORTS, Topic.INBOUND])
def test_the_examples_are_what_the_program_writes(topic: Topic) -> None:
    """A report and an inbound message of the examples are records of requests that the tests read."""
    [message] = ASYNCAPI["channels"][topic]["messages"].values()
    [example] = _resolve(message)["examples"]
    written = [orjson.loads(record.value) for record in records() if record.topic is topic]
    versions = {"normalizer", "identity"}
    assert _without(versions, example["payload"]) in [_without(versions, value) for value in written]


def _without(names: set[str], value: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name not in names}


def test_asyncapi_tells_rank_finality_and_persistence() -> None:
    """Every status has its rank and whether it is final and a failure; every reason whether sending again can help."""
    status, reason = (ASYNCAPI["components"]["schemas"][name] for name in ("status", "reason"))
    assert status["enum"] == list(Status)
    assert status["x-states"] == [
        {"status": each, "rank": each.rank, "final": each.final, "failed": each.failed} for each in Status
    ]
    assert reason["enum"] == list(Reason)
    assert reason["x-persistence"] == {
        kind: [each for each in Reason if each.persistence is kind] for kind in Persistence
    }


def test_every_reference_in_asyncapi_leads_somewhere() -> None:
    """No reference is to a part or a file that is not there."""
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
