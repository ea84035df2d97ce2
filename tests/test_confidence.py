"""The spaCy component ``fa_confidence``."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.pipeline._parser_internals.stateclass import StateClass
from spacy.tokens import Doc, DocBin, Span
from tiny_encoder import save_encoder
from tiny_ner import TEXTS, tiny_ner

from persian_ner import confidence, docbin
from persian_ner.confidence import Entity, FaConfidence, add_to, best, with_entities_of_ner
from persian_ner.evaluate import load_pipeline

EntityKey = tuple[int, int, str]


def confidences(doc: Doc) -> list[float | None]:
    return [ent._.confidence for ent in doc.ents]


@pytest.fixture(scope="module")
def nlp() -> Language:
    nlp = tiny_ner()
    nlp.add_pipe("fa_confidence")
    return nlp


def probabilities_by_enumeration(
    nlp: Language, words: list[str], starts: list[bool], t: float
) -> dict[EntityKey, float]:
    """Of each entity: all action sequences that spaCy's own transition system allows, one by one."""
    ner: Any = nlp.get_pipe("ner")
    doc = Doc(nlp.vocab, words=words, sent_starts=starts)
    model = ner.model.predict([doc])
    names = [ner.moves.get_class_name(index) for index in range(ner.moves.n_moves)]
    found: dict[EntityKey, float] = {}

    def follow(state: StateClass, probability: float, begin: int) -> None:
        if state.is_final():
            return
        scores = model.predict([state])[0].astype("d") / t
        valid = [index for index, name in enumerate(names) if ner.moves.is_valid(state, name)]
        shares = np.exp(scores[valid] - scores[valid].max())
        for index, share in zip(valid, shares / shares.sum(), strict=True):
            move, _, label = names[index].partition("-")
            first = state.B(0) if move in "BU" else begin
            if move in "LU":
                key = (first, state.B(0) + 1, label)
                found[key] = found.get(key, 0) + probability * share
            following = state.copy()
            ner.moves.apply_transition(following, names[index])
            follow(following, probability * share, first)

    follow(ner.moves.init_batch([doc])[0], 1.0, -1)
    return found


@pytest.mark.parametrize("temperature", [1.0, 1.7])
@pytest.mark.parametrize("use_upper", [True, False])
@pytest.mark.parametrize("extra_state_tokens", [True, False])
def test_confidence_is_the_probability_over_all_action_sequences(
    extra_state_tokens: bool, use_upper: bool, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confidence, "_UNLIKELY", 1e-9)
    checked = longer = 0
    for seed in range(6):
        nlp = tiny_ner(extra_state_tokens=extra_state_tokens, use_upper=use_upper, seed=seed)
        nlp.add_pipe("fa_confidence", config={"temperature": temperature})
        for starts in ([True, False, False, False, False], [True, False, True, False, False]):
            words = ["سارا", "احمدی", "به", "\n\n", "شیراز"]
            doc = nlp(Doc(nlp.vocab, words=words, sent_starts=starts))
            expected = probabilities_by_enumeration(nlp, words, starts, temperature)
            for ent in doc.ents:
                assert ent._.confidence == pytest.approx(expected[ent.start, ent.end, ent.label_], abs=1e-5)
                checked += 1
                longer += len(ent) > 2
    assert checked > 10
    assert longer


@pytest.mark.parametrize("use_upper", [True, False])
def test_all_spans_that_could_be_found_have_their_probability(use_upper: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confidence, "_UNLIKELY", 1e-9)
    words, starts = ["سارا", "احمدی", "به", "\n\n", "شیراز"], [True, False, True, False, False]
    found_in_all = 0
    for seed in range(4):
        nlp = tiny_ner(use_upper=use_upper, seed=seed)
        component = FaConfidence(nlp, 1.7)
        docs = [nlp(Doc(nlp.vocab, words=words, sent_starts=starts)) for _ in range(2)]
        docs.insert(1, nlp(""))
        expected = probabilities_by_enumeration(nlp, words, starts, 1.7)
        found = component.lattice(docs).spans(1.7, 0.02)
        assert found[1] == []
        for spans, offset in ((found[0], 0), (found[2], len(words))):
            by_key = {(ent.first - offset, ent.last + 1 - offset, ent.label): value for ent, value in spans}
            assert by_key == pytest.approx({key: value for key, value in expected.items() if value > 0.02}, abs=1e-5)
            found_in_all += len(by_key)
    assert found_in_all > 20


