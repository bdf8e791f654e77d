"""A django-oscar shop with the settings of its documentation: served, filled, and asked what it sends."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import django
from django.conf import settings
from oscar import defaults
from PIL import Image

_APPS = (
    "analytics.apps.AnalyticsConfig", "checkout.apps.CheckoutConfig", "address.apps.AddressConfig",
    "shipping.apps.ShippingConfig", "catalogue.apps.CatalogueConfig", "catalogue.reviews.apps.CatalogueReviewsConfig",
    "communication.apps.CommunicationConfig", "partner.apps.PartnerConfig", "basket.apps.BasketConfig",
    "payment.apps.PaymentConfig", "offer.apps.OfferConfig", "order.apps.OrderConfig", "customer.apps.CustomerConfig",
    "search.apps.SearchConfig", "voucher.apps.VoucherConfig", "wishlists.apps.WishlistsConfig",
    "dashboard.apps.DashboardConfig", "dashboard.reports.apps.ReportsDashboardConfig",
    "dashboard.users.apps.UsersDashboardConfig", "dashboard.orders.apps.OrdersDashboardConfig",
    "dashboard.catalogue.apps.CatalogueDashboardConfig", "dashboard.offers.apps.OffersDashboardConfig",
    "dashboard.partners.apps.PartnersDashboardConfig", "dashboard.pages.apps.PagesDashboardConfig",
    "dashboard.ranges.apps.RangesDashboardConfig", "dashboard.reviews.apps.ReviewsDashboardConfig",
    "dashboard.vouchers.apps.VouchersDashboardConfig", "dashboard.communications.apps.CommunicationsDashboardConfig",
    "dashboard.shipping.apps.ShippingDashboardConfig",
)  # fmt: skip

settings.configure(
    **{name: getattr(defaults, name) for name in dir(defaults) if name.startswith("OSCAR_")},
    DEBUG=False,
    SECRET_KEY="a secret for a benchmark that opens nothing",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SITE_ID=1,
    USE_TZ=True,
    STATIC_URL="/static/",
    MEDIA_URL="/media/",
    MEDIA_ROOT=os.environ["PEER_FILES"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            **json.loads(os.environ["PEER_DATABASE"]),
            "CONN_MAX_AGE": None,
        }
    },
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "django.contrib.sites",
        "django.contrib.flatpages",
        "oscar.config.Shop",
        *("oscar.apps." + app for app in _APPS),
        "widget_tweaks",
        "haystack",
        "treebeard",
        "sorl.thumbnail",
        "django_tables2",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "oscar.apps.basket.middleware.BasketMiddleware",
        "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.debug",
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                    "oscar.apps.search.context_processors.search_form",
                    "oscar.apps.checkout.context_processors.checkout",
                    "oscar.apps.communication.notifications.context_processors.notifications",
                    "oscar.core.context_processors.metadata",
                ]
            },
        }
    ],
    AUTHENTICATION_BACKENDS=[
        "oscar.apps.customer.auth_backends.EmailBackend",
        "django.contrib.auth.backends.ModelBackend",
    ],
    HAYSTACK_CONNECTIONS={
        "default": {
            "ENGINE": "haystack.backends.whoosh_backend.WhooshEngine",
            "PATH": os.environ["PEER_FILES"] + "/index",
        }
    },
)
django.setup()

from django.apps import apps
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import include, path

urlpatterns = [path("i18n/", include("django.conf.urls.i18n")), path("", include(apps.get_app_config("oscar").urls[0]))]
app = get_wsgi_application()


def fill(rows: list[dict[str, Any]]) -> None:
    """Put a catalogue into the shop: a product with its stock and its category for each unit."""
    from oscar.apps.catalogue.categories import create_from_breadcrumbs
    from oscar.apps.catalogue.models import Product, ProductCategory, ProductClass, ProductImage
    from oscar.apps.partner.models import Partner, StockRecord

    call_command("migrate", verbosity=0)
    kind = ProductClass.objects.create(name="Device", track_stock=True)
    partner = Partner.objects.create(name="Seller")
    categories = {name: create_from_breadcrumbs(name) for name in sorted({row["category"] for row in rows})}
    products = Product.objects.bulk_create(
        [
            Product(
                product_class=kind, title=row["title"], slug=f"unit-{n}", upc=f"U{n}", description=row["description"]
            )
            for n, row in enumerate(rows)
        ],
        batch_size=2_000,
    )
    pairs = list(zip(products, rows, strict=True))
    StockRecord.objects.bulk_create(
        [
            StockRecord(product=product, partner=partner, partner_sku=product.upc, price=row["price"], num_in_stock=1,
                        price_currency="USD")
            for product, row in pairs
        ],
        batch_size=2_000,
    )  # fmt: skip
    ProductCategory.objects.bulk_create(
        [ProductCategory(product=product, category=categories[row["category"]]) for product, row in pairs],
        batch_size=2_000,
    )
    picture = Path(os.environ["PEER_FILES"]) / "front.jpg"
    picture.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (1280, 960), "navy").save(picture)
    ProductImage.objects.bulk_create(
        [ProductImage(product=one, original=picture.name) for one in products], batch_size=2_000
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    call_command("update_index", verbosity=0, batchsize=1_000)
    print(json.dumps({
        "list": [f"/catalogue/?page={n}" for n in range(1, 1 + len(rows) // 20)],
        "a category by price": [
            f"{one.get_absolute_url()}?sort_by=price-asc&page={n}"
            for n in (1, 2, 3) for one in _large(categories.values(), rows)
        ],
        "two words by price": [
            "/search/?" + urlencode({"q": words, "sort_by": "price-asc"}) for words in two_words(rows)
        ],
        "detail": [product.get_absolute_url() for product in products[:: max(1, len(products) // 400)]],
    }))  # fmt: skip


def two_words(rows: list[dict[str, Any]]) -> list[str]:
    """Return searches that find something: a maker and a year."""
    words = (row["title"].split() for row in rows)
    return sorted({f"{maker} {year}" for maker, *_, year in words if maker.isalpha()})


def _large(categories: Iterable[Any], rows: list[dict[str, Any]]) -> list[Any]:
    """Return those with three pages and more."""
    sizes = Counter(row["category"] for row in rows)
    return [one for one in categories if sizes[one.name] >= 60]


def statements(address: str) -> None:
    """Print how many statements a page sends once it is warm."""
    client = Client()
    client.get(address)
    with CaptureQueriesContext(connection) as sent:
        assert client.get(address).status_code == 200
    print(len(sent))


if __name__ == "__main__":
    fill(json.load(sys.stdin)) if sys.argv[1] == "fill" else statements(sys.argv[2])
