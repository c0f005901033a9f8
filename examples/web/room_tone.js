// The background of an utterance, which goes on in the pause after it (room_tone.py): zeros would be another place.

import { joined, uniformNoise } from "./voice.js";
import { Fourier } from "./watermark.js";

const [BLOCK, BLOCKS, SHARE] = [512, 8, 16]; // samples of a piece; how many of the quietest at most, and of how many pieces one
const PERIOD = 8192; // samples after which the background repeats
const LOUDEST = 0.01; // root mean square of the background at most, as a share of the utterance's

let fourier; // this transform, and the spectrum of white noise by it, are made for the first pause
let white;

/** The spectrum of samples, PERIOD at most: real and imaginary part. */
function spectrum(samples) {
  fourier ??= new Fourier(PERIOD);
  const made = [new Float64Array(PERIOD), new Float64Array(PERIOD)];
  made[0].set(samples);
  fourier.run(...made);
  return made;
}

const level = (samples) => Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);

/** Push the samples of an utterance, in any grouping; then ask for sound. */
export class RoomTone {
  #held = new Float32Array(0);
  #quietest = []; // pieces, each with its level
  #blocks = 0;
  #power = 0;

  push(samples) {
    const held = joined([this.#held, samples]);
    const whole = held.length - (held.length % BLOCK);
    for (let at = 0; at < whole; at += BLOCK) {
      const piece = held.subarray(at, at + BLOCK);
      const loud = level(piece);
      this.#quietest.push({ piece, level: loud });
      this.#power += loud ** 2;
      this.#blocks += 1;
    }
    this.#held = held.slice(whole);
    this.#quietest = this.#quietest.filter((one) => one.level > 0).sort((one, other) => one.level - other.level);
    this.#quietest = this.#quietest.slice(0, BLOCKS).map((one) => ({ ...one, piece: one.piece.slice() }));
  }

  /** So many samples of the background; zeros after silence. */
  sound(size) {
    const made = new Float32Array(size);
    const quietest = this.#quietest.slice(0, Math.max(1, Math.floor(this.#blocks / SHARE)));
    if (!quietest.length) return made;
    // The geometric mean: of some utterances the quietest pieces lie 30 dB apart. The other half is the mirror image.
    const logs = new Float64Array(PERIOD / 2 + 1);
    for (const { piece } of quietest) {
      const [real, imaginary] = spectrum(piece);
      for (let k = 0; k < logs.length; k += 1) logs[k] += Math.log(real[k] ** 2 + imaginary[k] ** 2 + 1e-24) / 2;
    }
    const scales = logs.map((sum) => Math.exp(sum / quietest.length) / Math.sqrt(BLOCK));
    white ??= spectrum(uniformNoise(PERIOD, 0));
    const scale = (k) => scales[Math.min(k, PERIOD - k)];
    // Conjugate, for the inverse transform.
    const sum = [white[0].map((value, k) => value * scale(k)), white[1].map((value, k) => -value * scale(k))];
    fourier.run(...sum);
    const tone = sum[0].map((value) => value / PERIOD);
    const gain = Math.min(1, (LOUDEST * Math.sqrt(this.#power / this.#blocks)) / level(tone));
    return made.map((_, at) => gain * tone[at % PERIOD]);
  }
}
