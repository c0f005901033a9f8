"""What written signs stand for. Data only: the rules that use it are in `rules.py`."""

from __future__ import annotations

MONTHS = ("January February March April May June July August September October November December").split()
MONTH_SHORT = {
    **{month[:3].lower(): month for month in MONTHS},
    "sept": "September",
    **{month.lower(): month for month in MONTHS},
}
WEEKDAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "tues": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "thur": "Thursday",
    "thurs": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}
DAYS = {**WEEKDAYS, **{day.lower(): day for day in WEEKDAYS.values()}}

TITLES = {
    "mr": "mister",
    "mrs": "missus",
    "ms": "miz",
    "messrs": "messers",
    "dr": "doctor",
    "prof": "professor",
    "rev": "reverend",
    "hon": "honorable",
    "gen": "general",
    "col": "colonel",
    "maj": "major",
    "capt": "captain",
    "cmdr": "commander",
    "lt": "lieutenant",
    "sgt": "sergeant",
    "cpl": "corporal",
    "pvt": "private",
    "gov": "governor",
    "sen": "senator",
    "rep": "representative",
    "pres": "president",
    "supt": "superintendent",
    "amb": "ambassador",
    "fr": "father",
    "mt": "mount",
    "ft": "fort",
}
"""Abbreviations that stand before a name: their dot never ends a sentence."""

ABBREVIATIONS = {
    "jr": "junior",
    "sr": "senior",
    "esq": "esquire",
    "inc": "incorporated",
    "ltd": "limited",
    "corp": "corporation",
    "co": "company",
    "bros": "brothers",
    "assn": "association",
    "assoc": "associates",
    "dept": "department",
    "univ": "university",
    "govt": "government",
    "intl": "international",
    "natl": "national",
    "ave": "avenue",
    "blvd": "boulevard",
    "rd": "road",
    "ln": "lane",
    "ct": "court",
    "pl": "place",
    "sq": "square",
    "hwy": "highway",
    "pkwy": "parkway",
    "apt": "apartment",
    "bldg": "building",
    "etc": "et cetera",
    "vs": "versus",
    "approx": "approximately",
    "est": "established",
    "misc": "miscellaneous",
    "cf": "compare",
    "viz": "namely",
    "ca": "circa",
    "al": "al",
    "ed": "edition",
    "eds": "editors",
    "vol": "volume",
    "vols": "volumes",
    "ch": "chapter",
    "sec": "section",
    "fig": "figure",
    "figs": "figures",
    "eq": "equation",
    "no": "number",
    "nos": "numbers",
    "p": "page",
    "pp": "pages",
    "ext": "extension",
    "tel": "telephone",
    "incl": "including",
    "temp": "temperature",
    "dist": "district",
    "ph.d": "P-H-D",
    "b.a": "B-A",
    "e.g": "for example",
    "i.e": "that is",
    "a.m": "A-M",
    "p.m": "P-M",
    "a.k.a": "A-K-A",
    "p.s": "P-S",
    "u.s": "U-S",
    "u.k": "U-K",
    "ctrl": "control",
    "rte": "route",
    "ste": "suite",
    "avg": "average",
    "asst": "assistant",
    "mgr": "manager",
    "mgmt": "management",
    "mfg": "manufacturing",
    "utd": "united",
    "yr": "year",
    "yrs": "years",
    "wk": "week",
    "wks": "weeks",
    "hr": "hour",
    "hrs": "hours",
    "mos": "months",
    "qtr": "quarter",
    "qty": "quantity",
    "amt": "amount",
    "acct": "account",
    "appt": "appointment",
    "mtg": "meeting",
    "attn": "attention",
    "tbsp": "tablespoon",
    "tsp": "teaspoon",
    "lb": "pound",
    "lbs": "pounds",
    "pkg": "package",
    "wt": "weight",
    "mo": "month",
    "lat": "latitude",
    "nr": "number",
    "div": "division",
    "pls": "please",
    "plz": "please",
    "thx": "thanks",
    "tmrw": "tomorrow",
    "ppl": "people",
    "msg": "message",
    "msgs": "messages",
    "w/o": "without",
    "w/": "with",
    "b/c": "because",
}
"""Abbreviations with a dot (or a slash). Those that are words without the dot are in `DOT_NEEDED`."""

