"""Sharing without content: logs without text, exports without names."""

from __future__ import annotations

from latprof.share.folder import Scrubbed, scrub_folder
from latprof.share.names import anonymous

__all__ = ["Scrubbed", "anonymous", "scrub_folder"]
