"""Devices side by side, as the address names them, and what this browser looked at last."""

from uuid import uuid4

import pytest
from sqlalchemy import update

from marketplace.eligibility.models import PolicyState, PolicyVersion
from marketplace.extensions import db
from marketplace.recalls.states import MatchState
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import make_scene
from tests.factories.recalls import make_recall
from tests.pages import browser_of, text


@pytest.fixture
def units():
    return [make_listing(year=2010 + number, price_minor=1_000_000 * number) for number in range(1, 6)]


def address(*units, **more):
    parts = [f"d={unit.id}" for unit in units] + [f"{name}={value}" for name, value in more.items()]
    return "/compare?" + "&".join(parts)


class TestCompare:
    def test_shows_up_to_four_in_the_order_of_the_address(self, client, units):
        page = text(client.get(address(*units, units[0])))

        assert page.count("Take it out") == 4
        assert page.index("2011") < page.index("2014")
        assert "1 device of the address cannot be shown" in page
        assert "At least $10,000" in page
        assert "60 %" in page  # 400,000 of 1,000,000 shots are used.
        assert "none known" in page

    def test_leaves_out_what_is_not_on_display_or_no_device(self, client, units):
        page = text(client.get(address(units[0]) + f"&d={uuid4()}&d=x&d={make_listing(state='draft').id}"))

        assert "3 devices of the address cannot be shown" in page
        assert page.count("Take it out") == 1

    def test_takes_one_out_by_an_address(self, client, units):
        page = client.get(address(*units[:2])).text

        assert f'href="/compare?d={units[1].id}">Take it out' in page

    def test_says_what_to_do_with_nothing(self, client):
        assert "Nothing to compare yet" in text(client.get("/compare"))

    def test_the_readers_figures_are_added_to_all(self, client, units):
        page = text(client.get(address(*units[:2], cost_freight="1000", cost_crate="x")))

        assert "At least $11,000" in page
        assert "At least $21,000" in page
        assert 'value="1000"' in page
        assert "Write an amount such as" in page

    def test_says_what_is_not_known(self, client):
        bare = make_listing(
            handpieces=[make_handpiece("ALEX", rated_life=None)], grade="B", recertification=None, photos=1
        )
        page = text(client.get(address(bare)))

        assert "<td>not known</td>" in page
        assert "<td>not stated</td>" in page

    def test_shows_open_recalls(self, client, units):
        make_recall(units[0].model_id, number="Z-7", state=MatchState.CONFIRMED)

        assert "Z-7" in text(client.get(address(units[0])))

    def test_who_is_signed_in_sees_the_gates_answer(self, app, now):
        scene = make_scene(now)
        page = text(browser_of(app, scene.buyer).get(address(scene.listing)))

        assert "chip tone-yes" in page
        assert '<th scope="row">You</th>' in page

    def test_while_no_rules_are_published_it_says_so_and_nothing_of_the_reader(self, app, now):
        scene = make_scene(now)
        db.session.execute(
            update(PolicyVersion)
            .where(PolicyVersion.state == PolicyState.PUBLISHED)
            .values(state=PolicyState.RETIRED, retired_at=now)
        )
        page = text(browser_of(app, scene.buyer).get(address(scene.listing)))

        assert '<th scope="row">You</th><td>no rules are published</td>' in page
        assert "chip tone-yes" not in page


class TestRecentlyViewed:
    def test_is_remembered_in_the_browser_and_offered_to_compare(self, client, units):
        for unit in units[:3]:
            client.get(f"/devices/{unit.id}")
        client.get(f"/devices/{units[0].id}")
        page = client.get(address(units[1])).text

        first, second = page.index(f"/devices/{units[0].id}"), page.index(f"/devices/{units[2].id}")
        assert first < second
        assert f'href="/compare?d={units[1].id}&amp;d={units[0].id}"' in page

    def test_another_browser_knows_nothing_of_it(self, app, client, units):
        client.get(f"/devices/{units[0].id}")

        assert "Looked at last" not in app.test_client().get("/compare").text

    def test_only_so_many_are_remembered(self, client, units, monkeypatch):
        monkeypatch.setattr("marketplace.web.comparing.RECENT", 2)
        for unit in units[:3]:
            client.get(f"/devices/{unit.id}")
        page = client.get("/compare").text

        assert f"/devices/{units[0].id}" not in page
        assert f"/devices/{units[2].id}" in page

    def test_four_are_enough(self, client, units):
        client.get(f"/devices/{units[4].id}")
        page = client.get(address(*units[:4])).text

        assert f"/devices/{units[4].id}" in page
        assert 'btn-sm" href="/compare' not in page

    def test_what_left_the_market_or_was_never_there_is_left_out(self, client, units):
        client.set_cookie("seen", f"{uuid4().hex}.{make_listing(state='draft').id.hex}.{units[0].id.hex}")
        page = client.get("/compare").text
        assert page.count('btn-sm" href="/compare') == 1
        client.set_cookie("seen", "nonsense")
        assert "Looked at last" not in client.get("/compare").text

    def test_the_same_device_again_changes_nothing(self, client, units):
        assert "seen=" in client.get(f"/devices/{units[0].id}").headers["Set-Cookie"]
        assert "Set-Cookie" not in client.get(f"/devices/{units[0].id}").headers
