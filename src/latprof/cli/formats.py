"""`latprof formats`."""

from __future__ import annotations

from latprof.cli import drawing, options

__all__ = ["formats"]


def formats(
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """List the log formats that are read and what each can show.

    Formats of other installed packages included.
    """
    from latprof import api
    from latprof.report import formats_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=(), force=force)
    drawing.show(formats_document(api.known_formats()), chosen, output, force=force)
