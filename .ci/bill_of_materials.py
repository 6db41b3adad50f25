"""Puts the bill of materials that the environment names into the wheel, where PEP 770 has it: `.dist-info/sboms/`."""

import os
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BillOfMaterials(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling at each build; `.ci/package` is what sets the variable."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling passes it
        """Add the file."""
        if file := os.environ.get("DLRHUB_BILL_OF_MATERIALS"):
            build_data["sbom_files"].append(file)
