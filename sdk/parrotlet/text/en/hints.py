"""What homographs are known to stand beside. Data only: `context.py` decides by it."""

from __future__ import annotations

from collections.abc import Mapping

HINTS: tuple[tuple[str, str, str, str], ...] = (
    (
        "tear",
        "V",
        r"",
        r"^(?:in|through|across|down|of|at|along|near) (?:my|his|the|your|our|their|a|its|one|"
        r"her)\b(?! (?:\w+ )?(?:eyes?|cheek|face))",
    ),
    ("tear", "V", r"\b(?:wear and|muscle|ligament|acl|cuff|meniscus|tendon|small|big|huge|long) $", r""),
    ("tears", "V", r"\b(?:wear and|muscle|ligament|acl|cuff|meniscus|tendon) $", r""),
    (
        "row",
        "O",
        r"\b(?:a|the|blazing|furious|bitter|huge|big|public|diplomatic|political|another) $",
        r"^(?:with|over|about|between|erupted|broke|rages|raged)\b",
    ),
    ("row", "O", r"\b(?:blazing|furious|bitter|heated|diplomatic) $", r""),
    ("rows", "O", r"\b(?:blazing|furious|bitter|heated|diplomatic) $", r""),
    (
        "bow",
        "V",
        r"\b(?:took|take|takes|taking|taken|gave|give|made) (?:a|his|her|their|one|your) (?:\w+ )?$",
        r"^(?:[.!,;?]|and|as|at|to|after|before|when|$)",
    ),
    (
        "bow",
        "",
        r"\b(?:with|shot|shoot|drew|draw|holding|carried|tied|violin|hair|pink|red|"
        r"blue) (?:a |an |his |her |the |my )?(?:\w+ )?$",
        r"",
    ),
    (
        "number",
        "O",
        r"\b(?:grew|grow|grows|growing|got|getting|feel|feels|felt|became|become|becoming|"
        r"went|went|going|and|even|much) $",
        r"^(?:[.,;!?]|and|in|with|by|as|than|from|still|after|every|each|$)",
    ),
    ("learned", "", r"", r"^(?:behaviou?rs?|responses?|skills?|helplessness|lessons?)\b"),
    (
        "aged",
        "",
        r"",
        r"^(?:cheese|cheddar|beef|steak|whiske?y|wine|rum|balsamic|gouda|parmesan|care|"
        r"between|over|under|\w+ty)\b",
    ),
    ("blessed", "J", r"(?:^|[.!?] )$", r"^(?:are|is|be)\b"),
    ("blessed", "J", r"\bthe $", r""),
    ("Job", "O", r"\b(?:book|patience|trials|story|prophet|sufferings) of $", r""),
    ("Reading", "O", r"\b(?:in|to|from|near|of|at) $", r"^(?:[.,;?!]|and|fc|station|festival|$)"),
    ("Reading", "O", r"", r"^, (?:pennsylvania|england|berkshire|p-a|u-k|massachusetts|ohio|michigan)\b"),
    ("Nice", "O", r"\b(?:in|to|from|near|of|between) $", r""),
    ("Nice", "O", r"", r"^, france\b"),
    ("Mobile", "O", r"", r"^, alabama\b"),
    ("Lima", "O", r"", r"^beans?\b"),
    (
        "does",
        "O",
        r"\b(?:two|three|several|many|few|wild|pregnant|bucks and|the) $",
        r"^(?!not\b|it\b|he\b|she\b|this\b|that\b)",
    ),
    (
        "live",
        "",
        r"",
        r"^(?:music|show|shows|concert|concerts|broadcast|performance|audience|stream|streams|"
        r"wire|coverage|video|chat|tv|from)\b",
    ),
    (
        "lead",
        "M",
        r"\b(?:of|molten|heavy|unleaded|contains|containing|mercury and|and) $",
        r"^(?:[.,;]|is|was|were|in|and|$)(?! (?:singer|role))",
    ),
    ("tears", "", r"\b(?:close|closer|moved|reduced|bored|drove|driven|brought|near) (?:\w+ )?to $", r""),
    (
        "winds",
        "V",
        r"\b(?:road|path|river|trail|stream|creek|track|route|street|staircase|line|it|he|she|that|which) $",
        r"",
    ),
    (
        "bow",
        "V",
        r"",
        r"^of (?:the|a|his|her|our|their|its) (?:\w+ )?(?:ship|boat|vessel|yacht|canoe|ferry|raft|kayak|tanker)\b",
    ),
    (
        "separate",
        "",
        r"\b(?:keep|keeps|kept|keeping|stay|stays|stayed)\b[^.,]*$",
        r"^(?:$|[.,!?;]|from\b|and\b|until\b)",
    ),
    ("invalid", "N", r"", r"^(?:aunt|uncle|wife|husband|mother|father|sister|brother|child|parents?|carriage|chair)\b"),
    ("wound", "D", r"", r"^(?:up|down|around|round|through|its|his way|their way|back)\b"),
    ("close", "N", r"\bthe $", r"^of\b"),
    ("present", "", r"\bat $", r""),
    ("bow", "V", r"\b(?:ship|boat|vessel|yacht)(?:'s)? $", r""),
    (
        "close",
        "",
        r"\b(?:keep|keeps|kept|stay|stays|stayed|hold|held|get|got|come|came|stand|stood|draw|drew|bring)\b[^.,]*$",
        r"^(?:$|[.,!?]|to\b|enough\b|together\b|by\b)",
    ),
    ("lead", "M", r"\b(?:contains?|containing|has|have) (?:no |some |any |much |little )?$", r"^(?:[.,;]|and|or|$)"),
    (
        "use",
        "N",
        r"\b(?:of|no|any|much|in|for|good|little|make|made|makes|making|put to|common|daily|"
        r"heavy|drug|alcohol|water|land|energy) $",
        r"^(?!the\b|a\b|it\b|them\b)",
    ),
)
"""Word, tag, what stands before (last) and what after (first), of the words in small letters; "" is the default.

A capital asks for a capital in the text.
"""

