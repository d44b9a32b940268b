"use strict";
// The page at `/`. Whatever comes from the server or from a file is shown by textContent, never as HTML.

// English stands in the page itself; here is what the script says, and all of it in Chinese.
const WORDS = {
  en: {
    pad: "Drawing area", text: "Text", numbers: "Numbers: {spec}, as JSON lists or separated by spaces or commas", picture: "a picture",
    classes: "{count} classes", down: "The server does not answer. It may have been stopped.", empty: "Draw something first.",
    penDown: "pen down", penUp: "pen up", none: "There is no model here.", elapsed: "took {ms} ms", nothing: "Nothing has been asked yet.",
  },
  zh: {
    model: "模型", token: "此服务器需要令牌", send: "发送", input: "输入", way: "如何给出图片", draw: "手绘", file: "图片文件",
    padHelp: "用手指、笔或鼠标绘制。键盘：方向键移动，空格键落笔或抬笔，Delete 键清除。", ask: "提问", undo: "撤销", clear: "清除",
    drop: "将 PNG 或 JPEG 拖到这里、粘贴，或点按选择", bright: "这张图片大部分是亮的。识别数字和服装的模型学的是黑底上的亮色图形。",
    invert: "反色后再问", writeHelp: "按 Ctrl + Enter 提问。", answer: "答案", seen: "模型看到的样子", program: "用程序提问",
    takes: "输入为", gives: "输出为", pad: "画板", text: "文本", numbers: "数值：{spec}，写成 JSON 列表，或以空格、逗号分隔", picture: "图片",
    classes: "{count} 个类别", down: "服务器没有回应，可能已停止。", empty: "请先画点什么。", penDown: "落笔", penUp: "抬笔",
    none: "这里没有模型。", elapsed: "用时 {ms} 毫秒", nothing: "还没有提问。",
  },
};
const LANGUAGE = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => Object.hasOwn(WORDS, tag)) ?? "en";

const get = (id) => document.getElementById(id);
const state = {
  models: [], model: null, token: "", asked: 0, // how often; an answer to an earlier question is not shown
  strokes: [], pen: { x: 0.5, y: 0.5, down: false, shown: false }, // the pen is the keyboard's
  file: null, image: null, // what was chosen, and its pixels
};

