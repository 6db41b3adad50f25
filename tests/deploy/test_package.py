"""The wheel has a bill of materials."""

import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.deploy.files import DEPLOY, ROOT
from tests.deploy.test_locks import pins


def test_the_bill_of_materials_names_every_locked_dependency(tmp_path: Path) -> None:
    """`.ci/package` puts a CycloneDX file into the wheel (PEP 770) that lists a locked installation, with hashes."""
    environment = {**os.environ, "PYTHON": sys.executable}
    subprocess.run([ROOT / ".ci" / "package", tmp_path], check=True, env=environment, timeout=120, capture_output=True)
    [wheel] = tmp_path.iterdir()
    with ZipFile(wheel) as files:
        [bill] = (name for name in files.namelist() if "/sboms/" in name)
        content = json.loads(files.read(bill))
    assert bill.endswith(".dist-info/sboms/dlrhub.cdx.json")
    assert (content["bomFormat"], content["metadata"]["component"]["name"]) == ("CycloneDX", "dlrhub")
    listed = {(part["name"], part["version"]) for part in content["components"]}
    assert listed == pins(DEPLOY / "requirements-embedded.lock")
    assert all(reference["hashes"] for part in content["components"] for reference in part["externalReferences"])
