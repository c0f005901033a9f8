// Enrolls and speaks by running a bundle's graphs: a host without arithmetic of its own; see docs/export.md.
//
//   const model = new VoiceModel(manifest, (file) => ort.InferenceSession.create(bytesOf(file)), ort.Tensor);
//   const { report, tensors } = await model.enroll(samples);         // Float32Array at 16 kHz -> what a profile keeps
//   const fitted = await model.fit(tensors);                          // once; may be kept with the profile
//   const speech = await model.speak(phonemes, tensors, fitted, white);
//
// Phonemes come from g2p.js, and profile.js keeps the tensors. Runs wherever onnxruntime-web does.

export class VoiceModel {
  #sessions = new Map();

  // open: a file of the bundle to an onnxruntime session, or a promise of one. Tensor: onnxruntime's.
  constructor(manifest, open, Tensor) {
    Object.assign(this, { manifest, open, Tensor });
  }

  // Runs one graph of the manifest. feeds: [data, shape] by name; the answer: tensors by name.
  async run(graph, feeds) {
    if (!this.#sessions.has(graph)) this.#sessions.set(graph, this.open(this.manifest.graphs[graph].onnx.file));
    const session = await this.#sessions.get(graph);
    const inputs = Object.entries(feeds).map(([name, [data, shape]]) => {
      const type = data instanceof BigInt64Array ? "int64" : "float32";
      return [name, new this.Tensor(type, data, shape ?? [1, data.length])];
    });
    return session.run(Object.fromEntries(inputs));
  }

  // samples at 16 kHz -> { report, speech }: what was measured of the recording, and the speech in it.
  async examine(samples) {
    const activity = await this.run("activity", { samples: [samples] });
    const size = Math.round(this.manifest.speaker.sample_rate * this.manifest.enrollment.frame_s);
    const speech = joined(
      Array.from(activity.active.data, (active, frame) => samples.subarray(frame * size, active ? (frame + 1) * size : frame * size)),
    );
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

  // samples at 16 kHz -> { report, tensors }: what a profile keeps of the person, each [data, shape].
  // Throws an Error when the recording cannot be used.
  async enroll(samples) {
    const { report, speech } = await this.examine(samples);
    if (report.problem) throw new Error(`the recording cannot be used: ${report.problem}`);
    const tensors = {
      "speaker.embedding": [await this.#embedding(speech), undefined],
      "pitch.median_hz": [Float32Array.of(report.median_hz), [1]],
      "pitch.spread_octaves": [Float32Array.of(report.spread_octaves), [1]],
    };
    const { resampled } = await this.run("resample", { samples: [speech] });
    const { mel } = await this.run("mel", { samples: [resampled.data] });
    const { frames, ...spectrum } = await this.run("spectrum", { mel: [mel.data, mel.dims] });
    if (frames.data[0] >= this.manifest.adaptation.min_frames) {
      for (const [name, value] of Object.entries(spectrum)) tensors[`spectrum.${name}`] = [value.data, value.dims];
    }
    return { report, mel, tensors };
  }

  async #embedding(speech) {
    const { windows } = await this.run("windows", { samples: [speech] });
    const [count, size] = windows.dims;
    const rows = [];
    for (let k = 0; k < count; k++) {
      const { embedding } = await this.run("speaker", { samples: [windows.data.subarray(k * size, (k + 1) * size)] });
      rows.push(embedding.data);
    }
    const feeds = { embeddings: [joined(rows), [count, rows[0].length]], seconds: [new Float32Array(count).fill(1), [count]] };
    return (await this.run("mean_embedding", feeds)).embedding.data;
  }

  // The map that brings this model's speech to a person's; null for a voice without a spectrum.
  async fit(tensors) {
    if (!tensors["spectrum.mean"]) return null;
    const said = [];
    for (const phonemes of this.manifest.adaptation.sentences) said.push(await this.acoustics(phonemes, tensors));
    const predicted = joined(said.map((made) => made.predicted));
    const bands = this.manifest.mel.n_mels;
    const parts = ["mean", "covariance", "band_means"].map((name) => [name, tensors[`spectrum.${name}`]]);
    const feeds = { predicted: [predicted, [1, predicted.length / bands, bands]], ...Object.fromEntries(parts) };
    return (await this.run("adapt", feeds)).map.data;
  }

  // A phoneme string in a voice -> { mel, f0, durations, predicted }, without the silence before it.
  async acoustics(phonemes, tensors, fitted = null, { speed = 1, pitch = 0, likeness } = {}) {
    const { symbols, adaptation, synthesis, mel } = this.manifest;
    const ids = Array.from(`^${phonemes}$`, (symbol) => BigInt(symbols.indexOf(symbol)));
    const adapted = fitted?.some((value) => value !== 0)
      ? [fitted, Float32Array.of(likeness ?? adaptation.likeness), tensors["spectrum.exemplars"][0]]
      : [new Float32Array(adaptation.size)];
    const median = tensors["pitch.median_hz"][0][0];
    const spread = tensors["pitch.spread_octaves"][0][0];
    const made = await this.run("acoustic", {
      phonemes: [BigInt64Array.from(ids)],
      embedding: [joined([tensors["speaker.embedding"][0], ...adapted])],
      statistics: [Float32Array.of(Math.log2(median / this.manifest.pitch.reference_hz), spread, 0)],
      speed: [Float32Array.of(speed), [1]],
      pitch: [Float32Array.of(pitch), [1]],
    });
    const durations = Array.from(made.durations.data, Number);
    const cut = Math.max(0, durations[0] - synthesis.edge_frames);
    durations[0] -= cut;
    return {
      durations,
      f0: made.f0.data.subarray(cut),
      mel: made.mel.data.subarray(cut * mel.n_mels),
      predicted: made.predicted.data.subarray(cut * mel.n_mels),
    };
  }

  // mel [T * 80] and f0 [T] -> samples [T * 300] at 24 kHz. white: noise of variance 1 for as many samples.
  async render(mel, f0, white) {
    const bands = this.manifest.mel.n_mels;
    const { magnitude, phase, noise } = await this.run("vocoder", { mel: [mel, [1, mel.length / bands, bands]] });
    const spectra = Object.entries({ magnitude, phase, noise }).map(([name, value]) => [name, [value.data, value.dims]]);
    const feeds = { ...Object.fromEntries(spectra), f0: [f0], white: [white], first: [BigInt64Array.of(0n), [1]] };
    return (await this.run("render", feeds)).samples.data;
  }

  // A phoneme string in a voice -> samples at 24 kHz. noise: (count) => noise of variance 1.
  async speak(phonemes, tensors, fitted = null, options = {}, noise = uniformNoise) {
    const { mel, f0 } = await this.acoustics(phonemes, tensors, fitted, options);
    return this.render(mel, f0, noise(f0.length * this.manifest.mel.hop_length));
  }
}

// Uniform noise of variance 1. Through the windows of the renderer it is as good as Gaussian.
export function uniformNoise(count) {
  return Float32Array.from({ length: count }, () => (Math.random() - 0.5) * Math.sqrt(12));
}

function numbers(tensors) {
  return Object.fromEntries(
    Object.entries(tensors).filter(([, value]) => value.data.length === 1 && value.dims.length === 1).map(([name, value]) => [name, value.data[0]]),
  );
}

function joined(parts) {
  const whole = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
