// How loud speech is: integrated loudness as ITU-R BS.1770-5 defines it, of one channel (loudness.py).

import { Biquad, poles } from "./filters.js";

const BLOCK_S = 0.4;
const STEP_S = 0.1;
const SILENT = -70;
const QUIETER = -10;

/** LUFS of samples at `rate` Hz; -Infinity where no 400 ms of them pass the gates. */
export function integratedLoudness(samples, rate) {
  const heard = weighted(samples, rate);
  const energy = new Float64Array(heard.length + 1);
  for (let at = 0; at < heard.length; at += 1) energy[at + 1] = energy[at] + heard[at] ** 2;
  const block = Math.round(BLOCK_S * rate);
  const step = Math.round(STEP_S * rate);
  let power = [];
  for (let at = 0; at + block <= heard.length; at += step) power.push((energy[at + block] - energy[at]) / block);
  power = power.filter((one) => lufs(one) > SILENT);
  const gate = lufs(mean(power)) + QUIETER;
  power = power.filter((one) => lufs(one) > gate);
  return power.length ? lufs(mean(power)) : -Infinity;
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
const lufs = (power) => -0.691 + 10 * Math.log10(Math.max(power, 1e-20));

/** The standard's two filters: a high shelf for the head, and a high-pass (analog prototypes: De Man 2018). */
function weighted(samples, rate) {
  const gain = 10 ** (3.999843853973347 / 20);
  const share = gain ** 0.4996667741545416;
  const [k, q] = [Math.tan((Math.PI * 1681.974450955533) / rate), 0.7071752369554196];
  const shelf = [gain + (share * k) / q + k * k, 2 * (k * k - gain), gain - (share * k) / q + k * k];
  const [low, lowQ] = [Math.tan((Math.PI * 38.13547087602444) / rate), 0.5003270373238773];
  const pass = [1, -2, 1].map((one) => one * (1 + low / lowQ + low * low)); // the standard leaves its gain as it is
  const heard = Float64Array.from(samples);
  new Biquad(shelf, poles(k, q)).run(heard);
  return new Biquad(pass, poles(low, lowQ)).run(heard);
}
