"""Rules that are data through and through: pattern, context and template.

They are tried before those of `rules.py`. Patterns stay within what Python's `re` and ECMAScript share
(`export_rules.py` refuses the rest); a `left` or `bar` that begins with `(?i)` takes capitals for small letters.
"""

from __future__ import annotations

from parrotlet.text.en.patterns import CODES, MONEY, MONTH, NUM, PER_UNIT, REAL, UNIT, WEEKDAY, either
from parrotlet.text.en.rule import Rule
from parrotlet.text.en.tables import (
    ADDRESS_PARTS,
    BOOKS,
    COUNTED_THINGS,
    DESCRIBED_THINGS,
    DIRECTIONS,
    FUNCTIONS,
    SENTENCE_STARTERS,
    STATES,
    STATES_ALONE,
    STREETS,
)

_CODE_LEFT = (
    r"(?i)(?:\b(?:codes?|pin|passcode|password|otp|zip|zipcode|postcode|extension|ext\.?|account|acct\.?|routing|serial|"
    r"tracking|confirmation|ssn|imei|sku|upc|iban|ids?|uuid|guid)(?:\s(?:codes?|number|no\.?|id|is|was|are|to|with|your|it's))*"
    r"|\b(?:order|case|ticket|invoice|card|reference|ref|policy|member|membership|booking|reservation|claim|model|part|"
    r"licen[sc]e|phone|fax|box|item|product|patient|student|employee|customer|receipt|permit)\s(?:number|no\.?|id)"
    r"(?:\s(?:is|was))?|\b(?:order|case|ticket|invoice|reference|ref|policy|booking|reservation|claim)(?=:)|\b(?:ending|ends|starting|beginning)\s(?:in|with)|\btext\s[^\s]{1,15}\sto|\bdial)[\s:#]+$"
)
DATE_LEFT = (
    r"(?i)\b(?:due|by|on|open|closed|runs|valid|available|until|till|since|before|after|from|through|thru|date|dated|starting|starts?|begins?|beginning|"
    r"ends?|ending|between|expires?|effective|arrives?|arriving|delivered|ships|shipped|born|day|week of|mon|tues?|wed|"
    r"thu(?:rs?)?|fri|sat|sun|(?:mon|tues|wednes|thurs|fri|satur|sun)day)[.,:]?\s$"
    r"|\bdate\b(?:\son\sit)?\s(?:is|was|of)\s$|\b\d{1,2}/\d{1,2}\s(?:and|or|&)\s$"
)
_EXPIRES = (
    r"(?i)\b(?:expires?|expiry|expiration|exp\.?|valid (?:thru|through|until)|good thru)(?: date)?:?(?: in| on)?\s$"
)
_RATED = (
    r"(?i)\b(?:scores?|scored|rat(?:ed|ing|es?)|got|gave|give|given|pain|mark|solid)(?:\s(?:of|it|a|an|is|was|at|them|me))*"
    r":?\s$"
)
_TIMED = (
    r"(?i)\b(?:timers?|countdown|duration|took|takes?|lasts?|lasted|lasting|length|runtime|running time|run time|"
    r"elapsed|finished in|time of|stopwatch|ran for|runs for|remaining)(?:\s(?:is|was|of|for|in|at|to|set))*:?\s$"
)
_CLOCKED = r"(?i)\b(?:timer|countdown|stopwatch|duration|run(?:ning )? ?time)(?:\s(?:is|was|of|for|at|set|to))*:?\s$"
_WAITING = (
    r"(?i)\b(?:timer|snooze|wait|eta|next \w+|back|starts|leaves?|arrives?|break|nap|rest)"
    r"(?:\s(?:is|in|for|of|set|at|to))*:?\s\(?$"
)
_UNDER_WAY = r"(?=\s(?:remaining|left|ago|later|from now|timer|delay|early|late|break)\b)"
_HOT = (
    r"(?i)\b(?:heat|preheat|preheated|oven|bake|baked|roast|cook|temps?|temperatures?|highs?|lows?|feels like|boils|"
    r"fever|warm|cool|thermostat|weather|forecast|sunny|cloudy|rain|outside|simmer|reaches)\b[^.!?]{0,30}$"
)
_LETTERED = (
    r"(?i)\b(?:apt\.?|apartments?|units?|suites?|ste\.?|rooms?|rm\.?|seats?|gates?|rows?|flats?|lot|section|block|building|platform|"
    r"exhibit|appendix|figure|fig\.|table|bus|class|grade|form|level|door|house|locker|bay|zone|pier|page|question|step)"
    r"\s#?$|\b\d{1,3}[A-Z](?:,| and| or| to|, and)\s$"
)
_NEGATIVE_LEFT = (
    r"(?i)(?:\b(?:is|was|at|of|to|from|about|reached|hit|between|and|than|below|above|equals|feels like)|[=(:])\s$"
)
NO_PART = rf"(?!\s(?:of\b|cups?\b|inch|mile|second|full\b|hours?\b|the\b|(?:{UNIT})\b)|\s?[-+=×*]\s?\d)"
_STATE = either(STATES)
_STREET = either(STREETS)
_STREET_ALONE = either(STREETS.keys() - {"Dr"})
_STREET_NAMED = rf"(?:{_STREET}|Street|Avenue|Road|Boulevard|Drive|Lane)\b"
_STARTER = either(word.capitalize() for word in SENTENCE_STARTERS)
_DIRECTION = either(DIRECTIONS)
_SHARES = "|".join(f"{part}/{100 - part}" for part in (*range(5, 50, 5), *range(55, 100, 5), 99, 1))
_DATE = r"(1[0-2]|0?[1-9])/(\d{1,2})"
_LETTER = "[A-Za-z]"
_AMOUNT = r"(\d{1,3}(?:[. ]\d{3})+|\d+)"
_STOP = r"(?=[\s,;:.!?)]|$)"


