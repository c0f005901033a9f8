// Filters of second order: what the loudness measure and the high-pass are made of.

/** A filter y = b0 x + b1 x' + b2 x'' - a1 y' - a2 y'' that keeps its state from call to call. */
export class Biquad {
  constructor([b0, b1, b2], [a0, a1, a2]) {
    this.b = [b0 / a0, b1 / a0, b2 / a0];
    this.a = [a1 / a0, a2 / a0];
    this.state = [0, 0];
  }

  /** Filters samples in place. */
  run(samples) {
    const [b0, b1, b2] = this.b;
    const [a1, a2] = this.a;
    let [first, second] = this.state;
    for (let at = 0; at < samples.length; at += 1) {
      const x = samples[at];
      const y = b0 * x + first;
      first = b1 * x - a1 * y + second;
      second = b2 * x - a2 * y;
      samples[at] = y;
    }
    this.state = [first, second];
    return samples;
  }
}

/** Denominator of the bilinear transform of a pole pair at k = tan(pi f / rate) with quality q. */
export function poles(k, q) {
  return [1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k];
}
