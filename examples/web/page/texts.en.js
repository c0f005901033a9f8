// Every text of the page. Another language is a file like this one.

export const language = "en";

export const sentences = [
  "The rainbow is a division of white light into many beautiful colors.",
  "These take the shape of a long round arch, with its path high above.",
  "Please call Stella, and ask her to bring six spoons of fresh snow peas.",
];

/** For elements with data-text. */
export const texts = {
  title: "Parrotlet: clone your voice in a tab",
  tagline: "Clone your voice in this tab.",
  promise: "Nothing leaves it.",
  about:
    "Recording, voice and speech stay on this device: the page makes no request once it is loaded, and works with the network unplugged.",
  loading: "Getting the models, once",
  speakTitle: "Speak",
  textLabel: "Text",
  sample:
    "Hello! This is a voice that lives on your own device. It reads prices like $3.50, dates, and the time, which is 7:45. Would you like to hear yours?",
  voiceLabel: "Voice",
  speak: "Speak",
  stop: "Stop",
  save: "Save as WAV",
  settings: "Speed, pitch, likeness",
  speed: "Speed",
  pitch: "Pitch",
  likeness: "Likeness",
  likenessHelp: "More is more like the person and less natural. Presets have none to choose.",
  said: "Spoken words",
  cloneTitle: "Clone your voice",
  cloneHelp: "Read these sentences aloud in a quiet room, as you would to a friend. Ten seconds are enough.",
  cloneEach:
    "Read these sentences aloud in a quiet room, as you would to a friend. Record each by itself. After them there are more: each brings the voice nearer to yours.",
  record: "Record",
  recordStop: "Stop recording",
  level: "Level of the microphone",
  drop: "or choose a recording",
  dropHelp: "or drop a file here",
  nameLabel: "Name of the voice",
  nameHelp: "Letters, digits, dots, dashes and underscores.",
  passphraseLabel: "Passphrase",
  passphraseShow: "Show the passphrase",
  passphraseHelp: "It seals the voice, and nobody can replace it. Four words are better than one.",
  consent: "This is my own voice, or the voice of someone who agreed to this.",
  agreeHelp:
    "If you like, agree aloud: read a sentence made for this moment. Its words and your voice are checked here, and the voice notes it.",
  agree: "Agree aloud",
  agreeAgain: "Agree again",
  agreed: "Recorded: it is checked when the voice is made.",
  agreeFirst: "Stop the recording first.",
  unplugged: "The microphone went away. What it heard until then is kept.",
  make: "Make the voice",
  voicesTitle: "Voices kept here",
  voicesHelp: "Sealed with AES-256-GCM under your passphrase, in this browser alone.",
  importFile: "Import a voice",
  none: "None yet.",
  noPassphrase: "This file opens with a key file, which the page does not take: export it again with a passphrase.",
  notKept: "This browser keeps nothing for this page. Export your voices before you close it.",
  checkTitle: "Check a recording",
  checkHelp: "All that is spoken here carries an inaudible mark. Choose a sound to look for it.",
  checkFile: "Choose a recording",
  marked: "Marked as synthetic, in the sound and in the saved file.",
  cancel: "Cancel",
  textHelp: "Ctrl + Enter speaks.",
  foot: "A cloned voice is synthetic speech: say so where it could be taken for the person.",
};

/** What is said otherwise where the page is in an app on a phone. */
export const textsOfApp = {
  tagline: "Clone your voice on this phone.",
  about: "Recording, voice and speech stay in this app, which does not use the network.",
  voicesHelp: "Sealed with AES-256-GCM under your passphrase and this phone's key, in this app alone.",
  passphraseHelp: "It opens the voice elsewhere, and nobody can replace it. Four words are better than one.",
};

const seconds = (value) => `${value.toFixed(value < 10 ? 1 : 0)} s`;

