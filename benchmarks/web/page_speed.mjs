// The engine of the page in Chromium, for speed.py: a command a line on standard input, an answer a line on the output.
import { createInterface } from "node:readline";
import { chromium } from "../../examples/web/node_modules/playwright-core/index.mjs";

const [address] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage();
await page.goto(address);
await page.waitForFunction(() => !document.querySelector("#speak").hidden, null, { timeout: 180_000 });
await page.evaluate(async () => {
  const { Engine } = await import("./page/engine.js");
  const { MODEL, addresses, listed } = await import("./page/offline.js");
  globalThis.engine = new Engine();
  await globalThis.engine.call("load", MODEL, addresses(await listed()), {});
});

const COMMANDS = {
  /** {first, wall, seconds} of a text in a preset voice. */
  speak: async ({ text }) => {
    const began = performance.now();
    let [first, samples] = [0, 0];
    for await (const chunk of globalThis.engine.stream("speak", text, "preset:robin", {})) {
      first ||= performance.now() - began;
      samples += chunk.pcm.length;
    }
    return { first: first / 1000, wall: (performance.now() - began) / 1000, seconds: samples / 24000 };
  },
  /** {wall} of an enrollment without the passphrase's scrypt. */
  enroll: async ({ pcm, rate, name }) => {
    const samples = Float32Array.from(pcm, (value) => value / 32768);
    const { seconds } = await globalThis.engine.call("enroll", name, [{ samples, sampleRate: rate }], "x");
    return { wall: seconds };
  },
};

console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...parameters } = JSON.parse(line);
  console.log(JSON.stringify(await page.evaluate(COMMANDS[command], parameters)));
}
await browser.close();
