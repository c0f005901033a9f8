// What was heard of a recording, in the words of the SDK: what is wrong with it and how to mend it (enrollment.py,
// advice.py). The limits are those of the bundle's manifest.

import { InputError } from "./errors.js";
import { oddOne } from "./same_person.js";

const ENOUGH_SPEECH_S = 10;
const GOOD_SPEECH_S = 5;
const QUIET_ROOM_DB = 20;

const PROBLEMS = {
  some_speech_s: () => ["no speech found", "speak closer to the microphone and record again"],
  min_level_dbfs: (report) => [`too quiet (${report.level_dbfs.toFixed(0)} dBFS)`, "move closer to the microphone or raise its gain"],
  max_clipped: (report) => [
    `clipped (${(100 * report.clipped).toFixed(1)}% of the samples are at full scale)`,
    "lower the gain or move away from the microphone",
  ],
  min_snr_db: (report) => [
    `too noisy (speech only ${report.snr_db.toFixed(0)} dB above the background)`,
    "record in a quieter room, closer to the microphone",
  ],
  min_voiced: (report) => [
    `not a speaking voice (only ${(100 * report.voiced).toFixed(0)}% of it has a pitch)`,
    "record ordinary speech, without music or whispering",
  ],
};

/** "another voice from 6.2 s to 12.0 s" */
function named(spans) {
  return `another voice ${spans.map(([from, to]) => `from ${from.toFixed(1)} s to ${to.toFixed(1)} s`).join(", ")}`;
}

/**
 * RecordingReport of what VoiceModel.examine measured. `problem` and `hint` are null when the recording can be used;
 * a recording that is only short is no problem by itself, since several count together.
 * @returns {{name: string, seconds: number, speech_s: number, level_dbfs: number, clipped: number, snr_db: number,
 *   voiced: number, bandwidth_hz: number, problem: string | null, hint: string | null,
 *   other_voice: [number, number][], advice: string}}
 */
export function reportOf(name, seconds, measured) {
  const { speech_s, level_dbfs, clipped, snr_db, voiced = 0, bandwidth_hz = 0 } = measured;
  const report = { name, seconds, speech_s, level_dbfs, clipped, snr_db, voiced, bandwidth_hz };
  const [problem, hint] = PROBLEMS[measured.problem]?.(report) ?? [null, null];
  return { ...report, problem, hint, other_voice: [], advice: "" };
}

/** A report once another voice was found, as findOtherVoice of talkers.js gives it, or null. */
export function withOtherVoice(report, other) {
  if (other === null) return report;
  const two = { problem: `two people speak: ${named(other.spans)}`, hint: "cut it out, or record one person alone" };
  return { ...report, other_voice: other.spans, ...(other.sure ? two : {}) };
}

/** The reports of recordings that are enrolled together, with advice: the length is that of all together. */
export function advised(reports, limits) {
  const total = totalSpeech(reports);
  return reports.map((report) => ({ ...report, advice: advice(report, total, limits) }));
}

function advice(report, total, limits) {
  if (report.problem !== null) return `record again: ${report.hint}`;
  const lines = [];
  if (report.other_voice.length) lines.push("perhaps two people: record one alone");
  if (report.snr_db < QUIET_ROOM_DB) lines.push("a little noisy: move closer or find a quieter room");
  if (report.clipped > 0) lines.push("a little too loud: lower the gain or move away");
  if (report.bandwidth_hz < limits.narrow_hz) lines.push("sounds like a telephone: record at 16 kHz or more");
  if (total < ENOUGH_SPEECH_S) lines.push(`speak ${Math.max(1, Math.round(ENOUGH_SPEECH_S - total))} s more`);
  return lines.join("; ") || "good";
}

/** Throws an InputError naming the first recording that cannot be used, or saying that there is too little speech. */
export function requireUsable(reports, limits) {
  const bad = reports.find((report) => report.problem !== null);
  if (bad) throw new InputError(`${bad.name}: ${bad.problem}: ${bad.hint}`);
  const total = totalSpeech(reports);
  if (total < limits.min_speech_s) {
    const names = reports.map((report) => report.name).join(", ");
    throw new InputError(
      `${names}: only ${total.toFixed(1)} s of speech: read a few sentences, at least ${limits.min_speech_s} s, better 10 s`,
    );
  }
}

/** What Python warns of in recordings that can be used. */
export function doubtsOf(reports, limits) {
  const total = totalSpeech(reports);
  const doubts = [];
  for (const { name, other_voice: spans, bandwidth_hz: bandwidth } of reports) {
    if (spans.length) doubts.push(`${name}: perhaps ${named(spans)}: record one person alone`);
    if (bandwidth < limits.narrow_hz) {
      doubts.push(
        `${name}: holds nothing above ${bandwidth / 1000} kHz, as a telephone: the voice will be less like the person; record at 16 kHz or more`,
      );
    }
  }
  if (total < GOOD_SPEECH_S) {
    doubts.push(`only ${total.toFixed(1)} s of speech: ten seconds would make a voice that is more like the person`);
  }
  return doubts;
}

/**
 * Throws an InputError naming a recording that is certainly of another person than the others; a warning for one that perhaps
 * is, else null. prints: voiceprint of each; table: same_person.npz.
 */
export function oddOneAmong(reports, prints, table, { speaker, enrollment }) {
  const narrow = reports.some(({ bandwidth_hz: bandwidth }) => bandwidth < enrollment.narrow_hz);
  const odd = oddOne(prints, table, speaker.weights_sha256, narrow, speaker.same_speaker);
  if (odd === null) return null;
  const { name } = reports[odd.index];
  if (odd.sure) throw new InputError(`${name}: sounds like another person than the other recordings: enroll one person at a time`);
  return `${name}: may be of another person than the other recordings`;
}

/** Which recordings tell of the whole spectrum: those that hold all of it, if they are long enough, else all. */
export function measuredFully(reports, { narrow_hz: narrow, min_speech_s: least }) {
  const whole = reports.map((_, k) => k).filter((k) => reports[k].bandwidth_hz >= narrow);
  return totalSpeech(whole.map((k) => reports[k])) < least ? reports.map((_, k) => k) : whole;
}

const totalSpeech = (reports) => reports.reduce((sum, report) => sum + (report.problem === null ? report.speech_s : 0), 0);