/** What is put together from values. */
export const say = {
  progress: (done, total) => `${(done / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`,
  starting: () => "Starting the engine…",
  ready: (offline) => (offline ? "Works offline" : "Ready"),
  presets: () => "Presets",
  own: () => "Your voices",
  locked: (name) => `${name} (locked)`,
  speaking: () => "Speaking…",
  stopped: () => "Stopped.",
  spoke: (first, factor, length) =>
    `First sound after ${first.toFixed(2)} s. ${seconds(length)} of speech, made ${factor.toFixed(1)} times as fast as it is spoken.`,
  picture: (length) => `Waveform and spectrogram of ${seconds(length)} of speech`,
  semitones: (value) => (value === 0 ? "as it is" : `${value > 0 ? "+" : "−"}${Math.abs(value)} semitones`),
  times: (value) => `${value.toFixed(2).replace(/0$/, "")} ×`,
  percent: (value) => `${Math.round(100 * value)} %`,
  recording: (length) => `Recording: ${seconds(length)}`,
  take: (count) => `Recording ${count}`,
  listening: () => "Listening to the recording…",
  heard: ({ speech_s: speech, level_dbfs: level, snr_db: snr }) =>
    `${seconds(speech)} of speech, ${level.toFixed(0)} dBFS, ${snr.toFixed(0)} dB above the background`,
  problem: ({ problem, hint }) => `${capital(problem)}: ${hint}.`,
  advice: ({ advice }) => (advice === "good" ? "Good." : `${capital(advice)}.`),
  read: (text) => `“${text}”`,
  misread: () => "Not the sentence as it stands. Read it again, and the voice gets nearer to yours.",
  remove: () => "Remove",
  listen: () => "Listen",
  making: () => "Making the voice…",
  made: (name, time) => `“${name}” is made and sealed. It took ${seconds(time)}.`,
  firstRecord: () => "Record something first.",
  consentFirst: () => "Please confirm whose voice it is.",
  spokenConsent: () => ", with spoken consent",
  checking: (name) => `Listening to ${name}…`,
  mark: (name, report) => `${name}: ${report.marked ? markOf(report) : `no mark in ${report.seconds.toFixed(1)} s. It was not made by Parrotlet, or was changed too much to tell.`}`,
  note: (note) => (note ? `The file says of itself: “${note}”` : "The file says nothing of how it was made."),
  tooLarge: (name) => `${name}: too large for this page. Cut out a part of it.`,
  created: (when) => `made on ${new Date(when).toLocaleDateString(language, { day: "numeric", month: "long", year: "numeric" })}`,
  expires: (when) => `, until ${new Date(when).toLocaleDateString(language)}`,
  unlock: () => "Unlock",
  lock: () => "Lock",
  rename: () => "Rename",
  export: () => "Export",
  delete: () => "Delete",
  of: (action, name) => `${action} ${name}`,
  unlockTitle: (name) => `Unlock “${name}”`,
  renameTitle: (name) => `Rename “${name}”`,
  newName: () => "New name",
  name: () => "Name here",
  exportTitle: (name) => `Export “${name}”`,
  exportHelp: (name) =>
    `The file stays sealed with the same passphrase. Elsewhere: parrotlet import ${name}.voice`,
  importTitle: () => "Import a voice",
  importHelp: (file) => `${file} was sealed with a passphrase when it was exported.`,
  deleteTitle: (name) => `Delete “${name}”?`,
  deleteHelp: () => "The sealed profile and its keys are destroyed. There is no way back.",
  unlocked: (name) => `“${name}” is unlocked.`,
  deleted: (name) => `“${name}” is deleted.`,
  renamed: (name) => `It is called “${name}” now.`,
  exported: (name) => `“${name}” was saved as a file.`,
  imported: (name) => `“${name}” is kept here now.`,
  insecure: () => "This page needs https, or localhost: only there does a browser encrypt and keep voices.",
  noMicrophone: (reason) => `No microphone: ${reason}. Allow it for this page, or choose a file.`,
  notAudio: (name) => `${name}: not a recording this browser can read. Save it as WAV.`,
};

function markOf({ seconds: whole, p, segments, speed, payload }) {
  const where = segments.map(([start, end]) => `${start.toFixed(1)} to ${end.toFixed(1)} s`).join(", ");
  const lines = [`synthetic speech, marked by Parrotlet from ${where} of ${whole.toFixed(1)} s.`];
  lines.push(`The chance of a false alarm is ${p > 1e-30 ? p.toExponential(0) : "below 1e-30"}.`);
  if (speed !== 1) lines.push(`It plays at ${speed} times its speed.`);
  if (payload?.integrator) lines.push(`Its product has the number ${payload.integrator}.`);
  return lines.join(" ");
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
