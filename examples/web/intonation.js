// The rise at the end of a question (intonation.py, which says why it is a rule).

const ABOVE = 4;
const MOST = 24;
const SHORTEST = 0.15;
const LONGEST = 0.45;
const FOLLOWED = 0.5;

/** Semitones between two of the spectrograms that the rise climbs through, at most. */
export const STEP = 6;

const ASKING = new Set(
  ("who whom whose what when where why which how who's what's when's where's why's how's who'd what'd where'd how'd " +
    "who'll what'll who're what're where're who've what've").split(" "),
);
const BEFORE = new Set(
  ("and but so or well oh okay ok then now hey please to for in at by from of on with about under until since just " +
    "exactly").split(" "),
);

/** Whether an utterance is a question that rises: by its mark and the words of its last clause. */
export function rises({ phonemes, words }) {
  if (!phonemes.endsWith("?")) return false;
  const clause = Math.max(...[...",;:.!?"].map((mark) => phonemes.slice(0, -1).lastIndexOf(mark)));
  const last = words.filter((word) => word.start > clause).map((word) => word.text.toLowerCase());
  if (!last.length || last[0] === "or") return false;
  return !ASKING.has(last.find((word) => !BEFORE.has(word)) ?? last.at(-1));
}

/** By how many semitones every frame goes up, so that the utterance ends above its median pitch. */
export function lift(phonemes, durations, f0, frameRate) {
  const voiced = Array.from(f0.keys()).filter((frame) => f0[frame] > 0);
  const up = new Float32Array(f0.length);
  if (!voiced.length) return up;
  const heights = voiced.map((frame) => 12 * Math.log2(f0[frame]));
  const sorted = [...heights].sort((one, other) => one - other);
  const median = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
  const end = voiced.at(-1);
  const stressed = Math.max(0, phonemes.lastIndexOf("ˈ"), phonemes.lastIndexOf("ˌ"));
  const start = durations.slice(0, stressed + 1).reduce((sum, one) => sum + one, 0);
  const length = Math.min(Math.max(end - start, SHORTEST * frameRate), LONGEST * frameRate);
  let after = 0; // the first voiced frame that is not before this one
  for (let frame = 0; frame < f0.length; frame += 1) {
    while (after < voiced.length && voiced[after] < frame) after += 1;
    const done = Math.min(Math.max((frame - (end - length)) / length, 0), 1);
    const wanted = median + ABOVE * eased(done);
    const missing = Math.min(Math.max(wanted - between(voiced, heights, after, frame), 0), MOST);
    up[frame] = eased(Math.min(done / FOLLOWED, 1)) * missing;
  }
  return up;
}

/** The pitch at a frame, on the line between its voiced neighbors. */
function between(voiced, heights, after, frame) {
  if (after === 0) return heights[0];
  if (after === voiced.length) return heights.at(-1);
  const share = (frame - voiced[after - 1]) / (voiced[after] - voiced[after - 1]);
  return heights[after - 1] + share * (heights[after] - heights[after - 1]);
}

/** From 0 to 1 as `done` goes, without a corner at either end. */
const eased = (done) => 0.5 - 0.5 * Math.cos(Math.PI * done);

/** f0 in Hz, higher by `semitones`; 0 stays 0. */
export function raised(f0, semitones) {
  return f0.map((hertz, frame) => hertz * 2 ** (semitones[frame] / 12));
}

/** Log-mel frames between those of several pitches in rising order, `share` of the way up. */
export function blend(spectra, share, bands) {
  return spectra[0].map((_, at) => {
    const place = share[Math.floor(at / bands)] * (spectra.length - 1);
    const below = Math.min(Math.floor(place), spectra.length - 2);
    return spectra[below][at] + (place - below) * (spectra[below + 1][at] - spectra[below][at]);
  });
}
