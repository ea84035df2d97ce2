"""What a layer decided, counted: behind ``docs/layers.md``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from persian_ner.characters import comparable
from persian_ner.labels import LABELS
from persian_ner.layers import proofread
from persian_ner.layers.agreement import Answer, read_answers
from persian_ner.layers.corrections import Decision, count
from persian_ner.layers.defects import KINDS, UNREADABLE
from persian_ner.layers.standoff import Edit, Layer
from persian_ner.layers.unread import LEVEL, Sentence, estimate
from persian_ner.templating import render_markdown

_SHOWN = 12
_DATE, _ARBAEEN = "DAT", "اربعین"


@dataclass(frozen=True)
class Summary:
    """Counts of one layer.

    ``outcomes``: (source's label, outcome) → spans, the outcome being one of our
    labels, ``part`` (only names inside it) or ``nothing``. ``by``: what decided →
    spans of the source. ``added``: our label → spans the source has not, those
    inside a decided span not counted. ``dropped``: records left out. ``disputes``:
    who was right (``corpus``, ``model`` or ``neither``) → places where a model disagreed.
    ``defects``: of the source's files, by kind; ``arbaeen``: dates of the source with «اربعین», which are events.
    ``proofread``: corrections by kind of each reading in full, from 1; none without such a reading.
    """

    name: str
    documents: int
    records: int
    outcomes: dict[tuple[str, str], int]
    by: dict[str, int]
    added: dict[str, int]
    dropped: int
    answers: list[Answer]
    disputes: dict[str, int]
    sentences: list[Sentence]
    defects: dict[str, int]
    arbaeen: int
    proofread: dict[int, dict[str, int]] | None

    def agreement(self) -> tuple[int, int]:
        """Decisions made twice, and those of them that agree; places in dispute apart (:meth:`reread_disputes`)."""
        return _agreed(answer for answer in self.answers if answer.kind != "dispute")

    def reread_disputes(self) -> tuple[int, int]:
        """Places in dispute that were decided twice, and those of them that agree."""
        return _agreed(answer for answer in self.answers if answer.kind == "dispute")


def _agreed(answers: Iterable[Answer]) -> tuple[int, int]:
    agreed = [answer.agrees for answer in answers]
    return len(agreed), sum(agreed)


def summarise(
    layer: Layer,
    answers: list[Answer],
    disputes: list[Decision],
    sentences: list[Sentence],
    corrected: list[proofread.Kept] | None,
) -> Summary:
    """Count a layer's decisions."""
    outcomes: Counter[tuple[str, str]] = Counter()
    by: Counter[str] = Counter()
    added: Counter[str] = Counter()
    arbaeen = 0
    for entry in layer.entries.values():
        spans = [edit for edit in entry.edits if edit.was is not None]
        inner = {id(part): span for span in spans for part in _parts(span, entry.edits)}
        for span in spans:
            has_parts = any(owner is span for owner in inner.values())
            outcomes[str(span.was), span.now or ("part" if has_parts else "nothing")] += 1
            by[span.by] += 1
            arbaeen += span.was == _DATE and _ARBAEEN in comparable(span.surface)
        added.update(str(edit.now) for edit in entry.edits if edit.was is None and id(edit) not in inner)
    return Summary(
        layer.source,
        len(layer.documents),
        len(layer.entries),
        dict(sorted(outcomes.items())),
        dict(by.most_common()),
        {label: added[label] for label in LABELS},
        sum(bool(entry.drop) for entry in layer.entries.values()),
        answers,
        count(disputes),
        sentences,
        layer.defects,
        arbaeen,
        None if corrected is None else proofread.count(corrected),
    )


def _parts(span: Edit, edits: tuple[Edit, ...]) -> list[Edit]:
    return [edit for edit in edits if edit.was is None and span.start <= edit.start and edit.end <= span.end]


def render(summaries: list[Summary]) -> str:
    """The Markdown page about the layers."""
    disagreements = {item.name: [answer for answer in item.answers if not answer.agrees] for item in summaries}
    shown = {
        name: [
            *[answer for answer in answers if answer.kind == "span"][:_SHOWN],
            *[answer for answer in answers if answer.kind == "dispute"][:_SHOWN],
        ]
        for name, answers in disagreements.items()
    }
    parts = {
        part: [sentence for item in summaries if item.name.startswith("nsurl") == nsurl for sentence in item.sentences]
        for part, nsurl in (("NSURL", True), ("the others", False))
    }
    return render_markdown(
        "layers.md.j2",
        {},
        summaries=summaries,
        labels=LABELS,
        disagreements=shown,
        estimates={part: estimate(sentences) for part, sentences in parts.items() if sentences},
        level=LEVEL,
        reread=_agreed(answer for item in summaries for answer in item.answers if answer.kind == "dispute"),
        kinds=[*KINDS.values(), UNREADABLE],
        corrections=proofread.KINDS,
    )


def read_agreement(folder: Path, name: str) -> list[Answer]:
    """The decisions about a layer that were made twice; none when nobody has."""
    path = folder / f"{name}.tsv"
    return read_answers(path) if path.exists() else []
