// Enrolls and speaks by running a bundle's graphs: a host without arithmetic of its own; see docs/export.md.
//
//   const model = new VoiceModel(manifest, ({ file }) => ort.InferenceSession.create(bytesOf(file)), ort.Tensor);
//   const { report, tensors } = await model.enroll(samples);         // Float32Array at 16 kHz -> what a profile keeps
//   const fitted = await model.fit(tensors);                          // once; may be kept with the profile
//   const speech = await model.speak(phonemes, tensors, fitted, white);
//
// Phonemes come from g2p.js, and profile.js keeps the tensors. Runs wherever onnxruntime-web does.

import { loudness } from "./spectra.js";

const UNTOUCHED = 7; // nepers below loud speech, where the exemplars no longer act

export class VoiceModel {
  #sessions = new Map();

  // open: a graph's entry in the manifest ({file, fold_int8}) to an onnxruntime session, or a promise of one. Tensor:
  // onnxruntime's.
  constructor(manifest, open, Tensor) {
    Object.assign(this, { manifest, open, Tensor });
  }

  // Loads a graph, which run does too: when it is needed. For a graph in parts, the sessions of all.
  load(graph) {
    const { onnx } = this.manifest.graphs[graph];
    return onnx.parts ? Promise.all(onnx.parts.map((part) => this.#opened(part))) : this.#opened(onnx);
  }

  #opened(entry) {
    if (!this.#sessions.has(entry.file)) this.#sessions.set(entry.file, this.open(entry));
    return this.#sessions.get(entry.file);
  }

  // Runs one graph of the manifest. feeds: [data, shape] by name; the answer: tensors by name.
  async run(graph, feeds) {
    return this.#run(await this.load(graph), feeds);
  }

  #run(session, feeds) {
    const inputs = Object.entries(feeds).map(([name, [data, shape]]) => {
      const type = data instanceof BigInt64Array ? "int64" : "float32";
      return [name, new this.Tensor(type, data, shape ?? [1, data.length])];
    });
    return session.run(Object.fromEntries(inputs));
  }

  // samples at 16 kHz -> { report, speech }: what was measured of the recording, and the speech in it.
  async examine(samples) {
    const activity = await this.run("activity", { samples: [samples] });
    const speech = speechOf(samples, activity.active.data, this.manifest.speaker.sample_rate * this.manifest.enrollment.frame_s);
    const report = { ...numbers(activity), level: activity.level.data, active: activity.active.data };
    if (report.speech_s >= this.manifest.enrollment.some_speech_s) {
      const pitch = await this.run("pitch", { samples: [speech] });
      Object.assign(report, numbers(pitch), { f0: pitch.f0.data }, numbers(await this.run("bandwidth", { samples: [speech] })));
    }
    report.problem = this.#problem(report);
    return { report, speech };
  }

  // What is wrong with a recording: the name of a number in the manifest, or null.
  #problem(report) {
    const limits = this.manifest.enrollment;
    if (!(report.speech_s >= limits.some_speech_s)) return "some_speech_s";
    if (report.level_dbfs < limits.min_level_dbfs) return "min_level_dbfs";
    if (report.clipped > limits.max_clipped) return "max_clipped";
    if (report.snr_db < limits.min_snr_db) return "min_snr_db";
    if (report.voiced < limits.min_voiced) return "min_voiced";
    return report.speech_s < limits.min_speech_s ? "min_speech_s" : null;
  }

  // samples at 16 kHz -> { report, mel, tensors }: what a profile keeps of the person, each [data, shape].
  // Throws an Error when the recording cannot be used.
  async enroll(samples) {
    const { report, speech } = await this.examine(samples);
    if (report.problem) throw new Error(`the recording cannot be used: ${report.problem}`);
    return { report, ...(await this.measure([speech])) };
  }