_CODES = (
    Rule("hardware address", "0A", r"(?=[0-9-]*[A-F])[0-9A-F]{2}(?:-[0-9A-F]{2}){3,}(?![\w-])", "{0:code}"),
    Rule("hardware address", "0A", r"(?=[0-9:]*[A-F])[0-9A-F]{2}(?::[0-9A-F]{2}){2,}(?![\w:])", "{0:code}"),
    Rule("card number", "0", r"\d{4}(?:[ -]\d{4}){2,4}(?:[ -]\d{1,3})?(?![\w-])", "{0:groups}"),
    Rule("social security", "0", r"\d{3}-\d{2}-\d{4}(?![\w-])", "{0:groups}"),
    Rule("zip", "A", rf"({_STATE})\s(\d{{5}})(?:-(\d{{4}}))?(?![\w-])", "{1:STATES}, {2:groups} {3:groups}"),
    Rule("zip", "0", r"\d{5}-\d{4}(?![\w-])", "{0:groups}"),
    Rule("code", ".", r"#(\d{5,}(?:-\d+)*)(?!\w)", "number {1:groups}"),
    Rule("code", ".", r"#(\d{1,3})([A-Z])(?!\w)", "number {1:cardinal} {2:code}"),
    Rule("code", "0", r"\d{3,}(?:[- ]\d{2,})*(?!\w|[.,/:]\d)", "{0:groups}", _CODE_LEFT),
    Rule("code", "0A", r"(?=[A-Z-]*\d)(?=[\d-]*[A-Z])[A-Z0-9]{3,}(?:-[A-Z0-9]+)*(?![\w-])", "{0:code}", _CODE_LEFT),
)
_CHAT = (
    Rule("heart", ".", r"</3(?!\w)", "broken heart"),
    Rule("heart", ".", r"<3+(?!\w|\.\d)", "love"),
    Rule("smiley", ".", r"(?:[:;=]['-]?[)(DPpOo|/\\*]+|\^_+\^)" + _STOP, "", r"(?:^|\s)$"),
    Rule("with", "a", r"w/(?=[a-np-z0-9]|o\w)", "with", r"(?:^|\s)$"),
    Rule("of a year", "0", r"(\d\d)ers(?!\w)", "{1:agents}"),
    Rule("of a year", ".", r"'(\d\d)ers(?!\w)", "{1:agents}"),
    Rule("ten code", "0", r"10-(\d{1,2})(?=[,.!]?\s(?:over|copy|good|roger|that)|[.!]?$)", "ten {1:cardinal}"),
)
_CODE = (
    Rule("camel case", "a", r"([a-z]{2,}(?:[A-Z][a-z]+|[A-Z])*[A-Z][a-z]+)(?!\w)", "{1:camel}"),
    Rule(
        "version",
        "0",
        r"(\d+)\.([1-9]\d)(?!\d|\.\d|%)",
        "{1:cardinal} point {2:cardinal}",
        r"(?i)\b(?:python|node|java|ubuntu|version|ios|android|macos|php|ruby|go|rust|swift|kernel|release|fedora)\s$",
    ),
    Rule("sharp", "A", r"([A-G])#m(?!\w)", "{1:code} sharp minor"),
    Rule("sharp", "A", r"([A-G])#(?!\w)", "{1:code} sharp"),
    Rule("dotted name", ".", r"\.NET(?!\w)", "dot net"),
    Rule("dotted name", ".", r"\.([a-z]+)(?![\w.])", "dot {1:DOTFILES}", bar=r"\w$"),
    Rule("dotted name", ".", r"\.([a-z]{2,})(?!\w|\.\w)", "dot {1:as}", bar=r"[^\s]$"),
    Rule("protocol", "A", r"(HTTPS?|TLS|USB|SMTP)/(\d(?:\.\d)?)(?!\w)", "{1:letters} {2:real}"),
)
_DATES = (
    Rule(
        "iso time",
        "0",
        r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::\d\d(?:\.\d+)?)?(Z)?(?![\w:])",
        "{2:month} {3:day}, {1:year}, {4:hour} {5:minutes} {6?U-T-C}",
    ),
    Rule("offset", "A", r"(UTC|GMT)\s?([+−-])0?(\d{1,2})(?::?00)?(?![\w:])", "{1:letters} {2:SIGN_WORDS} {3:cardinal}"),
    Rule(
        "offset",
        "A",
        r"(UTC|GMT)\s?([+−-])0?(\d{1,2}):(\d\d)(?!\w)",
        "{1:letters} {2:SIGN_WORDS} {3:cardinal} {4:cardinal}",
    ),
    Rule("month and year", "0", r"(0[1-9]|1[0-2])/(\d\d)(?![\d/])", "{1:month} twenty {2:minutes}", _EXPIRES),
    Rule(
        "dates",
        "0",
        rf"{_DATE}\s?(?:to|until|till|through|thru|-|–)\s?{_DATE}(?![\w/]){NO_PART}",
        "{1:month} {2:day} to {3:month} {4:day}",
        DATE_LEFT,
    ),
    Rule("date", "0", rf"{_DATE}(?![\w/]){NO_PART}", "{1:month} {2:day}", DATE_LEFT),
    Rule("over", "0", r"(\d{2,3})/(\d{2,3})\s?(mmHg)", "{1:cardinal} over {2:cardinal} {3:many}"),
    Rule(
        "over",
        "0",
        r"(\d{2,3})/(\d{2,3})(?![\w/])",
        "{1:cardinal} over {2:cardinal}",
        r"(?i)\b(?:blood pressure|bp|pressure)(?:\s(?:is|was|of|at|reads?|reading))*:?\s$",
    ),
    Rule("shares", "0", rf"(?={_SHARES})(\d+)/(\d+)(?![\w/]|\sof\b)", "{1:cardinal} {2:cardinal}"),
    Rule("time", "0", r"(\d{1,2})/(2|4|8|16)(?=\stime\b|\s(?:meter|beat|rhythm)\b)", "{1:cardinal} {2:cardinal}"),
    Rule("all of it", "0", r"(?!20/|50/)(\d{1,3})/\1(?![\w/])", "{1:cardinal} out of {1:cardinal}"),
    Rule(
        "out of", "0", r"(\d{1,3}(?:\.\d)?)/(\d{1,3})(?![\w/])(?!\sof\b)", "{1:real} out of {2:cardinal}", left=_RATED
    ),
    Rule("out of", "0", rf"(\d{{1,2}}(?:\.\d)?)/(10|100)(?![\w/]){NO_PART}", "{1:real} out of {2:cardinal}"),
    Rule(
        "out of",
        "0",
        r"(\d{1,3})/(\d{1,3})(?=\s(?:tasks|steps|items|questions|points|lessons|episodes|files|pages|done|complete|"
        r"completed|correct|remaining|people|players|members|answers|goals)\b)",
        "{1:cardinal} out of {2:cardinal}",
    ),
    Rule("out of", "0", r"(\d(?:\.\d)?)/([45])(?=\s(?:stars?|points)\b)", "{1:real} out of {2:cardinal}"),
    Rule(
        "date",
        "0",
        rf"([2-9]|0[2-9]|1[0-2])/(1[345789]|2[1-9]|30|31|0[1-9])(?![\w/]){NO_PART}",
        "{1:month} {2:day}",
        bar=r"[=×*+−/-]\s?$",
    ),
    Rule(
        "ordinals",
        "0",
        r"(\d{1,2})(?:st|nd|rd|th)\s?[-–]\s?(\d{1,2})(?:st|nd|rd|th)(?!\w)",
        "{1:ordinal} to {2:ordinal}",
    ),
    Rule(
        "weekday",
        "A",
        r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\.?(?=:?,?\s\d|:\s|\s(?:at|from|[-–&+]|and|through|noon|morning|afternoon|evening|night)\s"
        rf"|,?\s(?:{MONTH})\b|[,/]\s?(?:{WEEKDAY})\b)",
        "{1:DAYS}",
        bar=r"(?i)\b(?:the|a|in|he|she|they|we|i|it|who)\s$",
    ),
    Rule(
        "weekday",
        "A",
        r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?![\w'-]|\.\w)",
        "{1:DAYS}",
        r"(?i)\b(?:on|every|each|next|this|last|until|by|till|and|or)\s$|[&+/]\s$"
        r"|\b(?:Mon|Tues?|Wed|Thu(?:rs)?|Fri|Sat|Sun)[,/]\s?$",
    ),
    Rule(
        "weekday",
        "A",
        r"(Mon|Tue|Wed|Thu|Fri|Sat)(?=[.!?]?\s*$)",
        "{1:DAYS}",
        r"[a-z]\s$",
        r"(?i)\b(?:the|a|he|she|they|we|i|it|who)\s$",
    ),
    Rule(
        "month",
        "A",
        r"(Jan|Feb|Apr|Aug|Sept|Oct|Nov|Dec)(?![\w'.-])",
        "{1:MONTH_SHORT}",
        r"(?i)\b(?:in|since|until|by|of|late|early|mid|last|next|this|from|to|through)[ -]$",
    ),
    Rule("weekday letters", "A", r"(M|Tu?|W)\s?[-–]\s?(Th|F|Sa|Su|S)(?![\w'-])", "{1:DAY_LETTERS} to {2:DAY_LETTERS}"),
)
_YEARS = (
    Rule("year", "0", r"(10[1-9]\d)(?!\d|[.,]\d|\s[a-z]+s\b|\s?[°%€£$/-])", "{1:year}", r"(?i)\b(?:in|year|since)\s$"),
)
_TIMES = (
    Rule(
        "hours",
        "0",
        r"(\d{1,2})(?::(\d\d))?([ap])\s?[-–]\s?(\d{1,2})(?::(\d\d))?([ap])(?!\w|\.\w)",
        "{1:hour} {2:past} {3:HALVES} to {4:hour} {5:past} {6:HALVES}",
    ),
    Rule(
        "hour short",
        "0",
        r"(\d{1,2})([ap])(?!\w|\.\w)",
        "{1:hour} {2:HALVES}",
        r"(?i)\b(?:at|by|from|until|till|before|after|around|opens|closes)\s$",
    ),
    Rule("hour short", "0", r"(\d{1,2}):(\d\d)([ap])(?!\w|\.\w)", "{1:hour} {2:past} {3:HALVES}"),
    Rule(
        "timer",
        "0",
        r"(\d{1,2}):(\d\d):(\d\d)(?![\w:])",
        "{1:some hour hours} {2:some minute minutes} {3:some second seconds}",
        _TIMED,
    ),
    Rule(
        "timer",
        "0",
        r"(\d{1,2}):(\d\d)(?![\w:]|\s?[AaPp]\.?[Mm])",
        "{1:some minute minutes} {2:some second seconds}",
        _CLOCKED,
    ),
    Rule(
        "days and hours",
        "0",
        r"(\d+)\s?d,?\s?(\d{1,2})\s?h(?:rs?)?(?:,?\s?(\d{1,2})\s?m(?:in)?)?(?:,?\s?(\d{1,2})\s?s(?:ec)?)?(?!\w)",
        "{1:count day days} {2:count hour hours} {3:count minute minutes} {4:count second seconds}",
    ),
    Rule(
        "minutes and seconds",
        "0",
        r"(\d{1,3})\s?m(?:ins?)?\.?,?\s?(\d{1,2})\s?s(?:ecs?)?(?!\w)",
        "{1:count minute minutes} {2:count second seconds}",
    ),
    Rule(
        "timer",
        "0",
        r"(\d{1,2}):(\d\d):(\d\d)(?=\s(?:session|timer|video|run|workout|call|meeting|film|movie|recording|left)\b)",
        "{1:some hour hours} {2:some minute minutes} {3:some second seconds}",
    ),
    Rule(
        "timer",
        "0",
        r"(\d{1,2}):(\d\d)(?=\s(?:left|remaining|timer|countdown)\b)",
        "{1:some minute minutes} {2:some second seconds}",
    ),
    Rule(
        "seconds",
        "0",
        r"(\d{1,3})s(?!\w)",
        "{1:count second seconds}",
        r"(?i)\b(?:for|wait|in|after|every|within|takes?|took|timer|delay|about|under|lasts?|lasted|next|first|another)\s$",
    ),
    Rule("minutes", "0", r"(\d{1,3})\s?m" + _UNDER_WAY, "{1:count minute minutes}"),
    Rule("minutes", "0", r"(\d{1,3})m(?![\w²³^/])", "{1:count minute minutes}", _WAITING),
    Rule(
        "chapter and verse",
        "0",
        r"(\d{1,3}):(\d{1,3})(?:[-–](\d{1,3}))?(?![\w:])",
        "{1:cardinal} {2:cardinal} {3?to} {3:cardinal}",
        rf"(?i)\b(?:{either(BOOKS)})\.?\s$",
    ),
)
_QUANTITIES = (
    Rule("millions", "0", rf"({REAL})\s?[mM](?=\+?\s(?:{either(COUNTED_THINGS)})\b)", "{1:real} million"),
    Rule("billions", "0", rf"({REAL})\s?[bB](?=\+?\s(?:{either(COUNTED_THINGS)})\b)", "{1:real} billion"),
    Rule("millions", ".", rf"({MONEY})\s?({REAL})\s?(?:mil|mill|MM|mm)(?!\w)", "{2:real} million {1:MONEY_NAMES}"),
    Rule("lettered", "0", r"(\d{1,4})-?([A-HJ-NP-Z])(?!\w|[./]\w|'s)", "{1:pairs} {2:code}", _LETTERED),
    Rule("address part", "A", rf"({either(ADDRESS_PARTS)})\.?(?=\s#?\d)", "{1:ADDRESS_PARTS}"),
    Rule("degrees", "0", r"(\d{2,3}\.\d)\s?([CF])(?!\w|[-/.]\w)", "{1:real} degrees {2:HEAT}"),
    Rule(
        "degrees",
        "0",
        r"(\d{2,3})\s?([CF])(?=\s(?:outside|inside|today|tonight|tomorrow)\b)",
        "{1:real} degrees {2:HEAT}",
    ),
    Rule("degrees", "0", r"(\d{2,3})\s?([CF])(?!\w|[-/.]\w)", "{1:real} degrees {2:HEAT}", _HOT),
    Rule(
        "described",
        "0",
        rf"({REAL})\s?-?(V|W|A|L|kg|g|km|m|mm|cm|ml|mL|GB|TB|MB|oz|lb|ft|mi|yd|gal|Hz|MP|mph)(?=\s(?:{either(DESCRIBED_THINGS)})\b)",
        "{1:real} {2:one}",
    ),
    Rule("unit apart", "0", r"1\s(V|W|L)(?![\w'&/-]|\.\w|\s\d)", "one {1:one}"),
    Rule("unit apart", "0", rf"({REAL})\s(V|W|L)(?=\s[a-z])", "{1:real} {2:one}", r"\ban?\s$"),
    Rule(
        "unit apart",
        "0",
        rf"({REAL})\s(V|W|L)(?!\w|'|\.\w|[-&/]|\.?\s(?:\d|(?:[A-Z]\w*\s){{1,2}}{_STREET_NAMED}))",
        "{1:real} {2:many}",
        bar=r"(?i)\b(?:section|part|size|chapter|type|class|model|rocky|plan|act|street|st\.?)\s$",
    ),
    Rule(
        "feet by feet",
        "0",
        rf"({REAL})\s?(?:ft\.?|')\s?[x×]\s?({REAL})\s?(?:ft\.?|')(?!\w)",
        "{1:count foot feet} by {2:count foot feet}",
    ),
    Rule(
        "side by side",
        "0",
        rf"({REAL})\s?({UNIT})\s?[x×]\s?({REAL})\s?({UNIT})(?!\w)",
        "{1:real} {2:many} by {3:real} {4:many}",
    ),
    Rule(
        "inches by inches",
        "0",
        rf"({REAL})\s?(?:in\.?|\")\s?[x×]\s?({REAL})\s?(?:in\.?|\")(?!\w)",
        "{1:count inch inches} by {2:count inch inches}",
    ),
    Rule(
        "amps apart",
        "0",
        rf"({REAL})\sA(?=\s(?:fuse|breaker|circuit|max|outlet|current|charger|at|and|from)\b|[.,;)]|$)",
        "{1:real} amps",
        r"\b(?:V|[Vv]olts?|W|draws?|rated|at|of),?\s(?:and\s|at\s)?$",
    ),
    Rule("inch", "0", rf"({REAL})-in(?=\.?\s[a-z])\.?", "{1:real} inch"),
    Rule("inch", "0", rf"({REAL})(?:\"|'')(?=\s[a-z])", "{1:number} inch", r"\ban?\s$"),
    Rule(
        "feet and inches",
        "0",
        rf"({NUM})\s?(?:ft|feet|foot)\.?,?\s?({REAL})\s?(?:in|inch|inches|\")\.?" + _STOP,
        "{1:count foot feet} {2:count inch inches}",
    ),
    Rule("inch", "0", rf"({REAL})(?:\"|'')" + _STOP, "{1:count inch inches}", bar=r"(?:^|[\s(])\"[^\"]*$"),
    Rule("grouped", "0", r"\d{1,3}(?: \d{3}){2,}(?!\w|[,.-]\w)", "{0:real}"),
    Rule("grouped", "0", r"\d{1,3}(?: \d{3})+,\d+(?!\w|[.,]\d)", "{0:grouped}"),
    Rule("grouped", "0", r"\d{1,3} 000(?!\w|[ ,.-]\d)", "{0:real}"),
    Rule("decimal comma", ".A", rf"({MONEY}|{CODES})\s?{_AMOUNT},00(?!\w|,\d)", "{2:grouped} {1:MONEY_NAMES}"),
    Rule("decimal comma", "0", rf"{_AMOUNT},00\s?({MONEY}|{CODES})(?!\w)", "{1:grouped} {2:MONEY_NAMES}"),
    Rule(
        "decimal comma",
        ".A",
        rf"({MONEY}|{CODES})\s?{_AMOUNT},(\d\d)(?!\w|,\d)",
        "{2:grouped} {1:MONEY_NAMES} and {3:cardinal} {1:CENT_NAMES}",
    ),
    Rule(
        "decimal comma",
        "0",
        rf"{_AMOUNT},(\d\d)\s?({MONEY}|{CODES})(?!\w)",
        "{1:grouped} {3:MONEY_NAMES} and {2:cardinal} {3:CENT_NAMES}",
    ),
    Rule("grouped", ".", rf"({MONEY})\s?(\d{{1,3}}(?:\.\d{{3}}){{2,}})(?!\w|[.,]\d)", "{2:grouped} {1:MONEY_NAMES}"),
    Rule("decimal comma", "0", r"\d{1,3}(?:\.\d{3})+,\d+(?!\w|[.,]\d)", "{0:grouped}"),
    Rule("grouped", "0", r"\d{1,3}(?:\.\d{3}){2}(?!\w|[.,]\d)", "{0:grouped}"),
    Rule("decimal comma", "0", rf"(\d+,\d{{1,2}})\s?({UNIT})(?!\w)", "{1:grouped} {2:many}"),
    Rule("hundreds", "0", r"(\d,\d00)s(?!\w)", "{1:hundreds}"),
)
_MATHEMATICS = (
    Rule("function", "Aa", rf"({_LETTER})\(({_LETTER}(?:,\s?{_LETTER})*)\)", "{1:code} of {2:code}"),
    Rule("function", "a", r"([fgh])\(([-−]?\d+)\)", "{1:code} of {2:number}"),
    Rule("function", "a", rf"({either(FUNCTIONS)})\(({_LETTER})\)", "{1:FUNCTIONS} of {2:code}"),
    Rule("function", "a", rf"({either(FUNCTIONS)})\((\d+)\)", "{1:FUNCTIONS} of {2:number}"),
    Rule("factorial", ".", r"!(?=\s?[=*/+-])", "factorial", r"(?:\d|(?:^|\s)[a-z])$"),
    Rule(
        "power",
        ".",
        rf"\^([-−]?\d+)\s({UNIT})(?:/({PER_UNIT}))?(?![\w/])",
        "{1:power} {2:many} {3?per} {3:PER}",
    ),
    Rule("by", ".", rf"×(?=\s?{REAL}\s?(?:{UNIT})(?!\w))", "by", r"\d\s?$"),
    Rule("power", ".", r"\^\(?([-−+]?(?:\d+|[a-z]))\)?(?!\w)", "{1:power}"),
    Rule("area", "a", r"(m|km|cm|mm|ft|in)([²³])", "{2:POWERS} {1:one}", r"\bper\s$"),
    Rule("letter", "Aa", r"([A-Za-z]{1,2})(?=[²³^])", "{1:letters}"),
    Rule("letter", "Aa", rf"({_LETTER})\s?=\s?(?=[-−.]?\d|[A-Za-z]\b)", "{1:code} equals"),
    Rule("minus", "0", rf"({REAL})[-−](?={REAL}\s?=)", "{1:number} minus"),
    Rule("minus", "0", rf"({REAL})\s[-−](?=\s{REAL}\s?(?:[=+*/]|(?:is|equals|makes|leaves)\b))", "{1:number} minus"),
    Rule(
        "minus",
        ".",
        rf"[-−](?=\s(?:{REAL}[a-z]?|{_LETTER})(?:\s?[-+=*/^²³<>)]|\s(?:is|equals)\b|[.,]?$))",
        "minus",
        rf"(?:(?:^|[\s(]){_LETTER}|\d|[)²³])\s$",
    ),
    Rule("minus", ".", rf"[-−](?=\s{REAL})", "minus", _NEGATIVE_LEFT),
    Rule("times", "0", rf"({REAL})([abcnxyz])(?=\s?[-+=^²³<>])", "{1:number} {2:code}"),
    Rule("times", "0", rf"({REAL})([nxyz])(?!\w)", "{1:number} {2:code}", r"[=+−-]\s?$|\b(?:equals|solve)\s$"),
    Rule("over", "0", r"(\d+)/([abcknpqtxyzNX])(?![\w/])", "{1:cardinal} over {2:code}"),
    Rule("over", "Aa", r"([abknpqxyzNX])/(\d+)(?![\w/])", "{1:code} over {2:cardinal}"),
)
_SENTENCES = (
    Rule(
        "missing space",
        ".",
        r"\.(?=[A-Z][a-z']*(?:[\s,;:!?]|\.\s|\.?$))",
        ".",
        r"(?:^|[\s(\"'])[a-z][\w'-]*[a-z]$",
    ),
    Rule(
        "missing space",
        ".",
        r"\.(?=(?:The|It|He|She|We|They|I|You|This|That|But|And|So|In|On|At|If|When|Then|There)\s)",
        ".",
        r"(?:^|\s)[A-Z0-9][\w'-]*[a-z0-9]$",
    ),
)
_ABBREVIATIONS = (
    Rule("state", "A", rf"({either(STATES_ALONE)})(?![\w'-]|\.\w)", "{1:STATES}", r"[A-Z][a-z.]+, $"),
    Rule(
        "direction",
        "A",
        rf"({_DIRECTION})(?![\w'-]|\.\w)",
        "{1:DIRECTIONS}",
        r"\b(?:Hwy\.?\s|Highway\s|Route\s|Rte\.?\s|Interstate\s|I-|US-|US\s)\d+\s$",
    ),
    Rule(
        "direction",
        "A",
        rf"({_DIRECTION})\.?(?=\s(?:\d+(?:st|nd|rd|th)|[A-Z][a-z]+(?:\s[A-Z][a-z]+)?)\s{_STREET_NAMED})",
        "{1:DIRECTIONS}",
    ),
    Rule("direction", "A", rf"({_STREET})\.?\s({_DIRECTION})(?![\w.])", "{1:STREETS} {2:DIRECTIONS}", r"[a-z]\s$"),
    Rule(
        "street",
        "A",
        rf"St\.(?=\s*\n|\s+(?:{_STARTER})(?![A-Za-z']))",
        "street .",
        r"(?:[A-Z][\w'-]*|\d(?:st|nd|rd|th))\s$",
    ),
    Rule(
        "street",
        "A",
        rf"({_STREET_ALONE})(?=[,;:!?)]|\s+[a-z&#\d]|\s*$|\s(?:Apt|Ste|Suite|Unit))",
        "{1:STREETS}",
        r"(?:[A-Z][\w'-]*|\d(?:st|nd|rd|th))\s$",
        r"\b(?:The|A|An|And|Of|In|At|To|For|With|Is|My|On|Dear|Hail)\s$",
    ),
    Rule("world war", "A", r"WW(I{1,3}|[12])(?!\w)", "World War {1:WARS}"),
    Rule("rank", "0A", r"(1st|2nd|2d|First|Second)\sLt\.?(?=[\s,;:!?]|$)", "{1:RANKS} lieutenant"),
    Rule("mount", "A", r"Mt(?=\s[A-Z][a-z])", "mount"),
    Rule("associate", "A", r"Assoc\.(?=\s[A-Z])", "associate"),
    Rule("limit", "Aa", r"([Mm]in|[Mm]ax)\.(?=\s\d)", "{1:LIMITS}"),
    Rule("part", "Aa", r"[Pp]t\.(?=\s\d)", "part"),
    Rule("numbered", "A", r"(Figs?|Vols?|Ch|Eq|Sec)(?=\s\d)", "{1:ABBREVIATIONS}"),
    Rule("care of", "a", r"c/o(?!\w)", "care of"),
    Rule("and", "A", r"([A-Z]{1,3})&([A-Z]{1,2})(?!\w)", "{1:letters} and {2:letters}"),
    Rule("life", "a", r"(b|d|r|c|m|fl)\.(?=\s?\d{3,4}\b)", "{1:LIFE}"),
    Rule("number", "Aa", r"[Nn]r\.?(?=\s?\d)", "number"),
    Rule("secretary", "A", r"Sec\.(?=\s[A-Z][a-z])", "Secretary"),
    Rule("sister", "A", r"Sr\.(?=\s[A-Z][a-z])", "Sister", bar=r"[A-Za-z],?\s$"),
    Rule("sister", "A", r"Sr\.(?=\s[A-Z][a-z])", "Sister", r"\b(?:and|or|with|to|by|from)\s$"),
    Rule("latitude", "Aa", r"([Ll]at|[Ll]ong?|[Ll]on)\.(?=\s[-−]?\d)", "{1:COORDINATES}"),
    Rule("latitude", "Aa", r"([Ll]at|[Ll]ong?|[Ll]on)\.?:?(?=\s[-−]?\d[\d.]*°)", "{1:COORDINATES}"),
    Rule(
        "coordinate",
        "0",
        r"(\d{1,3})°\s?(?:(\d{1,2})'\s?)?(?:(\d{1,2}(?:\.\d+)?)(?:\"|'')\s?)?([NSEW])(?!\w)",
        "{1:count degree degrees} {2:count minute minutes} {3:count second seconds} {4:DIRECTIONS}",
    ),
    Rule("coordinate", "0", r"(\d{1,3}\.\d+)°\s?([NSEW])(?!\w)", "{1:real} degrees {2:DIRECTIONS}"),
)
TEMPLATE_RULES: tuple[Rule, ...] = (
    *_CODES,
    *_CHAT,
    *_CODE,
    *_DATES,
    *_YEARS,
    *_TIMES,
    *_MATHEMATICS,
    *_QUANTITIES,
    *_ABBREVIATIONS,
    *_SENTENCES,
)
