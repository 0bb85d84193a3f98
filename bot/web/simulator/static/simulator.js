// The phones of the simulator. Messages are always inserted as text, never as HTML.
"use strict";

const KEY = "puente-phones";
const TICKS = { queued: "✓", sent: "✓", delivered: "✓✓", read: "✓✓", initiated: "…", ringing: "🔔", "in-progress": "✓", completed: "✓✓" };
const START = [{ who: "", channel: "whatsapp:", number: "+12175550177" }, { who: "first", channel: "", number: "" }];
const phones = [];
const seen = [];
let last = "";

const post = (path, body) => fetch(`/simulator/${path}`, {
  method: "POST",
  headers: { "Content-Type": "application/json", "X-Puente-Simulator": "1" },
  body: JSON.stringify(body),
});

const upload = (sound) => fetch("/simulator/sound", { method: "POST", headers: { "X-Puente-Simulator": "1" }, body: sound })
  .then((answer) => (answer.ok ? answer.json() : { error: `The sound was not taken (${answer.status}): 16 MB at most.` }))
  .catch(() => ({ error: "The program does not answer." }));

class Phone {
  constructor(state) {
    this.root = document.getElementById("phone").content.firstElementChild.cloneNode(true);
    this.find = (name) => this.root.querySelector(`.${name}`);
    document.getElementById("phones").append(this.root);
    const who = this.find("who");
    who.value = state.who === "first" ? who.options[1].value : state.who;
    this.find("channel").value = state.channel;
    this.find("number").value = state.number;
    this.line = new Line(this);
    this.listen();
    this.showSamples();
    this.chosen();
  }

  get address() {
    return this.find("who").value || this.find("channel").value + this.find("number").value.trim();
  }

  listen() {
    this.find("who").addEventListener("change", () => this.chosen());
    this.find("channel").addEventListener("change", () => this.chosen());
    this.find("number").addEventListener("change", () => this.chosen());
    this.find("language").addEventListener("change", () => this.showSamples());
    this.find("remove").addEventListener("click", () => this.remove());
    this.find("later").addEventListener("click", () => post("follow-ups", { phone: this.address }).then(poll));
    this.find("kinds").addEventListener("change", () => this.kindChosen());
    this.find("mic").addEventListener("click", () => this.listenToMic().catch((error) => this.tell(`The microphone cannot be used: ${error.message}`)));
    this.find("ring").addEventListener("click", () => this.line.begin("call", { phone: this.address }));
    this.find("write").addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.find("text").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.send(); }
    });
  }

  chosen() {
    const staff = this.find("who").value;
    this.root.setAttribute("aria-label", `Phone of ${this.find("who").selectedOptions[0].text}, ${this.address}`);
    for (const name of ["channel", "number", "samples", "later", "ring"]) this.find(name).closest("label, div, button").hidden = Boolean(staff);
    this.find("record").hidden = Boolean(staff);
    this.find("record").href = `/simulator/transcript?phone=${encodeURIComponent(this.address)}`;
    this.find("log").replaceChildren();
    seen.forEach((item) => this.show(item));
    save();
  }

  showSamples() {
    const option = this.find("language").selectedOptions[0];
    const buttons = JSON.parse(option.dataset.texts).map((text) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dir = "auto";
      button.lang = option.value;
      button.textContent = text;
      button.addEventListener("click", () => { this.find("text").value = text; this.find("text").focus(); });
      return button;
    });
    this.find("buttons").replaceChildren(...buttons);
  }

  async send() {
    const field = this.find("text");
    const kind = this.find("kinds").value;
    if (!field.value.trim() && kind === "text") return;
    const body = { phone: this.address, text: field.value, kind };
    const sound = this.find("sound").files[0] || this.recorded;
    if (kind === "voice note" && sound) {
      const kept = await upload(sound);
      if (kept.error) return void this.tell(kept.error);
      body.sound = kept.sid;
    }
    field.value = "";
    this.find("kinds").value = "text";
    this.kindChosen();
    const { error } = await post("send", body)
      .then((answer) => answer.json())
      .catch(() => ({ error: `Not sent, the program does not answer: ${body.text}` }));
    if (error) this.tell(error);
    poll();
  }

  tell(body) {
    this.show({ phone: this.address, direction: "system", body });
  }

  kindChosen() {
    this.find("note").hidden = this.find("kinds").value !== "voice note";
    this.find("sound").value = "";
    this.recorded = null;
    this.find("mic").hidden = !(navigator.mediaDevices && window.MediaRecorder);
    this.find("mic").textContent = "Record";
  }

  // Records from the microphone until you press the button again. Send sends the recording.
  async listenToMic() {
    const button = this.find("mic");
    if (this.recorder) { this.recorder.stop(); return; }
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const pieces = [];
    this.recorder = new MediaRecorder(stream);
    this.recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
    this.recorder.addEventListener("stop", () => {
      this.recorded = new Blob(pieces, { type: this.recorder.mimeType });
      this.recorder = null;
      stream.getTracks().forEach((track) => track.stop());
      button.textContent = "Recorded: press Send, or record again";
      button.setAttribute("aria-pressed", "false");
    });
    this.recorder.start();
    button.textContent = "Stop";
    button.setAttribute("aria-pressed", "true");
  }

  show(item) {
    const number = (address) => address.replace(/^whatsapp:/, "");
    const rings = item.kind === "call" && number(item.phone) === number(this.address);
    if (item.phone !== this.address && !rings) return;
    const bubble = document.createElement("div");
    bubble.className = `message ${item.direction}`;
    const text = document.createElement("div");
    text.dir = "auto";
    text.textContent = item.body;
    bubble.append(text);
    if (item.at) bubble.append(meta(item));
    if (item.direction === "out") bubble.append(why(item.body));
    if (item.file) bubble.append(file(item.file));
    if (item.kind === "call") bubble.append(ringing(item, this));
    const log = this.find("log");
    log.append(bubble);
    log.scrollTop = log.scrollHeight;
  }

  remove() {
    phones.splice(phones.indexOf(this), 1);
    this.root.remove();
    save();
    document.getElementById("add").focus();
  }
}

