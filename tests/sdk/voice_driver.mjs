// Runs examples/web/voice.js on the vectors and prints what it made, for test_speech_vectors.py.
import { readFileSync } from "node:fs";
import * as ort from "../../examples/web/node_modules/onnxruntime-web/dist/ort.node.min.mjs";
import { opener } from "../../examples/web/bundle.js";
import { VoiceModel } from "../../examples/web/voice.js";

const [bundle, vectors] = process.argv.slice(2);
ort.env.wasm.numThreads = 1;
const json = (path) => JSON.parse(readFileSync(path, "utf8"));
const manifest = json(`${bundle}/manifest.json`);
const open = opener((file) => readFileSync(`${bundle}/${file}`), ort, manifest.packed);
const model = new VoiceModel(manifest, open, ort.Tensor);

const wav = readFileSync(`${vectors}/enroll-v1.wav`);
const pcm = new Int16Array(wav.buffer.slice(wav.byteOffset + 44, wav.byteOffset + wav.length));
const clock = performance.now();
const { report, mel, tensors } = await model.enroll(Float32Array.from(pcm, (value) => value / 32768));
const enrolled = performance.now();
const fitted = await model.fit(tensors);
const fittedAt = performance.now();

const bands = manifest.mel.n_mels;
const half = Math.floor(mel.dims[1] / 2);
const parts = ["mean", "covariance", "band_means"].map((name) => [name, tensors[`spectrum.${name}`]]);
const firstHalf = await model.run("adapt", {
  predicted: [mel.data.subarray(0, half * bands), [1, half, bands]],
  ...Object.fromEntries(parts),
});

const { phonemes, cases, vocoder } = json(`${vectors}/speech-v1.json`);
const row = json(`${bundle}/presets.json`)[cases[0].voice];
const preset = {
  "speaker.embedding": [Float32Array.from(row.embedding)],
  "pitch.median_hz": [Float32Array.of(row.statistics.pitch_median_hz)],
  "pitch.spread_octaves": [Float32Array.of(row.statistics.pitch_spread)],
};
const spoken = [await model.acoustics(phonemes, preset), await model.acoustics(phonemes, tensors, fitted)];

let x = 1;
const white = Float32Array.from({ length: vocoder.f0.length * manifest.mel.hop_length }, () => {
  x = (Math.imul(1664525, x) + 1013904223) >>> 0;
  return (x / 2 ** 32 - 0.5) * Math.sqrt(12);
});
const samples = await model.render(Float32Array.from(vocoder.mel.flat()), Float32Array.from(vocoder.f0), white);

const list = (values) => Array.from(values);
const rows = (values) => Array.from({ length: values.length / bands }, (_, t) => list(values.subarray(t * bands, (t + 1) * bands)));
console.log(
  JSON.stringify({
    report: { ...report, level: list(report.level), active: list(report.active).join(""), f0: list(report.f0) },
    mel: rows(mel.data),
    tensors: Object.fromEntries(Object.entries(tensors).map(([name, [data]]) => [name, list(data)])),
    map_of_first_half: list(firstHalf.map.data),
    map: list(fitted),
    cases: spoken.map((made) => ({ durations: made.durations, f0: list(made.f0), mel: rows(made.mel) })),
    samples: list(samples),
    seconds: { enroll: (enrolled - clock) / 1000, fit: (fittedAt - enrolled) / 1000 },
  }),
);
