"""Settings of a user, a project, the environment: one schema, read with all mistakes at once.

Importing this package is light; `latprof.config.load` and `latprof.config.schema` bring pydantic.
"""

from __future__ import annotations

from latprof.config.files import are_given, project_file, user_file

__all__ = ["are_given", "project_file", "user_file"]
