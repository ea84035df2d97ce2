from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import spacy
import yaml
from hypothesis import given
from hypothesis import strategies as st
from script_runs import run_script
from spacy.language import Language
from spacy.tokens import DocBin

from persian_ner import benchmark as bench
from persian_ner.benchmark import Benchmark, Manifest, prepare, read_benchmark, score, split_blocks
from persian_ner.records import InputError, Record
from persian_ner.tokenizer import create_tokenizer

ROOT = Path(__file__).parents[1]
ARMAN = read_benchmark(ROOT / "configs" / "benchmark.yml")
TAGS = {"سارا": "B-pers", "احمدی": "I-pers", "شیراز": "B-loc", "ایران۲۰": "B-org"}


def sentence(number: int) -> str:
    """A sentence of eight tokens with two names, like no other with another number."""
    letters = "ابپتثجچحخدذر"
    word = "".join(letters[int(digit)] for digit in str(number)) * 8
    return f"سارا احمدی {word} از شیراز {word[::-1]} رفت ."


def columns(sentences: list[str]) -> str:
    blocks = ["".join(f"{word} {TAGS.get(word, 'O')}\n" for word in text.split()) for text in sentences]
    return "\n".join(blocks)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return write(tmp_path / "train_fold1.txt", columns([sentence(number) for number in range(40)]))


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    """Three sentences: new, one of training with other punctuation, nearly one of training."""
    near = sentence(8).replace("رفت", "رفتن")
    return write(tmp_path / "test_fold1.txt", columns([sentence(90), sentence(7).replace(" .", " !"), near]))


def ruler(folder: Path) -> Path:
    """Finds «شیراز», half of «سارا احمدی», and «ایران» where it is a token."""
    nlp = spacy.blank("fa", meta={"name": "ruler"})
    nlp.tokenizer = create_tokenizer(nlp.vocab)
    patterns = {"شیراز": "loc", "احمدی": "pers", "ایران۲۰": "org"}
    nlp.add_pipe("entity_ruler").add_patterns([{"label": label, "pattern": word} for word, label in patterns.items()])
    nlp.to_disk(folder)
    return folder


def by_file(train: Path, held_out: Path, folder: Path, **options: object) -> Manifest:
    settings = {"test_file": held_out, "fold": 1, "folds": 5, "skip_problems": False} | options
    return prepare(ARMAN, train, folder, **settings)