DOT_NEEDED = frozenset(
    "mon tue wed thu fri sat sun mar jan jun jul aug dec sen rep pres hon gen fr ft ed eds est no nos al co ca ch sec "
    "fig figs vol ext tel temp dist pl ct sq col maj p pp mo mos div lat wt nr ste cf viz ave inc corp univ incl misc "
    "apt lt rev feb apr oct nov may mt rd ln eq est sept".split()
)
"""Read as abbreviations only with a dot: without it they are words, names or initials."""

NUMBER_FOLLOWS = frozenset("no nos fig figs vol vols ch sec eq p pp ext".split())
"""Abbreviations only before a number: "No. 5", but "No. I won't."."""

COUNTED = frozenset(
    "number room flight route highway suite apartment bus area gate seat row exit terminal flat platform pier".split()
)
"""After these a number is a name: "room 101" is "one oh one", "apartment 4B" no billion."""

NAME_FOLLOWS = frozenset(TITLES)

CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "US$": ("dollar", "dollars", "cent", "cents"),
    "C$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "A$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "CA$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "AU$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "NZ$": ("New Zealand dollar", "New Zealand dollars", "cent", "cents"),
    "HK$": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    "R$": ("real", "reais", "centavo", "centavos"),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "CNY": ("yuan", "yuan", "fen", "fen"),
    "SEK": ("Swedish krona", "Swedish kronor", "ore", "ore"),
    "NOK": ("Norwegian krone", "Norwegian kroner", "ore", "ore"),
    "DKK": ("Danish krone", "Danish kroner", "ore", "ore"),
    "MXN": ("Mexican peso", "Mexican pesos", "centavo", "centavos"),
    "PLN": ("zloty", "zloty", "grosz", "groszy"),
    "₺": ("lira", "lira", "kurus", "kurus"),
    "₪": ("shekel", "shekels", "agora", "agorot"),
    "₿": ("bitcoin", "bitcoins", "satoshi", "satoshis"),
    "¢": ("cent", "cents", "", ""),
}
CURRENCY_CODES = {
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "INR": "₹",
    "CAD": "C$",
    "AUD": "A$",
    "KRW": "₩",
    "NZD": "NZ$",
    "HKD": "HK$",
    "BRL": "R$",
    "TRY": "₺",
    "ILS": "₪",
    **{code: code for code in "CHF CNY SEK NOK DKK MXN PLN".split()},
}
SCALES = {
    "k": "thousand",
    "K": "thousand",
    "m": "million",
    "M": "million",
    "mn": "million",
    "bn": "billion",
    "b": "billion",
    "B": "billion",
    "tn": "trillion",
    "T": "trillion",
}
SCALE_WORDS = "hundred thousand million billion trillion quadrillion dozen".split()

