"""`latprof config`."""

from __future__ import annotations

from latprof.cli import drawing, options
from latprof.cli.settings import ConfigOption, effective

__all__ = ["config"]


def config(
    config: ConfigOption = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Show the settings in force and where each comes from.

    Names every mistake in them.
    """
    from latprof.report.settings import settings_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=(), force=force)
    drawing.show(settings_document(effective(config)), chosen, output, force=force)
