// What goes wrong at the page, and the spoken consent, in Chromium; prints what came of it as JSON, for test_mishaps.py.
//
// node mishaps_driver.mjs SETTINGS: {site: folder, out: folder, python, mic, answer, real, keyed, exported: files,
//   recordings: files, words: numbers of the words in the answer, secret}
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { complaint, hear, launched, ready, served, SLOW } from "./browser.mjs";

const { site, out, python, mic, answer, real, keyed, exported, recordings, words, secret } = JSON.parse(process.argv[2]);
const made = { errors: [] };
const { address, stop: stopServer } = await served(site, python);
let browser = await launched(join(out, "chromium"), { mic });
let page = await opened();

try {
  await microphone();
  await consent();
  await together();
  await checks();
  await imports();
  await long();
  await tabs();
  await browser.close();
  browser = await launched(join(out, "refused"), { preferences: { profile: { default_content_setting_values: { cookies: 2 } } } });
  page = await opened();
  await refused();
} catch (error) {
  made.failed = `${error.stack}\n${await page.textContent("body").catch(() => "")}`;
} finally {
  await browser.close();
  await stopServer();
}
console.log(JSON.stringify(made));

async function opened() {
  const one = await browser.newPage();
  one.setDefaultTimeout(SLOW.timeout);
  one.on("pageerror", (error) => made.errors.push(error.message));
  await one.goto(address);
  await ready(one);
  return one;
}

/** The microphone is asked for twice at once, and unplugged. */
async function microphone() {
  await page.evaluate(() => {
    const { mediaDevices } = navigator;
    const ask = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.getUserMedia = async (wanted) => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      return (globalThis.stream = await ask(wanted));
    };
  });
  await page.click("#record");
  await page.click("#record"); // while the browser still asks
  await page.click("#agree");
  await page.waitForFunction(() => document.querySelector("#record").textContent === "Stop recording", null, SLOW);
  made.asked_twice = [await page.textContent("#make-error"), await page.textContent("#agree")];
  await page.waitForFunction(() => /Recording: [3-9]/.test(document.querySelector("#record-line").textContent), null, SLOW);
  await page.evaluate(() => globalThis.stream.getTracks()[0].dispatchEvent(new Event("ended")));
  made.unplugged = await complaint(page, "#make-error");
  await page.waitForSelector("#takes li", SLOW);
  made.kept = await page.textContent("#takes li");
  made.record_again = await page.textContent("#record");
  await page.click("[aria-label='Remove Recording 1']");
}

/** The sentence is answered: with other words first, then with those that are shown. */
async function consent() {
  await hear(page, readFileSync(answer));
  await page.setInputFiles("#file", recordings);
  await page.waitForFunction(() => document.querySelectorAll("#takes li").length === 2, null, SLOW);
  made.good = await page.locator("#takes .good").count();
  await page.fill("#name", "anna");
  await page.fill("#secret", secret);
  await page.check("#consent");
  await agree();
  await page.click("#make");
  made.other_words = await complaint(page, "#make-error");
  await page.evaluate((drawn) => {
    const random = crypto.getRandomValues.bind(crypto);
    crypto.getRandomValues = (bytes) => (bytes.length === 1 ? bytes.fill(drawn.shift()) : random(bytes));
  }, words);
  made.sentence = await agree();
  await page.click("#make");
  await page.waitForFunction(() => document.querySelector("#make-line").textContent.includes("sealed"), null, SLOW);
  made.with_consent = await page.textContent("#kept");
  await page.click("[aria-label='Export anna']");
  await page.fill("#ask-secret", secret);
  const [download] = await Promise.all([page.waitForEvent("download", SLOW), page.click("#ask-do")]);
  await download.saveAs(join(out, "anna.voice"));
  await page.waitForSelector("#ask:not([open])", { state: "attached", ...SLOW });
}

async function agree() {
  await page.click("#agree");
  await page.waitForSelector("#agree-sentence:not([hidden])", SLOW);
  const sentence = await page.textContent("#agree-sentence");
  await page.click("#record");
  await page.click("#make");
  made.while_agreeing = [await complaint(page, "#make-error"), await page.textContent("#record")];
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: join(out, "agreeing.png") });
  await page.setViewportSize({ width: 1280, height: 800 });
  const seconds = (readFileSync(answer).length - 44) / 48000 - 4;
  await page.waitForFunction((least) => parseFloat(/[\d.]+/.exec(document.querySelector("#agree-line").textContent)?.[0]) > least, seconds, SLOW);
  await page.click("#agree");
  await page.waitForFunction(() => document.querySelector("#agree-line").textContent.includes("checked when"), null, SLOW);
  return sentence;
}

