// Parrotlet in JavaScript: enroll a voice and speak with it, all on this machine. Names, settings and errors are those of
// the Python package (docs/python.md, docs/web.md); arithmetic is in the bundle's graphs, which onnxruntime-web runs.
//
//   const bird = await Parrotlet.load("model/", { ort });
//   for await (const { samples, words } of bird.speak("Hello.", "robin")) play(samples);
//   const profile = await bird.enroll([{ samples, sampleRate }]);

import { opener } from "./bundle.js";
import { utcNow } from "./challenge.js";
import { requireAllowed } from "./consent.js";
import { Enroller } from "./enroller.js";
import { BundleError, InputError, ProfileFormatError, UsageError, WrongModelError, requireNumber } from "./errors.js";
import { finetuned, learnsFromTexts } from "./finetuning.js";
import { Finisher } from "./finishing.js";
import { Lexicon, readRules, unknownWordModel } from "./g2p.js";
import { STEP, blend, lift, raised, rises } from "./intonation.js";
import { integratedLoudness } from "./loudness.js";
import { readNpz } from "./npz.js";
import { RoomTone } from "./room_tone.js";
import { Utterances } from "./utterances.js";
import { VoiceModel, uniformNoise } from "./voice.js";
import { Marker, patternOf } from "./watermark.js";

const [OLDEST, FORMAT] = [5, 7];
const ARCHITECTURE = "fastspeech-nsf/1";
const FRONT_END = "en/1";
const LOUDNESS = -19; // LUFS that every voice speaks at
const MOST_GAIN = 4;
const VOICES = 8; // that an engine remembers
const RANGES = { speed: [0.5, 2], pitch: [-6, 6], volume: [0, 4], sentenceSilence: [0, 10] };

/**
 * A person's voice, for every bundle with the same speaker encoder.
 * @typedef {{tensors: Object<string, {shape: number[], values: Float32Array}>, speakerModel: string, bundle: string,
 *   created: string, expires: string | null, consent: object | null}} VoiceProfile
 */

/**
 * A piece of speech; words and phonemes are marks of a whole utterance, on its first chunk, in seconds from the start.
 * @typedef {{samples: Float32Array, sampleRate: number, words: Mark[], phonemes: Mark[]}} AudioChunk
 * @typedef {{text: string, start: number, end: number}} Mark
 */

export class Parrotlet {
  #voices = new Map();
  #enroller;

  /** Use Parrotlet.load. */
  constructor(manifest, presets, model, utterances, read, mark) {
    Object.assign(this, { manifest, presets, model, utterances, mark });
    this.#enroller = new Enroller(manifest, model, (file) => read(file).then(readNpz), utterances);
  }

  /**
   * Loads a bundle together with the data of the text front end.
   * @param {string | ((file: string) => Promise<Uint8Array>)} source address of a folder with all of them, or a function
   *   that reads one by its name.
   * @param {{ort: object, convention?: string, lexicon?: Object<string, string>, watermark?: {integrator?: number,
   *   key?: Uint8Array} | null}} options ort: the module onnxruntime-web. convention: how dates, numbers and money are
   *   read, "en-US" or "en-GB". lexicon: the user's own words, phonemes or respellings (docs/text.md); parseLexicon of
   *   lexicon.js reads a file's text. watermark: the inaudible mark in all that is spoken (docs/watermark.md); null leaves
   *   it out.
   */
  static async load(source, { ort, convention = "en-US", lexicon: words = {}, watermark = {} }) {
    const read = typeof source === "function" ? source : (file) => fetched(new URL(file, new URL(source, globalThis.location?.href)));
    const json = async (file) => JSON.parse(new TextDecoder().decode(await read(file)));
    const manifest = await json("manifest.json");
    if (!(manifest.format >= OLDEST && manifest.format <= FORMAT) || manifest.architecture !== ARCHITECTURE) {
      throw new BundleError(`bundle ${manifest.name} is of format ${manifest.format}, ${manifest.architecture}: this version reads ${OLDEST} to ${FORMAT}, ${ARCHITECTURE}`);
    }
    if ((manifest.front_end ?? FRONT_END) !== FRONT_END) {
      throw new BundleError(`bundle ${manifest.name} needs the front end ${manifest.front_end}, which this version does not have`);
    }
    const open = opener(read, ort, manifest.packed);
    if (watermark === null && manifest.watermark === "required") {
      throw new UsageError(`bundle ${manifest.name} is only for speech with a mark: leave watermark out, or pass one`);
    }
    const mark = watermark && (await patternOf(watermark));
    const model = new VoiceModel(manifest, open, ort.Tensor);
    const [lexicon, rules, letters, presets] = await Promise.all([
      read("lexicon.bin"),
      read("rules.bin").then(readRules),
      json("g2p.json"),
      json("presets.json"),
    ]);
    let unknown = null; // the graph for unknown words, loaded at the first of them
    const say = async (word) => (await (unknown ??= open({ file: "g2p.onnx" }).then((session) => unknownWordModel(session, ort.Tensor, letters))))(word);
    const utterances = new Utterances(new Lexicon(lexicon), rules, { model: say, convention });
    if (Object.keys(words).length) await utterances.frontEnd.use(words);
    const bird = new Parrotlet(manifest, presetsOf(presets, manifest), model, utterances, read, mark);
    for (const graph of ["acoustic", "vocoder", "render"]) await model.load(graph); // so that the first sentence is as fast as the others
    return bird;
  }

