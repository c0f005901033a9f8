// Small helpers of the page: elements by id, texts, and questions.

import { device } from "./device.js";
import { language, say, texts, textsOfApp } from "./texts.en.js";

export const $ = (id) => document.getElementById(id);

/** An element with children; properties are set as they are, but `on` is the answer to a click. */
export function element(tag, { on, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  if (on) made.addEventListener("click", on);
  made.append(...children);
  return made;
}

export function fillTexts() {
  document.documentElement.lang = language;
  document.title = texts.title;
  for (const one of document.querySelectorAll("[data-text]")) one.textContent = textOf(one.dataset.text);
  for (const one of document.querySelectorAll("[data-label]")) one.setAttribute("aria-label", texts[one.dataset.label]);
}

/** A text; in an app, where it says something else there, that. */
const textOf = (key) => (device && textsOfApp[key]) || texts[key];

/** Runs an action of the person; what goes wrong is said in the element with that id, in one line. */
export async function attempt(errorId, action) {
  $(errorId).textContent = "";
  try {
    return await action();
  } catch (error) {
    $(errorId).textContent = sentence(error.message);
    return undefined;
  }
}

export const sentence = (message) => `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.!?]$/.test(message) ? "" : "."}`;

/**
 * Asks in a dialog until `work` succeeds with the answers (true), or the person gives up (false).
 * fields: [{id, label, type, value}]; work(values by id).
 */
export function ask({ title, help = "", action, fields = [], danger = false }, work) {
  const dialog = $("ask");
  $("ask-title").textContent = title;
  $("ask-help").textContent = help;
  $("ask-error").textContent = "";
  $("ask-do").textContent = action;
  $("ask-do").classList.toggle("danger", danger);
  const inputs = fields.map(({ id, label, type = "text", value = "" }) => {
    const input = element("input", { id: `ask-${id}`, type, value, required: true, autocomplete: type === "password" ? "current-password" : "off" });
    return [id, input, element("label", { htmlFor: input.id, textContent: label })];
  });
  $("ask-fields").replaceChildren(...inputs.flatMap(([, input, label]) => [label, input]));
  dialog.showModal();
  return new Promise((resolve) => {
    const close = (done) => {
      for (const [, input] of inputs) input.value = ""; // a passphrase does not stay in the page
      dialog.close();
      resolve(done);
    };
    dialog.oncancel = (event) => {
      event.preventDefault();
      close(false);
    };
    $("ask-cancel").onclick = () => close(false);
    dialog.querySelector("form").onsubmit = async (event) => {
      event.preventDefault();
      $("ask-do").disabled = true;
      const values = Object.fromEntries(inputs.map(([id, input]) => [id, input.value]));
      const done = await attempt("ask-error", async () => {
        await work(values);
        return true;
      });
      $("ask-do").disabled = false;
      if (done) close(true);
      else inputs.at(-1)?.[1].select();
    };
  });
}

/** Gives bytes to the person as a file. */
export async function saveFile(name, bytes, type) {
  if (device) {
    await device.save(name, bytes, type);
    return;
  }
  const address = URL.createObjectURL(new Blob([bytes], { type }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

export { say, texts };
