"""The ``parrotlet`` command. Exit codes: 0 done, 2 usage, 3 bad input, 4 vault, 5 bundle or runtime."""

from __future__ import annotations

import argparse
import codecs
import json
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from parrotlet.adaptation import SHARE
from parrotlet.audio import AudioChunk, wav_header, write_wav
from parrotlet.bundle import Bundle
from parrotlet.engine import SYNTHETIC, Parrotlet, SpeakOptions
from parrotlet.errors import BundleError, InputError, ParrotletError, UsageError
from parrotlet.profile import ConsentRecord, VoiceProfile

# `say` with a preset needs neither ciphers nor package metadata, and they would double its start-up time:
# what only some commands need is imported by those.
if TYPE_CHECKING:
    import io

    from parrotlet.enrollment import RecordingReport
    from parrotlet.vault import KeyProvider, ProfileStore, StoredProfile

PRESET = "preset:"
OTHER_FORMATS = (".mp3", ".ogg", ".oga", ".opus", ".flac", ".m4a", ".aac", ".webm")
PACKAGES = ("parrotlet", "numpy", "pycryptodome", "soundfile", "soxr")
MAX_TEXT_BYTES = 16 * 1024 * 1024
SENTENCE = "Hello, this is my voice, spoken by a small device that keeps it to itself. The time is 7:45."
READ_ALOUD = (
    "Please read these sentences aloud: The rainbow is a division of white light into many beautiful "
    "colors. These take the shape of a long round arch, with its path high above."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are one line on stderr."""
    _open_missing_streams()
    options = _parser().parse_args(arguments)
    with _cleanly_terminated(), warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)  # ours are messages, also under -W error
        warnings.showwarning = lambda message, *_, **__: print(f"parrotlet: {message}", file=sys.stderr)
        try:
            options.run(options)
            sys.stdout.flush()
        except ParrotletError as error:
            print(f"parrotlet: {error}", file=sys.stderr)
            return error.exit_code
        except BrokenPipeError:
            _abandon_stdout()  # the reader has gone
        except OSError as error:
            problem = f"cannot use {error.filename}: {error.strerror}: check the path"
            if error.filename is None:
                _abandon_stdout()
                problem = f"cannot write standard output: {error.strerror}: make room, or use -o"
            print(f"parrotlet: {problem}", file=sys.stderr)
            return UsageError.exit_code
        except KeyboardInterrupt:
            return 130
    return 0


def _open_missing_streams() -> None:
    """Standard streams that the caller has closed (daemons, cron) read as empty and swallow what is written."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - for the process


def _abandon_stdout() -> None:
    """Point stdout elsewhere, so that closing it does not raise again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _cleanly_terminated() -> Iterator[None]:
    """Let SIGTERM end the block as an exception does, so that nothing half-written stays."""

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield  # whoever called from a thread decides about signals
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--store", type=Path, metavar="DIR", help="where profiles are kept")
    common.add_argument(
        "--passphrase-file", type=Path, metavar="F", help="unlock with the passphrase in this file; - asks for it"
    )
    common.add_argument("--key-file", type=Path, metavar="F", help="unlock with this key file")
    common.add_argument("--bundle", type=Path, metavar="DIR", help="another model bundle")
    common.add_argument("--json", action="store_true", help="print one JSON object")

    speech = argparse.ArgumentParser(add_help=False)
    speech.add_argument("--runtime", choices=["onnx", "tflite", "torch"], help="default: the first that is installed")
    speech.add_argument("--device", default="cpu", choices=["cpu", "cuda", "xnnpack"])
    speech.add_argument("--threads", type=int, default=1, metavar="N")

    parser = argparse.ArgumentParser(prog="parrotlet", description="Your voice, on your device, and nowhere else.")
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, run: Callable[[argparse.Namespace], None], text: str, *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, parents=[common, *parents])
        command.set_defaults(run=run)
        return command

    demo = add("demo", _demo, "enrol (a recording, or a preset), speak, write WAVs, print what was measured", speech)
    demo.add_argument("recording", nargs="?", type=Path)
    demo.add_argument("-o", "--output", type=Path, default=Path("parrotlet-demo"), metavar="DIR")

    enroll = add("enroll", _enroll, "make an encrypted voice profile from recordings of one person")
    enroll.add_argument("recordings", nargs="+", type=Path, metavar="WAV", help="WAV, FLAC or OGG")
    enroll.add_argument("--name", required=True)
    enroll.add_argument("--replace", action="store_true", help="overwrite a profile of that name")
    enroll.add_argument("--expires", metavar="TIME", help="RFC 3339 time in UTC after which it no longer opens")
    enroll.add_argument("--consent", metavar="TEXT", help="what the speaker agreed to, kept with the profile")
    enroll.add_argument(
        "--likeness",
        type=float,
        default=SHARE,
        metavar="X",
        help="0 to 1 (default %(default)s): more like the person, less natural",
    )

    say = add("say", _say, "speak a text in an enrolled or preset voice", speech)
    say.add_argument("text", metavar="TEXT|-|@FILE")
    say.add_argument("--voice", required=True, metavar="NAME", help="a profile, or preset:NAME")
    say.add_argument("-o", "--output", type=Path, metavar="OUT.wav", help="default: speech.wav")
    say.add_argument("--raw", action="store_true", help="16-bit PCM to standard output instead of a file")
    say.add_argument("--speed", type=float, default=1.0, help="0.5 to 2")
    say.add_argument("--pitch", type=float, default=0.0, help="semitones, -6 to 6")
    say.add_argument("--volume", type=float, default=1.0, help="0 to 4")
    say.add_argument("--sentence-silence", type=float, metavar="S", help="seconds after each sentence, 0 to 10")
    say.add_argument("--lexicon", type=Path, metavar="F", help="your own words, see docs/text.md")
    say.add_argument("--ssml", action="store_true", help="the text is SSML")
    say.add_argument("--seed", type=int, default=0)

    add("voices", _voices, "list profiles and presets")
    add("show", _show, "describe a profile without unlocking it").add_argument("name")
    add("delete", _delete, "destroy a profile's key, then remove it").add_argument("name")
    rotate = add("rotate", _rotate, "wrap all profiles with a new key; payloads stay")
    rotate.add_argument("--new-passphrase-file", type=Path, metavar="F")
    rotate.add_argument("--new-key-file", type=Path, metavar="F")
    export = add("export", _export, "write a profile for another device, under a passphrase of its own")
    export.add_argument("name")
    export.add_argument("file", type=Path)
    export.add_argument("--transfer-passphrase-file", type=Path, required=True, metavar="F")
    imported = add("import", _import, "take a profile exported elsewhere")
    imported.add_argument("file", type=Path)
    imported.add_argument("--transfer-passphrase-file", type=Path, required=True, metavar="F")
    imported.add_argument("--name", help="store it under another name")
    imported.add_argument("--replace", action="store_true")
    measure = add("bench", _bench, "measure speed, first-audio delay and memory on this machine", speech)
    measure.add_argument("--repeats", type=int, default=5, metavar="N")
    add("doctor", _doctor, "say what is installed and whether it works")
    return parser


class _Version(argparse.Action):
    """Reads the package's metadata only when asked."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from parrotlet.bench import package_version

        print(f"parrotlet {package_version('parrotlet')}")
        parser.exit()


def _store_path(options: argparse.Namespace) -> Path:
    if options.store:
        return Path(options.store)
    from platformdirs import user_data_dir

    return Path(user_data_dir("parrotlet", appauthor=False)) / "profiles"


def _key(options: argparse.Namespace) -> KeyProvider:
    from parrotlet.vault import KeyFile, Passphrase, default_key

    if options.passphrase_file and options.key_file:
        raise UsageError("give --passphrase-file or --key-file, not both")
    if str(options.passphrase_file) == "-":
        return Passphrase.from_prompt(confirm=options.run is _enroll)
    if options.passphrase_file:
        return Passphrase.from_file(options.passphrase_file)
    if options.key_file:
        return KeyFile(options.key_file)
    return default_key(_store_path(options))


def _open_store(options: argparse.Namespace) -> ProfileStore:
    from parrotlet.vault import ProfileStore

    return ProfileStore.open(_store_path(options), key=_key(options))


def _locked_store(options: argparse.Namespace) -> ProfileStore:
    from parrotlet.vault import ProfileStore

    return ProfileStore.open(_store_path(options), key=())


def _load(options: argparse.Namespace) -> Parrotlet:
    lexicon = getattr(options, "lexicon", None)
    return Parrotlet.load(options.bundle, options.runtime, options.threads, lexicon, options.device)


def _emit(options: argparse.Namespace, value: dict[str, Any], text: str) -> None:
    print(json.dumps(value, ensure_ascii=False) if options.json else text)


def _profile(options: argparse.Namespace, bird: Parrotlet) -> VoiceProfile:
    if options.voice.startswith(PRESET):
        name = options.voice.removeprefix(PRESET)
        if name not in bird.presets:
            raise InputError(f"no preset {name!r}: the presets are {', '.join(bird.presets)}")
        return bird.presets[name].profile
    return _open_store(options).load(options.voice, speaker_model=bird.bundle.speaker_model)


def _text(argument: str, streamed: bool) -> str | Iterator[str]:
    """The text to speak; with ``streamed``, standard input as it comes."""
    if argument != "-" and not argument.startswith("@"):
        return argument
    if argument == "-":
        stdin = cast("io.BufferedReader", sys.stdin.buffer)
        pieces = _decoded(iter(lambda: stdin.read1(65536), b""))
        return pieces if streamed else "".join(pieces)
    try:
        return "".join(_decoded([Path(argument[1:]).read_bytes()]))
    except OSError as error:
        raise InputError(f"cannot read {argument[1:]}: {error.strerror}") from error


def _decoded(pieces: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    size = 0
    try:
        for piece in pieces:
            size += len(piece)
            if size > MAX_TEXT_BYTES:
                raise InputError("the text is longer than 16 MiB: split it")
            yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise InputError("the text is not UTF-8: convert it, e.g. with iconv -t UTF-8") from error


def _say(options: argparse.Namespace) -> None:
    output = options.output or Path("speech.wav")
    to_stdout = options.raw or str(output) == "-"
    if options.raw and options.output and str(output) != "-":
        raise UsageError(f"--raw writes to standard output, not to {output}: leave out --raw or -o")
    if output.suffix.lower() in OTHER_FORMATS:
        raise UsageError(f"{output}: speech is written as WAV: name it {output.with_suffix('.wav')} and convert that")
    if to_stdout and sys.stdout.isatty():
        raise UsageError("standard output is a terminal: pipe it into a player, e.g. | aplay -f S16_LE -r 24000")
    settings = SpeakOptions(
        options.speed, options.pitch, options.volume, sentence_silence=options.sentence_silence, seed=options.seed
    )
    text = _text(options.text, streamed=to_stdout and not options.ssml)
    bird = _load(options)
    chunks = bird.speak(text, _profile(options, bird), options=settings, ssml=options.ssml)
    if to_stdout:
        if not options.raw:
            sys.stdout.buffer.write(wav_header(bird.sample_rate, None, SYNTHETIC))
        for chunk in chunks:
            sys.stdout.buffer.write(chunk.int16_bytes())
            sys.stdout.buffer.flush()
        return
    started = time.perf_counter()
    seconds = write_wav(output, chunks, bird.sample_rate, SYNTHETIC)
    took = time.perf_counter() - started
    result = {"file": str(output), "seconds": round(seconds, 3), "compute_s": round(took, 3)}
    _emit(options, result, f"{output}: {seconds:.1f} s of speech in {took:.2f} s")


def _consent(options: argparse.Namespace) -> ConsentRecord | None:
    if options.consent is None:
        return None
    from hashlib import sha256

    digest = sha256()
    for path in options.recordings:
        digest.update(path.read_bytes())
    return ConsentRecord(options.consent, speaker=options.name, recording_sha256=digest.hexdigest(), method="cli")


def _enroll(options: argparse.Namespace) -> None:
    bird = Parrotlet(Bundle.load(options.bundle))
    store = _open_store(options)
    store.require_key()
    consent = _consent(options)
    reports: list[RecordingReport] = []

    def show(report: RecordingReport) -> None:
        reports.append(report)
        if not options.json:
            print(report.line())

    profile = bird.enroll(
        options.recordings, expires=options.expires, consent=consent, likeness=options.likeness, on_report=show
    )
    store.save(options.name, profile, replace=options.replace)
    result = {
        "name": options.name,
        "bundle": profile.bundle,
        "created": profile.created,
        "expires": profile.expires,
        "recordings": [report.as_dict() for report in reports],
    }
    _emit(
        options,
        result,
        f"enrolled {options.name!r}: try `parrotlet say 'Hello.' --voice {options.name}`",
    )


def _stored(profile: StoredProfile) -> dict[str, Any]:
    consent = profile.consent
    return {
        "name": profile.name,
        "bundle": profile.bundle,
        "created": profile.created,
        "expires": profile.expires,
        "consent": None if consent is None else vars(consent),
    }


def _voices(options: argparse.Namespace) -> None:
    presets = Bundle.load(options.bundle).presets()
    stored = _locked_store(options).list() if _store_path(options).is_dir() else []
    value = {
        "profiles": [_stored(profile) for profile in stored],
        "presets": [{"voice": PRESET + p.name, "description": p.description} for p in presets.values()],
    }
    lines = [f"{profile.name:<20} enrolled {profile.created}" for profile in stored]
    lines += [f"{PRESET + preset.name:<20} {preset.description}" for preset in presets.values()]
    _emit(options, value, "\n".join(lines))


def _show(options: argparse.Namespace) -> None:
    profile = _locked_store(options).show(options.name)
    value = _stored(profile)
    _emit(options, value, "\n".join(f"{key}: {item}" for key, item in value.items()))


def _delete(options: argparse.Namespace) -> None:
    _locked_store(options).delete(options.name)
    _emit(options, {"deleted": options.name}, f"deleted {options.name!r}")


def _rotate(options: argparse.Namespace) -> None:
    if bool(options.new_passphrase_file) == bool(options.new_key_file):
        raise UsageError("give --new-passphrase-file or --new-key-file")
    from parrotlet.vault import KeyFile, Passphrase

    if options.new_passphrase_file:
        new: KeyProvider = Passphrase.from_file(options.new_passphrase_file)
    else:
        path = options.new_key_file
        new = KeyFile.open_or_create(path)
    store = _open_store(options)
    store.rotate(new)
    names = [profile.name for profile in store.list()]
    _emit(options, {"rotated": names}, f"rotated {len(names)} profiles")


def _export(options: argparse.Namespace) -> None:
    from parrotlet.vault import Passphrase

    transfer = Passphrase.from_file(options.transfer_passphrase_file)
    _open_store(options).export(options.name, options.file, key=transfer)
    _emit(options, {"file": str(options.file)}, f"{options.name!r} exported to {options.file}")


def _import(options: argparse.Namespace) -> None:
    from parrotlet.vault import Passphrase

    transfer = Passphrase.from_file(options.transfer_passphrase_file)
    store = _open_store(options)
    store.require_key()
    stored = store.import_(options.file, key=transfer, name=options.name, replace=options.replace)
    _emit(options, _stored(stored), f"imported {stored.name!r}")


def _bench(options: argparse.Namespace) -> None:
    from parrotlet.bench import bench, table

    def progress(done: int, of: int) -> None:
        if sys.stderr.isatty():
            bar = "#" * (30 * done // of)
            print(f"\rbench [{bar:<30}] {done}/{of}", end="\n" * (done == of), file=sys.stderr, flush=True)

    row = bench(options.bundle, options.runtime, options.threads, options.device, options.repeats, progress)
    _emit(options, row.as_dict(), table(row))


def _demo(options: argparse.Namespace) -> None:
    from parrotlet.bench import bundle_megabytes
    from parrotlet.vault import KeyFile, ProfileStore

    started = time.perf_counter()
    bird = _load(options)
    loaded = time.perf_counter() - started
    own = _key(options) if options.passphrase_file or options.key_file else None
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
    files, seconds = [], 0.0
    started = time.perf_counter()
    for name, profile in voices.items():
        store.save(name, profile, replace=True)
        path = options.output / f"{name}.wav"
        chunks: Iterator[AudioChunk] = bird.speak(SENTENCE, store.load(name))
        seconds += write_wav(path, chunks, bird.sample_rate, SYNTHETIC)
        files.append(str(path))
    spoken = time.perf_counter() - started
    value = {
        "files": files,
        "load_s": round(loaded, 3),
        "enroll_s": round(enrolled, 3) if options.recording else None,
        "speech_s": round(seconds, 2),
        "times_real_time": round(seconds / spoken, 1),
        "bundle_mb": round(bundle_megabytes(bird.bundle, bird.runtime), 2),
    }
    lines = [
        f"spoke {seconds:.1f} s in {spoken:.2f} s: {seconds / spoken:.0f} times real time on {options.threads} thread"
    ]
    if options.recording:
        lines.append(f"enrolled {options.recording} in {enrolled:.2f} s; the profile is encrypted in {store.path}")
    else:
        lines.append(f"no recording given, so presets spoke. {READ_ALOUD}\nThen: parrotlet demo YOUR.wav")
    lines.append(f"bundle {value['bundle_mb']} MB, loaded in {loaded:.2f} s")
    _emit(options, value, "\n".join([*files, *lines]))


def _doctor(options: argparse.Namespace) -> None:
    import platform

    from parrotlet.bench import package_version
    from parrotlet_runtimes import conflict, survey, telemetry

    bundle = Bundle.load(options.bundle)
    for file in bundle.manifest["files"]:
        bundle.read(file)
    runtimes: dict[str, dict[str, Any]] = {}
    for name, status in survey().items():
        speech, reason = None, status.reason
        if not reason:
            try:
                speech = _trial(Parrotlet(bundle, name))
            except ParrotletError as error:
                reason = str(error)
        runtimes[name] = {
            "version": status.version,
            "devices": list(status.devices),
            "speech": None if speech is None else round(speech, 2),
            "reason": reason,
        }
    if not any(row["speech"] for row in runtimes.values()):
        raise BundleError("no runtime can speak: " + "; ".join(str(row["reason"]) for row in runtimes.values()))
    value = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": {name: package_version(name) for name in PACKAGES},
        "runtimes": runtimes,
        "bundle": {"name": bundle.name, "path": str(bundle.path), "sha256": bundle.sha256},
        "store": str(_store_path(options)),
        "conflict": conflict(),
        "network": "none" if telemetry.disabled() else f"{telemetry.VARIABLE} lets onnxruntime send telemetry",
    }
    lines = [f"python {value['python']} on {value['machine']}"]
    lines += [f"{name} {number}" for name, number in value["packages"].items()]  # type: ignore[attr-defined]
    for name, row in runtimes.items():
        found = f"{row['version']} on {', '.join(row['devices'])}" if row["version"] else "not usable"
        lines.append(f"runtime {name}: {found}: " + (str(row["reason"]) or f"spoke {row['speech']} s"))
    lines.append(f"bundle {bundle.name} at {bundle.path}: files intact")
    lines.append(f"profiles in {value['store']}")
    lines += [f"warning: {value['conflict']}"] if value["conflict"] else []
    off = " (telemetry of onnxruntime off)" if telemetry.disabled() else ""
    lines.append(f"network: {value['network']}{off}")
    _emit(options, value, "\n".join(lines))


def _trial(bird: Parrotlet) -> float:
    """Seconds of a short sentence, spoken by an engine that is to be tried out."""
    voice = next(iter(bird.presets.values())).profile
    chunks = list(bird.speak("All is well.", voice))
    if max(float(abs(chunk.samples).max()) for chunk in chunks) < 0.01:
        raise BundleError("it speaks, but what comes out is silence: install another version of the runtime")
    return sum(chunk.seconds for chunk in chunks)


if __name__ == "__main__":
    sys.exit(main())