// Shows an incoming call. You can answer it once.
function ringing(item, phone) {
  const [take, leave] = ["Answer", "Do not answer"].map((name) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "key";
    button.textContent = name;
    return button;
  });
  const row = document.createElement("div");
  row.append(take, leave);
  take.addEventListener("click", () => { row.remove(); phone.line.begin("take", { sid: item.sid }); });
  leave.addEventListener("click", () => { row.remove(); post("hang-up", { sid: item.sid, phone: item.phone, status: "no-answer" }).then(poll); });
  return row;
}

// Shows a file that came with a message: a sound or a picture.
function file(address) {
  const sound = /\.(mp3|ogg)$/.test(address);
  const node = document.createElement(sound ? "audio" : "a");
  const path = here(address);
  if (sound) { node.controls = true; node.preload = "none"; node.src = path; node.setAttribute("aria-label", "The answer said aloud"); }
  else { node.href = path; node.textContent = address.split("/").at(-1); }
  return node;
}

// Shows how Puente classified a message and which words decided. Loads when you open it.
function why(text) {
  const panel = document.createElement("details");
  panel.className = "why";
  const title = document.createElement("summary");
  title.textContent = "Why?";
  const told = document.createElement("pre");
  told.dir = "auto";
  panel.append(title, told);
  panel.addEventListener("toggle", async () => {
    if (!panel.open || told.textContent) return;
    told.textContent = await post("why", { text })
      .then((answer) => answer.json())
      .then(explained)
      .catch(() => "The program does not answer.");
  });
  return panel;
}

function explained({ found, why: reasons }) {
  const percent = (share) => `${Math.round(share * 100)}%`;
  const lines = [
    `${found.intent || "not clear"} (${percent(found.confidence)}), ${found.severity}`,
    `language: ${found.lang || "?"} (${percent(found.lang_confidence)})`,
    `likely: ${Object.entries(reasons.likely).map(([topic, share]) => `${topic} ${percent(share)}`).join(", ")}`,
    `an emergency: ${percent(reasons.emergency)}${reasons.patterns.length ? `, patterns: ${reasons.patterns.join(", ")}` : ""}`,
    reasons.phrase ? `a taught phrase of ${reasons.phrase}` : `decided: ${reasons.weights.map(([piece, weight]) => `${piece} +${weight}`).join(", ")}`,
    `heard: ${reasons.concepts.join(", ") || "no known words"}`,
  ];
  if (found.page !== "no") {
    lines.push(found.page === "now" ? "page: staff at once" : `page: ask first (${found.suspected_intent})`);
  }
  if (found.secondary_intents.length) lines.push(`also: ${found.secondary_intents.join(", ")}`);
  if (found.masked.length) lines.push(`kept as: ${found.kept}`);
  return lines.join("\n");
}

function meta(item) {
  const line = document.createElement("span");
  line.className = "meta";
  line.textContent = new Date(item.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (item.sid) {
    const tick = document.createElement("span");
    tick.dataset.sid = item.sid;
    line.append(" ", tick);
  }
  return line;
}

function tick(statuses) {
  for (const mark of document.querySelectorAll("[data-sid]")) {
    const status = statuses[mark.dataset.sid];
    if (!status || mark.dataset.status === status) continue;
    mark.dataset.status = status;
    mark.textContent = `${TICKS[status] || "!"} ${status}`;
    mark.className = status;
  }
}

function save() {
  const states = phones.map((phone) => ({ who: phone.find("who").value, channel: phone.find("channel").value, number: phone.find("number").value }));
  localStorage.setItem(KEY, JSON.stringify(states));
}

let polling = null;
function poll() {
  polling = polling || look().finally(() => { polling = null; });
  return polling;
}

async function look() {
  const answer = await fetch(`/simulator/feed?after=${encodeURIComponent(last)}`);
  if (!answer.ok) return;
  const { items, statuses } = await answer.json();
  for (const item of items) {
    last = item.id;
    seen.push(item);
    phones.forEach((phone) => phone.show(item));
  }
  tick(statuses);
}

function add(state) {
  phones.push(new Phone(state));
  save();
}

function stored() {
  try { return JSON.parse(localStorage.getItem(KEY)) || START; } catch { return START; }
}

stored().forEach(add);
document.getElementById("add").addEventListener("click", () => {
  const used = phones.map((phone) => phone.find("number").value);
  let next = 180;
  while (used.includes(`+12175550${next}`)) next += 1;
  add({ who: "", channel: "", number: `+12175550${next}` });
  phones.at(-1).find("text").focus();
});
poll();
setInterval(() => poll().catch(() => undefined), 1000);
