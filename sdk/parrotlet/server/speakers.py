"""The voices that a server speaks in, and the pool that makes their speech.

All of it belongs to the event loop's thread, but for the making of chunks.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from parrotlet.audio import AudioChunk
from parrotlet.bundle import PRESET
from parrotlet.engine import Parrotlet
from parrotlet.errors import InputError, ParrotletError, ProfileExists, ProfileExpired
from parrotlet.options import SpeakOptions
from parrotlet.profile import VoiceProfile, utc_now
from parrotlet.server.turns import Turns
from parrotlet.speech_model import Voice
from parrotlet.store import did_you_mean, find_voice
from parrotlet.vault import ProfileStore


class Busy(ParrotletError):
    """As much is spoken as may be: come back later."""


@dataclass(eq=False)
class Speaker:
    """A voice that is served. Wiped when it is taken from the shelf and nobody speaks in it any more."""

    name: str
    voice: Voice
    description: str
    expires: str | None = None
    private: bool = True
    speaking: int = 0
    retired: bool = False

    def __enter__(self) -> Speaker:
        self.speaking += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.speaking -= 1
        self._wipe_if_unused()

    def retire(self) -> None:
        self.retired = True
        self._wipe_if_unused()

    def _wipe_if_unused(self) -> None:
        if self.private and self.retired and not self.speaking:
            for value in self.voice.inputs.values():
                _wipe(value)


class Shelf:
    """Who can be spoken as: presets, and profiles that were unlocked once.

    names: "NAME", "preset:NAME", or either as "ALIAS=NAME"; none for all that there are.
    """

    def __init__(self, bird: Parrotlet, open_store: Callable[[], ProfileStore | None], names: Iterable[str]) -> None:
        self._bird, self._open_store, self._names = bird, open_store, tuple(names)
        self._speakers: dict[str, Speaker] = {}
        self._added: tuple[str, ...] = ()
        self.changing = asyncio.Lock()
        """Held from reading the profiles until they are served, and from storing one until it is."""

    def __iter__(self) -> Iterator[Speaker]:
        return iter([speaker for speaker in self._speakers.values() if not _expired(speaker)])

    def find(self, name: str) -> Speaker:
        """The voice of that name; a preset may leave out "preset:". Raises InputError, ProfileExpired."""
        speaker = self._speakers.get(name) or self._speakers.get(PRESET + name)
        if speaker is None:
            near = did_you_mean(name, self._speakers)
            raise InputError(f"there is no voice {name[:80]!r}: GET /v1/audio/voices lists those there are{near}")
        if _expired(speaker):
            raise ProfileExpired(f"the voice {name!r} expired at {speaker.expires}: enroll again")
        return speaker

    def default(self) -> Speaker:
        """Who speaks where nobody is named: the first profile, else the first preset. Raises InputError."""
        speakers = list(self)
        if not speakers:
            raise InputError("there is no voice: enroll one, or start the server with --voice")
        return next((speaker for speaker in speakers if speaker.private), speakers[0])

    def read(self) -> tuple[dict[str, Speaker], list[str]]:
        """Unlock the profiles: the voices, and what kept others from being one. Takes time; changes nothing here.

        Raises what ``find_voice`` raises for a voice that was named.
        """
        store = self._open_store()
        if self._names:
            chosen = [(alias, name or alias) for alias, _, name in (given.partition("=") for given in self._names)]
            others = list(self._added)
        else:
            chosen = [(PRESET + name, PRESET + name) for name in self._bird.presets]
            others = [stored.name for stored in store.list()] if store else []
        speakers = {alias: self._read(alias, name, store) for alias, name in chosen}
        problems = []
        for name in others:
            try:
                speakers[name] = self._read(name, name, store)
            except ParrotletError as error:
                problems.append(f"{name!r} is not served: {error}")
        return speakers, problems

    def replace(self, speakers: dict[str, Speaker]) -> None:
        """Serve these voices and no others. Who speaks goes on."""
        before, self._speakers = self._speakers, speakers
        for speaker in before.values():
            speaker.retire()

    def require_free(self, name: str) -> None:
        """Raise ProfileExists when a voice is served under that name, also as another's alias."""
        if name in self._speakers:
            raise ProfileExists(f"a voice is served as {name!r} already: choose another name")

    def add(self, name: str, profile: VoiceProfile) -> Speaker:
        """Serve one more voice, or another one under its name."""
        speaker = self._prepared(name, profile)
        before = self._speakers.get(name)
        self._speakers = {**self._speakers, name: speaker}
        self._added = (*self._added, name)
        if before is not None:
            before.retire()
        return speaker

    def _read(self, alias: str, name: str, store: ProfileStore | None) -> Speaker:
        if name.startswith(PRESET):
            preset = find_voice(self._bird, name)
            description = self._bird.presets[name.removeprefix(PRESET)].description
            return Speaker(alias, self._bird.voice(preset), description, private=False)
        if store is None:
            # Says that there is no store, and which presets are like the name.
            find_voice(self._bird, name)
            raise InputError(f"there is no voice {name!r}")
        return self._prepared(alias, find_voice(self._bird, name, store))

    def _prepared(self, alias: str, profile: VoiceProfile) -> Speaker:
        voice = self._bird.voice(profile)
        self._bird.forget(voice)  # ours alone from here on, so that it can be wiped
        for value in profile.tensors.values():
            _wipe(value)
        return Speaker(alias, voice, f"enrolled {profile.created}", profile.expires)


