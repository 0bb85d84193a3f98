// A call in a phone: what is said is shown (recordings are played), keys and words answer it.  Text is only set as text.
"use strict";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

class Telephone {
  constructor(phone) {
    this.phone = phone;
    this.root = phone.find("call");
    this.find = (name) => this.root.querySelector(`.${name}`);
    this.keys = KEYS.map((key) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = key;
      button.addEventListener("click", () => this.press(key));
      return button;
    });
    this.find("keypad").append(...this.keys);
    this.find("speak").addEventListener("submit", (event) => {
      event.preventDefault();
      const field = this.find("words");
      const said = field.value.trim();
      field.value = "";
      if (said) this.answer({ said });
    });
    this.find("silent").addEventListener("click", () => this.pass());
    this.find("answered").addEventListener("click", () => this.answer({ dialed: "completed" }));
    this.find("unanswered").addEventListener("click", () => this.answer({ dialed: "no-answer" }));
    this.find("tell").addEventListener("change", () => this.tell());
    this.find("end").addEventListener("click", () => this.over(true));
    this.waiting = null;
  }

  async start(sid) {
    this.root.hidden = false;
    this.find("heard").replaceChildren();
    this.sid = sid;
    this.address = this.phone.address;
    await this.ask({ sid });
    this.find("end").focus();
  }

  // One request; then act on what came back until something waits for the person.
  async ask(given) {
    this.wait(null);
    const answer = await post("call", { phone: this.address, ...given })
      .then((response) => response.json())
      .catch(() => ({ error: "The program does not answer." }));
    if (answer.error) { this.line("note", answer.error); this.over(false); return; }
    this.sid = answer.sid;
    this.steps = answer.steps;
    this.act();
  }

  act() {
    while (this.steps.length) {
      const step = this.steps.shift();
      if (step.do === "gather") { step.steps.forEach((one) => this.hear(one)); this.wait(step); return; }
      if (step.do === "record" || step.do === "dial") { this.hear(step); this.wait(step); return; }
      if (step.do === "redirect") { this.ask({ sid: this.sid, path: step.action }); return; }
      if (step.do === "hangup") { this.over(true); return; }
      this.hear(step);
    }
    this.over(true);
  }

  hear(step) {
    if (step.do === "say") this.line("said", step.text, `${step.voice || "voice"} ${step.language}${step.slowly ? ", slowly" : ""}`);
    if (step.do === "play") this.line("played", "", "a recording", step.url);
    if (step.do === "dial") this.line("note", `Rings ${step.number} …`);
    if (step.do === "record") this.line("note", "♪ tone: say it now");
  }

  line(kind, text, by = "", sound = "") {
    const line = document.createElement("p");
    line.className = kind;
    const words = document.createElement("span");
    words.dir = "auto";
    words.textContent = text;
    line.append(words);
    if (sound) {
      const audio = document.createElement("audio");
      audio.controls = true;
      audio.src = sound;
      line.append(audio);
    }
    if (by) {
      const small = document.createElement("small");
      small.textContent = by;
      line.append(" ", small);
    }
    this.find("heard").append(line);
    this.find("heard").scrollTop = this.find("heard").scrollHeight;
  }

  // What the person may do now: keys and words in a gather, a sound in a recording, the other's answer in a dial.
  wait(step) {
    this.waiting = step;
    this.typed = "";
    const doing = step ? step.do : "";
    this.keys.forEach((key) => { key.disabled = !["gather", "record"].includes(doing); });
    this.find("speak").hidden = !(doing === "gather" && step.hears);
    this.find("silent").hidden = !["gather", "record"].includes(doing);
    this.find("dialing").hidden = doing !== "dial";
    this.find("telling").hidden = doing !== "record";
  }

  press(key) {
    const step = this.waiting;
    if (step.do === "record") { if (step.ends.includes(key)) this.pass(); return; }
    const ends = step.ends.includes(key) && step.ends !== "";
    if (!ends) this.typed += key;
    if (ends || this.typed.length === step.digits) this.answer({ digits: this.typed || (ends ? "" : key) });
  }

  answer(given) {
    const step = this.waiting;
    if (given.digits !== undefined) this.line("did", `pressed ${given.digits}`);
    if (given.said) this.line("did", `said: ${given.said}`);
    if (!step.action) { this.pass(); return; }
    this.ask({ sid: this.sid, path: step.action, ...given });
  }

  // Nothing is pressed and nothing said: what follows in the document.
  pass() {
    const step = this.waiting;
    this.line("did", "said nothing");
    this.wait(null);
    if (step && step.empty) this.ask({ sid: this.sid, path: step.action });
    else this.act();
  }

  async tell() {
    const sound = await sent(this.find("tell"));
    if (sound.error) this.line("note", sound.error);
    else this.answer({ sound: sound.sound });
  }

  async over(ended) {
    if (this.root.hidden) return;
    this.wait(null);
    if (ended && this.sid) await post("call/end", { phone: this.address, sid: this.sid }).catch(() => undefined);
    this.line("note", "The call is over.");
    this.sid = null;
    this.find("end").textContent = "Close";
    this.find("end").addEventListener("click", () => { this.root.hidden = true; this.find("end").textContent = "Hang up"; }, { once: true });
    poll();
  }
}

// The sound of a file field, kept by the program: {sound} or {error}.
async function sent(field) {
  const [file] = field.files;
  field.value = "";
  if (!file) return { error: "No sound was chosen." };
  return fetch("/simulator/sound", { method: "POST", headers: { "X-Puente-Simulator": "1" }, body: file })
    .then((answer) => (answer.ok ? answer.json() : { error: "This sound is too large." }))
    .catch(() => ({ error: "The program does not answer." }));
}
