"""What is kept between runs: a cache that may go at any time, and a history that may not.

Nothing of a log's text is kept, only what chunks of its calls hold: times, ids, counts, names.
"""

from __future__ import annotations

from latprof.store.places import cache_folder, data_folder

__all__ = ["cache_folder", "data_folder"]