  /** Of the speech, in Hz. */
  get sampleRate() {
    return this.manifest.mel.sample_rate;
  }

  /** Speaks one word to nobody: a graph's first call is slower than those that follow. */
  async warmUp() {
    for await (const _ of this.speak("Yes.", Object.keys(this.presets)[0]));
  }

  /**
   * Measures one recording without enrolling it.
   * @param {{samples: Float32Array, sampleRate: number, name?: string}} recording
   */
  examine(recording) {
    return this.#enroller.examine(recording);
  }

  /**
   * A voice profile from one or several recordings of one person.
   * @param {{samples: Float32Array, sampleRate: number, name?: string}[]} recordings
   * @param {{expires?: string | null, consent?: object | null, likeness?: number | null, keepRecording?: boolean,
   *   onReport?: (report: object) => void, onWarning?: (message: string) => void, texts?: string | string[],
   *   fineTune?: boolean, onProgress?: (share: number) => void}} options
   *   keepRecording: the speech in them goes into the profile, as FLAC, so that a later speaker encoder can enroll it again. onWarning: what Python warns of. texts: what was read in each
   *   recording, word for word ("" where that is not known): the voice comes nearer to the person's, in some time more, of
   *   which onProgress is told the share that is done. fineTune: learn from recordings without a text as well, by what is
   *   heard in them.
   *   consent: a record of what the person agreed to; {challenge, take, speaker, answeredAt} of consent.js is checked here,
   *   and throws a ConsentError.
   * @returns {Promise<VoiceProfile>}
   */
  async enroll(recordings, { expires = null, onProgress = () => {}, ...options } = {}) {
    const { tensors, consent, reads } = await this.#enroller.measure(recordings, options);
    const profile = { tensors, speakerModel: this.manifest.speaker.weights_sha256, bundle: this.manifest.name, created: utcNow(), expires, consent };
    const map = await this.model.fit(this.#checked(profile));
    if (reads.length) {
      const values = await finetuned(this.model, this.#checked(profile), map, reads, onProgress);
      tensors[this.model.factorsName] = { shape: [values.length], values };
    }
    const key = this.#fittedKey;
    if (map) tensors[`${key}.map`] = { shape: [map.length], values: map };
    tensors[`${key}.loudness_lufs`] = number(await this.#loudness(new Voice(this.#checked(profile), map, this.likeness(profile))));
    return profile;
  }

  /** Whether `enroll` can use texts: the bundle has what that takes. */
  get learnsFromTexts() {
    return learnsFromTexts(this.manifest);
  }

  /**
   * Whether a recording holds a text, word for word as far as can be told: whether `enroll` takes both. report: what examine
   * gave, if it is known.
   */
  async wasRead(recording, text, { report = null } = {}) {
    try {
      await this.#enroller.aligned(recording, report ?? (await this.examine(recording)), text);
    } catch (error) {
      if (error instanceof InputError) return false;
      throw error;
    }
    return true;
  }

  // Voices

  /**
   * Prepares a voice to speak in: a profile, a preset's name, or what this gave before.
   * likeness: 0 to 1, how near every sound comes to the recorded ones; null for what was chosen at enrollment.
   */
  async voice(profile, { likeness = null } = {}) {
    if (likeness !== null) requireNumber("likeness", likeness, 0, 1);
    if (profile instanceof Voice) return profile;
    const person = typeof profile === "string" ? this.#preset(profile) : profile;
    if (!person?.tensors) throw new UsageError("a voice is a profile, from enroll or a store, or a preset's name");
    if (typeof profile !== "string") requireAllowed(this.manifest.policy?.require_consent ?? "off", person.consent, `bundle ${this.manifest.name}`);
    const { weights_sha256: encoder, model_sha256: model } = this.manifest.speaker;
    if (person.speakerModel !== encoder && person.speakerModel !== model) {
      throw new WrongModelError(`this voice was enrolled with bundle "${person.bundle}", whose speaker encoder "${this.manifest.name}" does not have: enroll again`);
    }
    const chosen = likeness ?? this.likeness(person);
    const known = this.#voices.get(person) ?? new Map();
    if (!known.has(chosen)) known.set(chosen, await this.#prepare(person, chosen));
    this.#voices.delete(person);
    this.#voices.set(person, known);
    if (this.#voices.size > VOICES) this.#voices.delete(this.#voices.keys().next().value);
    return known.get(chosen);
  }

  /** Forgets what was prepared of a profile. */
  forget(profile) {
    this.#voices.delete(profile);
  }

  #preset(name) {
    const found = this.presets[name.replace(/^preset:/, "")];
    if (!found) throw new UsageError(`no preset "${name}": the presets are ${Object.keys(this.presets).join(", ")}`);
    return found.profile;
  }

  /** How near a profile's speech comes to its recordings when nobody says otherwise. */
  likeness(profile) {
    return profile.tensors["preference.likeness"]?.values[0] ?? this.manifest.adaptation.likeness;
  }

  get #fittedKey() {
    return `fitted.${this.manifest.speaker.model_sha256.slice(0, 16)}`;
  }

  async #prepare(profile, likeness) {
    const tensors = this.#checked(profile);
    const adaptable = Boolean(tensors["spectrum.exemplars"]);
    let map = profile.tensors[`${this.#fittedKey}.map`]?.values ?? null;
    if (!map && adaptable) map = await this.model.fit(tensors);
    const voice = new Voice(tensors, map, likeness);
    const kept = profile.tensors[`${this.#fittedKey}.loudness_lufs`]?.values[0];
    const holds = kept !== undefined && (!adaptable || Math.abs(likeness - this.likeness(profile)) < 1e-6);
    voice.loudness = holds ? kept : await this.#loudness(voice);
    return voice;
  }

  async #loudness(voice) {
    const { mel, f0 } = await this.#acoustics(this.manifest.adaptation.sentences[0], voice);
    const samples = await this.model.render(mel, f0, uniformNoise(f0.length * this.manifest.mel.hop_length, 0));
    return Math.max(-70, integratedLoudness(samples, this.sampleRate));
  }

  /** The tensors as the model takes them, once their shapes are known to be right. */
  #checked({ tensors }) {
    const { speaker, adaptation } = this.manifest;
    const { cepstra, bands, exemplars } = adaptation;
    const shapes = {
      "speaker.embedding": [speaker.embedding],
      "pitch.median_hz": [1],
      "pitch.spread_octaves": [1],
      "spectrum.exemplars": [exemplars, cepstra - 1],
      "spectrum.mean": [cepstra],
      "spectrum.covariance": [cepstra, cepstra],
      "spectrum.band_means": [bands],
      [this.model.factorsName]: [this.manifest.finetuning?.factors],
    };
    const taken = {};
    for (const [name, shape] of Object.entries(shapes)) {
      const tensor = tensors[name];
      if (!tensor && !REQUIRED.test(name)) continue;
      if (!tensor) throw new ProfileFormatError(`the profile has no ${name}: enroll again`);
      if (tensor.shape.join() !== shape.join()) throw new ProfileFormatError(`the profile's ${name} is not what this model takes: enroll again`);
      taken[name] = [tensor.values, tensor.shape];
    }
    const [median, spread] = [taken["pitch.median_hz"][0][0], taken["pitch.spread_octaves"][0][0]];
    if (!(median > 0 && spread >= 0)) throw new ProfileFormatError("the profile's pitch is out of bounds: enroll again");
    return taken;
  }

