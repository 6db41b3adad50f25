"""The wheel comes with a bill of materials."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.deploy.files import DEPLOY, ROOT
from tests.deploy.test_locks import pins


def test_the_bill_of_materials_names_every_locked_dependency(tmp_path: Path) -> None:
    """`.ci/package` builds a wheel, and a CycloneDX file that lists what a locked installation consists of, with hashes."""
    environment = {**os.environ, "PYTHON": sys.executable}
    subprocess.run([ROOT / ".ci" / "package", tmp_path], check=True, env=environment, timeout=120, capture_output=True)
    [wheel] = tmp_path.glob("dlrhub-*.whl")
    [bill] = tmp_path.glob("dlrhub-*.cdx.json")
    assert wheel.name.startswith(bill.name.removesuffix(".cdx.json"))
    said = json.loads(bill.read_text())
    assert (said["bomFormat"], said["metadata"]["component"]["name"]) == ("CycloneDX", "dlrhub")
    listed = {(part["name"], part["version"]) for part in said["components"]}
    assert listed == pins(DEPLOY / "requirements-embedded.lock")
    assert all(reference["hashes"] for part in said["components"] for reference in part["externalReferences"])
