"""The spaCy component ``fa_confidence``: how sure the pipeline's ``ner`` is of each entity, and which ones to take.

``Span._.confidence`` is a probability, or None where the component has not been,
the entity is not one that ``ner`` chooses (it comes from an entity ruler, say) or it is very long. Stored
as plain data, it survives ``Doc.to_bytes``, ``DocBin(store_user_data=True)`` and
``nlp.pipe(n_process=2)``.

spaCy's ``ner`` reads a text token by token and takes the best of the actions O, B, I,
L and U there. What it sees when it decides is the token, the tokens of the entity that
is open if there is one, and nothing else of its own past. The softmax of its scores over
the actions that are possible therefore makes it a model of all segmentations of a text,
and the probability of a span with its label is cheap to compute::

    P(no entity is open before it) · P(B) · P(I) · … · P(L)    or    … · P(U)

where the first factor sums over all ways to get there but the most unlikely ones (the
forward pass of a semi-Markov model, Sarawagi and Cohen 2004). Without it doubts about the
left border would not count.
Every score is divided by the ``temperature``, which makes the probabilities agree with how
often entities are right (Guo et al. 2017); scripts/calibrate.py finds it and leaves it in
meta.json. The encoder is not run again: ``ner`` takes its output from the document, so the component belongs behind
``ner`` and before anything that clears documents.

``ner`` takes the likeliest action at each token, and so many an entity that is more likely wrong than right, since
the doubt is spread over other borders and labels. With ``chooses_entities`` the component decides anew: of all spans
that ``ner`` could have found it takes those, without overlap, whose probabilities exceed a ``threshold`` by the
largest sum. The threshold with the best F1 is half of that F1 (Lipton, Elkan and Narayanaswamy 2014);
scripts/calibrate.py finds it, too. Entities from elsewhere stay as they are.

All pipelines that this project trains hold the component, and their packages bring this file. To others
``nlp.add_pipe("fa_confidence")`` adds it, and so do all commands that predict; there it changes no entity.

No entity is followed further than 100 tokens, so that time and memory grow with the length of the text and not with its
square. A longer one has no confidence, and the probability of getting to the tokens behind it is an approximation:
what is open after 100 tokens is taken for ended there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ENT_IOB, ENT_TYPE, IS_SPACE, SENT_START
from spacy.language import Language
from spacy.pipeline import EntityRecognizer
from spacy.tokens import Doc, Span
from spacy.util import minibatch

NAME = "fa_confidence"
NER = "ner"

_UNLIKELY = 1e-5  # at temperature 1; entities that begin with less are not followed, and others no further than that
_LONGEST = 100  # tokens of an entity that is followed
_TOLERANCE = 1e-3  # ``ner`` saw the document in another batch: its scores differed in the last digits

_THRESHOLD = 0.4  # where none was calibrated: right for an F1 of 80 %
_BLOCKED = 3  # ENT_IOB of a token without a type that no entity may hold

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


class Entity(NamedTuple):
    """First and last token, counted through the batch."""

    first: int
    last: int
    label: str


class _Step(NamedTuple):
    """Entities that could be open: their first tokens, ascending, and by label the log odds of L against I.

    The n-th step of a lattice is about the n-th token after the first. The odds are infinite where an entity must end.
    """

    firsts: _Ints
    odds: _Floats

    def row(self, first: int) -> int:
        """The row of the entities that begin with this token, which there must be."""
        return int(self.firsts.searchsorted(first))


class Lattice(NamedTuple):
    """What ``ner`` could have done in a batch of documents: its scores, before any temperature.

    ``entities`` are those of each document, in order; None stands for one that is not the choice of ``ner``.
    ``offsets`` are the first tokens of the documents. ``outside`` has a row for each token, for the case that no
    entity is open: the scores of O, of B for each of ``labels`` and of U for each; minus infinity where an action is
    impossible.
    """

    entities: list[list[Entity | None]]
    labels: list[str]
    offsets: list[int]
    outside: _Floats
    steps: list[_Step]

    def confidences(self, temperature: float) -> list[list[float | None]]:
        """The probability of each entity of each document."""
        free, units, longer = self._probabilities(temperature)

        def confidence(entity: Entity) -> float:
            label = self.labels.index(entity.label)
            if entity.first == entity.last:
                given_free = units[entity.first, label]
            else:
                number = entity.last - entity.first - 1
                given_free = longer[number][self.steps[number].row(entity.first), label]
            return min(1.0, float(free[entity.first] * given_free))  # rounding can exceed 1

        return [[confidence(entity) if entity else None for entity in entities] for entities in self.entities]

    def spans(self, temperature: float, threshold: float) -> list[list[tuple[Entity, float]]]:
        """Of each document every span whose probability exceeds the threshold, with it. Spans can overlap."""
        free, units, longer = self._probabilities(temperature)
        found: list[list[tuple[Entity, float]]] = [[] for _ in self.entities]

        def add(firsts: _Ints, length: int, given_free: _Floats) -> None:
            probabilities = np.minimum(free[firsts, None] * given_free, 1.0)  # rounding can exceed 1
            rows, labels = np.nonzero(probabilities > threshold)
            documents = np.searchsorted(self.offsets, firsts[rows], side="right") - 1
            for row, label, document in zip(rows.tolist(), labels.tolist(), documents.tolist(), strict=True):
                first = int(firsts[row])
                entity = Entity(first, first + length - 1, self.labels[label])
                found[document].append((entity, float(probabilities[row, label])))

        add(np.arange(len(units)), 1, units)
        for number, (step, given_free) in enumerate(zip(self.steps, longer, strict=True)):
            add(step.firsts, number + 2, given_free)
        return found

    def _probabilities(self, temperature: float) -> tuple[_Floats, _Floats, list[_Floats]]:
        """No entity is open before each token; given that, each entity of one token is there; and each of each step."""
        actions = _softmax(self.outside / temperature)
        begins, units = actions[:, 1 : 1 + len(self.labels)], actions[:, 1 + len(self.labels) :]
        longer = self._longer(begins, temperature)
        return np.asarray(self._free(longer)), units, longer

    def _longer(self, begins: _Floats, temperature: float) -> list[_Floats]:
        """For each step the probabilities that an entity ends there, given that none was open before it.

        What is still open behind the last step of a first token is taken for ended there.
        """
        found: list[_Floats] = []
        still_open = begins[self.steps[0].firsts] if self.steps else begins
        next_firsts = [*(step.firsts for step in self.steps[1:]), np.zeros(0, dtype=np.int64)]
        for step, followed in zip(self.steps, next_firsts, strict=False):
            goes_on = np.isin(step.firsts, followed)
            ending = still_open * np.where(goes_on[:, None], _sigmoid(step.odds / temperature), 1.0)
            still_open = (still_open - ending)[goes_on]
            found.append(ending)
        return found

    def _free(self, longer: list[_Floats]) -> list[float]:
        """For each token, and the one after the last, the probability that no entity is open before it."""
        size = len(self.outside)
        jumps: list[list[tuple[int, float]]] = [[] for _ in range(size)]
        for number, (step, probabilities) in enumerate(zip(self.steps, longer, strict=True)):
            for first, probability in zip(step.firsts.tolist(), probabilities.sum(axis=1).tolist(), strict=True):
                jumps[first].append((first + number + 2, probability))
        free = [0.0] * (size + 1)
        first_tokens = set(self.offsets)
        for token in range(size):
            if token in first_tokens:
                free[token] = 1.0
            free[token + 1] += free[token] * (1 - sum(probability for _, probability in jumps[token]))
            for end, probability in jumps[token]:
                free[end] += free[token] * probability
        return free


def best(spans: Iterable[tuple[Entity, float]], threshold: float) -> list[tuple[Entity, float]]:
    """Of spans with their probabilities those, without overlap, that exceed the threshold by the largest sum.

    Ordered by token. It is the schedule of largest weight of intervals.
    """
    worth = sorted((item for item in spans if item[1] > threshold), key=lambda item: item[0].last)
    lasts: list[int] = []
    sums = [0.0]  # the largest of the first n spans
    for entity, probability in worth:
        before = bisect_left(lasts, entity.first)
        sums.append(max(sums[-1], sums[before] + probability - threshold))
        lasts.append(entity.last)
    chosen: list[tuple[Entity, float]] = []
    number = len(worth)
    while number:
        if sums[number] > sums[number - 1]:
            chosen.append(worth[number - 1])
            number = bisect_left(lasts, worth[number - 1][0].first)
        else:
            number -= 1
    return chosen[::-1]


class FaConfidence:
    """Sets the confidence of every entity, a batch of documents at a time; with a threshold it chooses them, too."""

    def __init__(self, nlp: Language, temperature: float, threshold: float | None = None):
        """Take the pipeline whose ``ner`` is asked. Without a threshold its entities stay.

        Raises ``ValueError`` for a temperature that is not positive, or a threshold that is no probability.
        """
        if not 0 < temperature < float("inf"):
            raise ValueError(f"the temperature of {NAME} must be a positive number, not {temperature}")
        if threshold is not None and not 0 <= threshold < 1:
            raise ValueError(f"the threshold of {NAME} must be a probability below 1, not {threshold}")
        self._nlp = nlp
        self.temperature = temperature
        self.threshold = threshold

    def __call__(self, doc: Doc) -> Doc:
        """Set ``ent._.confidence`` of every entity."""
        self._annotate([doc])
        return doc

    def pipe(self, docs: Iterable[Doc], *, batch_size: int) -> Iterator[Doc]:
        """Set ``ent._.confidence`` of every entity of each document, in order."""
        for batch in minibatch(docs, batch_size):
            self._annotate(batch)
            yield from batch

    def _annotate(self, docs: Sequence[Doc]) -> None:
        if self.threshold is None:
            docs = [doc for doc in docs if doc.ents]
        lattice = self.lattice(docs)
        if self.threshold is not None and lattice.labels:
            self._choose(docs, lattice, self.threshold)
            return
        for doc, confidences in zip(docs, lattice.confidences(self.temperature), strict=True):
            for ent, confidence in zip(doc.ents, confidences, strict=True):
                ent._.confidence = confidence

    def _choose(self, docs: Sequence[Doc], lattice: Lattice, threshold: float) -> None:
        spans = lattice.spans(self.temperature, threshold)
        for doc, offset, entities, candidates in zip(docs, lattice.offsets, lattice.entities, spans, strict=True):
            others = [ent for ent, own in zip(doc.ents, entities, strict=True) if own is None]
            blocked = _blocked(doc)
            taken = {token for ent in others for token in range(ent.start, ent.end)}.union(blocked)
            free = [
                (entity, probability)
                for entity, probability in candidates
                if not taken.intersection(range(entity.first - offset, entity.last - offset + 1))
            ]
            chosen = {
                Span(doc, entity.first - offset, entity.last - offset + 1, label=entity.label): probability
                for entity, probability in best(free, threshold)
            }
            doc.set_ents([*others, *chosen], blocked=[doc[token : token + 1] for token in blocked], default="outside")
            for ent in doc.ents:
                ent._.confidence = chosen.get(ent)

    def lattice(self, docs: Sequence[Doc]) -> Lattice:
        """The lattice of documents that the pipeline has annotated."""
        ner = self._nlp.get_pipe(NER) if self._nlp.has_pipe(NER) else None
        if not isinstance(ner, EntityRecognizer) or not any(map(len, docs)):
            return Lattice([[None] * len(doc.ents) for doc in docs], [], [], np.zeros((0, 1)), [])
        moves = {ner.moves.get_class_name(index): index for index in range(ner.moves.n_moves)}
        labels = [name.removeprefix("B-") for name in moves if name.startswith("B-")]
        begin, inside, last, unit = ([moves[f"{move}-{label}"] for label in labels] for move in "BILU")
        model: Any = ner.model.predict(docs)
        must_end, is_space = _borders(docs)

        def log_odds(firsts: _Ints, tokens: _Ints) -> _Floats:
            scores = _scores(model, tokens, firsts)
            odds: _Floats = scores[:, last] - scores[:, inside]
            odds[must_end[tokens]] = np.inf
            return odds

        outside = _scores(model, np.arange(len(must_end)))
        outside[:, list(ner.model.attrs["unseen_classes"])] = -np.inf
        outside = outside[:, [moves["O"], *begin, *unit]]
        outside[must_end, 1 : 1 + len(labels)] = -np.inf
        outside[is_space, 1:] = -np.inf
        offsets = np.cumsum([0, *map(len, docs)]).tolist()
        entities = [
            [Entity(offset + ent.start, offset + ent.end - 1, ent.label_) for ent in doc.ents]
            for doc, offset in zip(docs, offsets[:-1], strict=True)
        ]
        begins = _softmax(outside)[:, 1 : 1 + len(labels)]
        steps = _steps(begins, {ent.first: ent.last for found in entities for ent in found}, log_odds)
        model.clear_memory()
        chosen = [[ent if _is_choice(ent, labels, outside, steps) else None for ent in found] for found in entities]
        return Lattice(chosen, labels, offsets[:-1], outside, steps)


def create_fa_confidence(
    nlp: Language, name: str, temperature: float | None, threshold: float | None, chooses_entities: bool
) -> FaConfidence:
    """Factory of the component; registered through an entry point, so that ``nlp.add_pipe`` finds it.

    Without a temperature or threshold it is the one that calibration left in the pipeline's meta, or 1 and 0.4.
    """
    calibrated = nlp.meta.get(NAME, {})
    if temperature is None:
        temperature = calibrated.get("temperature", 1.0)
    if threshold is None:
        threshold = calibrated.get("threshold", _THRESHOLD)
    return FaConfidence(nlp, temperature, threshold if chooses_entities else None)


def add_to(nlp: Language) -> Language:
    """Put the component behind a pipeline's ``ner``, if there is one and the component is not there; in place."""
    if NAME not in nlp.pipe_names and NER in nlp.pipe_names:
        nlp.add_pipe(NAME, after=NER)
    return nlp