def _expired(speaker: Speaker) -> bool:
    return speaker.expires is not None and speaker.expires <= utc_now()


class Text:
    """Text that comes in pieces, for a thread that speaks it while it comes."""

    def __init__(self) -> None:
        self._pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._put = self._taken = 0
        self.slots: threading.Semaphore | None = None

    @property
    def waiting(self) -> int:
        """Characters that are not taken yet."""
        return self._put - self._taken

    def put(self, piece: str) -> None:
        self._put += len(piece)
        self._pieces.put(piece)

    def end(self) -> None:
        self._pieces.put(None)

    def __iter__(self) -> Iterator[str]:
        assert self.slots is not None
        while True:
            # Others compute while this thread waits.
            self.slots.release()
            try:
                piece = self._pieces.get()
            finally:
                self.slots.acquire()
            if piece is None:
                return
            self._taken += len(piece)
            yield piece


class Pool:
    """Makes speech, ``workers`` chunks at a time, for at most ``limit`` who ask.

    Whose listener would first have nothing to hear comes first: somebody new before those who have enough to play.
    """

    def __init__(self, bird: Parrotlet, workers: int, limit: int) -> None:
        self.bird, self.workers, self.limit = bird, workers, limit
        self.open = 0
        self._turns: Turns[AudioChunk | None] = Turns(workers)
        self._slots = threading.Semaphore(workers)
        self._all: set[Speech] = set()

    def speak(self, speaker: Speaker, text: str | Text, options: SpeakOptions, ssml: bool = False) -> Speech:
        """Begin to speak: nothing is made before it is asked for. The caller closes it.

        Raises Busy, UsageError, WrongModelError.
        """
        if self.open >= self.limit:
            raise Busy("all voices are busy: try again in a moment, or start the server with a longer --queue")
        chunks = self.bird.speak(text, speaker.voice, options=options, ssml=ssml)
        if isinstance(text, Text):
            text.slots = self._slots
        return Speech(self, chunks, speaker, text if isinstance(text, Text) else None)

    def shutdown(self) -> None:
        """End all speech. Waits for the chunks that are being made."""
        for speech in list(self._all):
            speech.close()
        self._turns.shutdown()


class Speech:
    """One request's chunks, made when they are asked for: who reads slowly holds none."""

    def __init__(
        self,
        pool: Pool,
        chunks: Generator[AudioChunk, None, None],
        speaker: Speaker,
        text: Text | None,
    ) -> None:
        self._pool, self._chunks, self._speaker, self._text = pool, chunks, speaker, text
        # It waits for text, which must not keep a thread from those who do not.
        self._own_thread = ThreadPoolExecutor(1, "streamed") if text is not None else None
        self._loop = asyncio.get_running_loop()
        self._step: Future[AudioChunk | None] | None = None
        self._closed = False
        self._due = time.monotonic()
        self.seconds = 0.0
        pool.open += 1
        pool._all.add(self)
        speaker.__enter__()

    def __aiter__(self) -> Speech:
        return self

    async def __anext__(self) -> AudioChunk:
        if self._closed:
            raise StopAsyncIteration
        if self._own_thread is not None:
            self._step = self._own_thread.submit(self._advance)
        else:
            self._step = self._pool._turns.submit(self._due, self._advance)
        chunk = await asyncio.wrap_future(self._step)
        if chunk is None:
            raise StopAsyncIteration
        if not self.seconds:
            self._due = time.monotonic()  # from here on somebody listens
        self.seconds += chunk.seconds
        self._due += chunk.seconds
        return chunk

    def _advance(self) -> AudioChunk | None:
        with self._pool._slots:
            return next(self._chunks, None)

    def close(self) -> None:
        """Stop within the chunk that is being made; then nobody speaks here any more."""
        if self._closed:
            return
        self._closed = True
        self._pool._all.discard(self)
        if self._text is not None:
            self._text.end()
        step = self._step
        if step is None or step.done() or step.cancel():
            self._release()
        else:
            step.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._release))

    def _release(self) -> None:
        self._chunks.close()
        self._pool.open -= 1
        self._speaker.__exit__()
        if self._own_thread is not None:
            self._own_thread.shutdown(wait=False)


def _wipe(value: object) -> None:
    """Overwrite an array, where it is its own and not a constant."""
    flags = getattr(value, "flags", None)
    if flags is not None and flags.writeable:
        value[...] = 0  # type: ignore[index]
