"""The options of every command, and where each command is: "module.function" in ``parrotlet.cli``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as every error."""
        print(f"parrotlet: {message}: see {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def parser() -> argparse.ArgumentParser:
    """The whole command line. What every command takes may also stand before the command."""
    top = _Parser(
        prog="parrotlet",
        description="Your voice, on your device, and nowhere else.",
        epilog="Try: parrotlet say 'Hello.' --voice preset:robin. All of it is in docs/cli.md.",
    )
    top.add_argument("--version", action=_Version)
    top.set_defaults(run=None)
    _add_common(top)
    commands = top.add_subparsers(metavar="COMMAND")
    # A command's own default would take the place of an option that stands before it.
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_common(common)
    speech = _Parser(add_help=False)
    speech.add_argument("--runtime", choices=["onnx", "tflite"], help="default: the first that is installed")
    speech.add_argument(
        "--device", default="cpu", choices=["cpu", "cuda", "xnnpack"], help="what computes (default: cpu)"
    )
    speech.add_argument("--threads", type=int, default=1, metavar="N", help="processor cores to use (default: 1)")

    def add(name: str, run: str, text: str, *parents: _Parser, **more: Any) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, parents=[common, *parents], **more)
        command.set_defaults(run=run)
        return command

    _add_demo(add("demo", "demo.demo", "enroll (a recording, or presets), speak, print what was measured", speech))
    enroll_help = "make an encrypted voice profile from recordings of one person"
    _add_enroll(add("enroll", "enroll.enroll", enroll_help, aliases=["enrol"]))
    _add_challenge(add("challenge", "consent.challenge", "make a consent sentence to be read aloud and recorded"))
    _add_say(add("say", "say.say", "speak a text in an enrolled or preset voice", speech))
    add("voices", "profiles.voices", "list profiles and presets")
    show = add("show", "profiles.show", "describe a profile without unlocking it")
    show.add_argument("name", help="a profile, or preset:NAME")
    delete = add("delete", "profiles.delete", "destroy a profile's key, then remove it")
    delete.add_argument("name", help="a profile")
    revoke = add("revoke", "profiles.revoke", "destroy a profile, and let no copy of it come back to this store")
    revoke.add_argument("name", help="a profile, or the id that `revoke` printed on another device")
    policy = add("policy", "profiles.policy", "say or set which profiles of the store may speak")
    policy.add_argument(
        "policy",
        nargs="?",
        choices=("off", "machine", "always"),
        help="off: all; machine: those with a spoken consent, or made on this machine; always: those with one",
    )
    audit = add("audit", "profiles.audit", "keep an encrypted log of what is done with the store's profiles")
    audit.add_argument("what", choices=("on", "off", "show"), help="off destroys the log")
    _add_rotate(add("rotate", "profiles.rotate", "wrap all profiles with a new key; payloads stay"))
    _add_export(add("export", "profiles.export", "write a profile for another device, under a passphrase of its own"))
    _add_import(add("import", "profiles.import_", "take a profile exported elsewhere"))
    bench = add("bench", "bench.bench", "measure speed, first-audio delay and memory on this machine", speech)
    bench.add_argument("--repeats", type=int, default=5, metavar="N", help="how often to measure (default: 5)")
    _add_serve(add("serve", "serve.serve", "speak for other programs: OpenAI's speech API, Wyoming", speech))
    verify = add("verify", "verify.verify", "say whether a sound has the mark of synthetic speech, and where")
    verify.add_argument("file", type=Path, help="a recording")
    verify.add_argument("--mark-key", type=Path, metavar="F", help="read a payload that is keyed with the bytes of F")
    add("doctor", "doctor.doctor", "say what is installed and whether it works")
    completion = add("completion", "completion.completion", "print a script that completes what you type, for a shell")
    completion.add_argument("shell", choices=["bash", "zsh", "fish"], help="the shell; docs/cli.md says where it goes")
    return top


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", type=Path, metavar="DIR", help="where profiles are kept")
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="F", help="unlock with the passphrase in this file; - asks for it"
    )
    parser.add_argument("--key-file", type=Path, metavar="F", help="unlock with this key file")
    parser.add_argument(
        "--key", metavar="SOURCE", help="unlock with tpm2, keyring, credential:NAME (systemd) or fd:N (a passphrase)"
    )
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="another model bundle")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument("recording", nargs="?", type=Path, help="5 to 10 s of clear speech (default: presets speak)")
    demo.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("parrotlet-demo"),
        metavar="DIR",
        help="folder for what it makes (default: parrotlet-demo)",
    )


def _add_enroll(enroll: argparse.ArgumentParser) -> None:
    enroll.add_argument(
        "recordings", nargs="*", type=Path, metavar="RECORDING", help="10 s of clear speech, see docs/recording.md"
    )
    enroll.add_argument("--name", required=True, help="what to call the profile")
    enroll.add_argument("--record", action="store_true", help="record now: sentences to read, with the microphone")
    enroll.add_argument(
        "--texts",
        type=Path,
        metavar="FILE",
        help="what was read: a line for each recording, empty where unknown; the voice gets nearer to the person's",
    )
    enroll.add_argument(
        "--fine-tune",
        action="store_true",
        help="learn from what is heard where no text is known: nearly as good, in some seconds more",
    )
    enroll.add_argument("--replace", action="store_true", help="overwrite a profile of that name")
    enroll.add_argument(
        "--expires", metavar="TIME", help="UTC time after which it no longer opens, e.g. 2030-01-31T00:00:00Z"
    )
    enroll.add_argument(
        "--consent",
        nargs="?",
        const="",
        metavar="TEXT",
        help="what the speaker agreed to, kept with the profile; without TEXT the speaker says so now and is checked",
    )
    enroll.add_argument(
        "--consent-recording", type=Path, metavar="F", help="the speaker's answer to `parrotlet challenge`, recorded"
    )
    enroll.add_argument("--challenge", metavar="ID", help="which challenge --consent-recording answers")
    enroll.add_argument("--speaker", metavar="NAME", help="the speaker's name in the consent record")
    enroll.add_argument(
        "--likeness", type=float, metavar="X", help="0 to 1 (default: 0.85): what say takes if it is not told otherwise"
    )
    enroll.add_argument(
        "--keep-recording", action="store_true", help="keep the speech in the encrypted profile, for later models"
    )