  // Speech

  /**
   * Speaks in a voice; chunks come as soon as they exist, and work is done only while the caller asks for one.
   * @param {string | Iterable<string> | AsyncIterable<string>} text in pieces, a language model's tokens say, it is cut at
   *   clause ends too, so that speech begins before the sentence is complete.
   * @param {VoiceProfile | Voice | string} profile
   * @param {{speed?: number, pitch?: number, volume?: number, sentenceSilence?: number | null, seed?: number,
   *   phonemes?: string, ssml?: boolean}} options phonemes: spoken instead of the text. ssml: the text is an SSML document
   *   (the subset in docs/text.md), which is noticed by its beginning, too.
   * @returns {AsyncGenerator<AudioChunk>}
   */
  async *speak(text, profile, options = {}) {
    const { speed = 1, pitch = 0, volume = 1, sentenceSilence = null, seed = 0, phonemes = null, ssml = false } = options;
    for (const [name, value] of Object.entries({ speed, pitch, volume, sentenceSilence })) {
      if (value !== null) requireNumber(name, value, ...RANGES[name]);
    }
    if (!Number.isInteger(seed) || seed < 0) throw new UsageError(`seed must be a whole number, 0 or more, not ${seed}`);
    if ((text === null) === (phonemes === null)) throw new UsageError("pass either text or phonemes");
    if (phonemes === null && typeof text !== "string" && !text?.[Symbol.asyncIterator] && !text?.[Symbol.iterator]) {
      throw new UsageError(`text is a string or an iterable of strings, not ${typeof text}`);
    }
    const voice = await this.voice(profile);
    const gain = Math.min(MOST_GAIN, 10 ** ((LOUDNESS - voice.loudness) / 20));
    const given = { phonemes, words: [], pause: { seconds: 0, origin: "text" }, speed: 1, pitch: 0, volume: 1 };
    const said = phonemes === null ? this.utterances.of(text, { ssml }) : [given];
    const rate = this.sampleRate;
    let spoken = 0; // samples
    let part = 0;
    let background = new RoomTone();
    for await (const utterance of said) {
      const pace = clipped(speed * utterance.speed, RANGES.speed);
      if (/\p{L}/u.test(utterance.phonemes)) {
        const { mel, f0, durations } = await this.#intoned(utterance, voice, pace, clipped(pitch + utterance.pitch, RANGES.pitch));
        const white = uniformNoise(f0.length * this.manifest.mel.hop_length, seed * 1000003 + part);
        let marks = this.#marks(utterance, durations, spoken);
        const finisher = new Finisher(volume * utterance.volume * gain, rate);
        background = new RoomTone();
        const chunk = (samples) => {
          background.push(samples);
          const made = { samples, sampleRate: rate, ...marks };
          marks = { words: [], phonemes: [] };
          spoken += samples.length;
          return made;
        };
        // What is marked is limited after that.
        const marker = this.mark && new Marker(this.mark, rate, spoken);
        for await (const samples of this.model.vocode(mel, f0, white)) {
          const ready = finisher.push(marker ? marker.push(samples) : samples);
          if (ready.length) yield chunk(ready);
        }
        const last = finisher.push(marker ? marker.finish() : new Float32Array(0));
        if (last.length) yield chunk(last);
        yield chunk(finisher.finish());
        part += 1;
      }
      const silence = Math.round(pauseSeconds(utterance.pause, sentenceSilence, pace) * rate);
      if (silence) {
        yield { samples: background.sound(silence), sampleRate: rate, words: [], phonemes: [] };
        spoken += silence;
      }
    }
  }

