"""What a device installs: the SDK without training code, and the graphs of one runtime."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from parrotlet.bundle import DEFAULT
from parrotlet_runtimes import installed

pytest.importorskip("hatchling", reason="needs the build backend: pip install hatchling")
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheels")
    for project in (".", "runtimes/tflite", "compression"):
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
            cwd=ROOT / project,
            check=True,
            capture_output=True,
        )
    return {path.name.split("-")[0]: zipfile.ZipFile(path) for path in folder.glob("*.whl")}


def test_each_wheel_holds_its_own(wheels: dict[str, zipfile.ZipFile]) -> None:
    names = {wheel: {n for n in file.namelist() if ".dist-info/" not in n} for wheel, file in wheels.items()}
    assert {name.split("/")[0] for name in names["parrotlet"]} == {"parrotlet", "parrotlet_runtimes"}
    assert {name.split("/")[0] for name in names["parrotlet_compress"]} == {"parrotlet_compression"}
    assert all(name.endswith(".tflite") for name in names["parrotlet_tflite"])
    assert not any(name.endswith((".tflite", ".safetensors")) for name in names["parrotlet"])
    files = json.loads((DEFAULT / "manifest.json").read_text())["files"]
    here = names["parrotlet"] | names["parrotlet_tflite"]
    assert {f"parrotlet/bundles/default/{file}" for file in files} <= here
    assert not names["parrotlet"] & names["parrotlet_tflite"]


def test_the_sdk_speaks_and_says_where_the_other_graphs_are(wheels: dict[str, zipfile.ZipFile], tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
        command = [sys.executable, "-m", "parrotlet", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    say = ("say", "Hello.", "--voice", "preset:robin")
    wheels["parrotlet"].extractall(tmp_path / "site")
    assert run(*say).returncode == 0
    assert (tmp_path / "speech.wav").stat().st_size > 10_000
    found = json.loads(run("doctor", "--json").stdout)
    assert str(tmp_path) in found["bundle"]["path"]
    assert found["runtimes"]["onnx"]["speech"]
    if not installed("tflite"):
        pytest.skip("no TFLite runtime: pip install ./runtimes/tflite")
    assert "pip install ./runtimes/tflite" in found["runtimes"]["tflite"]["reason"]
    refused = run(*say, "--runtime", "tflite")
    assert refused.returncode == 5 and "pip install ./runtimes/tflite" in refused.stderr
    wheels["parrotlet_tflite"].extractall(tmp_path / "site")
    assert run(*say, "--runtime", "tflite").returncode == 0
    assert json.loads(run("doctor", "--json").stdout)["runtimes"]["tflite"]["speech"]
