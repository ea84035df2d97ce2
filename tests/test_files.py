from __future__ import annotations

from pathlib import Path

import pytest
import srsly

from persian_ner.files import checksum, filling, replacing, write_json, write_text


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "a.txt"
    write_text(file, "متن\u2028\x85\n")
    assert file.read_bytes() == "متن\u2028\x85\n".encode()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write_text(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(file, "new \ud800")
    assert file.read_text("utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_is_replaced_when_the_block_ends_well_and_not_before(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.txt"
    for content in ("first", "second"):
        with replacing(file) as partial:
            partial.write_text(content)
            assert not file.exists() or file.read_text() == "first"
        assert file.read_text() == content
    with pytest.raises(RuntimeError), replacing(file) as partial:
        partial.write_text("third")
        raise RuntimeError
    assert [(entry.name, entry.read_text()) for entry in file.parent.iterdir()] == [("a.txt", "second")]


def test_a_folder_is_filled_when_the_block_ends_well_and_not_before(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    for content in ("first", "second"):
        with filling(folder) as partial:
            write_text(partial / "a.txt", content)
            write_text(partial / "sub" / f"{content}.txt", content)
            assert not folder.exists() or (folder / "a.txt").read_text() == "first"
        write_text(folder / "kept.txt", "by somebody else")
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(RuntimeError), filling(tmp_path / "link") as partial:
        write_text(partial / "a.txt", "third")
        raise RuntimeError
    files = {str(file.relative_to(tmp_path / "new")): file.read_text() for file in folder.rglob("*") if file.is_file()}
    assert files == {
        "folder/a.txt": "second",
        "folder/sub/second.txt": "second",
        "folder/kept.txt": "by somebody else",
    }
    assert [entry.name for entry in folder.parent.iterdir()] == ["folder"]


def test_json_is_read_back(tmp_path: Path) -> None:
    data = {"نام": "تهران", "counts": [1, 2.5, None], "nested": {"a": True}}
    write_json(tmp_path / "a.json", data)
    assert srsly.read_json(tmp_path / "a.json") == data
    assert "تهران" in (tmp_path / "a.json").read_text("utf-8")


def test_json_has_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"f1": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_the_checksum_of_a_file_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert checksum(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_checksum_of_a_folder_sees_names_contents_and_depth_only(tmp_path: Path) -> None:
    def build(name: str, files: dict[str, str]) -> str:
        for file, content in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
        return checksum(tmp_path / name)

    first = build("first", {"a.md": "۱", "sub/b.md": "۲"})
    assert build("second", {"sub/b.md": "۲", "a.md": "۱"}) == first
    others = [
        build("content", {"a.md": "۱", "sub/b.md": "۳"}),
        build("names", {"a.md": "۱", "sub/c.md": "۲"}),
        build("depth", {"a.md": "۱", "b.md": "۲"}),
        build("swapped", {"a.md": "۲", "sub/b.md": "۱"}),
        build("fewer", {"a.md": "۱"}),
    ]
    assert len({first, *others}) == 6
