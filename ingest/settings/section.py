"""The base class of all sections of the settings."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the settings, immutable; an unknown name in it is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)