spans_with_probabilities = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 3), st.sampled_from(["PER", "ORG"]), st.integers(0, 100)), max_size=8
)


@given(spans_with_probabilities, st.sampled_from([0.0, 0.25, 0.4, 0.5]))
def test_the_best_choice_is_the_best_of_all(drawn: list[tuple[int, int, str, int]], threshold: float) -> None:
    spans = [(Entity(first, first + more, label), value / 100) for first, more, label, value in drawn]
    chosen = best(spans, threshold)
    assert all(item in spans and item[1] > threshold for item in chosen)
    assert all(before.last < after.first for (before, _), (after, _) in pairwise(chosen))
    most = max(
        sum(value - threshold for _, value in some)
        for size in range(len(spans) + 1)
        for some in combinations(spans, size)
        if all(one.last < other.first or other.last < one.first for (one, _), (other, _) in combinations(some, 2))
    )
    assert sum(value - threshold for _, value in chosen) == pytest.approx(most)


class TestChoice:
    """What ``chooses_entities`` does."""

    def test_entities_are_those_that_pay(self) -> None:
        changed = 0
        for seed in range(4):
            alone, nlp = tiny_ner(seed=seed), tiny_ner(seed=seed)
            nlp.add_pipe("fa_confidence", config={"chooses_entities": True, "threshold": 0.45, "temperature": 1.3})
            docs = list(nlp.pipe([*TEXTS, "", " \n"]))
            lattice = FaConfidence(alone, 1.3).lattice([alone(text) for text in [*TEXTS, "", " \n"]])
            for doc, offset, spans in zip(docs, lattice.offsets, lattice.spans(1.3, 0.45), strict=True):
                expected = [
                    (ent.first - offset, ent.last + 1 - offset, ent.label, pytest.approx(value, abs=1e-6))
                    for ent, value in best(spans, 0.45)
                ]
                assert [(ent.start, ent.end, ent.label_, ent._.confidence) for ent in doc.ents] == expected
                greedy = [(ent.start, ent.end, ent.label_) for ent in alone(doc.text).ents]
                changed += greedy != [(ent.start, ent.end, ent.label_) for ent in doc.ents]
        assert changed

    def test_a_threshold_of_nearly_one_leaves_nothing(self) -> None:
        nlp = tiny_ner()
        nlp.add_pipe("fa_confidence", config={"chooses_entities": True, "threshold": 0.999999})
        assert not any(doc.ents for doc in nlp.pipe(TEXTS))

    @pytest.mark.parametrize("threshold", [-0.1, 1.0, float("nan")])
    def test_a_threshold_is_a_probability(self, threshold: float) -> None:
        with pytest.raises(ValueError, match="threshold"):
            tiny_ner().add_pipe("fa_confidence", config={"chooses_entities": True, "threshold": threshold})

    @pytest.mark.parametrize("place", [{"before": "ner"}, {"after": "ner"}])
    def test_entities_from_elsewhere_stay(self, place: dict[str, str]) -> None:
        nlp = tiny_ner()
        ruler: Any = nlp.add_pipe("entity_ruler", config={"overwrite_ents": True}, **place)  # type: ignore[arg-type]
        ruler.add_patterns([{"label": "RIVER", "pattern": "باران"}])
        nlp.add_pipe("fa_confidence", config={"chooses_entities": True, "threshold": 0.05})
        for doc in nlp.pipe(TEXTS):
            rivers = [ent for ent in doc.ents if ent.label_ == "RIVER"]
            assert len(rivers) == doc.text.count("باران")
            assert [ent._.confidence for ent in rivers] == [None] * len(rivers)

    def test_no_entity_takes_a_blocked_token(self) -> None:
        nlp = tiny_ner()
        nlp.add_pipe("fa_confidence", config={"chooses_entities": True, "threshold": 0.01})
        (first, *_) = nlp(TEXTS[0]).ents
        doc = nlp.make_doc(TEXTS[0])
        doc.set_ents([], blocked=[doc[first.start : first.end]], default="missing")
        doc = nlp(doc)
        assert all(ent.end <= first.start or ent.start >= first.end for ent in doc.ents)
        assert all(token.ent_iob == 3 and not token.ent_type_ for token in doc[first.start : first.end])

    def test_an_entity_too_long_to_be_followed_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        nlp = tiny_ner()
        found = [[(ent.start, ent.end) for ent in doc.ents] for doc in nlp.pipe(TEXTS)]
        longest = max(end - start for ents in found for start, end in ents)
        assert longest > 1
        monkeypatch.setattr(confidence, "_LONGEST", longest - 1)
        nlp.add_pipe("fa_confidence", config={"chooses_entities": True, "threshold": 0.5})
        for ents, doc in zip(found, nlp.pipe(TEXTS), strict=True):
            long = {(start, end) for start, end in ents if end - start == longest}
            assert long <= {(ent.start, ent.end) for ent in doc.ents}

    def test_calibration_tells_the_threshold(self) -> None:
        nlp = tiny_ner()
        nlp.meta["fa_confidence"] = {"temperature": 1.5, "threshold": 0.3}
        component: Any = nlp.add_pipe("fa_confidence", config={"chooses_entities": True})
        assert (component.temperature, component.threshold) == (1.5, 0.3)
        nlp.remove_pipe("fa_confidence")
        assert nlp.add_pipe("fa_confidence").threshold is None  # type: ignore[attr-defined]
        assert tiny_ner().add_pipe("fa_confidence", config={"chooses_entities": True}).threshold == 0.4  # type: ignore[attr-defined]

    def test_comparisons_can_have_what_ner_finds_alone(self) -> None:
        alone, nlp = tiny_ner(), tiny_ner()
        assert with_entities_of_ner(nlp) is nlp
        nlp.add_pipe("fa_confidence", config={"chooses_entities": True, "threshold": 0.7})
        assert [list(map(str, doc.ents)) for doc in nlp.pipe(TEXTS)] != [
            list(map(str, doc.ents)) for doc in alone.pipe(TEXTS)
        ]
        assert [list(map(str, doc.ents)) for doc in with_entities_of_ner(nlp).pipe(TEXTS)] == [
            list(map(str, doc.ents)) for doc in alone.pipe(TEXTS)
        ]


