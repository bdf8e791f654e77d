"""The whole house on one machine: database, Stripe, mailbox, worker and web server, started and ended together."""

import argparse
import hashlib
import json
import os
import sys
import time
from base64 import b64encode
from collections.abc import Sequence
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final, NoReturn

from marketplace.dev import endings, postgres
from marketplace.dev.demo import cast
from marketplace.dev.household import ROOT, Household, Ports, Progress, State
from marketplace.dev.trouble import Trouble

_DATABASE: Final = "second_light"
_PATIENCE: Final = 60.0


def environment_of(state: State, ports: Ports, database_url: str) -> dict[str, str]:
    """Return what the programs of the demo are told."""
    ours = {
        "DATABASE_URL": database_url,
        "SECOND_LIGHT_MODE": "demo",
        "SECOND_LIGHT_SECRET_KEY": state.secret("secret_key"),
        "SECOND_LIGHT_SECOND_FACTOR_KEYS": state.secret("second_factor_key"),
        "SECOND_LIGHT_DOCUMENT_KEYS": state.secret("document_key"),
        "SECOND_LIGHT_STAFF_SECOND_FACTOR": "no",  # Staff of the demo try the desks before they set up anything.
        "SECOND_LIGHT_BASE_URL": f"http://localhost:{ports.web}",
        "SECOND_LIGHT_DATA_DIR": str(state.directory / "files"),
        "SECOND_LIGHT_STRIPE_API_KEY": "sk_test_local",
        "SECOND_LIGHT_STRIPE_API_BASE": f"http://127.0.0.1:{ports.stripe}",
        "SECOND_LIGHT_STRIPE_WEBHOOK_SECRETS": f"whsec_{state.secret('webhook_secret')}",
        "SECOND_LIGHT_DEBIT_CAP_MINOR": "5000000",  # Devices cost more than a newcomer at the provider may draw.
        "SECOND_LIGHT_MAIL_HOST": "127.0.0.1",
        "SECOND_LIGHT_MAIL_PORT": str(ports.smtp),
        "SECOND_LIGHT_MAIL_TLS": "no",
        "SECOND_LIGHT_MAIL_FROM": "Second Light <post@second-light.example>",
        "SECOND_LIGHT_AUDIT_KEY": b64encode(hashlib.sha256(state.secret("audit_key").encode()).digest()).decode(),
        "SECOND_LIGHT_AUDIT_HEADS_FILE": str(state.directory / "audit-heads.jsonl"),
        "SECOND_LIGHT_MAILBOX_URL": f"http://localhost:{ports.mailbox}",
        "PYTHONUNBUFFERED": "1",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SECOND_LIGHT_")}
    return inherited | ours


def schema_digest() -> str:
    """Return what tells one set of migrations from another."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "migrations" / "versions").glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def run(*, ports: Ports, directory: Path, fresh: bool) -> NoReturn:
    """
    Start everything, say where it is, and end it all when told to.

    :raises Trouble: something is in the way, or one of the programs ended by itself
    :raises KeyboardInterrupt: we were told to end; by then everything has ended
    """
    progress = Progress()
    given = os.environ.get("DATABASE_URL", "")
    if given and fresh:
        raise Trouble("DATABASE_URL names a database that is not ours to empty: do so yourself, or unset it.")
    if given:
        # What we remember is about one database.
        directory = directory.with_name(f"{directory.name}-{hashlib.sha256(given.encode()).hexdigest()[:8]}")
    state = State(directory.resolve())
    with ExitStack() as stack:
        lock = stack.enter_context(state.own())
        # The last demo took its address back if it came to its end; what a killed one left is still ending.
        ports.expect_free(patience=10.0 if lock.read() else 0.0)
        stack.callback(lock.truncate, 0)
        if fresh or not state.loaded:
            # A first start that was interrupted left half of the demo data.
            state.erase()
        server = None if given else stack.enter_context(_own_server(state))
        database_url = given if server is None else server.url(_DATABASE)
        progress.say("the database answers")
        environment = environment_of(state, ports, database_url)
        household = stack.enter_context(Household(state.directory / "logs", environment))
        accounts = _start(household, state, ports, progress)
        address = f"http://localhost:{ports.web}"
        progress.say("ready")
        _welcome(
            address,
            accounts,
            console=f"http://127.0.0.1:{ports.stripe}/console",
            mailbox=environment["SECOND_LIGHT_MAILBOX_URL"],
        )
        lock.write(address)
        lock.flush()
        while True:
            household.expect_running()
            if server is not None:
                server.expect_running()
            time.sleep(0.2)


def _own_server(state: State) -> postgres.Server:
    server = postgres.Server.start(state.directory / "postgres", durable=True)
    if not server.has_database(_DATABASE):
        server.create_database(_DATABASE)
    return server


def _start(household: Household, state: State, ports: Ports, progress: Progress) -> str:
    """Start the programs, each as soon as what it needs is there; return the demo accounts as JSON."""
    python = Path(sys.executable)
    flask = (python, "-m", "flask", "--app", "wsgi")
    stripe_state = state.directory / "stripe.sqlite3"
    household.add(
        "local Stripe", python, "-m", "marketplace.dev.stripe",
        "--port", str(ports.stripe), "--state", stripe_state,
        "--deliver-to", f"http://127.0.0.1:{ports.web}/webhooks/stripe",
        "--secret", f"whsec_{state.secret('webhook_secret')}",
    )  # fmt: skip
    household.add(
        "mailbox", python, "-m", "marketplace.dev.mailbox", "--smtp-port", str(ports.smtp),
        "--web-port", str(ports.mailbox), "--directory", state.directory / "mail",
    )  # fmt: skip
    schema = schema_digest()
    if not state.remembers("schema", schema):
        household.run("migration", *flask, "database", "upgrade")
        state.remember("schema", schema)
        progress.say("the database has its tables")
    household.add(
        "web server", python, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
        "--port", str(ports.web), "--workers", "1", "--blocking-threads", "8", "--no-ws",
        "--workers-kill-timeout", "3", "wsgi:app",
    )  # fmt: skip
    if not state.loaded:
        household.run("demo data", *flask, "demo", "load")
        state.remember(state.accounts.name, json.dumps(cast.accounts()))
        progress.say("the demo data is loaded")
    _wait_until_healthy(household, ports.web)
    # Last, because nobody waits for it: the first page gets the whole machine.
    household.add("worker", *flask, "worker")
    return state.accounts.read_text()


def _wait_until_healthy(household: Household, port: int) -> None:
    """:raises Trouble: the web server ended, or does not answer in time"""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        household.expect_running()
        if _is_healthy(port):
            return
        time.sleep(0.05)
    raise Trouble(f"The web server did not answer on port {port} within {_PATIENCE:.0f} seconds.")


def _is_healthy(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _welcome(address: str, accounts: str, *, console: str, mailbox: str) -> None:
    print(f"\n  Second Light is open: {address}\n")
    for account in json.loads(accounts):
        print(f"    {account['email']:<36} {account['password']}\n        {account['story']}")
    print(f"\n  Mailbox of everybody: {mailbox}")
    print(f"  Banks, disputes and webhooks of the test payments: {console}")
    print("\n  Ctrl-C ends it; the data is kept. --fresh begins anew.\n", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit status."""
    parser = argparse.ArgumentParser(prog="dev.py demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="the first of four ports (default: 8000)")
    parser.add_argument("--fresh", action="store_true", help="forget all data and begin anew")
    parser.add_argument("--directory", type=Path, default=ROOT / "var" / "demo", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if not 1 <= given.port <= 65532:
        parser.error("--port must lie between 1 and 65532")
    try:
        with endings.noted():
            run(ports=Ports(given.port), directory=given.directory, fresh=given.fresh)
    except KeyboardInterrupt:
        print("\nEverything has ended.")
        return 0
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"\nThe demo cannot keep its data: {problem}.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
