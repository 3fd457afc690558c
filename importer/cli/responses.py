"""The command that exports form responses."""

from __future__ import annotations

import typer

from importer.cli.loading import load
from importer.cli.options import (
    Attempts,
    BaseUrl,
    Config,
    Environment,
    Force,
    Forms,
    Language,
    LogFormat,
    Output,
    Profile,
    Proxy,
    Quiet,
    Rate,
    Since,
    Summary,
    TimeoutSeconds,
    Until,
    Verbose,
)


def responses(
    context: typer.Context,
    form: Forms = None,
    since: Since = None,
    until: Until = None,
    output: Output = None,
    force: Force = False,
    env: Environment = None,
    base_url: BaseUrl = None,
    rate: Rate = None,
    attempts: Attempts = None,
    timeout: TimeoutSeconds = None,
    proxy_from_environment: Proxy = None,
    summary: Summary = None,
    log_format: LogFormat = None,
    quiet: Quiet = None,
    verbose: Verbose = None,
    lang: Language = None,
    config: Config = None,
    profile: Profile = None,
) -> None:
    """Export the responses to forms, newest first, with a column for each input.

    What is read is kept beside the output until all is there, so the same
    command goes on where it was stopped. An earlier output stays until then.
    """
    from importer.cli.running import run_export
    from importer.event_loops import run_loop

    options = {name: value for name, value in context.params.items() if name != "force"}
    raise typer.Exit(run_loop(run_export(load(options), replace=force)))
