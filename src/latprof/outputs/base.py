"""What all shapes of outputs share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Strict"]


class Strict(BaseModel):
    """Fixed keys: one more is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)
