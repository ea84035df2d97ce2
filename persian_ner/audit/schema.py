"""What an audit writes: the versioned content of ``audit.json``.

Offsets are characters of the raw text of the document named. Every finding has a
kind, a severity, the labels it is about, and the places where it is to be seen.
Findings of a kind are in order, the one most worth reading first.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["high", "medium", "low"]
Kind = Literal[
    "leak",
    "repeat",
    "labels",
    "plain",
    "contradicted",
    "unmarked",
    "unfound",
    "length",
    "shape",
    "density",
    "no_spans",
    "rare_label",
    "characters",
    "mixed_script",
    "arabic_letters",
    "long_word",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

Verdict = Literal["first", "clean", "leaks", "void", "joined_folds", "nothing"]
"""What the leaks say about scores on a split; see :mod:`persian_ner.audit.leakage`."""

Shape = Literal["edge_blank", "edge_punctuation", "line_break", "unbalanced", "partial_word"]
CharacterClass = Literal["control", "broken", "private", "presentation_form", "invisible", "other_script"]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(_Schema):
    """A stretch of a document, with some of the text around it; ``label`` is null where nothing is annotated."""

    split: str
    doc_id: str
    start: int
    end: int
    label: str | None = None
    text: str
    before: str = ""
    after: str = ""


class Finding(_Schema):
    """What all findings have."""

    kind: Kind
    severity: Severity
    labels: list[str] = Field(default_factory=list, description="the labels concerned, where there are any")
    places: list[Place]


class Copy(Finding):
    """A sentence (``places[0]``) that is, exactly or nearly, one of an earlier split or of the same (``places[1]``)."""

    kind: Literal["leak", "repeat"]
    similarity: float
    annotated_alike: bool | None = Field(
        description="whether both have the same names with the same labels, of the labels both documents annotate; "
        "null for near copies"
    )


class SplitLeak(_Schema):
    """How much of a split is in the splits before it. Only sentences long enough to compare are counted."""

    split: str
    before: list[str] = Field(description="the splits it was compared with")
    sentences: int
    repeats: int = Field(description="sentences that repeat an earlier one of this split")
    leaking: int
    share: float | None = Field(description="leaking / sentences; null for the first split, and without sentences")
    contained: float | None = Field(description="share of the earlier splits' sentences that are, exactly, in this one")
    copies: float | None = Field(description="occurrences before for each one here, over the sentences shared exactly")
    documents: int
    leaking_documents: int
    verdict: Verdict


class Leakage(_Schema):
    """Splits in the order given, and the copies found."""

    splits: list[SplitLeak]
    findings: list[Copy]


class Conflict(Finding):
    """A surface read in several ways; ``places`` are mentions that are not read as most are."""

    kind: Literal["labels", "plain"]
    surface: str = Field(description="the most frequent spelling")
    counts: dict[str, int] = Field(description="annotated mentions by label")
    unmarked: int = Field(description="mentions outside all spans, in documents that annotate the usual label")
    majority: str | None = Field(description="the most frequent reading: a label, or null for unmarked")
    bound: float = Field(description="lower limit of the share of that reading: 95 % Wilson interval")
    odd: int = Field(description="mentions that are read otherwise; places may hold fewer")
    usual: Place = Field(description="a mention that is read as most are")


class Doubt(Finding):
    """A disagreement of models with the annotation.

    ``places[0]`` is the annotated span, or for ``unmarked`` the predicted one;
    ``predicted`` is what the models say instead, null for ``unfound``.
    """

    kind: Literal["contradicted", "unmarked", "unfound"]
    predicted: Place | None
    models: int = Field(description="evaluations that say so")
    of: int = Field(description="evaluations that have the document")
    confidence: float | None = Field(description="mean over those that say so; null without scores")
    threshold: float | None = Field(description="mean threshold of the predicted label, over the same evaluations")


class Threshold(_Schema):
    """Mean confidence in the gold spans of a label, from which on a prediction counts as confident."""

    label: str
    threshold: float | None = Field(description="null when no span has a score")
    spans: int


class PredictionInfo(_Schema):
    """An evaluation folder that was used."""

    folder: str
    model: str | None
    documents: int
    unknown_documents: int = Field(description="documents of the folder that are in none of the files; left out")
    scored: bool = Field(description="whether predicted spans have scores")
    trained_on: list[str] = Field(description="predicted splits that, by their checksums, the model was trained on")
    thresholds: list[Threshold]


class Disagreement(_Schema):
    """Evaluations, and where they disagree with the annotation."""

    predictions: list[PredictionInfo]
    below_threshold: int = Field(description="predictions that differ, but not confidently; left out")
    findings: list[Doubt]


class SpanDefect(Finding):
    """A span of unusual length (``deviation``, in robust standard deviations) or of a doubtful form (``shapes``)."""

    kind: Literal["length", "shape"]
    words: int
    characters: int
    deviation: float | None = None
    shapes: list[Shape] = Field(default_factory=list)


class Lengths(_Schema):
    """The usual lengths of a label's spans."""

    label: str
    spans: int
    median_words: float
    median_characters: float
    outliers: int


