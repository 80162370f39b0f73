"""Where VS Code and its siblings keep the data of a user, on each system."""

from __future__ import annotations

from typing import Final

__all__ = ["USER_FOLDERS"]

_PLACES: Final = ("~/.config", "~/Library/Application Support", "~/AppData/Roaming")
_EDITORS: Final = ("Code", "Code - Insiders", "VSCodium")

USER_FOLDERS: Final = (
    *(f"{place}/{editor}/User" for place in _PLACES for editor in _EDITORS),
    "~/.vscode-server/data/User",
)
