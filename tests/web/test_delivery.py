"""Answers travel light: text is packed, files are kept as long as their address names their version."""

import gzip
import re
from pathlib import Path

import pytest
from flask import Flask, url_for

from marketplace.config import Mode
from marketplace.web import delivery, fragments
from tests.conftest import settings_for
from tests.factories.accounts import make_user
from tests.factories.orders import make_scene
from tests.support import count_statements, sign_in

STYLE = "/static/css/second-light.css"
BOOTSTRAP = "/bootstrap/static/css/bootstrap.min.css"
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


class TestPacking:
    @pytest.mark.parametrize("path", [STYLE, BOOTSTRAP, "/static/js/theme.js", "/static/img/mark.svg", "/rules"])
    def test_text_is_packed_and_means_the_same(self, client, path, now):
        make_scene(now)
        plain, packed = client.get(path), client.get(path, headers=GZIP)
        small = plain.content_length < delivery.SMALLEST

        assert "Content-Encoding" not in plain.headers
        assert packed.headers.get("Content-Encoding") == (None if small else "gzip")
        assert (packed.data if small else gzip.decompress(packed.data)) == plain.data
        assert packed.content_length == len(packed.data)
        assert "Accept-Encoding" in plain.vary
        assert "Accept-Encoding" in packed.vary

    @pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "br", ""])
    def test_a_browser_that_cannot_unpack_gets_it_as_it_is(self, client, accepted):
        answer = client.get(STYLE, headers={"Accept-Encoding": accepted})

        assert "Content-Encoding" not in answer.headers

    def test_a_page_with_a_secret_in_it_is_not_packed(self, client):
        sign_in(client, make_user())

        assert "Content-Encoding" not in client.get("/account", headers=GZIP).headers

    def test_what_is_no_text_is_left_alone(self, client):
        answer = client.get("/bootstrap/static/css/font/fonts/bootstrap-icons.woff2", headers=GZIP)

        assert (answer.status_code, answer.headers.get("Content-Encoding")) == (200, None)

    def test_a_part_of_a_file_is_left_alone(self, client):
        answer = client.get(STYLE, headers={**GZIP, "Range": "bytes=0-9"})

        assert (answer.status_code, len(answer.data), answer.headers.get("Content-Encoding")) == (206, 10, None)

    def test_what_is_sent_piece_by_piece_is_left_alone(self, app):
        from flask import Response

        with app.test_request_context("/", headers=GZIP):
            answer = delivery.pack(Response(iter(["a" * 1000]), mimetype="text/html"))

        assert "Content-Encoding" not in answer.headers


class TestKeeping:
    def versioned(self, app, name="css/second-light.css"):
        with app.test_request_context():
            return app.url_for("static", filename=name)

    def test_the_address_names_the_version(self, app):
        assert re.fullmatch(r"/static/css/second-light\.css\?v=[0-9a-f]{12}", self.versioned(app))

    def test_a_file_that_is_not_there_has_none(self, app):
        assert self.versioned(app, "no/such.css") == "/static/no/such.css"
        with app.test_request_context():
            assert delivery.version_of("../config.py") is None

    def test_under_it_the_file_is_kept_for_ever(self, app, client):
        assert client.get(self.versioned(app)).headers["Cache-Control"] == "public, max-age=31536000, immutable"

    @pytest.mark.parametrize("path", [STYLE, f"{STYLE}?v=0123456789ab", f"{STYLE}?v="])
    def test_under_any_other_the_browser_asks_each_time(self, client, path):
        assert client.get(path).headers["Cache-Control"] == "no-cache"

    def test_an_installed_file_is_kept_for_a_day(self, client):
        assert client.get(BOOTSTRAP).headers["Cache-Control"] == "public, max-age=86400"

    def test_another_content_is_another_version(self, app, tmp_path):
        before = app.static_folder
        app.static_folder = str(tmp_path)
        try:
            with app.app_context():
                (tmp_path / "a.css").write_text("a {}")
                first = delivery.version_of("a.css")
                (tmp_path / "a.css").write_text("b {}")
                assert first != delivery.version_of("a.css")
        finally:
            app.static_folder = before

    @pytest.mark.parametrize("headers", [{}, GZIP], ids=["plain", "packed"])
    @pytest.mark.parametrize("path", [STYLE, BOOTSTRAP])
    def test_what_has_not_changed_is_not_sent_again(self, client, path, headers):
        first = client.get(path, headers=headers)

        again = client.get(path, headers={**headers, "If-None-Match": first.headers["ETag"]})

        assert (again.status_code, again.data) == (304, b"")

    def test_a_file_is_the_same_for_everybody(self, client):
        sign_in(client, make_user())

        assert [*client.get(STYLE).vary] == ["Accept-Encoding"]

    def test_a_file_asks_the_database_nothing(self, client):
        sign_in(client, make_user())

        with count_statements() as sent:
            client.get(STYLE)

        assert sent == []

    def test_where_files_do_not_change_their_address_is_looked_up_once_and_others_each_time(self, app):
        with app.test_request_context():
            for endpoint, values in [
                ("static", {"filename": "css/second-light.css"}),
                ("browse.devices", {"q": "yag"}),
            ]:
                for _ in range(2):
                    assert fragments.address(endpoint, **values) == url_for(endpoint, **values)

    @pytest.mark.parametrize(("mode", "kept"), [(Mode.PRODUCTION, True), (Mode.TEST, False)])
    def test_they_are_taken_for_unchanging_in_production_alone(self, tmp_path, mode, kept):
        app = Flask("a house of its own")

        fragments.register(app, settings_for("postgresql+psycopg://nobody@192.0.2.1/none", tmp_path, mode=mode))

        assert (app.jinja_env.globals["url_for"] is fragments.address) is kept

    def test_scripts_do_not_import_each_other_past_their_version(self, app):
        scripts = Path(app.static_folder, "js").glob("*.js")

        assert [path.name for path in scripts if re.search(r"^import |import\(", path.read_text(), re.MULTILINE)] == []


@pytest.mark.parametrize("path", ["/", "/devices", "/rules", "/sign-in"])
def test_the_first_view_weighs_less_than_a_hundred_kilobytes(client, now, path):
    make_scene(now)
    page = client.get(path, headers=GZIP)
    html = gzip.decompress(page.data).decode() if page.headers.get("Content-Encoding") else page.text
    parts = set(re.findall(r'(?:href|src)="(/(?:bootstrap/)?static/[^"]+)"', html))

    weight = len(page.data) + sum(len(client.get(part, headers=GZIP).data) for part in parts)

    assert any("bootstrap.min.css" in part for part in parts)
    assert weight < 100_000