  /** The acoustic stage, with the rise of a question. */
  async #intoned(utterance, voice, speed, pitch) {
    const { hop_length: hop, n_mels: bands } = this.manifest.mel;
    const asks = rises(utterance);
    const lifted = (f0, durations) => lift(utterance.phonemes, durations, f0, this.sampleRate / hop);
    const contour = asks ? (f0, durations) => raised(f0, lifted(f0, durations)) : undefined;
    const spoken = await this.#acoustics(utterance.phonemes, voice, speed, pitch, contour);
    if (!asks || this.model.takesContour) return spoken;
    const up = lifted(spoken.f0, spoken.durations);
    const most = up.reduce((one, other) => Math.max(one, other), 0);
    if (most <= 0) return spoken;
    const steps = Math.ceil(most / STEP);
    const spectra = [spoken.mel];
    for (let k = 1; k <= steps; k += 1) {
      spectra.push((await this.#acoustics(utterance.phonemes, voice, speed, pitch + (most * k) / steps)).mel);
    }
    return { ...spoken, mel: blend(spectra, up.map((one) => one / most), bands), f0: raised(spoken.f0, up) };
  }

  #acoustics(phonemes, voice, speed = 1, pitch = 0, contour = undefined) {
    const { symbols } = this.manifest;
    const unknown = [...new Set(phonemes)].filter((symbol) => symbols.indexOf(symbol) < 3);
    if (unknown.length) throw new InputError(`${unknown.join(" ")} cannot be spoken: the phonemes are ${symbols.slice(3).join("")}`);
    return this.model.acoustics(phonemes, voice.tensors, voice.map, { speed, pitch, likeness: voice.likeness, contour });
  }

