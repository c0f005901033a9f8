// Uses the page as the app of examples/android holds it, in Chromium, and prints what came of it as JSON, for test_app.py.
// Files come from where WebViewAssetLoader has them; a stand-in does what the app's Kotlin does.
//
// node app_driver.mjs SETTINGS: {site: folder of build.mjs --app, recording: file, secret, text}
import { readFileSync, existsSync } from "node:fs";
import { extname, join } from "node:path";
import { chromium } from "../../examples/web/node_modules/playwright-core/index.mjs";

const { site, recording, secret, text } = JSON.parse(process.argv[2]);
const ASSETS = "https://appassets.androidplatform.net/assets/web/";
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };
const SLOW = { timeout: 180_000 };
const made = { elsewhere: [], errors: [], saved: {}, sounding: [] };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"],
});
const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
await context.route("**/*", (route) => {
  const { origin, pathname } = new URL(route.request().url());
  const path = join(site, decodeURIComponent(pathname).replace("/assets/web/", ""));
  if (`${origin}${pathname}`.startsWith(ASSETS) && existsSync(path)) {
    return route.fulfill({ body: readFileSync(path), contentType: TYPES[extname(path)] ?? "application/octet-stream" });
  }
  made.elsewhere.push(route.request().url());
  return route.abort();
});
await context.exposeFunction("answered", (question) => {
  const { id, ask, name, base64, on } = JSON.parse(question);
  if (ask === "save") made.saved[name] = base64;
  if (ask === "sounding") made.sounding.push(on);
  return JSON.stringify(ask === "save" && name === "full.voice" ? { id, error: "not saved" } : { id, value: ask === "key" ? `parrotlet-key-1 ${"5c".repeat(32)}` : true });
});
await context.addInitScript(() => {
  globalThis.parrotletDevice = {
    postMessage: (question) => globalThis.answered(question).then((data) => globalThis.parrotletDevice.onmessage({ data })),
  };
});
const page = await context.newPage();
page.setDefaultTimeout(SLOW.timeout);
page.on("pageerror", (error) => made.errors.push(error.message));

try {
  await page.goto(`${ASSETS}index.html`);
  await ready();
  made.state = await page.textContent("#state");
  made.title = await page.textContent("h1");
  await page.setInputFiles("#file", recording);
  await page.waitForSelector("#takes li", SLOW);
  await page.fill("#name", "ada");
  await page.fill("#secret", secret);
  await page.check("#consent");
  await page.click("#make");
  await page.waitForFunction(() => document.querySelector("#make-line").textContent.includes("sealed"), null, SLOW);
  await page.reload();
  await ready();
  await page.selectOption("#voice", "ada");
  await page.fill("#text", text);
  await page.click("#say"); // opened by the phone's key: nothing is asked
  await page.waitForSelector("#save:not([disabled])", SLOW);
  made.asked = await page.evaluate(() => document.querySelector("#ask").open);
  await page.click("#save");
  await page.waitForFunction(() => document.querySelector("#stop").disabled, null, SLOW);
  for (const action of ["Export", "Rename"]) {
    await page.click(`[aria-label='${action} ada']`);
    if (action === "Rename") await page.fill("#ask-name", "full");
    await page.fill("#ask-secret", "not it"); // the phone's key does not stand in for the passphrase
    await page.click("#ask-do");
    await page.waitForFunction(() => document.querySelector("#ask-error").textContent, null, SLOW);
    made[action] = await page.textContent("#ask-error");
    await page.fill("#ask-secret", secret);
    await page.click("#ask-do");
    await page.waitForSelector("#ask:not([open])", { state: "attached", ...SLOW });
  }
  await page.click("[aria-label='Export full']");
  await page.fill("#ask-secret", secret);
  await page.click("#ask-do");
  await page.waitForFunction(() => document.querySelector("#ask-error").textContent, null, SLOW);
  made.not_saved = await page.textContent("#ask-error");
  await page.click("#ask-cancel");
  await page.fill("#text", "One sentence. ".repeat(20));
  await page.click("#say");
  await page.waitForSelector("#said span", SLOW);
  await page.evaluate(() => globalThis.parrotletSilence());
  made.silenced = await page.textContent("#measured");
} catch (error) {
  made.failed = `${error.stack}\n${await page.textContent("body").catch(() => "")}`;
} finally {
  await browser.close();
}
console.log(JSON.stringify(made));

async function ready() {
  await page.waitForFunction(() => !document.querySelector("#speak").hidden || document.querySelector("#loading-line.error"), null, SLOW);
  const failed = page.locator("#loading-line.error");
  if (await failed.count()) throw new Error(await failed.textContent());
}
