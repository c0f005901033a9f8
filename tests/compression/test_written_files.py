"""Files of a bundle are written together: what lies there stays until all are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from parrotlet_compression.files import write_files


def test_files_of_a_bundle_are_noted_in_its_manifest(tmp_path: Path) -> None:
    manifest = {"files": {"b": "of another file", "a": "old"}}
    write_files(tmp_path, manifest, {"a": b"new"})
    noted = json.loads((tmp_path / "manifest.json").read_text())
    assert list(noted["files"].items()) == [("a", hashlib.sha256(b"new").hexdigest()), ("b", "of another file")]
    assert {path.name for path in tmp_path.iterdir()} == {"a", "manifest.json"}


def test_an_unwritten_file_changes_no_bundle(tmp_path: Path) -> None:
    write_files(tmp_path, {"files": {}}, {"a": b"old"})
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(FileNotFoundError):
        write_files(tmp_path, {"files": {}}, {"a": b"new", "no folder/b": b""})
    assert (tmp_path / "a").read_bytes() == b"old"
    assert (tmp_path / "manifest.json").read_bytes() == before
