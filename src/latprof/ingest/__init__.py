"""Find files, tell their format, read them, merge copies of the same call."""

from __future__ import annotations

from latprof.ingest.find import Found, find
from latprof.ingest.merge import merge
from latprof.ingest.read import Reading, read_inputs
from latprof.ingest.recall import Recall, Recalled
from latprof.ingest.survey import Holding, Survey, survey

__all__ = ["Found", "Holding", "Reading", "Recall", "Recalled", "Survey", "find", "merge", "read_inputs", "survey"]
