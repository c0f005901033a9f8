// A subset of SSML 1.1 (W3C 2010): ssml.py. Tables come from rules.bin.

import { InputError } from "./errors.js";
import { pausesOf } from "./sentences.js";
import { readXml } from "./xml.js";

const KNOWN = new Set("speak p s break prosody say-as sub phoneme emphasis".split(" "));
const REPLACED = ["sub", "phoneme", "say-as"];
const PLAIN = { speed: 1, pitch: 0, volume: 1 };
const LONGEST_PAUSE = 10;
const BEGINNINGS = ["<speak>", "<speak ", "<?xml "];

/** Whether a text begins as an SSML document does; null while it is too short to tell. */
export function beginsAsSsml(text) {
  const start = text.trimStart().slice(0, 7);
  if (BEGINNINGS.some((one) => start.startsWith(one))) return true;
  return BEGINNINGS.some((one) => one.startsWith(start)) ? null : false;
}

/** Reads documents into segments {text, style: {speed, pitch, volume}, pause}; `normalizer`: normalize.js's, for numbers. */
export class Ssml {
  constructor(rules, normalizer) {
    this.tables = rules.ssml;
    this.ends = {
      p: { seconds: rules.sentences.paragraph, origin: "sentence" },
      s: { seconds: rules.sentences.tables.pauses["."], origin: "sentence" },
    };
    this.numbers = normalizer.numbers;
    this.months = normalizer.months;
  }

  /** Segments of a document; a pause of null leaves it to the punctuation. */
  read(document) {
    if (document.length > this.tables.longest) {
      throw new InputError(`the SSML document is longer than ${this.tables.longest} characters; send it in parts`);
    }
    const segments = [];
    const styles = [PLAIN];
    const elements = [];
    const held = []; // {replace, text} of the elements whose text is replaced
    let said = "";

    /** Ends a segment, and puts its pause together with one right before it. */
    const flush = (pause) => {
      const text = said;
      said = "";
      const last = segments.at(-1);
      if (text.trim()) segments.push({ text, style: styles.at(-1), pause });
      else if (pause && last) {
        const [first, ...left] = last.pause ? pausesOf(last.pause, pause) : [pause];
        last.pause = first;
        for (const other of left) segments.push({ text: "", style: styles.at(-1), pause: other });
      } else if (pause?.origin === "text") segments.push({ text: "", style: styles.at(-1), pause });
    };
    const heard = (data) => {
      if (held.length) held.at(-1).text += data;
      else said += data;
    };
    readXml(document, {
      start: (name, attributes) => {
        this.check(name, elements);
        elements.push(name);
        const style = this.styled(styles.at(-1), name, attributes);
        if (["prosody", "emphasis", "p", "s"].includes(name)) flush(null);
        styles.push(style);
        if (name === "break") flush(this.pause(attributes));
        if (REPLACED.includes(name)) held.push({ replace: this.replacement(name, attributes), text: "" });
      },
      text: heard,
      end: (name) => {
        elements.pop();
        if (REPLACED.includes(name)) {
          const { replace, text } = held.pop();
          const spoken = replace(text);
          heard(spoken === text ? text : ` ${spoken} `);
        }
        if (["prosody", "emphasis", "p", "s"].includes(name)) flush(this.ends[name] ?? null);
        styles.pop();
      },
    });
    flush(null);
    return segments;
  }

  check(name, elements) {
    const { deepest } = this.tables;
    if (elements.length >= deepest) throw new InputError(`SSML is nested more than ${deepest} deep; flatten it`);
    if (!elements.length && name !== "speak") throw new InputError(`SSML must begin with <speak>, not <${name}>; wrap the document in <speak>`);
    if (!KNOWN.has(name)) throw new InputError(`<${name}> is not supported in SSML; docs/text.md lists what is`);
  }

  styled(outer, name, attributes) {
    if (name === "emphasis") {
      const [speed, pitch, volume] = lookedUp(this.tables.emphases, attributes.level ?? "moderate", "emphasis level");
      return combined(outer, { speed, pitch, volume });
    }
    if (name !== "prosody") return outer;
    const { rate = "medium", pitch = "medium", volume = "medium" } = attributes;
    return combined(outer, {
      speed: factor(this.tables.rates, rate, "rate", 0.25, 4),
      pitch: this.semitones(pitch),
      volume: this.loudness(volume),
    });
  }

  semitones(written) {
    const match = /^([+-]?\d+(?:\.\d+)?)st$/.exec(written);
    if (match) return Number(match[1]);
    if (Object.hasOwn(this.tables.pitches, written)) return this.tables.pitches[written];
    return 12 * Math.log2(factor(this.tables.pitches, written, "pitch", 0.5, 2));
  }

  loudness(written) {
    const match = /^([+-]?\d+(?:\.\d+)?)dB$/.exec(written);
    return match ? 10 ** (Math.min(12, Number(match[1])) / 20) : factor(this.tables.volumes, written, "volume", 0, 4);
  }