class TestConfiguration:
    def test_published_figures(self) -> None:
        assert [figure.f1 for figure in ARMAN.published] == [80.06, 80.81, 83.16]
        assert ARMAN.labels == ["pers", "org", "loc", "fac", "event", "pro"]

    def test_documentation_names_them_with_their_source(self) -> None:
        page = (ROOT / "docs" / "benchmark.md").read_text(encoding="utf-8")
        for figure in ARMAN.published:
            assert f"{figure.f1:.2f}" in page
            assert all(file in page for file in figure.source.split(", ") if "/" in file and file.endswith(".py"))

    @pytest.mark.parametrize("text", ["name: x\nlabels: []\npublished: []\n", "{", "name: x\nlabel: [a]\n"])
    def test_bad_ones_are_refused(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(InputError):
            read_benchmark(write(tmp_path / "b.yml", text))


class TestBlocks:
    RECORDS = [Record(id=str(number), text="x") for number in range(200)]  # noqa: RUF012

    @given(st.integers(10, 200), st.integers(2, 10), st.data())
    def test_divide_the_sentences(self, count: int, folds: int, data: st.DataObject) -> None:
        fold = data.draw(st.integers(1, folds))
        records = self.RECORDS[:count]
        splits = split_blocks(records, fold, folds)
        assert sorted((r.id for found in splits.values() for r in found), key=int) == [r.id for r in records]
        for split in ("dev", "test"):
            numbers = [int(record.id) for record in splits[split]]
            assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert len(splits["dev"]) == max(1, round(0.1 * (count - len(splits["test"]))))
        apart = min(abs(int(a.id) - int(b.id)) for a in splits["dev"] for b in splits["test"])
        assert apart > (count - len(splits["test"])) / 2 - len(splits["dev"])

    def test_tests_on_every_sentence_once(self) -> None:
        tested = [record.id for fold in range(1, 8) for record in split_blocks(self.RECORDS, fold, 7)["test"]]
        assert tested == [record.id for record in self.RECORDS]


class TestPrepare:
    def test_published_split(self, train: Path, held_out: Path, tmp_path: Path) -> None:
        manifest = by_file(train, held_out, tmp_path / "out")
        assert manifest.sentences == {"train": 36, "dev": 4, "test": 3}
        assert manifest.tokens == {"train": 288, "dev": 32, "test": 24}
        assert manifest.spans["dev"] == {"pers": 4, "org": 0, "loc": 4, "fac": 0, "event": 0, "pro": 0}
        assert manifest.leaks.same_text == ["test_fold1#2"]
        assert manifest.leaks.nearly == ["test_fold1#3"]
        docs = list(DocBin().from_disk(tmp_path / "out" / "dev.spacy").get_docs(spacy.blank("fa").vocab))
        assert [[(ent.text, ent.label_) for ent in doc.ents] for doc in docs] == [
            [("سارا احمدی", "pers"), ("شیراز", "loc")]
        ] * 4

    def test_block(self, train: Path, tmp_path: Path) -> None:
        manifest = prepare(ARMAN, train, tmp_path / "out", test_file=None, fold=2, folds=4, skip_problems=False)
        assert manifest.test.name == "block 2 of 4"
        assert manifest.sentences == {"train": 27, "dev": 3, "test": 10}
        lines = (tmp_path / "out" / "test.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["id"] for line in lines] == [f"train_fold1#{number}" for number in range(11, 21)]

    def test_every_problem_of_both_files_is_named(self, train: Path, held_out: Path, tmp_path: Path) -> None:
        write(train, train.read_text(encoding="utf-8") + "\nمریخ B-planet\n")
        write(held_out, held_out.read_text(encoding="utf-8") + "\nیک دو سه O\nچهار O\n")
        with pytest.raises(InputError) as caught:
            by_file(train, held_out, tmp_path / "out")
        assert {problem.doc_id for problem in caught.value.problems} == {"train_fold1#41", "test_fold1#4"}
        assert not (tmp_path / "out").exists()
        manifest = by_file(train, held_out, tmp_path / "out", skip_problems=True)
        assert manifest.sentences == {"train": 36, "dev": 4, "test": 3}
        assert len(manifest.left_out) == 2

    def test_a_file_of_which_nothing_is_left(self, train: Path, tmp_path: Path) -> None:
        other = write(tmp_path / "other.txt", "سارا B-PER\nآمد O\n")
        with pytest.raises(InputError) as caught:
            by_file(train, other, tmp_path / "out", skip_problems=True)
        reasons = {problem.doc_id: problem.reason for problem in caught.value.problems}
        assert reasons[""] == "no sentence without a problem"
        assert "label 'PER'" in reasons["other#1"]
        assert not (tmp_path / "out").exists()

    def test_repairs_are_listed(self, train: Path, held_out: Path, tmp_path: Path) -> None:
        write(held_out, held_out.read_text(encoding="utf-8") + "\nعلی I-pers\nآمد O\n")
        manifest = by_file(train, held_out, tmp_path / "out")
        assert manifest.spans["test"]["pers"] == 4
        assert len(manifest.repairs) == 1
        assert manifest.repairs[0].startswith("test_fold1#4: ")

    def test_a_token_that_repairs_change_is_a_problem(self, train: Path, held_out: Path, tmp_path: Path) -> None:
        write(held_out, held_out.read_text(encoding="utf-8") + "\nعلیB-pers\nآمد O\n")  # the reader splits word and tag
        with pytest.raises(InputError, match="tokens are not those of the file"):
            by_file(train, held_out, tmp_path / "out")

    @pytest.mark.parametrize(("fold", "folds"), [(3, 2), (1, 41), (0, 5)])
    def test_blocks_that_do_not_exist(self, train: Path, tmp_path: Path, fold: int, folds: int) -> None:
        with pytest.raises(InputError, match="there is no block"):
            prepare(ARMAN, train, tmp_path / "o", test_file=None, fold=fold, folds=folds, skip_problems=True)

    def test_files_that_are_not_there(self, train: Path, tmp_path: Path) -> None:
        result = run_script("benchmark", "prepare", tmp_path / "no", tmp_path / "out", "--test", tmp_path / "none")
        assert result.exit_code == 1
        assert f"{tmp_path / 'no'}: " in result.output
        assert f"{tmp_path / 'none'}: " in result.output
        assert not (tmp_path / "out").exists()


def conll_f1(gold: list[list[str]], predicted: list[list[str]]) -> float:
    """Entity F1 as conlleval counts it, from BIO tags: an independent account of what is published."""

    def entities(tags: list[str]) -> Iterator[tuple[int, int, str]]:
        start = 0
        for position, (before, tag) in enumerate(zip(["O", *tags], [*tags, "O"], strict=True)):
            if before != "O" and (tag == "O" or tag[0] == "B" or tag[2:] != before[2:]):
                yield start, position, before[2:]
            if tag != "O" and (before == "O" or tag[0] == "B" or tag[2:] != before[2:]):
                start = position

    sets = [{(n, *e) for n, tags in enumerate(side) for e in entities(tags)} for side in (gold, predicted)]
    return 2 * len(sets[0] & sets[1]) / (len(sets[0]) + len(sets[1]))


class TestScore:
    @pytest.fixture
    def nlp(self, tmp_path: Path) -> Language:
        return spacy.load(ruler(tmp_path / "ruler"))

    def test_gold_tokens_are_scored_as_published_and_raw_text_as_it_is(
        self, train: Path, held_out: Path, tmp_path: Path, nlp: Language
    ) -> None:
        # «ایران۲۰» is one token of the corpus and two of ours.
        write(held_out, held_out.read_text(encoding="utf-8") + "\nدر O\nایران۲۰ B-org\nباران O\nبارید O\n")
        by_file(train, held_out, tmp_path / "out")
        manifest, records = bench.read_prepared(tmp_path / "out", ARMAN)
        assert manifest.misaligned == {"train": [], "dev": [], "test": []}
        run = score(nlp, manifest, records, tmp_path / "report")
        # Gold: three persons, three places, one organisation. Found: half of each person, the places, and on raw text
        # the organisation, since the ruler's own words are tokens of the pipeline.
        tokens = run.overall.gold_tokens.overall
        assert (tokens.strict.correct, tokens.predicted, tokens.support) == (3, 6, 7)
        gold_tags = [["B-pers", "I-pers", "O", "O", "B-loc", "O", "O", "O"]] * 3 + [["O", "B-org", "O", "O"]]
        found_tags = [["O", "B-pers", "O", "O", "B-loc", "O", "O", "O"]] * 3 + [["O", "O", "O", "O"]]
        assert tokens.strict.f1 == pytest.approx(conll_f1(gold_tags, found_tags))
        assert tokens.strict.f1 == pytest.approx(6 / 13)
        raw = run.overall.raw_text.overall
        assert (raw.strict.correct, raw.predicted, raw.support) == (4, 7, 7)
        # Without the two sentences of the training file there are a person, a place and the organisation.
        assert run.without_leaks.gold_tokens.overall.support == 3
        assert run.without_leaks.gold_tokens.overall.strict.f1 == pytest.approx(2 / 5)
        assert run.without_leaks.raw_text.overall.strict.f1 == pytest.approx(4 / 6)
        assert run.encoder is None
        assert list(run.overall.gold_tokens.per_label) == ARMAN.labels

    def test_the_pipeline_gets_the_tokens_of_the_corpus(self, train: Path, tmp_path: Path, nlp: Language) -> None:
        held_out = write(tmp_path / "t.txt", "ایران۲۰ B-org\n( O\nسارا B-pers\n) O\nآمد O\n")
        by_file(train, held_out, tmp_path / "out")
        _, (record,) = bench.read_prepared(tmp_path / "out", ARMAN)
        seen = []

        @Language.component("benchmark_spy")
        def spy(doc):
            seen.append([token.text for token in doc])
            assert doc.text == record.text
            return doc

        nlp.add_pipe("benchmark_spy")
        bench.predict_tokens(nlp, [record])
        assert seen == [["ایران۲۰", "(", "سارا", ")", "آمد"]]

    def test_prepared_folder_is_checked(self, train: Path, held_out: Path, tmp_path: Path) -> None:
        by_file(train, held_out, tmp_path / "out")
        write(tmp_path / "out" / "test.jsonl", '{"id": "a", "text": "b"}\n')
        with pytest.raises(InputError, match="meta has no tokens"):
            bench.read_prepared(tmp_path / "out", ARMAN)
        write(tmp_path / "out" / "manifest.json", "{}")
        with pytest.raises(InputError, match="manifest"):
            bench.read_prepared(tmp_path / "out", ARMAN)


class TestScript:
    def test_from_files_to_a_table(self, train: Path, held_out: Path, tmp_path: Path) -> None:
        model = ruler(tmp_path / "ruler")
        done = run_script("benchmark", "prepare", train, tmp_path / "out", "--test", held_out)
        assert done.exit_code == 0, done.output
        assert "36 train, 4 dev, 3 test sentences" in done.output
        done = run_script("benchmark", "score", model, tmp_path / "out", tmp_path / "report", "--name", "half|names")
        assert done.exit_code == 0, done.output
        assert "gold tokens: F1 50.00 (test_fold1.txt)" in done.output
        table = (tmp_path / "report" / "benchmark.md").read_text(encoding="utf-8")
        assert r"| **half\|names** | test\_fold1.txt | 50.00 | 50.00 | 50.00 | 50.00 |" in table
        assert "| published test part | 83.16 | – | – | – |" in table
        assert "not to be compared" not in table
        assert (tmp_path / "report" / "gold_tokens" / "predictions.jsonl").exists()

    def test_folds_are_averaged(self, train: Path, tmp_path: Path) -> None:
        lines = train.read_text(encoding="utf-8").split("\n\n")
        lines[:10] = [line.replace("سارا B-pers", "سارا O").replace("I-pers", "B-pers") for line in lines[:10]]
        write(train, "\n\n".join(lines))  # in the first ten sentences half of the name is all of it
        model = ruler(tmp_path / "ruler")
        for fold in (1, 2):
            assert (
                run_script("benchmark", "prepare", train, tmp_path / f"{fold}", "--fold", fold, "--folds", 4).exit_code
                == 0
            )
            assert run_script("benchmark", "score", model, tmp_path / f"{fold}", tmp_path / f"r{fold}").exit_code == 0
        runs = [f"ruler={tmp_path / 'r1'}", f"ruler={tmp_path / 'r2'}"]
        done = run_script("benchmark", "summarise", *runs, tmp_path / "all")
        assert done.exit_code == 0, done.output
        # 1 and 0.5: mean 0.75, sample standard deviation 0.5 / √2.
        assert "ruler, gold tokens: F1 75.00 ± 35.36 (block 1 of 4, block 2 of 4)" in done.output
        summary = json.loads((tmp_path / "all" / "summary.json").read_text(encoding="utf-8"))
        assert summary["systems"][0]["per_label"]["pers"]["runs"] == [1.0, 0.0]
        assert summary["systems"][0]["per_label"]["pro"]["mean"] is None
        commit = json.loads((tmp_path / "r1" / "benchmark.json").read_text(encoding="utf-8"))["provenance"][
            "git_commit"
        ]
        assert summary["systems"][0]["commits"] == ([commit] if commit else [])
        assert f"| {commit[:12] if commit else '–'} |" in (tmp_path / "all" / "benchmark.md").read_text(
            encoding="utf-8"
        )
        assert "not to be compared" in (tmp_path / "all" / "benchmark.md").read_text(encoding="utf-8")

    def test_runs_that_cannot_be_averaged(self, train: Path, held_out: Path, tmp_path: Path) -> None:
        model = ruler(tmp_path / "ruler")
        run_script("benchmark", "prepare", train, tmp_path / "a", "--test", held_out)
        run_script("benchmark", "prepare", train, tmp_path / "b", "--fold", 1, "--folds", 2)
        for name in "ab":
            run_script("benchmark", "score", model, tmp_path / name, tmp_path / f"r{name}")
        folders = [f"x={tmp_path / 'ra'}", f"x={tmp_path / 'rb'}", f"y={tmp_path / 'gone'}"]
        done = run_script("benchmark", "summarise", *folders, tmp_path / "all")
        assert done.exit_code == 1
        assert "different test files or numbers of blocks" in done.output
        assert str(tmp_path / "gone") in done.output
        assert not (tmp_path / "all").exists()

    def test_the_problems_of_all_inputs_are_listed(self, tmp_path: Path) -> None:
        config = write(tmp_path / "bad.yml", "name: x\n")
        prepared, scored = tmp_path / "prepared", tmp_path / "scored"
        prepared.mkdir()
        write(prepared / "test.jsonl", '{"id": "a", "text": "b"}\n')
        done = run_script("benchmark", "score", tmp_path / "none", prepared, tmp_path / "out", "--config", config)
        assert done.exit_code == 1
        files = (config, prepared / "manifest.json", prepared / "test.jsonl", tmp_path / "none")
        assert [file for file in files if f"{file}:" not in done.output] == []
        done = run_script("benchmark", "summarise", scored, tmp_path / "out", "--config", config)
        assert done.exit_code == 1
        assert [file for file in (config, scored / "benchmark.json") if f"{file}:" not in done.output] == []
        assert not (tmp_path / "out").exists()

    def test_runs_of_another_benchmark(self, train: Path, held_out: Path, tmp_path: Path) -> None:
        model = ruler(tmp_path / "ruler")
        run_script("benchmark", "prepare", train, tmp_path / "a", "--test", held_out)
        run_script("benchmark", "score", model, tmp_path / "a", tmp_path / "ra")
        settings = Benchmark(name="other", labels=["a"], published=[]).model_dump()
        other = ["--config", write(tmp_path / "other.yml", yaml.safe_dump(settings))]
        out = tmp_path / "out"
        for arguments in (["score", model, tmp_path / "a", out], ["summarise", tmp_path / "ra", out]):
            done = run_script("benchmark", *arguments, *other)
            assert done.exit_code == 1
            assert "is not of the benchmark 'other'" in done.output
            assert not out.exists()
