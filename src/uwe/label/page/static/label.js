// The page of uwe label: cards in hand, one act at a time, keys. No other place is ever asked.
"use strict";

const $ = (id) => document.getElementById(id);
const setup = JSON.parse($("setup").textContent);
const HELD = `uwe-label:${setup.project}:${setup.who}:act`;
const KEYS = `uwe-label:${setup.project}:keys`;
const AHEAD = 4; // cards in hand, of which the first is on the screen
const RENEW = 60_000; // milliseconds after which claims are renewed
const TINY = 256; // pixels below which an image is enlarged with sharp edges

const made = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const pause = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds));
const noneTold = setup.is_drawn ? "no object" : "none of them";
const written = (label) => (Array.isArray(label) ? label.join(", ") || noneTold : String(label));
const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
const isMany = setup.classes.length > 12;

// What the server says, and what it does not answer.

const say = (text, state = "") => {
  $("saved").textContent = text;
  $("saved").dataset.state = state;
};
const notice = (text) => {
  $("notice").hidden = !text;
  $("notice").textContent = text || "";
};
const clock = (at) => new Date(at).toLocaleTimeString([], { hour12: false });

let isOffline = false;
const offline = (waiting) => {
  isOffline = true;
  const many = waiting === 1 ? "1 answer waits" : `${waiting} answers wait`;
  say(waiting ? `offline: ${many}; trying again` : "offline; trying again", "offline");
};

let isThere = true; // whether the person did anything since the claims were renewed
const renew = () => {
  if (!queue.length || isBusy || !isThere) return; // what an idle page holds goes to others
  isThere = false;
  deal(true);
};

// Send until the server answers: the same ticket may arrive twice, and is kept once.
const send = async (path, body, waiting = 0) => {
  for (let tries = 0; ; tries += 1) {
    try {
      const reply = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      const data = await reply.json();
      if (reply.status !== 429 && reply.status < 500) {
        if (isOffline) say("connected again", "saved");
        isOffline = false;
        return { ok: reply.ok, status: reply.status, ...data };
      }
      if (reply.status >= 500) notice(data.message);
      if (reply.status >= 500 && !waiting) return { ok: false, status: reply.status, ...data };
    } catch {
      offline(waiting);
    }
    await pause(Math.min(1500, 150 * 2 ** Math.min(tries, 5)));
  }
};

const held = () => JSON.parse(sessionStorage.getItem(HELD) || "null");
const hold = (act) => sessionStorage.setItem(HELD, JSON.stringify(act));
const release = () => sessionStorage.removeItem(HELD);

// Keys: what each command does is below; here is what it is called, and its key.

