// Uses the page as a person does, in Chromium, and prints what came of it as JSON, for test_page.py.
//
// node page_driver.mjs SETTINGS: {site: folder, out: folder, python, mic, quiet, exported: files, secret, text}
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { SLOW, complaint as said, launched, ready as usable, served } from "./browser.mjs";

const { site, out, python, mic, quiet, exported, secret, text } = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve("../../examples/web/node_modules/axe-core/axe.min.js"), "utf8");
const made = { requests: [], errors: [], axe: {}, sizes: {} };

const elsewhere = await listening();
const { address, stop: stopServer } = await served(site, python);
const browser = await launched(join(out, "chromium"), { mic });
browser.on("request", (request) => made.requests.push(request.url()));
const page = browser.pages()[0];
page.setDefaultTimeout(SLOW.timeout); // of clicks and pictures, too: other tests may run beside this one
page.on("pageerror", (error) => made.errors.push(error.message));
page.on("console", (message) => message.type() === "error" && made.errors.push(message.text()));

try {
  await begin();
  await presets();
  await keyboard();
  await recordings();
  await enroll();
  await reload();
  await files();
  await confined();
  await renewed();
  await offline();
} catch (error) {
  made.failed = `${error.stack}\n${await page.textContent("body").catch(() => "")}`;
  await page.screenshot({ path: join(out, "failed.png"), fullPage: true }).catch(() => {});
} finally {
  await browser.close();
  await stopServer();
  elsewhere.server.close();
}
console.log(JSON.stringify(made));

async function begin() {
  const began = Date.now();
  await page.goto(address);
  await ready();
  made.start_ms = Date.now() - began;
  await page.waitForFunction(() => document.querySelector("#state").textContent.includes("offline"), null, SLOW);
  made.sent = await page.evaluate(() =>
    performance.getEntriesByType("resource").reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
  );
  await check("start");
}

