"""What tests of pages do: sign in, read a page as one line, press its buttons."""

import re
from typing import Any

from flask.testing import FlaskClient

from tests.support import sign_in


def browser_of(app, user) -> FlaskClient:
    """Return a browser that is signed in as `user`."""
    client = app.test_client()
    sign_in(client, user)
    return client


def text(answer) -> str:
    """Return the page with its white space drawn together."""
    return re.sub(r"\s+", " ", answer.get_data(as_text=True))


def without_languages(page: str) -> str:
    """Return the page without the links to itself in other languages, which repeat the address it was asked for by."""
    return re.sub(r'<p class="languages">.*?</p>', "", page)


def token(page: str) -> str:
    """Return the mark that the page's forms carry."""
    return hidden(page, "csrf_token")


def hidden(page: str, name: str) -> str:
    """Return the value of a hidden field of the page."""
    found = re.search(rf'name="{name}"[^>]*value="([^"]+)"', page)
    assert found, page
    return found[1]


def press(client: FlaskClient, page: str, action: str, **fields: Any):
    """Press a button of the page."""
    assert f'action="{action}"' in page, page
    return client.post(action, data={"csrf_token": token(page), **fields})
