from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from script_runs import run_script
from spacy.language import Language
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from persian_ner import speed
from persian_ner.cpu_precision import arithmetic_of
from persian_ner.fast_inference import (
    BATCH_SIZE,
    MAX_BATCH_ITEMS,
    OVERLAP,
    WORD_PIECES,
    in_portions,
    load_fast,
    sentence_windows,
    speed_up,
)
from persian_ner.records import InputError, Record
from persian_ner.speed import (
    Stopwatch,
    SystemSpec,
    first_texts,
    hugging_face_bert_base,
    median_of,
    parse_systems,
    profile,
    with_bert_base,
)
from persian_ner.tokenizer import create_tokenizer

TEXTS = ["سارا احمدی به شیراز رفت.", "هیچ.", "شیراز " * 300, "در تهران باران بارید."]
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def transformer_pipeline(encoder: Path) -> Language:
    """An untrained pipeline on a tiny encoder, made with the project's configuration."""
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "شیراز": 2, "به": 3, ".": 4}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(encoder)
    BertModel(BertConfig(vocab_size=len(vocabulary), **SMALL)).save_pretrained(encoder)
    nlp = spacy.blank("fa", meta={"name": "tiny"})
    nlp.tokenizer = create_tokenizer(nlp.vocab)
    nlp.add_pipe(
        "transformer",
        config={
            "max_batch_items": 4096,
            "model": {
                "@architectures": "spacy-transformers.TransformerModel.v3",
                "name": str(encoder),
                "tokenizer_config": {"use_fast": True},
                "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 128, "stride": 96},
            },
        },
    )
    ner = nlp.add_pipe(
        "ner",
        config={
            "model": {
                "@architectures": "spacy.TransitionBasedParser.v2",
                "state_type": "ner",
                "extra_state_tokens": False,
                "hidden_width": 8,
                "maxout_pieces": 2,
                "use_upper": False,
                "tok2vec": {
                    "@architectures": "spacy-transformers.TransformerListener.v1",
                    "grad_factor": 1.0,
                    "pooling": {"@layers": "reduce_mean.v1"},
                },
            }
        },
    )
    ner.add_label("PER")
    ner.add_label("GPE")
    nlp.initialize()
    # Settings of a training, which refer to each other as in the project's configuration.
    schedule = {"@schedules": "warmup_linear.v1", "warmup_steps": 1, "initial_rate": 0.1}
    nlp.config["training"]["optimizer"]["learn_rate"] = schedule | {"total_steps": "${training.max_steps}"}
    nlp.config["initialize"]["before_init"] = {"@callbacks": "persian_ner.tokenizer.v1"}
    return nlp


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    transformer_pipeline(folder / "encoder").to_disk(folder / "model")
    return folder / "model"


