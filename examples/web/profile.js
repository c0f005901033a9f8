// Reads and writes Parrotlet voice profiles (docs/profile-format.md) with WebCrypto alone: needs a
// browser or Node 20 or later, and no package. It is the format's second implementation: written from
// the specification, tested against the Python one in both directions (tests/vault/test_javascript.py).
//
// WebCrypto has no scrypt. In Node, `await nodeScrypt()` gives node:crypto's; in a browser, pass
// passphrase() a function (secret, salt, N) => Promise<Uint8Array> of 32 bytes with r=8, p=1.
//
//   import { keyFile, openProfile } from "./profile.js";
//   const { header, tensors } = await openProfile(bytes, [keyFile(text)]);
//   tensors["speaker.embedding"]; // {shape: [256], values: Float32Array}

const MAGIC = "PARROTLT";
const VERSION = 2; // what is written; version 1 is read, too
const PREFIX = 24;
const MAC = 32;
const NONCE = 12;
const TAG = 16;
const MAX_HEADER = 16 * 1024;
const MAX_WRAPS = 32 * 1024;
const MAX_PAYLOAD = 4 * 1024 * 1024;
const MAX_PAYLOAD_V1 = 64 * 1024;
const MAX_INDEX = 16 * 1024;
const MAX_FURTHER = 16;
const MAX_COUNT = 2 ** 31 - 1;
const MIN_LOG_N = 10;
const MAX_LOG_N = 19;

const CONSENT_LIMITS = { given_at: 256, method: 256, recording_sha256: 256, speaker: 256, text: 4096 };
const HEADER_FIELDS_V1 = ["bundle", "consent", "created", "expires", "id", "name", "speaker_model", "uses"];
const HEADER_FIELDS = [...HEADER_FIELDS_V1, "critical"];
const DTYPES = { F32: Float32Array, I32: Int32Array, U8: Uint8Array };

// Format 1 named the speaker encoder together with the acoustic model. These are the released ones.
const ENCODER = "ce52caa555b76c464ba3bfa0db6ea7638c45068adafeab0e4c09151305014404";
const ENCODERS_V1 = {
  edfa3bc4b2d9: ENCODER, // parrotlet-en-3, -4
  "8888c8cc86f6": ENCODER, // parrotlet-en-5
  "2af92024e101": ENCODER, // parrotlet-en-6
  d93aed6e997b: ENCODER, // parrotlet-en-7
  "77fdcb8c2247": ENCODER, // parrotlet-en-8, -9
  624171407803: ENCODER, // parrotlet-en-10, -11
};

const FIELD_NAME = /^[a-z][a-z0-9_]{0,31}$/;
const TENSOR_NAME = /^(?=.{1,64}$)[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/;

const utf8 = new TextEncoder();
const subtle = globalThis.crypto.subtle;

/** code: "format" (cannot be parsed), "newer" (a later format), "unlock" (wrong key or changed), "expired". */
export class ProfileError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "ProfileError";
    this.code = code;
  }
}

/**
 * Open a file. keys: from passphrase(), keyFile() or your own {wrap, unwrap}; now: the moment that
 * decides whether the profile has expired. Resolves to {header, tensors}: of a file of version 1, what they are in
 * version 2.
 */
export async function openProfile(bytes, keys, now = new Date()) {
  const parts = parseFile(bytes);
  const header = parseHeader(parts.header, parts.version);
  const stanzas = parseWraps(parts.wraps);
  const dataKey = await unwrapDataKey(stanzas, keys);
  try {
    if (!(await verifyMac(dataKey, parts.covered, parts.mac))) throw locked();
    const key = await aesKey(await derive(dataKey, "parrotlet/1 payload"));
    const payload = await unseal(key, parts.payload, associated(parts.header, parts.version));
    if (payload === null) throw locked();
    if (header.expires !== null && header.expires <= timestamp(now)) {
      throw new ProfileError("expired", `the profile expired at ${header.expires}; enroll again`);
    }
    if (parts.version === 1) return migrated(header, parsePayloadV1(payload));
    return { header, tensors: parsePayload(payload) };
  } finally {
    dataKey.fill(0);
  }
}

