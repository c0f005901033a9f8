"""The inaudible mark of synthetic speech: what is spoken is a little louder here and softer there, in a known pattern.

Time is cut into slots of 40 ms and 300 to 3,500 Hz into bands of 100 Hz. In each cell the sound is raised or lowered
by some 2 dB, as a chip of the pattern says; after 50 slots the pattern begins again. This is multiplicative spread
spectrum (Cox 1997, Kirovski 2003): where nothing sounds, nothing is added. Most chips are public and the same for
everybody: they say "synthetic". The others carry 32 bits, and may be keyed. docs/watermark.md is the specification.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from parrotlet.errors import UsageError

Array = npt.NDArray[np.float32]
Chips = npt.NDArray[np.int8]

SLOT_S, FADE_S, HALF_S = 0.04, 0.015, 0.0125
"""Seconds: a slot, the fade from one to the next, and half the length of the filters."""
LOWEST_HZ, BAND_HZ, BANDS, SLOTS = 300.0, 100.0, 32, 50
GAIN_DB = 2.2
FORMAT = 1
SYMBOLS, SYMBOL_BITS = 6, 7
"""A period carries six symbols: rows of a biorthogonal code (Walsh functions and their negatives) of 64 chips."""
INTEGRATOR_BITS, CHECK_BITS, CHECK_POLYNOMIAL = 24, 10, 0x233
_ROWS = 32  # frames that are filtered at once: their spectra stay in a small processor's cache


@dataclass(frozen=True)
class Watermark:
    """What the mark says besides "synthetic".

    integrator: a number of your product, 0 to 16,777,215; 0 says nothing. key: a secret of 16 bytes or more: without
    it, nobody reads the number, and nobody marks a sound as yours; that the sound is synthetic, everybody reads.
    Raises UsageError.
    """

    integrator: int = 0
    key: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        number = self.integrator
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 1 << INTEGRATOR_BITS:
            raise UsageError(f"a mark's integrator is a whole number from 0 to {(1 << INTEGRATOR_BITS) - 1}")
        require_key(self.key)

    @property
    def word(self) -> int:
        """The 42 bits of a period: format, integrator, check."""
        return checked(FORMAT << INTEGRATOR_BITS | self.integrator)

    def pattern(self) -> Chips:
        """The chips [50, 32], each 1 or -1."""
        chips = np.where(is_data(), data_chips(self.key), sync_chips())
        position, symbol = data_order()
        value = np.array([self.word >> (SYMBOL_BITS * k) & 0x7F for k in range(SYMBOLS)])[symbol]
        chips[is_data()] *= walsh()[value & 0x3F, position] * (1 - 2 * (value >> 6)).astype(np.int8)
        return chips


def require_key(key: bytes | None) -> None:
    """Raise UsageError for what is no key."""
    if key is not None and (not isinstance(key, bytes) or len(key) < 16):
        raise UsageError("a mark's key is 16 bytes or more: take secrets.token_bytes(32), and keep it secret")


def checked(payload: int) -> int:
    """32 bits and their check of 10 bits (CRC-10/ATM)."""
    rest = payload << CHECK_BITS
    for bit in range(31, -1, -1):
        if rest >> (bit + CHECK_BITS) & 1:
            rest ^= (CHECK_POLYNOMIAL | 1 << CHECK_BITS) << bit
    return payload << CHECK_BITS | rest


@lru_cache
def is_data() -> npt.NDArray[np.bool_]:
    """Which cells [50, 32] carry the payload: 12 of each band's 50."""
    slot, band = np.ogrid[:SLOTS, :BANDS]
    return np.asarray((7 * slot + 3 * band) % 25 < 6)