def test_what_is_unlikely_matters_little(monkeypatch: pytest.MonkeyPatch) -> None:
    nlp = tiny_ner()
    nlp.add_pipe("fa_confidence", config={"temperature": 1.5})
    found = [value for doc in nlp.pipe(TEXTS) for value in confidences(doc)]
    monkeypatch.setattr(confidence, "_UNLIKELY", 1e-9)
    exact = [value for doc in nlp.pipe(TEXTS) for value in confidences(doc)]
    assert found == pytest.approx(exact, abs=0.01)


def test_a_stream_gives_what_single_documents_give(nlp: Language) -> None:
    texts = [TEXTS[0], "", *TEXTS[1:], "  \n", *TEXTS] * 3
    alone = [nlp(text) for text in texts]
    assert sum(map(len, map(confidences, alone))) > 20
    for batch_size in (1, 4, 100):
        stream = list(nlp.pipe(texts, batch_size=batch_size))
        assert [doc.text for doc in stream] == texts
        for one, other in zip(stream, alone, strict=True):
            assert confidences(one) == pytest.approx(confidences(other), abs=1e-6)
    again = list(nlp.pipe(texts, batch_size=100))
    assert [confidences(doc) for doc in again] == [confidences(doc) for doc in stream]


def test_confidences_are_plain_numbers_between_0_and_1(nlp: Language) -> None:
    found = [value for doc in nlp.pipe(TEXTS) for value in confidences(doc)]
    assert all(type(value) is float and 0 < value <= 1 for value in found)
    doc = nlp(TEXTS[0])
    assert doc[0 : len(doc)]._.confidence is None