class Spans(_Schema):
    """Lengths by label, and the doubtful spans."""

    lengths: list[Lengths]
    findings: list[SpanDefect]


class Group(_Schema):
    """Documents that share a value; ``per_label`` is spans per 1,000 words where the label is annotated, else null."""

    key: str
    value: str | None
    documents: int
    words: int
    spans: int
    empty: int = Field(description="documents without any span")
    per_label: dict[str, float | None]


class Density(Finding):
    """A document with unusually few or many spans for its length and source."""

    kind: Literal["density", "no_spans"]
    words: int
    spans: int
    expected: float
    deviation: float | None = Field(description="in robust standard deviations; null for documents without spans")


class RareLabel(Finding):
    """A label that a source says it annotates and hardly ever has; it has no places."""

    kind: Literal["rare_label"]
    source: str | None
    spans: int
    expected: float | None = Field(description="by the rate of the other sources; null when nobody has the label")


class Coverage(_Schema):
    """How densely the groups are annotated, and what is out of line."""

    groups: list[Group]
    findings: list[Density | RareLabel]


class TextDefect(Finding):
    """Unusual text in a document: how many times; ``places`` are the first of them."""

    kind: Literal["characters", "mixed_script", "arabic_letters", "long_word"]
    count: int
    character_class: CharacterClass | None = None
    characters: list[str] = Field(default_factory=list, description="code points, as U+XXXX")
    share: float | None = Field(default=None, description="of Arabic letters among those with a Persian counterpart")


class TextGroup(_Schema):
    """The writing of a split."""

    split: str
    documents: int
    characters: int
    arabic_share: float | None = Field(
        description="of Arabic yeh, alef maksura and kaf among these and the Persian ones"
    )
    arabic_documents: int
    mixed_documents: int = Field(description="documents that write a letter in both forms")


class Texts(_Schema):
    """The writing of each split, and its defects."""

    groups: list[TextGroup]
    findings: list[TextDefect]


class FileInfo(_Schema):
    """An audited file."""

    split: str
    path: str
    sha256: str
    documents: int
    words: int
    spans: dict[str, int]


class Total(_Schema):
    """The number of findings of a kind, by severity."""

    kind: Kind
    count: int
    high: int
    medium: int
    low: int


class Audit(_Schema):
    """Everything that one audit found."""

    schema_version: Literal[1] = 1
    created: datetime
    git_commit: str | None
    labels: list[str] = Field(description="annotated, declared or predicted")
    files: list[FileInfo]
    summary: list[Total]
    leakage: Leakage
    conflicts: list[Conflict]
    disagreement: Disagreement
    spans: Spans
    coverage: Coverage
    texts: Texts