def with_entities_of_ner(nlp: Language) -> Language:
    """Have a pipeline keep the entities that its ``ner`` finds alone, in place: for comparisons."""
    if NAME in nlp.pipe_names:
        nlp.get_pipe(NAME).threshold = None  # type: ignore[attr-defined]
    return nlp


def _scores(model: Any, tokens: _Ints, firsts: _Ints | None = None) -> _Floats:
    """The scores of all actions at these tokens, where entities have been open since ``firsts`` or none is open.

    What ``ner`` sees are the 3 or 6 tokens that ``StateC.set_context_tokens`` of spaCy names, -1 for none.
    """
    seen = np.full((len(tokens), model.state2vec.nF), -1, dtype=np.int32)
    seen[:, 0] = tokens
    if firsts is not None and seen.shape[1] == 3:
        seen[:, 1], seen[:, 2] = firsts, tokens - 1
    elif firsts is not None:
        so_far = firsts[:, None] + np.arange(seen.shape[1] - 1)
        seen[:, 1:] = np.where(so_far < tokens[:, None], so_far, -1)
    vectors = model.state2vec.predict(seen)
    scores: _Floats = (vectors if model.vec2scores is None else model.vec2scores.predict(vectors)).astype(np.float64)
    return scores


def _borders(docs: Sequence[Doc]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each token whether an entity must end with it, since the sentence or the text does; whether it is space."""
    attributes = np.concatenate([doc.to_array([SENT_START, IS_SPACE]).reshape(len(doc), 2) for doc in docs])
    lasts = np.cumsum([len(doc) for doc in docs if len(doc)]) - 1
    must_end = np.roll(attributes[:, 0] == 1, -1)
    must_end[lasts] = True
    return must_end, attributes[:, 1] == 1


def _blocked(doc: Doc) -> list[int]:
    """The tokens that no entity may hold."""
    attributes = doc.to_array([ENT_IOB, ENT_TYPE]).reshape(len(doc), 2)
    return [int(token) for token in np.flatnonzero((attributes[:, 0] == _BLOCKED) & (attributes[:, 1] == 0))]


def _steps(begins: _Floats, lasts: Mapping[int, int], log_odds: Callable[[_Ints, _Ints], _Floats]) -> list[_Step]:
    """The steps of the entities that are not too unlikely, and of the longer ones of those in ``lasts``.

    Nothing is followed beyond the longest entity (:data:`_LONGEST`), which bounds both.

    ``begins`` are the probabilities of B by label, ``lasts`` are last tokens by the first.
    """
    longer = {first for first, last in lasts.items() if first < last}
    firsts = np.asarray(sorted(longer.union(np.flatnonzero(begins.sum(axis=1) > _UNLIKELY).tolist())), dtype=np.int64)
    wanted = np.asarray([lasts.get(first, first) for first in firsts.tolist()], dtype=np.int64)
    still_open, tokens = begins[firsts], firsts + 1
    steps: list[_Step] = []
    while len(firsts) and len(steps) < _LONGEST - 1:
        steps.append(_Step(firsts, log_odds(firsts, tokens)))
        still_open = still_open * _sigmoid(-steps[-1].odds)
        goes_on = (still_open.sum(axis=1) > _UNLIKELY) | (tokens < wanted)
        firsts, wanted, still_open, tokens = firsts[goes_on], wanted[goes_on], still_open[goes_on], tokens[goes_on] + 1
    return steps


def _is_choice(entity: Entity, labels: Sequence[str], outside: _Floats, steps: Sequence[_Step]) -> bool:
    """Whether ``ner`` finds just this entity when none is open before it, and it is not too long to be followed."""
    if entity.label not in labels or entity.last - entity.first >= _LONGEST:
        return False
    label = labels.index(entity.label)
    is_unit = entity.first == entity.last
    first = outside[entity.first]
    if first[1 + label + is_unit * len(labels)] < first.max() - _TOLERANCE:
        return False
    odds = [step.odds[step.row(entity.first), label] for step in steps[: entity.last - entity.first]]
    return is_unit or (all(value <= _TOLERANCE for value in odds[:-1]) and bool(odds[-1] >= -_TOLERANCE))


def _softmax(scores: _Floats) -> _Floats:
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _sigmoid(log_odds: _Floats) -> _Floats:
    return np.exp(-np.logaddexp(0, -log_odds))


# A package of a pipeline brings a copy of this file, which steps back where the project itself can be imported: two
# factories cannot have one name.
if not __name__.startswith("persian_ner.") and find_spec("persian_ner"):
    import_module("persian_ner.confidence")
else:
    Language.factory(
        NAME,
        default_config={"temperature": None, "threshold": None, "chooses_entities": False},
        assigns=["span._.confidence"],
        requires=["doc.ents"],
        func=create_fa_confidence,
    )
Span.set_extension("confidence", default=None, force=True)
