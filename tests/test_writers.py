"""What the writers hand to a tool, the existing readers read back: the same text, the same spans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_strategies import CHARACTERS, LABELS, annotated_texts
from record_strategies import raw_texts

from persian_ner import docbin
from persian_ner.readers import registry
from persian_ner.records import Problem, Record, Span, collect
from persian_ner.splits import document_of
from persian_ner.writers import doccano, label_studio, prodigy, task
from persian_ner.writers.export import WRITERS
from persian_ner.writers.task import Task

NLP = docbin.blank()
WITH_CR = CHARACTERS + "\r"
BASIC_PLANE = "".join(character for character in WITH_CR if ord(character) <= 0xFFFF)
TEXT = "😀 مریم رستمی\r\nدوشنبه وارد می\u200cرود."
SPANS = [Span(start=14, end=20, label="DATE"), Span(start=2, end=12, label="PER")]
RECORD = Record(id="n-1", text=TEXT, spans=SPANS, meta={"topic": "سفر"})
SUGGESTED = Task(RECORD, "fa_x 1.0", (0.75, 0.5))


def triples(spans: list[Span]) -> list[tuple[int, int, str]]:
    return sorted((span.start, span.end, span.label) for span in spans)


def put(path: Path, content: list[dict[str, Any]], is_lines: bool) -> Path:
    lines = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in content)
    path.write_text(lines if is_lines else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def read_back(tool: str, folder: Path, content: list[dict[str, Any]]) -> Record:
    suffix = WRITERS[tool].SUFFIX
    (record,), problems = collect(registry.read(tool, put(folder / f"a{suffix}", content, suffix == ".jsonl")))
    assert problems == []
    return record


def submitted(exported: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Label Studio's export after somebody submitted each prediction as it was."""
    return [
        {"id": number, "data": item["data"], "annotations": [{"result": item["predictions"][0]["result"]}]}
        for number, item in enumerate(exported, start=1)
    ]


@st.composite
def whole_tokens(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """A text and flat spans of whole tokens, none edged by white space."""
    doc = NLP.make_doc(draw(raw_texts()))
    borders = sorted(draw(st.sets(st.integers(0, len(doc)), max_size=8)))
    pieces = [doc[start:end] for start, end in zip(borders[::2], borders[1::2], strict=False)]
    label = st.sampled_from(LABELS)
    return doc.text, [
        Span(start=piece.start_char, end=piece.end_char, label=draw(label))
        for piece in pieces
        if piece.text and piece.text == piece.text.strip()
    ]


class TestRoundTrip:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(annotated_texts(alphabet=WITH_CR), st.booleans())
    def test_label_studio(self, tmp_path: Path, drawn: tuple[str, list[Span]], suggested: bool) -> None:
        text, spans = drawn
        record = Record(id="r", text=text, spans=spans)
        content = label_studio.to_json([Task(record, "m", (None,) * len(spans)) if suggested else Task(record)])
        read = read_back("label-studio", tmp_path, submitted(content) if suggested else content)
        assert (read.text, triples(read.spans)) == (text, triples(spans))

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(annotated_texts(alphabet=BASIC_PLANE))
    def test_doccano(self, tmp_path: Path, drawn: tuple[str, list[Span]]) -> None:
        text, spans = drawn
        one = Task(Record(id="r", text=text, spans=spans))
        assert list(doccano.defects(one)) == []
        read = read_back("doccano", tmp_path, doccano.to_json([one]))
        assert (read.text, triples(read.spans)) == (text, triples(spans))

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(whole_tokens())
    def test_prodigy(self, tmp_path: Path, drawn: tuple[str, list[Span]]) -> None:
        text, spans = drawn
        one = Task(Record(id="r", text=text, spans=spans))
        assert list(prodigy.defects(one)) == []
        (example,) = prodigy.to_json([one])
        tokens = example["tokens"]
        assert "".join(token["text"] + " " * token["ws"] for token in tokens) == text
        assert all(text[token["start"] : token["end"]] == token["text"] for token in tokens)
        for span in example["spans"]:
            first, last = tokens[span["token_start"]], tokens[span["token_end"]]
            assert (first["start"], last["end"]) == (span["start"], span["end"])
        read = read_back("prodigy", tmp_path, [example])
        assert (read.id, read.text, triples(read.spans)) == ("r", text, triples(spans))

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text(min_size=1, max_size=20))
    def test_doccano_is_not_given_what_it_counts_otherwise(self, text: str) -> None:
        utf16 = len(text.encode("utf-16-le", "surrogatepass")) // 2
        assert bool(list(doccano.defects(Task(Record(id="r", text=text))))) == (utf16 != len(text))

    @pytest.mark.parametrize("tool", WRITERS)
    def test_two_rounds_keep_id_and_fields(self, tool: str, tmp_path: Path) -> None:
        record = Record(id="n-1", text="مریم آمد.", spans=[Span(start=0, end=4, label="PER")], meta={"topic": "سفر"})
        first = read_back(tool, tmp_path, WRITERS[tool].to_json([Task(record)]))
        again = read_back(tool, tmp_path, WRITERS[tool].to_json([Task(first)]))
        for read in (first, again):
            assert (read.text, triples(read.spans), read.meta["topic"]) == (record.text, [(0, 4, "PER")], "سفر")
            if tool == "prodigy":
                assert read.id == "n-1"
            else:
                assert (read.meta["record"], read.meta["document"]) == ("n-1", "n-1")

    @pytest.mark.parametrize("tool", WRITERS)
    def test_a_record_of_a_corpus_comes_back_to_its_split(self, tool: str, tmp_path: Path) -> None:
        """As ``validate`` names records, in a source of the same name."""
        record = Record(id="mine/n-1", text="قم", spans=[], meta={"source": "mine"})
        read = read_back(tool, tmp_path, WRITERS[tool].to_json([Task(record)]))
        again = Record(id=f"mine/{read.id}", text=read.text, meta=read.meta | {"source": "mine"})
        assert document_of(again) == document_of(record)

    @pytest.mark.parametrize("tool", WRITERS)
    def test_a_field_named_source_is_not_our_source(self, tool: str, tmp_path: Path) -> None:
        """What ``annotate`` was given may have one, and ids that are the same without it."""
        lines = [
            {"id": f"{agency}/1", "text": "قم", "source": agency, "model": "m", "entities": []}
            for agency in ("isna", "irna")
        ]
        tasks = list(task.read(put(tmp_path / "annotated.jsonl", lines, is_lines=True)))
        documents = []
        for one in tasks:
            assert isinstance(one, Task)
            content = WRITERS[tool].to_json([one])
            read = read_back(tool, tmp_path, submitted(content) if tool == "label-studio" else content)
            documents.append(
                document_of(Record(id=f"mine/{read.id}", text=read.text, meta=read.meta | {"source": "mine"}))
            )
        assert [one.id_in_source for one in tasks if isinstance(one, Task)] == ["isna/1", "irna/1"]
        assert documents == ["mine/isna/1", "mine/irna/1"]


