// Text in, speech out: it sounds while it is still being made, and its words light up as they are heard.

import { writeWav } from "../sound.js";
import { device } from "./device.js";
import { $, attempt, element, saveFile, say, texts } from "./dom.js";
import { Picture } from "./picture.js";
import { Player } from "./player.js";

const MOST_AHEAD_S = 20; // seconds that are made before they are heard
const SHOWN = { speed: say.times, pitch: say.semitones, likeness: say.percent };

/** unlock: asks for the passphrase of a voice, and tells whether it was given. */
export function begin(engine, { presets, sampleRate }, unlock) {
  const player = new Player();
  const picture = new Picture($("picture"));
  let current = null; // the speech that is being made or heard: {pieces, words}
  let last = null;

  $("text").value = texts.sample;
  for (const [id, shown] of Object.entries(SHOWN)) {
    const show = () => {
      $(`${id}-value`).textContent = shown(Number($(id).value));
      $(id).setAttribute("aria-valuetext", shown(Number($(id).value)));
    };
    $(id).addEventListener("input", show);
    show();
  }
  $("voice").addEventListener("change", showLikeness);
  $("speak-form").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt("speak-error", speak);
  });
  $("text").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    $("speak-form").requestSubmit();
  });
  $("stop").addEventListener("click", stop);
  $("save").addEventListener("click", () =>
    attempt("speak-error", () => saveFile("parrotlet.wav", writeWav(last.pieces, sampleRate), "audio/wav")),
  );
  globalThis.parrotletSilence = stop;
  new ResizeObserver(() => picture.draw(0)).observe($("picture"));

  /** A voice's own likeness, where it has one to choose. */
  function showLikeness() {
    const { likeness } = $("voice").selectedOptions[0].dataset;
    $("likeness").disabled = likeness === undefined;
    if (likeness === undefined) return;
    $("likeness").value = likeness;
    $("likeness").dispatchEvent(new Event("input"));
  }

  async function speak() {
    stop();
    const { locked } = $("voice").selectedOptions[0].dataset;
    if (locked && !(await unlock(locked))) return;
    const mine = { pieces: [], words: [], shown: [] };
    current = last = mine;
    $("result").hidden = false;
    $("said").replaceChildren();
    $("measured").textContent = say.speaking();
    $("stop").disabled = false;
    $("save").disabled = true;
    picture.clear();
    try {
      await player.begin(sampleRate);
      await device?.sounding(true);
      await make(mine);
      await heard(mine);
    } finally {
      if (current === mine) stop();
    }
  }

  async function make(mine) {
    const options = Object.fromEntries(Object.keys(SHOWN).map((id) => [id, Number($(id).value)]));
    const began = performance.now();
    let [first, waited, samples] = [0, 0, 0];
    show(mine);
    for await (const chunk of engine.stream("speak", $("text").value, $("voice").value, options)) {
      if (current !== mine) return;
      player.push(chunk.samples, sampleRate);
      first ||= performance.now() - began;
      mine.pieces.push(chunk.pcm);
      samples += chunk.pcm.length;
      picture.push(chunk.samples, sampleRate);
      for (const word of chunk.words) {
        const span = element("span", { textContent: word.text });
        $("said").append(span, " ");
        mine.shown.push({ ...word, span });
      }
      const [length, busy] = [samples / sampleRate, (performance.now() - began) / 1000 - waited];
      $("measured").textContent = say.spoke(first / 1000, length / busy, length);
      $("picture").setAttribute("aria-label", say.picture(length));
      const paused = performance.now();
      while (current === mine && player.ahead > MOST_AHEAD_S) await soon();
      waited += (performance.now() - paused) / 1000;
    }
    mine.complete = true;
    $("save").disabled = samples === 0;
  }

  /** Lights the word that is heard, until the speech ends. */
  async function show(mine) {
    let lit = null;
    while (current === mine) {
      const { position } = player;
      const word = mine.shown.find(({ start, end }) => start <= position && position < end) ?? null;
      if (word !== lit) {
        lit?.span.classList.remove("lit");
        word?.span.classList.add("lit");
        word?.span.scrollIntoView({ block: "nearest" });
        lit = word;
      }
      picture.draw(position);
      await new Promise(requestAnimationFrame);
    }
    lit?.span.classList.remove("lit");
    picture.draw(0);
  }

  async function heard(mine) {
    while (current === mine && player.ahead > 0) await soon();
  }

  function stop() {
    if (current && !current.complete) $("measured").textContent = say.stopped();
    if (current) device?.sounding(false);
    current = null;
    player.stop();
    $("stop").disabled = true;
  }

  /** stored: the profiles kept here. chosen: the name of the one to choose. */
  function offer(stored, chosen = null) {
    const value = chosen ?? $("voice").value;
    const option = (key, label, data = {}) => {
      const made = element("option", { value: key, textContent: label });
      Object.assign(made.dataset, data);
      return made;
    };
    const own = stored
      .filter(({ problem }) => !problem)
      .map(({ name, open, likeness }) => (open ? option(name, name, { likeness }) : option(name, say.locked(name), { locked: name })));
    const given = presets.map(({ name, description }) => option(`preset:${name}`, `${name}: ${description}`));
    const groups = own.length ? [element("optgroup", { label: say.own() }, ...own)] : [];
    $("voice").replaceChildren(...groups, element("optgroup", { label: say.presets() }, ...given));
    $("voice").value = value || "preset:robin";
    if (!$("voice").value) $("voice").value = `preset:${presets[0].name}`;
    showLikeness();
  }

  return { offer };
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 50));
