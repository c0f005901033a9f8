// Draws sound: what was said as a spectrogram with the waveform below it, while it grows; a recording as its waveform.

const SIZE = 512;
const HOP = 240;
const TOP_HZ = 8000;
const RANGE_DB = 65;
const MOST_COLUMNS = 4096; // of a long speech two become one

export class Picture {
  #columns = [];
  #tail = new Float32Array(0);
  #peaks = [];

  constructor(canvas) {
    this.canvas = canvas;
  }

  clear() {
    this.#columns = [];
    this.#hop = HOP;
    this.#peaks = [];
    this.#tail = new Float32Array(0);
    this.#painted = "";
    this.draw(0);
  }

  push(samples, sampleRate) {
    const joined = new Float32Array(this.#tail.length + samples.length);
    joined.set(this.#tail);
    joined.set(samples, this.#tail.length);
    const bins = Math.round((TOP_HZ / sampleRate) * SIZE);
    let at = 0;
    for (; at + SIZE <= joined.length; at += this.#hop) {
      const frame = joined.subarray(at, at + SIZE);
      this.#columns.push(decibels(frame, bins));
      this.#peaks.push(frame.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0));
    }
    this.#tail = joined.slice(at);
    while (this.#columns.length > MOST_COLUMNS) this.#thin();
    this.#rate = sampleRate;
  }

  #rate = 24000;
  #hop = HOP;

  /** Half as many columns, and a louder peak for two. */
  #thin() {
    this.#hop *= 2;
    this.#peaks = this.#peaks.filter((_, k) => k % 2 === 0).map((peak, k) => Math.max(peak, this.#peaks[2 * k + 1] ?? 0));
    this.#columns = this.#columns.filter((_, k) => k % 2 === 0);
  }

  #image = document.createElement("canvas"); // what was painted of the columns
  #painted = ""; // what it was painted of

  /** position: seconds that were heard. */
  draw(position) {
    const { canvas } = this;
    const scale = Math.min(2, globalThis.devicePixelRatio || 1);
    const [width, height] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
    if (!width) return;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const count = this.#columns.length;
    const style = getComputedStyle(canvas);
    const ink = style.getPropertyValue("--accent").trim();
    const wanted = [count, this.#hop, width, height, ink].join();
    if (wanted !== this.#painted) this.#paint(width, height, ink);
    this.#painted = wanted;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    context.drawImage(this.#image, 0, 0);
    const seconds = (count * this.#hop) / this.#rate;
    if (position > 0 && position < seconds) {
      context.fillStyle = style.getPropertyValue("--mark").trim();
      context.fillRect((position / seconds) * width, 0, Math.max(2, scale), height);
    }
  }

  #paint(width, height, ink) {
    [this.#image.width, this.#image.height] = [width, height]; // which clears it
    const count = this.#columns.length;
    if (!count) return;
    const context = this.#image.getContext("2d");
    const split = Math.round(height * 0.72);
    const step = Math.max(width / 400, width / count);
    context.fillStyle = ink;
    for (let x = 0; x < width; x += step) {
      const at = Math.min(count - 1, Math.floor((x / width) * count));
      const column = this.#columns[at];
      const bar = split / column.length;
      column.forEach((level, bin) => {
        if (level < 0.06) return;
        context.globalAlpha = level * level;
        context.fillRect(x, split - (bin + 1) * bar, step + 0.5, bar + 0.5);
      });
      context.globalAlpha = 0.75;
      const reach = Math.max(1, this.#peaks[at] * (height - split) * 0.9);
      context.fillRect(x, split + (height - split - reach) / 2, Math.max(1, step - 0.5), reach);
    }
  }
}

/** Draws the peaks of a recording, 0 to 1 each, over the whole width. */
export function drawPeaks(canvas, peaks) {
  const context = canvas.getContext("2d");
  const scale = Math.min(2, globalThis.devicePixelRatio || 1);
  [canvas.width, canvas.height] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
  context.fillStyle = getComputedStyle(canvas).getPropertyValue("--accent").trim();
  const step = canvas.width / peaks.length;
  peaks.forEach((peak, k) => {
    const reach = Math.max(scale, Math.sqrt(peak) * canvas.height * 0.95); // soft sounds are seen, too
    context.fillRect(k * step, (canvas.height - reach) / 2, Math.max(1, step * 0.7), reach);
  });
}

/** The largest magnitude in each of `count` equal parts. */
export function peaksOf(samples, count) {
  return Array.from({ length: count }, (_, k) => {
    let peak = 0;
    const end = Math.floor(((k + 1) * samples.length) / count);
    for (let at = Math.floor((k * samples.length) / count); at < end; at += 1) peak = Math.max(peak, Math.abs(samples[at]));
    return peak;
  });
}

/** Level of each band of a frame, 0 to 1. */
function decibels(frame, bins) {
  const real = new Float32Array(SIZE);
  const imaginary = new Float32Array(SIZE);
  for (let at = 0; at < SIZE; at += 1) real[at] = frame[at] * (0.5 - 0.5 * Math.cos((2 * Math.PI * at) / SIZE));
  transform(real, imaginary);
  return Float32Array.from({ length: bins }, (_, bin) => {
    const level = 10 * Math.log10(real[bin] ** 2 + imaginary[bin] ** 2 + 1e-9);
    return Math.max(0, Math.min(1, (level - 25 + RANGE_DB) / RANGE_DB));
  });
}

/** Fourier transform in place, by halves (Cooley and Tukey 1965). */
function transform(real, imaginary) {
  const size = real.length;
  for (let at = 1, mirrored = 0; at < size; at += 1) {
    let bit = size >> 1;
    for (; mirrored & bit; bit >>= 1) mirrored ^= bit;
    mirrored ^= bit;
    if (at < mirrored) {
      [real[at], real[mirrored]] = [real[mirrored], real[at]];
      [imaginary[at], imaginary[mirrored]] = [imaginary[mirrored], imaginary[at]];
    }
  }
  for (let span = 2; span <= size; span *= 2) {
    const half = span / 2;
    for (let k = 0; k < half; k += 1) {
      const [cosine, sine] = [Math.cos((2 * Math.PI * k) / span), -Math.sin((2 * Math.PI * k) / span)];
      for (let low = k; low < size; low += span) {
        const high = low + half;
        const r = real[high] * cosine - imaginary[high] * sine;
        const i = real[high] * sine + imaginary[high] * cosine;
        [real[high], imaginary[high]] = [real[low] - r, imaginary[low] - i];
        [real[low], imaginary[low]] = [real[low] + r, imaginary[low] + i];
      }
    }
  }
}
