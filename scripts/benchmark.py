"""Train and score on a public benchmark, in its own labels and split, beside the published figures."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import collecting, reporting_problems

from persian_ner import benchmark as bench
from persian_ner.evaluate import load_pipeline
from persian_ner.records import InputError, Problem

app = typer.Typer(help=__doc__, add_completion=False)

Config = Annotated[Path, typer.Option(help="What the benchmark is: labels, reader options, published figures")]
CONFIG = Path("configs/benchmark.yml")


@app.command()
def prepare(
    train: Annotated[Path, typer.Argument(metavar="TRAIN_FILE", help="The corpus' training file (CoNLL)")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="Folder for train, dev, test and manifest")],
    test: Annotated[
        str, typer.Option(metavar="TEST_FILE", help="The corpus' test file; without it a block is tested on")
    ] = "",
    fold: Annotated[int, typer.Option(min=1, help="The block of the training file to test on; 1 is the first")] = 1,
    folds: Annotated[int, typer.Option(min=2, help="Blocks of consecutive sentences to divide the file into")] = 5,
    skip_problems: Annotated[bool, typer.Option(help="Leave out sentences with a problem, and list them")] = False,
    config: Config = CONFIG,
) -> None:
    """Read the corpus with its own labels, split it, and write records and DocBin files."""
    with reporting_problems():
        manifest = bench.prepare(
            bench.read_benchmark(config),
            train,
            output,
            test_file=Path(test) if test else None,
            fold=fold,
            folds=folds,
            skip_problems=skip_problems,
        )
    counts = ", ".join(f"{count} {split}" for split, count in manifest.sentences.items())
    leaks = manifest.leaks
    typer.echo(f"Wrote {output}: {counts} sentences; tested on: {manifest.test.name}")
    typer.echo(
        f"Test sentences that the training file has as well: {len(leaks.same_text)} with the same text, "
        f"{len(leaks.nearly)} nearly; left out for a problem: {len(manifest.left_out)}; "
        f"spans that are not whole tokens: {sum(map(len, manifest.misaligned.values()))}"
    )


@app.command()
def score(
    model: Annotated[str, typer.Argument(metavar="MODEL_PATH", help="Folder or package name of the pipeline")],
    prepared: Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="The folder that prepare wrote")],
    report: Annotated[Path, typer.Argument(metavar="REPORT_DIR", help="Folder for benchmark.json and benchmark.md")],
    name: Annotated[str, typer.Option(help="The system's name in the table [default: the pipeline's path]")] = "",
    gpu_id: Annotated[int, typer.Option(help="GPU to use; -1 for the CPU")] = -1,
    config: Config = CONFIG,
) -> None:
    """Score a pipeline on the test part, on gold tokens and on raw text."""
    problems: list[Problem] = []
    with reporting_problems():
        benchmark = collecting(problems, lambda: bench.read_benchmark(config))
        test = collecting(problems, lambda: bench.read_prepared(prepared, benchmark))
        nlp = collecting(problems, lambda: load_pipeline(model, gpu_id))
        if benchmark is None or test is None or nlp is None:
            raise InputError(problems)
        run = bench.score(nlp, *test, report)
    _say(bench.write_run(report, benchmark, run, name or model))
    typer.echo(f"Wrote {report / bench.RUN_FILE} and {report / bench.TABLE_FILE}")


@app.command()
def summarise(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="[SYSTEM=]REPORT_DIR...", help="Scored folders; folds or seeds of a system share its name"
        ),
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="Folder for summary.json and benchmark.md")],
    config: Config = CONFIG,
) -> None:
    """Put scored runs into one table, as mean ± standard deviation over the folds or seeds of a system."""
    problems: list[Problem] = []
    with reporting_problems():
        benchmark = collecting(problems, lambda: bench.read_benchmark(config))
        scored = collecting(problems, lambda: bench.read_runs(runs, benchmark))
        if benchmark is None or scored is None:
            raise InputError(problems)
        summary = bench.summarise(benchmark, scored)
    bench.write_summary(output, summary)
    _say(summary)
    typer.echo(f"Wrote {output / bench.SUMMARY_FILE} and {output / bench.TABLE_FILE}")


def _say(summary: bench.Summary) -> None:
    for system in summary.systems:
        for measure, value in system.f1.items():
            typer.echo(f"{system.name}, {measure.replace('_', ' ')}: F1 {bench.in_percent(value)} ({system.test})")


if __name__ == "__main__":
    app()