async function presets() {
  made.preset_words = await spokenWords();
  made.measured = await page.textContent("#measured");
  await shoot("desktop");
  await page.emulateMedia({ colorScheme: "dark" });
  await check("dark");
  await shoot("desktop-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await page.fill("#text", "One sentence. ".repeat(40));
  await page.click("#say");
  await page.waitForSelector("#said span", SLOW);
  await page.click("#stop");
  made.stopped = await page.textContent("#measured");
  await page.waitForTimeout(1000);
  const words = await page.locator("#said span").count();
  await page.waitForTimeout(1000);
  made.words_after_stop = (await page.locator("#said span").count()) - words;
  await page.fill("#text", "[[pause soon]]");
  await page.click("#say");
  await page.waitForFunction(() => document.querySelector("#speak-error").textContent, null, SLOW);
  made.speak_error = await page.textContent("#speak-error");
}

/** Says something without a mouse, faster and higher. */
async function keyboard() {
  await page.fill("#text", "Yes.");
  await page.focus("#text");
  for (let k = 0; k < 2; k += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#save:not([disabled])", SLOW);
  made.by_keyboard = await page.locator("#said span").allTextContents();
  await page.fill("#text", "No.");
  await page.keyboard.press("Control+Enter");
  await page.waitForFunction(() => document.querySelector("#said").textContent.trim() === "No", null, SLOW);
  await page.click("summary");
  await page.focus("#speed");
  for (let k = 0; k < 5; k += 1) await page.keyboard.press("ArrowRight");
  made.speed_text = await page.getAttribute("#speed", "aria-valuetext");
  await page.fill("#pitch", "5");
  made.pitch_text = await page.textContent("#pitch-value");
  made.likeness_of_presets = await page.isDisabled("#likeness");
  await page.fill("#text", text);
  await spokenWords();
  await save("#save", "faster.wav");
  await page.fill("#speed", "1");
  await page.fill("#pitch", "0");
}

async function recordings() {
  await page.setInputFiles("#file", quiet);
  await page.waitForSelector("#takes .error", SLOW);
  made.problem = await page.textContent("#takes .error");
  await page.click("[aria-label^='Remove ']");
  made.takes_after_removal = await page.locator("#takes li").count();
  const notes = await page.evaluateHandle(() => {
    const dropped = new DataTransfer();
    dropped.items.add(new File(["not a sound"], "notes.txt", { type: "text/plain" }));
    return dropped;
  });
  await page.dispatchEvent("#drop", "drop", { dataTransfer: notes });
  made.not_audio = await complaint("#make-error");
  await page.fill("#secret", secret);
  await page.check("#consent");
  await page.click("#make");
  made.nothing_recorded = await complaint("#make-error");
  await page.uncheck("#consent");
  await page.evaluate(() => {
    const { mediaDevices } = navigator;
    mediaDevices.getUserMedia = () => Promise.reject(new Error("Permission denied"));
  });
  await page.click("#record");
  made.no_microphone = await complaint("#make-error");
  await page.evaluate(() => delete navigator.mediaDevices.getUserMedia);
}

async function enroll() {
  await page.click("#record");
  await page.waitForFunction(() => Number(document.querySelector("#meter").getAttribute("aria-valuenow")) > -40, null, SLOW);
  await page.waitForTimeout(11_000);
  await shoot("recording", { width: 390, height: 844 });
  await page.click("#record");
  await page.waitForSelector("#takes li", SLOW);
  made.take = await page.textContent("#takes li");
  await page.click("[aria-label='Listen Recording 1']");
  await check("recorded");
  await shoot("phone", { width: 390, height: 844 });
  await page.fill("#name", "ada");
  await page.fill("#secret", secret);
  await page.check("#secret-show");
  made.secret_shown = await page.getAttribute("#secret", "type");
  await page.uncheck("#secret-show");
  await page.check("#consent");
  await page.click("#make");
  await page.waitForFunction(() => document.querySelector("#make-line").textContent.includes("sealed"), null, SLOW);
  made.enrolled = await page.textContent("#make-line");
  made.secret_after = await page.inputValue("#secret");
  made.chosen = await page.inputValue("#voice");
}

async function reload() {
  await page.reload();
  await ready();
  await page.selectOption("#voice", "ada");
  await page.fill("#text", text);
  await page.click("#say"); // locked: it asks for the passphrase
  await page.waitForSelector("#ask[open]", SLOW);
  await check("dialog");
  await page.fill("#ask-secret", "not it");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#ask-error").textContent, null, SLOW);
  made.wrong_passphrase = await page.textContent("#ask-error");
  await page.fill("#ask-secret", secret);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#ask:not([open])", { state: "attached", ...SLOW });
  await page.waitForSelector("#save:not([disabled])", SLOW);
  made.own_measured = await page.textContent("#measured");
  await save("#save", "page.wav");
  await page.click("summary");
  await page.fill("#likeness", "0.2");
  made.likeness_text = await page.textContent("#likeness-value");
  await spokenWords();
  await save("#save", "less.wav");
}

async function files() {
  await page.setInputFiles("#import", { name: "cat.voice", mimeType: "image/png", buffer: Buffer.from("not a voice") });
  made.not_a_voice = await complaint("#voices-error");
  await page.setInputFiles("#import", exported);
  await page.fill("#ask-name", "ada");
  await page.fill("#ask-secret", secret);
  await page.click("#ask-do");
  made.taken = await complaint("#ask-error");
  await page.click("#ask-cancel");
  await page.click("[aria-label='Delete ada']");
  await page.keyboard.press("Escape");
  await closed();
  made.after_escape = await page.textContent("#kept");
  await page.click("[aria-label='Export ada']");
  await page.fill("#ask-secret", secret);
  await save("#ask-do", "ada.voice");
  await closed();
  await page.click("[aria-label='Rename ada']");
  await page.fill("#ask-name", "ada-2");
  await page.fill("#ask-secret", secret);
  await page.click("#ask-do");
  await closed();
  await page.click("[aria-label='Delete ada-2']");
  await shoot("dialog");
  await page.click("#ask-do");
  await closed();
  made.after_delete = await page.textContent("#kept");
  await page.setInputFiles("#import", exported);
  await page.fill("#ask-name", "hopper");
  await page.fill("#ask-secret", secret);
  await page.click("#ask-do");
  await closed();
  made.imported = await page.textContent("#kept");
  await page.fill("#text", text);
  await spokenWords();
  await save("#save", "imported.wav");
  await check("voices");
  await page.click("[aria-label^='Lock ']");
  await page.waitForSelector("[aria-label^='Unlock ']", SLOW);
  await page.click("[aria-label^='Unlock ']");
  await page.fill("#ask-secret", secret);
  await page.click("#ask-do");
  await page.waitForSelector("[aria-label^='Lock ']", SLOW);
}

function complaint(selector) {
  return said(page, selector);
}

/** What the policy forbids does not work, neither in the page nor in its worker. */
async function confined() {
  const tried = (url) => fetch(url, { mode: "no-cors" }).then(() => "answered", () => "refused");
  made.allowed_errors = made.errors.length;
  made.elsewhere_from_page = await page.evaluate(tried, elsewhere.url);
  const worker = page.workers().find((one) => one.url().startsWith("blob:"));
  made.elsewhere_from_worker = await worker.evaluate(tried, elsewhere.url);
  made.own_from_worker = await worker.evaluate(tried, `${address}files.json`);
  made.elsewhere_requests = elsewhere.count();
  made.errors.length = made.allowed_errors;
}

/** Another version on the server: the next time but one that the page is opened it is the new one, and voices are kept. */
async function renewed() {
  const changed = (file, from, to) => {
    const path = join(site, file);
    const before = readFileSync(path, "utf8");
    if (!before.includes(from)) throw new Error(`${file} does not hold ${from}`);
    writeFileSync(path, before.replace(from, to));
  };
  const listed = JSON.parse(readFileSync(join(site, "files.json"), "utf8"));
  changed("page/texts.en.js", "Clone your voice in this tab.", "A later version.");
  // A folder that is half replaced: the page stays what it is.
  changed("sw.js", listed.version, "0".repeat(16));
  made.half_replaced = await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    const found = new Promise((resolve) => registration.addEventListener("updatefound", () => resolve(registration.installing), { once: true }));
    await registration.update().catch(() => {});
    const installing = await found;
    while (installing.state === "installing") await new Promise((resolve) => setTimeout(resolve, 50));
    return installing.state;
  });
  await page.reload();
  await ready();
  made.half_title = await page.textContent("h1");
  const later = createHash("sha256");
  for (const file of listed.shell.slice(1, -1)) later.update(readFileSync(join(site, file)));
  changed("sw.js", "0".repeat(16), later.update(JSON.stringify(listed.model)).digest("hex").slice(0, 16));
  const taken = page.evaluate(() => new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve)));
  await page.evaluate(() => navigator.serviceWorker.getRegistration().then((registration) => registration.update()));
  await taken;
  await page.reload();
  await ready();
  made.later_title = await page.textContent("h1");
  made.later_kept = await page.textContent("#kept");
  made.shells = await page.evaluate(() => caches.keys());
}