function say(key, facts = {}) {
  return (WORDS[LANGUAGE][key] ?? WORDS.en[key]).replace(/\{(\w+)\}/g, (_, name) => facts[name]);
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// ---------------------------------------------------------------- asking the server

async function call(path, options = {}) {
  const headers = { ...options.headers };
  if (state.token) headers.Authorization = `Bearer ${state.token}`;
  let response, value;
  try {
    response = await fetch(path, { ...options, headers });
    value = await response.json();
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw { message: say("down"), fix: "", own: true };
  }
  if (response.status === 401) get("token-form").hidden = false;
  if (!response.ok) throw value.error ?? { message: `HTTP ${response.status}`, fix: "" };
  return value;
}

async function begin() {
  get("problem").hidden = true;
  try {
    state.models = (await call("/v1")).models;
  } catch (problem) {
    return tell(problem, get("problem"));
  }
  get("token-form").hidden = true;
  if (!state.models.length) return tell({ message: say("none"), fix: "", own: true }, get("problem"));
  const before = state.model?.name;
  get("model").replaceChildren(...state.models.map((model) => element("option", "", model.name)));
  get("model").selectedIndex = Math.max(0, state.models.findIndex((model) => model.name === before));
  get("main").hidden = false;
  choose();
}

function choose() {
  const model = (state.model = state.models[get("model").selectedIndex]);
  const picture = model.takes === "picture";
  get("ways").hidden = !picture;
  get("write").hidden = picture;
  get("written-label").textContent = say(model.takes, { spec: model.input });
  get("input-spec").textContent = picture ? `${say("picture")} → ${model.input}` : model.takes === "text" ? say("text") : model.input;
  get("output-spec").textContent = model.classes.length ? say("classes", { count: model.classes.length }) : model.answers === "a text" ? say("text") : model.output;
  get("commands").textContent = model.ask.join("\n");
  if (picture) return way();
  get("draw").hidden = get("file").hidden = true;
  forget();
}

// Drawing or file: what is there already is asked at once, of another model too.
function way() {
  const drawing = document.querySelector("input[name=way]:checked").value === "draw";
  get("draw").hidden = !drawing;
  get("file").hidden = drawing;
  forget();
  if (drawing) paint();
  if (drawing && state.strokes.length) askDrawing();
  if (!drawing && state.file) askFile(state.file);
}

function forget() {
  state.asked += 1; // what is still under way is not shown any more
  get("answer").replaceChildren(element("p", "hint", say("nothing")));
  get("answer").classList.remove("busy");
  get("seen").hidden = true;
}

async function ask(body, type) {
  const number = (state.asked += 1);
  const began = performance.now();
  get("answer").classList.add("busy");
  try {
    const path = `/v1/${encodeURIComponent(state.model.name)}`;
    const { answers } = await call(path, { method: "POST", body, headers: { "Content-Type": type } });
    if (number !== state.asked) return;
    if (answers[0]?.error) throw answers[0].error;
    show(answers[0], Math.round(performance.now() - began));
  } catch (problem) {
    if (number === state.asked) tell(problem, get("answer"));
  } finally {
    if (number === state.asked) get("answer").classList.remove("busy");
  }
}

// ---------------------------------------------------------------- answers

function show(answer, milliseconds) {
  const parts = [];
  if (Array.isArray(answer) && answer[0]?.label !== undefined) {
    parts.push(element("p", answer[0].label.length > 12 ? "best long" : "best", answer[0].label));
    const list = element("ol", "bars");
    for (const { label, probability } of answer) list.append(bar(label, probability));
    parts.push(list);
  } else {
    parts.push(element("pre", "", written(answer)));
  }
  parts.push(element("p", "hint", say("elapsed", { ms: milliseconds })));
  get("answer").replaceChildren(...parts);
}

// Numbers ↦ text: a row of them one a line, after its index; what has more axes as JSON, a row a line. A text is itself.
function written(answer) {
  if (typeof answer === "string") return answer;
  const short = (value) => (typeof value === "number" ? String(Number(value.toPrecision(7))) : JSON.stringify(value));
  if (!Array.isArray(answer)) return short(answer);
  const nested = answer.some(Array.isArray), width = String(answer.length - 1).length;
  return answer.map((one, index) => `${String(index).padStart(width)}  ${nested ? JSON.stringify(one) : short(one).padStart(13)}`).join("\n");
}

function bar(label, probability) {
  const item = element("li"), line = element("div", "line"), track = element("div", "track"), fill = element("div", "fill");
  const share = probability === null ? "NaN" : `${(100 * probability).toFixed(1)} %`;
  line.append(element("span", "label", label), element("span", "share", share));
  fill.style.width = `${100 * Math.min(1, Math.max(0, probability ?? 0))}%`;
  track.setAttribute("aria-hidden", "true");
  track.append(fill);
  item.append(line, track);
  return item;
}

function tell(problem, place) {
  const words = place === get("problem") ? place : element("p", "problem");
  if (!(problem?.message)) problem = { message: String(problem), fix: "" };
  const named = problem.message.replace(/^<bytes>/, () => get("file-name").textContent || "<bytes>");
  words.replaceChildren(element("span", "", named));
  if (problem.fix) words.append(element("span", "fix", `→ ${problem.fix}`));
  if (!problem.own) words.lang = "en"; // the server's own words
  words.hidden = false;
  if (words !== place) place.replaceChildren(words);
}

// ---------------------------------------------------------------- drawing

// Where a figure lies in the pictures that nets of digits learn from, and how thick its line is, as parts of the
// picture's height. 28 × 28 (MNIST): in the middle 20 × 20 pixels, with its centre of mass in the middle. 8 × 8 (UCI):
// as high as the picture. A drawing is made anew from its strokes in that way, so that neither where nor how large
// somebody draws makes a difference.
function habits(height) {
  return height <= 16 ? { box: 1, line: 0.17, byMass: false } : { box: 20 / 28, line: 0.12, byMass: true };
}

function sizeOf(model) {
  const [height, width] = model.input.match(/\[(.*)\]/)[1].split(",").map(Number);
  return { height, width };
}

// Strokes of points in 0 … 1 ↦ a canvas, bright on black, in which they lie as the net's pictures do.
function rendered(strokes, { height, width }) {
  const scale = Math.max(2, Math.ceil(256 / Math.max(height, width)));
  const canvas = element("canvas");
  canvas.width = width * scale;
  canvas.height = height * scale;
  const { box, line, byMass } = habits(height);
  const thick = line * canvas.height, points = strokes.flat();
  const [left, right] = ends(points.map((point) => point.x)), [top, bottom] = ends(points.map((point) => point.y));
  const room = { width: Math.min(box, 1) * canvas.width - thick, height: box * canvas.height - thick };
  const factor = Math.min(room.width / Math.max(right - left, 1e-6), room.height / Math.max(bottom - top, 1e-6), 3 * canvas.height);
  const place = (middleX, middleY) => (point) => ({
    x: (point.x - middleX) * factor + canvas.width / 2, y: (point.y - middleY) * factor + canvas.height / 2,
  });
  const middle = byMass ? mass(strokes) : { x: (left + right) / 2, y: (top + bottom) / 2 };
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  trace(pen, strokes, place(middle.x, middle.y), thick, "#fff");
  return canvas;
}

function ends(values) {
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
}

// The centre of mass of lines: the mean of their pieces' middles, weighted by length.
function mass(strokes) {
  let total = 1e-9, x = total * strokes[0][0].x, y = total * strokes[0][0].y;
  for (const stroke of strokes) {
    for (let i = 1; i < stroke.length; i++) {
      const a = stroke[i - 1], b = stroke[i], length = Math.hypot(b.x - a.x, b.y - a.y);
      total += length;
      x += (length * (a.x + b.x)) / 2;
      y += (length * (a.y + b.y)) / 2;
    }
  }
  return { x: x / total, y: y / total };
}

function trace(pen, strokes, place, thick, colour) {
  Object.assign(pen, { lineWidth: thick, lineCap: "round", lineJoin: "round", strokeStyle: colour });
  for (const stroke of strokes) {
    pen.beginPath();
    const first = place(stroke[0]);
    pen.moveTo(first.x, first.y);
    for (const point of stroke) {
      const { x, y } = place(point);
      pen.lineTo(x + 0.01, y); // a hair's breadth, so that a single point leaves a dot
    }
    pen.stroke();
  }
}

function paint() {
  const pad = get("pad"), pen = pad.getContext("2d"), style = getComputedStyle(document.documentElement);
  const place = ({ x, y }) => ({ x: x * pad.width, y: y * pad.height });
  pen.clearRect(0, 0, pad.width, pad.height);
  trace(pen, state.strokes, place, pad.width * 0.055, style.getPropertyValue("--ink"));
  if (state.pen.shown) {
    const { x, y } = place(state.pen);
    Object.assign(pen, { lineWidth: 4, strokeStyle: style.getPropertyValue("--main") });
    pen.beginPath();
    pen.arc(x, y, state.pen.down ? 10 : 18, 0, 7);
    pen.stroke();
  }
}

async function askDrawing() {
  if (!state.strokes.length) return tell({ message: say("empty"), fix: "", own: true }, get("answer"));
  const canvas = rendered(state.strokes, sizeOf(state.model));
  await askCanvas(canvas);
}

async function askCanvas(canvas) {
  showSeen(canvas, canvas.width, canvas.height);
  const number = state.asked;
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  if (number === state.asked) await ask(blob, "image/png");
}

// What the picture becomes at the net's size: of every pixel the mean of the area it covers.
function showSeen(source, sourceWidth, sourceHeight) {
  const { height, width } = sizeOf(state.model), grey = state.model.input.endsWith(",1]");
  const scale = Math.max(1, Math.floor(512 / Math.max(height, width)));
  const large = element("canvas"), seen = get("seen-pixels");
  [large.width, large.height, seen.width, seen.height] = [width * scale, height * scale, width, height];
  const pen = large.getContext("2d", { willReadFrequently: true });
  pen.fillRect(0, 0, large.width, large.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(source, 0, 0, sourceWidth, sourceHeight, 0, 0, large.width, large.height);
  const from = pen.getImageData(0, 0, large.width, large.height).data, sums = new Float64Array(width * height * 3);
  for (let y = 0; y < large.height; y++) {
    for (let x = 0; x < large.width; x++) {
      const at = 4 * (y * large.width + x), to = 3 * (Math.floor(y / scale) * width + Math.floor(x / scale));
      for (let c = 0; c < 3; c++) sums[to + c] += from[at + c];
    }
  }
  const made = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const [r, g, b] = sums.subarray(3 * i, 3 * i + 3).map((sum) => sum / scale ** 2), luma = 0.299 * r + 0.587 * g + 0.114 * b;
    made.data.set(grey ? [luma, luma, luma, 255] : [r, g, b, 255], 4 * i);
  }
  seen.getContext("2d").putImageData(made, 0, 0);
  get("seen").hidden = false;
}

function listenToPad() {
  const pad = get("pad");
  let waiting = 0;
  const later = () => (clearTimeout(waiting), (waiting = setTimeout(askDrawing, 500)));
  const soon = () => (clearTimeout(waiting), askDrawing());
  const inside = (value) => Math.min(1, Math.max(0, value));
  const pointIn = (event) => {
    const box = pad.getBoundingClientRect();
    return { x: inside((event.clientX - box.left) / box.width), y: inside((event.clientY - box.top) / box.height) };
  };
  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    clearTimeout(waiting);
    pad.setPointerCapture(event.pointerId);
    Object.assign(state.pen, { down: false, shown: false });
    state.strokes.push([pointIn(event)]);
    paint();
  });
  pad.addEventListener("pointermove", (event) => {
    if (!pad.hasPointerCapture(event.pointerId)) return;
    const points = event.getCoalescedEvents?.() ?? [];
    state.strokes.at(-1).push(...(points.length ? points : [event]).map(pointIn));
    paint();
  });
  pad.addEventListener("pointerup", later);
  pad.addEventListener("pointercancel", later);
  pad.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }, pen = state.pen;
    if (event.key in steps) {
      const [x, y] = steps[event.key].map((step) => step * 0.04);
      Object.assign(pen, { x: inside(pen.x + x), y: inside(pen.y + y) });
      if (pen.down) state.strokes.at(-1).push({ x: pen.x, y: pen.y });
    } else if (event.key === " ") {
      pen.down = !pen.down;
      if (pen.down) state.strokes.push([{ x: pen.x, y: pen.y }]);
      else later();
      pad.setAttribute("aria-label", `${say("pad")}: ${say(pen.down ? "penDown" : "penUp")}`);
    } else if (event.key === "Enter") {
      soon();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      wipe();
    } else return;
    event.preventDefault();
    pen.shown = true;
    paint();
  });
  pad.addEventListener("blur", () => { state.pen.shown = false; paint(); });
  const wipe = () => { clearTimeout(waiting); state.strokes = []; state.pen.down = false; forget(); paint(); };
  get("clear").addEventListener("click", wipe);
  get("undo").addEventListener("click", () => {
    state.strokes.pop();
    state.pen.down = false;
    if (!state.strokes.length) return wipe();
    paint();
    soon();
  });
  get("ask-drawing").addEventListener("click", soon);
}

