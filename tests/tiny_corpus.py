"""A corpus of three sources that is small enough to be counted by hand."""

from __future__ import annotations

from pathlib import Path

# 16 tokens and 6 spans.
PARAGRAPH = (
    "[سارا نیک‌پور](PER) [دوشنبه](DATE) از [همدان](GPE) به [قم](GPE) رفت"
    " و [سازمان آب](ORG) [جشنواره باران](EVENT) را دید."
)
TITLE = "خبر کوتاه"  # 2 tokens
SOURCES = {
    "own": """
name: own
format: markup
path: articles
labels: {PER: PER, ORG: ORG, GPE: GPE, EVENT: EVENT, DATE: DATE}
annotated_labels: [PER, ORG, GPE, EVENT, DATE]
split: train
licence: CC BY 4.0
""",
    "held-out": """
name: held-out
format: markup
path: held_out
labels: {PER: PER, ORG: ORG, GPE: GPE, EVENT: EVENT, DATE: DATE}
annotated_labels: [PER, ORG, GPE, EVENT, DATE]
split: dev
licence: CC BY 4.0
""",
    "columns": """
name: columns
format: conll
path: columns.txt
labels: {pers: PER, loc: GPE, org: ORG, eve: EVENT, dat: DATE, money: null}
annotated_labels: [PER, ORG, GPE, EVENT, DATE]
split: test
licence: none stated
""",
}
COLUMNS = """سارا B-pers
هفته B-dat
آینده I-dat
از B-loc
آب B-org
ده B-money
ریال I-money
جشن B-eve

او O
پنج B-money
ریال I-money
داد O
. O
"""


def write_corpus(root: Path) -> Path:
    """Write configuration, source files and data below ``root``; returns the corpus configuration."""
    put(root / "articles" / "a.md", f"---\nid: a\n---\n{TITLE}\n\n{PARAGRAPH}\n")
    put(root / "articles" / "b.md", f"---\nid: b\n---\n{PARAGRAPH.replace('سارا', 'دارا')}\n")
    put(root / "held_out" / "c.md", f"---\nid: c\n---\n{PARAGRAPH.replace('سارا', 'آوا')}\n")
    put(root / "columns.txt", COLUMNS)
    for name, source in SOURCES.items():
        put(root / "sources" / f"{name}.yml", source)
    return put(
        root / "corpus.yml",
        "sources: [own, held-out, columns]\nshares: {train: 0.5, dev: 0.25, test: 0.25}\nmax_words: 100\n",
    )


def put(path: Path, text: str) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, to see that a failed run changes none."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
