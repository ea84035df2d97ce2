"""Every annotated span of the real corpora and of the gold files is whole tokens of the project's tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from persian_ner import docbin
from persian_ner.readers.registry import read
from persian_ner.records import Record, collect
from persian_ner.segments import segment

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
NLP = docbin.blank()

# format, path, options, records, spans
SOURCES: list[tuple[str, str, dict[str, Any], int, int]] = [
    ("conll", "corpora/nsurl2019/300K", {"token_space": "zwnj"}, 8029, 16081),
    ("conll", "corpora/nsurl2019/300K", {}, 8029, 16081),
    ("conll", "corpora/nsurl2019/600K", {"repair": True}, 17452, 29571),
    ("conll", "corpora/arman/train_fold1.txt", {}, 5121, 8743),
    ("conll", "corpora/parstwiner/train.txt", {"repair": True}, 6417, 14588),
    ("conll", "corpora/parstwiner/dev.txt", {"repair": True}, 446, 1017),
    ("conll", "corpora/parsner/train_news.pos", {}, 5260, 7246),
    ("conll", "corpora/parsner/test_news.pos", {}, 1396, 2444),
    ("conll", "corpora/parsner/train_wiki.pos", {"repair": True}, 5578, 7095),
    ("conll", "corpora/parsner/test_wiki.pos", {"repair": True}, 1394, 1657),
    ("jsonl", "gold/mashregh-article.jsonl", {}, 15, 70),
    ("jsonl", "gold/peyma-dev-5label.jsonl", {}, 460, 815),
]


def misaligned(records: list[Record]) -> list[str]:
    return [str(problem) for record in records for problem in docbin.to_doc(record, NLP, None)[1]]


@pytest.mark.parametrize(
    ("format", "path", "options", "records", "spans"),
    SOURCES,
    ids=[f"{path} {options}" for _, path, options, *_ in SOURCES],
)
def test_shared_corpora(format: str, path: str, options: dict[str, Any], records: int, spans: int) -> None:
    if not SHARED.exists():
        pytest.skip("../shared is absent")
    found, _ = collect(read(format, SHARED / path, **options))
    assert (len(found), sum(len(record.spans) for record in found)) == (records, spans)
    assert misaligned(found) == []


def test_articles() -> None:
    """Whole, and cut into segments as for training."""
    articles, problems = collect(read("markup", ROOT / "assets" / "articles"))
    assert articles and problems == []
    assert misaligned(articles) == []
    assert misaligned([piece for article in articles for piece in segment(article, 120)]) == []
