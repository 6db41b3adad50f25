"""The base class of all sections of the settings."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the settings: an unknown name in it is a fault, and nothing changes it once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
