"""
Reads the ids of topics: a topic that is deleted and made again has the same name and another id.

aiokafka's own metadata request is an older version without ids, so a newer one is defined here (Kafka protocol guide,
Metadata, version 10; brokers have it since 2.8).
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import NoError, TopicAuthorizationFailedError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

_API_KEY: Final = 3
_ID_BYTES: Final = 16
_NO_ID: Final = bytes(_ID_BYTES)


class _Uuid:
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: Any) -> bytes:
        found: bytes = data.read(_ID_BYTES)
        return found

    @classmethod
    def repr(cls, value: bytes) -> str:
        return value.hex()


class _MetadataResponse(Response):  # type: ignore[misc] # aiokafka has no types
    API_KEY = _API_KEY
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataRequestStruct(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = _API_KEY
    API_VERSION = 10
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataRequestStruct]):  # type: ignore[misc]
    API_KEY = _API_KEY

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_MetadataRequestStruct]) -> _MetadataRequestStruct:
        return request_struct_class([(_NO_ID, name, {}) for name in self._names], False, False, False, {})  # noqa: FBT003 - in the schema's order


async def topic_ids(admin: AIOKafkaAdminClient, names: Collection[str]) -> Mapping[str, bytes | None]:
    """
    Return the id of each topic, None for one that does not exist.

    Left out are topics that we may not describe, and all topics if the broker has no ids.
    """
    try:
        response = await admin._send_request(_MetadataRequest(names))  # noqa: SLF001 - there is no public method
    except NotImplementedError:  # the broker is older than 2.8
        return {}
    found: dict[str, bytes | None] = {}
    for code, name, topic_id, *_ in response.topics:
        error = for_code(code)
        if error is UnknownTopicOrPartitionError:
            found[name] = None
        elif error is NoError:
            found[name] = topic_id
        elif error is not TopicAuthorizationFailedError:
            raise error
    return found