class TestLabelStudio:
    def test_suggestions_are_a_prediction(self) -> None:
        (one,) = label_studio.to_json([SUGGESTED])
        assert one == {
            "data": {"text": TEXT, "record": "n-1", "document": "n-1", "topic": "سفر"},
            "predictions": [
                {
                    "model_version": "fa_x 1.0",
                    "score": 0.5,
                    "result": [
                        {
                            "id": "span-1",
                            "from_name": "label",
                            "to_name": "text",
                            "type": "labels",
                            "value": {"start": 2, "end": 12, "text": "مریم رستمی", "labels": ["PER"]},
                            "score": 0.5,
                        },
                        {
                            "id": "span-2",
                            "from_name": "label",
                            "to_name": "text",
                            "type": "labels",
                            "value": {"start": 14, "end": 20, "text": "دوشنبه", "labels": ["DATE"]},
                            "score": 0.75,
                        },
                    ],
                }
            ],
        }

    def test_an_annotation_stays_one_and_a_bare_text_is_neither(self) -> None:
        decided, empty, bare = label_studio.to_json(
            [Task(RECORD), Task(Record(id="e", text="x", spans=[])), Task(Record(id="b", text="x"))]
        )
        assert [len(annotation["result"]) for annotation in decided["annotations"]] == [2]
        assert empty["annotations"] == [{"result": []}]
        assert bare.keys() == {"data"}
        assert not any("predictions" in item for item in (decided, empty, bare))

    def test_suggestions_without_scores(self) -> None:
        (one,) = label_studio.to_json([Task(RECORD, "m", (None, None))])
        (prediction,) = one["predictions"]
        assert prediction.keys() == {"model_version", "result"}
        assert not any("score" in result for result in prediction["result"])

    def test_settings(self) -> None:
        labels = [*LABELS, "PRODUCT", "A", "B", "C", "D"]
        view = ElementTree.fromstring(label_studio.settings(labels))
        control, text = view.find("Labels"), view.find(".//Text")
        assert control is not None
        assert text is not None
        assert (control.get("name"), control.get("toName")) == ("label", text.get("name"))
        assert text.get("value") == "$text"
        assert [label.get("value") for label in control] == labels
        assert [label.get("hotkey") for label in control] == [*"123456789", None]
        assert len({label.get("background") for label in control}) == 8
        area = view.find("View")
        assert area is not None
        assert "direction: rtl" in str(area.get("style"))

    def test_the_names_of_the_settings_are_those_of_the_results(self) -> None:
        (one,) = label_studio.to_json([Task(RECORD)])
        view = ElementTree.fromstring(label_studio.settings(LABELS))
        control = view.find("Labels")
        assert control is not None
        for result in one["annotations"][0]["result"]:
            assert (result["from_name"], result["to_name"]) == (control.get("name"), control.get("toName"))


