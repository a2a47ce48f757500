"""`twinvouch check [TWIN.YAML]`."""

import json
from pathlib import Path

import click

from twinvouch.app.cli.printing import json_option
from twinvouch.app.terminal import safe


@click.command()
@click.argument(
    "config_path",
    metavar="[CONFIG]",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("twin.yaml"),
)
@json_option
@click.pass_context
def command(ctx: click.Context, config_path: Path, *, as_json: bool) -> None:
    """Check a configuration as `run` would read it; every error has its file:line:column. Exit 3 on any."""
    from twinvouch.app import build
    from twinvouch.app.config_checks import notices
    from twinvouch.app.logs import harmless
    from twinvouch.app.problems import InvalidConfigError
    from twinvouch.core.errors import ConfigError

    try:
        config = build.load(config_path)
        build.site(config)
    except ConfigError as error:
        problems = error.problems if isinstance(error, InvalidConfigError) else ()
        if as_json:
            told = [
                {
                    "file": p.place.file,
                    "line": p.place.line,
                    "column": p.place.column,
                    "text": p.text,
                }
                for p in problems
            ] or [{"file": str(config_path), "line": 1, "column": 1, "text": str(error)}]
            click.echo(json.dumps({"ok": False, "problems": told}, indent=2))
        else:
            counted = f"{len(problems) or 1} error(s) in {config_path}"
            click.echo(harmless(f"{error}\n{counted}"), err=True)
        ctx.exit(error.exit_code)
    unfinished = notices(config)
    if as_json:
        digest = config.digest.hex()
        click.echo(json.dumps({"ok": True, "digest": digest, "notices": unfinished}, indent=2))
        return
    for notice in unfinished:
        click.echo(f"note: {notice}")
    counts = (
        f"{len(config.tags)} tags, {len(config.groups)} groups, {len(config.principals)} principals"
    )
    click.echo(f"{safe(config_path)} is in order: {counts}")
    click.echo(f"digest {config.digest.hex()}")
