// Spoken consent, checked on this device (consent.py, docs/consent.md): the words, the person, and that it was said now and
// in one take.
//
//   const challenge = consentChallenge();            // show challenge.sentence, record what is said
//   await bird.enroll(recordings, { consent: { challenge, take: { samples, sampleRate }, speaker: "Anna" } });

import { requireTimely, utcNow } from "./challenge.js";
import { WORDS } from "./consent_words.js";
import { BundleError, ConsentError, ConsentRequired } from "./errors.js";
import { continuity } from "./one_take.js";
import { toHex } from "./profile.js";
import { takeOdds, voiceprint } from "./same_person.js";
import { resample } from "./sound.js";
import { scoreWords } from "./spoken_words.js";

export { AGREEMENT, consentChallenge } from "./challenge.js";

const METHOD = "spoken/1";
// What a take has to reach: Limits of consent.py, measured in docs/consent.md.
const LIMITS = { sentence: -1.3, total: 0.8, margin: -1.5, background_db: 28, speech_db: 24, dead_s: 0.04, bandwidth_ratio: 2 };
const PERSON = [3.1, 3.1, 2.4, 2.4, 3.5];
const SNR_DB = [9, 15, 18, 27, 33];

/** Whether a profile's consent was spoken and checked. */
export const isSpoken = (consent) => consent?.method === METHOD;

/** Throws ConsentRequired where a policy does not let a profile speak. A browser keeps no machine's secret. */
export function requireAllowed(policy, consent, where) {
  if (policy === "off" || isSpoken(consent)) return;
  throw new ConsentRequired(`the profile has no spoken consent, without which ${where} lets none speak here: enroll it again with a spoken consent`);
}

export class ConsentCheck {
  #rivals = null; // phonemes of the words that could stand for a random one

  /** utterances: to know how a sentence sounds. readTable: reads a table of the SDK by the name of its file. */
  constructor(manifest, model, utterances, readTable) {
    Object.assign(this, { manifest, model, utterances, readTable });
  }

  /**
   * The record of a take that passes every check. speech, embedding: of the recordings that are enrolled, at the speaker
   * encoder's rate. Throws a ConsentError.
   */
  async record({ challenge, take, speaker = "", answeredAt = utcNow() }, speech, embedding) {
    if (!this.manifest.recognizer) throw new BundleError(`bundle ${this.manifest.name} has no phoneme recognizer: use the default bundle`);
    const { sample_rate: rate } = this.manifest.mel;
    const samples = resample(take.samples, take.sampleRate, rate);
    requireTimely(challenge, answeredAt, samples.length / rate);
    const scores = await this.measure(challenge, samples, speech, embedding);
    const wrong = problemOf(scores, challenge.words);
    if (wrong !== null) throw new ConsentError(`consent: ${wrong}`);
    const { words, person, take: made } = scores;
    const list = (values) => values.map((value) => value.toFixed(2)).join(" ");
    return {
      text: challenge.sentence,
      given_at: answeredAt,
      speaker,
      recording_sha256: await sha256(Int16Array.from(samples, (value) => Math.trunc(Math.fround(Math.max(-1, Math.min(1, value)) * 32767)))),
      method: METHOD,
      words: challenge.words.join(" "),
      asked_at: challenge.made_at,
      nonce: challenge.nonce,
      sentence_score: words.sentence.toFixed(2),
      word_scores: list(words.words),
      word_margins: list(words.margins),
      person_score: person.toFixed(2),
      take_background_db: made.background_db.toFixed(1),
      take_level_db: made.speech_db.toFixed(1),
      take_snr_db: made.snr_db.toFixed(1),
      sdk: "web",
    };
  }

