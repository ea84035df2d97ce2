"""The audit of annotated records: what in a data set deserves a second look before anybody trusts it.

:func:`read` the files, :func:`run` the audit, :func:`write` it. Each module finds one family of
things and says how: :mod:`~persian_ner.audit.leakage`, :mod:`~persian_ner.audit.surfaces`,
:mod:`~persian_ner.audit.disagreement`, :mod:`~persian_ner.audit.spans`,
:mod:`~persian_ner.audit.coverage`, :mod:`~persian_ner.audit.texts`.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path

from persian_ner.audit import coverage, disagreement, leakage, spans, surfaces, texts
from persian_ner.audit.inputs import Corpus, Split, read
from persian_ner.audit.page import render_html, render_summary
from persian_ner.audit.schema import KINDS, Audit, FileInfo, Finding, Total
from persian_ner.files import git_commit, write_text
from persian_ner.metrics import count_words

AUDIT_FILE = "audit.json"
PAGE_FILE = "audit.html"
SUMMARY_FILE = "audit.md"

__all__ = ["AUDIT_FILE", "PAGE_FILE", "SUMMARY_FILE", "Audit", "Corpus", "leaking_beyond", "read", "run", "write"]


def run(corpus: Corpus) -> Audit:
    """All findings on a corpus that :func:`read` returned."""
    leaks = leakage.find(corpus)
    conflicts = surfaces.find(corpus)
    doubts = disagreement.find(corpus)
    span_defects = spans.find(corpus)
    covered = coverage.find(corpus)
    writing = texts.find(corpus)
    every: chain[Finding] = chain(
        leaks.findings, conflicts, doubts.findings, span_defects.findings, covered.findings, writing.findings
    )
    counts = Counter((finding.kind, finding.severity) for finding in every)
    return Audit(
        created=datetime.now(timezone.utc).replace(microsecond=0),
        git_commit=git_commit(),
        labels=corpus.labels(predicted=True),
        files=[_file(split, corpus.labels()) for split in corpus.splits],
        summary=[
            Total(
                kind=kind,
                count=sum(counts[kind, severity] for severity in ("high", "medium", "low")),
                high=counts[kind, "high"],
                medium=counts[kind, "medium"],
                low=counts[kind, "low"],
            )
            for kind in KINDS
        ],
        leakage=leaks,
        conflicts=conflicts,
        disagreement=doubts,
        spans=span_defects,
        coverage=covered,
        texts=writing,
    )


def write(folder: Path, audit: Audit) -> None:
    """Write the three files of an audit, each atomically, once all are complete in memory."""
    contents = {
        AUDIT_FILE: audit.model_dump_json(indent=1) + "\n",
        PAGE_FILE: render_html(audit),
        SUMMARY_FILE: render_summary(audit),
    }
    for name, content in contents.items():
        write_text(folder / name, content)


def leaking_beyond(audit: Audit, share: float) -> list[str]:
    """The verdicts on the splits of which a larger share of sentences leaks."""
    return [leakage.sentence(split) for split in audit.leakage.splits if (split.share or 0) > share]


def _file(split: Split, labels: list[str]) -> FileInfo:
    found = Counter(span.label for record in split.records for span in record.spans)
    return FileInfo(
        split=split.name,
        path=split.path.as_posix(),
        sha256=split.sha256,
        documents=len(split.records),
        words=sum(count_words(record.text) for record in split.records),
        spans={label: found[label] for label in labels},
    )
