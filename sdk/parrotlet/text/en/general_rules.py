"""The rules for numbers, names, abbreviations and signs in general, tried after those of `template_rules.py`."""

from __future__ import annotations

from collections.abc import Iterator

from parrotlet.text.en.markup import INLINE
from parrotlet.text.en.patterns import (
    CODES,
    DOTTED_UNIT,
    END,
    FILE,
    MONEY,
    MONTH,
    NUM,
    PER_UNIT,
    REAL,
    SCALE,
    SPACED_UNIT,
    TOP,
    TOUCHING_UNIT,
    UNIT,
    WEEKDAY,
    either,
)
from parrotlet.text.en.rule import Rule
from parrotlet.text.en.tables import AFTER_I, NOT_DESCRIBED, SCALE_WORDS, SENTENCE_STARTERS

_DESCRIBING = rf"(?=\s?[a-z])(?!\s?(?:{SCALE}|{either(NOT_DESCRIBED)})(?![a-z]))"
"""Before a noun, as in "a $5 bill"; the word before is an article."""

_HALF = r"([AaPp])\.?[Mm]\b\.?"
_TO_TWELVE = r"(1[0-2]|0?\d)"
_ORDINAL_END = "(?:st|nd|rd|th)?"
_FIGURE = r"(?=\s*(?:\(?#?\d|[IVX]{2,}\b|[VX]\b))"
_ABBREVIATED = r"([wb]/[oc]?|(?:[A-Za-z]\.)+[A-Za-z]|[A-Za-z]+(?:\.[A-Za-z])?)"
_STARTER = rf"(?!\s*(?:{either(word.capitalize() for word in SENTENCE_STARTERS)})(?![a-z]))"
_NAMED = r"(?=\s*(?:[A-Z][a-z]|[A-Z]\.))"
_PHRASED = r"(?:^|\s)[^A-Z\s]\S*\w\s$"
"""A small word stands before: "plan B. Then" has no initial."""


def _measures() -> Iterator[Rule]:
    """A number with its unit, in the singular after one and before what it describes."""
    amount, scale = rf"({REAL})", rf"(?:\s({either(SCALE_WORDS)}))?"
    sign, gap = r"((?<!\w)[-−+±~<>])?", rf"[\s-](?!(?:{TOUCHING_UNIT})(?![\w°²³]))"
    unit = rf"(?:({DOTTED_UNIT})\.(?=[\s)\"])(?=[ \"')]*[^A-Z \"')])|({UNIT}))([²³])?"
    per = rf"(?:/({PER_UNIT})([²³])?)?(?![\w°])"
    noun = r"(?!/)(?![\w°])(?=[ \"')]*[a-z])"
    rate = "{7?per} {7:PER} {8:SYMBOLS}"
    one, many = "{6:POWERS} {4:one} {5:one}", "{6:POWERS} {4:many} {5:many}"
    said = "{1:MEASURE_SIGNS} {2:real} {3:as}"
    yield Rule("measure", "0.", rf"{sign}(1)()(?:{gap})?{unit}{per}", f"{said} {one} {rate}")
    yield Rule("measure", "0.", rf"{sign}{amount}{scale}(?=-){gap}{unit}{per}", f"{said} {one} {rate}")
    yield Rule("measure", "0.", rf"{sign}{amount}{scale}(?:{gap})?{unit}{noun}", f"{said} {one}", after="ARTICLES")
    yield Rule("measure", "0.", rf"{sign}{amount}{scale}(?:{gap})?{unit}{per}", f"{said} {many} {rate}")