  /** What is measured of a take at the model's rate: {words, person, take}. */
  async measure({ sentence, words }, samples, speech, embedding) {
    const { sample_rate: rate } = this.manifest.speaker;
    const heard = await this.model.examine(resample(samples, this.manifest.mel.sample_rate, rate));
    if (heard.report.speech_s < this.manifest.enrollment.min_speech_s) {
      throw new ConsentError(`consent: only ${heard.report.speech_s.toFixed(1)} s of speech: read the whole sentence aloud`);
    }
    const [own] = await this.model.embeddings([heard.speech]);
    const person = await this.#takeOdds([await this.#print(heard.speech, own), await this.#print(speech, embedding)]);
    const { frontEnd } = this.utterances;
    this.#rivals ??= Promise.all(WORDS.map((word) => frontEnd.phonemize(word)));
    const table = this.manifest.recognizer.phonemes;
    const spoken = scoreWords(await this.model.posteriors(samples), await this.#sounds(sentence), words, await this.#rivals, table);
    return { words: spoken, person, take: continuity(samples, this.manifest.mel.sample_rate) };
  }

  /** The phonemes of a sentence, and where its words are in them. */
  async #sounds(sentence) {
    let phonemes = [];
    const words = [];
    for await (const said of this.utterances.fromText([sentence], false)) {
      for (const word of said.words) words.push({ text: word.text, start: phonemes.length + word.start, end: phonemes.length + word.end });
      phonemes = [...phonemes, ...said.phonemes, " "];
    }
    return { phonemes: phonemes.slice(0, -1), words };
  }

  async #print(speech, embedding) {
    const { mel, adaptation, speaker, enrollment } = this.manifest;
    const heard = speech.subarray(0, enrollment.most_speech_s * speaker.sample_rate);
    const { data } = await this.model.spectrogram(heard);
    const { f0 } = await this.model.run("pitch", { samples: [heard] });
    return voiceprint(heard.length / speaker.sample_rate, embedding, data, mel.n_mels, f0.data, adaptation.bands);
  }

  /** Log odds that a take is of the person who is enrolled; with another encoder than the table's the cosine decides. */
  async #takeOdds([one, other]) {
    const table = await this.readTable("same_person.npz");
    const { weights_sha256: encoder, same_speaker: least } = this.manifest.speaker;
    if (table.encoder.values === encoder) return takeOdds(one, other, table);
    const cosine = one.embedding.reduce((sum, value, k) => sum + value * other.embedding[k], 0);
    return cosine >= least ? Infinity : -Infinity;
  }
}

/** What is wrong with a take and what to do, or null. */
export function problemOf({ words: spoken, person, take }, words) {
  if (take.dead_s > LIMITS.dead_s) {
    return `it holds ${take.dead_s.toFixed(2)} s of digital silence: switch off noise suppression and record in one take`;
  }
  if (take.background_db > LIMITS.background_db || take.bandwidth_ratio > LIMITS.bandwidth_ratio) {
    return "its background changes on the way: record in one take, in one place";
  }
  if (take.speech_db > LIMITS.speech_db) return "its level changes on the way: record in one take, at one distance";
  if (spoken.sentence < LIMITS.sentence) return "it is not the sentence that was shown: read it aloud as it stands";
  const least = Math.min(...spoken.margins);
  const mean = spoken.margins.reduce((sum, one) => sum + one, 0) / spoken.margins.length;
  // Words and sentence together: one word that is said indistinctly does not outweigh all that is right.
  if (least < LIMITS.margin || mean + spoken.sentence < LIMITS.total) {
    return `the word '${words[spoken.margins.indexOf(least)]}' was not heard: read the sentence clearly, in a quiet place`;
  }
  if (take.snr_db < SNR_DB[0]) return "it is too noisy to tell who speaks: record in a quiet place, close to the microphone";
  if (person < between(take.snr_db)) {
    return "it does not sound like the person of the other recordings: the same person has to say it, with the same microphone";
  }
  return null;
}

/** The odds that are asked for, between the measured ones by interpolation. */
function between(snr) {
  const above = SNR_DB.findIndex((one) => snr <= one);
  if (above <= 0) return above === 0 ? PERSON[0] : PERSON.at(-1);
  const share = (snr - SNR_DB[above - 1]) / (SNR_DB[above] - SNR_DB[above - 1]);
  return PERSON[above - 1] + share * (PERSON[above] - PERSON[above - 1]);
}

async function sha256(values) {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", values)));
}
