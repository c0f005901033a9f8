// Uses the page in Firefox, by WebDriver BiDi, and prints what came of it as JSON, for test_firefox.py.
//
// node firefox_driver.mjs SETTINGS: {address, firefox, recording: file, secret, text}
import puppeteer from "../../examples/web/node_modules/puppeteer-core/lib/esm/puppeteer/puppeteer-core.js";

const { address, firefox, recording, secret, text } = JSON.parse(process.argv[2]);
const SLOW = { timeout: 300_000 };
const made = { saved: [] };

const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath: firefox,
  headless: true,
  protocolTimeout: 400_000,
  extraPrefsFirefox: { "media.autoplay.default": 0 },
});
const page = await browser.newPage();
// What the page saves, as text, in place of files.
await page.evaluateOnNewDocument(() => {
  globalThis.saved = [];
  const address = URL.createObjectURL;
  URL.createObjectURL = (blob) => {
    if (!/javascript/.test(blob.type)) {
      const reader = new FileReader();
      reader.onload = () => globalThis.saved.push(reader.result.split(",")[1]);
      reader.readAsDataURL(blob);
    }
    return address(blob);
  };
});

try {
  await page.goto(address);
  await ready();
  await (await page.$("#file")).uploadFile(recording);
  await page.waitForSelector("#takes li", SLOW);
  await fill("#name", "ada");
  await fill("#secret", secret);
  await press("#consent");
  await press("#make");
  await page.waitForFunction(() => document.querySelector("#make-line").textContent.includes("sealed"), SLOW);
  await page.reload();
  await ready();
  await page.select("#voice", "ada");
  await fill("#text", text);
  await press("#say"); // locked: it asks for the passphrase
  await page.waitForSelector("#ask[open]", SLOW);
  await fill("#ask-secret", secret);
  await press("#ask-do");
  await page.waitForSelector("#save:not([disabled])", SLOW);
  made.measured = await page.$eval("#measured", (element) => element.textContent);
  await press("#save");
  await saved(1);
  await press("[aria-label='Export ada']");
  await fill("#ask-secret", secret);
  await press("#ask-do");
  await saved(2);
  made.saved = await page.evaluate(() => globalThis.saved);
} catch (error) {
  made.failed = `${error.stack}\n${await page.evaluate(() => document.body.textContent).catch(() => "")}`;
} finally {
  await browser.close();
}
console.log(JSON.stringify(made));

async function ready() {
  await page.waitForFunction(() => !document.querySelector("#speak").hidden || document.querySelector("#loading-line.error"), SLOW);
}

/** Clicks by the element itself: what is below the fold counts, too. */
async function press(selector) {
  await page.$eval(selector, (element) => element.click());
}

async function fill(selector, value) {
  await page.$eval(selector, (element, given) => (element.value = given), value);
}

async function saved(count) {
  await page.waitForFunction((wanted) => globalThis.saved.length === wanted, SLOW, count);
}
