"""`python -m twinvouch.verifier DIR --key K [--json]`: exit 0 verified, 1 not, 2 wrong usage."""

import argparse
import json
import sys
from pathlib import Path

from twinvouch.verifier.keys import RootTextError
from twinvouch.verifier.ledger import verify
from twinvouch.verifier.note import KeyTextError, key_text
from twinvouch.verifier.report import as_plain, as_text
from twinvouch.verifier.witnesses import witness_policy


def main(arguments: list[str] | None = None) -> int:
    """Verify one ledger directory and print what was found."""
    parser = argparse.ArgumentParser("twinvouch.verifier", description="Verify a ledger offline.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--key", required=True, help="verifier key `name+id+base64`, or its file")
    parser.add_argument("--root", default="", help="public key of the plant root, base64")
    parser.add_argument("--witness", action="append", default=[], help="witness key, or its file")
    parser.add_argument("--witnesses", type=int, help="how many of them a head needs; default: all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    if not options.directory.is_dir():
        parser.error(f"{options.directory} is not a directory")
    try:
        asked = witness_policy(options.witness, options.witnesses)
    except ValueError as error:
        parser.error(f"--witness: {error}")
    try:
        report = verify(options.directory, key_text(options.key), options.root, asked)
    except KeyTextError as error:
        parser.error(f"--key: {error}")
    except RootTextError as error:
        parser.error(f"--root: {error}")
    sys.stdout.write(json.dumps(as_plain(report)) if options.json else as_text(report))
    sys.stdout.write("\n")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
