// Writes FLAC (RFC 9639): one channel of 16 bits, with the format's fixed predictors and Rice codes.

const BLOCK = 4096;
const RATES = { 8000: 4, 16000: 5, 22050: 6, 24000: 7, 32000: 8, 44100: 9, 48000: 10, 96000: 11 };
const COEFFICIENTS = [[], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1]];
const MOST_RICE = 14;

/** Samples in [-1, 1] at one of FLAC's usual rates -> the bytes of a file. */
export function writeFlac(samples, sampleRate) {
  const pcm = Int16Array.from(samples, (value) => Math.max(-32768, Math.min(32767, Math.round(value * 32768))));
  const out = new Bits(2 * pcm.length + 64);
  for (const letter of "fLaC") out.put(letter.charCodeAt(0), 8);
  out.put(0x80, 8); // the last block of metadata, of type STREAMINFO
  out.put(34, 24);
  for (const [value, bits] of [[BLOCK, 16], [BLOCK, 16], [0, 24], [0, 24], [sampleRate, 20], [0, 3], [15, 5], [0, 4], [pcm.length, 32]]) {
    out.put(value, bits);
  }
  for (let k = 0; k < 4; k += 1) out.put(0, 32); // no MD5
  for (let at = 0, number = 0; at < pcm.length; at += BLOCK, number += 1) frame(out, pcm.subarray(at, at + BLOCK), number, sampleRate);
  return out.bytes();
}

function frame(out, block, number, sampleRate) {
  const start = out.size;
  const whole = block.length === BLOCK;
  out.put(0xfff8, 16);
  out.put(whole ? 12 : 7, 4);
  out.put(RATES[sampleRate], 4);
  out.put(0x08, 8); // one channel, 16 bits
  for (const byte of coded(number)) out.put(byte, 8);
  if (!whole) out.put(block.length - 1, 16);
  out.put(crc(out.since(start), 0x07, 8), 8);
  const tried = COEFFICIENTS.slice(0, block.length).map((_, order) => residual(block, order));
  const cost = tried.map((row) => row.reduce((sum, value) => sum + Math.abs(value), 0));
  const order = cost.indexOf(Math.min(...cost));
  out.put((8 | order) << 1, 8);
  for (let k = 0; k < order; k += 1) out.put(block[k] & 0xffff, 16);
  rice(out, tried[order], whole ? 4 : 0, order);
  out.fill();
  out.put(crc(out.since(start), 0x8005, 16), 16);
}

/** What the predictor of an order misses, from the first sample that it predicts. */
function residual(block, order) {
  const weights = COEFFICIENTS[order];
  const missed = new Int32Array(block.length - order);
  for (let at = order; at < block.length; at += 1) {
    let said = 0;
    for (let k = 0; k < order; k += 1) said += weights[k] * block[at - 1 - k];
    missed[at - order] = block[at] - said;
  }
  return missed;
}

/** 2 ** split parts with a Rice parameter each; the first is shorter by what was not predicted. */
function rice(out, missed, split, order) {
  out.put(0, 2);
  out.put(split, 4);
  const size = (missed.length + order) >> split;
  for (let part = 0, at = 0; part < 1 << split; part += 1) {
    const values = missed.subarray(at, at + size - (part ? 0 : order));
    at += values.length;
    const mean = values.reduce((sum, value) => sum + Math.abs(value), 0) / Math.max(1, values.length);
    const bits = Math.max(0, Math.min(MOST_RICE, Math.floor(Math.log2(1.4 * mean + 1e-9))));
    out.put(bits, 4);
    for (const value of values) {
      const folded = value >= 0 ? 2 * value : -2 * value - 1;
      for (let left = folded >>> bits; left > 0; left -= 24) out.put(0, Math.min(24, left));
      out.put(1, 1);
      out.put(folded & ((1 << bits) - 1), bits);
    }
  }
}

/** A frame's number as UTF-8 codes it. */
function coded(number) {
  if (number < 0x80) return [number];
  if (number < 0x800) return [0xc0 | (number >> 6), 0x80 | (number & 0x3f)];
  return [0xe0 | (number >> 12), 0x80 | ((number >> 6) & 0x3f), 0x80 | (number & 0x3f)];
}

function crc(bytes, polynomial, width) {
  const top = 1 << (width - 1);
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << (width - 8);
    for (let k = 0; k < 8; k += 1) sum = ((sum << 1) ^ (sum & top ? polynomial : 0)) & (2 * top - 1);
  }
  return sum;
}

/** Bits, the first of a byte its highest. */
class Bits {
  #bytes;
  #held = 0;
  #count = 0; // bits that make no byte yet

  constructor(size) {
    this.#bytes = new Uint8Array(size);
    this.size = 0;
  }

  put(value, bits) {
    if (bits > 24) {
      this.put(Math.floor(value / 2 ** 16), bits - 16);
      this.put(value % 2 ** 16, 16);
      return;
    }
    this.#held = this.#held * 2 ** bits + value;
    this.#count += bits;
    while (this.#count >= 8) {
      this.#count -= 8;
      const worth = 2 ** this.#count;
      this.#byte(Math.floor(this.#held / worth));
      this.#held %= worth;
    }
  }

  /** Zeros up to the next byte. */
  fill() {
    if (this.#count) this.put(0, 8 - this.#count);
  }

  since(start) {
    return this.#bytes.subarray(start, this.size);
  }

  bytes() {
    return this.#bytes.slice(0, this.size);
  }

  #byte(value) {
    if (this.size === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.size);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.size] = value;
    this.size += 1;
  }
}