BEFORE: Mapping[str, Mapping[str, frozenset[str]]] = {
    "bass": {"J": frozenset("the electric double upright play plays played playing".split())},
    "lead": {"M": frozenset("of molten heavy".split())},
    "use": {"N": frozenset("of in no any much little daily regular in-".split())},
    "minute": {"J": frozenset("most very".split())},
}
AFTER: Mapping[str, Mapping[str, frozenset[str]]] = {
    "bass": {
        "J": frozenset(
            "guitar guitars player players drum drums line lines clef singer solo notes note sounds".split()
        ),
        "": frozenset("fish fishing swam".split()),
    },
    "lead": {
        "M": frozenset(
            "pipe pipes paint poisoning acid crystal bullet bullets weight weights solder pencil metal levels".split()
        )
    },
    "live": {
        "V": frozenset("in at near here there together alone by on with under for like without where next".split()),
        "": frozenset("music show shows concert broadcast performance audience stream wire coverage video".split()),
    },
    "lives": {"V": frozenset("in at near here there together alone by on with next under".split())},
    "minute": {
        "J": frozenset(
            "detail details amount amounts particle particles traces trace difference differences crack cracks hole "
            "holes change changes quantity quantities fragment fragments fraction speck specks".split()
        )
    },
    "use": {"N": frozenset("of".split()), "V": frozenset("the a an it this that them your my".split())},
    "uses": {"N": frozenset("of for".split()), "V": frozenset("the a an it this that them".split())},
    "close": {
        "": frozenset("to by friend friends enough together relative relatives up look call contact range".split()),
        "N": frozenset("of".split()),
    },
    "content": {"": frozenset("with to".split()), "N": frozenset("of".split())},
    "wind": {"V": frozenset("up down the it through its your around".split())},
    "wound": {"D": frozenset("up down around through the its it".split())},
    "dove": {"V": frozenset("into in under down off headfirst deep".split())},
    "tear": {"V": frozenset("up down apart it the off out away".split()), "": frozenset("gas drop ducts".split())},
    "bow": {"V": frozenset("to down before of".split()), "": frozenset("and tie ties string arrow".split())},
    "desert": {"V": frozenset("him her them his their us me".split())},
    "invalid": {"N": frozenset("who".split())},
    "used": {"D": frozenset(("to",))},
    "perfect": {"V": frozenset("his her their its your my".split())},
}
