"""Every no has a stable code, a sentence and, where there is one, a cure."""

import importlib
import pkgutil
import re

import pytest

import marketplace
from marketplace.kernel.errors import Invalid, NotFound, Refusal

for module in pkgutil.walk_packages(marketplace.__path__, "marketplace."):
    if not module.name.startswith("marketplace.dev") and not module.name.endswith("__main__"):
        importlib.import_module(module.name)


def _refusals(kind: type[Refusal] = Refusal) -> list[type[Refusal]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _refusals(child))]


REFUSALS = [kind for kind in dict.fromkeys(_refusals()) if kind.__module__.startswith("marketplace.")]


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)
def test_every_refusal_has_a_code_of_its_own(kind):
    assert re.fullmatch(r"[a-z][a-z0-9_]*", kind.code)
    assert kind.code not in {other.code for other in REFUSALS if other is not kind}


def test_a_cure_can_be_given_with_the_sentence():
    assert NotFound("There is no such order.").cure is None
    assert NotFound("There is no such order.", cure="Look at your orders.").cure == "Look at your orders."
    assert str(NotFound("There is no such order.")) == "There is no such order."


def test_what_is_invalid_may_name_its_field():
    assert Invalid("Write a price.").field is None
    assert Invalid("Write a price.", field="price").field == "price"