def test_two_processes(nlp: Language) -> None:
    expected = [confidences(doc) for doc in nlp.pipe(TEXTS * 4, batch_size=3)]
    assert [confidences(doc) for doc in nlp.pipe(TEXTS * 4, batch_size=3, n_process=2)] == expected


def test_confidences_survive_serialisation(nlp: Language) -> None:
    doc = nlp(TEXTS[1])
    assert confidences(doc)
    assert confidences(Doc(nlp.vocab).from_bytes(doc.to_bytes())) == confidences(doc)
    (again,) = DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab)
    assert confidences(again) == confidences(doc)


def test_a_higher_temperature_makes_less_sure() -> None:
    means = []
    for temperature in (0.5, 1.0, 4.0):
        nlp = tiny_ner()
        nlp.add_pipe("fa_confidence", config={"temperature": temperature})
        means.append(np.mean([value for doc in nlp.pipe(TEXTS) for value in confidences(doc)]))
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), float("inf")])
def test_a_temperature_must_be_positive(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature"):
        tiny_ner().add_pipe("fa_confidence", config={"temperature": temperature})


class TestEntitiesFromElsewhere:
    def test_no_ner(self) -> None:
        nlp = docbin.blank()
        nlp.add_pipe("entity_ruler").add_patterns([{"label": "GPE", "pattern": "شیراز"}])  # type: ignore[attr-defined]
        nlp.add_pipe("fa_confidence")
        assert confidences(nlp(TEXTS[0])) == [None]

    @pytest.mark.parametrize("place", [{"before": "ner"}, {"after": "ner"}])
    def test_a_ruler_beside_ner(self, place: dict[str, str]) -> None:
        nlp = tiny_ner()
        text = TEXTS[1]
        own = {(ent.start, ent.end) for ent in nlp(text).ents}
        covered = {index for start, end in own for index in range(start, end)}
        free = next(token for token in nlp(text) if token.i not in covered and token.is_alpha)
        ruler: Any = nlp.add_pipe("entity_ruler", config={"overwrite_ents": True}, **place)  # type: ignore[arg-type]
        ruler.add_patterns([{"label": "GPE", "pattern": free.text}, {"label": "RIVER", "pattern": "باران"}])
        nlp.add_pipe("fa_confidence")
        doc = nlp(text)
        by_text = {ent.text: ent._.confidence for ent in doc.ents}
        assert by_text[free.text] is None
        assert by_text["باران"] is None
        assert any(value is not None for value in by_text.values())

    def test_an_earlier_confidence_does_not_stay(self, nlp: Language) -> None:
        doc = nlp(TEXTS[1])
        assert confidences(doc)
        doc.set_ents([Span(doc, ent.start, ent.end, label="GPE" if ent.label_ == "PER" else "PER") for ent in doc.ents])
        FaConfidence(nlp, 1.0)(doc)
        assert confidences(doc) == [None] * len(doc.ents)


def test_the_encoder_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_encoder(tmp_path / "encoder")
    nlp = docbin.blank()
    spans = {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 32, "stride": 24}
    encoder = {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": str(tmp_path / "encoder"),
        "get_spans": spans,
    }
    nlp.add_pipe("transformer", config={"model": encoder})
    listener = {"@architectures": "spacy-transformers.TransformerListener.v1", "pooling": {"@layers": "reduce_mean.v1"}}
    ner: Any = nlp.add_pipe("ner", config={"model": {"use_upper": False, "tok2vec": listener}})
    ner.add_label("PER")
    nlp.initialize()
    ner.model.attrs["unseen_classes"].clear()
    body = nlp.get_pipe("transformer").model.transformer  # type: ignore[attr-defined]
    calls: list[int] = []
    forward = body.forward
    monkeypatch.setattr(body, "forward", lambda *args, **kwargs: calls.append(1) or forward(*args, **kwargs))
    plain = [[(ent.start, ent.end) for ent in doc.ents] for doc in nlp.pipe(TEXTS)]
    needed, calls[:] = len(calls), []
    nlp.add_pipe("fa_confidence")
    docs = list(nlp.pipe(TEXTS))
    assert [[(ent.start, ent.end) for ent in doc.ents] for doc in docs] == plain
    assert len(calls) == needed
    found = [value for doc in docs for value in confidences(doc)]
    assert found
    assert None not in found


class TestSavedPipelines:
    @pytest.fixture(scope="class")
    def model(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        nlp = tiny_ner()
        nlp.add_pipe("fa_confidence", config={"temperature": 1.5})
        path = tmp_path_factory.mktemp("models") / "tiny"
        nlp.to_disk(path)
        return path

    def test_loads_without_importing_this_project(self, model: Path) -> None:
        script = (
            "import json, spacy, sys\n"
            "doc = spacy.load(sys.argv[1])(sys.argv[2])\n"
            "print(json.dumps([ent._.confidence for ent in doc.ents]))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, model, TEXTS[0]], capture_output=True, text=True, check=False, cwd=model
        )
        assert done.returncode == 0, done.stderr
        expected = confidences(spacy.load(model)(TEXTS[0]))
        assert expected
        assert json.loads(done.stdout) == pytest.approx(expected)

    def test_commands_put_it_behind_ner_once(self, model: Path) -> None:
        nlp = tiny_ner()
        nlp.add_pipe("sentencizer")
        assert add_to(add_to(nlp)).pipe_names == ["ner", "fa_confidence", "sentencizer"]
        assert add_to(spacy.blank("fa")).pipe_names == []
        assert load_pipeline(str(model)).get_pipe("fa_confidence").temperature == 1.5


def test_spacy_knows_what_it_assigns(nlp: Language) -> None:
    meta = nlp.get_pipe_meta("fa_confidence")
    assert (meta.assigns, meta.requires) == (["span._.confidence"], ["doc.ents"])


def test_an_entity_that_goes_on_and_on_costs_no_more_than_its_length() -> None:
    nlp = tiny_ner()
    ner: Any = nlp.get_pipe("ner")
    layer = ner.model.get_ref("upper")
    bias = layer.get_param("b")
    names = [ner.moves.get_class_name(index) for index in range(len(bias))]
    bias[[name.startswith("I-") for name in names]] += 20  # whatever begins goes on, from every token
    bias[[name.startswith("B-") for name in names]] += 20
    doc = nlp(Doc(nlp.vocab, words=["سارا"] * 10_000, sent_starts=[True] + [False] * 9_999))
    (long,) = doc.ents
    assert len(long) == 10_000
    component = FaConfidence(nlp, 1.0)
    begin = time.process_time()
    lattice = component.lattice([doc])
    component(doc)
    assert time.process_time() - begin < 60
    assert len(lattice.steps) == confidence._LONGEST - 1
    assert sum(len(step.firsts) for step in lattice.steps) <= 10_000 * confidence._LONGEST
    assert confidences(doc) == [None]


def test_the_longest_entity_that_has_a_confidence(monkeypatch: pytest.MonkeyPatch, nlp: Language) -> None:
    docs = list(nlp.pipe(TEXTS))
    longest = max(len(ent) for doc in docs for ent in doc.ents)
    assert longest > 1
    monkeypatch.setattr(confidence, "_LONGEST", longest - 1)
    for doc, capped in zip(docs, nlp.pipe(TEXTS), strict=True):
        assert [ent._.confidence is None for ent in capped.ents] == [len(ent) == longest for ent in doc.ents]