  // The speech of one or several recordings of one person -> { mel, tensors }. embeddings: of each, if they are known.
  // spectral: those whose spectrum is measured; complete: what is done to its log-mel before.
  async measure(speeches, { embeddings = null, spectral = speeches, complete = (mel) => mel } = {}) {
    const { sample_rate: rate } = this.manifest.speaker;
    const seconds = Float32Array.from(speeches, (speech) => speech.length / rate);
    const { embedding } = await this.#mean(embeddings ?? (await this.embeddings(speeches)), seconds);
    const measured = await this.run("pitch", { samples: [joined(speeches)] });
    const mel = await this.spectrogram(joined(spectral).subarray(0, this.manifest.enrollment.most_speech_s * rate));
    const { frames, ...spectrum } = await this.run("spectrum", { mel: [await complete(mel.data), mel.dims] });
    const tensors = {
      "speaker.embedding": [embedding.data, [embedding.data.length]],
      "pitch.median_hz": [measured.median_hz.data, [1]],
      "pitch.spread_octaves": [measured.spread_octaves.data, [1]],
    };
    if (frames.data[0] >= this.manifest.adaptation.min_frames) {
      for (const [name, value] of Object.entries(spectrum)) tensors[`spectrum.${name}`] = [value.data, value.dims];
    }
    return { mel, tensors };
  }

  // Speech at 16 kHz -> log-mel, a tensor [1, T, bands].
  async spectrogram(speech) {
    const { resampled } = await this.run("resample", { samples: [speech] });
    return (await this.run("mel", { samples: [resampled.data] })).mel;
  }

  // Samples at the model's rate -> log posteriors of the recognizer: {values, classes}, silence and phonemes of each frame.
  async posteriors(samples) {
    return this.posteriorsOf((await this.run("mel", { samples: [samples] })).mel);
  }

  // The same of a log-mel, a tensor [1, T, bands].
  async posteriorsOf(mel) {
    const [, frames, bands] = mel.dims;
    const { multiple_of: multiple } = this.manifest.recognizer;
    // The graph takes whole multiples of some frames: the last one is repeated.
    const last = mel.data.subarray((frames - 1) * bands);
    const padded = joined([mel.data, ...Array(Math.ceil(frames / multiple) * multiple - frames).fill(last)]);
    const { posteriors } = await this.run("recognizer", { mel: [padded, [1, padded.length / bands, bands]] });
    const classes = posteriors.dims[2];
    return { values: posteriors.data.subarray(0, frames * classes), classes };
  }

  // The speech of recordings -> speaker embedding of each.
  async embeddings(speeches) {
    const made = [];
    for (const speech of speeches) made.push(await this.#embedding(speech));
    return made;
  }

  // samples of a window at 16 kHz -> speaker embedding.
  async embed(samples) {
    return (await this.run("speaker", { samples: [samples] })).embedding.data;
  }

  async #embedding(speech) {
    const { windows } = await this.run("windows", { samples: [speech] });
    const [count, size] = windows.dims;
    const rows = [];
    for (let k = 0; k < count; k++) {
      rows.push(await this.embed(windows.data.subarray(k * size, (k + 1) * size)));
    }
    return (await this.#mean(rows, new Float32Array(count).fill(1))).embedding.data;
  }

  #mean(rows, seconds) {
    return this.run("mean_embedding", {
      embeddings: [joined(rows), [rows.length, rows[0].length]],
      seconds: [seconds, [rows.length]],
    });
  }

  // The map that brings this model's speech to a person's; null for a voice without a spectrum. Of exemplars alone, which
  // profiles of format 1 have, it is a level and changes nothing by itself.
  async fit(tensors) {
    if (!tensors["spectrum.exemplars"]) return null;
    const said = [];
    for (const phonemes of this.manifest.adaptation.sentences) said.push(await this.acoustics(phonemes, tensors, null, { likeness: 0 }));
    const predicted = joined(said.map((made) => made.predicted));
    const bands = this.manifest.mel.n_mels;
    if (!tensors["spectrum.mean"]) {
      const { cepstra } = this.manifest.adaptation;
      const map = new Float32Array(1 + cepstra + cepstra * cepstra);
      map[0] = loudness(predicted, bands) - UNTOUCHED;
      return map;
    }
    const parts = ["mean", "covariance", "band_means"].map((name) => [name, tensors[`spectrum.${name}`]]);
    const feeds = { predicted: [predicted, [1, predicted.length / bands, bands]], ...Object.fromEntries(parts) };
    return (await this.run("adapt", feeds)).map.data;
  }

  // Whether the pitch contour can be changed before the spectrum is made: the acoustic graph is in parts.
  get takesContour() {
    return Boolean(this.manifest.graphs.acoustic.onnx.parts);
  }

