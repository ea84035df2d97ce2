"""Putting the public corpora in place: ``persian_ner.public_corpora`` and ``scripts/corpora.py``."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from script_runs import run_script
from tiny_corpus import contents, put

from persian_ner.public_corpora import CorpusFile, Placed, place, read_config
from persian_ner.records import InputError, Problem

MEMBERS = {
    "Fixed/600K/a.txt": "الف",
    "Fixed/600K/b.txt": "ب",
    "Fixed/600K/more/c.txt": "پ",
    "Fixed/300K/a.txt": "ت",
    "Fixed/README": "ث",
    "600K.txt": "ج",
}
UNZIP = {"big/600K": "600K/*", "big/300K": "300K/*"}


def make_zip(path: Path, members: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as handle:
        handle.writestr("Fixed/600K/", "")
        for name, text in members.items():
            handle.writestr(name, text)
    return path


def item(path: Path, download: str, **unzip: str) -> CorpusFile:
    """What the configuration says about a file that is now at ``path``."""
    return CorpusFile(download=download, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), unzip=unzip)


@pytest.fixture
def downloads(tmp_path: Path) -> list[CorpusFile]:
    """An archive and a plain file, both downloaded."""
    folder = tmp_path / "downloads"
    return [
        item(make_zip(folder / "big.zip", MEMBERS), "big.zip", **UNZIP),
        item(put(folder / "small" / "train.txt", "کوچک"), "small/train.txt"),
    ]


PLACED = {
    "big/600K/a.txt": "الف".encode(),
    "big/600K/b.txt": "ب".encode(),
    "big/300K/a.txt": "ت".encode(),
    "small/train.txt": "کوچک".encode(),
}


def problems_of(*arguments: Any) -> list[Problem]:
    with pytest.raises(InputError) as raised:
        place(*arguments)
    return raised.value.problems


def test_archives_are_unpacked_by_the_last_components_of_their_members(
    tmp_path: Path, downloads: list[CorpusFile]
) -> None:
    folder, corpora = tmp_path / "downloads", tmp_path / "corpora"
    assert place(downloads, folder, corpora, None) == [
        Placed("big/600K", folder / "big.zip"),
        Placed("big/300K", folder / "big.zip"),
        Placed("small/train.txt", folder / "small/train.txt"),
    ]
    assert contents(corpora) == PLACED


def test_a_member_without_folders(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"deep/down/train.txt": "x", "deep/test.txt": "y"})
    place([item(archive, "a.zip", arman="train.txt")], tmp_path, tmp_path / "corpora", None)
    assert contents(tmp_path / "corpora") == {"arman/train.txt": b"x"}


def test_a_member_cannot_leave_its_folder(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"../../600K/../600K/evil.txt": "x"})
    place([item(archive, "a.zip", big="600K/*")], tmp_path, tmp_path / "corpora", None)
    assert contents(tmp_path / "corpora") == {"big/evil.txt": b"x"}


def test_a_second_run_replaces_what_the_first_placed(tmp_path: Path, downloads: list[CorpusFile]) -> None:
    folder, corpora = tmp_path / "downloads", tmp_path / "corpora"
    place(downloads, folder, corpora, None)
    put(corpora / "big" / "600K" / "stale.txt", "کهنه")
    put(corpora / "big" / "600K.partial" / "left-over.txt", "نیمه")  # an earlier run was stopped
    put(corpora / "small" / "train.txt", "کهنه")
    put(corpora / "mine.txt", "من")
    place(downloads, folder, corpora, None)
    assert contents(corpora) == PLACED | {"mine.txt": "من".encode()}
    # A file takes the place of a folder, and the other way round.
    shutil.rmtree(corpora / "big" / "300K")
    put(corpora / "big" / "300K", "x")
    (corpora / "small" / "train.txt").unlink()
    put(corpora / "small" / "train.txt" / "x", "x")
    place(downloads, folder, corpora, None)
    assert contents(corpora) == PLACED | {"mine.txt": "من".encode()}


def test_a_run_that_fails_halfway_leaves_each_corpus_whole(
    tmp_path: Path, downloads: list[CorpusFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, corpora = tmp_path / "downloads", tmp_path / "corpora"
    put(corpora / "big" / "300K" / "old.txt", "کهنه")

    def fail(handle: zipfile.ZipFile, name: str) -> bytes:
        if name == "Fixed/300K/a.txt":
            raise OSError("disk full")
        return handle.open(name).read()

    monkeypatch.setattr(zipfile.ZipFile, "read", fail)
    with pytest.raises(OSError, match="disk full"):
        place(downloads, folder, corpora, None)
    assert set(contents(corpora)) == {"big/600K/a.txt", "big/600K/b.txt", "big/300K/old.txt"}


def test_everything_wrong_with_the_downloads_is_listed_and_nothing_replaced(
    tmp_path: Path, downloads: list[CorpusFile]
) -> None:
    folder, corpora = tmp_path / "downloads", tmp_path / "corpora"
    place(downloads, folder, corpora, None)
    other = make_zip(folder / "other.zip", {"x/train.txt": "x"})
    text = put(folder / "text.zip", "متن")
    sound = item(put(folder / "sound.txt", "سالم"), "sound.txt")
    put(folder / "small" / "train.txt", "دگرگون")
    sha256 = hashlib.sha256("دگرگون".encode()).hexdigest()
    listed = [
        sound,
        item(other, "other.zip", a="train.txt", b="600K/*", c="y/train.txt"),
        item(text, "text.zip", d="*"),
        *downloads,
        downloads[0].model_copy(update={"sha256": "0" * 64}),
    ]
    assert problems_of(listed, folder, corpora, None) == [
        Problem(str(folder / "big.zip"), 0, "", f"its SHA-256 is {downloads[0].sha256}, not {'0' * 64}"),
        Problem(str(other), 0, "", "no member matches '600K/*'"),
        Problem(str(other), 0, "", "no member matches 'y/train.txt'"),
        Problem(str(folder / "small" / "train.txt"), 0, "", f"its SHA-256 is {sha256}, not {downloads[1].sha256}"),
        Problem(str(text), 0, "", "not a zip archive"),
    ]
    assert contents(corpora) == PLACED


def test_what_is_not_there_is_said_and_left_as_it_was(tmp_path: Path, downloads: list[CorpusFile]) -> None:
    folder, corpora = tmp_path / "downloads", tmp_path / "corpora"
    (folder / "big.zip").unlink()
    put(corpora / "big" / "300K" / "a.txt", "پیشین")
    assert place(downloads, folder, corpora, None) == [
        Placed("big/600K", None),
        Placed("big/300K", corpora / "big" / "300K"),
        Placed("small/train.txt", folder / "small" / "train.txt"),
    ]
    assert contents(corpora) == {"big/300K/a.txt": "پیشین".encode(), "small/train.txt": "کوچک".encode()}


def test_a_plain_file_is_copied_even_if_it_is_a_zip(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "downloads" / "data.docx", MEMBERS)
    place([item(archive, "data.docx")], tmp_path / "downloads", tmp_path / "corpora", None)
    assert contents(tmp_path / "corpora") == {"data.docx": archive.read_bytes()}


def test_a_mirror_has_the_corpora_themselves(tmp_path: Path, downloads: list[CorpusFile]) -> None:
    mirror, corpora = tmp_path / "mirror", tmp_path / "corpora"
    put(mirror / "big" / "600K" / "m.txt", "آینه")
    put(mirror / "big" / "600K" / "deep" / "n.txt", "ژرف")
    put(mirror / "small" / "train.txt", "کوچک")
    for path in sorted(mirror.rglob("*"), reverse=True):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for _ in range(2):  # what came from a read-only folder can be replaced
        assert place(downloads, tmp_path / "downloads", corpora, mirror) == [
            Placed("big/600K", mirror / "big" / "600K"),
            Placed("big/300K", None),
            Placed("small/train.txt", mirror / "small" / "train.txt"),
        ]
        assert contents(corpora) == {
            "big/600K/deep/n.txt": "ژرف".encode(),
            "big/600K/m.txt": "آینه".encode(),
            "small/train.txt": "کوچک".encode(),
        }
        assert all(path.stat().st_mode & 0o200 for path in corpora.rglob("*"))


def test_plain_files_of_a_mirror_are_checked(tmp_path: Path, downloads: list[CorpusFile]) -> None:
    file = put(tmp_path / "mirror" / "small" / "train.txt", "دگرگون")
    (problem,) = problems_of(downloads, tmp_path / "downloads", tmp_path / "corpora", tmp_path / "mirror")
    assert (problem.file, problem.reason[:15]) == (str(file), "its SHA-256 is ")
    assert not (tmp_path / "corpora").exists()


def test_the_corpora_can_be_their_own_mirror(tmp_path: Path, downloads: list[CorpusFile]) -> None:
    corpora = tmp_path / "corpora"
    place(downloads, tmp_path / "downloads", corpora, None)
    place(downloads, tmp_path / "downloads", corpora, corpora)
    assert contents(corpora) == PLACED


CONFIG = f"""files:
  - download: big.zip
    sha256: {"a" * 64}
    unzip: {{big/600K: "600K/*", big/300K: "300K/*"}}
  - {{download: small/train.txt, sha256: {"b" * 64}}}
