// The engine and the opened profiles, in a thread of their own: the page stays quick, and never sees a profile.
//
// Messages: {id, method, parameters} is answered by {id, value} or {id, error}. A stream's method is answered by one value
// each time that {id, next: true} comes, and by {id, done: true}. What a method tells while it works comes as {id, told}.

import { utcNow } from "../challenge.js";
import { Parrotlet } from "../parrotlet.js";
import { UnlockError, UsageError } from "../errors.js";
import { findMark } from "../marksearch.js";
import { readNpz } from "../npz.js";
import { keyFile, passphrase } from "../profile.js";
import { int16 } from "../sound.js";
import { IndexedDbFiles, MemoryFiles, ProfileStore, described } from "../store.js";
import * as ort from "../vendor/onnxruntime.js";
import { scryptAsync } from "../vendor/hashes/scrypt.js";

const LONGEST_PASSPHRASE = 1024;

let bird;
let files;
let whitening; // what the search for marks needs
let device = null; // the key that a phone keeps, where the page is in an app
const unlocked = new Map(); // profiles by name
const streams = new Map();

const scrypt = (secret, salt, N) => scryptAsync(secret, salt, { N, r: 8, p: 1, dkLen: 32, maxmem: 2 ** 30 });

function keyOf(secret) {
  const size = new TextEncoder().encode(secret.normalize("NFC")).length;
  if (size < 1 || size > LONGEST_PASSPHRASE) throw new UsageError("a passphrase has 1 to 1024 bytes; choose another");
  return passphrase(secret, scrypt);
}

/** A store that opens with the passphrase, if one is given, else with the phone's key; it seals with both. */
function storeWith(secret) {
  if (secret === undefined) return new ProfileStore(files, device ? [device] : []);
  // The phone's key does not open here: a mistyped passphrase would become the profile's.
  return new ProfileStore(files, [keyOf(secret), ...(device ? [{ ...device, unwrap: async () => null }] : [])]);
}

const METHODS = {
  /**
   * addresses: of each file of the model, compressed in the cache of that name, or as it is in an app. held: compressed files
   * that the cache does not take.
   */
  async load(cacheName, addresses, held, deviceKey) {
    if (deviceKey) device = keyFile(deviceKey);
    const read = async (file) => {
      if (!cacheName) return new Uint8Array(await (await fetch(addresses[file])).arrayBuffer());
      const packed = file in held ? new Response(held[file]) : await (await caches.open(cacheName)).match(addresses[file]);
      const unpacked = packed.body.pipeThrough(new DecompressionStream("gzip"));
      return new Uint8Array(await new Response(unpacked).arrayBuffer());
    };
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = (await read("runtime.wasm")).buffer;
    let kept = true;
    // Where a browser keeps nothing for a page, its profiles last as long as it is open.
    const memory = () => {
      kept = false;
      return new MemoryFiles();
    };
    [bird, files, whitening] = await Promise.all([
      Parrotlet.load(read, { ort }),
      IndexedDbFiles.open().catch(memory),
      read("watermark.npz").then(readNpz),
    ]);
    await bird.warmUp();
    const presets = Object.values(bird.presets).map(({ name, description }) => ({ name, description }));
    return { presets, sampleRate: bird.sampleRate, limits: bird.manifest.enrollment, learns: bird.learnsFromTexts, further: bird.manifest.prompts?.read_on ?? [], kept };
  },

  async voices() {
    const listed = await storeWith().list();
    // What another tab deleted or renamed is not spoken here, either.
    for (const name of unlocked.keys()) if (!listed.some((stored) => stored.name === name)) await METHODS.lock(name);
    return listed.map((stored) => {
      const profile = unlocked.get(stored.name);
      return { ...stored, open: Boolean(profile), likeness: profile ? bird.likeness(profile) : null };
    });
  },

  /** The report of a recording, and whether a text was read in it. */
  async examine(recording, text = "") {
    const report = await bird.examine(recording);
    return { report, read: Boolean(text) && report.problem === null && (await bird.wasRead(recording, text, { report })) };
  },

  /**
   * texts: what was read in each recording, "" where that is not known. consent: a text that the person agreed to. spoken:
   * {challenge, take, answeredAt} of a spoken one, which counts instead. Tells the share of fine-tuning that is done.
   */
  async enroll(name, recordings, secret, { texts = [], consent = null, spoken = null, expires = null } = {}) {
    const store = storeWith(secret);
    await store.requireFree(name);
    const began = performance.now();
    const written = consent && { text: consent, given_at: utcNow(), speaker: name, recording_sha256: "", method: "web" };
    const record = spoken ? { ...spoken, speaker: name } : written;
    const warnings = [];
    const onWarning = (message) => warnings.push(message);
    const profile = await bird.enroll(recordings, { texts, fineTune: texts.some(Boolean), consent: record, expires, onWarning, onProgress: this.tell });
    const seconds = (performance.now() - began) / 1000;
    const stored = await store.save(name, profile);
    unlocked.set(name, profile);
    return { ...stored, seconds, warnings };
  },

  async unlock(name, secret) {
    unlocked.set(name, await storeWith(secret).load(name, bird.manifest.speaker.weights_sha256));
  },

  async lock(name) {
    bird.forget(unlocked.get(name));
    unlocked.delete(name);
  },

  async remove(name) {
    await METHODS.lock(name);
    await storeWith().delete(name);
  },

  async rename(name, to, secret) {
    await storeWith(secret).rename(name, to);
    if (unlocked.has(name)) unlocked.set(to, unlocked.get(name));
    unlocked.delete(name);
  },

  exportFile(name, secret) {
    return storeWith(secret).export(name, keyOf(secret));
  },

  findMark(samples, sampleRate) {
    return findMark(samples, sampleRate, whitening);
  },

  /** What a file says of itself, before it is unlocked. */
  async describe(bytes) {
    return described(bytes);
  },

  importFile(bytes, secret, name) {
    return storeWith(secret).import(bytes, keyOf(secret), { name });
  },

  async *speak(text, voice, { likeness = null, ...options }) {
    const preset = voice.startsWith("preset:");
    const profile = preset ? voice : unlocked.get(voice);
    if (!profile) throw new UnlockError(`the voice "${voice}" is locked: unlock it with its passphrase`);
    for await (const chunk of bird.speak(text, await bird.voice(profile, { likeness: preset ? null : likeness }), options)) {
      yield { ...chunk, pcm: int16(chunk.samples) };
    }
  },
};

self.onmessage = async ({ data: { id, method, parameters, next, stop } }) => {
  try {
    if (stop) {
      await streams.get(id)?.return();
      streams.delete(id);
      return;
    }
    if (next) {
      const { value, done } = await streams.get(id).next();
      if (done) streams.delete(id);
      self.postMessage({ id, value, done });
      return;
    }
    const tell = (told) => self.postMessage({ id, told });
    const answer = METHODS[method].apply({ tell }, parameters);
    if (answer?.[Symbol.asyncIterator]) streams.set(id, answer);
    else self.postMessage({ id, value: await answer });
  } catch (error) {
    streams.delete(id);
    self.postMessage({ id, error: { name: error.name, message: error.message } });
  }
};