_ADDRESSES = (
    Rule("inline", ".", INLINE.pattern, "{0:as}"),
    Rule("email", "0Aa.", r"([\w.+-]+)@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,})", "{1:address} at {2:domain}"),
    Rule(
        "url",
        "0Aa.",
        rf"(?:(?:https?|ftp)://)?((?:[A-Za-z0-9-]+\.)+(?:{TOP})|(?<=://)[A-Za-z0-9.-]+)(?::(\d+))?"
        r"(/[^\s\"'<>]*[^\s.,;:!?\"'<>)\]/])?/*(?![\w@])",
        "{1:domain} {2?colon} {2:bare} {3:address}",
    ),
    Rule(
        "url with scheme",
        "a",
        r"(?:(?:https?|ftp)://)([A-Za-z0-9.-]+)(?::(\d+))?(/[^\s\"'<>)\]]*[^\s.,;:!?\"'<>)\]/])?/*",
        "{1:domain} {2?colon} {2:bare} {3:address}",
    ),
)
_NAMES = (
    Rule(
        "file",
        "0Aa.",
        rf"((?:[A-Za-z]:)?[\w./\\~-]*[\w-])\.({FILE})(?![\w.]*\w)",
        "{1:address} dot {2:ending}",
    ),
    Rule("path", ".", r"((?:~|\.{1,2})?(?:/[\w.-]+){2,})/?", "{1:address}"),
    Rule("dial code", ".", r"[*#]+\d+(?:\*\d+)*#|\*\d+" + END, "{0:dial}"),
    Rule("set phrase", "0Aa.", r"[\d/-]+[\w°()-]*|[A-Za-z]\w*", "{0:DIGIT_WORDS}"),
    Rule("identifier", "Aa.", r"_*[A-Za-z][A-Za-z0-9]*(?:_+[A-Za-z0-9]+)+(?!\w)", "{0:address}"),
    Rule("hashtag", ".", r"#([A-Z]\d+)(?!\w)", "number {1:address}"),
    Rule("hashtag", ".", r"#([A-Za-z]\w*)", "hashtag {1:address}"),
    Rule("handle", ".", r"@([A-Za-z]\w*)", "at {1:address}"),
)
_MONEY = (
    Rule(
        "money range",
        ".A",
        rf"({MONEY})\s?({REAL})(?:\s?({SCALE}))?\s?[-–]\s?(?:{MONEY})?({REAL})(?:\s?({SCALE}){END})?",
        "{2:real} {3:SCALE_NAMES} to {4:amount 1 5}",
    ),
    Rule(
        "money described",
        ".A",
        rf"([-−])?({MONEY})\s?({REAL})(?:\s?({SCALE}){END})?(?=-\s?[a-z])",
        "{1?minus} {3:amount 2 4 described}",
    ),
    Rule(
        "money described",
        ".A",
        rf"([-−])?({MONEY})\s?({REAL})(?:\s?({SCALE}){END})?{_DESCRIBING}",
        "{1?minus} {3:amount 2 4 described}",
        after="ARTICLES",
    ),
    Rule(
        "money",
        ".A",
        rf"([-−])?({MONEY})\s?({REAL})(?:\s?({SCALE}){END})?(?:/({PER_UNIT}){END})?",
        "{1?minus} {3:amount 2 4} {5?per} {5:PER}",
    ),
    Rule("money after", "0.", rf"({REAL})(?:\s?({SCALE}))?\s?({MONEY}|(?:{CODES})\b)", "{1:amount 3 2}"),
    Rule("money code", "A", rf"({CODES})\s?({REAL})(?:\s?({SCALE}){END})?", "{2:amount 1 3}"),
)
_DATES = (
    Rule("iso date", "0", r"(\d{4})-(\d{2})-(\d{2})(?!\d)", "{2:month} {3:day}, {1:year}"),
    Rule(
        "slash date",
        "0",
        r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?!\d|\.\d)",
        "{1:month} {3:day}, {4:years}",
    ),
    Rule("slash date", "0", r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?!\d|\.\d)", "{3:month} {1:day}, {4:years}"),
    Rule(
        "month day",
        "A",
        rf"({MONTH})\.?\s(\d{{1,2}}){_ORDINAL_END}(?:\s?[-–]\s?(\d{{1,2}}){_ORDINAL_END})?(?!\d|:\d|,\d)"
        r"(?:,?\s(\d{4})(?!\d))?",
        "{1:MONTH_SHORT} {2:day} {3?to} {3:day} {4?,} {4:year}",
    ),
    *(
        Rule(
            "day month",
            "0",
            rf"(\d{{1,2}}){_ORDINAL_END}(?:\sof)?\s({MONTH})\b\.?(?:,?\s(\d{{4}})(?!\d))?",
            article + "{1:day} of {2:MONTH_SHORT} {3?,} {3:year}",
            after=table,
        )
        for article, table in (("", "THE"), ("the ", ""))
    ),
    Rule("month year", "A", rf"({MONTH})\.?,?\s(\d{{4}})(?!\d)", "{1:MONTH_SHORT} {2:year}"),
    Rule(
        "month short",
        "A",
        r"(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.(?=[\s,;:!?)]|$)",
        "{1:MONTH_SHORT}",
    ),
    Rule("days", "A", rf"({WEEKDAY})\.?\s?[-–]\s?({WEEKDAY}){END}(?:\.(?=,|\s[a-z\d]))?", "{1:DAYS} to {2:DAYS}"),
    Rule("months", "A", rf"({MONTH})\.?\s?[-–]\s?({MONTH}){END}", "{1:MONTH_SHORT} to {2:MONTH_SHORT}"),
    Rule("decade", "0.", r"'?2000'?s(?!\w)|'00'?s(?!\w)", "two thousands"),
    Rule("decade", "0.", r"'?(\d\d)00'?s(?!\w)", "{1:cardinal} hundreds"),
    Rule("decade", "0.", r"'?(\d\d)?([1-9]0)'?s(?!\w)", "{1:cardinal} {2:tens}"),
)
_TIMES = (
    Rule("until", "Aa", r"([Nn]oon|[Mm]idnight)\s?[-–]\s?(?=\d)", "{1:as} to"),
    Rule(
        "hours of the day",
        "0",
        r"([01]\d|2[0-4])00\s?(?:hours|hrs?)(?!\w)",
        "{1:minutes} hundred hours",
        r"(?i)\b(?:at|by|from|until|till|to|before|after)\s$",
    ),
    Rule(
        "hours of the day",
        "0",
        r"([01]\d|2[0-3])([0-5]\d)\s?(?:hours|hrs?)(?!\w)",
        "{1:minutes} {2:minutes} hours",
        r"(?i)\b(?:at|by|from|until|till|to|before|after)\s$",
    ),
    Rule(
        "clock range",
        "0",
        rf"{_TO_TWELVE}(?::(\d\d))?\s?[-–]\s?(?=\d{{1,2}}(?::\d\d)?\s?[AaPp]\.?[Mm]\b)",
        "{1:cardinal} {2:past} to",
    ),
    Rule(
        "until",
        ".",
        r"(?:(?<=[AaPp][Mm])|(?<=[Mm]\.)|(?<=:\d\d)|(?<=[Mm]\s)|(?<=[Mm]\.\s)|(?<=:\d\d\s))"
        r"[-–]\s?(?=\d{1,2}(?::\d\d|\s?[AaPp]\.?[Mm])|(?:noon|midnight|late|close|dusk|dawn)\b)",
        "to",
    ),
    Rule(
        "clock",
        "0",
        rf"(\d{{1,2}}):(\d\d)(?::(\d\d))?\s?{_HALF}(?!\d|:\d)",
        "{1:hour} {2:past} {3?and} {3:count second seconds} {4:HALVES} {.}",
    ),
    Rule(
        "clock",
        "0",
        r"(0?[1-9]|1[0-2]):00(?::(\d\d))?(?!\d|:\d)",
        "{1:cardinal} o'clock {2?and} {2:count second seconds}",
    ),
    Rule("clock", "0", r"(\d{1,2}):00(?::(\d\d))?(?!\d|:\d)", "{1:hour} hundred {2?and} {2:count second seconds}"),
    Rule(
        "clock",
        "0",
        r"(\d{1,2}):(\d\d)(?::(\d\d))?(?!\d|:\d)",
        "{1:hour} {2:past} {3?and} {3:count second seconds}",
    ),
    Rule("hour", "0", rf"{_TO_TWELVE}\s?{_HALF}", "{1:cardinal} {2:HALVES} {.}"),
    Rule("ratio", "0", r"(\d+):(\d)(?![\d:])", "{1:cardinal} to {2:cardinal}"),
    Rule(
        "duration",
        "0",
        r"(\d+)\s?h\s?(\d{1,2})(?:\s?m(?:in)?)?(?:\s?(\d{1,2})\s?s)?(?!\w)",
        "{1:count hour hours} {2:count minute minutes} {3:count second seconds}",
    ),
)
_PHONES = (
    Rule("phone", "0.", r"(?:\+?\d{1,3}[ .-])?(?:\(\d{3}\)\s?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\d)", "{0:phone}"),
    Rule(
        "phone",
        "0.",
        r"\+\d{1,3}(?:[ .-]?\d{2,4}){2,5}(?!\d)|1-800(?:-\d{3,4})+|0\d{2,4}(?:[ ]\d{3,4}){2}(?!\d)|\d{3}-\d{4}(?!\d)",
        "{0:phone}",
    ),
)
_AFFIX = r"(?:-?((?:rc|beta|alpha|dev|a|b)(?:\.?\d+)?))?(?!\w)"
_NUMBERS = (
    Rule("version", "Aa", rf"[vV]\.?\s?(\d+(?:\.\d+)*){_AFFIX}", "version {1:points} {2:address}"),
    Rule("version", "0", rf"(\d+(?:\.\d+){{3}}){_AFFIX}(?!\.\d)", "{1:dots} {2:address}"),
    Rule("version", "0", rf"(\d+(?:\.\d+){{2,}}){_AFFIX}", "{1:points} {2:address}"),
    *(
        Rule(
            "dimensions",
            "0.",
            rf"({REAL}(?:\s?[x×]\s?{REAL})+)(?:\s?({UNIT}))?{END}{following}",
            f"{{1:sizes {joint}}} {{2:many}}",
            after=table,
        )
        for joint, following, table in (
            ("times", "", "RECKONING"),
            ("times", r"(?=\s?[=<>≤≥≈≠^])", ""),
            ("by", "", ""),
        )
    ),
    Rule("feet", "0", r"(\d{1,2})'\s?(\d{1,2})\"", "{1:count foot feet} {2:cardinal}"),
    Rule("fraction", "0", r"(\d+)[ -]+(\d+)/(\d+)(?:\"|'')", "{1:cardinal} and {2:part 3 article} inches"),
    Rule("fraction", "0", r"(\d+)/(\d+)(?:\"|'')", "{1:part 2} inch"),
    Rule(
        "fraction",
        "0",
        rf"(\d+)[ -]+(\d+)/(\d+)(?![\d/])(?:\s({SPACED_UNIT}){END})?",
        "{1:cardinal} and {2:part 3 article} {4:many}",
    ),
    Rule("fraction", "0", rf"(\d+)/(\d+)(?![\d/])(?:\s({SPACED_UNIT}){END})?", "{1:part 2} {3:one}"),
    Rule("fraction", "0", rf"(\d+)/(\d+)(?![\d/])(?!\s(?:{SPACED_UNIT}){END})", "{1:bare} over {2:bare}"),
    Rule("range", "0", r"(1[1-9]\d\d|20\d\d)\s?[–-]\s?(\d{4})(?![\w-])", "{1:year} to {2:year}"),
    Rule("range", "0", r"(1[1-9]\d\d|20\d\d)\s?[–-]\s?(\d+)(?![\w.,-])", "{1:year} to {2:cardinal}"),
    Rule(
        "range",
        "0.",
        rf"({REAL})\s?[–-]\s?({REAL})(?:(?:\s(?!(?:{TOUCHING_UNIT})(?!\w|\.\s[a-z])))?({UNIT})(?:/({PER_UNIT}))?)?(?![\w-])",
        "{1:real} to {2:real} {3:many} {4?per} {4:PER}",
    ),
    Rule("ordinal", "0", rf"({NUM})(?:st|nd|rd|th|ST|ND|RD|TH){END}", "{1:ordinal}"),
    *_measures(),
    Rule("multiple", "0.", rf"({REAL})[xX]{END}{_DESCRIBING}", "{1:real} X", after="ARTICLES"),
    Rule("multiple", "0.", rf"({REAL})[xX]{END}", "{1:real} times"),
    Rule(
        "kilometers run",
        "0",
        r"(\d{1,2})[kK](?=\s(?:run|race|walk|pace|runs|races|runners?|jog|finish|course|charity)\b)",
        "{1:cardinal} K",
    ),
    Rule(
        "kilometers run",
        "0",
        r"(\d{1,2})[kK](?!\w)",
        "{1:cardinal} K",
        r"(?i)\b(?:ran|run|running|race|jog|jogged|walked)\s(?:a|the|my|her|his|our|their)\s$",
    ),
    Rule("model number", "0", r"(\d{4})(?![\d,.]\d)(?!\w)", "{1:pairs}", r"\b(?:RTX|GTX|RX|GeForce|Radeon|Boeing)\s$"),
    Rule("scaled", "0.", rf"({REAL})([kmb]|bn|mn|tn){END}", "{1:real} {2:SCALES}"),
    Rule("scaled", "0.", rf"({REAL})([KMBT]){END}(?!\s[A-Z])", "{1:real} {2:SCALES}", unless="COUNTED"),
    Rule(
        "scientific",
        "0.",
        rf"({REAL})[eE]([-−])?\+?(\d+){END}",
        "{1:real} times ten to the {2?minus} {3:cardinal}",
    ),
    Rule("hexadecimal", "0", r"0x([0-9A-Fa-f]+)\b", "zero X {1:code}"),
    *(
        Rule(
            "number",
            "0.",
            rf"((?<!\w)[-−+±~#№])?\s?({amount}){tail}(?!\w|/\d)",
            "{1:SIGNS} {2:" + way + "}",
            after=table,
        )
        for amount, tail, way, table in (
            (r"\d{3,4}(?!\d|[.,]\d)", "", "pairs", "COUNTED"),
            (REAL, "'s", "possessed", ""),
            (REAL, "s", "plural", ""),
            (REAL, "", "number", ""),
        )
    ),
)
_ROMAN = r"(?![\w'.-]*\w)"
_NUMERALS = (
    Rule("roman", "A", rf"((?:[IVXLCDM]{{2,}}|[VXLCDM])(?:'s)?){_ROMAN}", "{1:regnal}", after="REGNAL"),
    Rule("roman", "A", rf"I{_ROMAN}(?!\s(?:{either(AFTER_I)})\b)", "the first", after="REGNAL_NAMES"),
    Rule("roman", "A", rf"I's{_ROMAN}", "the first's", after="REGNAL_NAMES"),
    Rule("roman", "A", rf"([IVXLCDM]+(?:'s)?){_ROMAN}", "{1:roman}", after="NUMBERED"),
    Rule("roman", "A", rf"((?:[IVX]{{2,}})(?:'s)?){_ROMAN}", "{1:roman}"),
    Rule("small roman", "a", r"([ivx]+)(?=\))", "{1:roman}", r"\($", r"\w\($"),
    Rule("small roman", "a", rf"([ivx]+){_ROMAN}", "{1:roman}", after="NUMBERED"),
)
_ABBREVIATIONS = (
    Rule("saint", "Aa", r"[Ss][Tt]\.?(?![\w'-])(?=\s*[A-Z][a-z])", "saint"),
    Rule("street", "Aa", r"[Ss][Tt]\.(?![\w'-])", "street {.}"),
    Rule("drive", "Aa", r"[Dd][Rr]\.(?![\w'-])(?!\s*[A-Z])", "drive {.}"),
    Rule("drive", "Aa", r"[Dd][Rr](?![\w'.-])(?!\s*[A-Z])", "drive", after="*"),
    Rule("slashed", "Aa", r"([A-Za-z]/[A-Za-z])(?![\w/])", "{1:SLASHED}"),
    Rule("room", "Aa", r"[Rr]m\.?(?=\s#?\d)", "room"),
    Rule("population", "Aa", r"[Pp]op\.(?=\s\d)", "population"),
    Rule("numbered", "Aa", rf"([A-Za-z]+)\.(?![\w'-]){_FIGURE}", "{1:NUMBERED_ABBREVIATIONS}"),
    Rule("numbered", "Aa", rf"([A-Za-z]+)(?![\w'.-]){_FIGURE}", "{1:NUMBERED_ALONE}"),
    Rule("title", "Aa", r"([A-Za-z]+)\.(?![\w'-])(?=\s*[A-Z])", "{1:TITLES}"),
    Rule("title", "Aa", r"([A-Za-z]+)(?![\w'-])(?=\s*[A-Z])", "{1:TITLES_ALONE}"),
    Rule("title", "Aa", r"([A-Za-z]+)\.(?![\w'-])", "{1:TITLES_ALONE} {.}"),
    Rule("title", "Aa", r"([Mm][Rr][Ss]?|[Mm][Ss])(?![\w'-])", "{1:TITLES}"),
    Rule("small letters", "a", r"([a-z]+)(?![\w'-])", "{1:small_letters}"),
    Rule("weekday", "A", r"([A-Z][A-Za-z]*)\.(?![\w'-])", "{1:WEEKDAYS} {.}", unless="POINTERS"),
    Rule("weekday", "A", r"([A-Z][A-Za-z]{3,4})(?![\w'-])", "{1:WEEKDAYS}", unless="POINTERS"),
    Rule("abbreviation", "Aa", r"([eE]\.[gG]|[iI]\.[eE])\.?(?![\w'-])(?!\.?\s*,)", "{1:ABBREVIATIONS} ,"),
    Rule(
        "abbreviation",
        "Aa",
        rf"(?!(?:[Aa][Ll]|[Ee][Dd]|[Ee][Ss][Tt]|[Cc][Aa])\.\s*$){_ABBREVIATED}\.(?![\w'-])",
        "{1:ABBREVIATED} {.}",
    ),
    Rule("abbreviation", "Aa", rf"(?![A-Z]{{1,4}}(?![\w'.-])){_ABBREVIATED}(?![\w'-])", "{1:ABBREVIATED_ALONE}"),
    Rule(
        "initials",
        "Aa",
        r"((?:[A-Za-z]\.){2,}(?:[A-Z]\b)?|(?:[A-Z]\.\s)+[A-Z]\.(?=\s[A-Z][a-z]))",
        "{1:letters} {.}",
    ),
    Rule("initial", "A", rf"A\.{_NAMED}{_STARTER}", "ay", bar=_PHRASED),
    Rule("initial", "A", rf"J\.{_NAMED}{_STARTER}", "J"),
    Rule("initial", "A", rf"([A-Z])\.{_NAMED}{_STARTER}", "{1:letters}", bar=_PHRASED),
)
_WORDS = (
    Rule("mixed", "0Aa.", r"(?=\w*-?\w*\d)[A-Za-z]*\d*(?:-?(?:[A-Za-z]+|\d+(?:\.\d+)*))+(?![\w])", "{0:mixed}"),
    Rule("shouted article", "A", r"A(?=\s+[A-Z]{2,}\b)", "a"),
    Rule("acronym", "A", r"([A-Z]{2,})('?[sS]|')?(?![\w-])", "{1:acronym 2}"),
    Rule("hyphenated", "Aa", r"[A-Za-z]+(?:-[A-Za-z]+)+", "{0:hyphenated}"),
    Rule("stretched", "Aa", r"(?=[A-Za-z]*?([A-Za-z])\1\1)[A-Za-z]+(?![\w'-])", "{0:held}"),
    Rule("elided", ".", r"'([A-Za-z]+)'?(?![\w])", "{1:ELIDED}"),
)
_SIGNS = (
    Rule("operator", ".", r"(?:[=!<>]=|[=-]>)(?!=)(?=\s*\S)", "{0:OPERATORS}", after="*"),
    Rule("dots", ".", r"\.(?:\s?\.)+(?=\s*[a-z])", ","),
    Rule("dots", ".", r"\.(?:\s?\.)+", "."),
    Rule("marks", ".", r"(?=(?:[!?]\s?)*\?)[!?](?:\s?[!?])+", "?"),
    Rule("marks", ".", r"[!?](?:\s?[!?])+", "!"),
    Rule("arithmetic", ".", r"([=+<>×÷≈≠≤≥±]|(?<=\s)[/*])(?=\s)", "{1:SYMBOLS}", after="*"),
    Rule("dash", ".", r"(?:—|–|--+|-(?=\s))", ",", after="*"),
    Rule("dash", ".", r"(?:—|–|--+|-(?=\s))", ""),
    Rule("brackets", ".", r"[)\]}][()\[\]{}]*(?=\s*(?:$|[,.;:!?]))", ""),
    Rule("brackets", ".", r"[()\[\]{}]+", ",", after="*"),
    Rule("brackets", ".", r"[()\[\]{}]+", ""),
    Rule("decoration", ".", r"([*_~=#|^\\`•·-])\1+|[*_`\"•·‣◦●■□▪]", ""),
)
FIRST_RULES: tuple[Rule, ...] = _ADDRESSES
GENERAL_RULES: tuple[Rule, ...] = (
    *_NAMES,
    *_MONEY,
    *_DATES,
    *_TIMES,
    *_PHONES,
    *_NUMBERS,
    *_NUMERALS,
    *_ABBREVIATIONS,
    *_WORDS,
    *_SIGNS,
)
