"""Rules of docs/annotation.md that a program can check, on the articles; for layers see ``test_layers_repo.py``."""

from __future__ import annotations

import pytest
from date_ranges import split_ranges
from project_copy import ROOT

from persian_ner.readers import markup
from persian_ner.records import collect

# «پس از جشن در ۱۳۱۶ تا امروز»: the year is the celebration's, and no end of the range.
NO_RANGES = {"articles": [("provinces-022", "۱۳۱۶", "امروز")], "reference": []}


@pytest.mark.parametrize("folder", NO_RANGES)
def test_a_range_of_dates_is_one_span(folder: str) -> None:
    records, problems = collect(markup.read(ROOT / "assets" / folder))
    assert not problems
    assert split_ranges(records) == NO_RANGES[folder]
