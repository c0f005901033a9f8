// Looks for marks, and checks spoken consents, in Node; prints what came of it as JSON, for test_checks.py.
//
// node checks_driver.mjs SETTINGS: {bundle, text, rules: folders, table: file, said, sounds: [{file, key}],
//   consents: [{challenge, take: file, answeredAt, recordings: files}], released: {key, text, files}, noted: files, out: folder}
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { consentChallenge } from "../../examples/web/consent.js";
import { WORDS } from "../../examples/web/consent_words.js";
import { findMark } from "../../examples/web/marksearch.js";
import { loadFolders } from "../../examples/web/node.js";
import { readNpz } from "../../examples/web/npz.js";
import { keyFile } from "../../examples/web/profile.js";
import { int16, readWav, syntheticNote, writeWav } from "../../examples/web/sound.js";
import { MemoryFiles, ProfileStore } from "../../examples/web/store.js";
import { joined } from "../../examples/web/voice.js";

const { bundle, text, rules, table, said, sounds, consents, released, noted, out } = JSON.parse(process.argv[2]);
const read = (file) => readWav(new Uint8Array(readFileSync(file)));
const named = (work) => work().then(() => "nothing", ({ name, message }) => ({ name, message }));

const whitening = await readNpz(new Uint8Array(readFileSync(table)));
const marks = [];
for (const { file, key } of sounds) {
  const { samples, sampleRate } = read(file);
  marks.push(await findMark(samples, sampleRate, whitening, { key: key ? Uint8Array.from(Buffer.from(key, "hex")) : null }));
}
const shortKey = await named(() => findMark(new Float32Array(9), 8000, whitening, { key: new Uint8Array(5) }));

const bird = await loadFolders(bundle, text, rules, { watermark: { integrator: 77 } });
const pieces = [];
for await (const { samples } of bird.speak(said, "jay")) pieces.push(samples);
const own = await findMark(joined(pieces), bird.sampleRate, whitening);
const made = [];
let spoken = null;
for (const { challenge, take, answeredAt, recordings } of consents) {
  const consent = { challenge, take: read(take), speaker: "Anna", answeredAt };
  try {
    const profile = await bird.enroll(recordings.map(read), { consent });
    spoken = profile;
    made.push(profile.consent);
  } catch ({ name, message }) {
    made.push({ name, message });
  }
}

const silent = await bird.enroll(consents[0].recordings.map(read));
const voiced = {};
for (const policy of ["machine", "always"]) {
  bird.manifest.policy = { require_consent: policy };
  voiced[policy] = [await named(() => bird.voice(silent)), await named(() => bird.voice(spoken)), await named(() => bird.voice("robin"))];
}

const drawn = Array.from({ length: 50 }, () => consentChallenge());
const wrong = [{ words: 1 }, { withinS: 5 }, { agreement: " " }, { agreement: "a".repeat(301) }];
const bounds = [];
for (const options of wrong) bounds.push((await named(async () => consentChallenge(options))).name);
// Profiles of every release.
const opener = keyFile(released.key);
const speaks = await loadFolders(bundle, text, rules);
for (const file of released.files) {
  const store = new ProfileStore(new MemoryFiles(), [opener]);
  await store.import(new Uint8Array(readFileSync(file)), opener, { name: "old" });
  await store.rename("old", "early");
  const parts = [];
  for await (const { samples } of speaks.speak(released.text, await store.load("early", bird.manifest.speaker.weights_sha256))) parts.push(int16(samples));
  writeFileSync(join(out, `${basename(file)}.wav`), writeWav(parts, speaks.sampleRate));
}
const notes = noted.map((file) => syntheticNote(new Uint8Array(readFileSync(file))));
console.log(JSON.stringify({ notes, marks, own, shortKey, made, voiced, drawn, bounds, words: WORDS }));
