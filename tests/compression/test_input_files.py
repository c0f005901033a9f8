"""Files that a user gives to ``parrotlet-compress``, wrong ones first: one line that names the file."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from parrotlet.bundle import DEFAULT, Bundle
from parrotlet.errors import InputError
from parrotlet_compression.cli import main, parser
from parrotlet_compression.corpus import Pack, pack
from parrotlet_compression.export import export_bundle
from parrotlet_compression.files import read_credits
from parrotlet_compression.voices import same_speaker_threshold

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"
PRESETS = DEFAULT / "presets.json"


def said(capsys: pytest.CaptureFixture[str]) -> str:
    err = capsys.readouterr().err
    assert err.startswith("parrotlet-compress: ") and err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"{", "cannot be read"),
        (b"[1]", "no JSON object"),
        (b"\xff", "cannot be read"),
        (b'{"a": 1}', "preset a lacks"),
    ],
)
def test_presets_that_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, message: str
) -> None:
    presets = tmp_path / "presets.json"
    if content is not None:
        presets.write_bytes(content)
    out = tmp_path / "out"
    assert main(["export", str(CHECKPOINTS), str(out), "--name", "x", "--presets", str(presets)]) == 3
    assert message in said(capsys) and not out.exists()


def test_damaged_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("speaker", "acoustic", "vocoder"):
        shutil.copy(CHECKPOINTS / f"{name}.safetensors", tmp_path)
    whole = (tmp_path / "acoustic.safetensors").read_bytes()
    for damaged in (whole[:-1000], whole[:4], b"\xff" * 1000):
        (tmp_path / "acoustic.safetensors").write_bytes(damaged)
        code = main(["export", str(tmp_path), str(tmp_path / "out"), "--name", "x", "--presets", str(PRESETS)])
        assert code == 3 and "acoustic.safetensors is damaged" in said(capsys)


@pytest.mark.parametrize("content", [None, b"", b"no array", b"\x93NUMPY"])
def test_embeddings_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "voices.npy").write_bytes(content)
    teacher = ["evaluate-teacher", "none.pt", str(tmp_path / "out"), "--voices", str(tmp_path / "voices.npy")]
    assert main(teacher) == 3
    said(capsys)


def test_a_bundle_is_called_and_credited_as_its_maker_says(fp32_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "credits.json").write_text('{"licence": "CC0", "training_data": ["my own voice"]}')
    credits = read_credits(tmp_path / "credits.json")
    presets = json.loads(PRESETS.read_text())
    export_bundle(CHECKPOINTS, presets, tmp_path / "mine", "mine", "fp32", credits=credits, signal_graphs=DEFAULT)
    mine, bare = (Bundle.load(folder).manifest for folder in (tmp_path / "mine", fp32_bundle))
    assert (mine["name"], mine["licence"], mine["training_data"]) == ("mine", "CC0", ["my own voice"])
    assert not {"licence", "training_data"} & set(bare)


def test_our_own_credits_are_those_of_the_shipped_bundle() -> None:
    shipped = json.loads((DEFAULT / "manifest.json").read_text())
    credits = read_credits(CHECKPOINTS / "credits.toml")
    assert credits == {name: shipped[name] for name in ("licence", "training_data")}


def test_a_bundle_needs_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", str(CHECKPOINTS), "out", "--presets", str(PRESETS)])
    assert "--name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.toml", "licence = "),
        ("a.json", "[]"),
        ("a.toml", 'licence = "CC0"'),
        ("a.toml", "licence = 1\ntraining_data = []"),
        ("a.toml", 'licence = "CC0"\ntraining_data = "x"'),
        ("a.toml", 'licence = "CC0"\ntraining_data = []\nname = "y"'),
    ],
)
def test_credits_that_are_none(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=r"training_data = \["):
        read_credits(tmp_path / name)


def own_archive(folder: Path, people: int = 1) -> None:
    """Recordings of one's own, as docs/export.md lays them out."""
    rows = ["file\tspeaker\ttext\trate\tsnr_db"]
    with zipfile.ZipFile(folder / "vctk.zip", "w") as archive:
        for person in range(people):
            sound = io.BytesIO()
            soundfile.write(sound, 0.1 * np.sin(np.arange(24_000) / 20), 24_000, format="WAV")
            archive.writestr(f"me/{person}.wav", sound.getvalue())
            rows.append(f"me/{person}.wav\tperson{person}\tA text.\t24000\t50")
        archive.writestr("vctk/metadata.tsv", "\n".join(rows))


def test_one_archive_of_ones_own_is_packed(tmp_path: Path) -> None:
    own_archive(tmp_path, 3)
    pack(tmp_path, tmp_path / "pack", processes=1)
    packed = Pack(tmp_path / "pack")
    assert [(clip.archive, clip.speaker, clip.frames) for clip in packed.clips] == [
        ("vctk", f"person{person}", 80) for person in range(3)
    ]
    assert np.isnan(same_speaker_threshold(packed, np.ones((3, 4), np.float32))).all()


def test_archives_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of synthetic.zip"):
        pack(tmp_path, tmp_path / "pack")
    (tmp_path / "vctk.zip").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"vctk.zip is not laid out"):
        pack(tmp_path, tmp_path / "pack")
    with zipfile.ZipFile(tmp_path / "vctk.zip", "w") as archive:
        archive.writestr("vctk/metadata.tsv", "file\tspeaker\nx\ty")
    with pytest.raises(InputError, match=r"metadata.tsv has no column rate, snr_db, text"):
        pack(tmp_path, tmp_path / "pack")


def test_the_command_starts_without_a_warning() -> None:
    done = subprocess.run([sys.executable, "-m", "parrotlet_compression", "--help"], capture_output=True, check=True)
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("old", "new", "arguments"),
    [
        ("embed", "speaker-embeddings", ["pack", "out.npy"]),
        ("predict", "export-mels", ["pack", "students", "out.f16", "--bare"]),
        ("mean", "average-weights", ["first", "second", "out", "--part", "refiner=0.5"]),
    ],
)
def test_a_renamed_command_keeps_its_old_name(
    old: str, new: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = (parser().parse_args([name, *arguments]) for name in (old, new))
    assert before == after and before.run is after.run
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = re.findall(r"(?m)^    (\S+)", capsys.readouterr().out)
    assert new in listed and old not in listed