  // A phoneme string in a voice -> { mel, f0, durations, predicted }, without the silence before it. contour: (f0, durations)
  // to the f0 that is spoken, where takesContour.
  async acoustics(phonemes, tensors, fitted = null, { speed = 1, pitch = 0, likeness, contour = (f0) => f0 } = {}) {
    const { synthesis, mel } = this.manifest;
    const voice = this.#voice(tensors, fitted, likeness);
    const said = this.#ids(phonemes);
    const edge = (durations) => {
      const cut = Math.max(0, durations[0] - synthesis.edge_frames);
      durations[0] -= cut;
      return cut;
    };
    if (this.takesContour) {
      const outline = await this.#outline(said, voice, speed, pitch);
      const { durations } = outline;
      const cut = edge(durations);
      const f0 = contour(outline.f0.subarray(cut), durations);
      const made = await this.#frames(outline, joined([outline.f0.subarray(0, cut), f0]));
      return { durations, f0, mel: made.mel.data.subarray(cut * mel.n_mels), predicted: made.predicted.data.subarray(cut * mel.n_mels) };
    }
    const made = await this.run("acoustic", {
      phonemes: said,
      ...voice,
      speed: [Float32Array.of(speed), [1]],
      pitch: [Float32Array.of(pitch), [1]],
    });
    const durations = Array.from(made.durations.data, Number);
    const cut = edge(durations);
    return {
      durations,
      f0: made.f0.data.subarray(cut),
      mel: made.mel.data.subarray(cut * mel.n_mels),
      predicted: made.predicted.data.subarray(cut * mel.n_mels),
    };
  }

  // What the frames of a recording's phonemes would be, at its durations and f0: { mel, predicted, features } as values, and
  // the condition of the voice, [data, shape].
  async aligned(phonemes, tensors, fitted, durations, f0) {
    const voice = this.#voice(tensors, fitted);
    const given = regulated(await this.#texted(this.#ids(phonemes), voice), durations, voice);
    const { mel, predicted, features } = await this.#frames({ given }, f0);
    return { mel: mel.data, predicted: predicted.data, features: features.data, condition: given.condition };
  }

  #ids(phonemes) {
    return [BigInt64Array.from(`^${phonemes}$`, (symbol) => BigInt(this.manifest.symbols.indexOf(symbol)))];
  }

  // What the acoustic graph takes of a voice.
  #voice(tensors, fitted, likeness = this.manifest.adaptation.likeness) {
    const { adaptation, pitch } = this.manifest;
    const adapted = fitted?.some((value) => value !== 0)
      ? [fitted, Float32Array.of(likeness), tensors["spectrum.exemplars"][0]]
      : [new Float32Array(adaptation.size)];
    const [median, spread] = [tensors["pitch.median_hz"][0][0], tensors["pitch.spread_octaves"][0][0]];
    return {
      embedding: [joined([tensors["speaker.embedding"][0], ...adapted])],
      statistics: [Float32Array.of(Math.log2(median / pitch.reference_hz), spread, 0)],
      ...this.#factors(tensors, likeness / adaptation.likeness),
    };
  }

  // What the model is fine-tuned by to a person, `share` of it; zeros where it is not. Nothing for a model that cannot be.
  #factors(tensors, share) {
    const { factors: size } = this.manifest.finetuning ?? {};
    if (!size) return {};
    const own = tensors[this.factorsName];
    return { factors: [own ? own[0].map((value) => value * share) : new Float32Array(size), [1, size]] };
  }

  // The name that the factors for this model have in a profile.
  get factorsName() {
    return `finetuned.${this.manifest.finetuning?.weights_sha256.slice(0, 16)}.factors`;
  }

  // The first two parts of the acoustic graph, with the length regulator behind the first.
  async #outline(phonemes, voice, speed, pitch) {
    const text = await this.#texted(phonemes, voice);
    const durations = wholeDurations(text.frames.data, speed);
    const given = regulated(text, durations, voice);
    const { factors: _, ...seen } = given;
    const { f0 } = await this.#run((await this.load("acoustic"))[1], { ...seen, pitch: [Float32Array.of(pitch), [1]] });
    return { durations, given, f0: f0.data };
  }

  // The first part: what is computed once a phoneme.
  async #texted(phonemes, { embedding, statistics }) {
    return this.#run((await this.load("acoustic"))[0], { phonemes, embedding, statistics });
  }

  async #frames({ given }, f0) {
    return this.#run((await this.load("acoustic"))[2], { ...given, f0: [f0] });
  }

  // mel [T * 80] and f0 [T] -> samples [T * 300] at 24 kHz. white: noise of variance 1 for as many samples.
  async render(mel, f0, white) {
    const parts = [];
    for await (const part of this.vocode(mel, f0, white, f0.length)) parts.push(part);
    return joined(parts);
  }

  // The same in parts, each made when it is asked for: the first of `first` frames, each later one three times as long as
  // the one before, up to `most`. Their sizes change when samples come, not which.
  async *vocode(mel, f0, white, first = 32, most = 432) {
    const { mel: grid, synthesis } = this.manifest;
    const { n_mels: bands, hop_length: hop } = grid;
    for (let start = 0, size = first; start < f0.length; start += size, size = Math.min(3 * size, Math.max(size, most))) {
      const end = Math.min(f0.length, start + size);
      // What the vocoder looks at, then what the renderer does.
      const [low, high] = around(start, end, synthesis.context, f0.length);
      const [from, to] = around(start, end, synthesis.render_context, f0.length);
      const heard = await this.run("vocoder", { mel: [mel.subarray(low * bands, high * bands), [1, high - low, bands]] });
      const spectra = ["magnitude", "phase", "noise"].map((name) => {
        const bins = heard[name].dims[2];
        return [name, [heard[name].data.subarray((from - low) * bins, (to - low) * bins), [1, to - from, bins]]];
      });
      const { samples } = await this.run("render", {
        ...Object.fromEntries(spectra),
        f0: [f0],
        white: [white.subarray(from * hop, to * hop)],
        first: [BigInt64Array.of(BigInt(from)), [1]],
      });
      yield samples.data.slice((start - from) * hop, (end - from) * hop);
    }
  }

  // A phoneme string in a voice -> samples at 24 kHz. noise: (count) => noise of variance 1.
  async speak(phonemes, tensors, fitted = null, options = {}, noise = (count) => uniformNoise(count)) {
    const { mel, f0 } = await this.acoustics(phonemes, tensors, fitted, options);
    return this.render(mel, f0, noise(f0.length * this.manifest.mel.hop_length));
  }
}

