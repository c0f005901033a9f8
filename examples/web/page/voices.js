// The profiles kept in this browser: unlock, rename, export, delete, import.

import { isSpoken } from "../consent.js";
import { device } from "./device.js";
import { $, ask, attempt, element, saveFile, say, texts } from "./dom.js";

const MOST_BYTES = 8e6;
const secret = { id: "secret", label: texts.passphraseLabel, type: "password" };

export function begin(engine, speak) {
  $("import").addEventListener("change", async () => {
    const [file] = $("import").files;
    $("import").value = "";
    if (file) await attempt("voices-error", () => importFile(file));
  });

  /** Shows what is kept; chosen: a voice to speak with. */
  async function show(chosen = null) {
    const stored = await engine.call("voices");
    speak.offer(stored, chosen);
    const none = element("li", { className: "quiet", textContent: texts.none });
    $("kept").replaceChildren(...(stored.length ? stored.map(entry) : [none]));
  }

  function entry(stored) {
    const { name, created, expires, consent, problem, open } = stored;
    const told = problem || say.created(created) + (expires ? say.expires(expires) : "") + (isSpoken(consent) ? say.spokenConsent() : "");
    const about = element("div", { className: "grow" }, element("strong", { textContent: name }));
    about.append(element("p", { className: problem ? "error" : "quiet", textContent: told }));
    const button = (action, on) => {
      const made = element("button", { type: "button", textContent: action, on: () => attempt("voices-error", on) });
      made.setAttribute("aria-label", say.of(action, name));
      return made;
    };
    const use = open
      ? button(say.lock(), () => engine.call("lock", name).then(() => show()))
      : button(say.unlock(), () => unlock(name));
    const whole = [use, button(say.rename(), () => rename(name)), button(say.export(), () => exportFile(name))];
    return element("li", {}, about, element("div", { className: "actions" }, ...(problem ? [] : whole), button(say.delete(), () => remove(name))));
  }

  // What another tab changed is changed here, too.
  const tabs = new BroadcastChannel("parrotlet-voices");
  tabs.onmessage = () => attempt("voices-error", () => show());

  /** Shows what the person changed, here and in other tabs. */
  async function changed(chosen = null) {
    await show(chosen);
    tabs.postMessage("changed");
  }

  async function finished(line, chosen = null) {
    await changed(chosen);
    $("voices-line").textContent = line;
  }

  /** With the phone's key, where the page is in an app; else, and where it does not open, with the passphrase. */
  async function unlock(name) {
    if (device) {
      try {
        await engine.call("unlock", name);
        await finished(say.unlocked(name), name);
        return true;
      } catch (error) {
        if (error.name !== "UnlockError") throw error;
      }
    }
    return ask({ title: say.unlockTitle(name), action: say.unlock(), fields: [secret] }, async (given) => {
      await engine.call("unlock", name, given.secret);
      await finished(say.unlocked(name), name);
    });
  }

  const rename = (name) => {
    const fields = [{ id: "name", label: say.newName(), value: name }, secret];
    return ask({ title: say.renameTitle(name), action: say.rename(), fields }, async (given) => {
      await engine.call("rename", name, given.name, given.secret);
      await finished(say.renamed(given.name), given.name);
    });
  };

  const exportFile = (name) =>
    ask({ title: say.exportTitle(name), help: say.exportHelp(name), action: say.export(), fields: [secret] }, async (given) => {
      await saveFile(`${name}.voice`, await engine.call("exportFile", name, given.secret), "application/octet-stream");
      await finished(say.exported(name));
    });

  const remove = (name) =>
    ask({ title: say.deleteTitle(name), help: say.deleteHelp(), action: say.delete(), danger: true }, async () => {
      await engine.call("remove", name);
      await finished(say.deleted(name));
    });

  async function importFile(file) {
    // A file that is longer is no profile, and the engine says so.
    const bytes = new Uint8Array(await file.slice(0, MOST_BYTES).arrayBuffer());
    const { name: called, keys } = await engine.call("describe", bytes);
    if (!keys.includes("scrypt")) throw new Error(texts.noPassphrase);
    const fields = [{ id: "name", label: say.name(), value: called }, secret];
    await ask({ title: say.importTitle(), help: say.importHelp(file.name), action: texts.importFile, fields }, async (given) => {
      const { name } = await engine.call("importFile", bytes, given.secret, given.name);
      await engine.call("unlock", name, given.secret);
      await finished(say.imported(name), name);
    });
  }

  return { show, changed, unlock };
}
