"""The page as an app on a phone holds it: examples/android and examples/ios."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import soundfile
from alike import WEB, build, require_alike, require_packages, spoken

from parrotlet import Parrotlet
from parrotlet.vault import Passphrase, ProfileStore

EXAMPLES = WEB.parent
RECORDING = Path(__file__).parents[1] / "vectors/enroll-v1.wav"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SECRET, TEXT = "drei kleine Wörter", "The birch canoe slid on the smooth planks."
NAME = "{http://schemas.android.com/apk/res/android}name"
Made = dict[str, Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    require_packages("onnxruntime-web", "playwright-core")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: apt-get install chromium")
    site = tmp_path_factory.mktemp("app") / "web"
    build("--app", site)
    settings = {"site": str(site), "recording": str(RECORDING), "secret": SECRET, "text": TEXT}
    command = ["node", Path(__file__).with_name("app_driver.mjs"), json.dumps(settings)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert run.returncode == 0, run.stderr
    result: Made = json.loads(run.stdout)
    assert "failed" not in result, result["failed"]
    assert (result["errors"], result["elsewhere"]) == ([], [])
    assert not (site / "sw.js").exists()
    return result


def test_the_phones_key_opens_a_voice_unasked(made: Made, bird: Parrotlet, tmp_path: Path) -> None:
    assert made["state"] == "Works offline"
    assert made["title"].startswith("Clone your voice on this phone.")
    assert made["asked"] is False
    (tmp_path / "ada.voice").write_bytes(base64.b64decode(made["saved"]["ada.voice"]))
    (tmp_path / "ada.wav").write_bytes(base64.b64decode(made["saved"]["parrotlet.wav"]))
    store = ProfileStore.open(tmp_path / "store", Passphrase(SECRET, log_n=12))
    store.import_(tmp_path / "ada.voice", key=Passphrase(SECRET))
    require_alike(spoken(bird, TEXT, store.load("ada")), soundfile.read(tmp_path / "ada.wav")[0])


def test_the_phones_key_does_not_stand_in_for_the_passphrase(made: Made) -> None:
    for action in ("Export", "Rename"):
        assert made[action].startswith("Cannot unlock the profile"), action


def test_what_the_app_says_is_shown(made: Made) -> None:
    assert made["not_saved"] == "Not saved."
    assert made["silenced"] == "Stopped."
    assert made["sounding"] == [True, False, True, False]


def test_android_asks_for_the_microphone_alone() -> None:
    main = EXAMPLES / "android/app/src/main"
    manifest = ElementTree.parse(main / "AndroidManifest.xml").getroot()
    asked = {entry.get(NAME) for entry in manifest.iter("uses-permission")}
    assert asked == {"android.permission.RECORD_AUDIO", "android.permission.MODIFY_AUDIO_SETTINGS"}
    application = manifest.find("application")
    assert application is not None and application.get(NAME.replace("name", "allowBackup")) == "false"
    for kind, name in re.findall(r"@(\w+)/(\w+)", (main / "AndroidManifest.xml").read_text()):
        values = (main / "res/values/values.xml").read_text()
        assert (main / f"res/{kind}/{name}.xml").exists() or f'<{kind} name="{name}"' in values, name
    for path in (main / "res").rglob("*.xml"):
        ElementTree.parse(path)


def test_both_apps_answer_what_the_page_asks() -> None:
    asked = set(re.findall(r'ask: "(\w+)"', (WEB / "page/device.js").read_text()))
    for path in ("android/app/src/main/kotlin/org/parrotlet/app/MainActivity.kt", "ios/Sources/Page.swift"):
        source = (EXAMPLES / path).read_text()
        assert set(re.findall(r'"(\w+)"(?: ->|:) ', source)) == asked == {"key", "save", "sounding"}
        assert "parrotletDevice" in source and "parrotletSilence()" in source
