"""The phoneme table of the acoustic model: the order is part of the weights, so it never changes."""

from __future__ import annotations

from parrotlet.errors import InputError

PAD, START, END = "", "^", "$"
SYMBOLS: tuple[str, ...] = (PAD, START, END, *' ˈˌ,.;:!?—()"“”AIOTWYbdfhijklmnpstuvwzæðŋɐɑɔəɛɜɡɪɹʃʊʌʒʤʧθᵊᵻ')
_IDS = {symbol: index for index, symbol in enumerate(SYMBOLS)}


def phoneme_ids(phonemes: str) -> list[int]:
    """Ids of a phoneme string with the start and end tokens around it.

    Raises InputError naming the first symbol that is not in the table.
    """
    unknown = next((symbol for symbol in phonemes if symbol not in _IDS), None)
    if unknown is not None:
        raise InputError(f"{unknown!r} is not a phoneme of this model: use {''.join(SYMBOLS)!r}")
    return [_IDS[START], *(_IDS[symbol] for symbol in phonemes), _IDS[END]]
