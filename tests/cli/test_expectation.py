"""`--expect`: a text within an answer."""

import pytest

from backend.cli.expectation import contains


@pytest.mark.parametrize(
    ("answers", "expected", "is_met"),
    [
        (["There are FOUR of us."], "four of", True),
        (["There are four\nof us."], "four of", True),
        (["受注は４名で行っています。"], "4名", True),
        (["One.", "Two."], "two", True),
        (["One.", "Two."], "one. two", False),
        ([], "four", False),
    ],
)
def test_case_width_and_spaces_make_no_difference(
    answers: list[str], expected: str, is_met: bool
) -> None:
    assert contains(answers, expected) is is_met