@pytest.fixture
def nlp(tiny: Path) -> Language:
    return spacy.load(tiny)


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    path = tmp_path / "gold.jsonl"
    lines = [json.dumps({"id": str(number), "text": text}) for number, text in enumerate(TEXTS)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def entities(nlp: Language) -> list[list[tuple[int, int, str]]]:
    return [[(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents] for doc in nlp.pipe(TEXTS)]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class TestStopwatch:
    def test_inner_time_is_not_outer_time(self) -> None:
        clock = Clock()
        watch = Stopwatch(clock)
        with watch.measuring("outer"):
            clock.now += 1
            with watch.measuring("inner"):
                clock.now += 10
            clock.now += 2
        clock.now += 100  # measured by nobody
        with watch.measuring("inner"):
            clock.now += 1
        assert watch.seconds == {"outer": 3, "inner": 11}

    def test_of_streams_each_has_its_own_time(self) -> None:
        clock = Clock()
        watch = Stopwatch(clock)

        def takes(seconds: float, items):
            for item in items:
                clock.now += seconds
                yield item

        made = watch.stream("first", takes(1, range(3)))
        changed = watch.stream("second", takes(5, made))
        with watch.measuring("reader"):
            assert list(takes(0.5, changed)) == [0, 1, 2]
        assert watch.seconds == {"first": 3, "second": 15, "reader": 1.5}

    def test_an_error_stops_it(self) -> None:
        clock = Clock()
        watch = Stopwatch(clock)

        def fail() -> None:
            clock.now += 2
            raise ValueError

        with pytest.raises(ValueError), watch.measuring("outer"):
            watch.timed("inner", fail)()
        clock.now += 5
        with watch.measuring("later"):
            clock.now += 1
        assert watch.seconds == {"outer": 0, "inner": 2, "later": 1}


class TestMedian:
    def test_interval_is_of_order_statistics(self) -> None:
        # Nine values: the binomial distribution gives the 2nd and the 8th, 96.1 %; the 3rd and 7th would be 82 %.
        found = median_of([9, 1, 8, 2, 7, 3, 6, 4, 5])
        assert found.median == 5
        assert found.interval is not None
        assert (found.interval.low, found.interval.high) == (2, 8)

    def test_few_values_have_none(self) -> None:
        assert median_of([1, 2, 3]).interval is None
        assert median_of([4]).median == 4


class TestSystems:
    def test_are_named(self) -> None:
        assert parse_systems(["training/best", "cnn=other", "bert-base", "quick=fast"]) == [
            SystemSpec("training/best", "training/best", None),
            SystemSpec("cnn", "other", None),
            SystemSpec("bert-base", "training/best", "bert-base"),
            SystemSpec("quick", "training/best", "fast"),
        ]

    def test_all_problems_are_named(self) -> None:
        with pytest.raises(InputError) as caught:
            parse_systems(["fast", "=x", "a=b", "a=c"])
        assert [problem.file for problem in caught.value.problems] == ["=x", "a=c", "fast"]

    def test_texts_are_whole_and_stop_after_enough_words(self) -> None:
        records = [Record(id=str(number), text="یک دو سه") for number in range(4)]
        assert len(first_texts(records, 4)) == 2
        assert len(first_texts(records, 3)) == 1
        assert len(first_texts(records, 100)) == 4


class TestFast:
    def test_entities_of_what_fits_a_window_are_the_same(self, nlp: Language) -> None:
        before = entities(nlp)
        assert speed_up(nlp) is nlp
        assert nlp.batch_size >= BATCH_SIZE
        assert nlp.get_pipe("transformer").cfg["max_batch_items"] == MAX_BATCH_ITEMS
        after = entities(nlp)
        assert [after[number] for number in (0, 1, 3)] == [before[number] for number in (0, 1, 3)]

    @pytest.mark.parametrize(("supported", "arithmetic"), [(True, "bfloat16"), (False, "float32")])
    def test_arithmetic_is_known(
        self, nlp: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, supported: bool, arithmetic: str
    ) -> None:
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: supported)
        nlp.to_disk(tmp_path)
        assert arithmetic_of(load_fast(str(tmp_path))) == arithmetic
        assert arithmetic_of(load_fast(str(tmp_path), bfloat16=False)) == "float32"

    def test_a_pipeline_without_transformer_stays_as_it_is(self) -> None:
        nlp = spacy.blank("fa")
        batch_size = nlp.batch_size
        assert speed_up(nlp).batch_size == batch_size
        assert arithmetic_of(nlp) == "float32"


class TestPortions:
    @pytest.mark.parametrize(
        ("word_pieces", "sizes"),
        [(70, [7]), (69, [6, 1]), (30, [3, 3, 1]), (29, [2, 2, 2, 1]), (10, [1] * 7), (9, [1] * 7)],
    )
    def test_have_the_results_of_all_windows_at_once(self, word_pieces: int, sizes: list[int]) -> None:
        torch.manual_seed(0)
        encoder = BertModel(BertConfig(vocab_size=50, output_hidden_states=True, **SMALL)).eval()
        inputs = {"input_ids": torch.randint(50, (7, 10)), "attention_mask": torch.ones(7, 10, dtype=torch.long)}
        inputs["attention_mask"][3, 4:] = 0
        seen: list[int] = []

        def forward(**portion: torch.Tensor) -> Any:
            seen.append(len(portion["input_ids"]))
            return BertModel.forward(encoder, **portion)

        with torch.no_grad():
            at_once = encoder(**inputs)
            encoder.forward = in_portions(forward, word_pieces)
            found = encoder(**inputs)
        assert seen == sizes
        assert type(found) is type(at_once)
        assert found.keys() == at_once.keys() == {"last_hidden_state", "pooler_output", "hidden_states"}
        for name in ("last_hidden_state", "pooler_output"):
            torch.testing.assert_close(found[name], at_once[name])
        for layer, expected in zip(found.hidden_states, at_once.hidden_states, strict=True):
            torch.testing.assert_close(layer, expected)

    @pytest.mark.parametrize("supported", [True, False])
    def test_of_a_long_text_are_small(self, nlp: Language, monkeypatch: pytest.MonkeyPatch, supported: bool) -> None:
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: supported)
        component = nlp.get_pipe("transformer")
        encoder = component.model.transformer
        forward, seen = encoder.forward, []

        def counting(**portion: torch.Tensor) -> Any:
            seen.append(portion["input_ids"].numel())
            return forward(**portion)

        encoder.forward = counting
        text = "شیراز به . " * 6000
        doc = speed_up(nlp)(text)
        assert doc.text == text
        assert len(seen) > 1
        assert max(seen) <= WORD_PIECES < sum(seen)
        encoder.forward = forward
        (expected,) = component.predict([doc]).doc_data  # the same windows at once, in float32
        found = doc._.trf_data.model_output.last_hidden_state
        assert found.dtype == expected.model_output.last_hidden_state.dtype
        assert found == pytest.approx(expected.model_output.last_hidden_state, abs=0.1 if supported else 1e-5)