// The active frames of samples, one after the other. size: of a frame, in samples.
export function speechOf(samples, active, size) {
  const whole = Math.round(size);
  return joined(Array.from(active, (one, frame) => samples.subarray(frame * whole, one ? (frame + 1) * whole : frame * whole)));
}

// Uniform noise of variance 1, the same for the same seed. Through the windows of the renderer it is as good as Gaussian.
export function uniformNoise(count, seed = Math.floor(Math.random() * 2 ** 32)) {
  const draw = drawing(seed);
  return new Float32Array(count).map(() => (draw() - 0.5) * Math.sqrt(12));
}

// A function that draws numbers from 0 up to 1, the same for the same seed.
export function drawing(seed) {
  let state = seed >>> 0;
  return () => {
    // Mulberry32: a counter whose bits are mixed.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// The length regulator: what the parts behind the first take, but for the pitch.
function regulated({ encoded, condition }, durations, { embedding: _, ...voice }) {
  const count = durations.reduce((total, one) => total + one, 0);
  const width = encoded.dims[2];
  const rows = new Float32Array(count * width);
  const position = new Float32Array(count * 3);
  let at = 0;
  durations.forEach((duration, phoneme) => {
    for (let done = 0.5; done < duration; done += 1, at += 1) {
      rows.set(encoded.data.subarray(phoneme * width, (phoneme + 1) * width), at * width);
      position.set([done / duration, Math.log(done), Math.log(Math.max(duration - done, 0.5))], at * 3);
    }
  });
  return { rows: [rows, [1, count, width]], position: [position, [1, count, 3]], condition: [condition.data, condition.dims], ...voice };
}

// Predicted frames of every phoneme to whole ones: the running sum is rounded, half to even, as Python does in float32.
function wholeDurations(frames, speed) {
  let sum = 0;
  let before = 0;
  return Array.from(frames, (one) => {
    sum = Math.fround(sum + Math.fround(one / Math.fround(speed)));
    const floor = Math.floor(sum);
    const end = sum - floor === 0.5 ? floor + (floor % 2) : Math.round(sum);
    const duration = end - before;
    before = end;
    return duration;
  });
}

function numbers(tensors) {
  return Object.fromEntries(
    Object.entries(tensors).filter(([, value]) => value.data.length === 1 && value.dims.length === 1).map(([name, value]) => [name, value.data[0]]),
  );
}

function around(start, end, context, count) {
  return [Math.max(0, start - context), Math.min(count, end + context)];
}

export function joined(parts) {
  const whole = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
