// What the drivers of the page share: a static server, Chromium, and waiting.
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename, dirname, join } from "node:path";
import { chromium } from "../../examples/web/node_modules/playwright-core/index.mjs";

export const SLOW = { timeout: 180_000 }; // other tests may run beside these

/** Serves a folder below a path, as the simplest server does it: {address, stop}. */
export async function served(site, python) {
  const port = await freePort();
  const server = spawn(python, ["-m", "http.server", String(port), "--bind", "127.0.0.1", "--directory", dirname(site)], { stdio: "ignore" });
  const stop = async () => {
    if (server.exitCode !== null || !server.kill()) return;
    await new Promise((resolve) => server.once("exit", resolve));
  };
  const address = `http://127.0.0.1:${port}/${basename(site)}/`;
  for (let tries = 0; tries < 100; tries += 1) {
    if (await fetch(address).then(() => true, () => false)) return { address, stop };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await stop();
  throw new Error("the server does not answer");
}

/** Chromium with a profile in `folder`; `mic`: the sound of its microphone; `preferences`: of the profile. */
export function launched(folder, { mic = null, preferences = null, size = { width: 1280, height: 800 } } = {}) {
  if (preferences) {
    mkdirSync(join(folder, "Default"), { recursive: true });
    writeFileSync(join(folder, "Default/Preferences"), JSON.stringify(preferences));
  }
  return chromium.launchPersistentContext(folder, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    viewport: size,
    acceptDownloads: true,
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
      ...["--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
      ...(mic ? [`--use-file-for-fake-audio-capture=${mic}`] : []),
    ],
  });
}

/** Waits until the page can be used; throws what it says otherwise. */
export async function ready(page) {
  await page.waitForFunction(
    () => !document.querySelector("#speak").hidden || document.querySelector("#loading-line.error"),
    null,
    SLOW,
  );
  const failed = page.locator("#loading-line.error");
  if (await failed.count()) throw new Error(await failed.textContent());
}

/** What an element says, once it says something. */
export async function complaint(page, selector) {
  await page.waitForFunction((one) => document.querySelector(one).textContent, selector, SLOW);
  return page.textContent(selector);
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** What the page hears through its microphone from now on, once, from the start: the bytes of a recording. */
export function hear(page, sound) {
  return page.evaluate((bytes) => {
    navigator.mediaDevices.getUserMedia = async () => {
      const context = new AudioContext();
      const buffer = await context.decodeAudioData(Uint8Array.from(bytes).buffer);
      const source = new AudioBufferSourceNode(context, { buffer });
      const heard = context.createMediaStreamDestination();
      source.connect(heard);
      source.start();
      return heard.stream;
    };
  }, Array.from(sound));
}
