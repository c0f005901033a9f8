// Recordings of a person to what a profile holds of them (enroller.py). No acoustic model takes part in it.

import { advised, doubtsOf, measuredFully, oddOneAmong, reportOf, requireUsable, withOtherVoice } from "./enrollment.js";
import { ConsentCheck } from "./consent.js";
import { InputError, UsageError, requireNumber } from "./errors.js";
import { aligned, heardIn, learnsFromTexts } from "./finetuning.js";
import { writeFlac } from "./flac.js";
import { voiceprint } from "./same_person.js";
import { resample } from "./sound.js";
import { completed } from "./spectra.js";
import { findOtherVoice } from "./talkers.js";
import { joined, speechOf } from "./voice.js";

const KEPT_RATE = 24000; // Hz of a recording that is kept

export class Enroller {
  #tables = new Map();

  /** model: a VoiceModel. readTable: reads a table of the SDK by the name of its file. utterances: for what is said. */
  constructor(manifest, model, readTable, utterances) {
    Object.assign(this, { manifest, model, readTable, utterances });
    this.consents = new ConsentCheck(manifest, model, utterances, (file) => this.#table(file));
  }

  /** See Parrotlet.examine. */
  async examine(recording) {
    const { report } = await this.#heard(recording);
    return advised([report], this.manifest.enrollment)[0];
  }

  /**
   * What a profile keeps of a person, and where in the recordings their texts were read: {tensors, consent, reads}; options:
   * those of Parrotlet.enroll.
   */
  async measure(recordings, { likeness = null, consent = null, keepRecording = false, onReport = () => {}, onWarning = (message) => console.warn(message), texts = [], fineTune = false } = {}) {
    if (likeness !== null) requireNumber("likeness", likeness, 0, 1);
    const sources = Array.isArray(recordings) ? recordings : [recordings];
    if (!sources.length) throw new InputError("no recording given: pass at least one");
    const said = this.#textsOf(texts, sources.length, fineTune);
    const heard = [];
    for (const source of sources) heard.push(await this.#heard(source, onWarning));
    const limits = this.manifest.enrollment;
    const reports = advised(heard.map(({ report }) => report), limits);
    reports.forEach(onReport);
    requireUsable(reports, limits);
    doubtsOf(reports, limits).forEach(onWarning);
    const speeches = heard.map(({ speech }) => speech);
    const embeddings = await this.model.embeddings(speeches);
    await this.#requireOnePerson(reports, heard, embeddings, onWarning);
    const full = measuredFully(reports, limits);
    const spectral = speeches.filter((_, k) => full.includes(k));
    const complete = (mel) => this.#completed(mel, Math.min(...full.map((k) => reports[k].bandwidth_hz)));
    const measured = await this.model.measure(speeches, { embeddings, spectral, complete });
    const tensors = Object.fromEntries(
      Object.entries(measured.tensors).map(([name, [values, shape]]) => [name, { shape: Array.from(shape), values }]),
    );
    const record = consent?.challenge ? await this.consents.record(consent, joined(speeches), tensors["speaker.embedding"].values) : consent;
    if (likeness !== null) tensors["preference.likeness"] = number(likeness);
    if (keepRecording) Object.assign(tensors, this.#kept(sources, heard, said));
    const reads = [];
    for (const [k, source] of sources.entries()) {
      const text = said[k] ?? "";
      const read = text.trim() ? await this.aligned(source, reports[k], text) : fineTune && (await heardIn(this.model, source, reports[k]));
      if (read) reads.push(read);
    }
    return { tensors, consent: record, reads };
  }

  /** Where in a recording, of which there is a report, a text was read. Throws an InputError, also for another text. */
  async aligned(recording, report, text) {
    return aligned(this.model, recording, report, await this.utterances.frontEnd.phonemize(text));
  }

  /** A text for each of so many recordings, or none. */
  #textsOf(texts, count, fineTune) {
    const said = typeof texts === "string" ? [texts] : Array.from(texts ?? []);
    if (!said.every((text) => typeof text === "string")) throw new UsageError('texts are strings, "" where what was read is not known');
    if (said.length && said.length !== count) throw new UsageError(`${count} recordings and ${said.length} texts: give one for each, "" where unknown`);
    if ((fineTune || said.some((text) => text.trim())) && !learnsFromTexts(this.manifest)) {
      throw new UsageError(`fine-tuning needs what bundle ${this.manifest.name} lacks: use another bundle, or enroll without texts and fineTune`);
    }
    return said;
  }

  async #requireOnePerson(reports, heard, embeddings, onWarning) {
    if (reports.length < 2) return;
    const { mel: grid, adaptation, speaker } = this.manifest;
    const prints = [];
    for (const [k, { speech, f0 }] of heard.entries()) {
      const { data } = await this.model.spectrogram(speech);
      prints.push(voiceprint(speech.length / speaker.sample_rate, embeddings[k], data, grid.n_mels, f0, adaptation.bands));
    }
    const doubt = oddOneAmong(reports, prints, await this.#table("same_person.npz"), this.manifest);
    if (doubt) onWarning(doubt);
  }

  /** Log-mel with the bands that a telephone cut off as they probably were. */
  async #completed(mel, bandwidth) {
    if (bandwidth >= this.manifest.enrollment.narrow_hz) return mel;
    return completed(mel, bandwidth, await this.#table("narrow_band.npz"), this.manifest.mel);
  }

  /** The speech of recordings, one after the other, as a FLAC file: what enrollment keeps at most; and what was read. */
  #kept(sources, heard, texts) {
    const { frame_s: frame, most_speech_s: seconds } = this.manifest.enrollment;
    const most = seconds * KEPT_RATE;
    const speech = sources.map(({ samples, sampleRate }, k) =>
      speechOf(resample(samples, sampleRate, KEPT_RATE), heard[k].active, KEPT_RATE * frame),
    );
    const kept = { "recording.flac": writeFlac(joined(speech).subarray(0, most), KEPT_RATE) };
    if (texts.length) {
      let end = 0;
      // Of a recording that is cut off, nobody knows which words are left.
      const rows = speech.map((part, k) => [Math.min((end += part.length), most), end <= most ? texts[k] : ""]);
      kept["recording.texts"] = new TextEncoder().encode(JSON.stringify(rows));
    }
    return Object.fromEntries(Object.entries(kept).map(([name, values]) => [name, { shape: [values.length], values }]));
  }

  async #heard({ samples, sampleRate, name = "the recording" }, onWarning = () => {}) {
    if (!(samples instanceof Float32Array) || !(sampleRate > 0)) throw new UsageError("a recording is {samples: Float32Array, sampleRate}");
    const { sample_rate: rate } = this.manifest.speaker;
    const { frame_s: frameS, most_speech_s: most } = this.manifest.enrollment;
    const heard = resample(samples, sampleRate, rate);
    if (heard.length < rate * frameS) throw new InputError(`${name}: holds no sound: record again`);
    let { report: measured, speech } = await this.model.examine(heard);
    const frames = framesOf(measured.active);
    const enough = Math.round(most / frameS);
    if (frames.length > enough) {
      const end = Math.round(rate * frameS) * (frames[enough - 1] + 1);
      ({ report: measured, speech } = await this.model.examine(heard.subarray(0, end)));
      onWarning(`${name}: its first ${most} s of speech are used: more adds little`);
    }
    const report = reportOf(name, samples.length / sampleRate, measured);
    const { active, f0 } = measured;
    if (report.problem !== null) return { report, speech, active, f0 };
    const times = framesOf(active).map((frame) => frame * frameS);
    const other = await findOtherVoice(speech, times, rate, (window) => this.model.embed(window));
    return { report: withOtherVoice(report, other), speech, active, f0 };
  }

  #table(file) {
    if (!this.#tables.has(file)) this.#tables.set(file, this.readTable(file));
    return this.#tables.get(file);
  }
}

/** The numbers of the active frames. */
function framesOf(active) {
  const numbers = [];
  active.forEach((one, frame) => one && numbers.push(frame));
  return numbers;
}

const number = (value) => ({ shape: [1], values: Float32Array.of(value) });
