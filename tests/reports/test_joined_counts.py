"""Counts are added up from the text of JSON objects."""

import json

import pytest

from backend.reports import joined_counts
from backend.reports.joined_counts import SEPARATOR, sum_of_counts


@pytest.fixture(params=[0, 5000], ids=["counted", "parsed"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways, whatever the length of the text."""
    monkeypatch.setattr(joined_counts, "SHORT", request.param)


def test_objects_add_up_one_by_one_and_joined() -> None:
    rows = [{"160": 1, "7": 20}, {}, {"160": 1}, {"160": 3, "client_left": 2}]
    texts = [json.dumps(row) for row in rows]
    for given in (texts, [SEPARATOR.join(texts)], [SEPARATOR.join(texts[:2]), *texts[2:]]):
        assert sum_of_counts(given) == {"160": 5, "7": 20, "client_left": 2}


@pytest.mark.parametrize("texts", [[], ["{}"], ["{}, {}"]])
def test_nothing_is_empty(texts: list[str]) -> None:
    assert sum_of_counts(texts) == {}


def test_other_texts_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"."):
        sum_of_counts(["{1: 2: 3}"])