// ---------------------------------------------------------------- picture files

function take(file) {
  if (!file || state.model?.takes !== "picture") return;
  state.file = file;
  document.querySelector("input[name=way][value=file]").checked = true;
  way();
}

async function askFile(file) {
  get("file-name").textContent = file.name;
  get("bright").hidden = get("picture").hidden = true;
  const [image] = await Promise.all([
    createImageBitmap(file).catch(() => null), // what the browser cannot show may be good all the same: the server says
    ask(file, state.model.content_types.includes(file.type) ? file.type : "application/octet-stream"),
  ]);
  if (image && file === state.file && state.model.takes === "picture") preview(image);
}

function preview(image) {
  const canvas = get("picture"), shrink = Math.min(1, 512 / Math.max(image.width, image.height));
  canvas.width = Math.max(1, Math.round(image.width * shrink));
  canvas.height = Math.max(1, Math.round(image.height * shrink));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.hidden = false;
  state.image = image;
  showSeen(image, image.width, image.height);
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
  get("bright").hidden = !(state.model.input.endsWith(",1]") && sum / (data.length * 0.75) > 127);
}

async function invert() {
  const { image } = state, canvas = element("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const pen = canvas.getContext("2d");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0);
  pen.globalCompositeOperation = "difference";
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  get("bright").hidden = true;
  preview(canvas);
  await askCanvas(canvas);
}

function listenToFiles() {
  get("chosen").addEventListener("change", (event) => { take(event.target.files[0]); event.target.value = ""; });
  get("invert").addEventListener("click", invert);
  document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
  document.addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => take(event.clipboardData.files[0]));
}