  pause({ time, strength = "medium" }) {
    if (time === undefined) return { seconds: lookedUp(this.tables.breaks, strength, "break strength"), origin: "text" };
    const match = /^\+?(\d+(?:\.\d+)?)(ms|s)$/.exec(time.trim());
    if (!match) throw new InputError(`SSML break time "${time}" is not like "300ms" or "1.5s"`);
    return { seconds: Math.min(LONGEST_PAUSE, Number(match[1]) / (match[2] === "ms" ? 1000 : 1)), origin: "text" };
  }

  /** What is said in place of an element's text. */
  replacement(name, attributes) {
    if (name === "sub") return (held) => attributes.alias || held;
    if (name === "phoneme") {
      const { ph = "", alphabet = "ipa" } = attributes;
      const inline = `[[${this.phonemes(alphabet === "x-parrotlet" ? ph : this.fromIpa(ph))}]]`;
      return () => inline;
    }
    const kind = attributes["interpret-as"] ?? "";
    const order = attributes.format;
    if (kind === "date" && order !== undefined) {
      if (!this.tables.dates.includes(order)) throw new InputError(`SSML date format "${order}" is not one of ${this.tables.dates.join(", ")}`);
      return (held) => this.date(held, order);
    }
    return this.saidAs(kind);
  }

  saidAs(kind) {
    const { numbers } = this;
    const runs = (held, joint, zero) => (held.match(/[0-9]+/g) ?? []).map((run) => numbers.spelled(run, zero)).join(joint) || held;
    if (["characters", "spell-out", "verbatim"].includes(kind)) return (held) => [...characters(held)].join(", ");
    if (kind === "digits") return (held) => runs(held, " ", "zero");
    if (kind === "telephone") return (held) => runs(held, ", ", "oh");
    if (kind === "cardinal" || kind === "number") return (held) => held.replace(/[0-9][0-9,]*/g, (run) => numbers.cardinal(run.replaceAll(",", "")));
    if (kind === "ordinal") return (held) => held.replace(/([0-9]+)(?:st|nd|rd|th)?/g, (_, run) => numbers.ordinal(run));
    return (held) => held;
  }

  /** A date whose numbers stand in `order`, in a form that the normalizer reads one way only. */
  date(written, order) {
    const runs = written.match(/[0-9]+/g) ?? [];
    if (runs.length !== order.length) return written;
    const part = Object.fromEntries([...order].map((name, k) => [name, runs[k]]));
    if (part.m !== undefined && !(Number(part.m) >= 1 && Number(part.m) <= 12)) return written;
    const month = part.m === undefined ? "" : this.months[Number(part.m) - 1];
    const day = part.d === undefined ? "" : this.numbers.ordinal(part.d);
    let year = "";
    if (part.y !== undefined) year = part.y.length === 4 ? this.numbers.year(part.y) : this.numbers.minutes(part.y);
    return [month, day && year ? `${day},` : day, year].filter(Boolean).join(" ");
  }

  /** Phonemes as `[[ ]]` holds them. Throws an InputError if one is not in the set. */
  phonemes(inside) {
    const { phonemes, sounds } = this.tables;
    const said = inside.trim().split(/\s+/u).join(" ");
    const unknown = [...new Set(said)].filter((one) => !phonemes.includes(one)).sort();
    if (unknown.length || ![...said].some((one) => sounds.includes(one))) {
      const wrong = unknown.length ? `${unknown.join(" ")} is` : "it is empty, or punctuation only:";
      throw new InputError(`[[${inside}]]: ${wrong} not a phoneme; docs/text.md lists the set`);
    }
    return said;
  }

  fromIpa(written) {
    return this.tables.ipa.reduce((said, [theirs, ours]) => said.replaceAll(theirs, ours), written);
  }
}

function* characters(text) {
  for (const character of text) {
    if (/\p{L}/u.test(character)) yield "aA".includes(character) ? "ay" : character.toUpperCase(); // a lone A would be the article
    else if (character.trim()) yield character;
  }
}

function combined(outer, inner) {
  return {
    speed: Math.min(4, Math.max(0.25, outer.speed * inner.speed)),
    pitch: Math.min(12, Math.max(-12, outer.pitch + inner.pitch)),
    volume: Math.min(4, outer.volume * inner.volume),
  };
}

function lookedUp(table, name, what) {
  if (Object.hasOwn(table, name)) return table[name];
  throw new InputError(`SSML ${what} "${name}" is not one of ${Object.keys(table).join(", ")}`);
}

function factor(names, written, what, low, high) {
  if (Object.hasOwn(names, written)) return names[written];
  const percent = /^([+-]?)(\d+(?:\.\d+)?)%$/.exec(written);
  let value = Number(written);
  if (percent) {
    value = Number(percent[2]) / 100;
    if (percent[1]) value = 1 + (percent[1] === "+" ? value : -value);
  } else if (!/^\d+(\.\d+)?$/.test(written)) {
    throw new InputError(`SSML ${what} "${written}" is not a percentage or one of ${Object.keys(names).join(", ")}`);
  }
  return Math.min(high, Math.max(low, value));
}
