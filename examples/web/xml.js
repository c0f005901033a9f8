// A small strict reader of XML without entities of its own, external references or unbounded depth: what ssml.js needs,
// where a worker has no DOMParser. It calls start(name, attributes), text(data) and end(name) as it goes.

import { InputError } from "./errors.js";

const NAME = "[A-Za-z_:][A-Za-z0-9_:.-]*";
const TAG = new RegExp(`<(/?)(${NAME})((?:\\s+${NAME}\\s*=\\s*(?:"[^"<]*"|'[^'<]*'))*)\\s*(/?)>`, "y");
const ATTRIBUTE = new RegExp(`(${NAME})\\s*=\\s*(?:"([^"<]*)"|'([^'<]*)')`, "g");
const DECLARATION = /<\?xml(?:\s[^?]*)?\?>/y;
const INSTRUCTION = /<\?(?!xml)[A-Za-z_:][\s\S]*?\?>/y;
const COMMENT = /<!--(?!-?>)(?:(?!--)[\s\S])*-->/y;
const SECTION = /<!\[CDATA\[([\s\S]*?)\]\]>/y;
const ENTITY = /&(?:#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6})|([A-Za-z_:][A-Za-z0-9_:.-]*));|&/g;
const NAMED = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Reads a document. Throws an InputError with the line of whatever is wrong. */
export function readXml(document, { start, text, end }) {
  const open = [];
  let at = 0;
  let ended = false;

  const fail = (what) => {
    const lines = document.slice(0, at).split("\n");
    const place = `line ${lines.length}, column ${lines.at(-1).length}`;
    throw new InputError(`the SSML is not well-formed XML: ${what}: ${place}; mend it or send plain text`);
  };
  const match = (pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(document);
  };
  const characters = (written) => written.replace(ENTITY, (_, decimal, hexadecimal, name) => {
    if (name !== undefined) return NAMED[name] ?? fail(`undefined entity ${name}`);
    const code = decimal ? Number(decimal) : parseInt(hexadecimal ?? "", 16);
    const allowed = [9, 10, 13].includes(code) || (code >= 32 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff));
    return allowed ? String.fromCodePoint(code) : fail("not well-formed (invalid token)");
  });
  const attributesOf = (written) => {
    const attributes = {};
    for (const [, name, double, single] of written.matchAll(ATTRIBUTE)) {
      if (Object.hasOwn(attributes, name)) fail("duplicate attribute");
      attributes[name] = characters(double ?? single).replace(/\s/g, " ");
    }
    return attributes;
  };
  const data = (said) => {
    if (open.length) text(said);
    else if (said.trim()) fail(ended ? "junk after document element" : "syntax error");
  };

  const declared = match(DECLARATION);
  if (declared) at = declared[0].length;
  while (at < document.length) {
    if (document[at] !== "<") {
      const next = document.indexOf("<", at);
      const stop = next < 0 ? document.length : next;
      data(characters(document.slice(at, stop)));
      at = stop;
      continue;
    }
    if (document.startsWith("<!DOCTYPE", at)) throw new InputError("SSML must not hold a DOCTYPE or entities; remove the declaration");
    const silent = match(COMMENT) ?? match(INSTRUCTION);
    const section = silent ? null : match(SECTION);
    const tag = silent || section ? null : match(TAG);
    if (section) data(section[1]);
    if (tag) readTag(tag);
    const found = silent ?? section ?? tag;
    if (!found) fail("not well-formed (invalid token)");
    at += found[0].length;
  }
  if (open.length || !ended) fail("no element found");

  function readTag([, closing, name, written, empty]) {
    if (closing) {
      if (written.trim() || empty || open.pop() !== name) fail("mismatched tag");
      end(name);
    } else {
      if (ended) fail("junk after document element");
      start(name, attributesOf(written));
      if (empty) end(name);
      else open.push(name);
    }
    ended = !open.length;
  }
}