/** A voice is made while another speaks. */
async function together() {
  await page.setInputFiles("#file", recordings[0]);
  await page.waitForSelector("#takes li", SLOW);
  await page.fill("#name", "second");
  await page.fill("#secret", secret);
  await page.selectOption("#voice", "preset:robin");
  await page.fill("#text", "This is said while a voice is made. It has two sentences.");
  await page.click("#make");
  await page.click("#say");
  await page.waitForFunction(() => document.querySelector("#make-line").textContent.includes("sealed"), null, SLOW);
  await page.waitForSelector("#save:not([disabled])", SLOW);
  made.together = [await page.textContent("#said"), await page.textContent("#speak-error"), await page.textContent("#make-error")];
}

async function checks() {
  await page.selectOption("#voice", "anna");
  await page.fill("#text", "The weather was calm this morning, so we walked along the river and counted the boats that came by.");
  await page.click("#say");
  await page.waitForSelector("#save:not([disabled])", SLOW);
  const [download] = await Promise.all([page.waitForEvent("download", SLOW), page.click("#save")]);
  await download.saveAs(join(out, "spoken.wav"));
  made.marks = [];
  for (const file of [join(out, "spoken.wav"), real]) {
    await page.evaluate(() => (document.querySelector("#check-line").textContent = ""));
    await page.setInputFiles("#check-file", file);
    await page.waitForFunction(() => /The file says/.test(document.querySelector("#check-line").textContent), null, SLOW);
    made.marks.push(await page.textContent("#check-line"));
  }
  const notes = await page.evaluateHandle(() => {
    const dropped = new DataTransfer();
    dropped.items.add(new File(["not a sound"], "notes.txt", { type: "text/plain" }));
    return dropped;
  });
  await page.dispatchEvent("#check", "drop", { dataTransfer: notes });
  made.not_a_sound = await complaint(page, "#check-error");
}

async function imports() {
  made.imports = {};
  const bytes = readFileSync(exported);
  const damaged = Buffer.from(bytes);
  damaged[damaged.length - 40] ^= 1;
  writeFileSync(join(out, "large.voice"), Buffer.alloc(20_000_000));
  writeFileSync(join(out, "cut.voice"), bytes.subarray(0, 2000));
  for (const name of ["large", "cut"]) {
    await page.setInputFiles("#import", join(out, `${name}.voice`));
    made.imports[name] = await complaint(page, "#voices-error");
    await page.evaluate(() => (document.querySelector("#voices-error").textContent = ""));
  }
  await page.setInputFiles("#import", { name: "damaged.voice", mimeType: "application/octet-stream", buffer: damaged });
  await page.fill("#ask-secret", secret);
  await page.fill("#ask-name", "damaged");
  await page.click("#ask-do");
  made.imports.damaged = await complaint(page, "#ask-error");
  await page.click("#ask-cancel");
  await page.setInputFiles("#import", keyed);
  made.imports.keyed = await complaint(page, "#voices-error");
}

/** 100 kB of text: speech begins as soon as with a short one, and what was not heard is not made. */
async function long() {
  await page.selectOption("#voice", "preset:robin");
  await page.fill("#text", "This is one sentence of many. ".repeat(3400));
  await page.click("#say");
  await page.waitForSelector("#said .lit", SLOW);
  await page.waitForTimeout(3000);
  made.long = await page.locator("#said span").count();
  await page.click("#stop");
}

async function tabs() {
  const other = await opened();
  const listed = (one) => one.locator("#kept li strong").allTextContents();
  made.tabs = [await listed(other)];
  await other.click("[aria-label='Unlock second']");
  await other.fill("#ask-secret", secret);
  await other.click("#ask-do");
  await other.waitForSelector("[aria-label='Lock second']", SLOW);
  await page.click("[aria-label='Delete second']");
  await page.click("#ask-do");
  await other.waitForSelector("[aria-label='Lock second']", { state: "detached", ...SLOW });
  made.tabs.push(await listed(other));
  made.deleted_there = await other.locator("#voice option[value='second']").count();
  await Promise.all([page, other].map((one) => one.fill("#text", "Both tabs speak.")));
  await Promise.all([page, other].map((one) => one.click("#say")));
  for (const one of [page, other]) await one.waitForSelector("#save:not([disabled])", SLOW);
  made.both = await Promise.all([page, other].map((one) => one.textContent("#said")));
}

/** A browser that keeps nothing for any page. */
async function refused() {
  made.state = await page.textContent("#state");
  made.refused = await page.textContent("#voices-help");
  await page.setInputFiles("#import", exported);
  await page.fill("#ask-name", "grace");
  await page.fill("#ask-secret", secret);
  await page.click("#ask-do");
  await page.waitForSelector("[aria-label='Lock grace']", SLOW);
  await page.fill("#text", "Nothing is kept.");
  await page.click("#say");
  await page.waitForSelector("#save:not([disabled])", SLOW);
  made.refused_words = await page.textContent("#said");
}