/** What a file says of itself without a key: unverified. Returns {header, keys: kinds of key}. */
export function describeProfile(bytes) {
  const parts = parseFile(bytes);
  return { header: parseHeader(parts.header, parts.version), keys: parseWraps(parts.wraps).map((stanza) => stanza.type) };
}

/** Seal a profile under a new data key. Resolves to the file's bytes. */
export async function sealProfile({ header, tensors }, keys) {
  const dataKey = crypto.getRandomValues(new Uint8Array(32));
  try {
    const stanzas = [];
    for (const key of keys) stanzas.push(await key.wrap(dataKey));
    const headerBytes = utf8.encode(canonical(header));
    const wraps = utf8.encode(
      canonical(stanzas.map(({ type, args, body }) => ({ type, args, body: toHex(body) }))),
    );
    parseHeader(headerBytes, VERSION);
    parseWraps(wraps);
    const payload = writePayload(tensors);
    const key = await aesKey(await derive(dataKey, "parrotlet/1 payload"));
    const sealed = await seal(key, payload, associated(headerBytes, VERSION));
    const covered = join(prefix(headerBytes.length, wraps.length, payload.length), headerBytes, wraps);
    const mac = await subtle.sign("HMAC", await macKey(dataKey), covered);
    return join(covered, new Uint8Array(mac), sealed);
  } finally {
    dataKey.fill(0);
  }
}

/** A key from a passphrase: text (taken in Unicode form NFC) or bytes. scrypt: see the top of this file. */
export function passphrase(secret, scrypt, logN = 17) {
  const bytes = typeof secret === "string" ? utf8.encode(secret.normalize("NFC")) : Uint8Array.from(secret);
  const stretch = async (salt, cost) =>
    aesKey(await scrypt(bytes, join(utf8.encode("parrotlet/1 scrypt"), salt), 2 ** cost));
  return {
    async wrap(dataKey) {
      const salt = crypto.getRandomValues(new Uint8Array(16));
      const body = await seal(await stretch(salt, logN), dataKey, utf8.encode("parrotlet/1 wrap scrypt"));
      return { type: "scrypt", args: { log_n: logN, salt: toHex(salt) }, body };
    },
    async unwrap({ type, args, body }) {
      if (type !== "scrypt" || !sameFields(args, ["log_n", "salt"]) || !isSalt(args.salt)) return null;
      if (body.length !== 60) return null;
      return unseal(await stretch(fromHex(args.salt), args.log_n), body, utf8.encode("parrotlet/1 wrap scrypt"));
    },
  };
}

/** A key from the text of a key file, "parrotlet-key-1 " and 64 hex digits. */
export function keyFile(text) {
  const found = /^parrotlet-key-1 ([0-9a-f]{64})\n?$/.exec(text);
  if (found === null) throw new ProfileError("format", "this is not a parrotlet key file; check the path");
  const secret = fromHex(found[1]);
  const keyFor = async (salt) => aesKey(await derive(secret, "parrotlet/1 key-file", salt));
  return {
    async wrap(dataKey) {
      const salt = crypto.getRandomValues(new Uint8Array(16));
      const body = await seal(await keyFor(salt), dataKey, utf8.encode("parrotlet/1 wrap key-file"));
      return { type: "key-file", args: { salt: toHex(salt) }, body };
    },
    async unwrap({ type, args, body }) {
      if (type !== "key-file" || !sameFields(args, ["salt"]) || !isSalt(args.salt)) return null;
      if (body.length !== 60) return null;
      return unseal(await keyFor(fromHex(args.salt)), body, utf8.encode("parrotlet/1 wrap key-file"));
    },
  };
}

/** scrypt of node:crypto in the shape that passphrase() wants. */
export async function nodeScrypt() {
  const { scryptSync } = await import("node:crypto");
  return async (secret, salt, N) =>
    new Uint8Array(scryptSync(secret, salt, 32, { N, r: 8, p: 1, maxmem: 1024 * (N + 64) }));
}