async function offline() {
  await stopServer();
  await page.goto(address);
  await ready();
  made.offline_words = await spokenWords();
}

function ready() {
  return usable(page);
}

/** Speaks what is in the box, and waits until a word was lit and all of it is made. */
async function spokenWords() {
  await page.click("#say");
  await page.waitForSelector("#said .lit", SLOW);
  await page.waitForSelector("#save:not([disabled])", SLOW);
  const words = await page.locator("#said span").allTextContents();
  return words;
}

async function closed() {
  await page.waitForFunction(() => !document.querySelector("#ask").open || document.querySelector("#ask-error").textContent, null, SLOW);
  const error = await page.textContent("#ask-error");
  if (await page.evaluate(() => document.querySelector("#ask").open)) throw new Error(error);
}

async function save(button, file) {
  const [download] = await Promise.all([page.waitForEvent("download", SLOW), page.click(button)]);
  await download.saveAs(join(out, file));
}

async function shoot(name, size = { width: 1280, height: 800 }) {
  await page.setViewportSize(size);
  made.sizes[name] = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  // A full page is drawn larger than the window, which a dialog's backdrop does not cover.
  await page.screenshot({ path: join(out, `${name}.png`), fullPage: name !== "dialog" });
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** Accessibility: what axe finds, rule by rule. Run as the browser's tools would, which no policy of the page forbids. */
async function check(name) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run());
  made.axe[name] = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

/** A server that counts who asks it: nobody should. */
async function listening() {
  let asked = 0;
  const other = createServer((request, response) => {
    asked += 1;
    response.end("here");
  });
  await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
  return { server: other, url: `http://127.0.0.1:${other.address().port}/`, count: () => asked };
}
