"""``scripts/export.py``: what it writes and says, and that bad input is listed whole and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from script_runs import run_script
from tiny_corpus import contents, put

from persian_ner.readers import registry
from persian_ner.records import collect

TEXT = "مریم رستمی دوشنبه گوشی آذرخش ۷ را خرید."
ENTITIES = [
    {"start": 0, "end": 10, "label": "PER", "text": "مریم رستمی", "score": 0.5},
    {"start": 11, "end": 17, "label": "DATE", "text": "دوشنبه", "score": 1.0},
]
ANNOTATED: dict[str, Any] = {"id": "a", "text": TEXT, "topic": "بازار", "model": "fa_x 1.0", "entities": ENTITIES}
CORPUS = """sources: [mine]
labels: [PER, PRODUCT, DATE]
shares: {train: 0.8, dev: 0.1, test: 0.1}
max_words: 120
"""


def lines(*items: dict[str, Any]) -> str:
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "in.jsonl", lines(ANNOTATED))
    put(tmp_path / "corpus.yml", CORPUS)
    return tmp_path


def test_label_studio(workplace: Path) -> None:
    done = run_script("export", "in.jsonl", "out/t.json", "--to", "label-studio", "--corpus", "corpus.yml")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "Wrote out/t.json and out/t.labels.xml: 1 texts, 2 spans"
    assert "out/t.labels.xml is the code of the labelling interface; then import out/t.json" in done.stdout
    (one,) = json.loads((workplace / "out" / "t.json").read_text(encoding="utf-8"))
    assert one["data"] == {"text": TEXT, "record": "a", "document": "a", "topic": "بازار"}
    assert (one["predictions"][0]["model_version"], one["predictions"][0]["score"]) == ("fa_x 1.0", 0.5)
    settings = (workplace / "out" / "t.labels.xml").read_text(encoding="utf-8")
    assert 'value="PRODUCT"' in settings
    assert 'value="ORG"' not in settings
    # Nobody has submitted the prediction.
    assert [str(problem) for problem in collect(registry.read("label-studio", Path("out/t.json")))[1]] == [
        "out/t.json: [-] no task has the key 'annotations' or 'label'"
    ]


def test_doccano(workplace: Path) -> None:
    done = run_script("export", "in.jsonl", "t.jsonl", "--to", "doccano")
    assert done.exit_code == 0, done.output
    assert "import t.labels.json as span types" in done.stdout
    labels = json.loads((workplace / "t.labels.json").read_text(encoding="utf-8"))
    assert [label["text"] for label in labels] == ["PER", "ORG", "GPE", "EVENT", "DATE"]
    (record,), _ = collect(registry.read("doccano", Path("t.jsonl")))
    assert [(span.start, span.end) for span in record.spans] == [(0, 10), (11, 17)]


def test_prodigy(workplace: Path) -> None:
    done = run_script("export", "in.jsonl", "t.jsonl", "--to", "prodigy", "--corpus", "corpus.yml")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "Wrote t.jsonl: 1 texts, 2 spans",
        "With Prodigy: prodigy ner.manual DATASET blank:fa t.jsonl --label PER,PRODUCT,DATE",
    ]
    assert set(contents(workplace)) == {"in.jsonl", "corpus.yml", "t.jsonl"}


def test_fields_have_the_names_that_annotate_was_given(workplace: Path) -> None:
    renamed = {"n": 4, "body": TEXT, "model": "m", "entities": []}
    put(workplace / "in.jsonl", lines(renamed))
    done = run_script("export", "in.jsonl", "t.jsonl", "--to", "prodigy", "--text-field", "body", "--id-field", "n")
    assert done.exit_code == 0, done.output
    (record,), _ = collect(registry.read("prodigy", Path("t.jsonl")))
    assert (record.id, record.text) == ("4", TEXT)


def test_all_problems_are_listed_and_nothing_is_written(workplace: Path) -> None:
    put(
        workplace / "in.jsonl",
        lines(
            ANNOTATED,
            ANNOTATED,  # the id again
            ANNOTATED | {"id": "b", "entities": [ENTITIES[0] | {"end": 9}]},
            ANNOTATED | {"id": "c", "text": "خط\r\nدو", "entities": []},
            ANNOTATED | {"id": "d", "text": "سلام 😀", "entities": [], "label": "x", "data": "y"},
            ANNOTATED | {"id": "e", "entities": [ENTITIES[0] | {"label": "LOC"}]},
        )
        + "{\n",
    )
    before = contents(workplace)
    done = run_script("export", "in.jsonl", "t.json", "--to", "doccano")
    assert (done.exit_code, done.stdout) == (1, "")
    assert contents(workplace) == before
    found = done.stderr.splitlines()
    assert found[-1] == "11 problems found; nothing was written."
    expected = [
        "in.jsonl:2: [a] id already used at in.jsonl:1",
        "in.jsonl:3: [b] same text as a",
        "in.jsonl:3: [b] span 0–9 PER says 'مریم رستمی' but the text there is 'مریم رستم'",
        "in.jsonl:4: [c] control or replacement character U+000D at 2",
        "in.jsonl:5: [d] doccano counts '😀' at 5 as two characters",
        "in.jsonl:5: [d] field 'data' means something else in doccano: rename it",
        "in.jsonl:5: [d] field 'label' means something else in doccano: rename it",
        "in.jsonl:6: [e] same text as a",
        "in.jsonl:6: [e] unknown label 'LOC'",
        "in.jsonl:7: [-] not JSON",
        "t.json: [-] doccano reads .jsonl files",
    ]
    for message, start in zip(found, expected, strict=False):
        assert message.startswith(start)


def test_spans_that_prodigy_cannot_mark(workplace: Path) -> None:
    spans = [{"start": 2, "end": 10, "label": "PER"}, {"start": 11, "end": 15, "label": "DATE"}]
    put(workplace / "in.jsonl", lines({"id": "a", "text": TEXT, "spans": spans}))
    done = run_script("export", "in.jsonl", "t.jsonl", "--to", "prodigy")
    assert done.exit_code == 1
    assert done.stderr.count("is not whole tokens") == 2
    assert run_script("export", "in.jsonl", "t.json", "--to", "label-studio").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.jsonl", "t.jsonl"], "nowhere.jsonl: [-] cannot be read: No such file"),
        (["empty.jsonl", "t.jsonl"], "empty.jsonl: [-] no records"),
        (["in.jsonl", "in.jsonl"], "in.jsonl: [-] is the input"),
        (["in.jsonl", "t.jsonl", "--corpus", "nowhere.yml"], "nowhere.yml: [-] cannot be read as YAML"),
    ],
)
def test_unusable_files(workplace: Path, arguments: list[str], message: str) -> None:
    put(workplace / "empty.jsonl", "")
    before = contents(workplace)
    done = run_script("export", *arguments, "--to", "prodigy")
    assert done.exit_code == 1
    assert message in done.stderr
    assert contents(workplace) == before


def test_an_unknown_tool_is_refused(workplace: Path) -> None:
    done = run_script("export", "in.jsonl", "t.json", "--to", "brat")
    assert done.exit_code == 2
    assert "label-studio" in done.stderr
