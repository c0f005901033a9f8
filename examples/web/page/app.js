// The page begins here: get the model, start the engine, show what can be done.

import { begin as beginCheck } from "./check.js";
import { begin as beginClone } from "./clone.js";
import { $, fillTexts, say, texts } from "./dom.js";
import { device } from "./device.js";
import { Engine } from "./engine.js";
import { MODEL, addresses, keepModel, keepPage, listed } from "./offline.js";
import { begin as beginSpeak } from "./speak.js";
import { begin as beginVoices } from "./voices.js";

async function start() {
  fillTexts();
  if (!globalThis.isSecureContext) throw new Error(say.insecure());
  const folder = await listed();
  const held = folder.app ? {} : await keepModel(folder.model, progress);
  $("progress").removeAttribute("value");
  $("loading-line").textContent = say.starting();
  const engine = new Engine();
  const info = await engine.call("load", folder.app ? null : MODEL, addresses(folder), held, await device?.key());
  const speak = beginSpeak(engine, info, (name) => voices.unlock(name));
  const voices = beginVoices(engine, speak);
  beginClone(engine, info, voices);
  beginCheck(engine);
  if (!info.kept) $("voices-help").textContent = texts.notKept;
  await voices.show();
  $("loading").hidden = true;
  for (const id of ["speak", "clone", "voices", "check"]) $(id).hidden = false;
  $("state").textContent = say.ready(Boolean(folder.app));
  if (folder.app) return;
  // Where a browser allows no service worker, in a private window say, the page works as long as it is open.
  await keepPage().then(() => ($("state").textContent = say.ready(true)), console.warn);
}

function progress(done, total) {
  $("progress").value = done / total;
  $("loading-line").textContent = say.progress(done, total);
}

start().catch((error) => {
  $("progress").hidden = true;
  $("loading-line").textContent = error.message;
  $("loading-line").classList.add("error");
});
