"""New voices over HTTP, where that is switched on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from parrotlet.advice import RecordingReport
from parrotlet.challenge import Challenges
from parrotlet.consent import SpokenConsent
from parrotlet.engine import Parrotlet
from parrotlet.errors import InputError, UsageError
from parrotlet.profile import ConsentRecord, VoiceProfile, recordings_sha256, utc_now
from parrotlet.server.speakers import Busy, Shelf, Speaker
from parrotlet.vault import ProfileStore

MOST_BYTES, MOST_FILES = 32 * 1024 * 1024, 10
MOST_FORMS, FORM_S = 2, 60.0
"""Forms that may be on their way at once, and how long each may take."""
RECORDINGS = ("files", "files[]", "file", "audio_sample")
"""Names of the fields that hold recordings; OpenAI's is the last."""
TEXTS = ("texts", "texts[]")
"""Names of the fields that hold what was read in each of them."""


@dataclass(frozen=True)
class Form:
    """What a client sent. texts: what was read in each recording, or nothing. consent: a text, or the nonce of a
    challenge and the recording that answers it. fine_tune: learn without texts as well."""

    name: str
    recordings: list[bytes]
    texts: list[str]
    consent: str | tuple[str, bytes]
    speaker: str
    fine_tune: bool = False


class _InMemory(MultiPartParser):
    """A recording is somebody's voice: it does not go to a temporary file."""

    spool_max_size = MOST_BYTES + 1


class Desk:
    """Makes profiles, one at a time, and puts them into the store and on the shelf."""

    def __init__(self, bird: Parrotlet, store: ProfileStore, shelf: Shelf) -> None:
        self._bird, self._store, self._shelf = bird, store, shelf
        self._thread = ThreadPoolExecutor(1, "enrollment")
        self._busy = False
        self._forms = 0
        self.challenges = Challenges()

    async def enroll(self, request: Request) -> tuple[Speaker, list[RecordingReport]]:
        """The voice in a form: name, files, and consent, or challenge and consent_recording.

        Raises Busy, UsageError, InputError, VaultError.
        """
        if self._busy or self._forms >= MOST_FORMS:
            raise Busy("somebody is being enrolled: try again in a moment")
        self._forms += 1
        try:
            form = await asyncio.wait_for(_form(request), FORM_S)
        except asyncio.TimeoutError as error:
            raise UsageError(f"the form did not come within {FORM_S:g} s: send it again") from error
        finally:
            self._forms -= 1
        if self._busy:
            raise Busy("somebody is being enrolled: try again in a moment")
        self._busy = True
        try:
            work = asyncio.get_running_loop().run_in_executor(self._thread, self._make, form, utc_now())
            profile, reports = await asyncio.shield(work)
            async with self._shelf.changing:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._store.save, form.name, profile)
                return self._shelf.add(form.name, profile), reports
        finally:
            self._busy = False

    def _make(self, form: Form, came_at: str) -> tuple[VoiceProfile, list[RecordingReport]]:
        self._store.require_free(form.name)
        self._shelf.require_free(form.name)
        consent: ConsentRecord | SpokenConsent
        if isinstance(form.consent, str):
            digest = recordings_sha256(form.recordings)
            method = "POST /v1/audio/voices"
            consent = ConsentRecord(form.consent, speaker=form.speaker, recording_sha256=digest, method=method)
        else:
            nonce, take = form.consent
            consent = SpokenConsent(self.challenges.redeem(nonce), take, form.speaker, came_at)
        reports: list[RecordingReport] = []
        profile = self._bird.enroll(
            form.recordings, consent=consent, on_report=reports.append, texts=form.texts, fine_tune=form.fine_tune
        )
        return profile, reports

    def shutdown(self) -> None:
        self._thread.shutdown(wait=True)


async def _form(request: Request) -> Form:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise UsageError("the body is not a form: send multipart/form-data with name, consent and files")
    try:
        parser = _InMemory(request.headers, _bounded(request), max_files=MOST_FILES, max_fields=20)
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise UsageError("the form cannot be read: send multipart/form-data with name, consent and files") from error
    except ClientDisconnect as error:
        raise UsageError("the client went away") from error
    try:
        name, speaker = form.get("name"), form.get("speaker", "")
        if not isinstance(name, str) or not name:
            raise UsageError("name is missing: say what to call the voice")
        if not isinstance(speaker, str):
            raise UsageError("speaker is a file: write the person's name, or leave it out")
        consent = await _consent(form)
        parts = [part for field in RECORDINGS for part in form.getlist(field)]
        recordings = [await part.read() for part in parts if isinstance(part, UploadFile)]
        texts = [part for field in TEXTS for part in form.getlist(field) if isinstance(part, str)]
        fine_tune = form.get("fine_tune", "false")
        if fine_tune not in ("true", "false"):
            raise UsageError("fine_tune is true or false: whether to learn from files whose text is not known")
    finally:
        await form.close()
    if not recordings:
        raise UsageError("files are missing: send a recording of 10 s of clear speech")
    return Form(name, recordings, texts, consent, speaker, fine_tune == "true")


async def _consent(form: FormData) -> str | tuple[str, bytes]:
    text, nonce, take = (form.get(name) for name in ("consent", "challenge", "consent_recording"))
    if nonce is None and take is None:
        if isinstance(text, str) and text.strip():
            return text
        raise UsageError("consent is missing: write what was agreed to, or send challenge and consent_recording")
    if text is not None:
        raise UsageError("the form has consent and challenge: send one of them")
    if not isinstance(nonce, str) or not isinstance(take, UploadFile):
        raise UsageError(
            "challenge is the id that POST /v1/audio/consent_challenges gave, and consent_recording the file with the "
            "sentence, read aloud: send both"
        )
    return nonce, await take.read()


async def _bounded(request: Request) -> AsyncGenerator[bytes, None]:
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > MOST_BYTES:
            raise InputError(f"the recordings are larger than {MOST_BYTES >> 20} MiB: send FLAC, or less")
        yield piece
