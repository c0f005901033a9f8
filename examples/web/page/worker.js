// The engine and the opened profiles, in a thread of their own: the page stays quick, and never sees a profile.
//
// Messages: {id, method, parameters} is answered by {id, value} or {id, error}. A stream's method is answered by one value
// each time that {id, next: true} comes, and by {id, done: true}.

import { Parrotlet, utcNow } from "../parrotlet.js";
import { UnlockError, UsageError } from "../errors.js";
import { keyFile, passphrase } from "../profile.js";
import { int16 } from "../sound.js";
import { IndexedDbFiles, ProfileStore, described } from "../store.js";
import * as ort from "../vendor/onnxruntime.js";
import { scryptAsync } from "../vendor/hashes/scrypt.js";

const LONGEST_PASSPHRASE = 1024;

let bird;
let files;
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
  /** addresses: of each file of the model, compressed in the cache of that name, or as it is in an app. */
  async load(cacheName, addresses, deviceKey) {
    if (deviceKey) device = keyFile(deviceKey);
    const cache = cacheName && (await caches.open(cacheName));
    const read = async (file) => {
      if (!cache) return new Uint8Array(await (await fetch(addresses[file])).arrayBuffer());
      const packed = await cache.match(addresses[file]);
      const unpacked = packed.body.pipeThrough(new DecompressionStream("gzip"));
      return new Uint8Array(await new Response(unpacked).arrayBuffer());
    };
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = (await read("runtime.wasm")).buffer;
    [bird, files] = await Promise.all([Parrotlet.load(read, { ort }), IndexedDbFiles.open()]);
    await bird.warmUp();
    const presets = Object.values(bird.presets).map(({ name, description }) => ({ name, description }));
    return { presets, sampleRate: bird.sampleRate, bundle: bird.manifest.name, limits: bird.manifest.enrollment };
  },

  async voices() {
    return (await storeWith().list()).map((stored) => {
      const profile = unlocked.get(stored.name);
      return { ...stored, open: Boolean(profile), likeness: profile ? bird.likeness(profile) : null };
    });
  },

  examine(recording) {
    return bird.examine(recording);
  },

  async enroll(name, recordings, secret, { consent = null, expires = null } = {}) {
    const store = storeWith(secret);
    await store.requireFree(name);
    const began = performance.now();
    const record = consent && { text: consent, given_at: utcNow(), speaker: name, recording_sha256: "", method: "web" };
    const warnings = [];
    const profile = await bird.enroll(recordings, { consent: record, expires, onWarning: (message) => warnings.push(message) });
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
    const answer = METHODS[method](...parameters);
    if (answer?.[Symbol.asyncIterator]) streams.set(id, answer);
    else self.postMessage({ id, value: await answer });
  } catch (error) {
    streams.delete(id);
    self.postMessage({ id, error: { name: error.name, message: error.message } });
  }
};