const COMMANDS = {
  keep: { key: "Enter", told: setup.is_drawn ? "Right as it is" : setup.widget === "choice" ? "Keep the prediction" : "Save the answer" },
  undo: { key: "Backspace", told: "Undo" },
  skip: { key: " ", told: "Skip" },
  flag: { key: "!", told: "Flag" },
  note: { key: ",", told: "Note" },
  alike: { key: "#", told: "Look-alikes" },
  reveal: { key: ".", told: "Show the prediction" },
  search: { key: "/", told: "Find a class" },
  none: { key: "0", told: setup.is_drawn ? "No object in this image" : "None of the classes" },
  drawn: { key: "d", told: setup.widget === "boxes" ? "Show or hide the boxes" : "Show or hide the mask" },
  guide: { key: "g", told: "Guidelines" },
  keys: { key: "?", told: "Keys" },
  zoomIn: { key: "+", told: "Zoom in" },
  zoomOut: { key: "-", told: "Zoom out" },
  fit: { key: "=", told: "Fit the image" },
};
const NAMES = { " ": "Space", Backspace: "Bksp", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
const ARIA = { " ": "Space", "+": "Plus" };
const printed = (key) => NAMES[key] || (key.length === 1 ? key.toUpperCase() : key);
const spoken = (key) => ARIA[key] || key;

const stored = () => {
  try {
    return JSON.parse(localStorage.getItem(KEYS)) || {};
  } catch {
    return {};
  }
};
let chosenKeys = stored(); // {"command:undo": "u", "class:crow": "k", "off": true}
let byKey = new Map();

const partsOf = (name) => {
  const [kind, ...what] = name.split(":"); // a class may have a colon in its name
  return [kind, what.join(":")];
};
const keysOf = (name) => {
  if (chosenKeys[name]) return [chosenKeys[name]];
  const [kind, what] = partsOf(name);
  const own = kind === "command" ? [COMMANDS[what].key] : setup.classes.find((each) => each.name === what).keys;
  const taken = Object.entries(chosenKeys).filter(([other]) => other !== name).map(([, key]) => key);
  return own.filter((key) => !taken.includes(key));
};
const isUsed = (command) =>
  ({
    alike: setup.widget !== "number" && !setup.is_drawn,
    drawn: setup.is_drawn,
    reveal: setup.show === "asked",
    search: isMany,
    none: setup.widget === "choices" || setup.widget === "boxes",
    guide: setup.has_guidelines,
    zoomIn: setup.kind === "images",
    zoomOut: setup.kind === "images",
    fit: setup.kind === "images",
  })[command] ?? true;
const allNames = () => [
  ...Object.keys(COMMANDS).filter(isUsed).map((each) => `command:${each}`),
  ...setup.classes.map((each) => `class:${each.name}`),
];
const readKeys = () => {
  byKey = new Map();
  if (!chosenKeys.off) for (const name of allNames()) for (const key of keysOf(name)) byKey.set(key, name);
  for (const button of document.querySelectorAll("[data-command]")) {
    const keys = chosenKeys.off ? [] : keysOf(`command:${button.dataset.command}`);
    button.querySelector("kbd")?.remove();
    button.removeAttribute("aria-keyshortcuts");
    if (keys.length) {
      button.setAttribute("aria-keyshortcuts", spoken(keys[0]));
      if (!button.closest(".zoom")) button.append(" ", made("kbd", { textContent: printed(keys[0]), ariaHidden: "true" }));
      else button.title = `${COMMANDS[button.dataset.command].told} (${printed(keys[0])})`;
    }
  }
};

// The cards in hand. The first is on the screen.

let queue = [];
let isBusy = false;
let began = 0; // when the item was shown, less the time in which the page was hidden
let hiddenAt = null;
let isRevealed = false;
let isFlagged = false;
let isDrawn = true; // whether boxes or a mask are shown, where there are any
let chosen = new Set();
let isDealing = false;
const images = new Map(); // by row: the element, loaded before it is needed

const current = () => queue[0] || null;
const seconds = () => Math.max(0, Math.round(performance.now() - began) / 1000);
const isGrid = () => $("grid").open;

// The address of an image, with what a model drew over it or without.
const addressOf = (card, withShapes) => (withShapes ? `/items/${card.row}/drawn?${card.prediction.drawn}` : `/items/${card.row}`);
const hasShapes = (card) => Boolean(card?.prediction?.drawn) && isRevealed && isDrawn;
const altOf = (card, withShapes) => (withShapes ? `${card.item.alt}, with what the model says: ${toldOf(card)}` : card.item.alt);
const toldOf = (card) => card.prediction.told ?? noneTold;

const preload = (card) => {
  if (card.item.kind !== "image") return null;
  if (!images.has(card.row)) {
    const image = made("img", { alt: card.item.alt, draggable: false, decoding: "async" });
    image.addEventListener("load", () => image.classList.toggle("tiny", Math.max(image.naturalWidth, image.naturalHeight) < TINY));
    image.addEventListener("error", () => broken(card, image));
    image.src = addressOf(card, setup.show === "yes" && Boolean(card.prediction?.drawn));
    images.set(card.row, image);
    if (images.size > 24) images.delete(images.keys().next().value);
  }
  return images.get(card.row);
};

const broken = async (card, image) => {
  images.delete(card.row);
  let why = "the browser cannot show this image";
  try {
    const reply = await fetch(image.src);
    if (!reply.ok) why = await reply.text();
  } catch {
    why = "the server does not answer";
    setTimeout(() => current()?.row === card.row && showItem(current()), 1000);
  }
  const told = brokenItem(why);
  if (current()?.row === card.row && $("item").contains(image)) $("item").replaceChildren(told);
};
const brokenItem = (why) =>
  made("div", { className: "broken" }, made("strong", { textContent: "This item cannot be shown." }), `${why}. Skip it to go on.`);

const deal = async (renews = false) => {
  const wanted = Math.max(AHEAD - queue.length, 0);
  if (isDealing || (!wanted && !renews)) return;
  isDealing = true;
  try {
    const reply = await send("/deal", { n: wanted, holding: queue.map((card) => card.ticket) });
    if (!reply.ok) {
      notice(reply.message);
      return;
    }
    const known = new Set(queue.map((card) => card.ticket));
    const wasEmpty = !queue.length;
    queue.push(...reply.cards.filter((card) => !known.has(card.ticket)));
    queue.forEach(preload);
    if (wasEmpty) {
      if (queue.length) show();
      else waitFor(reply.waits);
    }
  } finally {
    isDealing = false;
  }
};

const waitFor = (waits) => {
  const told = waits?.done
    ? "All items are labelled or skipped. Thank you."
    : waits?.trouble
      ? `The next items could not be chosen: ${waits.trouble}`
      : waits?.training
        ? "The model is trained and the next items are chosen. They appear here by themselves."
        : "No item is free for you at the moment. The next ones appear here by themselves.";
  $("item").classList.remove("reading", "zoomed");
  $("item").replaceChildren(made("p", { className: "waits", textContent: told }));
  $("name").textContent = "";
  for (const each of ["why", "before"]) $(each).hidden = true;
  $("guess").replaceChildren();
  document.querySelector(".zoom").hidden = true;
  document.body.classList.add("waiting");
  draw();
  setTimeout(() => !queue.length && deal(), waits?.done ? 5000 : 1000);
};

const show = () => {
  const card = current();
  ofOne = null;
  if (!card) return void deal();
  document.body.classList.remove("waiting");
  began = performance.now();
  hiddenAt = document.hidden ? began : null;
  isRevealed = setup.show === "yes" && card.prediction !== null;
  isFlagged = card.flagged;
  chosen = new Set(Array.isArray(card.answer) ? card.answer : []);
  if (setup.widget === "choices" && card.answer === null && isRevealed) chosen = new Set(card.prediction.label);
  $("note").value = card.note;
  $("noting").hidden = !card.note;
  if ($("number")) {
    $("number").value = card.answer ?? "";
    $("wrong").textContent = "";
  }
  if ($("search")) $("search").value = "";
  isDrawn = true;
  showItem(card);
  showBefore(card);
  showWhy(card);
  draw();
  if (!document.querySelector("dialog[open]")) $("stage").focus({ preventScroll: true });
  queue.slice(1).forEach(preload);
};

const showItem = (card) => {
  const { item } = card;
  zoom.reset();
  $("name").textContent = card.id;
  $("item").classList.toggle("reading", item.kind === "text" || item.kind === "values");
  document.querySelector(".zoom").hidden = item.kind !== "image";
  $("item").scrollTop = 0;
  $("item").tabIndex = $("item").classList.contains("reading") ? 0 : -1;
  $("item").replaceChildren(
    {
      image: () => preload(card),
      text: () => made("p", { className: item.text?.length < 300 ? "words short" : "words", dir: "auto", textContent: item.text }),
      values: () => valuesOf(item),
      broken: () => brokenItem(item.reason),
    }[item.kind](),
  );
};

// The image with the boxes or the mask of the model, or without.
const drawShapes = () => {
  const card = current();
  const image = $("item").querySelector("img");
  if (!setup.is_drawn) return;
  const isThere = Boolean(card?.prediction?.drawn) && isRevealed;
  $("drawn").hidden = !isThere;
  $("drawn").setAttribute("aria-pressed", String(isDrawn));
  const shown = hasShapes(card) ? card.prediction.legend : [];
  $("legend").replaceChildren(
    ...shown.map(([name, colour]) => {
      const swatch = made("span", { className: "swatch", ariaHidden: "true" });
      swatch.style.background = colour;
      return made("li", {}, swatch, name);
    }),
  );
  if (!card || !image) return;
  const address = addressOf(card, hasShapes(card));
  if (image.getAttribute("src") !== address) image.src = address;
  image.alt = altOf(card, hasShapes(card));
};

const valuesOf = (item) => {
  const table = made("table", { className: "values" });
  for (const [name, value] of item.values) {
    const row = table.insertRow();
    row.append(made("th", { scope: "row", textContent: name }), made("td", { dir: "auto", textContent: value }));
  }
  if (item.more) table.insertRow().append(made("td", { colSpan: 2, textContent: `and ${item.more} more` }));
  return table;
};

const showBefore = (card) => {
  const had = card.skipped !== null ? `You skipped this item (${card.skipped}).` : card.answer !== null ? `You answered: ${card.answer_told ?? written(card.answer)}.` : "";
  $("before").hidden = !had;
  $("before").textContent = had && `${had} A new answer replaces that.`;
};

const showWhy = (card) => {
  const { lines, neighbour } = card.why;
  $("why").hidden = !lines.length && !neighbour;
  const parts = lines.map((line) => made("p", { textContent: line }));
  if (neighbour) {
    const told = made("p", {}, "Nearest labelled item: ");
    told.append(neighbour.label === null ? "" : made("strong", { textContent: written(neighbour.label) }), made("br"), made("span", { className: "id soft", textContent: neighbour.id }));
    const beside = made("div", { className: "neighbour" });
    if (neighbour.row !== null) beside.append(made("img", { src: `/items/${neighbour.row}/small`, alt: `nearest labelled item ${neighbour.id}`, loading: "lazy" }));
    beside.append(told);
    parts.push(beside);
  }
  $("reasons").replaceChildren(...parts);
};

// What is answered with: the prediction, the classes, the state of the buttons.

const draw = () => {
  drawShapes();
  drawGuess();
  drawChoices();
  const flag = document.querySelector('[data-command="flag"]');
  flag.setAttribute("aria-pressed", String(isFlagged));
  document.querySelector('[data-command="note"]').setAttribute("aria-expanded", String(!$("noting").hidden));
};

const drawGuess = () => {
  const card = current();
  const parts = [];
  if (card?.prediction && isRevealed) {
    if (setup.is_drawn) {
      const right = made("span", { className: "says" }, made("strong", { textContent: "Right as it is" }), ` ${toldOf(card)}`);
      $("guess").replaceChildren(made("button", { type: "button", className: "main", onclick: run.keep }, right, keyShown("keep")));
      $("guess").hidden = false;
      return;
    }
    const { label, confidence } = card.prediction;
    const unit = setup.widget === "number" && setup.unit ? ` ${setup.unit}` : "";
    const number = typeof label === "number" ? String(Math.round(label * 1e4) / 1e4) : written(label);
    const sure = confidence === null || setup.widget === "number" ? "" : ` ${percent(confidence)}`;
    const says = made("span", { className: "says" }, "Model: ", made("strong", { textContent: number + unit }), sure);
    if (setup.widget === "choices") parts.push(says);
    else parts.push(made("button", { type: "button", className: "main", onclick: run.keep }, says, keyShown("keep")));
  } else if (card?.prediction && setup.show === "asked") {
    parts.push(made("button", { type: "button", onclick: run.reveal }, made("span", { className: "says", textContent: "Show the prediction" }), keyShown("reveal")));
  } else if (card && setup.is_drawn) {
    parts.push(made("span", { className: "soft", textContent: "No model says anything of this image: draw it in another tool, or skip it." }));
  } else if (card?.blind) {
    parts.push(made("span", { className: "soft", textContent: "Without a prediction: decide on your own." }));
  }
  $("guess").replaceChildren(...parts);
  $("guess").hidden = !parts.length;
};
const keyShown = (command) => made("kbd", { textContent: chosenKeys.off ? "" : printed(keysOf(`command:${command}`)[0] || ""), ariaHidden: "true", hidden: chosenKeys.off });

const drawChoices = () => {
  if (!$("choices")) return;
  const card = current();
  const said = isRevealed && !isGrid() ? card?.prediction : null; // the grid is about many items
  const ranked = new Map(said ? said.ranked : []);
  const guess = said ? [said.label].flat() : [];
  const sought = ($("search")?.value || "").trim().toLowerCase();
  let shown = setup.classes.filter((each) => each.name.toLowerCase().includes(sought));
  const starts = (each) => (each.name.toLowerCase().startsWith(sought) ? 0 : 1);
  if (sought) shown = [...shown].sort((a, b) => starts(a) - starts(b));
  const likely = isMany && !sought ? shown.filter((each) => ranked.get(each.name) >= 0.02).sort((a, b) => ranked.get(b.name) - ranked.get(a.name)).slice(0, 5) : [];
  const parts = [];
  if (likely.length) parts.push(made("p", { className: "section", textContent: "Likely" }), ...likely.map((each) => choice(each, ranked, guess)), made("p", { className: "section", textContent: "All classes" }));
  parts.push(...shown.map((each) => choice(each, ranked, guess)));
  if (setup.widget === "choices" && !sought) {
    const none = made("button", { type: "button", onclick: run.none }, made("span", { className: "name", textContent: "none of them" }), keyShown("none"));
    parts.push(none);
  }
  if (!shown.length) parts.push(made("p", { className: "section", textContent: "No class has this in its name." }));
  $("choices").classList.toggle("many", isMany);
  $("choices").classList.toggle("pairs", !isMany && setup.classes.length > 6 && setup.classes.every((each) => each.name.length < 13));
  $("choices").replaceChildren(...parts);
  if ($("matches")) $("matches").textContent = sought ? `${shown.length} ${shown.length === 1 ? "class" : "classes"} found; Enter takes ${shown[0]?.name ?? "none"}` : "";
};

const choice = ({ name }, ranked, guess) => {
  const button = made("button", { type: "button" });
  button.dataset.class = name;
  const share = ranked.get(name);
  if (share !== undefined) {
    const bar = made("span", { className: "share" });
    bar.style.width = `${100 * share}%`;
    button.append(bar);
  }
  button.append(made("span", { className: "name", textContent: name }));
  if (share !== undefined && share >= 0.005) button.append(made("span", { className: "percent", textContent: percent(share) }));
  const keys = chosenKeys.off ? [] : keysOf(`class:${name}`);
  if (keys.length) {
    const shown = made("span", { className: "keys", ariaHidden: "true" });
    shown.append(...keys.map((key) => made("kbd", { textContent: printed(key) })));
    button.append(shown);
    button.setAttribute("aria-keyshortcuts", keys.map(spoken).join(" "));
  }
  if (guess.includes(name)) button.classList.add("guessed");
  const card = current();
  if (setup.widget === "choices") button.setAttribute("aria-pressed", String(chosen.has(name)));
  else if (card && card.answer === name) button.setAttribute("aria-current", "true");
  return button;
};

// Acts: one at a time; the next item is shown when the answer is on the server's disk.

const facts = (card) => ({
  ticket: card.ticket,
  seconds: seconds(),
  shown: card.prediction !== null && isRevealed ? (setup.show === "asked" ? "asked" : "yes") : "no",
  note: $("note").value,
  flagged: isFlagged,
});

const act = async (path, body, told) => {
  if (isBusy) return null;
  isBusy = true;
  notice("");
  const late = setTimeout(() => say("saving…"), 120);
  hold({ path, body });
  const count = path === "/answers" ? Object.keys(body.labels).length : 1;
  const reply = await send(path, body, count);
  clearTimeout(late);
  release();
  isBusy = false;
  if (reply.ok) {
    if (reply.at) say(`saved ${clock(reply.at)}${told ? `: ${told}` : ""}`, "saved");
    document.body.dispatchEvent(new CustomEvent("saved"));
  } else {
    say("not saved", "offline");
    notice(reply.message);
  }
  return reply;
};

// Whether the desk has decided otherwise about an item, so that it is not ours to answer any more.
const isGone = (reply) => reply.status === 409;

const forget = (tickets) => {
  queue = queue.filter((card) => !tickets.includes(card.ticket));
};
const go = (reply, tickets) => {
  if (!reply || (!reply.ok && !isGone(reply))) return;
  forget(tickets);
  const kept = $("notice").textContent;
  show();
  if (!reply.ok) notice(kept);
  deal();
};

const answer = async (label) => {
  const card = current();
  if (!card || isBusy) return;
  if (isGrid()) return void (await answerAlike(label));
  const told = label === card.prediction?.label ? (card.prediction.told ?? written(label)) : written(label);
  go(await act("/answer", { ...facts(card), label }, told), [card.ticket]);
};

const skip = async (reason) => {
  const card = current();
  if (!card || isBusy) return;
  $("skipping").close();
  go(await act("/skip", { ...facts(card), reason }, "skipped"), [card.ticket]);
};

const put = (card) => {
  forget([card.ticket]);
  queue = [card, ...queue.filter((each) => each.row !== card.row)];
  show();
};

const run = {
  keep: () => {
    const card = current();
    if (!card) return;
    if (setup.widget === "choices") {
      if (chosen.size) return void answer(setup.classes.map((each) => each.name).filter((name) => chosen.has(name)));
      const told = "Choose one class or several, or say that there is none of them.";
      return void (isGrid() ? ($("grid-count").textContent = told) : notice(told));
    }
    if (setup.widget === "number" && $("number").value.trim()) return void sendNumber();
    if (isGrid()) return void ($("grid-count").textContent = "Choose a class for the chosen items."); // the prediction is of one
    if (isRevealed && card.prediction) return void answer(card.prediction.label);
    if (setup.is_drawn) return void notice(card.prediction ? "What the model says is hidden. Show it first." : "No model says anything of this image. Draw it in another tool, or skip it.");
    notice(card.prediction ? "The prediction is hidden. Show it first, or choose." : "There is no prediction to keep for this item. Choose an answer.");
  },
  none: () => answer([]),
  drawn: () => {
    if (!current()?.prediction?.drawn || !isRevealed) return;
    isDrawn = !isDrawn;
    draw();
  },
  undo: async () => {
    if (isGrid()) $("grid").close();
    const once = `${Date.now()}-${Math.random()}`; // sent again after a lost reply, it undoes nothing more
    const reply = await act("/undo", { once }, "");
    if (!reply?.ok) return;
    if (!reply.card) return void notice("There is nothing to undo.");
    say("taken back", "saved");
    put(reply.card);
  },
  skip: () => {
    if (!current() || isGrid()) return;
    $("reason").value = "";
    $("skipping").showModal();
    $("skipping").querySelector("[data-reason]").focus();
  },
  flag: () => {
    if (isGrid()) return; // flag and note are about one item
    isFlagged = !isFlagged;
    draw();
    say(isFlagged ? "flagged with your answer" : "no longer flagged");
  },
  note: () => {
    if (isGrid()) return;
    $("noting").hidden = !$("noting").hidden;
    if (!$("noting").hidden) $("note").focus();
    draw();
  },
  reveal: () => {
    if (isGrid()) return;
    isRevealed = setup.show !== "never" && current()?.prediction !== null;
    if (setup.widget === "choices" && isRevealed && !chosen.size) chosen = new Set(current().prediction.label);
    draw();
  },
  search: () => $("search")?.focus(),
  guide: () => setup.has_guidelines && $("guidelines").showModal(),
  keys: () => {
    drawKeys();
    $("keyboard").showModal();
  },
  zoomIn: () => zoom.by(1.4),
  zoomOut: () => zoom.by(1 / 1.4),
  fit: () => zoom.reset(),
  alike: async () => {
    if (!current() || isBusy || setup.widget === "number") return;
    if (isGrid()) return void $("grid").close();
    const reply = await send("/alike", { n: 24 });
    if (!reply.ok) return void notice(reply.message);
    if (reply.cards.length < 2) return void notice("No look-alikes are known yet: they come from the features of the first model.");
    openGrid(reply.cards);
  },
};

const choose = (name) => {
  if (!current() && !isGrid()) return;
  if (setup.widget === "choice") return void answer(name);
  if (chosen.has(name)) chosen.delete(name);
  else chosen.add(name);
  notice("");
  drawChoices();
};

// Numbers. A comma is a decimal comma, unless it may stand between thousands.

const NUMBER = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?$/i;
const THOUSANDS = /^[+-]?[1-9]\d{0,2},\d{3}$/;

const sendNumber = () => {
  const typed = $("number").value.trim();
  const value = NUMBER.test(typed) ? Number(typed.replace(",", ".")) : NaN;
  const [low, high] = setup.bounds || [-Infinity, Infinity];
  const wrong = THOUSANDS.test(typed) ? `${typed} can be read in two ways; write ${typed.replace(",", "")} or ${typed.replace(",", ".")}.` : !Number.isFinite(value) ? `${typed || "An empty field"} is not a number.` : value < low || value > high ? `${value} is outside ${low} to ${high}.` : "";
  $("wrong").textContent = wrong;
  $("number").setAttribute("aria-invalid", String(Boolean(wrong)));
  if (!wrong) answer(value);
};

// Look-alikes.

let tiles = [];
let apart = new Set(); // tickets that stay open
let ofOne = null; // the classes that were chosen for the single item, while the grid is open

const openGrid = (cards) => {
  tiles = cards;
  apart = new Set();
  [ofOne, chosen] = [chosen, new Set()];
  $("grid-answers").append($("ask").querySelector("#answers"));
  drawTiles();
  $("grid").showModal();
  draw();
  $("tiles").querySelector("button")?.focus();
};
const drawTiles = () => {
  $("tiles").replaceChildren(...tiles.map(tile));
  countTiles();
};
const countTiles = () => {
  const n = tiles.length - apart.size;
  $("grid-count").textContent = `One key labels ${n === 1 ? "the chosen item" : `the ${n} chosen items`}; ${apart.size ? `${apart.size} stay open` : "click one to leave it out"}.`;
};
const tile = (card) => {
  const button = made("button", { type: "button", title: card.id });
  button.dataset.ticket = card.ticket;
  button.setAttribute("aria-pressed", "true");
  button.setAttribute("aria-label", card.id);
  const { item } = card;
  const inner = item.kind === "image"
    ? made("img", { src: `/items/${card.row}/small`, alt: "" })
    : made("span", { className: "text", dir: "auto", textContent: item.kind === "text" ? item.text.slice(0, 300) : (item.values || []).slice(0, 6).map(([a, b]) => `${a}: ${b}`).join("\n") });
  button.append(inner, made("span", { className: "mark", ariaHidden: "true", textContent: "✓" }));
  return button;
};
const toggleTile = (button) => {
  const { ticket } = button.dataset;
  const isIn = apart.delete(ticket);
  if (!isIn) apart.add(ticket);
  button.setAttribute("aria-pressed", String(isIn));
  button.querySelector(".mark").textContent = isIn ? "✓" : "";
  countTiles();
};
const answerAlike = async (label) => {
  const taken = tiles.map((card) => card.ticket).filter((ticket) => !apart.has(ticket));
  if (!taken.length) return;
  const body = { labels: Object.fromEntries(taken.map((ticket) => [ticket, label])), seconds: seconds() };
  const reply = await act("/answers", body, `${written(label)}, ${taken.length} items`);
  if (!reply || (!reply.ok && !isGone(reply))) return;
  $("grid").close();
  go(reply, reply.ok ? taken : []);
};
$("grid")?.addEventListener("close", () => {
  $("ask").insertBefore($("answers"), $("ask").querySelector(".acts"));
  chosen = ofOne ?? chosen;
  ofOne = null;
  draw();
  $("stage").focus({ preventScroll: true });
});

// Zoom.

const zoom = {
  scale: 1, x: 0, y: 0, from: null,
  image: () => $("item").querySelector("img"),
  apply() {
    const image = this.image();
    if (!image) return;
    const box = $("item").getBoundingClientRect();
    const [right, down] = [(box.width * (this.scale - 1)) / 2, (box.height * (this.scale - 1)) / 2];
    this.x = Math.max(-right, Math.min(right, this.x));
    this.y = Math.max(-down, Math.min(down, this.y));
    image.style.transform = this.scale === 1 ? "" : `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    $("item").classList.toggle("zoomed", this.scale > 1);
  },
  by(factor, at = null) {
    const next = Math.max(1, Math.min(12, this.scale * factor));
    if (at) {
      const box = $("item").getBoundingClientRect();
      const [dx, dy] = [at.clientX - box.left - box.width / 2, at.clientY - box.top - box.height / 2];
      this.x = dx - ((dx - this.x) * next) / this.scale;
      this.y = dy - ((dy - this.y) * next) / this.scale;
    } else {
      this.x *= next / this.scale;
      this.y *= next / this.scale;
    }
    this.scale = next < 1.05 ? 1 : next;
    this.apply();
  },
  reset() {
    Object.assign(this, { scale: 1, x: 0, y: 0 });
    this.apply();
  },
};

// The dialog of keys.

let listening = null;
const drawKeys = () => {
  const table = made("table");
  for (const name of allNames()) {
    const [kind, what] = partsOf(name);
    const told = kind === "command" ? COMMANDS[what].told : what;
    const button = made("button", { type: "button" });
    button.dataset.key = name;
    const keys = keysOf(name).map(printed).join(" or ");
    button.append(listening === name ? "press a key…" : made("kbd", { textContent: keys || "none" }));
    button.setAttribute("aria-label", `${told}: ${keys || "no key"}. Change`);
    const row = table.insertRow();
    row.append(made("th", { scope: "row", textContent: told }), made("td", {}, button));
  }
  $("key-table").replaceChildren(table);
  $("keys-on").checked = !chosenKeys.off;
};
const keepKeys = () => {
  localStorage.setItem(KEYS, JSON.stringify(chosenKeys));
  readKeys();
  draw();
  drawKeys();
};
const listen = (event) => {
  event.preventDefault();
  const name = listening;
  listening = null;
  if (event.key !== "Escape" && event.key !== "Tab") {
    const other = allNames().find((each) => each !== name && keysOf(each).includes(event.key));
    $("key-notice").textContent = other ? `${printed(event.key)} is the key of “${partsOf(other)[1]}”; change that one first.` : "";
    if (!other) chosenKeys[name] = event.key;
  }
  keepKeys();
  document.querySelector(`[data-key="${CSS.escape(name)}"]`)?.focus();
};

// Events.

const isTyping = (target) => target.closest("textarea, select, input:not([type=checkbox]), [contenteditable=true]") !== null;
const isPressed = (event) => (event.key === "Enter" || event.key === " ") && event.target.closest("button, a, summary, label, input") !== null;

const inField = (event) => {
  const { id } = event.target;
  if (event.key === "Escape" && !event.target.closest("dialog:not(#grid)")) {
    event.preventDefault();
    if (id === "search") event.target.value = "";
    drawChoices();
    $(isGrid() ? "tiles" : "stage").focus({ preventScroll: true });
    if (isGrid()) $("tiles").querySelector("button")?.focus();
  }
  if (event.key === "Enter" && id === "search") {
    event.preventDefault();
    const first = event.target.value.trim() && $("choices").querySelector("[data-class]");
    if (first) choose(first.dataset.class);
    if (first && setup.widget === "choices") event.target.value = "";
    if (first && setup.widget === "choices") drawChoices();
  }
  if (event.key === "ArrowDown" && id === "search") {
    event.preventDefault();
    $("choices").querySelector("[data-class]")?.focus();
  }
  if (event.key === "Enter" && id === "reason") {
    event.preventDefault();
    $("other-reason").click();
  }
  if (event.key === "Enter" && id === "number" && !event.target.value.trim()) {
    event.preventDefault();
    run.keep();
  }
};

const moveBy = (event) => {
  const within = event.target.closest?.("#choices, #tiles");
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!within || !step) return false;
  const buttons = [...within.querySelectorAll("button")];
  buttons[(buttons.indexOf(event.target) + step + buttons.length) % buttons.length]?.focus();
  event.preventDefault();
  return true;
};

const pressed = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (listening) return void listen(event);
  if (isTyping(event.target)) return void inField(event);
  if (moveBy(event) || event.repeat) return;
  const dialog = document.querySelector("dialog[open]");
  if (dialog === $("skipping") && /^[1-9]$/.test(event.key)) {
    event.preventDefault();
    return void dialog.querySelectorAll("[data-reason]")[Number(event.key) - 1]?.click();
  }
  if (isPressed(event)) return;
  const name = byKey.get(event.key) ?? byKey.get(event.key.toLowerCase());
  if (dialog === $("guidelines") && name === "command:guide") return void dialog.close();
  if (dialog && dialog !== $("grid")) return;
  if (setup.widget === "number" && !dialog && /^[0-9.,-]$/.test(event.key) && !chosenKeys[name]) {
    $("number").value = "";
    return void $("number").focus(); // the key itself goes into the field
  }
  if (!name) return;
  event.preventDefault();
  const [kind, what] = partsOf(name);
  if (kind === "class") choose(what);
  else run[what]();
};

const clicked = (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.command) run[button.dataset.command]();
  else if (button.dataset.class !== undefined) choose(button.dataset.class);
  else if (button.dataset.reason) skip(button.dataset.reason);
  else if (button.dataset.again) again(Number(button.dataset.again));
  else if (button.dataset.ticket) toggleTile(button);
  else if (button.dataset.key) {
    listening = button.dataset.key;
    $("key-notice").textContent = "";
    drawKeys();
    document.querySelector(`[data-key="${CSS.escape(listening)}"]`)?.focus();
  } else if ("close" in button.dataset) button.closest("dialog").close();
};

const again = async (row) => {
  if (isBusy) return;
  const reply = await send("/again", { row });
  if (reply.ok) put(reply.card);
  else notice(reply.message);
};

// Settling, on a page of its own.

const settle = async (element) => {
  const label = element.tagName === "SELECT" ? element.value : JSON.parse(element.dataset.label);
  if (label === "") return;
  const item = element.closest("li");
  const reply = await send("/settle", { row: Number(element.dataset.settle), label }, 1);
  if (!reply.ok) return void notice(reply.message);
  say(`saved ${clock(reply.at)}: ${written(label)}`, "saved");
  item.classList.add("settled");
  item.querySelector(".choices").replaceChildren(made("p", { textContent: `Settled: ${written(label)}.` }));
};

const startSettling = () => {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-settle]");
    if (button) settle(button);
  });
  document.addEventListener("change", (event) => event.target.matches("select[data-settle]") && settle(event.target));
};

const startLabelling = async () => {
  readKeys();
  if ($("find")) $("find").hidden = !isMany;
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", clicked);
  $("search")?.addEventListener("input", drawChoices);
  $("numbers")?.addEventListener("submit", (event) => {
    event.preventDefault();
    run.keep();
  });
  $("other-reason").addEventListener("click", () => {
    const reason = $("reason").value.trim();
    if (reason) skip(reason);
    else $("reason").focus();
  });
  $("keys-on").addEventListener("change", (event) => {
    if (event.target.checked) delete chosenKeys.off;
    else chosenKeys.off = true;
    keepKeys();
  });
  $("keys-reset").addEventListener("click", () => {
    chosenKeys = {};
    keepKeys();
  });
  $("note").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    $("stage").focus({ preventScroll: true });
  });
  const frame = $("item");
  frame.addEventListener("dblclick", (event) => (zoom.scale > 1 ? zoom.reset() : zoom.by(2.5, event)));
  frame.addEventListener("wheel", (event) => {
    if (!zoom.image() || !(event.ctrlKey || zoom.scale > 1)) return;
    event.preventDefault();
    zoom.by(event.deltaY < 0 ? 1.15 : 1 / 1.15, event);
  }, { passive: false });
  frame.addEventListener("pointerdown", (event) => {
    if (zoom.scale === 1) return;
    zoom.from = { x: event.clientX - zoom.x, y: event.clientY - zoom.y };
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!zoom.from) return;
    zoom.x = event.clientX - zoom.from.x;
    zoom.y = event.clientY - zoom.from.y;
    zoom.apply();
  });
  for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, () => (zoom.from = null));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hiddenAt = performance.now();
    else if (hiddenAt !== null) {
      began += performance.now() - hiddenAt;
      hiddenAt = null;
    }
  });
  for (const sign of ["keydown", "pointerdown", "pointermove", "wheel"]) document.addEventListener(sign, () => (isThere = true), { passive: true });
  setInterval(renew, RENEW);
  let refused = "";
  const act = held(); // of this page before it was loaded again
  if (act) {
    const reply = await send(act.path, act.body, 1);
    if (reply.ok && reply.at) say(`saved ${clock(reply.at)}`, "saved");
    if (!reply.ok) refused = reply.message;
    release();
  }
  await deal();
  if (refused) {
    say("not saved", "offline");
    notice(refused);
  }
};

if (document.body.classList.contains("settling")) startSettling();
else startLabelling();
