"""`python -m marketplace.dev.stripe`: run the stand-in until it is interrupted."""

import argparse
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from .server import LocalStripe


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m marketplace.dev.stripe", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="the port on 127.0.0.1")
    parser.add_argument("--state", type=Path, required=True, help="the SQLite file that survives a restart")
    parser.add_argument("--deliver-to", help="where to deliver every event")
    parser.add_argument("--secret", help="the webhook secret (whsec_…) to sign them with")
    given = parser.parse_args(arguments)
    try:
        stripe = LocalStripe(port=given.port, state=given.state, deliver_to=given.deliver_to, secret=given.secret)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        print(f"The local Stripe cannot use port {given.port}: {why}.", file=sys.stderr)
        return 1
    except sqlite3.Error as error:
        print(f"The local Stripe cannot use {given.state}: {error}.", file=sys.stderr)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    stripe.start()
    print(f"Local Stripe on {stripe.base_url} (no real money)", flush=True)
    try:
        stripe.wait()
    except KeyboardInterrupt:
        stripe.stop()
    return 0


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
