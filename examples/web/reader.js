// Needs rules.bin (`parrotlet-compress text`). Runs in browsers and Node 18 or later.
//
// Written layout to text with pauses: lists, headings, tables, line breaks, and the marks of Markdown and HTML, as
// reader.py and tags.py have it in Python, for whole texts. Patterns and tables come from rules.bin.

const isAlnum = (character) => /^[\p{L}\p{N}]/u.test(character);
const has = (table, key) => Object.hasOwn(table, key);

/** Reads texts; `rules` is what readRules of g2p.js gives. */
export class Reader {
  /** `format`: "auto", "plain", "markdown" or "html"; `codeBlocks`: "announce", "skip" or "read". */
  constructor(rules, { format = "auto", codeBlocks = "announce" } = {}) {
    const { patterns, tables, line, value } = rules.normalizer.reader;
    this.source = patterns;
    this.sticky = {};
    this.tables = { ...tables, inline: new Set(tables.inline), unread: new Set(tables.unread) };
    this.limit = { line, value };
    this.format = format;
    this.codeBlocks = codeBlocks;
    this.marked = format !== "plain";
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
    const lines = (this.marked ? this.withoutTags(text) : text).split("\n");
    this.before = null;
    this.fenced = "";
    return lines.map((line, at) => this.readLine(line, at === lines.length - 1)).join("");
  }

  readLine(line, last) {
    const { kind, start = 0, first = "", said = "" } = this.begin(line);
    if (kind === "none") return "";
    if (kind === "blank") {
      if (this.before !== null) this.before.blank = true;
      return "";
    }
    const joint = this.joint(kind, first);
    this.line = { kind, valued: false, blank: false };
    this.raw = "";
    const body = kind === "fence" ? "" : this.body(line, start, last);
    this.line.said = said + body;
    this.line.hard = line.endsWith("  ") || (this.marked && line.endsWith("\\"));
    this.before = this.line;
    return joint + said + body;
  }

  /** The kind of a line, where its content begins, the content's first letter, and what its mark says. */
  begin(line) {
    let start = this.at("indent", line)[0].length;
    const content = line.slice(start);
    const fence = this.at("fence", content);
    if (this.fenced || fence) return this.beginCode(content, fence);
    if (!content.trim()) return { kind: "blank" };
    if (this.at("rule", content) || (content[0] === "|" && this.at("separator", content))) {
      return content.replaceAll(" ", "").length > 2 ? this.beginRule(content) : { kind: "blank" };
    }
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

  beginCode(content, fence) {
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

  /** The words of a line from `start` on. */
  body(line, start, last) {
    const out = [];
    let at = start;
    while (at < line.length) {
      const found = this.next(line, at);
      out.push(line.slice(at, found));
      this.raw += line.slice(at, found);
      at = found;
      if (at === line.length) break;
      const [said, after] = this.sign(line, at, last);
      this.raw += line.slice(at, after);
      out.push(said);
      at = after;
    }
    return out.join("");
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

  /** What is said of the sign at `at`, and where it ends. */
  sign(line, at, last) {
    const sign = line[at];
    if (sign === ":") return [this.colon(line, at, last), at + 1];
    if (sign === "|") {
      const after = at + this.at("cell", line, at)[0].length;
      return [after === line.length ? "" : ", ", after];
    }
    if ("[!".includes(sign)) return this.bracket(line, at);
    if (sign === "`") {
      const code = this.at("code", line, at);
      return code ? [code[2], at + code[0].length] : ["", at + this.at("ticks", line, at)[0].length];
    }
    if (sign === "\\") {
      const escape = this.at("escape", line, at);
      if (escape) return [escape[1], at + escape[0].length];
      return [at + 1 === line.length ? "" : sign, at + 1];
    }
    return this.emphasis(line, at);
  }

  /** A comma between a short key and its value, on a line of their own among others; else the colon. */
  colon(line, at, last) {
    const value = line.slice(at + 1);
    const among = !last || this.before?.valued;
    if (!among || [...value].length > this.limit.value || !this.at("key", this.raw) || !this.at("valued", value)) return ":";
    this.line.valued = true;
    return ",";
  }

  bracket(line, at) {
    const inline = this.at("inline", line, at) ?? this.at("footnote", line, at);
    if (inline) return [line[at + 1] === "[" ? inline[0] : "", at + inline[0].length];
    const link = this.at("link", line, at);
    return link ? [this.linked(link[1]), at + link[0].length] : [line[at], at + 1];
  }

  /** A link's text without its marks. */
  linked(text) {
    const { line, raw } = this;
    this.line = { kind: "link" };
    this.raw = ":";
    const said = this.body(text, 0, true);
    this.line = line;
    this.raw = raw;
    return said;
  }

  /** Stars and lines around words are silent; between numbers and inside names they stay. */
  emphasis(line, at) {
    const run = this.at("emphasis", line, at);
    const after = at + (run ? run[0].length : 1);
    const before = this.raw.slice(-1);
    const following = line.slice(after, after + 1);
    const opens = following.trim() !== "" && !isAlnum(before);
    const closes = before.trim() !== "" && !isAlnum(following);
    const dialed = line[at] === "*" && after === at + 1 && opens && /^\d/.test(following);
    const silent = run && !dialed && (opens || closes || after - at > 1);
    return [silent ? "" : line.slice(at, after), after];
  }

  /** Tags become lines and marks, entities their signs. */
  withoutTags(text) {
    const out = [];
    this.unread = "";
    this.spaced = true;
    let at = 0;
    while (at < text.length) {
      if (this.unread) {
        const end = text.toLowerCase().indexOf(`</${this.unread}`, at);
        if (end < 0) break;
        this.unread = "";
        at = end;
      }
      const found = this.find("sign", text, at)?.index ?? text.length;
      out.push(this.plain(text.slice(at, found)));
      if (found === text.length) break;
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