// The file's structure

function parseFile(bytes) {
  if (bytes.length > PREFIX + MAX_HEADER + MAX_WRAPS + MAC + NONCE + MAX_PAYLOAD + TAG) {
    throw new ProfileError("format", "the file is too large to be a voice profile");
  }
  if (bytes.length < PREFIX || String.fromCharCode(...bytes.subarray(0, 8)) !== MAGIC) {
    throw new ProfileError("format", "the file is not a voice profile");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [version, header, wraps, payload] = [8, 12, 16, 20].map((offset) => view.getUint32(offset, true));
  if (version > VERSION) throw new ProfileError("newer", `the profile has the newer format ${version}`);
  ensure(
    version >= 1 && header <= MAX_HEADER && wraps <= MAX_WRAPS &&
      payload <= (version === 1 ? MAX_PAYLOAD_V1 : MAX_PAYLOAD),
    "a length or the version is out of bounds",
  );
  const end = PREFIX + header + wraps;
  ensure(bytes.length === end + MAC + NONCE + payload + TAG, "its length does not fit its contents");
  return {
    header: bytes.subarray(PREFIX, PREFIX + header),
    wraps: bytes.subarray(PREFIX + header, end),
    covered: bytes.subarray(0, end),
    mac: bytes.subarray(end, end + MAC),
    payload: bytes.subarray(end + MAC),
    version,
  };
}

function prefix(header, wraps, payload, version = VERSION) {
  const bytes = new Uint8Array(PREFIX);
  bytes.set(utf8.encode(MAGIC));
  const view = new DataView(bytes.buffer);
  [version, header, wraps, payload].forEach((value, index) => view.setUint32(8 + 4 * index, value, true));
  return bytes;
}

/** What the payload's tag covers beside the payload. */
function associated(header, version) {
  return join(prefix(0, 0, 0, version).subarray(0, 12), header);
}

function parseHeader(bytes, version) {
  ensure(bytes.length <= MAX_HEADER, "the header is too long");
  const header = parseCanonical(bytes);
  const known = version === 1 ? HEADER_FIELDS_V1 : HEADER_FIELDS;
  ensure(isObject(header) && known.every((field) => Object.hasOwn(header, field)), "a field of the header is missing");
  const further = Object.keys(header).filter((field) => !known.includes(field));
  if (version === 1) ensure(further.length === 0, "the header's fields are not the expected ones");
  else requireUnderstood(header.critical, known, further);
  ensure(further.length <= MAX_FURTHER, "the header has too many fields");
  for (const field of further) {
    ensure(matches(FIELD_NAME, field), "the name of a further field is out of bounds");
    const inner = isObject(header[field]) ? Object.values(header[field]) : [header[field]];
    ensure(inner.length <= MAX_FURTHER, "a further field is out of bounds");
    ensure(
      inner.every((item) => item === null || isText(item, 4096) || isCount(item)),
      "a further field is out of bounds",
    );
  }
  ensure(matches(/^[0-9a-f]{32}$/, header.id), "its id is out of bounds");
  ensure(matches(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, header.name), "its name is out of bounds");
  ensure(matches(/^[0-9a-f]{64}$/, header.speaker_model), "speaker_model is not a SHA-256 in hex");
  ensure(isText(header.bundle, 256), "the name of the bundle is out of bounds");
  ensure(isTime(header.created), "created is not a UTC time");
  ensure(header.expires === null || isTime(header.expires), "expires is not a UTC time");
  ensure(header.uses === null || isCount(header.uses), "the use counter is out of bounds");
  if (header.consent !== null) checkConsent(header.consent, version);
  return header;
}

/** A field that `critical` names may not be ignored: whoever does not know it must not use the profile. */
function requireUnderstood(critical, known, further) {
  ensure(Array.isArray(critical) && critical.length <= MAX_FURTHER, "the list of critical fields is out of bounds");
  ensure(critical.every((name) => matches(FIELD_NAME, name)), "the list of critical fields is out of bounds");
  ensure(
    critical.every((name, index) => index === 0 || critical[index - 1] < name),
    "the list of critical fields is not sorted",
  );
  ensure(
    critical.every((name) => known.includes(name) || further.includes(name)),
    "a critical field is missing",
  );
  const unknown = critical.find((name) => further.includes(name));
  if (unknown !== undefined) {
    throw new ProfileError("newer", `the profile sets ${unknown}, which this version does not know`);
  }
}

function checkConsent(consent, version) {
  const known = Object.keys(CONSENT_LIMITS);
  ensure(
    isObject(consent) && known.every((field) => Object.hasOwn(consent, field)),
    "the consent record's fields are wrong",
  );
  const further = Object.keys(consent).filter((field) => !known.includes(field));
  ensure(further.length <= (version === 1 ? 0 : MAX_FURTHER), "the consent record has too many fields");
  for (const [field, limit] of Object.entries(CONSENT_LIMITS)) {
    ensure(isText(consent[field], limit), `consent ${field} is out of bounds`);
  }
  for (const field of further) {
    ensure(matches(FIELD_NAME, field) && isText(consent[field], 256), "a field of the consent record is out of bounds");
  }
}

function parseWraps(bytes) {
  ensure(bytes.length <= MAX_WRAPS, "the wrapped keys are too long");
  const entries = parseCanonical(bytes);
  ensure(Array.isArray(entries) && entries.length >= 1 && entries.length <= 8, "it has no or too many wrapped keys");
  let cost = 0;
  for (const entry of entries) {
    ensure(sameFields(entry, ["args", "body", "type"]), "a wrapped key's fields are not the expected ones");
    ensure(matches(/^[a-z0-9][a-z0-9-]{0,31}$/, entry.type), "the kind of a wrapped key is out of bounds");
    ensure(isObject(entry.args) && Object.keys(entry.args).length <= 8, "a wrapped key has too many arguments");
    for (const [name, value] of Object.entries(entry.args)) {
      ensure(matches(FIELD_NAME, name), "an argument's name is out of bounds");
      ensure(isText(value, 256) || isCount(value), "an argument is out of bounds");
    }
    ensure(matches(/^([0-9a-f]{2})*$/, entry.body) && entry.body.length <= 8192, "a body is out of bounds");
    if (entry.type === "scrypt") {
      const logN = entry.args.log_n;
      ensure(isCount(logN) && logN >= MIN_LOG_N && logN <= MAX_LOG_N, "a key derivation's cost is not allowed");
      cost += 2 ** logN;
    }
  }
  ensure(cost <= 2 ** MAX_LOG_N, "its passphrases together cost more than is allowed");
  return entries.map(({ type, args, body }) => ({ type, args, body: fromHex(body) }));
}

function parsePayload(bytes) {
  ensure(bytes.length >= 4 && bytes.length <= MAX_PAYLOAD, "the contents are cut short or too long");
  const size = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  ensure(size <= Math.min(MAX_INDEX, bytes.length - 4), "the index of the contents is out of bounds");
  const index = parseCanonical(bytes.subarray(4, 4 + size));
  ensure(isObject(index) && Object.keys(index).length <= 64, "the index of the contents is not the expected one");
  const tensors = {};
  let offset = 4 + size;
  for (const name of Object.keys(index).sort()) {
    const { kind, shape, count } = described(name, index[name]);
    const length = count * DTYPES[kind].BYTES_PER_ELEMENT;
    ensure(length <= bytes.length - offset, "the contents are cut short");
    const values = readValues(kind, bytes, offset, count);
    ensure(kind !== "F32" || values.every(Number.isFinite), "a value is not finite");
    tensors[name] = { shape, values };
    offset += length;
  }
  ensure(offset === bytes.length, "something follows the contents");
  return tensors;
}

function described(name, entry) {
  ensure(matches(TENSOR_NAME, name), "a tensor's name is out of bounds");
  ensure(
    Array.isArray(entry) && entry.length === 2 && Array.isArray(entry[1]),
    "a tensor's description is not the expected one",
  );
  const [kind, shape] = entry;
  ensure(typeof kind === "string" && Object.hasOwn(DTYPES, kind), "a tensor's kind of number is unknown");
  ensure(shape.length <= 4, "a tensor has too many dimensions");
  ensure(
    shape.every((size) => Number.isInteger(size) && size >= 0 && size <= MAX_PAYLOAD),
    "a tensor's shape is out of bounds",
  );
  const count = shape.reduce((product, size) => product * size, 1);
  ensure(count <= MAX_PAYLOAD, "a tensor's shape is out of bounds");
  return { kind, shape, count };
}

function readValues(kind, bytes, offset, count) {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
  if (kind === "U8") return bytes.slice(offset, offset + count);
  const read = kind === "F32" ? "getFloat32" : "getInt32";
  return DTYPES[kind].from({ length: count }, (_, i) => view[read](4 * i, true));
}

function writePayload(tensors) {
  const index = {};
  const names = Object.keys(tensors).sort();
  for (const name of names) {
    const found = Object.entries(DTYPES).find(([, type]) => tensors[name].values instanceof type);
    ensure(found !== undefined, `tensor ${name} is of no known kind`);
    index[name] = [found[0], tensors[name].shape];
  }
  const encoded = utf8.encode(canonical(index));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, encoded.length, true);
  const bytes = join(length, encoded, ...names.map((name) => writeValues(index[name][0], tensors[name].values)));
  parsePayload(bytes);
  return bytes;
}

