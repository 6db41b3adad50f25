"""`deploy/compose.yaml` is a valid compose file, and publishes only the receiver."""

import subprocess
import sys
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.deploy.files import DEPLOY, assert_is_a_command, documents

_FILE = DEPLOY / "compose.yaml"
_PARTS = ("ingest", "drain", "poll", "migrate")


@pytest.fixture
def services() -> dict[str, dict[str, Any]]:
    """Return the services by name."""
    [compose] = documents(_FILE)
    return dict(compose["services"])


def test_it_fits_the_specification() -> None:
    """The file validates against the schema of the Compose Specification."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(_FILE)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_only_the_receiver_is_open_to_others(services: dict[str, dict[str, Any]]) -> None:
    """Every published port but the receiver's is on loopback."""
    published = {port for service in services.values() for port in service.get("ports", ())}
    assert {port for port in published if not port.startswith("127.0.0.1:")} == {"8080:8080"}


def test_parts_run_without_rights(services: dict[str, dict[str, Any]]) -> None:
    """Each of dlrhub's containers has a read-only file system, no capabilities, and can't get new privileges."""
    for part in _PARTS:
        service = services[part]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("part", _PARTS)
def test_parts_are_commands(services: dict[str, dict[str, Any]], part: str) -> None:
    """A container runs a command that dlrhub has, with options that it has."""
    assert_is_a_command(services[part]["command"])


def test_every_server_has_a_health_check(services: dict[str, dict[str, Any]]) -> None:
    """Every service has a health check; dlrhub's is in its image."""
    assert [name for name in services if name not in _PARTS and "healthcheck" not in services[name]] == []


def test_every_mounted_file_exists(services: dict[str, dict[str, Any]]) -> None:
    """Every file or folder of `deploy/` that a container mounts exists."""
    mounts = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())]
    here = {mount for mount in mounts if mount.startswith("./")}
    assert here
    assert {mount for mount in here if not (DEPLOY / mount).exists()} == set()


def test_the_receiver_does_not_wait_for_the_store(services: dict[str, dict[str, Any]]) -> None:
    """The receiver starts while ClickHouse is away; the parts that use ClickHouse wait for it."""
    waits = {part for part in _PARTS if "clickhouse" in services[part]["depends_on"]}
    assert waits == {"drain", "poll", "migrate"}


def test_every_container_has_a_memory_limit(services: dict[str, dict[str, Any]]) -> None:
    """No container can take the memory of the others."""
    assert [name for name, service in services.items() if "mem_limit" not in service] == []


def test_grafana_can_only_read(services: dict[str, dict[str, Any]]) -> None:
    """Grafana's ClickHouse user may select from dlrhub's databases, and has no other right."""
    [file] = (DEPLOY / "grafana" / "provisioning" / "datasources").glob("*.yml")
    [found] = [source for source in documents(file)[0]["datasources"] if source["uid"] == "clickhouse"]
    reader = ET.parse(DEPLOY / "clickhouse" / "reader.xml").getroot()  # noqa: S314 - a file of ours
    [user] = [user for user in reader.find("users") or () if user.tag == found["jsonData"]["username"]]
    assert [grant.text for grant in user.iter("query")] == [
        f"GRANT SELECT ON {database}.*" for database in ("dlr", "dlr_store", "dlr_local")
    ]
    assert reader.findtext(f"profiles/{user.findtext('profile')}/readonly") == "2"
    [password] = [element.get("from_env") for element in user.iter("password")]
    assert found["secureJsonData"] == {"password": f"${password}"}
    for service in ("grafana", "clickhouse"):
        assert password in services[service]["environment"]
    assert "CLICKHOUSE_PASSWORD" not in services["grafana"]["environment"]
    assert any(volume.startswith("./clickhouse/reader.xml:") for volume in services["clickhouse"]["volumes"])
