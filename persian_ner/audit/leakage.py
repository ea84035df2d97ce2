"""Sentences that occur more than once, within a split or in two, and what that means for scores.

What counts as a copy is decided by :mod:`persian_ner.duplicates`. A split is
compared with those before it, so training data comes first.

Verdicts on a split, by the share of its sentences that are in an earlier split:

* ``clean``: none; ``leaks``: some; ``void``: at least :data:`VOID`, and scores on it mean nothing;
* ``joined_folds``: nearly all, and nearly all sentences of the earlier splits are in this one, too, where they
  occur several times as often. This is what comes of joining the folds of a cross-validation: each sentence is
  held out once and trained on in all other folds (with two folds it looks like any other copy and is ``void``);
* ``first``: there is nothing before it; ``nothing``: it has no sentence long enough to compare.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from persian_ner.audit.inputs import Corpus, Document
from persian_ner.audit.schema import Copy, Leakage, SplitLeak, Verdict
from persian_ner.characters import comparable
from persian_ner.duplicates import MIN_LETTERS, compare_key, find_leaks, find_repeats
from persian_ner.hazm_alignment import sentences
from persian_ner.records import Record

VOID = 0.1
"""A judgement, not a law: when a tenth of the sentences can be remembered, that alone can move a score by more than
what usually separates two systems."""
JOINED = 0.9
JOINED_COPIES = 1.5


@dataclass(frozen=True)
class _Sentence:
    document: Document
    start: int
    end: int
    key: str

    def names(self, labels: Sequence[str]) -> list[tuple[str, str]]:
        """The annotated names inside, in comparable form, of these labels."""
        record = self.document.record
        inside = (span for span in record.spans if self.start <= span.start and span.end <= self.end)
        ordered = sorted(inside, key=lambda span: span.start)
        return [(comparable(record.text[s.start : s.end]), s.label) for s in ordered if s.label in labels]


def find(corpus: Corpus) -> Leakage:
    """All copies within and across splits, leaks first, and a verdict on each split."""
    labels = corpus.labels()
    by_id: dict[str, _Sentence] = {}
    units: dict[str, list[Record]] = {split.name: [] for split in corpus.splits}
    for document in corpus.documents():
        text = document.record.text
        for start, end in sentences(text):
            key = compare_key(text[start:end])
            if len(key) >= MIN_LETTERS:
                unit = Record(id=str(len(by_id)), text=text[start:end])
                by_id[unit.id] = _Sentence(document, start, end, key)
                units[document.split].append(unit)
    leaks = [
        _copy("leak", by_id[leak.doc_id], by_id[leak.other_doc_id], leak.similarity, labels)
        for leak in find_leaks(units)
    ]
    repeats = [
        _copy("repeat", by_id[repeat.doc_id], by_id[repeat.other_doc_id], repeat.similarity, labels)
        for records in units.values()
        for repeat in find_repeats(records).repeats
    ]
    keys = {name: Counter(by_id[unit.id].key for unit in records) for name, records in units.items()}
    found = sorted(leaks + repeats, key=lambda copy: (copy.kind != "leak", copy.severity != "high", -copy.similarity))
    return Leakage(splits=_splits(corpus, keys, found), findings=found)


def sentence(split: SplitLeak) -> str:
    """The verdict in words."""
    if split.verdict == "first":
        return f"{split.split}: the first split; the others are compared with it."
    if split.verdict == "nothing":
        return f"{split.split}: no sentence is long enough to compare."
    others = ", ".join(split.before)
    found = f"{split.leaking:,} of {split.sentences:,} sentences ({split.share or 0:.1%}) are in {others}"
    if split.verdict == "clean":
        return f"{split.split}: no sentence is in {others}."
    if split.verdict == "leaks":
        return f"{split.split}: {found}. Scores on it are too good; remove these sentences from one side."
    if split.verdict == "void":
        return f"{split.split}: {found}. SCORES ON IT MEAN NOTHING."
    return (
        f"{split.split}: {found}, {split.copies or 0:.1f} times each, and {split.contained or 0:.1%} of theirs are "
        "in it. SCORES ON IT MEAN NOTHING: this looks like the folds of a cross-validation joined into one benchmark."
    )


def _copy(kind: str, found: _Sentence, original: _Sentence, similarity: float, labels: Sequence[str]) -> Copy:
    shared = [label for label in labels if found.document.annotates(label) and original.document.annotates(label)]
    names = found.names(shared)
    alike = None if found.key != original.key else names == original.names(shared)
    return Copy.model_validate(
        {
            "kind": kind,
            "severity": _severity(kind, similarity, alike),
            "labels": sorted({label for _, label in [*names, *original.names(shared)]}, key=labels.index),
            "places": [item.document.place(item.start, item.end, context=0) for item in (found, original)],
            "similarity": similarity,
            "annotated_alike": alike,
        }
    )


def _severity(kind: str, similarity: float, alike: bool | None) -> str:
    if alike is False or (kind == "leak" and similarity == 1):
        return "high"
    return "medium" if kind == "leak" else "low"


def _splits(corpus: Corpus, keys: dict[str, Counter[str]], copies: Sequence[Copy]) -> list[SplitLeak]:
    splits: list[SplitLeak] = []
    earlier: Counter[str] = Counter()
    for split in corpus.splits:
        here = keys[split.name]
        total = here.total()
        own = {
            kind: [c for c in copies if c.kind == kind and c.places[0].split == split.name]
            for kind in ("leak", "repeat")
        }
        shared = here.keys() & earlier.keys()
        before, now = (sum(counts[key] for key in shared) for counts in (earlier, here))
        copies_each = before / now if now else None
        share = len(own["leak"]) / total if splits and total else None
        contained = before / earlier.total() if earlier else None
        splits.append(
            SplitLeak(
                split=split.name,
                before=[item.split for item in splits],
                sentences=total,
                repeats=len(own["repeat"]),
                leaking=len(own["leak"]),
                share=share,
                contained=contained,
                copies=copies_each,
                documents=len(split.records),
                leaking_documents=len({copy.places[0].doc_id for copy in own["leak"]}),
                verdict=_verdict(share, contained, copies_each, not splits),
            )
        )
        earlier += here
    return splits


def _verdict(share: float | None, contained: float | None, copies: float | None, first: bool) -> Verdict:
    if first:
        return "first"
    if share is None:
        return "nothing"
    if share >= JOINED and (contained or 0) >= JOINED and (copies or 0) >= JOINED_COPIES:
        return "joined_folds"
    if share >= VOID:
        return "void"
    return "leaks" if share else "clean"