function writeValues(kind, values) {
  if (kind === "U8") return values;
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  const write = kind === "F32" ? "setFloat32" : "setInt32";
  values.forEach((value, i) => view[write](4 * i, value, true));
  return bytes;
}

// Format 1

/** What a file of format 1 holds, as format 2 holds it. See "Version 1" in docs/profile-format.md. */
function migrated(header, { embedding, statistics }) {
  const model = header.speaker_model;
  const number = (value) => ({ shape: [1], values: Float32Array.of(value) });
  const tensors = {
    "speaker.embedding": { shape: [Math.min(256, embedding.length)], values: embedding.slice(0, 256) },
  };
  if (statistics.pitch_median_hz !== undefined) {
    tensors["pitch.median_hz"] = number(statistics.pitch_median_hz);
    tensors["pitch.spread_octaves"] = number(statistics.pitch_spread ?? 0);
  }
  if (embedding.length === 3802 && embedding.subarray(256).some((value) => value !== 0)) {
    tensors[`fitted.${model.slice(0, 16)}.map`] = { shape: [601], values: embedding.slice(256, 857) };
    tensors["preference.likeness"] = { shape: [1], values: embedding.slice(857, 858) };
    tensors["spectrum.exemplars"] = { shape: [128, 23], values: embedding.slice(858) };
  }
  if (statistics.loudness_lufs !== undefined) {
    tensors[`fitted.${model.slice(0, 16)}.loudness_lufs`] = number(statistics.loudness_lufs);
  }
  return { header: { ...header, speaker_model: ENCODERS_V1[model.slice(0, 12)] ?? model, critical: [] }, tensors };
}

