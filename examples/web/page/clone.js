// Recordings of a person, and the voice made of them.

import { advised } from "../enrollment.js";
import { begin as beginAgreement } from "./agreement.js";
import { $, attempt, element, say, sentence, texts } from "./dom.js";
import { drawPeaks, peaksOf } from "./picture.js";
import { Player } from "./player.js";
import { Recorder, readSound } from "./recorder.js";
import { sentences } from "./texts.en.js";

const LONGEST_S = 120;
const SHOWN_BLOCKS = 120;
const BLOCK_S = 0.05;

export function begin(engine, { limits, learns, further }, voices) {
  const all = [...sentences, ...further];
  const recorder = new Recorder();
  const player = new Player();
  const takes = []; // {name, samples, sampleRate, report, asked, text}: the sentence that was shown, and what was read
  const agreement = beginAgreement(() => !recording && !starting);
  let recording = false;
  let starting = false; // the browser asks the person for the microphone
  let live = []; // peaks of what the microphone hears, the last few seconds
  let block = { peak: 0, seconds: 0 };
  let count = 0;
  let asked = ""; // the sentence to read in the recording that is under way
  let listening = ""; // the one in a recording that is examined

  if (learns) $("clone-help").textContent = texts.cloneEach;
  showSentences();
  label();
  $("record").addEventListener("click", () => attempt("make-error", toggle));
  $("file").addEventListener("change", async () => {
    await attempt("make-error", () => addFiles([...$("file").files]));
    $("file").value = "";
  });
  $("secret-show").addEventListener("change", () => {
    $("secret").type = $("secret-show").checked ? "text" : "password";
  });
  $("drop").addEventListener("dragover", (event) => event.preventDefault());
  $("drop").addEventListener("drop", (event) => {
    event.preventDefault();
    attempt("make-error", () => addFiles([...event.dataTransfer.files]));
  });
  $("make-form").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt("make-error", make);
  });

  function label() {
    $("record").textContent = recording ? texts.recordStop : texts.record;
    $("record").classList.toggle("on", recording);
    $("live").hidden = !recording;
  }

  async function toggle() {
    if (recording) return finish();
    if (starting || agreement.recording) return;
    starting = true;
    try {
      await recorder.start(heard, () => attempt("make-error", gone));
      recording = true;
      asked = next();
    } catch (error) {
      throw new Error(say.noMicrophone(error.message));
    } finally {
      starting = false;
      label();
    }
  }

  /** What was heard until the microphone was unplugged is kept. */
  async function gone() {
    if (!recording) return;
    await finish();
    throw new Error(texts.unplugged);
  }

  function heard(samples, seconds) {
    if (!recording) return; // a block that was under way
    const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
    meter(10 * Math.log10(power + 1e-9));
    watch(samples, seconds);
    $("record-line").textContent = say.recording(seconds);
    if (seconds > LONGEST_S && recording) attempt("make-error", finish);
  }

  function watch(samples, seconds) {
    block.peak = samples.reduce((peak, value) => Math.max(peak, Math.abs(value)), block.peak);
    if (seconds - block.seconds < BLOCK_S) return;
    live = [...live, block.peak].slice(-SHOWN_BLOCKS);
    block = { peak: 0, seconds };
    drawPeaks($("live"), [...new Array(SHOWN_BLOCKS - live.length).fill(0), ...live]);
  }

  async function finish() {
    recording = false;
    label();
    live = [];
    block = { peak: 0, seconds: 0 };
    count += 1;
    const sound = await recorder.stop();
    meter(-60);
    await add({ name: say.take(count), ...sound }, asked);
  }

  function meter(level) {
    const shown = Math.max(-60, Math.min(0, level));
    $("meter").setAttribute("aria-valuenow", String(Math.round(shown)));
    $("meter").firstElementChild.style.transform = `scaleX(${1 + shown / 60})`;
    $("meter").dataset.loud = String(level > -3);
  }

  async function addFiles(files) {
    for (const file of files) {
      await add({ name: file.name, ...(await readSound(file)) });
    }
  }

  /** shown: the sentence to be read in it, if there is one. */
  async function add(take, shown = "") {
    $("record-line").textContent = say.listening();
    listening = shown;
    try {
      const { report, read } = await engine.call("examine", take, shown);
      takes.push({ ...take, report, asked: shown, text: read ? shown : "" });
    } finally {
      listening = "";
      $("record-line").textContent = "";
    }
    showTakes();
  }

  function wasRead(text) {
    return takes.some((take) => take.text === text);
  }

  /** The sentence to read next, where the model learns from what is read. */
  function next() {
    return (learns && all.find((text) => text !== listening && !wasRead(text))) || "";
  }

  /** Those to begin with, and of the others as many as were read and one more. */
  function showSentences() {
    const shown = all.slice(0, Math.max(sentences.length, all.indexOf(next()) + 1, all.findLastIndex(wasRead) + 1));
    const lines = shown.map((text) => {
      const line = element("p", { textContent: text, className: wasRead(text) ? "read" : "" });
      if (text === next()) line.setAttribute("aria-current", "step");
      return line;
    });
    $("sentences").replaceChildren(...lines);
  }

  function showTakes() {
    showSentences();
    // The length is that of all together.
    advised(takes.map(({ report }) => report), limits).forEach((report, k) => (takes[k].report = report));
    $("takes").replaceChildren(
      ...takes.map((take) => {
        const { name, report } = take;
        const remove = () => {
          takes.splice(takes.indexOf(take), 1);
          showTakes();
          $("record").focus();
        };
        const verdict = element("p", {
          className: report.problem ? "error" : report.advice === "good" ? "good" : "fair",
          textContent: report.problem ? say.problem(report) : say.advice(report),
        });
        const button = (action, on) => {
          const one = element("button", { type: "button", textContent: action, on });
          one.setAttribute("aria-label", say.of(action, name));
          return one;
        };
        const told = element("div", { className: "grow" }, element("strong", { textContent: name }), verdict);
        if (!report.problem) told.append(element("p", { className: "quiet", textContent: say.heard(report) }));
        if (take.text) told.append(element("p", { className: "quiet", textContent: say.read(take.text) }));
        else if (take.asked && !report.problem) told.append(element("p", { className: "fair", textContent: say.misread() }));
        const wave = element("canvas", { className: "wave" });
        requestAnimationFrame(() => drawPeaks(wave, peaksOf(take.samples, SHOWN_BLOCKS)));
        const actions = element("div", { className: "actions" }, button(say.listen(), () => listen(take)), button(say.remove(), remove));
        return element("li", {}, told, actions, wave);
      }),
    );
  }

  async function listen({ samples, sampleRate }) {
    await player.begin(sampleRate);
    player.push(samples, sampleRate);
  }

  async function make() {
    const [name, secret] = [$("name").value, $("secret").value];
    const usable = takes.filter(({ report }) => !report.problem);
    if (!usable.length) throw new Error(say.firstRecord());
    if (agreement.recording) throw new Error(texts.agreeFirst);
    $("make").disabled = true;
    $("make-line").textContent = say.making();
    let line = ""; // said last, so that whoever reads it finds the page done
    try {
      const recordings = usable.map(({ name: take, samples, sampleRate }) => ({ name: take, samples, sampleRate }));
      const options = { texts: usable.map(({ text }) => text), consent: texts.consent, spoken: agreement.taken() };
      const { seconds, warnings } = await engine.follow(progress, "enroll", name, recordings, secret, options);
      line = [say.made(name, seconds), ...warnings.map(sentence)].join(" ");
      $("secret").value = "";
      takes.length = 0;
      showTakes();
      await voices.changed(name);
    } finally {
      $("make").disabled = false;
      $("make-progress").hidden = true;
      $("make-line").textContent = line;
    }
  }

  function progress(share) {
    $("make-progress").hidden = false;
    $("make-progress").value = share;
  }
}