class TestDoccano:
    def test_an_example(self) -> None:
        record = RECORD.model_copy(update={"meta": {"document": "d", "topic": "سفر"}})
        (one,) = doccano.to_json([Task(record, "m", (0.25, None))])
        assert one == {
            "text": TEXT,
            "label": [[2, 12, "PER"], [14, 20, "DATE"]],
            "record": "n-1",
            "document": "d",
            "topic": "سفر",
            "model": "m",
            "lowest_score": 0.25,
        }

    def test_settings(self) -> None:
        found = json.loads(doccano.settings(["PER", "PRODUCT"]))
        assert [(label["text"], label["suffix_key"]) for label in found] == [("PER", "1"), ("PRODUCT", "2")]
        assert all(label["background_color"].startswith("#") for label in found)

    def test_the_first_character_it_counts_twice_is_named(self) -> None:
        (reason,) = doccano.defects(Task(Record(id="x", text="الف😀😀")))
        assert reason.startswith("doccano counts '😀' at 3 as two characters")


class TestProdigy:
    def test_an_example(self) -> None:
        one = Task(Record(id="r", text="رشت کجاست؟", spans=[Span(start=0, end=3, label="GPE")]), "m", (0.25,))
        (example,) = prodigy.to_json([one])
        assert example == {
            "id": "r",
            "text": "رشت کجاست؟",
            "tokens": [
                {"text": "رشت", "start": 0, "end": 3, "id": 0, "ws": True},
                {"text": "کجاست", "start": 4, "end": 9, "id": 1, "ws": False},
                {"text": "؟", "start": 9, "end": 10, "id": 2, "ws": False},
            ],
            "spans": [{"start": 0, "end": 3, "token_start": 0, "token_end": 0, "label": "GPE", "score": 0.25}],
            "meta": {"model": "m", "lowest_score": 0.25},
        }

    def test_a_span_within_a_token_is_a_defect(self) -> None:
        (reason,) = prodigy.defects(Task(Record(id="r", text="تهران", spans=[Span(start=2, end=5, label="GPE")])))
        assert reason == "GPE 'ران' at 2–5 is not whole tokens: ['تهران']"

    def test_partial_coverage_does_not_matter(self) -> None:
        one = Task(RECORD.model_copy(update={"annotated_labels": ["PER", "DATE"]}))
        assert list(prodigy.defects(one)) == []

    def test_its_own_facts_of_an_earlier_round_are_left_out(self, tmp_path: Path) -> None:
        meta = {"answer": "accept", "flagged": True, "_timestamp": 1, "topic": "سفر"}
        (example,) = prodigy.to_json([Task(RECORD.model_copy(update={"meta": meta}))])
        assert example["meta"] == {"topic": "سفر"}
        now = example | {"answer": "accept", "_timestamp": 2}  # would contradict
        assert read_back("prodigy", tmp_path, [now]).meta == {"answer": "accept", "_timestamp": 2, "topic": "سفر"}


class TestReading:
    def read(self, path: Path, *lines: Any, **fields: str) -> tuple[list[Task], list[Problem]]:
        found = list(task.read(put(path, list(lines), is_lines=True), **fields))
        problems = [item for item in found if isinstance(item, Problem)]
        return [item for item in found if isinstance(item, Task)], problems

    def test_what_annotate_wrote(self, tmp_path: Path) -> None:
        entity = {"start": 0, "end": 4, "label": "PER", "text": "مریم", "score": 0.5, "date": "2025"}
        line = {"n": 7, "body": "مریم آمد.", "topic": "سفر", "model": "fa_x 1", "entities": [entity]}
        (one, two), problems = self.read(
            tmp_path / "a.jsonl", line, line | {"n": "b", "entities": []}, text_field="body", id_field="n"
        )
        assert problems == []
        assert (one.record.id, one.record.text, one.record.meta) == ("7", "مریم آمد.", {"topic": "سفر"})
        assert one.record.spans == [Span(start=0, end=4, label="PER", surface="مریم")]
        assert (one.model, one.scores, one.lowest_score, one.is_decided) == ("fa_x 1", (0.5,), 0.5, False)
        assert (two.record.id, two.record.origin[1], two.lowest_score, two.is_decided) == ("b", 2, None, False)

    def test_canonical_records(self, tmp_path: Path) -> None:
        tasks, problems = self.read(
            tmp_path / "a.jsonl",
            {"id": "1", "text": "x", "spans": []},
            {"id": "2", "text": "y"},
            {"id": "3", "text": "z", "span": []},
        )
        assert [(item.record.id, item.model, item.is_decided) for item in tasks] == [
            ("1", None, True),
            ("2", None, False),
        ]
        assert [(problem.line, problem.reason) for problem in problems] == [(3, "span: unknown key")]

    def test_bad_lines(self, tmp_path: Path) -> None:
        good = {"id": 1, "text": "x", "model": "m", "entities": []}
        tasks, problems = self.read(
            tmp_path / "a.jsonl",
            good,
            {"id": None, "text": 3, "entities": [{"start": "0", "end": 1, "label": "PER"}]},
            {"id": "c", "text": "x", "model": "m"},
        )
        assert [item.record.id for item in tasks] == ["1"]
        assert [(problem.line, problem.doc_id, problem.reason.partition(":")[0]) for problem in problems] == [
            (2, "a#2", "id"),
            (2, "a#2", "text"),
            (2, "a#2", "model"),
            (2, "a#2", "entities.0.start"),
            (3, "c", "entities"),
        ]