// ---------------------------------------------------------------- text and numbers

function askWritten() {
  const text = get("written").value;
  if (state.model.takes === "text") return ask(text, "text/plain");
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    value = text.trim().split(/[\s,;]+/).map((word) => (word !== "" && isFinite(word) ? Number(word) : word));
  }
  const extents = state.model.input.match(/\[(.*)\]/)[1].split(",").filter(Boolean).map(Number);
  return ask(JSON.stringify({ example: shaped(value, extents) }), "application/json");
}

// One flat list of as many numbers as the extents have ↦ nested lists; everything else stays, and the server judges it.
function shaped(value, extents) {
  const flat = Array.isArray(value) && !value.some(Array.isArray);
  if (!flat || extents.length === 1 || value.length !== extents.reduce((a, b) => a * b, 1)) return value;
  if (!extents.length) return value[0];
  return extents.slice(1).reduceRight((list, extent) => {
    const rows = [];
    for (let i = 0; i < list.length; i += extent) rows.push(list.slice(i, i + extent));
    return rows;
  }, value);
}

// ---------------------------------------------------------------- the beginning

document.documentElement.lang = LANGUAGE;
for (const one of document.querySelectorAll("[data-say]")) {
  const text = WORDS[LANGUAGE][one.dataset.say];
  if (text) one.textContent = text;
}
get("pad").setAttribute("aria-label", say("pad"));
get("model").addEventListener("change", choose);
for (const one of document.querySelectorAll("input[name=way]")) one.addEventListener("change", way);
get("ask-written").addEventListener("click", askWritten);
get("written").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) askWritten();
});
get("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  state.token = get("token").value;
  begin();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
listenToPad();
listenToFiles();
begin();