def data_order() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Position and symbol of each cell of the payload, slot by slot, [384] each."""
    at = np.arange(SYMBOLS * 64)
    return at // SYMBOLS, at % SYMBOLS


@lru_cache
def walsh() -> Chips:
    """Walsh functions [64, 64]: -1 where an odd number of ones stands in both indices."""
    functions = np.ones((1, 1), np.int8)
    while len(functions) < 64:
        functions = np.block([[functions, functions], [functions, -functions]])
    return functions


@lru_cache
def sync_chips() -> Chips:
    """The public chips [50, 32]."""
    return _chips(b"parrotlet", b"sync")


@lru_cache
def data_chips(key: bytes | None) -> Chips:
    """The chips [50, 32] on which the payload is put."""
    return _chips(key or b"parrotlet", b"data")


def _chips(key: bytes, label: bytes) -> Chips:
    """HMAC-SHA-256 of the label and a counter, bit by bit, the highest first."""
    blocks = [hmac.digest(key, label + bytes([k]), hashlib.sha256) for k in range(-(-SLOTS * BANDS // 256))]
    bits = np.unpackbits(np.frombuffer(b"".join(blocks), np.uint8))[: SLOTS * BANDS]
    return (1 - 2 * bits.astype(np.int8)).reshape(SLOTS, BANDS)


@lru_cache(maxsize=8)
def _filters(mark: Watermark, rate: int) -> Array:
    """What each slot's filter adds to the sound: spectra [50, K], real, since it has no delay; nothing above them."""
    slot, half = round(SLOT_S * rate), round(HALF_S * rate)
    at = np.arange(-half, half + 1)
    # A band-pass filter of each band: the windowed sinc of a low pass, moved to the band's middle.
    low = np.sinc(at * BAND_HZ / rate) * BAND_HZ / rate * np.cos(np.pi * at / (2 * (half + 1))) ** 2
    middle = LOWEST_HZ + BAND_HZ * (np.arange(BANDS) + 0.5)
    bands = 2 * low * np.cos(2 * np.pi * middle[:, None] * at / rate)
    padded = np.zeros((BANDS, 2 * slot))
    padded[:, at] = bands
    spectra = np.fft.rfft(padded).real[:, : round((LOWEST_HZ + (BANDS + 2) * BAND_HZ) * 2 * slot / rate)]
    return np.asarray((10 ** (GAIN_DB / 20) - 1) * mark.pattern() @ spectra, dtype=np.float32)


class Marker:
    """Marks a stretch of a stream: push samples [N] in any grouping, then ``finish``; as many come out.

    start: where in the stream the stretch begins, in samples: the pattern goes on over pauses. Chunks change the
    samples by rounding only. Up to 80 ms are held back.
    """

    def __init__(self, mark: Watermark, rate: int, start: int = 0) -> None:
        self._spectra = _filters(mark, rate)
        self._slot, fade, half = (round(seconds * rate) for seconds in (SLOT_S, FADE_S, HALF_S))
        rise = np.sin(np.pi / 2 * (np.arange(fade) + 0.5) / fade) ** 2
        flat = np.concatenate([rise, np.ones(self._slot - fade), 1 - rise])
        self._window = np.zeros(2 * self._slot, np.float32)
        self._window[half : half + len(flat)] = flat
        # Frame k begins `half` before slot k, and is two slots long. The first is that where the start lies or fades.
        self._frame = (start + half) // self._slot - 1
        self._skip = start + half - self._frame * self._slot
        self._waiting = np.zeros(self._skip, np.float32)  # from the next frame's beginning on
        self._added: npt.NDArray[np.floating] = np.zeros(self._slot, np.float32)  # by the frame before

    def push(self, samples: Array) -> Array:
        """The next samples -> all that no later one changes."""
        self._waiting = np.concatenate([self._waiting, samples])
        return self._marked(len(self._waiting) // self._slot - 1)

    def finish(self) -> Array:
        """The samples still held back."""
        left = len(self._waiting) - self._skip
        frames = -(-len(self._waiting) // self._slot)
        self._waiting = np.pad(self._waiting, (0, (frames + 1) * self._slot - len(self._waiting)))
        return self._marked(frames)[:left]

    def _marked(self, frames: int) -> Array:
        made = [self._block(min(_ROWS, frames - at)) for at in range(0, frames, _ROWS)]
        joined = made[0] if len(made) == 1 else np.concatenate([np.zeros(0, np.float32), *made])
        cut = min(self._skip, len(joined))
        self._skip -= cut
        return joined[cut:]

    def _block(self, frames: int) -> Array:
        slot = self._slot
        rows = np.lib.stride_tricks.sliding_window_view(self._waiting, 2 * slot)[::slot][:frames]
        which = np.arange(self._frame, self._frame + frames) % SLOTS
        heard = np.fft.rfft(rows * self._window)[:, : self._spectra.shape[1]]
        added: npt.NDArray[np.float64] = np.fft.irfft(heard * self._spectra[which], 2 * slot)
        made = added[:, :slot]
        made += self._waiting[: frames * slot].reshape(frames, slot)
        made[0] += self._added
        made[1:] += added[:-1, slot:]
        self._added = added[-1, slot:]
        self._waiting, self._frame = self._waiting[frames * slot :], self._frame + frames
        return np.asarray(made, np.float32).reshape(-1)


def marked(samples: Array, rate: int, mark: Watermark | None = None) -> Array:
    """Samples [N] with the mark in them."""
    marker = Marker(mark or Watermark(), rate)
    return np.concatenate([marker.push(np.asarray(samples, np.float32)), marker.finish()])
