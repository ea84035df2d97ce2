"""Build the stand-off layers of the public corpora, and count what they decided and what is still to decide."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from _cli import collecting, reporting_problems

from persian_ner import files
from persian_ner.intake import read_raw, read_raw_or_problems
from persian_ner.labels import LABELS
from persian_ner.layers import agreement, corrections, defects, proofread, raw_text, standoff, summary
from persian_ner.layers import build as building
from persian_ner.layers import unread as unread_sentences
from persian_ner.layers.places import load_gazetteer
from persian_ner.readers import records_jsonl
from persian_ner.records import InputError, Problem, Record
from persian_ner.sources import Source, read_source

T = TypeVar("T")
app = typer.Typer(help=__doc__, no_args_is_help=True)

_Name = Annotated[str, typer.Argument(help="Source (configs/sources/NAME.yml)")]
_Names = Annotated[list[str], typer.Argument(help="Sources (configs/sources/NAME.yml)")]
_Gazetteers = Annotated[
    Path, typer.Option(help="Folder of the lists that persian_ner/layers/lists.py names", exists=True)
]
_Decisions = Annotated[Path, typer.Option(help="Folder with surfaces.tsv and readings/")]
_Sources = Annotated[Path, typer.Option(help="Folder with one YAML file a source")]
_SOURCES = Path("configs/sources")
_DECISIONS = Path("assets/layers")


@app.command()
def undecided(
    names: _Names, gazetteers: _Gazetteers, decisions: _Decisions = _DECISIONS, sources: _Sources = _SOURCES
) -> None:
    """List the surfaces that neither gazetteers nor surfaces.tsv decide: label, surface, mentions; most frequent first.

    Decisions about them go to surfaces.tsv, in place of the mentions.
    """
    problems: list[Problem] = []
    with reporting_problems():
        places = load_gazetteer(gazetteers)
        surfaces = collecting(problems, lambda: building.read_surfaces(decisions / "surfaces.tsv"))

        def counted(path: Path) -> Counter[tuple[str, str]]:
            source = read_source(path)
            records = read_raw(source, Path())
            return Counter() if surfaces is None else building.undecided(source, records, places, surfaces)

        found = _of_all([sources / f"{name}.yml" for name in names], counted, problems)
    for (label, surface), mentions in sum(found, Counter()).most_common():
        typer.echo(f"{label}\t{surface}\t{mentions}")


@app.command()
def build(
    names: _Names, gazetteers: _Gazetteers, decisions: _Decisions = _DECISIONS, sources: _Sources = _SOURCES
) -> None:
    """Build layers from gazetteers, decisions about surfaces and readings; the corpora must be there."""
    problems: list[Problem] = []
    with reporting_problems():
        places = load_gazetteer(gazetteers)
        surfaces = collecting(problems, lambda: building.read_surfaces(decisions / "surfaces.tsv"))

        def built(path: Path) -> tuple[standoff.Layer, Path]:
            source = read_source(path)
            if source.layer is None:
                raise InputError([Problem(str(path), 0, "", "it names no layer")])
            _refuse_bare_text(source)
            wrong: list[Problem] = []
            readings = collecting(wrong, lambda: building.read_readings(decisions / "readings" / f"{path.stem}.tsv"))
            read = collecting(wrong, lambda: read_raw_or_problems(source, Path()))
            if surfaces is None or readings is None or read is None:
                raise InputError(wrong)
            records, unread = read
            layer = building.build(source, records, places, surfaces, readings)
            unreadable = len({problem.doc_id for problem in unread})
            return replace(layer, defects=defects.count(records, unreadable)), Path(source.layer)

        layers = _of_all([sources / f"{name}.yml" for name in names], built, problems)
    for layer, path in layers:
        standoff.write(layer, path)
        edits = sum(len(entry.edits) for entry in layer.entries.values())
        typer.echo(f"Wrote {path}: {edits} decisions in {len(layer.entries)} records")


@app.command()
def sheet(
    output: Annotated[Path, typer.Argument(help="Markdown page to write")],
    layers: Annotated[Path, typer.Option(help="Folder with the layers and agreement/", exists=True)] = _DECISIONS,
) -> None:
    """Count what the layers decided, and how often two readers agree."""
    with reporting_problems():
        found = [standoff.read(path) for path in sorted(layers.glob("*.jsonl"))]
        summaries = [
            summary.summarise(
                layer,
                summary.read_agreement(layers / "agreement", layer.source),
                corrections.read_decisions(layers / "disputes" / f"{layer.source}.tsv"),
                unread_sentences.read_kept(layers / "unread" / f"{layer.source}.jsonl"),
                proofread.read_kept(layers / "proofread" / f"{layer.source}.tsv"),
            )
            for layer in found
        ]
    files.write_text(output, summary.render(summaries))
    typer.echo(f"Wrote {output}: {len(summaries)} layers")


class Part(str, Enum):
    """What of a layer is read again."""

    decisions = "decisions"
    disputes = "disputes"
    unread = "unread"


_Part = Annotated[
    Part,
    typer.Option(
        help="decisions of the layer; places that were in dispute between corpus and model; or sentences that nobody "
        "has read, to be read in full"
    ),
]


@app.command()
def questions(
    name: _Name,
    folder: Annotated[Path, typer.Argument(help="Folder to write questions.tsv and a key to")],
    of: _Part = Part.decisions,
    size: Annotated[int, typer.Option(min=1, help="Decisions, places or sentences to read")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the draw")] = 0,
    decisions: _Decisions = _DECISIONS,
    sources: _Sources = _SOURCES,
) -> None:
    """Draw a part of a layer for a reader, who must not see what was decided; the corpus must be there.

    The answers go to FOLDER/answers.tsv: the question's number, and what it names as LABEL=surface|LABEL=surface, or -.
    Of decisions: where a span is marked ⟦so⟧ the names inside it are asked for, elsewhere all names of the sentence.
    Of disputes: the names in or reaching into the marked place. Of unread: all names, in order.
    """
    with reporting_problems():
        source = read_source(sources / f"{name}.yml")
        if of is Part.decisions:
            path = _layer_path(source)
            drawn = agreement.sample(standoff.read(path), read_raw(source, Path()), size, seed, str(path))
            agreement.write_sheet(folder, drawn)
            written = len(drawn)
        elif of is Part.disputes:
            path = decisions / "disputes" / f"{name}.tsv"
            decided = corrections.read_decisions(path)
            places = ((record, int(start), int(end)) for record, start, end, _ in decided)
            drawn = agreement.sample_disputes(places, _layered(source), size, seed, str(path))
            agreement.write_sheet(folder, drawn)
            written = len(drawn)
        else:
            sentences = unread_sentences.sample(_layered(source), source, size, seed)
            unread_sentences.write_sheet(folder, sentences)
            written = len(sentences)
    typer.echo(f"Wrote {written} questions to {folder / agreement.QUESTIONS_FILE}")


@app.command()
def reread(
    name: _Name,
    folder: Annotated[Path, typer.Argument(help="Folder of questions, with answers.tsv", exists=True)],
    decisions: _Decisions = _DECISIONS,
) -> None:
    """Keep the second reader's answers beside the layer, for the agreement that sheet reports.

    They take the place of earlier answers to questions of the same kind.
    """
    kept = decisions / "agreement" / f"{name}.tsv"
    with reporting_problems():
        answers = agreement.join(folder)
        earlier = agreement.read_answers(kept) if kept.exists() else []
    agreement.write_answers(kept, agreement.replaced(earlier, answers))
    agreed = sum(answer.agrees for answer in answers)
    typer.echo(f"Wrote {kept}: {agreed} of {len(answers)} decisions agree")


@app.command()
def correct(
    name: _Name,
    folder: Annotated[
        Path, typer.Argument(help="Folder of questions of unread sentences, with answers.tsv", exists=True)
    ],
    decisions: _Decisions = _DECISIONS,
    sources: _Sources = _SOURCES,
) -> None:
    """Keep what was read in unread sentences for the estimate of sheet, and add it to the readings.

    The corpus must be there. Build the layer again then.
    """
    kept = decisions / "unread" / f"{name}.jsonl"
    with reporting_problems():
        source = read_source(sources / f"{name}.yml")
        _refuse_bare_text(source)
        texts = {record.id: record.text for record in read_raw(source, Path())}
        sentences = unread_sentences.join(folder, texts)
        lines = unread_sentences.correct(name, sentences, texts)
    unread_sentences.write(kept, sentences)
    corrections.append(decisions / "readings" / f"{name}.tsv", lines)
    typer.echo(f"Wrote {kept}: {len(sentences)} sentences, {len(lines)} lines added to the readings")


@app.command()
def proof(
    name: _Name,
    file: Annotated[Path, typer.Argument(help="Sheet to write: a record a line, its id and its marked-up text")],
    sources: _Sources = _SOURCES,
) -> None:
    """Write a source with its layer for a reader who corrects the marks in the sheet; the corpus must be there."""
    with reporting_problems():
        records = _layered(read_source(sources / f"{name}.yml"))
        proofread.write_sheet(file, records)
    typer.echo(f"Wrote {len(records)} records to {file}")


@app.command()
def settle_proof(
    name: _Name,
    file: Annotated[Path, typer.Argument(help="The corrected sheet", exists=True)],
    reading: Annotated[int, typer.Option(min=1, help="How often the source has been read in full now")],
    decisions: _Decisions = _DECISIONS,
    sources: _Sources = _SOURCES,
) -> None:
    """Add what was corrected in a sheet to the readings, and keep count of it. Build the layer again then."""
    with reporting_problems():
        source = read_source(sources / f"{name}.yml")
        _refuse_bare_text(source)
        records = _layered(source)
        changes = proofread.read_sheet(file, name, records)
        lines = corrections.readings(changes, name, {record.id: record.text for record in records})
    corrections.append(decisions / "readings" / f"{name}.tsv", lines)
    kinds = [proofread.kind(change) for change in changes]
    kept = [(change.name, kind, str(reading)) for change, kind in zip(changes, kinds, strict=True)]
    corrections.append(decisions / "proofread" / f"{name}.tsv", kept)
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in proofread.KINDS)
    typer.echo(f"Settled {len(kept)} corrections: {counted}")


_Texts = Annotated[
    Path,
    typer.Option(help="File with a paragraph a line (.txt, .txt.xz, .txt.zst)", exists=True, dir_okay=False),
]


@app.command()
def guess_text(
    name: _Name,
    model: Annotated[str, typer.Argument(help="Pipeline, a folder or an installed package")],
    file: Annotated[Path, typer.Argument(help="Sheet to write for a reader, who makes its marks right and complete")],
    text: _Texts,
    words: Annotated[int, typer.Option(min=1, help="How many words the sheet should have")] = 30_000,
    draw: Annotated[float, typer.Option(min=1, help="How many times as many are drawn to choose from")] = 1.4,
    apart: Annotated[
        list[Path], typer.Option(help="Gold (canonical JSONL) to share no sentences with; may be repeated", exists=True)
    ] = [],  # noqa: B006  # typer copies it
    sources: _Sources = _SOURCES,
) -> None:
    """Write a sheet of documents of bare text that the source's layer lacks, marked up with what a model finds.

    Documents are drawn at random, and of these the ones with the most names a word are kept. annotate-text takes the
    sheet.
    """
    from persian_ner.evaluate import load_pipeline, read_gold
    from persian_ner.fast_inference import speed_up
    from persian_ner.predict import predict

    with reporting_problems():
        source = read_source(sources / f"{name}.yml")
        path = _layer_path(source)
        known = standoff.read(path).documents if path.exists() else {}
        held_out = [record.text for gold in apart for record in read_gold(gold)]
        drawn = raw_text.drawn(raw_text.read(text), known, held_out, round(words * draw))
        if not drawn:
            raise InputError([Problem(str(text), 0, "", "has no news that the layer lacks")])
        nlp = speed_up(load_pipeline(model))
        records = [record for records in drawn for record in records]
        found = iter(predict(nlp, records, nlp.batch_size))
        guessed = [[record.model_copy(update={"spans": next(found)}) for record in records] for records in drawn]
        unknown = {span.label for records in guessed for record in records for span in record.spans} - set(LABELS)
        if unknown:
            raise InputError(
                Problem(model, 0, "", f"predicts {label}, no label of a layer") for label in sorted(unknown)
            )
        kept = raw_text.densest(guessed, words)
        proofread.write_sheet(file, (record for records in kept for record in records))
    count = sum(map(raw_text.word_count, kept))
    typer.echo(f"Wrote {len(kept)} of {len(drawn)} documents, {count:,} words, to {file}")


@app.command()
def annotate_text(
    name: _Name,
    file: Annotated[Path, typer.Argument(help="Sheet with all paragraphs of some documents, marked up", exists=True)],
    text: _Texts,
    sources: _Sources = _SOURCES,
) -> None:
    """Add documents to the layer of a source that is bare text: the sheet of a reader who marked all names in them.

    A paragraph of the sheet has the id that take-text gives it: the checksum of its document, #, and its number. What
    the layer had of the same documents is replaced; without a layer it is made.
    """
    with reporting_problems():
        source = read_source(sources / f"{name}.yml")
        path = _layer_path(source)
        found = raw_text.read(text)
        whole = made = raw_text.layer(source.name, file, found)
        if path.exists():
            known = standoff.read(path)
            _refuse_missing(known, found, text)  # no file would have all documents
            whole = raw_text.extended(known, made)
    standoff.write(whole, path)
    typer.echo(f"Wrote {path}: {len(made.documents)} documents of the sheet, {len(whole.documents)} in all")


@app.command()
def take_text(name: _Name, text: _Texts, sources: _Sources = _SOURCES) -> None:
    """Write the documents that the layer of a source of bare text is about, taken from a file that has them."""
    with reporting_problems():
        source = read_source(sources / f"{name}.yml")
        layer = _layer(source)
        found = raw_text.read(text)
        _refuse_missing(layer, found, text)
    records_jsonl.write((record for document in layer.documents for record in found[document]), Path(source.path))
    typer.echo(f"Wrote {source.path}: {len(layer.documents)} documents")


def _refuse_missing(layer: standoff.Layer, found: Collection[str], text: Path) -> None:
    """Raise :class:`InputError` with every document of a layer that a text has not."""
    missing = [document for document in layer.documents if document not in found]
    if missing:
        raise InputError(Problem(str(text), 0, document, "no such document in the text") for document in missing)


def _refuse_bare_text(source: Source) -> None:
    """Raise :class:`InputError` for a source that nobody annotated: readings of it would not reach its layer."""
    if not source.labels:
        reason = "bare text: its layer is made by annotate-text, from sheets of guess-text or proof"
        raise InputError([Problem("", 0, source.name, reason)])


def _layer(source: Source) -> standoff.Layer:
    return standoff.read(_layer_path(source))


def _layer_path(source: Source) -> Path:
    if source.layer is None:
        raise InputError([Problem("", 0, source.name, "the source names no layer")])
    return Path(source.layer)


def _layered(source: Source) -> list[Record]:
    """A source's records with our labels; raises :class:`InputError` where its layer does not fit."""
    applied = standoff.apply(_layer(source), read_raw(source, Path()), source.labels, source.decided_by_layer())
    if applied.problems:
        raise InputError(applied.problems)
    return applied.records


def _of_all(sources: Iterable[Path], use: Callable[[Path], T], problems: list[Problem]) -> list[T]:
    """What ``use`` makes of each source file; raises :class:`InputError` with ``problems`` and those of all."""
    found = [collecting(problems, partial(use, path)) for path in sources]
    if problems:
        raise InputError(problems)
    return [item for item in found if item is not None]


if __name__ == "__main__":
    app()
