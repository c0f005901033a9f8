// Was a sound spoken by Parrotlet? The mark in it, and what the file says of itself.

import { syntheticNote } from "../sound.js";
import { $, attempt, say } from "./dom.js";
import { readSound } from "./recorder.js";

export function begin(engine) {
  const check = (file) =>
    attempt("check-error", async () => {
      $("check-line").textContent = say.checking(file.name);
      try {
        const ends = await Promise.all([file.slice(0, 1 << 16), file.slice(-(1 << 16))].map((part) => part.arrayBuffer()));
        const note = ends.map((part) => syntheticNote(new Uint8Array(part))).find(Boolean);
        const { samples, sampleRate } = await readSound(file);
        const report = await engine.call("findMark", samples, sampleRate);
        $("check-line").textContent = [say.mark(file.name, report), say.note(note)].join(" ");
      } catch (error) {
        $("check-line").textContent = "";
        throw error;
      }
    });
  $("check-file").addEventListener("change", async () => {
    const [file] = $("check-file").files;
    $("check-file").value = "";
    if (file) await check(file);
  });
  $("check").addEventListener("dragover", (event) => event.preventDefault());
  $("check").addEventListener("drop", (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) check(file);
  });
}
