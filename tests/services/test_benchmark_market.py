"""The benchmarks' market is made of rows as they are kept now; a new column must not find that out a month later."""

import pytest
from sqlalchemy import func, select

from benchmarks.filling import fill
from benchmarks.pages import load
from marketplace.app import create_app
from marketplace.catalog import queries as catalog
from marketplace.extensions import db
from marketplace.listings import search
from marketplace.listings.models import Handpiece, Listing
from tests.conftest import settings_for

pytestmark = pytest.mark.own_database


@pytest.mark.parametrize("market", [fill, load])
def test_a_small_one_can_be_filled_and_looked_at(fresh_database, tmp_path, market):
    app = create_app(settings_for(fresh_database(), tmp_path))
    with app.app_context():
        market(40)

        assert db.session.scalar(select(func.count(Listing.id))) == 40
        assert db.session.scalar(select(func.count(Handpiece.id))) >= 40
        assert search.find(search.Wanted()).total == 40
        db.session.remove()
        db.engine.dispose()
    catalog.forget()
