"""The manifests in `deploy/kubernetes/` are valid, and their pods are restricted."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from ingest.settings.settings import KafkaSettings
from tests.deploy.files import DEPLOY, assert_is_a_command, documents

_FOLDER = DEPLOY / "kubernetes"
#: Kinds that Kubernetes' own schemas do not describe.
_OTHERS = ("kustomization.yaml", "drain-scaling.yaml", "service-monitor.yaml")
_FILES = sorted(path for path in _FOLDER.glob("*.yaml") if path.name not in _OTHERS)
_PARTS = ("ingest", "drain", "poll")


def _workload(part: str) -> dict[str, Any]:
    [workload] = [
        found for found in documents(_FOLDER / f"{part}.yaml") if found["kind"] in ("Deployment", "StatefulSet")
    ]
    return workload


def _container(part: str) -> dict[str, Any]:
    [container] = _workload(part)["spec"]["template"]["spec"]["containers"]
    return dict(container)


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_manifests_fit_their_schemas(path: Path) -> None:
    """Every document validates, without unknown fields."""
    for document in documents(path):
        kubernetes_validate.validate(document, "1.37", strict=True)


def test_the_kustomization_names_every_manifest() -> None:
    """Every file in the folder is applied, except the example of a Secret and those for operators."""
    [kustomization] = documents(_FOLDER / "kustomization.yaml")
    left_out = {"secret.example.yaml"}
    assert set(kustomization["resources"]) == {path.name for path in _FILES} - left_out


@pytest.mark.parametrize("part", _PARTS)
def test_pods_are_restricted(part: str) -> None:
    """A pod meets the restricted Pod Security Standard, and can write only to its volumes."""
    pod = _workload(part)["spec"]["template"]["spec"]
    own = _container(part)["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert own == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("part", _PARTS)
def test_pods_are_probed(part: str) -> None:
    """A pod is restarted if it isn't alive, and gets no traffic if it isn't ready."""
    container = _container(part)
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert probes == {
        "startupProbe": {"path": "/healthz", "port": "admin"},
        "livenessProbe": {"path": "/healthz", "port": "admin"},
        "readinessProbe": {"path": "/readyz", "port": "admin"},
    }


@pytest.mark.parametrize("part", _PARTS)
def test_pods_run_a_command(part: str) -> None:
    """A pod runs a command that dlrhub has, with options that it has."""
    assert_is_a_command(_container(part)["args"])


@pytest.mark.parametrize("part", ["ingest", "poll"])
def test_the_spill_outlives_the_pod(part: str) -> None:
    """The spill of a receiver or the poller is on a volume that the next pod of the same name gets."""
    [mount] = [mount for mount in _container(part)["volumeMounts"] if mount["mountPath"] == "/var/lib/dlrhub"]
    claims = [claim["metadata"]["name"] for claim in _workload(part)["spec"]["volumeClaimTemplates"]]
    assert mount["name"] in claims


def test_autoscalers_name_existing_workloads() -> None:
    """The autoscalers name existing workloads and the drains' consumer group."""
    [scaler] = [found for found in documents(_FOLDER / "ingest.yaml") if found["kind"] == "HorizontalPodAutoscaler"]
    [scaled] = documents(_FOLDER / "drain-scaling.yaml")
    assert scaler["spec"]["scaleTargetRef"]["name"] == _workload("ingest")["metadata"]["name"]
    assert scaled["spec"]["scaleTargetRef"]["name"] == _workload("drain")["metadata"]["name"]
    [trigger] = scaled["spec"]["triggers"]
    assert trigger["metadata"]["consumerGroup"] == KafkaSettings.model_fields["group"].default


def test_the_service_monitor_finds_every_part() -> None:
    """The Prometheus operator scrapes each part's admin port, with the token, as the job of the alert rules."""
    [monitor] = documents(_FOLDER / "service-monitor.yaml")
    [endpoint] = monitor["spec"]["endpoints"]
    wanted = monitor["spec"]["selector"]["matchLabels"]
    services = {
        found["metadata"]["labels"]["app.kubernetes.io/component"]: found
        for part in _PARTS
        for found in documents(_FOLDER / f"{part}.yaml")
        if found["kind"] == "Service" and wanted.items() <= found["metadata"].get("labels", {}).items()
    }
    assert set(services) == set(_PARTS)
    for service in services.values():
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "dlrhub"
    [secret] = documents(_FOLDER / "secret.example.yaml")
    assert endpoint["authorization"]["credentials"]["name"] == secret["metadata"]["name"]
    assert endpoint["authorization"]["credentials"]["key"] in secret["stringData"]
