"""Distillation by recipe: what a teacher said becomes a pack, and a student trains on it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

import soxr  # noqa: E402
import tomllib  # noqa: E402
from tiny_teachers import TINY, tiny_generator  # noqa: E402

from parrotlet import Parrotlet  # noqa: E402
from parrotlet.errors import InputError  # noqa: E402
from parrotlet.mel import MelConfig, mel_spectrogram  # noqa: E402
from parrotlet_compression import distill as module  # noqa: E402
from parrotlet_compression.cli import main  # noqa: E402
from parrotlet_compression.corpus import Clip, Pack, PackWriter  # noqa: E402
from parrotlet_compression.distill import Recipe, distill, speak  # noqa: E402
from parrotlet_compression.models.weights import save_weights  # noqa: E402
from parrotlet_compression.symbols import SYMBOLS, phoneme_ids  # noqa: E402
from parrotlet_compression.teachers.hifigan import HifiGanConfig, read_hifigan  # noqa: E402
from parrotlet_compression.teachers.tacotron2 import Tacotron2, Tacotron2Speech  # noqa: E402
from parrotlet_compression.teachers.tacotron2_layers import Tacotron2Config  # noqa: E402

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"
RECIPES = Path(module.__file__).parent / "recipes"
TEXTS = ("The boat is on the lake.", "We sing a song at night.", "A bird sat on the wall.")


class Reader:
    """The acoustic model of the bundle in the clothes of a Tacotron 2: real speech, and a real alignment."""

    def __init__(self, bird: Parrotlet) -> None:
        self.bird, self.config = bird, Tacotron2Config(**{**TINY, "frames_per_step": 2, "speaker": 2})
        self.spoken = 0

    def speak(self, ids: list[int], voice: np.ndarray, seed: int) -> Tacotron2Speech:
        self.spoken += 1
        phonemes = "".join(SYMBOLS[i] for i in ids[1:-1])
        made = self.bird.acoustics(phonemes, list(self.bird.presets.values())[int(voice[0])].profile)
        durations = made.durations.copy()
        durations[-1] += durations.sum() % 2
        mel = np.pad(made.mel, ((0, int(durations.sum()) - len(made.mel)), (0, 0)), mode="edge")
        alignment = np.repeat(np.eye(len(ids), dtype=np.float32), durations, axis=0)
        alignment = alignment.reshape(-1, 2, len(ids)).mean(1)
        # The second text runs to its limit in one of the voices.
        stopped = not ("sˈɪŋ" in phonemes and voice[0] == 1)
        return Tacotron2Speech(mel, np.ones(len(alignment), np.float32), alignment, stopped)


def write_recipe(folder: Path, graph: str, **tables: str) -> Path:
    (folder / "texts.txt").write_text("# ours\n" + "\n".join(TEXTS) + "\n")
    np.save(folder / "voices.npy", np.array([[0, 0], [1, 0]], np.float32))
    save_weights(Tacotron2(Tacotron2Config(**TINY)), folder / "tacotron2.safetensors")
    lines = [f'graph = "{graph}"', 'pack = "spoken"']
    for name, body in tables.items():
        lines += [f"[{name}]", body]
    path = folder / "recipe.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def acoustic(tmp_path: Path) -> Path:
    return write_recipe(
        tmp_path,
        "acoustic",
        teacher='tacotron2 = "tacotron2.safetensors"',
        source='texts = "texts.txt"\nvoices = "voices.npy"\nvoices_per_text = 2',
        student=f'out = "student"\nsteps = 1\nfrom = "{CHECKPOINTS}"',
    )


def test_a_text_list_becomes_a_pack_and_a_student(
    acoustic: Path, bird: Parrotlet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = Reader(bird)
    monkeypatch.setattr(module, "read_tacotron2", lambda path: reader)
    assert main(["--threads", "1", "distill", str(acoustic)]) == 0
    assert "5 utterances" in capsys.readouterr().out
    pack = Pack(acoustic.parent / "spoken")
    assert reader.spoken == 6
    assert [(clip.speaker, clip.text) for clip in pack.clips][:2] == [("voice0", TEXTS[0]), ("voice1", TEXTS[0])]
    for clip in pack.clips:
        assert sum(clip.durations) == clip.frames
        assert len(clip.durations) == len(phoneme_ids(clip.phonemes))
        f0 = pack.f0[clip.start : clip.start + clip.frames]
        assert 0.2 < (f0 > 0).mean() < 1
        # The target is what the teacher said; the audio beside it is a rendering of the same.
        mel = pack.mel[clip.start : clip.start + clip.frames].astype(np.float32)
        again = mel_spectrogram(pack.samples24(clip), MelConfig())
        assert np.abs(mel - again)[mel > -5].mean() < 0.6
    assert (acoustic.parent / "student" / "model.safetensors").is_file()
    manifest = json.loads((pack.path / "manifest.json").read_text())
    assert set(manifest["teacher"]) == {"tacotron2.safetensors"}
    # A second run finds the speech there, and trains on.
    assert main(["--threads", "1", "distill", str(acoustic)]) == 0
    assert reader.spoken == 6


def test_a_teacher_that_was_cut_off_goes_on(acoustic: Path, bird: Parrotlet, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(Reader):
        def speak(self, ids: list[int], voice: np.ndarray, seed: int) -> Tacotron2Speech:
            if self.spoken == 3:
                raise KeyboardInterrupt
            return super().speak(ids, voice, seed)

    recipe = Recipe.read(acoustic)
    monkeypatch.setattr(module, "read_tacotron2", lambda path: Killed(bird))
    with pytest.raises(KeyboardInterrupt):
        speak(recipe)
    with pytest.raises(InputError, match="not a packed corpus"):
        Pack(recipe.pack)
    with (recipe.pack / "clips.jsonl").open("a") as lines:
        lines.write('{"id": "half a li')
    reader = Reader(bird)
    monkeypatch.setattr(module, "read_tacotron2", lambda path: reader)
    speak(recipe)
    assert reader.spoken == 3
    assert [clip.id for clip in Pack(recipe.pack).clips] == ["000000", "000001", "000002", "000004", "000005"]


def test_the_vocoder_learns_from_what_the_teacher_renders(packed: Path, tmp_path: Path) -> None:
    config = HifiGanConfig((8, 8, 4), (16, 16, 8), 16, "2", (3,), ((1, 2),))  # 22.05 kHz, hop 256: not ours
    torch.manual_seed(0)
    from parrotlet_compression.teachers.hifigan import Generator

    save_weights(Generator(config), tmp_path / "generator.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config.as_dict()))
    recipe = write_recipe(
        tmp_path,
        "vocoder",
        teacher='hifigan = "generator.safetensors"',
        source=f'pack = "{packed}"\nminutes = 0.1',
        student='out = "student"\nsteps = 1',
    )
    assert main(["--threads", "1", "distill", str(recipe)]) == 0
    pack, source = Pack(tmp_path / "spoken"), Pack(packed)
    clip = pack.clips[0]
    original = next(c for c in source.clips if c.text == clip.text and c.speaker == clip.speaker)
    samples = soxr.resample(source.samples24(original), 24000, 22050).astype(np.float32)
    made = read_hifigan(tmp_path / "generator.safetensors").vocode(mel_spectrogram(samples, config.mel))
    expected = soxr.resample(made, 22050, 24000)
    both = min(len(expected), clip.frames * 300)
    assert np.abs(pack.samples24(clip)[:both] - expected[:both]).max() < 1e-3
    assert clip.rate == 22050
    assert (tmp_path / "student" / "model.safetensors").is_file()


def test_recipes_that_cannot_work_are_refused_before_the_teacher_speaks(acoustic: Path, tmp_path: Path) -> None:
    text = acoustic.read_text()

    def refused(changed: str, message: str) -> None:
        acoustic.write_text(changed)
        with pytest.raises(InputError, match=message):
            distill(acoustic, lambda *_: lambda: None)

    refused(text.replace("texts.txt", "none.txt"), "texts = 'none.txt'")
    refused(text.replace("tacotron2.safetensors", "none.pt"), r"none\.pt")
    refused(text.replace('graph = "acoustic"', 'graph = "face"'), "face")
    refused(text.replace("steps = 1", ""), "'steps'")
    refused(text.replace("[student]", "[pupil]"), "'student'")
    refused(text + "[extra]\n", "'extra'")
    refused(text + "=", "not TOML")
    refused(text, r"voices must be \[voices, 8\]")
    refused(text.replace('voices = "voices.npy"', ""), "'voices'")
    refused(text.replace('graph = "acoustic"', 'graph = "vocoder"'), "needs 'hifigan'")
    refused(text.replace(str(CHECKPOINTS), "none"), "from = 'none'")
    acoustic.write_text(text.replace("steps = 1", "steps = 1\nstep = 2"))
    assert main(["--threads", "1", "distill", str(acoustic)]) == 3
    with pytest.raises(InputError, match="no recipe"):
        distill(tmp_path / "none.toml", lambda *_: lambda: None)
    assert not (tmp_path / "spoken").exists()


def test_silence_teaches_nothing(tmp_path: Path) -> None:
    writer = PackWriter(tmp_path / "silent")
    clip = Clip("0", "synthetic", "p0", "", 0, 200, 24000, 90.0, "train")
    writer.add(clip, np.zeros(60000), np.zeros(40000), np.full((200, 80), -11.5), np.zeros(200))
    writer.finish()
    save_weights(tiny_generator(), tmp_path / "g.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(tiny_generator().config.as_dict()))
    recipe = write_recipe(
        tmp_path,
        "vocoder",
        teacher='hifigan = "g.safetensors"',
        source='pack = "silent"',
        student='out = "student"\nsteps = 1',
    )
    with pytest.raises(InputError, match="silent"):
        distill(recipe, lambda *_: lambda: None)


def test_a_speaker_encoder_needs_many_voices(
    packed: Path, acoustic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "resemblyzer_weights", lambda: tmp_path)  # not needed so far
    np.save(tmp_path / "voices.npy", np.zeros((3, TINY["speaker"]), np.float32))
    text = acoustic.read_text().replace('graph = "acoustic"', 'graph = "speaker"')
    acoustic.write_text(text)
    with pytest.raises(InputError, match=r"32 voices or more, not from 3"):
        distill(acoustic, lambda *_: lambda: None)
    acoustic.write_text(text.replace('texts = "texts.txt"', f'pack = "{packed}"'))
    with pytest.raises(InputError, match="32 voices or more"):
        distill(acoustic, lambda *_: lambda: None)


def test_a_teacher_of_characters_needs_an_aligner(acoustic: Path) -> None:
    writer = PackWriter(acoustic.parent / "spoken")
    writer.add(
        Clip("0", "synthetic", "v", "", 0, 2, 22050, 90.0, "train"),
        *(np.zeros(n) for n in (600, 400)),
        np.zeros((2, 80)),
        np.zeros(2),
    )
    writer.finish()
    with pytest.raises(InputError, match="parrotlet-compress align"):
        distill(acoustic, lambda *_: lambda: None)


def test_the_recipes_that_come_along_are_complete() -> None:
    found = {path.stem: tomllib.loads(path.read_text()) for path in RECIPES.glob("*.toml")}
    assert set(found) == {"acoustic", "vocoder", "speaker"}
    for name in found:
        assert Recipe.read(RECIPES / f"{name}.toml").graph == name
