// Simulates phone calls. Runs the steps of each answer, and waits where a real call waits.
// There are no time limits as at Twilio. To say nothing, press a button.
"use strict";

// Returns the path of a file of Puente, because the page may use another host name of this machine.
const here = (address) => { const url = new URL(address, location.href); return url.pathname + url.search; };

class Line {
  constructor(phone) {
    this.phone = phone;
    this.find = (name) => phone.find(name);
    this.sid = "";
    for (const button of this.find("keys").children) button.addEventListener("click", () => this.press(button.dataset.key));
    this.find("speech").addEventListener("submit", (event) => { event.preventDefault(); this.speak(); });
    this.find("silent").addEventListener("click", () => this.silence());
    this.find("leave").addEventListener("click", () => this.go(this.step.action, { RecordingDuration: "4", Digits: "#" }, "(a recording of 4 seconds)"));
    this.find("answered").addEventListener("click", () => this.dialed("completed"));
    this.find("unanswered").addEventListener("click", () => this.dialed("no-answer"));
    this.find("hangup").addEventListener("click", () => this.end());
  }

  async begin(path, body) {
    if (this.sid) await this.end();
    this.find("heard").replaceChildren();
    this.find("line").hidden = false;
    this.find("ring").disabled = true;
    this.address = body.phone || this.phone.address;
    this.find("line").querySelector("h2").focus();
    await this.ask(path, body);
  }

  async ask(path, body) {
    this.waitFor(null, "…");
    const answer = await post(path, body)
      .then((got) => got.json())
      .catch(() => ({ error: "The program does not answer." }));
    if (answer.error) { this.heard(answer.error, "", "note"); this.end(); return; }
    this.sid = answer.sid;
    this.steps = answer.steps;
    this.walk();
  }

  go(action, fields, said) {
    if (said) this.heard(said, "", "mine");
    if (!action) return this.walk();
    return this.ask("key", { sid: this.sid, phone: this.address, action, fields });
  }

  walk() {
    while (this.steps.length) {
      const step = this.steps.shift();
      if (step.does === "redirect") { this.go(step.action, {}); return; }
      if (step.does === "hangup") { this.end(); return; }
      if (["gather", "record", "dial"].includes(step.does)) { this.waitFor(step); return; }
      this.tell(step);
    }
  }

  tell(step) {
    if (step.does === "pause") return;
    if (step.does === "play") return void this.play(step.url);
    if (step.does === "unknown") return void this.heard(`${step.text} is not shown here`, "", "note");
    this.heard(step.text, `${step.voice}, ${step.lang}${step.slowly ? ", slowly" : ""}`, "said", step.lang);
    if (this.find("aloud").querySelector("input").checked && window.speechSynthesis) {
      const words = new SpeechSynthesisUtterance(step.text);
      words.lang = step.lang.replace("cmn", "zh");
      speechSynthesis.speak(words);
    }
  }

  heard(text, by, kind, lang) {
    const line = document.createElement("li");
    line.className = kind;
    const words = document.createElement("span");
    words.dir = "auto";
    if (lang) words.lang = lang;
    words.textContent = text;
    line.append(words);
    if (by) { const who = document.createElement("small"); who.textContent = by; line.append(who); }
    this.find("heard").append(line);
    line.scrollIntoView({ block: "nearest" });
    return line;
  }

  play(url) {
    const audio = document.createElement("audio");
    audio.controls = true;
    audio.preload = "none";
    audio.src = here(url);
    audio.setAttribute("aria-label", "A recording");
    this.heard("A recording:", "", "said").append(audio);
  }

  waitFor(step, said) {
    const gather = step?.does === "gather", record = step?.does === "record", dial = step?.does === "dial";
    this.step = step;
    this.digits = "";
    for (const button of this.find("keys").children) button.disabled = !((gather && step.keys) || record);
    this.find("speech").hidden = !(gather && step.speech);
    this.find("silent").hidden = !(gather || record);
    this.find("silent").textContent = gather ? `Say nothing for ${step.seconds} seconds` : "Say nothing";
    this.find("leave").hidden = !record;
    this.find("answered").hidden = this.find("unanswered").hidden = !dial;
    const wants = gather ? `It waits for ${step.digits === 1 ? "a key" : "keys"}${step.speech ? ` or words (${step.lang})` : ""}.`
      : record ? "It records after the tone." : dial ? `It rings ${step.to}.` : said || "";
    this.find("waits").textContent = wants;
  }

  press(key) {
    if (this.step?.does === "record") {
      if (this.step.finish.includes(key)) this.find("leave").click();
      return;
    }
    const finishes = this.step.finish && this.step.finish.includes(key);
    if (!finishes) this.digits += key;
    this.find("waits").textContent = `Pressed: ${this.digits}`;
    if (finishes || (this.step.digits && this.digits.length >= this.step.digits)) this.send(finishes ? key : "");
  }

  send(finished) {
    this.go(this.step.action, { Digits: this.digits, ...(finished ? { FinishedOnKey: finished } : {}) }, `Pressed ${this.digits}`);
  }

  speak() {
    const words = this.find("words").value.trim();
    if (!words) return;
    this.find("words").value = "";
    this.go(this.step.action, { SpeechResult: words, Confidence: "0.9" }, words);
  }

  silence() {
    if (this.digits) this.send("");
    else if (this.step.empty) this.go(this.step.action, { Digits: "" }, "(nothing)");
    else this.walk();
  }

  dialed(status) {
    this.go(this.step.action, { DialCallStatus: status }, status === "completed" ? "(they talk)" : "(nobody answers)");
  }

  async end() {
    const sid = this.sid;
    this.sid = "";
    this.steps = [];
    window.speechSynthesis?.cancel();
    this.waitFor(null, "The call has ended.");
    this.find("ring").disabled = false;
    if (sid) await post("hang-up", { sid, phone: this.address, status: "completed" }).catch(() => undefined);
    poll();
  }
}
