// Are two recordings of one person? What same_person.py asks, by its table: the speaker embedding, and mean, spread and
// correlations of the cepstra, and the pitch; their distances, and how far both are from everybody, make the odds.

import { loudOf, percentile } from "./spectra.js";

const [REFUSED, DOUBTED] = [-1, 2.25]; // log odds; their error rates are in same_person.py
const [CEPSTRA, CORRELATED] = [24, 12];
const KINDS = ["means", "spreads", "correlations", "pitch"];
const FLOOR = -9;
const LEVEL_BANDS = [5, 60];

/**
 * What is compared of a recording. embedding: of unit norm. mel: log-mel of its speech, `bands` a frame; f0: in Hz, 0 where
 * unvoiced. used: the bands that cepstra are made of.
 */
export function voiceprint(seconds, embedding, mel, bands, f0, used) {
  const floored = mel.map((value) => Math.max(value, FLOOR));
  const loud = loudOf(floored, bands, LEVEL_BANDS);
  const basis = cosines(used);
  const cepstra = loud.map((frame) => basis.map((row) => row.reduce((sum, weight, band) => sum + weight * frame[band], 0)));
  const mean = basis.map((_, k) => cepstra.reduce((sum, row) => sum + row[k], 0) / cepstra.length);
  const covariance = basis.map((_, i) =>
    basis.map((__, j) => cepstra.reduce((sum, row) => sum + (row[i] - mean[i]) * (row[j] - mean[j]), 0) / (cepstra.length - 1)),
  );
  const correlations = [];
  for (let i = 0; i < CORRELATED; i += 1) {
    for (let j = i + 1; j < CORRELATED; j += 1) correlations.push(covariance[i][j] / Math.sqrt(covariance[i][i] * covariance[j][j] + 1e-8));
  }
  const octaves = Array.from(f0).filter((hz) => hz > 0).map(Math.log2);
  const pitch = octaves.length ? [50, 20, 80].map((part) => percentile(octaves, part)) : [0, 0, 0];
  const spreads = covariance.map((row, k) => Math.log(row[k] + 1e-4));
  return { seconds, embedding: Array.from(embedding), means: mean.slice(1), spreads, correlations, pitch };
}

/** Orthonormal DCT-II of the lowest `count` bands: CEPSTRA rows. */
function cosines(count) {
  return Array.from({ length: CEPSTRA }, (_, order) =>
    Array.from({ length: count }, (__, band) => Math.cos((Math.PI / count) * (band + 0.5) * order) * Math.sqrt((order ? 2 : 1) / count)),
  );
}

/** Log odds that two recordings are of one person, for every pair. table: what readNpz gives of same_person.npz. */
export function logOdds(prints, table) {
  const [bias] = table.bias.values;
  return features(prints, table).map((row) => row.map((pair) => dot(pair, table.weights.values) + bias));
}

/** Log odds that a spoken consent is of the person of the recordings, whatever the noise and the room. */
export function takeOdds(take, enrolled, table) {
  return dot(features([take, enrolled], table)[0][1], table.take_weights.values) + table.take_bias.values[0];
}

/** What the odds are made of, for every pair. */
function features(prints, table) {
  const rare = Object.fromEntries(
    KINDS.map((kind) => {
      const centered = prints.map((one) => one[kind].map((value, k) => value - table[`means_${kind}`].values[k]));
      return [kind, centered.map((row) => Math.log(quadratic(row, table[`total_${kind}`].values) / row.length + 0.1))];
    }),
  );
  const brief = prints.map(({ seconds }) => 1 / Math.max(seconds, 0.5));
  return prints.map((one, i) =>
    prints.map((other, j) => {
      const found = [dot(one.embedding, other.embedding)];
      for (const kind of KINDS) {
        const apart = one[kind].map((value, k) => value - other[kind][k]);
        const distance = Math.max(quadratic(apart, table[`within_${kind}`].values), 0) / apart.length / 2;
        found.push(Math.log(distance + 0.02), rare[kind][i] + rare[kind][j]);
      }
      found.push(brief[i] + brief[j]);
      return found;
    }),
  );
}

/**
 * The recording that is perhaps not of the person of the others: {index, sure}, or null. encoder: sha256 of the speaker
 * encoder's weights. narrow: whether a recording lacks some of the spectrum, which the odds would take for a likeness.
 * With either, the cosine decides, which has to be `sameSpeaker`.
 */
export function oddOne(prints, table, encoder, narrow, sameSpeaker) {
  const cosine = narrow || encoder !== table.encoder.values;
  const pairs = cosine ? prints.map((one) => prints.map((other) => dot(one.embedding, other.embedding))) : logOdds(prints, table);
  const [refused, doubted] = cosine ? [sameSpeaker, sameSpeaker] : [REFUSED, DOUBTED];
  const likeness = pairs.map((row, k) => row.reduce((sum, one, other) => sum + (other === k ? 0 : one), 0) / (row.length - 1));
  const least = Math.min(...likeness);
  return least >= doubted ? null : { index: likeness.indexOf(least), sure: least < refused };
}

const dot = (one, other) => one.reduce((sum, value, k) => sum + value * other[k], 0);

function quadratic(row, matrix) {
  let sum = 0;
  for (let i = 0; i < row.length; i += 1) {
    for (let j = 0; j < row.length; j += 1) sum += row[i] * matrix[i * row.length + j] * row[j];
  }
  return sum;
}
