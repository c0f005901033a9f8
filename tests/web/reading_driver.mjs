// Reads the sentences of the page aloud, in Chromium, and prints what came of it as JSON, for test_reading.py.
//
// node reading_driver.mjs SETTINGS: {site: folder, out: folder, python, sentences: files, upload: file, secret, text}
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { hear, launched, ready, served, SLOW } from "./browser.mjs";

const { site, out, python, sentences, upload, secret, text } = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve("../../examples/web/node_modules/axe-core/axe.min.js"), "utf8");
const made = { errors: [], takes: [], current: [], read: [], shown: [] };
const { address, stop: stopServer } = await served(site, python);
const browser = await launched(join(out, "chromium"));
const page = browser.pages()[0];
page.setDefaultTimeout(SLOW.timeout);
page.on("pageerror", (error) => made.errors.push(error.message));

try {
  await page.goto(address);
  await ready(page);
  await look();
  // Another sentence than the one that is shown, then those that are shown.
  for (const file of [sentences[1], ...sentences]) await recorded(file);
  await page.click(`[aria-label='Remove Recording ${made.takes.length}']`);
  await look();
  const takes = await page.locator("#takes li").count();
  await page.setInputFiles("#file", upload);
  await page.waitForFunction((count) => document.querySelectorAll("#takes li").length > count, takes, SLOW);
  made.uploaded = await page.locator("#takes li").last().textContent();
  await enrolled();
  await spoken();
} catch (error) {
  made.failed = `${error.stack}\n${await page.textContent("body").catch(() => "")}`;
} finally {
  await browser.close();
  await stopServer();
}
console.log(JSON.stringify(made));

/** Which sentence is to be read next, and which were read. */
async function look() {
  made.current.push(await page.locator("#sentences [aria-current]").allTextContents());
  made.read.push(await page.locator("#sentences .read").allTextContents());
  made.shown.push(await page.locator("#sentences p").count());
}

async function recorded(file) {
  const sound = readFileSync(file);
  await hear(page, sound);
  await page.click("#record");
  const seconds = (sound.length - 44) / 48000 - 4; // the room goes on for five
  await page.waitForFunction((least) => parseFloat(/[\d.]+/.exec(document.querySelector("#record-line").textContent)?.[0]) > least, seconds, SLOW);
  await page.click("#record");
  await page.waitForFunction((count) => document.querySelectorAll("#takes li").length > count, made.takes.length, SLOW);
  made.takes.push(await page.locator("#takes li").last().textContent());
  await look();
}

/** While the voice is made, another one speaks. */
async function enrolled() {
  await page.fill("#name", "ada");
  await page.fill("#secret", secret);
  await page.check("#consent");
  await page.fill("#text", "Yes.");
  await page.click("#make");
  await page.waitForFunction(() => document.querySelector("#make-progress").value > 0 && !document.querySelector("#make-progress").hidden, null, SLOW);
  await page.click("#say");
  await page.waitForSelector("#save:not([disabled])", SLOW);
  made.meanwhile = [await page.textContent("#said"), await page.textContent("#make-line")];
  await page.evaluate(axe);
  made.axe = (await page.evaluate(() => globalThis.axe.run())).violations.map(({ id }) => id);
  await page.screenshot({ path: join(out, "learning.png"), fullPage: true });
  await page.waitForFunction(() => document.querySelector("#make-line").textContent.includes("sealed"), null, SLOW);
  made.progress_after = await page.isVisible("#make-progress");
  made.current_after = await page.locator("#sentences [aria-current]").allTextContents();
}

async function spoken() {
  await page.fill("#text", text);
  await page.click("#say");
  await page.waitForSelector("#said .lit", SLOW);
  await page.waitForSelector("#save:not([disabled])", SLOW);
  await save("#save", "page.wav");
  await page.click("[aria-label='Export ada']");
  await page.fill("#ask-secret", secret);
  await save("#ask-do", "ada.voice");
}

async function save(button, file) {
  const [download] = await Promise.all([page.waitForEvent("download", SLOW), page.click(button)]);
  await download.saveAs(join(out, file));
}