UNITS: dict[str, tuple[str, str]] = {
    "mm": ("millimeter", "millimeters"),
    "cm": ("centimeter", "centimeters"),
    "m": ("meter", "meters"),
    "km": ("kilometer", "kilometers"),
    "nm": ("nanometer", "nanometers"),
    "µm": ("micrometer", "micrometers"),
    "in": ("inch", "inches"),
    "ft": ("foot", "feet"),
    "yd": ("yard", "yards"),
    "mi": ("mile", "miles"),
    "mg": ("milligram", "milligrams"),
    "µg": ("microgram", "micrograms"),
    "g": ("gram", "grams"),
    "kg": ("kilogram", "kilograms"),
    "kgs": ("kilogram", "kilograms"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "ml": ("milliliter", "milliliters"),
    "mL": ("milliliter", "milliliters"),
    "cl": ("centiliter", "centiliters"),
    "dl": ("deciliter", "deciliters"),
    "l": ("liter", "liters"),
    "L": ("liter", "liters"),
    "gal": ("gallon", "gallons"),
    "pt": ("pint", "pints"),
    "qt": ("quart", "quarts"),
    "tbsp": ("tablespoon", "tablespoons"),
    "tsp": ("teaspoon", "teaspoons"),
    "ns": ("nanosecond", "nanoseconds"),
    "µs": ("microsecond", "microseconds"),
    "ms": ("millisecond", "milliseconds"),
    "s": ("second", "seconds"),
    "sec": ("second", "seconds"),
    "secs": ("second", "seconds"),
    "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"),
    "h": ("hour", "hours"),
    "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"),
    "yr": ("year", "years"),
    "yrs": ("year", "years"),
    "Hz": ("hertz", "hertz"),
    "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "kB": ("kilobyte", "kilobytes"),
    "KB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"),
    "PB": ("petabyte", "petabytes"),
    "KiB": ("kibibyte", "kibibytes"),
    "MiB": ("mebibyte", "mebibytes"),
    "GiB": ("gibibyte", "gibibytes"),
    "kbps": ("kilobit per second", "kilobits per second"),
    "Mbps": ("megabit per second", "megabits per second"),
    "Gbps": ("gigabit per second", "gigabits per second"),
    "V": ("volt", "volts"),
    "mV": ("millivolt", "millivolts"),
    "kV": ("kilovolt", "kilovolts"),
    "A": ("amp", "amps"),
    "mA": ("milliamp", "milliamps"),
    "mAh": ("milliamp hour", "milliamp hours"),
    "W": ("watt", "watts"),
    "kW": ("kilowatt", "kilowatts"),
    "MW": ("megawatt", "megawatts"),
    "GW": ("gigawatt", "gigawatts"),
    "kWh": ("kilowatt hour", "kilowatt hours"),
    "Wh": ("watt hour", "watt hours"),
    "J": ("joule", "joules"),
    "kJ": ("kilojoule", "kilojoules"),
    "cal": ("calorie", "calories"),
    "kcal": ("kilocalorie", "kilocalories"),
    "N": ("newton", "newtons"),
    "Pa": ("pascal", "pascals"),
    "kPa": ("kilopascal", "kilopascals"),
    "hPa": ("hectopascal", "hectopascals"),
    "psi": ("P-S-I", "P-S-I"),
    "dB": ("decibel", "decibels"),
    "dpi": ("D-P-I", "D-P-I"),
    "px": ("pixel", "pixels"),
    "rpm": ("R-P-M", "R-P-M"),
    "mph": ("mile per hour", "miles per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "kmh": ("kilometer per hour", "kilometers per hour"),
    "mpg": ("mile per gallon", "miles per gallon"),
    "fps": ("frame per second", "frames per second"),
    "ppm": ("part per million", "parts per million"),
    "ppb": ("part per billion", "parts per billion"),
    "Mb": ("megabit", "megabits"),
    "Gb": ("gigabit", "gigabits"),
    "kb": ("kilobit", "kilobits"),
    "TiB": ("tebibyte", "tebibytes"),
    "fl oz": ("fluid ounce", "fluid ounces"),
    "fl. oz": ("fluid ounce", "fluid ounces"),
    "lb-ft": ("pound foot", "pound feet"),
    "ft-lb": ("foot pound", "foot pounds"),
    "ft-lbs": ("foot pound", "foot pounds"),
    "Nm": ("newton meter", "newton meters"),
    "N·m": ("newton meter", "newton meters"),
    "mmHg": ("millimeter of mercury", "millimeters of mercury"),
    "mol": ("mole", "moles"),
    "mmol": ("millimole", "millimoles"),
    "mcg": ("microgram", "micrograms"),
    "lm": ("lumen", "lumens"),
    "lx": ("lux", "lux"),
    "MJ": ("megajoule", "megajoules"),
    "kN": ("kilonewton", "kilonewtons"),
    "MPa": ("megapascal", "megapascals"),
    "mbar": ("millibar", "millibars"),
    "atm": ("atmosphere", "atmospheres"),
    "eV": ("electron volt", "electron volts"),
    "MWh": ("megawatt hour", "megawatt hours"),
    "GWh": ("gigawatt hour", "gigawatt hours"),
    "MP": ("megapixel", "megapixels"),
    "ly": ("light year", "light years"),
    "kt": ("knot", "knots"),
    "kts": ("knot", "knots"),
    "bbl": ("barrel", "barrels"),
    "wks": ("week", "weeks"),
    "wk": ("week", "weeks"),
    "mos": ("month", "months"),
    "mi/h": ("mile per hour", "miles per hour"),
    "sq in": ("square inch", "square inches"),
    "sq yd": ("square yard", "square yards"),
    "cu yd": ("cubic yard", "cubic yards"),
    "cu m": ("cubic meter", "cubic meters"),
    "sq. mi": ("square mile", "square miles"),
    "sq. m": ("square meter", "square meters"),
    "cc": ("C-C", "C-C's"),
    "c.": ("cup", "cups"),
    "pkg": ("package", "packages"),
    "pkgs": ("package", "packages"),
    "bpm": ("beat per minute", "beats per minute"),
    "ha": ("hectare", "hectares"),
    "sq ft": ("square foot", "square feet"),
    "sq. ft": ("square foot", "square feet"),
    "sq mi": ("square mile", "square miles"),
    "sq km": ("square kilometer", "square kilometers"),
    "sq m": ("square meter", "square meters"),
    "cu ft": ("cubic foot", "cubic feet"),
    "Ω": ("ohm", "ohms"),
    "kΩ": ("kilohm", "kilohms"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°K": ("kelvin", "kelvin"),
    "°": ("degree", "degrees"),
    "%": ("percent", "percent"),
    "‰": ("per mille", "per mille"),
    "bps": ("basis point", "basis points"),
}
NEEDS_TOUCH = frozenset({"in", "A", "B", "N", "J", "V", "W", "pt", "L", "l", "ha"})
"""Units that are words or letters of their own: read as units only when they touch the number."""

DOTTED_UNITS = frozenset(
    {"sq ft", "sq. ft", *"in ft yd mi lb lbs oz gal pt qt tbsp tsp sec secs min mins hr hrs yr yrs cal".split()}
)
"""Units often written with a dot, which then does not end a sentence."""

PER = {
    "s": "second",
    "sec": "second",
    "min": "minute",
    "h": "hour",
    "hr": "hour",
    "day": "day",
    "week": "week",
    "wk": "week",
    "month": "month",
    "mo": "month",
    "year": "year",
    "yr": "year",
    "l": "liter",
    "L": "liter",
    "kg": "kilogram",
    "lb": "pound",
    "gal": "gallon",
    "m": "meter",
    "km": "kilometer",
    "m²": "square meter",
    "m³": "cubic meter",
    "person": "person",
    "night": "night",
    "hour": "hour",
    "minute": "minute",
    "second": "second",
    "mile": "mile",
    "ml": "milliliter",
    "mL": "milliliter",
    "dl": "deciliter",
    "dL": "deciliter",
    "cm": "centimeter",
    "cm²": "square centimeter",
    "cm³": "cubic centimeter",
    "mol": "mole",
    "oz": "ounce",
    "ft": "foot",
    "sq ft": "square foot",
    "mi": "mile",
    "unit": "unit",
    "user": "user",
    "head": "head",
    "piece": "piece",
    "ea": "each",
}
POWERS = {"²": "square", "³": "cubic"}

SYMBOLS = {
    "&": "and",
    "@": "at",
    "#": "hash",
    "%": "percent",
    "+": "plus",
    "=": "equals",
    "*": "star",
    "/": "slash",
    "\\": "backslash",
    "|": "pipe",
    "~": "tilde",
    "^": "caret",
    "<": "less than",
    ">": "greater than",
    "_": "underscore",
    "`": "backtick",
    "$": "dollar",
    "£": "pounds",
    "€": "euros",
    "¥": "yen",
    "¢": "cents",
    "°": "degrees",
    "±": "plus or minus",
    "×": "times",
    "÷": "divided by",
    "≈": "approximately",
    "≠": "is not equal to",
    "≤": "is at most",
    "≥": "is at least",
    "→": "to",
    "←": "from",
    "∞": "infinity",
    "√": "square root of",
    "π": "pi",
    "µ": "micro",
    "§": "section",
    "¶": "paragraph",
    "©": "copyright",
    "®": "registered",
    "™": "trademark",
    "№": "number",
    "½": "one half",
    "†": "dagger",
    "²": "squared",
    "³": "cubed",
    "−": "minus",
    "‰": "per mille",
    "∑": "sum",
    "∆": "delta",
    "′": "prime",
    "″": "double prime",
}
OPERATORS = {
    "==": "equals",
    "!=": "is not equal to",
    ">=": "is at least",
    "<=": "is at most",
    "=>": "to",
    "->": "to",
}
"""Signs of two characters, as in code and arrows typed by hand."""

SILENT = frozenset("*_`~|^\\•·‣◦●■□▪♪#<>={}[]¦")
"""Signs that stand alone or in rows as decoration, bullets and markup: read only between words."""

FRACTIONS = {
    "½": "1/2",
    "⅓": "1/3",
    "⅔": "2/3",
    "¼": "1/4",
    "¾": "3/4",
    "⅕": "1/5",
    "⅖": "2/5",
    "⅗": "3/5",
    "⅘": "4/5",
    "⅙": "1/6",
    "⅚": "5/6",
    "⅛": "1/8",
    "⅜": "3/8",
    "⅝": "5/8",
    "⅞": "7/8",
}

TOP_DOMAINS = (
    "com org net edu gov mil int io co uk us ca au de fr eu ai app dev info biz me tv ly in nl ch jp cn"
).split()
DOMAIN_WORDS = frozenset("com org net edu gov info biz app dev mil int".split())
"""Top-level domains that are said as words; the others are spelled."""

FILE_ENDINGS = frozenset(
    "txt pdf doc docx xls xlsx csv ppt pptx zip gz tar py js ts css html htm xml json yaml yml toml md rst ini "
    "cfg conf log sh bat exe dll so png jpg jpeg gif svg bmp mp3 mp4 wav flac ogg avi mov mkv c h cpp hpp rs go "
    "java kt swift onnx tflite ipynb sql db iso dmg apk deb rpm whl bin".split()
)
SPOKEN_ENDINGS = {
    "py": "pie",
    "wav": "wave",
    "jpg": "J-peg",
    "jpeg": "J-peg",
    "gif": "gif",
    "zip": "zip",
    "tar": "tar",
    "doc": "doc",
    "docx": "doc X",
    "bat": "bat",
    "log": "log",
    "bin": "bin",
    "json": "jason",
    "yaml": "yamel",
    "toml": "tomel",
    "bmp": "B-M-P",
    "mov": "mov",
    "java": "java",
    "swift": "swift",
    "go": "go",
    "onnx": "onyx",
    "conf": "conf",
    "flac": "flack",
    "ogg": "og",
    "sql": "sequel",
}

REGNAL = frozenset(
    "henry louis george edward charles james william richard elizabeth mary john paul pius benedict francis "
    "gregory leo clement innocent alexander nicholas catherine frederick philip ferdinand napoleon peter ivan "
    "gustav christian carl karl otto alfonso juan ramses ramesses ptolemy cleopatra darius xerxes queen king "
    "pope emperor tsar czar haakon harald margaret victoria anne leopold baldwin umberto".split()
)
"""Before a roman numeral these make it an ordinal: Henry the eighth."""

NUMBERED = frozenset(
    "chapter part volume section act scene book war type phase class bowl title article appendix figure table "
    "level stage episode season rocky vatican mark group factor category unit module grade level world apollo "
    "step rule page line canto psalm item tier gen generation version".split()
)
"""Before a roman numeral (even a single letter) these make it a number: Chapter four."""

ACRONYM_WORDS = frozenset(
    "NASA NATO AIDS UNESCO UNICEF OPEC LASER RADAR SCUBA SONAR COVID FIFA UEFA NAFTA OSHA FEMA SWAT NASDAQ PIN "
    "SIM RAM ROM JPEG GIF YOLO LOL OK CAPTCHA LIDAR IKEA LEGO NAND NOR XOR BASIC COBOL FORTRAN LISP JSON YAML "
    "TOML AJAX REST CRUD SOAP SAP FLAC MIDI WASM CUDA MAC NIMBY SOHO TESOL TOEFL MOMA ASCII AWOL BIOS "
    "DOS WYSIWYG PAL ZIP".split()
)
"""All-capital words that are read, not spelled, even where the lexicon does not know them so."""

SPELLED_WORDS = frozenset(
    "US UK EU UN IT AI TV PC ID HR PR CEO CFO CTO PM AM AD BC CD DVD IQ DJ MC ER HIV WHO CIA FBI IRS LA "
    "DC SOS UPS GPS USB CPU GPU API SDK ISBN ISSN URL ATM PE RN MD PH ET MS MA BA BS PS VIP ASAP SAT ACT GI GE "
    "IBM BBC CNN ABC NBC CBS MIT UCLA NYC USA USSR UFO UPC AAA ABS DIY EST PST CST MST GMT UTC EDT PDT TTS STT "
    "ASR NLP LLM ML SQL HTML CSS XML PHP PDF FAQ CV HQ OS IP WAN LAN VPN ISO IOS AC DC RPG FPS MPG RPM MPH ETA "
    "ADD OCD PTSD DNA RNA MRI ICU OBE MBE MP LED LCD NFL NBA MLB NHL ESP TLC SUV RV ATV IOU RIP DOA MIA".split()
)
"""All-capital words that are spelled though the lexicon would have a word for them."""

SPELLED_SMALL = frozenset(
    "fyi idk omg btw tbh smh brb afk lmk ttyl wtf rsvp diy faq faqs tba tbd irl nvm imo imho ikr npm ssh vpn html "
    "css xml sql api apis url urls pdf pdfs usb cpu gpu dns http https ftp cli gui sdk ui ux tldr tv tvs dvd gps "
    "atm ceo cto lgbt".split()
)
"""Spelled where they are written small, too."""

DIGIT_WORDS = {
    "b2b": "B to B",
    "b2c": "B to C",
    "p2p": "P to P",
    "c2c": "C to C",
    "mp3": "M-P three",
    "mp4": "M-P four",
    "h2o": "H two O",
    "co2": "C-O two",
    "24/7": "twenty four seven",
    "9/11": "nine eleven",
    "7-eleven": "seven eleven",
    "50/50": "fifty fifty",
    "50-50": "fifty fifty",
    "20/20": "twenty twenty",
    "911": "nine one one",
    "411": "four one one",
    "311": "three one one",
    "511": "five one one",
    "211": "two one one",
    "101": "one oh one",
    "360°": "three hundred sixty degrees",
    "1080p": "ten eighty P",
    "720p": "seven twenty P",
    "4k": "four K",
    "401k": "four oh one K",
    "401(k)": "four oh one K",
    "100s": "hundreds",
    "1000s": "thousands",
    "x86": "X eighty six",
    "w3c": "W-three-C",
    "gr8": "great",
    "m8": "mate",
    "l8r": "later",
    "b4": "before",
    "2day": "today",
    "2nite": "tonight",
    "2moro": "tomorrow",
    "h8": "hate",
    "w8": "wait",
    "4ever": "forever",
    "3d": "three D",
    "2d": "two D",
    "1099": "ten ninety nine",
}

ELIDED = {
    "n": "and",
    "em": "em",
    "tis": "it is",
    "twas": "it was",
    "til": "until",
    "till": "until",
    "cause": "because",
    "bout": "about",
    "round": "around",
    "cuz": "because",
}
"""Words written with a leading apostrophe."""

SENTENCE_STARTERS = frozenset(
    "the a an this that these those he she it we they i you but and so then there here when what who how why if "
    "in on at as for my your his her our their its no not yes after before now once while although however many most "
    "some several other another all both each every since because though where whereas meanwhile also still yet "
    "perhaps maybe our us please let's do does did is are was were can could will would should have has had "
    "there's it's i'm he's she's that's what's don't isn't we're they're you're i'll we'll i've "
    "we've whether from with by everyone everybody someone nobody nothing something people later next today tomorrow "
    "yesterday tonight".split()
)
"""After "p.m.", "Inc." or "plan B." these begin a new sentence."""

STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "ID": "Idaho",
    "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana",
    "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota",
    "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada",
    "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina",
    "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania",
    "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas",
    "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "WA": "Washington", "WV": "West Virginia",
    "WI": "Wisconsin", "WY": "Wyoming", "DC": "D-C", "PR": "Puerto Rico",
}  # fmt: skip
DIRECTIONS = {
    "N": "north", "S": "south", "E": "east", "W": "west",
    "NE": "northeast", "NW": "northwest", "SE": "southeast", "SW": "southwest",
}  # fmt: skip
STREETS = {
    "St": "street", "Ave": "avenue", "Av": "avenue", "Blvd": "boulevard", "Rd": "road", "Ln": "lane", "Dr": "drive",
    "Ct": "court", "Pl": "place", "Sq": "square", "Hwy": "highway", "Pkwy": "parkway", "Ter": "terrace",
    "Cir": "circle", "Trl": "trail", "Expy": "expressway", "Fwy": "freeway", "Tpke": "turnpike", "Cres": "crescent",
}  # fmt: skip
ADDRESS_PARTS = {
    "Apt": "apartment", "Ste": "suite", "Rte": "route", "Rt": "route", "Bldg": "building", "Fl": "floor", "Rm": "room",
    "Hwy": "highway", "Tel": "telephone", "Ext": "extension", "Jct": "junction", "Blk": "block",
}  # fmt: skip
"""Abbreviations that are read where a number follows, with a dot or without."""

