// Enrolls recordings whose text is known, in Node, and prints what came of it as JSON, for test_texts.py.
//
// node texts_driver.mjs SETTINGS: {bundle, hasty, lacking, text, rules: folders, store, recordings: files, texts, held: file, said,
//   secret, out: folder}
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aligned, heardIn } from "../../examples/web/finetuning.js";
import { FolderFiles, loadFolders } from "../../examples/web/node.js";
import { nodeScrypt, passphrase } from "../../examples/web/profile.js";
import { int16, readWav, writeWav } from "../../examples/web/sound.js";
import { ProfileStore } from "../../examples/web/store.js";

const { bundle, hasty, lacking, text, rules, store: folder, recordings, texts, held, said, secret, out } = JSON.parse(process.argv[2]);
const bird = await loadFolders(bundle, text, rules);
const store = new ProfileStore(await FolderFiles.open(folder), [passphrase(secret, await nodeScrypt(), 12)]);
const read = (path) => ({ name: path, ...readWav(new Uint8Array(readFileSync(path))) });
const heard = recordings.map(read);
const factorsOf = ({ tensors }) => Object.keys(tensors).filter((name) => name.endsWith(".factors"));
const onWarning = () => {};

const progress = [];
const guided = await bird.enroll(heard, { texts, keepRecording: true, onWarning, onProgress: (share) => progress.push(share) });
await store.save("hazel", guided);
const plain = await bird.enroll(heard, { texts: ["", " ", ""], onWarning });
const grace = await store.load("grace", bird.manifest.speaker.weights_sha256);
await speak(guided, "guided.wav");
await speak(grace, "grace.wav");
const mels = {};
const phonemes = await bird.utterances.frontEnd.phonemize(said);
for (const [name, profile] of Object.entries({ grace, guided })) {
  const { tensors, map, likeness } = await bird.voice(profile);
  mels[name] = Array.from((await bird.model.acoustics(phonemes, tensors, map, { likeness })).mel);
}
const first = await aligned(bird.model, heard[0], await bird.examine(heard[0]), await bird.utterances.frontEnd.phonemize(texts[0]));

const byEar = await heardIn(bird.model, heard[0], await bird.examine(heard[0]));
const silence = { name: "silence", sampleRate: 24000, samples: new Float32Array(48000) };
const nothing = await heardIn(bird.model, silence, { name: "silence", bandwidth_hz: 8000 });
const brief = await loadFolders(hasty, bundle, text, rules); // of few steps: whether it learns, not how well
const learned = factorsOf(await brief.enroll(heard.slice(0, 2), { fineTune: true, onWarning }));

const wasRead = [];
for (const one of [texts[0], texts[1], "...", `${said} `.repeat(9)]) wasRead.push(await bird.wasRead(heard[0], one));
const { samples, sampleRate } = read(held);
const long = { name: "long", sampleRate, samples: new Float32Array(25 * samples.length) };
for (let k = 0; k < 25; k += 1) long.samples.set(samples, k * samples.length);
const other = await loadFolders(lacking, bundle, text, rules);
const WRONG = {
  count: () => bird.enroll(heard, { texts: texts.slice(0, 2), onWarning }),
  kind: () => bird.enroll(heard, { texts: [1, 2, 3], onWarning }),
  text: () => bird.enroll(heard, { texts: [texts[0], said, texts[2]], onWarning }),
  long: () => bird.enroll([long], { texts: [said], onWarning }),
  lacking: () => other.enroll(heard, { texts, onWarning }),
  lackingToo: () => other.enroll(heard, { fineTune: true, onWarning }),
};
const errors = {};
for (const [name, work] of Object.entries(WRONG)) {
  errors[name] = await work().then(() => null, (error) => ({ name: error.name, message: error.message }));
}
const without = await other.enroll(heard, { onWarning });
const learns = [bird.learnsFromTexts, other.learnsFromTexts];
const factors = [plain, guided, without].map(factorsOf);
const { durations, f0 } = first;
console.log(JSON.stringify({ learns, progress, factors, mels, wasRead, errors, aligned: { durations, f0: Array.from(f0) }, heard: byEar.phonemes, nothing, learned }));

async function speak(profile, file) {
  const pieces = [];
  for await (const chunk of bird.speak(said, profile)) pieces.push(int16(chunk.samples));
  writeFileSync(join(out, file), writeWav(pieces, bird.sampleRate));
}
