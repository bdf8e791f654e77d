"""Tests that share something costly stay with one worker: journeys in one house, and one load of the demo."""

import pytest


@pytest.mark.xdist_group("guarded")
def test_a_group_of_tests_is_known_to_who_deals_them_out(request):
    """pytest-xdist deals tests out by the end of their ids; a pytest that keeps ids elsewhere tears groups apart."""
    dealt_out = request.config.getoption("loadgroup", default=False)

    assert request.node.nodeid.endswith("@guarded") is bool(dealt_out)
