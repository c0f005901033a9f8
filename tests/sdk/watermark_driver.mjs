// Marks the input of the vectors in pieces, as examples/web does, and prints what came of it: node watermark_driver.mjs VECTORS
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Marker, patternOf } from "../../examples/web/watermark.js";

const { rate, count, every, cases } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const input = new Float32Array(count);
for (let at = 0, x = 1; at < count; at += 1) {
  x = Number((1664525n * BigInt(x) + 1013904223n) % 2n ** 32n);
  input[at] = (x / 2 ** 32 - 0.5) / 4;
}
const made = [];
for (const { integrator, key, start } of cases) {
  const pattern = await patternOf({ integrator, key: key && Uint8Array.from(Buffer.from(key, "hex")) });
  const marker = new Marker(pattern, rate, start);
  const samples = [];
  for (let at = 0, size = 1; at < count; at += size, size = 3 * size + 1) samples.push(...marker.push(input.subarray(at, at + size)));
  samples.push(...marker.finish());
  const bytes = new Uint8Array(pattern.length / 8);
  pattern.forEach((chip, k) => (bytes[k >> 3] |= (chip < 0) << (7 - (k & 7))));
  const digest = createHash("sha256").update(bytes).digest("hex");
  made.push({ count: samples.length, pattern_sha256: digest, samples: samples.filter((_, k) => k % every === 0) });
}
const wrong = [{ integrator: -1 }, { integrator: 2 ** 24 }, { key: new Uint8Array(5) }];
const errors = [];
for (const mark of wrong) errors.push(await patternOf(mark).then(() => "nothing", (error) => error.name));
console.log(JSON.stringify({ made, errors }));
