"""The stand-in as a server on this machine: bound to 127.0.0.1 and to nothing else."""

import logging
import socket
from pathlib import Path
from threading import Thread

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden
from werkzeug.serving import make_server

from . import api, console, events, moving, pages, sessions, sim
from .courier import Courier
from .store import Store
from .wire import ApiError
from .world import World

HOST = "127.0.0.1"
POLL_SECONDS = 0.05  # How long stopping may take.
# What the platform keeps of its own: Stripe gives no fee back, so a whole refund costs more than was received.
BUFFER = 5_000_000
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"


class LocalStripe:
    """
    A running stand-in. `base_url` is what to give to the gateway.

    With `deliver_to` and `secret` it delivers every event there from the start, signed with that secret.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        state: Path | None = None,
        deliver_to: str | None = None,
        secret: str | None = None,
    ) -> None:
        """
        Bind to the port (any free one if 0) and open the state file, if there is to be one.

        :raises OSError: the port is in use
        :raises sqlite3.Error: the state file cannot be used
        """
        self._endpoint = (deliver_to, secret) if deliver_to and secret else None
        flask = Flask("local_stripe", static_folder=None)
        # What is said between machines is not for the log of a developer's terminal.
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        # Bound here, because werkzeug would end the whole process over a port that is in use.
        store = Store(state)
        try:
            bound = socket.create_server((HOST, port))
        except OSError:
            store.close()
            raise
        with bound:
            self._server = make_server(HOST, port, flask, threaded=True, fd=bound.fileno())
        self.base_url = f"http://{HOST}:{self._server.port}"
        self.world = World(store, self.base_url)
        self._api = api.Api(self.world)
        self._courier = Courier(self.world, tick=lambda: sim.pass_time(self.world))
        self.world.changed = self._courier.wake
        self._thread = Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), name="local-stripe", daemon=True)
        flask.register_blueprint(api.blueprint(self._api))
        flask.register_blueprint(pages.Pages(self.world).blueprint())
        flask.register_blueprint(console.Console(self.world).blueprint())
        flask.register_blueprint(sim.blueprint(self._api, self.world, self._reset))
        flask.register_error_handler(ApiError, pages.refused)
        flask.before_request(_refuse_strangers)
        flask.after_request(_guard)
        self._begin()

    def start(self) -> "LocalStripe":
        """Answer requests and deliver events until stopped."""
        self._thread.start()
        self._courier.start()
        return self

    def stop(self) -> None:
        """Finish what is in hand and let go of port and file."""
        self._api.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)
        self._courier.end()
        self.world.store.close()

    def wait(self) -> None:
        """Stay until the server's thread ends."""
        self._thread.join()

    def _reset(self) -> None:
        with self.world.store.change():
            self.world.store.clear()
            self._begin()

    def _begin(self) -> None:
        with self.world.store.change():
            if self._endpoint is not None:
                events.add_endpoint(self.world, *self._endpoint, ["*"])
            if not self.world.store.all("balance_transaction"):
                moving.sweep(self.world, -BUFFER)
            sessions.readdress(self.world)


def _refuse_strangers() -> None:
    """Refuse other names for this machine, and forms of other pages: nobody foreign presses a button here."""
    origin = request.headers.get("Origin")
    if request.host.partition(":")[0] not in {HOST, "localhost"} or origin not in {None, f"http://{request.host}"}:
        raise Forbidden


def _guard(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