DAY_LETTERS = {
    "M": "Monday", "T": "Tuesday", "Tu": "Tuesday", "W": "Wednesday", "Th": "Thursday", "F": "Friday",
    "S": "Saturday", "Sa": "Saturday", "Su": "Sunday",
}  # fmt: skip
BOOKS = (
    "genesis exodus leviticus numbers deuteronomy joshua judges ruth samuel kings chronicles ezra nehemiah esther job "
    "psalm psalms proverbs ecclesiastes isaiah jeremiah lamentations ezekiel daniel hosea joel amos obadiah jonah "
    "micah nahum habakkuk zephaniah haggai zechariah malachi matthew mark luke john acts romans corinthians galatians "
    "ephesians philippians colossians thessalonians timothy titus philemon hebrews james peter jude revelation surah "
    "sura quran verse gen exod lev num deut josh judg sam chron neh ps prov eccl isa jer ezek dan hos mic hab zech mal "
    "matt mk lk jn rom cor gal eph phil col thess tim heb jas pet rev"
).split()
"""Before "3:16" these make it chapter and verse."""

STATES_ALONE = {short: name for short, name in STATES.items() if short not in ("MD", "PA", "PR")}
"""Without a ZIP code the others may be a doctor and an assistant."""

COUNTED_THINGS = (
    "views likes followers subscribers subs users people downloads streams plays posts customers members visitors "
    "viewers fans players copies units accounts residents jobs records rows tokens parameters params dollars euros "
    "votes homes households shares tweets retweets comments reads hits installs barrels tons tonnes readers clicks "
    "impressions citizens voters workers employees students children deaths cases lines messages songs photos videos "
    "installations times transactions orders visits sales acres pounds inhabitants immigrants refugees tourists"
).split()
"""After "2m" these make it millions."""