class TestSentenceWindows:
    NLP = spacy.blank("fa")
    NLP.tokenizer = create_tokenizer(NLP.vocab)

    @settings(max_examples=200)
    @given(lengths=st.lists(st.integers(0, 150), max_size=12), glue=st.sampled_from([". ", "؟\n", "\n", " ", "."]))
    def test_hold_every_token(self, lengths: list[int], glue: str) -> None:
        doc = self.NLP(glue.join("الف " * length for length in lengths))
        (windows,) = sentence_windows([doc], 64)
        assert sorted({token.i for window in windows for token in window}) == list(range(len(doc)))
        assert all(0 < len(window) <= 64 for window in windows)
        for before, after in pairwise(windows):
            assert len(before) > 32
            assert before.end - after.start in (0, OVERLAP)

    def test_are_whole_sentences_where_they_can(self) -> None:
        doc = self.NLP(" ".join([f"{'الف ' * 23}."] * 5))
        (windows,) = sentence_windows([doc], 64)  # sentences of 24 tokens: two fit
        assert [(window.start, window.end) for window in windows] == [(0, 48), (48, 96), (96, 120)]

    def test_are_cut_hard_without_sentences(self) -> None:
        (windows,) = sentence_windows([self.NLP("الف " * 110)], 64)
        assert [(window.start, window.end) for window in windows] == [(0, 64), (32, 96), (64, 110)]

    def test_a_point_in_a_number_ends_nothing(self) -> None:
        (windows,) = sentence_windows([self.NLP("الف " * 39 + "۳.۵ " + "الف " * 60)], 64)
        assert windows[0].end == 64

    def test_short_texts_are_whole(self) -> None:
        docs = [self.NLP(text) for text in ("", "الف. ب", "الف " * 64)]
        assert [[window.text for window in windows] for windows in sentence_windows(docs, 64)] == [
            [],
            ["الف. ب"],
            [docs[2].text.rstrip()],
        ]

    def test_windows_too_small_to_overlap_are_refused(self) -> None:
        with pytest.raises(ValueError, match="too small"):
            sentence_windows([], OVERLAP)

    def test_replace_those_of_the_pipeline(self, nlp: Language, tmp_path: Path) -> None:
        configured = nlp.config["components"]["transformer"]["model"]["get_spans"]
        getter = speed_up(nlp).get_pipe("transformer").model.attrs["get_spans"]
        (windows,) = getter([nlp.make_doc("شیراز. " * 100)])
        assert [len(window) for window in windows] == [128, 72]
        nlp.to_disk(tmp_path)  # as it was, and without this code
        assert spacy.load(tmp_path).config["components"]["transformer"]["model"]["get_spans"] == configured


