"""`python -m twinvouch.verifier DIR --key K [--json]`, or `... receipt FILE --key K`: exit 0 verified, 1 not, 2 wrong usage."""

import argparse
import base64
import json
import sys
from pathlib import Path

from twinvouch.verifier import chain
from twinvouch.verifier.keys import RootTextError
from twinvouch.verifier.ledger import verify
from twinvouch.verifier.note import KeyTextError, key_text
from twinvouch.verifier.report import as_plain, as_text
from twinvouch.verifier.witnesses import witness_policy


def main(arguments: list[str] | None = None) -> int:
    """Verify one ledger directory, or with `receipt FILE` a receipt, and print what was found."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["receipt"]:
        return receipt(given[1:])
    parser = argparse.ArgumentParser("twinvouch.verifier", description="Verify a ledger offline.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--key", required=True, help="verifier key `name+id+base64`, or its file")
    parser.add_argument("--root", default="", help="public key of the plant root, base64")
    parser.add_argument("--witness", action="append", default=[], help="witness key, or its file")
    parser.add_argument("--witnesses", type=int, help="how many of them a head needs; default: all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(given)
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


def receipt(arguments: list[str]) -> int:
    """Verify one receipt and print its story."""
    parser = argparse.ArgumentParser("twinvouch.verifier receipt")
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", required=True, help="verifier key `name+id+base64`, or its file")
    parser.add_argument("--witness", action="append", default=[], help="witness key, or its file")
    parser.add_argument("--witnesses", type=int, help="how many of them it needs; default: all")
    parser.add_argument("--root", default="", help="public key of the plant root, base64")
    parser.add_argument("--signer", action="append", default=[], help="a public key known, base64")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    if not options.file.is_file():
        parser.error(f"{options.file} is not a file")
    try:
        asked = witness_policy(options.witness, options.witnesses)
        signers = [base64.b64decode(text, validate=True) for text in options.signer]
        found = chain.verify(
            options.file.read_bytes(), key_text(options.key), asked, signers, options.root
        )
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(chain.as_json(found) if options.json else chain.as_text(found))
    sys.stdout.write("\n")
    return 0 if found.ok else 1


if __name__ == "__main__":
    sys.exit(main())
