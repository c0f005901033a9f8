"""Properties of the front end as a whole."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parrotlet.errors import InputError
from parrotlet.text import PHONEMES, TextFrontEnd, TextWarning, Utterance
from parrotlet.text.utterance import Pause

CORPUS_SYMBOLS = ' !"(),.:;?AIOTWYbdfhijklmnpstuvwzæðŋɐɑɔəɛɜɡɪɹʃʊʌʒʤʧˈˌθᵊᵻ—“”'
LOWEST_TEXTS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="0123456789.,:/-$%£ kmKM°'\"()[]ap", max_size=30),
    st.text(alphabet="ABCIVXabcdi .'!?-", max_size=40),
    st.lists(st.sampled_from("Dr. 5 No. 3/4 $1.50 a.m. U.S. read VIII — … 😀 http://a.b @x #y 10-20 km/h".split())).map(
        " ".join
    ),
)


def test_phonemes_hold_the_corpus() -> None:
    assert set(CORPUS_SYMBOLS) <= set(PHONEMES)
    assert len(set(PHONEMES)) == len(PHONEMES)
    assert all(len(symbol) == 1 for symbol in PHONEMES)


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("Hello there.", "həlˈO ðˈɛɹ."),
        ("I believe so.", "ˌI bəlˈiv sˌO."),
        ("The dog and the owl.", "ðə dˈɔɡ ænd ði ˈWl."),
        ("Give it to him.", "ɡˈɪv ɪt tə hˌɪm."),
        ("It was him, of course!", "ˌɪt wʌz hˌɪm, ʌv kˈɔɹs!"),
        ("Water and butter?", "wˈɔTəɹ ænd bˈʌTəɹ?"),
        ("What is it for", "wˌʌt ɪz ɪt fɔɹ"),
        ("FBI", "ˌɛfbˌiˈI"),
        ("They wanted a name.", "ðˌA wˈɑntᵻd ɐ nˈAm."),
    ],
)
def test_matches_the_corpus_style(front_end: TextFrontEnd, text: str, phonemes: str) -> None:
    assert front_end.phonemize(text) == phonemes


@LOWEST_TEXTS
@given(text=TEXTS)
def test_any_text_is_spoken_in_the_alphabet(front_end: TextFrontEnd, text: str) -> None:
    text = text.replace("[[", "[")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextWarning)
        spoken = front_end.normalize(text)
        assert set(front_end.phonemize(text)) <= set(PHONEMES)
        assert re.fullmatch(r"[A-Za-z ,.;:!?'-]*", spoken), spoken
        if re.search(r"[A-Za-z0-9]", text):
            assert re.search(r"[a-z]", spoken.lower()), (text, spoken)


@LOWEST_TEXTS
@given(text=TEXTS)
def test_sentences_lose_nothing_and_words_point_at_their_sounds(front_end: TextFrontEnd, text: str) -> None:
    text = text.replace("[[", "[")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextWarning)
        for utterance in front_end.sentences(text):
            assert len(utterance.phonemes) <= 300
            assert utterance.pause.seconds >= 0
            ends = [0]
            for word in utterance.words:
                assert ends[-1] <= word.start < word.end <= len(utterance.phonemes)
                assert utterance.phonemes[word.start : word.end].strip(" ,.;:!?") != ""
                ends.append(word.end)


def test_every_script_says_something(front_end: TextFrontEnd) -> None:
    for text in (
        "Привет мир",
        "你好",
        "こんにちは",
        "안녕하세요",
        "שלום",
        "مرحبا",
        "नमस्ते",
        "Γειά",
        "ไทย",
        "∮",
        "🦜",
        "☃",
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TextWarning)
            assert any(symbol.isalpha() for symbol in front_end.phonemize(text)), text


@pytest.mark.parametrize("text", ["Ｈｅｌｌｏ ｗｏｒｌｄ", "𝐇𝐞𝐥𝐥𝐨 𝘸𝘰𝘳𝘭𝘥", "the ﬁrst oﬃce", "Việt Nam"])
def test_other_forms_of_known_letters_do_not_warn(front_end: TextFrontEnd, text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", TextWarning)
        assert front_end.phonemize(text)


def test_letters_of_other_scripts_warn(front_end: TextFrontEnd) -> None:
    with pytest.warns(TextWarning, match="script"):
        front_end.phonemize("你好")


@pytest.mark.parametrize("text", ["", "   \n\t ", "...", "\u200b‍", "\x00\x07", "''\"\""])
def test_nothing_to_say_is_empty_and_warns(front_end: TextFrontEnd, text: str) -> None:
    with pytest.warns(TextWarning, match="nothing"):
        assert front_end.phonemize(text) == ""
    with pytest.warns(TextWarning, match="nothing"):
        assert list(front_end.sentences(text)) == []


def test_a_megabyte_in_one_call(front_end: TextFrontEnd) -> None:
    line = "On May 5, 2021, Dr. Smith paid $3.50 for 2 kg of tea; it wasn't much. "
    text = line * (1_000_000 // len(line) // 8)
    utterances = front_end.sentences(text)
    first = next(utterances)
    assert first.phonemes.startswith("ˌɔn mˈA")
    assert sum(len(utterance.words) for utterance in utterances) > 20_000


@pytest.mark.parametrize("text", ["a" * 50_000, "9" * 20_000, "." * 20_000, "a-" * 9_000, "[" * 9_000, "IV" * 9_000])
def test_long_runs_without_spaces(front_end: TextFrontEnd, text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextWarning)
        assert all(len(utterance.phonemes) <= 300 for utterance in front_end.sentences(text))


def test_a_stream_of_pieces_gives_the_same_utterances(front_end: TextFrontEnd) -> None:
    text = "Dr. Smith came at 5 p.m. on Monday. He paid $3.50! See example.com for more. Is it, e.g., No. 5? Yes."
    whole = list(front_end.sentences(text))
    assert list(front_end.sentences(iter(text))) == whole
    assert list(front_end.sentences(re.findall(r"\S+\s*", text))) == whole
    assert [utterance.text.split()[0] for utterance in whole] == ["doctor", "He", "See", "Is", "Yes"]


def test_the_first_sentence_of_a_stream_does_not_wait_for_the_second(front_end: TextFrontEnd) -> None:
    def pieces():
        yield "This is the first. "
        yield "And"
        raise AssertionError("asked for more than was needed")

    assert next(front_end.sentences(pieces())).text == "This is the first"


def test_long_sentences_are_cut_at_clauses(front_end: TextFrontEnd) -> None:
    text = "When the rain had stopped and the sun came out over the hills, we walked down to the river, " * 6
    utterances = list(front_end.sentences(text))
    assert len(utterances) > 1
    assert all(utterance.phonemes[-1] == "," for utterance in utterances[:-1])


def test_pauses_follow_the_punctuation(front_end: TextFrontEnd) -> None:
    one, two, three = front_end.sentences("One.\n\nTwo! Three")
    assert one.pause.seconds > two.pause.seconds > three.pause.seconds > 0


def test_normalizing_twice_changes_nothing(front_end: TextFrontEnd) -> None:
    for text in ("Dr. Smith paid $3.50 on 3/4/2021.", "The FBI's CPUs, e.g. U.S.A.", "Henry VIII read 5 km/h."):
        once = front_end.normalize(text)
        assert front_end.normalize(once) == once
        assert front_end.phonemize(once) == front_end.phonemize(text)


def test_emoji_can_be_silent() -> None:
    assert TextFrontEnd(speak_emoji=False).normalize("Great 👍 work") == "Great work"


def test_inline_phonemes_and_pauses(front_end: TextFrontEnd) -> None:
    assert front_end.phonemize("Say [[pˈæɹətlət]] now.") == "sˈA pˈæɹətlət nˈW."
    utterances = list(front_end.sentences("One [[pause 300ms]] two [[pause 1.5 s]]"))
    assert [(utterance.text, utterance.pause.seconds) for utterance in utterances] == [("One", 0.3), ("two", 1.5)]
    silence = next(front_end.sentences("[[pause 2s]] Hello."))
    assert silence == Utterance("", "", Pause(2.0, "text"), ())
    with pytest.raises(InputError, match="not a phoneme"):
        front_end.phonemize("Say [[xyz]] now.")


def test_user_lexicon(tmp_path) -> None:
    own = {"parrotlet": "pˈæɹətlət", "SQL": "sequel", "Nguyen": "/wˈɪn/"}
    front_end = TextFrontEnd(lexicon=own)
    assert front_end.phonemize("Parrotlet knows SQL.") == "pˈæɹətlət nˈOz sˈikwəl."
    assert front_end.phonemize("Nguyen") == "wˈɪn"
    written = tmp_path / "own.txt"
    written.write_text("# mine\nparrotlet\tpˈæɹətlət\nSQL = sequel\nNguyen /wˈɪn/\n", encoding="utf-8")
    assert TextFrontEnd(lexicon=written).phonemize("Nguyen's parrotlet") == "wˈɪnz pˈæɹətlət"
    written.write_text("lonely\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        TextFrontEnd(lexicon=written)
    with pytest.raises(InputError, match="cannot read"):
        TextFrontEnd(lexicon=tmp_path / "absent.txt")
    with pytest.raises(InputError, match="not a phoneme"):
        TextFrontEnd(lexicon={"word": "/xq/"})


@pytest.mark.parametrize("inside", ["pause -3s", "pause", "pause 3", "pause soon"])
def test_a_pause_without_a_length_says_how_to_write_one(front_end: TextFrontEnd, inside: str) -> None:
    with pytest.raises(InputError, match=r"write a pause like \[\[pause 300ms\]\]"):
        list(front_end.sentences(f"One [[{inside}]] two."))


def test_too_long_a_pause_is_cut_with_a_warning(front_end: TextFrontEnd) -> None:
    with pytest.warns(TextWarning, match="a pause of 20 s is cut to 10 s"):
        assert next(front_end.sentences("One [[pause 20s]] two.")).pause.seconds == 10