def _add_challenge(challenge: argparse.ArgumentParser) -> None:
    challenge.add_argument("--agreement", metavar="TEXT", help="what the speaker agrees to, in words to be read aloud")
    challenge.add_argument(
        "--within", type=int, metavar="S", help="seconds in which it is to be answered (default: 120)"
    )


def _add_say(say: argparse.ArgumentParser) -> None:
    say.add_argument("text", nargs="?", metavar="TEXT|-|@FILE", help="- reads standard input; @@ begins a text with @")
    say.add_argument("--voice", metavar="NAME", help="a profile, or preset:NAME")
    say.add_argument(
        "-o",
        "--output",
        metavar="OUT.wav|DIR/",
        help="default: speech.wav; .flac, .ogg, .opus and .mp3 are written, too; - is standard output; "
        "a folder, DIR/ or DIR/{chapter}.opus, takes the chapters of a book",
    )
    say.add_argument("--play", action="store_true", help="through the loudspeaker instead of into a file")
    say.add_argument("--subtitles", metavar="F.srt", help="write the words with their times, too (or .vtt)")
    say.add_argument(
        "--batch", type=Path, metavar="LINES.tsv", help="speak lines of id, text and voice into files of the folder -o"
    )
    say.add_argument("--raw", action="store_true", help="16-bit PCM to standard output instead of a file")
    say.add_argument("--likeness", type=float, metavar="X", help="0 to 1: more like the person, less natural")
    say.add_argument("--speed", type=float, default=1.0, metavar="X", help="0.5 to 2")
    say.add_argument("--pitch", type=float, default=0.0, metavar="X", help="semitones, -6 to 6")
    say.add_argument("--volume", type=float, default=1.0, metavar="X", help="0 to 4")
    say.add_argument("--sentence-silence", type=float, metavar="S", help="seconds after each sentence, 0 to 10")
    say.add_argument("--lexicon", type=Path, metavar="F", help="your own words, see docs/text.md")
    _add_convention(say)
    say.add_argument(
        "--format",
        choices=("auto", "plain", "markdown", "html", "ssml"),
        default="auto",
        help="how the text is marked up, see docs/text.md",
    )
    say.add_argument("--ssml", action="store_const", const="ssml", dest="format", help="the same as --format ssml")
    say.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the noise in speech: the same seed, the same samples"
    )


def _add_convention(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--convention",
        choices=("en-US", "en-GB"),
        default="en-US",
        help="how dates, numbers, money and units are read (default: en-US)",
    )


def _add_serve(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("--http", default="127.0.0.1", metavar="HOST:PORT", help="default: 127.0.0.1:8765")
    serve.add_argument("--no-http", action="store_true", help="Wyoming alone")
    serve.add_argument(
        "--wyoming", nargs="?", const="", metavar="HOST:PORT", help="Home Assistant's protocol, too (127.0.0.1:10200)"
    )
    serve.add_argument(
        "--voice",
        action="append",
        default=[],
        metavar="[ALIAS=]NAME",
        help="a profile or preset:NAME to serve, perhaps under another name; may be repeated (default: all)",
    )
    serve.add_argument("--workers", type=int, default=2, metavar="N", help="chunks made at once (default: 2)")
    serve.add_argument("--queue", type=int, default=32, metavar="N", help="requests that may wait (default: 32)")
    serve.add_argument("--token-file", type=Path, metavar="F", help="clients must show the token in this file")
    serve.add_argument("--open", action="store_true", help="let everyone on the network speak in these voices")
    serve.add_argument(
        "--announce", action="store_true", help="tell the network of --wyoming, for Home Assistant to find"
    )
    serve.add_argument("--enroll", action="store_true", help="let clients enroll voices: POST /v1/audio/voices")
    serve.add_argument("--lexicon", type=Path, metavar="F", help="your own words, see docs/text.md")
    _add_convention(serve)


def _add_rotate(rotate: argparse.ArgumentParser) -> None:
    rotate.add_argument(
        "--new-passphrase-file", type=Path, metavar="F", help="the passphrase from now on; - asks for it"
    )
    rotate.add_argument("--new-key-file", type=Path, metavar="F", help="the key file from now on, made if missing")


def _add_export(export: argparse.ArgumentParser) -> None:
    export.add_argument("name", help="a profile")
    export.add_argument("file", type=Path, help="file to write")
    _add_transfer(export)


def _add_import(imported: argparse.ArgumentParser) -> None:
    imported.add_argument("file", type=Path, help="file that `parrotlet export` wrote")
    _add_transfer(imported)
    imported.add_argument("--name", help="store it under another name")
    imported.add_argument("--replace", action="store_true", help="overwrite a profile of that name")


def _add_transfer(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--transfer-passphrase-file", type=Path, required=True, metavar="F", help="the file's passphrase; - asks for it"
    )


class _Version(argparse.Action):
    """Reads the package's metadata only when asked."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from parrotlet.bench import package_version

        print(f"parrotlet {package_version('parrotlet')}")
        parser.exit()