"""


def test_a_configuration(tmp_path: Path) -> None:
    archive, plain = read_config(put(tmp_path / "corpora.yml", CONFIG))
    assert (archive.download, archive.sha256, archive.unzip) == ("big.zip", "a" * 64, UNZIP)
    assert (archive.targets(), plain.targets()) == (["big/600K", "big/300K"], ["small/train.txt"])


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ("files: []", ["files"]),
        ("", ["file"]),
        (CONFIG.replace("a" * 64, "a" * 63 + "G"), ["files.0.sha256"]),
        (CONFIG.replace("sha256", "md5"), [f"files.{n}.{field}" for n in (0, 1) for field in ("md5", "sha256")]),
        (CONFIG + "mirror: x\n", ["mirror"]),
    ],
)
def test_everything_wrong_with_a_configuration_is_named(tmp_path: Path, content: str, fields: list[str]) -> None:
    with pytest.raises(InputError) as raised:
        read_config(put(tmp_path / "corpora.yml", content))
    assert [problem.reason.partition(":")[0] for problem in raised.value.problems] == fields


def run(*options: str) -> tuple[int, str, str]:
    done = run_script("corpora", "corpora.yml", "downloads", "corpora", *options)
    return done.exit_code, done.stdout, done.stderr


def test_the_command_says_where_everything_is_from(
    tmp_path: Path, downloads: list[CorpusFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = CONFIG.replace("a" * 64, downloads[0].sha256).replace("b" * 64, downloads[1].sha256)
    put(tmp_path / "corpora.yml", text)
    put(tmp_path / "mirror" / "big" / "300K" / "m.txt", "آینه")
    mirrored = (
        "corpora/big/600K: ABSENT, not in the corpus\n"
        "corpora/big/300K: from mirror/big/300K\n"
        "corpora/small/train.txt: ABSENT, not in the corpus\n"
        "1 of 3 public corpora are there\n"
    )
    assert run("--mirror=mirror") == (0, mirrored, "")
    (tmp_path / "downloads" / "big.zip").unlink()
    downloaded = (
        "corpora/big/600K: ABSENT, not in the corpus\n"
        "corpora/big/300K: left as it was, not checked\n"
        "corpora/small/train.txt: from downloads/small/train.txt\n"
        "2 of 3 public corpora are there\n"
    )
    # The project file passes an empty variable when there is no mirror.
    assert run("--mirror=") == (0, downloaded, "")


def test_the_command_lists_every_problem(
    tmp_path: Path, downloads: list[CorpusFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "corpora.yml", CONFIG)
    status, out, err = run()
    assert (status, out) == (1, "")
    assert [line.partition(" its ")[0] for line in err.splitlines()] == [
        "downloads/big.zip: [-]",
        "downloads/small/train.txt: [-]",
        "2 problems found; nothing was written.",
    ]
    assert not (tmp_path / "corpora").exists()
    status, out, err = run("--mirror=nowhere")
    assert (status, out) == (2, "") and "nowhere" in err
