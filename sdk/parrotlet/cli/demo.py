"""``parrotlet demo``."""

from __future__ import annotations

import argparse
import time

from parrotlet.audio import SYNTHETIC, write_wav
from parrotlet.bench import bundle_megabytes
from parrotlet.cli.common import emit, load_engine, named_key
from parrotlet.errors import UsageError
from parrotlet.vault import KeyFile, ProfileStore


def demo(options: argparse.Namespace) -> None:
    """Enroll, store, load and speak; times real time are those of speech alone."""
    own = named_key(options)
    started = time.perf_counter()
    bird = load_engine(options)
    loaded = time.perf_counter() - started
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {options.output}: {error.strerror}") from error
    key = own or KeyFile.open_or_create(options.output / "demo.key")
    store = ProfileStore.open(options.store or options.output / "profiles", key=key)
    store.require_key()
    started = time.perf_counter()
    if options.recording:
        voices = {"clone": bird.enroll(options.recording)}
    else:
        voices = {preset.name: preset.profile for preset in list(bird.presets.values())[:2]}
    enrolled = time.perf_counter() - started
    bird.warm_up()
    files, seconds, spoken = [], 0.0, 0.0
    for name, profile in voices.items():
        store.save(name, profile, replace=True)
        voice = store.load(name)
        started = time.perf_counter()
        chunks = list(bird.speak(bird.bundle.prompts.demo, voice))
        spoken += time.perf_counter() - started
        path = options.output / f"{name}.wav"
        seconds += write_wav(path, chunks, bird.sample_rate, SYNTHETIC)
        files.append(str(path))
    value = {
        "files": files,
        "load_s": round(loaded, 3),
        "enroll_s": round(enrolled, 3) if options.recording else None,
        "speech_s": round(seconds, 2),
        "times_real_time": round(seconds / spoken, 1),
        "bundle_mb": round(bundle_megabytes(bird.bundle, bird.runtime), 2),
    }
    threads = f"{options.threads} thread{'s' * (options.threads != 1)}"
    lines = [f"spoke {seconds:.1f} s in {spoken:.2f} s: {seconds / spoken:.0f} times real time on {threads}"]
    if options.recording:
        lines.append(f"enrolled {options.recording} in {enrolled:.2f} s; the profile is encrypted in {store.path}")
    else:
        read_aloud = " ".join(bird.bundle.prompts.read_aloud)
        lines.append(f"no recording given, so presets spoke. Please read these sentences aloud: {read_aloud}")
        lines.append("Then: parrotlet demo YOUR.wav")
    lines.append(f"bundle {value['bundle_mb']} MB, loaded in {loaded:.2f} s")
    emit(options, value, "\n".join([*files, *lines]))
