"""The command line: verbs are loaded only when they are called, so that `--help` stays quick.

Exit codes: 0 ok, 1 negative result, 2 usage, 3 configuration, 4 not permitted, 5 unavailable, 6 two histories, 70 bug.
"""

import importlib
import os
import sys
import traceback
from collections.abc import Sequence

import click

from twinvouch import __version__
from twinvouch.core.errors import TwinvouchError, UnavailableError

# before numpy is loaded: products of small matrices gain nothing from threads, and beside other busy processes the
# threads of OpenBLAS wait for each other (learning took 21 times as long)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

BUG = 70  # exit code of what should not be possible

# verb -> one line; the module of the same name in this package has the click command `command`
VERBS = {
    "actuator": "Run the process that alone may write to the plant.",
    "advice": "Give, list and show what the twin recommends to people.",
    "backup": "Back up a core's data, verify and restore it.",
    "bench": "Measure a hot path against a named baseline in the same run.",
    "break-glass": "Waive label and approvals for some minutes, by two persons.",
    "certs": "The plant's certificate authority: issue, list, revoke.",
    "check": "Check a configuration; exit 3 on any error.",
    "commands": "List, show, approve and reject commands.",
    "compact": "Write the event log's readings into the history.",
    "completion": "Print the completion script of a shell.",
    "config": "Show a configuration, sign its safety part, print the JSON Schema.",
    "demo": "Run the built-in plant under attack for about a minute.",
    "disavowal": "What was said to have been bad for a past time: list, show, confirm.",
    "distrust": "Let a tag, edge, model or key count as nothing, for a time.",
    "doctor": "Look over this machine and its configurations; say what to do.",
    "edge": "Run the process that reads devices and signs readings.",
    "encryption": "Keys of encrypted data: show, shred, rotate.",
    "export": "Print the Grafana dashboard or the Prometheus alert rules.",
    "enrol": "Vouch for the new chain of an edge that lost its spool.",
    "findings": "List recent findings.",
    "history": "Show the readings of a tag: a span, the last ones, or as of a time.",
    "init": "Write a commented starter configuration.",
    "keys": "The plant root and the keys it stands for: sign, rotate, revoke, list.",
    "lab": "The built-in plant by itself.",
    "learn": "Learn what normal is from commissioning data.",
    "ledger": "Verify a ledger offline.",
    "lineage": "Trace what an entry rests on, and what a bad source has touched.",
    "lookahead": "Fit the model that commands are tried on to what the plant did.",
    "mode": "Show how much the twin may do to each asset, and change it.",
    "models": "Sign, submit and list model artefacts.",
    "principals": "Make keys and tokens for persons, services and edges.",
    "receipt": "Prove offline what led to a command or reading, and what came of it.",
    "replay": "Send a CSV of readings through the gates.",
    "restore": "Take back a distrust.",
    "retention": "How long the history is kept: show, list holds, delete what is over.",
    "rewind": "Rebuild the twin as if what is disavowed had been known.",
    "run": "Run the core of a plant.",
    "status": "Show how the running core is doing.",
    "systemd": "Print unit files with a sandbox for core, edge and actuator.",
    "tags": "List and show tags with value and label.",
    "ticket": "Announce work on the plant: what departs then is no attack.",
    "virtual": "Calibrate what stands in for a level that does not count.",
    "witness": "Cosign a log from another machine or disk; show where history was rewritten.",
}


class Verbs(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs."""
        del ctx
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        del ctx
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(
            f"twinvouch.app.cli.{cmd_name.replace('-', '_')}"
        ).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As usual, and for a word that is no verb the one that may have been meant."""
        word = args[0]
        if word not in VERBS and not word.startswith("-") and not ctx.resilient_parsing:
            raise click.NoSuchCommand(word, possibilities=VERBS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without importing any."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl(sorted(VERBS.items()))


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="twinvouch")
def cli() -> None:
    """The security layer that everything entering or leaving a digital twin passes through."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    try:
        code = cli.main(args=list(args) if args is not None else None, standalone_mode=False)
    except TwinvouchError as error:
        _say(f"twinvouch: {error}", error.exit_code)
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        code = 130
    except OSError as error:
        where = f"`{error.filename}`: " if error.filename else ""
        _say(f"twinvouch: {where}{error.strerror or error}", UnavailableError.exit_code)
        code = UnavailableError.exit_code
    except Exception as error:  # noqa: BLE001 - the outermost place: what comes here is a bug
        _say(f"twinvouch: this is a bug, please report it: {error!r}", BUG, traceback.format_exc())
        code = BUG
    sys.exit(code if isinstance(code, int) else 0)


def _say(text: str, code: int, trace: str = "") -> None:
    """The last words of a verb on stderr: harmless, without secrets, as JSON where the process logs JSON."""
    from twinvouch.app import logs

    if logs.is_json():
        logs.last_words(text, code, trace)
        return
    click.echo(logs.harmless(trace + text), err=True)
