// Notices that two people speak in one recording, one after the other or in turns, and says when (talkers.py). Speaker
// embeddings of windows over the speech fall into two groups; whose means are far apart is not one person.

const WINDOW_S = 2;
const HOP_S = 1;
const FEWEST = 2; // windows of either voice
const SURE = 0.35;
const LIKELY = 0.5;
const PAUSE_S = 0.15; // and longer; not the gap inside a word
const ROUNDS = 8;

/**
 * The voice that speaks less, if there are probably two in `speech`: {spans: [[from, to]], sure}, or null.
 * times: when each of its frames begins, in seconds of the recording. embed: samples of a window -> embedding.
 */
export async function findOtherVoice(speech, times, rate, embed) {
  const [size, hop] = [WINDOW_S * rate, HOP_S * rate];
  const count = Math.floor((speech.length - size) / hop) + 1;
  if (count < 2 * FEWEST) return null;
  const windows = [];
  for (let k = 0; k < count; k += 1) windows.push(await embed(speech.subarray(k * hop, k * hop + size)));
  const other = twoGroups(windows);
  if (other === null || other.cosine >= LIKELY) return null;
  // A window speaks for its middle; the first and the last also for what lies before and behind.
  const frame = speech.length / times.length;
  const nearest = (k) => Math.max(0, Math.min(count - 1, Math.round(((k + 0.5) * frame - size / 2) / hop)));
  const labels = Array.from(times, (_, k) => other.label[nearest(k)]);
  return { spans: spansOf(labels, times, frame / rate), sure: other.cosine < SURE };
}

/** Which windows are of the smaller group, and the cosine between the means of both. */
function twoGroups(windows) {
  const count = windows.length;
  const changes = Array.from({ length: count - 2 * FEWEST + 1 }, (_, k) => FEWEST + k);
  const apart = changes.map((at) => length(total(windows.slice(0, at))) + length(total(windows.slice(at))));
  const change = changes[apart.indexOf(Math.max(...apart))];
  const principal = smooth(principalComponent(windows));
  const middle = median(principal);
  // Begun at the best change from one voice to another, and at the principal component for voices that alternate.
  const begun = [windows.map((_, k) => k >= change), principal.map((one) => one > middle), principal.map((one) => one > 0)];
  const grouped = begun.map((label) => regrouped(windows, label)).filter((label) => label !== null);
  if (!grouped.length) return null;
  const coherence = (label) => length(total(chosen(windows, label, true))) + length(total(chosen(windows, label, false)));
  const best = grouped.reduce((one, other) => (coherence(other) > coherence(one) ? other : one));
  const label = 2 * best.filter(Boolean).length > count ? best.map((one) => !one) : best;
  return { label, cosine: dot(mean(chosen(windows, label, false)), mean(chosen(windows, label, true))) };
}

/** Two means in cosine distance; a window's neighbors count like itself. */
function regrouped(windows, begun) {
  let label = begun;
  const enough = () => {
    const second = label.filter(Boolean).length;
    return Math.min(second, label.length - second) >= FEWEST;
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    if (!enough()) return null;
    const [first, second] = [mean(chosen(windows, label, false)), mean(chosen(windows, label, true))];
    const nearer = smooth(windows.map((window) => dot(window, second) - dot(window, first))).map((one) => one > 0);
    if (nearer.every((one, k) => one === label[k])) break;
    label = nearer;
  }
  return enough() ? label : null;
}

/** Each window's place along the direction in which they differ most, by power iteration. */
function principalComponent(windows) {
  const center = total(windows).map((one) => one / windows.length);
  const rows = windows.map((window) => window.map((one, k) => one - center[k]));
  let place = rows.map((_, k) => (k % 2 ? 1 : -1) + k / rows.length);
  for (let round = 0; round < 100; round += 1) {
    const direction = total(rows.map((row, k) => row.map((one) => one * place[k])));
    place = rows.map((row) => dot(row, direction));
    const size = length(place) || 1;
    place = place.map((one) => one / size);
  }
  return place;
}

/** Runs of frames of the other voice. People take turns in pauses: a run begins and ends at the longest one nearby. */
function spansOf(labels, times, frameS) {
  const pause = (k) => (k === 0 ? 0 : times[k] - times[k - 1]);
  const reach = Math.round(HOP_S / frameS);
  const snapped = (frame) => {
    let best = Math.max(0, frame - reach);
    for (let k = best; k < Math.min(labels.length, frame + reach); k += 1) if (pause(k) > pause(best)) best = k;
    return pause(best) > PAUSE_S ? best : frame;
  };
  const edges = labels[0] ? [0] : [];
  for (let k = 1; k < labels.length; k += 1) if (labels[k] !== labels[k - 1]) edges.push(snapped(k));
  if (labels.at(-1)) edges.push(labels.length);
  const spans = [];
  for (let k = 0; k < edges.length; k += 2) {
    if (edges[k + 1] > edges[k]) spans.push([times[edges[k]], times[edges[k + 1] - 1] + frameS]);
  }
  return spans;
}

const chosen = (windows, label, wanted) => windows.filter((_, k) => label[k] === wanted);
const dot = (one, other) => one.reduce((sum, value, k) => sum + value * other[k], 0);
const length = (vector) => Math.sqrt(dot(vector, vector));
const total = (vectors) => vectors.reduce((sum, vector) => sum.map((one, k) => one + vector[k]), new Float64Array(vectors[0].length));

function mean(vectors) {
  const sum = total(vectors);
  const size = length(sum);
  return sum.map((one) => one / size);
}

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

function smooth(values) {
  const at = (k) => values[Math.max(0, Math.min(values.length - 1, k))];
  return Array.from(values, (_, k) => (at(k - 1) + at(k) + at(k + 1)) / 3);
}
