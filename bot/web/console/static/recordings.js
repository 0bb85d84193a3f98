// Adds a microphone button to each form that takes a sound file. Without this script, staff choose a file.
"use strict";

const LONGEST = 118_000; // milliseconds; a recording can last two minutes
const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

// Puts the recording into the file field of the form, and adds a player to check it.
function keep(form, parts, type) {
  const ending = type.includes("mp4") ? "m4a" : type.includes("ogg") ? "ogg" : "webm";
  const file = new File(parts, "recording." + ending, { type });
  const carried = new DataTransfer();
  carried.items.add(file);
  form.elements.recording.files = carried.files;
  const player = form.querySelector("audio") || document.createElement("audio");
  if (player.src) URL.revokeObjectURL(player.src);
  player.controls = true;
  player.setAttribute("aria-label", form.dataset.listen);
  player.src = URL.createObjectURL(file);
  form.querySelector("[role=status]").textContent = form.dataset.listen;
  form.querySelector("[role=status]").after(player);
}

async function record(form, button) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const type = TYPES.find((one) => MediaRecorder.isTypeSupported(one));
  const recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
  const parts = [];
  const late = setTimeout(() => recorder.stop(), LONGEST);
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  recorder.addEventListener("stop", () => {
    clearTimeout(late);
    stream.getTracks().forEach((track) => track.stop());
    button.textContent = form.dataset.record;
    keep(form, parts, recorder.mimeType || "audio/webm");
  });
  recorder.start();
  button.textContent = form.dataset.stop;
  return recorder;
}

function prepare(form) {
  const button = element("button", form.dataset.record);
  const told = element("p", "");
  let recorder = null;
  button.type = "button";
  button.className = "quiet";
  told.setAttribute("role", "status");
  button.addEventListener("click", async () => {
    if (recorder && recorder.state === "recording") {
      recorder.stop();
      return;
    }
    button.disabled = true;
    try {
      recorder = await record(form, button);
    } catch {
      told.textContent = form.dataset.denied;
    }
    button.disabled = false;
  });
  form.prepend(button, told);
}

if (navigator.mediaDevices && window.MediaRecorder) {
  document.querySelectorAll("form[data-record]").forEach(prepare);
}