function parsePayloadV1(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  const take = (count) => {
    ensure(offset + count <= bytes.length, "the contents are cut short");
    offset += count;
    return offset - count;
  };
  const size = view.byteLength >= 4 ? view.getUint32(take(4), true) : 0;
  ensure(size >= 1 && size <= 4096, "an embedding has 1 to 4096 values");
  const start = take(4 * size);
  const embedding = Float32Array.from({ length: size }, (_, i) => view.getFloat32(start + 4 * i, true));
  ensure(embedding.every(Number.isFinite), "an embedding's values must be finite");
  const count = view.getUint32(take(4), true);
  ensure(count <= 64, "a profile holds at most 64 statistics");
  const statistics = {};
  let previous = "";
  for (let index = 0; index < count; index += 1) {
    const length = bytes[take(1)];
    const from = take(length);
    const name = String.fromCharCode(...bytes.subarray(from, from + length));
    const value = view.getFloat64(take(8), true);
    ensure(matches(/^[a-z][a-z0-9_]{0,63}$/, name) && name > previous, "a statistic's name is out of bounds");
    ensure(Number.isFinite(value), "a statistic's value is out of bounds");
    statistics[name] = value;
    previous = name;
  }
  ensure(offset === bytes.length, "something follows the contents");
  return { embedding, statistics };
}

