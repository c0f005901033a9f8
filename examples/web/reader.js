// Needs rules.bin (`parrotlet-compress text`). Runs in browsers and Node 18 or later.
//
// Written layout to text with pauses: lists, headings, tables, line breaks, and the marks of Markdown and HTML, as
// reader.py and tags.py have it in Python. The same comes out whatever the size of the pieces: what may still turn out to be
// markup is held back, up to a bound. Patterns and tables come from rules.bin.

const isAlnum = (character) => /^[\p{L}\p{N}]/u.test(character);
const has = (table, key) => Object.hasOwn(table, key);

/** Reads texts, whole or in pieces; `rules` is what readRules of g2p.js gives. */
export class Reader {
  /** `format`: "auto", "plain", "markdown" or "html"; `codeBlocks`: "announce", "skip" or "read". */
  constructor(rules, { format = "auto", codeBlocks = "announce" } = {}) {
    const { patterns, tables, line, value, longest } = rules.normalizer.reader;
    this.source = patterns;
    this.sticky = {};
    this.tables = { ...tables, inline: new Set(tables.inline), unread: new Set(tables.unread) };
    this.limit = { line, value, longest };
    this.format = format;
    this.codeBlocks = codeBlocks;
    this.marked = format !== "plain";
    this.reset();
  }

  /** Begins another text. */
  reset() {
    Object.assign(this, { waiting: "", unread: "", spaced: true }); // of tags
    Object.assign(this, { rest: "", before: null, line: null, raw: "", last: "", fenced: "" }); // of lines
  }

  /** The match of a named pattern at `at`, or null. */
  at(name, text, at = 0) {
    this.sticky[name] ??= new RegExp(this.source[name], "yu");
    this.sticky[name].lastIndex = at;
    return this.sticky[name].exec(text);
  }

  /** The first match of a named pattern from `from` on, or null. */
  find(name, text, from = 0) {
    this.sticky[`find ${name}`] ??= new RegExp(this.source[name], "gu");
    this.sticky[`find ${name}`].lastIndex = from;
    return this.sticky[`find ${name}`].exec(text);
  }

  /** A whole text without its markup. */
  read(text) {
    this.reset();
    return this.feed(text, true);
  }

  /** What can be said of the text so far; `last` says that nothing follows. */
  feed(piece, last = false) {
    const lines = (this.rest + (this.marked ? this.withoutTags(piece, last) : piece)).split("\n");
    const rest = lines.pop();
    const out = [];
    for (const line of lines) {
      this.readLine(line, out, "\n");
      this.endLine(line);
    }
    this.rest = rest.slice(this.readLine(rest, out, last ? "end" : ""));
    return out.join("");
  }

  endLine(line) {
    const now = this.line;
    Object.assign(this, { line: null, raw: "", last: "" });
    if (now === null || now.kind === "none") return;
    if (now.kind === "blank") {
      if (this.before !== null) this.before.blank = true;
      return;
    }
    now.hard = line.endsWith("  ") || (this.marked && line.endsWith("\\"));
    this.before = now;
  }

  /** Reads what is certain of the line's rest, and tells how far; `end` is "" while more may come, "end" at the last. */
  readLine(line, out, end) {
    let at = 0;
    if (this.line === null) {
      const begun = this.begin(line, end);
      if (begun === null) return 0;
      const { kind, start = 0, first = "", said = "" } = begun;
      at = start;
      this.line = { kind, said: "", valued: false, hard: false, blank: false };
      if (kind !== "blank" && kind !== "none") {
        out.push(this.joint(kind, first) + said);
        this.add(said);
      }
    }
    if (["blank", "none", "fence"].includes(this.line.kind)) return line.length;
    const [said, used] = this.body(line, at, end);
    out.push(said);
    this.add(said);
    return used;
  }

  /** Remembers how a line begins and ends. */
  add(said) {
    const { line, limit } = this;
    line.said += said;
    if (line.said.length > 4 * limit.line) line.said = line.said.slice(0, 2 * limit.line) + line.said.slice(-limit.line);
  }

  /** The kind of a line, where its content begins, the content's first letter, and what its mark says; null: not yet. */
  begin(line, end) {
    let start = this.at("indent", line)[0].length;
    const content = line.slice(start);
    const fence = this.at("fence", content);
    if (this.fenced || fence) return this.beginCode(content, fence, end);
    if (!content.trim()) return end ? { kind: "blank" } : null;
    if (this.at("rule", content) || (content[0] === "|" && this.at("separator", content))) {
      if (!end) return null;
      return content.replaceAll(" ", "").length > 2 ? this.beginRule(content) : { kind: "blank" };
    }
    if (!end && this.at("open_start", content)) return null;
    if (this.at("definition", content)) return { kind: "none" };
    let kind = "prose";
    let said = "";
    const heading = this.at("heading", content);
    const bullet = this.at("bullet", content);
    const numbered = this.at("numbered", content);
    let mark = heading ?? bullet ?? numbered;
    if (heading) kind = "heading";
    else if (bullet) kind = "item";
    else if (numbered) [kind, said] = ["item", `${numbered[1] ?? numbered[2]}, `];
    else if (content[0] === "|") [kind, mark] = ["row", this.at("cell", content)];
    start += mark ? mark[0].length : 0;
    const first = this.find("first", line, start);
    if (!first && !end && line.length - start < this.limit.longest) return null;
    return { kind, start, first: first ? first[0] : "", said };
  }