class TestBertBase:
    def test_pipeline_has_its_size_and_the_same_tokens(self, nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(speed, "BERT_BASE", SMALL | {"hidden_size": 32, "num_hidden_layers": 2})
        other = with_bert_base(nlp)
        encoder = other.get_pipe("transformer").model.transformer
        assert (encoder.config.hidden_size, encoder.config.num_hidden_layers) == (32, 2)
        assert other.get_pipe("ner").labels == nlp.get_pipe("ner").labels
        text = "رئیس‌جمهور(روسیه) ۲۸فروردین"
        assert [token.text for token in other(text)] == [token.text for token in nlp(text)]
        assert nlp.get_pipe("transformer").model.transformer.config.hidden_size == 16

    def test_the_real_size(self) -> None:
        encoder = BertModel(BertConfig(vocab_size=30522, **speed.BERT_BASE))
        assert 109e6 < sum(weights.numel() for weights in encoder.parameters()) < 110e6

    def test_hugging_face_reads_long_texts_to_the_end(self, nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(speed, "BERT_BASE", SMALL)
        tagger = hugging_face_bert_base(nlp)
        assert tagger(TEXTS) == [[], [], [], []]
        with torch.no_grad():
            tagger.model.classifier.bias[tagger.model.config.label2id["B-GPE"]] = 1e5  # every word is one
        for words in (300, 1500):
            found = tagger("شیراز " * words)
            assert [(span["start"], span["end"]) for span in found] == [(6 * n, 6 * n + 5) for n in range(words)]


def test_profile_accounts_for_all_stages(nlp: Language) -> None:
    found = profile(nlp, TEXTS)
    names = {stage.name for stage in found.stages}
    assert names == {"tokenizer", "word-piece tokenizer", "encoder", "wrapper of the encoder", "ner", "other"}
    assert sum(stage.share for stage in found.stages) == pytest.approx(1)
    assert all(stage.seconds > 0 for stage in found.stages)
    # One batch of windows: the long text has 300 words in windows of 128, 128 and 108; the others 6, 2 and 5.
    assert found.padding == pytest.approx(1 - (128 + 128 + 108 + 6 + 2 + 5) / (6 * 128))


def test_script_measures_side_by_side(tiny: Path, gold: Path, tmp_path: Path) -> None:
    ruler = spacy.blank("fa")
    ruler.add_pipe("entity_ruler")
    ruler.to_disk(tmp_path / "ruler")
    arguments = ["--words", "5", "--rounds", "2", "--threads", "1", "--profile"]
    result = run_script("speed", tiny, "fast", f"ruler={tmp_path / 'ruler'}", gold, tmp_path / "out", *arguments)
    assert result.exit_code == 0, result.output
    report = speed.SpeedReport.model_validate_json((tmp_path / "out" / speed.SPEED_FILE).read_bytes())
    assert (report.texts, report.words, report.rounds, report.threads) == (1, 5, 2, 1)
    assert [system.name for system in report.systems] == [str(tiny), "fast", "ruler"]
    assert report.systems[0].parameters == report.systems[1].parameters
    assert report.systems[2].parameters is None
    assert report.systems[0].first_is_faster.median == 1
    begun, sped_up, _ = report.systems
    assert sped_up.fast_is_faster is not None and begun.fast_is_faster is not None
    assert sped_up.fast_is_faster.median == 1
    ratios = [first / fast for first, fast in zip(begun.seconds, sped_up.seconds, strict=True)]
    assert begun.fast_is_faster.median == pytest.approx(sum(ratios) / 2)
    for system in report.systems:
        first, second = (5 / seconds for seconds in system.seconds)
        assert system.words_per_second.median == pytest.approx((first + second) / 2)
        assert system.peak_memory_bytes > 50 * 2**20
    assert report.profile is not None
    table = (tmp_path / "out" / speed.TABLE_FILE).read_text(encoding="utf-8")
    assert "| ruler | – |" in table
    assert " fast is faster by | Interval |" in table
    assert "| encoder |" in table


def test_script_reports_all_bad_input(gold: Path, tmp_path: Path) -> None:
    ruler = spacy.blank("fa")
    ruler.to_disk(tmp_path / "ruler")
    result = run_script("speed", tmp_path / "ruler", "bert-base", "gone=none", gold, tmp_path / "out", "--rounds", "1")
    assert result.exit_code == 1
    assert "has no transformer and ner" in result.output
    assert "none: [-] cannot be loaded" in result.output
    gold.write_text("not json\n")
    assert run_script("speed", tmp_path / "ruler", gold, tmp_path / "out").exit_code == 1
    assert not (tmp_path / "out").exists()