DESCRIBED_THINGS = (
    "bulb bulbs bottle bottles bag bags battery batteries charger chargers adapter adapters laptop screen monitor tv "
    "television drive drives disk lens cable cables cord tank tanks run race walk hike swim ride sprint dash radius "
    "limit gap wall pole rope board boards plank pipe pipes nail nails screw screws bolt bolts drill socket wrench "
    "pizza cake pan skillet plate plates speaker speakers amp motor motors engine engines outlet supply panel panels "
    "fuse fuses resistor resistors capacitor jar jug carton bucket pack packet box boxes dumbbell dumbbells "
    "barbell weight weights kettlebell fish rifle gun camera sensor phone tablet display ladder fence tape hose "
    "loop loops trail trails stretch commute detour course route "
    "breaker light lights lamp lamps heater microwave circuit connection plan card stick module chip processor"
).split()
"""Before these a measure stands in the singular: "a sixty watt bulb"."""

MONEY_NAMES = {sign: names[1] for sign, names in CURRENCIES.items()}
CENT_NAMES = {sign: names[3] for sign, names in CURRENCIES.items()}
MONEY_NAMES |= {code: MONEY_NAMES[sign] for code, sign in CURRENCY_CODES.items()}
CENT_NAMES |= {code: CENT_NAMES[sign] for code, sign in CURRENCY_CODES.items()}
HALVES = {"a": "A-M", "p": "P-M"}
SIGN_WORDS = {"+": "plus", "-": "minus", "−": "minus"}
HEAT = {"C": "Celsius", "F": "Fahrenheit"}
FUNCTIONS = {
    "sin": "sine", "cos": "cosine", "tan": "tangent", "log": "log", "ln": "natural log", "exp": "exponential",
    "sqrt": "square root", "max": "max", "min": "min",
}  # fmt: skip
WARS = {"I": "one", "II": "two", "III": "three", "1": "one", "2": "two"}
RANKS = {"1st": "first", "first": "first", "2nd": "second", "2d": "second", "second": "second"}
LIMITS = {"min": "minimum", "max": "maximum"}
LIFE = {"b": "born", "d": "died", "r": "reigned", "c": "circa", "m": "married", "fl": "flourished"}
COORDINATES = {"lat": "latitude", "lon": "longitude", "long": "longitude"}
DOTFILES = {
    "gitignore": "git ignore", "bashrc": "bash R-C", "zshrc": "Z shell R-C", "vimrc": "vim R-C", "npmrc": "N-P-M R-C",
    "gitattributes": "git attributes", "dockerignore": "docker ignore", "editorconfig": "editor config",
    "eslintrc": "E-S lint R-C", "htaccess": "H-T access", "ssh": "S-S-H",
}  # fmt: skip