  /** A line across, or one under a heading. */
  beginRule(content) {
    if (this.before !== null && "=-".includes(content[0]) && !this.before.blank) {
      if (this.before.kind === "prose") this.before.kind = "heading";
      return { kind: "none" };
    }
    return { kind: content[0] === "|" ? "none" : "blank" };
  }

  beginCode(content, fence, end) {
    if (!end) return null;
    if (this.fenced) {
      const closing = fence !== null && content.startsWith(this.fenced) && !content.replace(/[`~ \t]+/g, "");
      if (closing) this.fenced = "";
      return closing || this.codeBlocks !== "read" ? { kind: "none" } : { kind: "code", first: "A" };
    }
    this.fenced = content.slice(0, 3);
    return this.codeBlocks === "announce" ? { kind: "fence", first: "A", said: "Code block." } : { kind: "none" };
  }

  /** What stands between two lines. */
  joint(kind, first) {
    const { before } = this;
    if (before === null || !before.said.trim()) return "";
    const said = before.said.trimEnd();
    const mark = this.find("ended", said) ? "" : ".";
    const small = (text) => this.at("small", text) !== null;
    if (before.blank) return `${mark}\n\n`;
    if (before.kind === "item" && kind === "prose" && small(first)) return " ";
    if (before.kind !== "prose" || kind !== "prose") return `${mark}\n`;
    if (!mark) return before.hard ? "\n" : " ";
    const short = [...said].length < this.limit.line;
    const shouted = short && this.find("capital", said) && !this.find("small", said);
    if (before.valued || (shouted && this.find("small", `${first}a`))) return `${mark}\n`;
    if (before.hard) return ", ";
    if (small(first)) return said.trim().split(/\s+/u).length <= 3 && small(said) ? ", " : " ";
    return short ? ", " : " ";
  }

  /** The words of a line from `start` on, and how far they are certain. */
  body(line, start, end) {
    const out = [];
    let at = start;
    while (at < line.length) {
      let found = this.next(line, at);
      const open = found === line.length && !end;
      if (open) found = Math.max(at, line.replace(/[ \t]+$/, "").length); // space at the end of a line is silent
      out.push(line.slice(at, found));
      this.note(line.slice(at, found));
      at = found;
      if (open || at === line.length) break;
      const [said, after] = this.sign(line, at, end);
      if (after === at) break;
      this.note(line.slice(at, after));
      out.push(said);
      at = after;
    }
    return [out.join(""), at];
  }

  /** Remembers how the line begins and what was read last of it. */
  note(raw) {
    this.last = raw.slice(-1) || this.last;
    if (this.raw.length < this.limit.line) this.raw += raw.slice(0, this.limit.line);
  }

  /** The place of the next sign that may be a mark. */
  next(line, at) {
    const place = (found) => (found < 0 ? line.length : found);
    const places = [line.length];
    if (this.marked) places.push(this.find("mark", line, at)?.index ?? line.length);
    if (this.line.kind === "row") places.push(place(line.indexOf("|", at)));
    else if (this.raw.length < this.limit.line && !this.raw.includes(":")) places.push(place(line.indexOf(":", at)));
    return Math.min(...places);
  }

  /** What is said of the sign at `at`, and where it ends: at `at` itself where more must come first. */
  sign(line, at, end) {
    const sign = line[at];
    if (sign === ":") return this.colon(line, at, end);
    if (sign === "|") {
      const after = at + this.at("cell", line, at)[0].length;
      if (after === line.length) return ["", end ? after : at];
      return [", ", after];
    }
    if ("[!".includes(sign)) return this.bracket(line, at, end);
    if (sign === "`") {
      if (!end && line.length - at < this.limit.longest && this.at("open_code", line, at)) return ["", at];
      const code = this.at("code", line, at);
      return code ? [code[2], at + code[0].length] : ["", at + this.at("ticks", line, at)[0].length];
    }
    if (sign === "\\") {
      const escape = this.at("escape", line, at);
      if (escape) return [escape[1], at + escape[0].length];
      if (at + 1 === line.length) return ["", end ? at + 1 : at];
      return [sign, at + 1];
    }
    return this.emphasis(line, at, end);
  }

  /** A comma between a short key and its value, on a line of their own among others; else the colon. */
  colon(line, at, end) {
    const value = line.slice(at + 1);
    if (!this.at("key", this.raw) || [...value].length > this.limit.value) return [":", at + 1];
    if (!end) return ["", at];
    const among = end === "\n" || this.before?.valued;
    if (!among || !this.at("valued", value)) return [":", at + 1];
    this.line.valued = true;
    return [",", at + 1];
  }

  bracket(line, at, end) {
    const inline = this.at("inline", line, at) ?? this.at("footnote", line, at);
    if (inline) return [line[at + 1] === "[" ? inline[0] : "", at + inline[0].length];
    const link = this.at("link", line, at);
    if (link) return [this.linked(link[1]), at + link[0].length];
    const waits = !end && line.length - at < this.limit.longest && linkIsOpen(line, at);
    return waits ? ["", at] : [line[at], at + 1];
  }

  /** A link's text without its marks. */
  linked(text) {
    const { line, raw, last } = this;
    Object.assign(this, { line: { kind: "link" }, raw: ":", last: "" });
    const [said] = this.body(text, 0, "end");
    Object.assign(this, { line, raw, last });
    return said;
  }

  /** Stars and lines around words are silent; between numbers and inside names they stay. */
  emphasis(line, at, end) {
    const run = this.at("emphasis", line, at);
    const after = at + (run ? run[0].length : 1);
    if (after === line.length && !end) return ["", at];
    const before = this.last;
    const following = line.slice(after, after + 1);
    const opens = following.trim() !== "" && !isAlnum(before);
    const closes = before.trim() !== "" && !isAlnum(following);
    const dialed = line[at] === "*" && after === at + 1 && opens && /^\d/.test(following);
    const silent = run && !dialed && (opens || closes || after - at > 1);
    return [silent ? "" : line.slice(at, after), after];
  }

  /** Tags become lines and marks, entities their signs. */
  withoutTags(piece, last) {
    const text = this.waiting + piece;
    const out = [];
    let at = 0;
    this.waiting = "";
    while (at < text.length) {
      if (this.unread) {
        const end = text.toLowerCase().indexOf(`</${this.unread}`, at);
        if (end < 0) {
          this.waiting = last ? "" : text.slice(Math.max(at, text.length - this.unread.length - 1));
          break;
        }
        this.unread = "";
        at = end;
        continue;
      }
      const found = this.find("sign", text, at)?.index ?? text.length;
      out.push(this.plain(text.slice(at, found)));
      if (found === text.length) break;
      if (!last && text.length - found < this.limit.longest && this.at("open", text, found)) {
        this.waiting = text.slice(found);
        break;
      }
      const [said, end] = this.tag(text, found);
      out.push(said);
      at = end;
    }
    return out.join("");
  }

  plain(text) {
    if (this.format !== "html" || !text) return text;
    const single = text.replace(/\s+/gu, " ");
    const kept = this.spaced && single[0] === " " ? single.slice(1) : single;
    this.spaced = kept ? kept.endsWith(" ") : this.spaced;
    return kept;
  }

  /** What stands for the markup at `at`, and where it ends; the sign itself where there is none. */
  tag(text, at) {
    if (text[at] === "&") {
      const entity = this.at("entity", text, at);
      const sign = entity && this.character(entity);
      return sign ? [sign, at + entity[0].length] : ["&", at + 1];
    }
    if (text[at] === "`") {
      const [code] = this.at("code", text, at) ?? this.at("ticks", text, at);
      return [code, at + code.length];
    }
    const link = this.at("autolink", text, at);
    if (link) return [link[1], at + link[0].length];
    const comment = this.at("comment", text, at);
    if (comment) return ["", at + comment[0].length];
    const tag = this.at("tag", text, at);
    const name = tag ? tag[2].toLowerCase() : "";
    const { breaks, opening, closing, inline, unread } = this.tables;
    const known = has(breaks, name) || has(opening, name) || has(closing, name) || inline.has(name);
    if (!tag || (!known && this.format !== "html")) return ["<", at + 1];
    if (unread.has(name) && !tag[1]) this.unread = name;
    return [this.standsFor(tag, name), at + tag[0].length];
  }

  standsFor(tag, name) {
    const { breaks, opening, closing } = this.tables;
    if (name === "img") {
      const alt = this.find("alt", tag[3]);
      return alt ? alt[1] || alt[2] || "" : "";
    }
    if (has(breaks, name)) return breaks[name];
    const table = tag[1] ? closing : opening;
    return has(table, name) ? table[name] : "";
  }

  /** The sign of an entity; empty for a name or a number that has none. */
  character([, decimal, hexadecimal, name]) {
    if (name) return has(this.tables.entities, name) ? this.tables.entities[name] : "";
    const code = decimal ? Number(decimal) : parseInt(hexadecimal, 16);
    return code > 31 && code < 0x110000 && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : " ";
  }
}

/** True while what begins at `start` may still become a link, an image, a footnote or an instruction. */
function linkIsOpen(line, start) {
  let at = start + (line[start] === "!" ? 1 : 0);
  for (const allowed of ["[", "[("]) {
    if (at === line.length) return true;
    const opening = line[at];
    if (!allowed.includes(opening)) return false;
    const closing = opening === "[" ? "]" : ")";
    let depth = 0;
    do {
      depth += (line[at] === opening ? 1 : 0) - (line[at] === closing ? 1 : 0);
      at += 1;
    } while (at < line.length && depth > 0);
    if (depth > 0) return true;
  }
  return false;
}