// Canonical JSON: RFC 8785 for objects, arrays, strings, integers and null

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const fields = Object.keys(value).sort();
  return `{${fields.map((field) => `${JSON.stringify(field)}:${canonical(value[field])}`).join(",")}}`;
}

/** Writing the parsed value again and comparing rules out duplicate fields, white space and odd spellings. */
function parseCanonical(bytes) {
  let value;
  let text;
  let again;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
    again = canonical(value);
  } catch {
    throw new ProfileError("format", "not a valid voice profile: its JSON does not parse");
  }
  ensure(again === text, "its JSON is not in canonical form");
  return value;
}

function ensure(condition, rule) {
  if (!condition) throw new ProfileError("format", `not a valid voice profile: ${rule}`);
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sameFields(value, fields) {
  return (
    isObject(value) &&
    Object.keys(value).length === fields.length &&
    fields.every((field) => Object.hasOwn(value, field))
  );
}

function matches(pattern, value) {
  return typeof value === "string" && pattern.test(value);
}

function isText(value, limit) {
  return typeof value === "string" && value.isWellFormed() && utf8.encode(value).length <= limit;
}

function isCount(value) {
  return Number.isInteger(value) && value >= 0 && value <= MAX_COUNT;
}

function isSalt(value) {
  return matches(/^[0-9a-f]{32}$/, value);
}

function isTime(value) {
  if (!matches(/^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/, value)) return false;
  const moment = new Date(value); // takes 30 February for 2 March: hence the comparison
  return !Number.isNaN(moment.getTime()) && timestamp(moment) === value;
}

function timestamp(moment) {
  return `${moment.toISOString().slice(0, 19)}Z`;
}

// Cryptography

async function unwrapDataKey(stanzas, keys) {
  for (const key of keys) {
    for (const stanza of stanzas) {
      const dataKey = await key.unwrap(stanza);
      if (dataKey !== null && dataKey.length === 32) return dataKey;
    }
  }
  throw locked();
}

function locked() {
  return new ProfileError("unlock", "cannot unlock the profile: the key is wrong or the file was changed");
}

async function derive(key, label, salt = new Uint8Array(0)) {
  const material = await subtle.importKey("raw", key, "HKDF", false, ["deriveBits"]);
  const parameters = { name: "HKDF", hash: "SHA-256", salt, info: utf8.encode(label) };
  return new Uint8Array(await subtle.deriveBits(parameters, material, 256));
}

async function macKey(dataKey) {
  const key = await derive(dataKey, "parrotlet/1 header");
  return subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
}

async function verifyMac(dataKey, covered, mac) {
  return subtle.verify("HMAC", await macKey(dataKey), mac, covered);
}

async function aesKey(key) {
  return subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
}

async function seal(key, plaintext, additionalData) {
  const iv = crypto.getRandomValues(new Uint8Array(NONCE));
  const sealed = await subtle.encrypt({ name: "AES-GCM", iv, additionalData }, key, plaintext);
  return join(iv, new Uint8Array(sealed));
}

async function unseal(key, sealed, additionalData) {
  const iv = sealed.subarray(0, NONCE);
  try {
    const parameters = { name: "AES-GCM", iv, additionalData };
    return new Uint8Array(await subtle.decrypt(parameters, key, sealed.subarray(NONCE)));
  } catch {
    return null; // WebCrypto tells one error only, and there is only one to tell
  }
}

function join(...pieces) {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}

export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