ARTICLES = frozenset(("a", "an"))
THE = frozenset(("the",))
POINTERS = frozenset("the a our its".split())
"""After these "Sat." is no day."""

RECKONING = frozenset("plus minus times equals than most least approximately".split())
"""After these "3 x 4" is a product."""

NOT_DESCRIBED = frozenset(
    "a an and or but in on at for to from per of is was each every with by than more less".split()
)
"""After an amount these are no nouns that it describes."""

AFTER_I = frozenset("am was will would have had do did can could think know saw said went met".split())
"""After "I" these show that it is the pronoun."""

SCALE_NAMES = SCALES | {word: word for word in SCALE_WORDS}
REGNAL_NAMES = REGNAL - {"king", "queen"}
DENOMINATORS = {"2": ("half", "halves"), "4": ("quarter", "quarters")}
POWER_WORDS = {"2": "squared", "3": "cubed"}
MEASURE_SIGNS = {
    "-": "minus", "−": "minus", "+": "plus", "±": "plus or minus", "~": "about", "<": "less than", ">": "more than",
}  # fmt: skip
SIGNS = {
    "-": "minus", "−": "minus", "+": "plus", "±": "plus or minus", "~": "about", "#": "number", "№": "number",
}  # fmt: skip
ADDRESS_SIGNS = {
    ".": "dot", "/": "slash", "-": "dash", "_": "underscore", "+": "plus", ":": "colon", "~": "tilde",
    "?": "question mark", "&": "and", "=": "equals", "%": "percent", "#": "hash", "@": "at", "\\": "backslash",
}  # fmt: skip
SHORT_WORDS = frozenset("a i am an as at be by co do go he hi if in is it me my no of on or so to up us we".split())
"""Words of one and two letters that are read in an address."""

TITLES_ALONE = {short: said for short, said in TITLES.items() if short not in DOT_NEEDED}
NUMBERED_ABBREVIATIONS = {short: ABBREVIATIONS[short] for short in NUMBER_FOLLOWS}
NUMBERED_ALONE = {short: said for short, said in NUMBERED_ABBREVIATIONS.items() if short not in DOT_NEEDED}
ABBREVIATED = {short: said for short, said in ABBREVIATIONS.items() if short not in NUMBER_FOLLOWS}
ABBREVIATED_ALONE = {short: said for short, said in ABBREVIATED.items() if short not in DOT_NEEDED}
"""Without a dot the others are words, names or initials."""

SLASHED = {
    "a/c": "A-C", "n/a": "not applicable", "s/n": "serial number", "i/o": "I-O", "p/e": "P-E", "y/n": "yes or no",
    "q/a": "Q and A", "r/w": "read write",
}  # fmt: skip
"""Letters with a slash between them that stand for words."""

SHORT_CHANGE: frozenset[str] = frozenset()
"""Currencies whose small coins have no name after the large ones: "three pounds fifty"."""

ZERO_OF_CODES = "zero"
