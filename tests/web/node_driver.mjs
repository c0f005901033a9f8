// Uses examples/web as a library in Node and prints what came of it as JSON, for test_node.py.
//
// node node_driver.mjs SETTINGS: {bundle, text, rules: folders, store, recordings: files, secret, cases, table, out}
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename, join } from "node:path";
import * as ort from "../../examples/web/node_modules/onnxruntime-web/dist/ort.node.min.mjs";
import { FolderFiles, loadFolders } from "../../examples/web/node.js";
import { Parrotlet } from "../../examples/web/parrotlet.js";
import { readNpz } from "../../examples/web/npz.js";
import { nodeScrypt, passphrase } from "../../examples/web/profile.js";
import { logOdds, voiceprint } from "../../examples/web/same_person.js";
import { int16, readWav, resample, writeWav } from "../../examples/web/sound.js";
import { MemoryFiles, ProfileStore } from "../../examples/web/store.js";

const { bundle, text, rules, store: folder, recordings, secret, cases, table, out } = JSON.parse(process.argv[2]);
const bird = await loadFolders(bundle, text, rules, { lexicon: join(out, "own.txt") });
const key = passphrase(secret, await nodeScrypt(), 12);
const store = new ProfileStore(await FolderFiles.open(folder), [key]);
const read = (path) => ({ name: path, ...readWav(new Uint8Array(readFileSync(path))) });

const reports = {};
for (const path of recordings) reports[path] = await bird.examine(read(path));

const grace = await store.load("grace", bird.manifest.speaker.weights_sha256);
const warnings = [];
const onWarning = (message) => warnings.push(message);
await store.save("henry", await bird.enroll(recordings.slice(0, 2).map(read), { likeness: 0.5, onWarning }));
const telephone = recordings.find((path) => path.endsWith("telephone.wav"));
await store.save("iris", await bird.enroll([read(telephone)], { keepRecording: true, onWarning }));
const refused = await bird.enroll(recordings.slice(0, 3).map(read)).catch((error) => error.message);

// How like one person every two of them sound.
const prints = [];
for (const path of recordings.slice(0, 3)) {
  const { samples } = read(path);
  const { report, speech } = await bird.model.examine(resample(samples, read(path).sampleRate, 16000));
  const [embedding] = await bird.model.embeddings([speech]);
  prints.push(voiceprint(speech.length / 16000, embedding, (await bird.model.spectrogram(speech)).data, 80, report.f0, 66));
}
const odds = logOdds(prints, await readNpz(new Uint8Array(readFileSync(table))));
const listed = (await store.list()).map(({ name, keys }) => [name, keys]);

for (const [name, { text: said, voice, ...options }] of Object.entries(cases)) {
  const pieces = [];
  for await (const { samples } of bird.speak(said, voice === "grace" ? grace : voice, options)) pieces.push(int16(samples));
  writeFileSync(join(out, `${name}.wav`), writeWav(pieces, bird.sampleRate));
}

const memory = new ProfileStore(new MemoryFiles(), [key]);
const other = new ProfileStore(memory.files, [passphrase("another", await nodeScrypt(), 12)]);
const silence = { samples: new Float32Array(48000), sampleRate: 16000 };
await memory.save("me", grace);
const copy = await memory.export("me", key);
await memory.rename("me", "you");
const changed = copy.slice();
changed[changed.length - 1] ^= 1;
const WRONG = {
  preset: () => say("Hello.", "nobody"),
  speed: () => say("Hello.", "robin", { speed: 3 }),
  seed: () => say("Hello.", "robin", { seed: -1 }),
  text: () => say(5, "robin"),
  phonemes: () => say(null, "robin", { phonemes: "xyz%" }),
  pause: () => say("[[pause soon]]", "robin"),
  voice: () => say("Hello.", {}),
  encoder: () => bird.voice({ ...grace, speakerModel: "0".repeat(64) }),
  shape: () => bird.voice({ ...grace, tensors: { ...grace.tensors, "spectrum.mean": { shape: [3], values: new Float32Array(3) } } }),
  silence: () => bird.enroll([silence]),
  recording: () => bird.enroll([{ samples: [1, 2], sampleRate: 16000 }]),
  none: () => bird.enroll([]),
  two: () => bird.enroll([recordings[0], recordings[2]].map(read)),
  name: () => memory.save("a b", grace),
  taken: () => memory.save("you", grace),
  missing: () => memory.load("me"),
  key: () => other.load("you"),
  changed: () => memory.import(changed, key, { name: "changed" }),
  damaged: () => memory.import(copy.slice(0, 50), key),
  expired: async () => {
    await memory.save("old", { ...grace, expires: "2020-01-01T00:00:00Z" });
    await memory.load("old");
  },
  model: () => memory.load("you", "1".repeat(64)),
};
const errors = {};
for (const [name, work] of Object.entries(WRONG)) {
  errors[name] = await work().then(() => "nothing", (error) => error.name);
}
const again = await memory.import(copy, key, { name: "again" });

async function say(said, voice, options) {
  for await (const _ of bird.speak(said, voice, options));
}

// From an address, and text in pieces.
// Connections outlast what lies between two requests on a slow machine.
const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  const file = request.url.includes("/none/") ? null : [bundle, text, rules].map((one) => join(one, basename(request.url))).find(existsSync);
  if (file) response.end(readFileSync(file));
  else response.writeHead(404).end();
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = `http://127.0.0.1:${server.address().port}/model/`;
const fetched = await Parrotlet.load(address, { ort });
const words = [];
async function* pieces() {
  for (const piece of ["The birch canoe slid on the smooth planks, ", "and the sh", "eet is bl", "ue."]) yield piece;
}
for await (const chunk of fetched.speak(pieces(), "robin")) words.push(...chunk.words.map((word) => word.text));
errors.address = await Parrotlet.load(address + "none/", { ort: {} }).then(() => "nothing", (error) => error.name);
server.close();
server.closeAllConnections();

// What a hundred sentences leave behind.
const resident = [];
for (let k = 0; k < 100; k += 1) {
  await say("Yes.", "robin", { seed: k });
  resident.push(process.memoryUsage().rss / 1e6);
}
console.log(JSON.stringify({ reports, listed, errors, warnings, refused, odds, imported: again.name, words, resident }));
