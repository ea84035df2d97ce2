"""Reader of Label Studio's JSON and JSON-MIN exports of text with labelled regions.

JSON is a list of tasks, the text in ``data`` and the regions in
``annotations[].result[]``; JSON-MIN is a list of flat objects with the regions
under the name of the labelling tag. Regions are results of the type ``labels``;
results of other controls (choices, free text, relations …) are left out.

Label Studio runs in the browser. Its older versions counted offsets in UTF-16
code units, so that every emoji shifts all that follows by one; newer ones count
characters. A region carries its own surface, which tells the two apart: offsets
are read as characters where all surfaces of a task then match the text, else as
UTF-16 where they match that way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, TypeAdapter, ValidationError

from persian_ner.characters import utf16_boundaries
from persian_ner.readers.json_input import JsonObject, find_id, iter_json_array, others, validation_reasons
from persian_ner.records import Problem, Record, Span

HELP = "Label Studio's JSON or JSON-MIN export of text with labelled regions"


class _Region(BaseModel):
    model_config = ConfigDict(extra="ignore")

    start: StrictInt
    end: StrictInt
    text: StrictStr | None = None
    labels: Annotated[list[StrictStr], Field(min_length=1, max_length=1)]


class _Result(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: StrictStr
    value: dict[str, Any] = Field(default_factory=dict)


class _Annotation(BaseModel):
    model_config = ConfigDict(extra="ignore")

    result: list[_Result]
    was_cancelled: bool = False


_REGION_TYPE = "labels"
_REGIONS = TypeAdapter(list[_Region])
_ANNOTATIONS = TypeAdapter(list[_Annotation])


def read(
    path: Path,
    *,
    text_key: str = "text",
    label_key: str = "label",
    annotation: Literal["only", "first", "last"] = "only",
) -> Iterator[Record | Problem]:
    """Read an exported file.

    ``text_key`` is the key of the text (in ``data``, or in the flat object of
    JSON-MIN), ``label_key`` the key of the regions in JSON-MIN (the name of the
    labelling tag). Cancelled annotations are never used. A task without another
    one is a problem, and so is one with several, unless ``annotation`` says which
    to take. The record's id is the task's ``id``, or else ``<file stem>#<line>``;
    the other keys of ``data`` (of the object in JSON-MIN) go to ``meta``.
    """
    items = list(iter_json_array(path))
    flat = [item.content for item in items if isinstance(item, JsonObject) and "annotations" not in item.content]
    # An unlabelled task has no label key at all in JSON-MIN; a wrong label_key looks the same but for all tasks.
    if flat and not any(label_key in content for content in flat):
        yield Problem(str(path), 0, "", f"no task has the key 'annotations' or {label_key!r}")
        items = [item for item in items if isinstance(item, Problem) or "annotations" in item.content]
    for item in items:
        if isinstance(item, Problem):
            yield item
        else:
            yield from _record(path, item, text_key, label_key, annotation)


def _record(
    path: Path, item: JsonObject, text_key: str, label_key: str, annotation: Literal["only", "first", "last"]
) -> Iterator[Record | Problem]:
    line, content = item
    doc_id, bad_id = find_id(content, f"{path.stem}#{line}")
    reasons = [bad_id] if bad_id else []
    is_task = "annotations" in content
    nested = content.get("data") if is_task else content
    data: dict[str, Any] = nested if isinstance(nested, dict) else {}
    text = data.get(text_key)
    if not isinstance(text, str):
        reasons.append(f"{'data.' if is_task else ''}{text_key}: not text: {text!r}")
        text = None
    if is_task:
        values, defects = _chosen_values(content["annotations"], annotation)
        reasons += defects
    else:
        values = content.get(label_key, [])
    spans: list[Span] = []
    try:
        regions = _REGIONS.validate_python(values)
    except ValidationError as error:
        reasons += validation_reasons(error, under=("result" if is_task else label_key,))
    else:
        if text is not None:
            spans, defects = _spans(text, regions)
            reasons += defects
    if reasons or text is None:
        yield from (Problem(str(path), line, doc_id, reason) for reason in reasons)
        return
    meta = others(data, text_key) if is_task else others(content, "id", text_key, label_key)
    yield Record(id=doc_id, text=text, spans=spans, meta=meta, origin=(str(path), line))


def _chosen_values(annotations: Any, choice: Literal["only", "first", "last"]) -> tuple[list[Any], list[str]]:
    """The values of the labelled regions of the annotation to use, and what is wrong with the annotations."""
    try:
        parsed = _ANNOTATIONS.validate_python(annotations)
    except ValidationError as error:
        return [], validation_reasons(error, under=("annotations",))
    usable = [candidate for candidate in parsed if not candidate.was_cancelled]
    if not usable:
        return [], ["no annotation" + (f": {len(parsed)} cancelled" if parsed else "")]
    if len(usable) > 1 and choice == "only":
        return [], [f"{len(usable)} annotations: choose one"]
    results = usable[-1 if choice == "last" else 0].result
    # Regions of HTML, dialogues and PDF are located by other means than offsets in the text.
    foreign = sorted({result.type for result in results if result.type.endswith("labels")} - {_REGION_TYPE})
    reasons = [f"results of the type {kind!r} are not located by offsets in the text" for kind in foreign]
    return [result.value for result in results if result.type == _REGION_TYPE], reasons


def _spans(text: str, regions: Sequence[_Region]) -> tuple[list[Span], list[str]]:
    """The regions as spans of the text, and what is wrong with them."""
    as_characters = [_locate(text, region, range(len(text) + 1)) for region in regions]
    as_utf16 = [_locate(text, region, utf16_boundaries(text)) for region in regions]
    in_characters = [span for span in as_characters if span]
    in_utf16 = [span for span in as_utf16 if span]
    if len(in_characters) == len(regions):
        if len(in_utf16) == len(regions) and in_characters != in_utf16:
            unclear = [region for region in regions if region.text is None]
            return in_characters, [
                f"{_show(region)} has no surface to tell whether its offsets are characters or UTF-16 units"
                for region in unclear
            ]
        return in_characters, []
    if len(in_utf16) == len(regions):
        return in_utf16, []
    return [], [
        f"{_show(region)} lies outside the text (0–{len(text)}), is empty, or is not the surface {region.text!r}"
        for region, span in zip(regions, as_characters, strict=True)
        if span is None
    ]


def _locate(text: str, region: _Region, boundaries: Sequence[int | None]) -> Span | None:
    """The region as a span, if its offsets, looked up in ``boundaries``, enclose its surface."""
    if not 0 <= region.start < region.end < len(boundaries):
        return None
    start, end = boundaries[region.start], boundaries[region.end]
    if start is None or end is None or region.text not in (None, text[start:end]):
        return None
    return Span(start=start, end=end, label=region.labels[0], surface=region.text)


def _show(region: _Region) -> str:
    return f"region {region.start}–{region.end} {region.labels[0]}"
