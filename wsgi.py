"""The application as web servers look for it."""

import gc

# While a thousand modules are read nothing is garbage, and looking for it takes an eighth of the start.
gc.disable()
from marketplace.app import create_app  # noqa: E402  The collector rests before anything else is read.

app = create_app()
gc.freeze()
gc.enable()