  #marks({ words, phonemes }, durations, spoken) {
    const edges = [];
    let at = 0;
    for (const frames of durations) edges.push((spoken + (at += frames) * this.manifest.mel.hop_length) / this.sampleRate);
    const mark = (text, start, end) => ({ text, start: edges[start], end: edges[end] });
    return {
      words: words.map((word) => mark(word.text, word.start, word.end)),
      phonemes: Array.from(phonemes, (symbol, k) => mark(symbol, k, k + 1)),
    };
  }
}

/** A profile as the model takes it, by Parrotlet.voice. */
class Voice {
  constructor(tensors, map, likeness) {
    Object.assign(this, { tensors, map, likeness, loudness: LOUDNESS });
  }
}

const clipped = (value, [low, high]) => Math.min(high, Math.max(low, value));

/** What the text sets stays; the rest follows the speed, and `sentenceSilence` takes a sentence's place. */
function pauseSeconds({ seconds, origin }, sentenceSilence, speed) {
  if (origin === "text") return seconds;
  return origin === "sentence" && sentenceSilence !== null ? sentenceSilence : seconds / speed;
}

function presetsOf(rows, manifest) {
  const preset = ([name, { description, embedding, statistics }]) => {
    const tensors = {
      "speaker.embedding": { shape: [embedding.length], values: Float32Array.from(embedding) },
      "pitch.median_hz": number(statistics.pitch_median_hz),
      "pitch.spread_octaves": number(statistics.pitch_spread),
    };
    const key = `fitted.${manifest.speaker.model_sha256.slice(0, 16)}.loudness_lufs`;
    if (statistics.loudness_lufs !== undefined) tensors[key] = number(statistics.loudness_lufs);
    const profile = { tensors, speakerModel: manifest.speaker.weights_sha256, bundle: manifest.name, created: manifest.created, expires: null, consent: null };
    return [name, { name, description, profile }];
  };
  return Object.fromEntries(Object.entries(rows).map(preset));
}

const REQUIRED = /^(speaker|pitch)\./;

const number = (value) => ({ shape: [1], values: Float32Array.of(value) });

async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new BundleError(`${url} cannot be read (${response.status}): build the folder again`);
  return new Uint8Array(await response.arrayBuffer());
}
