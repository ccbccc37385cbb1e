"use strict";
(() => {
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const one = (id) => document.getElementById(id);
  document.documentElement.classList.add("ft-js");

  const metric = one("ft-metric"), named = one("ft-cells");
  const narrow = () => {
    const words = named.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of all(".ft-rank details")) {
      const name = row.querySelector(".ft-name").textContent.toLowerCase();
      row.hidden = !words.every((word) => name.includes(word));
    }
  };
  const places = all(".ft-metric").map((part) => part.dataset.metric);
  if (metric) metric.addEventListener("change", () => {
    const chosen = metric.options[metric.selectedIndex].textContent;
    if (places.includes(chosen)) for (const part of all(".ft-metric")) part.classList.toggle("ft-other-metric", part.dataset.metric !== chosen);
  });
  if (named) named.addEventListener("input", narrow);

  for (const rank of all(".ft-rank")) {
    const rows = all(":scope > details", rank), cost = (row) => (row.dataset.cost ? Number(row.dataset.cost) : Infinity);
    for (const head of all("[data-sort]", rank)) {
      const order = () => {
        for (const other of all("[data-sort]", rank)) other.classList.toggle("ft-sorted", other === head);
        for (const row of head.dataset.sort === "cost" ? [...rows].sort((a, b) => (cost(a) < cost(b) ? -1 : cost(a) > cost(b) ? 1 : 0)) : rows) rank.appendChild(row);
      };
      head.tabIndex = 0;
      head.setAttribute("role", "button");
      head.title = head.dataset.sort === "cost" ? "order by cost" : "order by rank";
      head.addEventListener("click", order);
      head.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); order(); } });
    }
  }

  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") target.open = true;
    if (target) target.scrollIntoView({ block: "center" });
  };
  window.addEventListener("hashchange", reveal);
  window.addEventListener("beforeprint", () => all("details").forEach((part) => { part.open = true; }));

  const list = one("ft-examples");
  if (!list) { reveal(); return; }
  const cards = all("article", list);
  const scores = new Map(cards.map((card) => [card, (card.dataset.s || "").split(" ").map((text) => (text === "" ? NaN : Number(text)))]));
  const up = list.dataset.higher === "1" ? 1 : -1;
  const base = one("ft-base"), other = one("ft-other"), order = one("ft-order"), search = one("ft-search"), kind = one("ft-kind"), marks = one("ft-marks"), shown = one("ft-shown");
  const gain = (card) => { const row = scores.get(card); const found = up * (row[+other.value] - row[+base.value]); return Number.isNaN(found) ? 0 : found; };
  const spread = (card) => { const row = scores.get(card).filter((value) => !Number.isNaN(value)); return row.length ? Math.max(...row) - Math.min(...row) : 0; };
  const keys = { split: (card) => +card.dataset.i, disagreement: (card) => -spread(card), gain: (card) => -gain(card), loss: (card) => gain(card) };

  const sorted = () => {
    const key = keys[order.value];
    const rows = cards.map((card) => [key(card), +card.dataset.i, card]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    for (const [, , card] of rows) list.appendChild(card);
  };
  const filtered = () => {
    const words = search.value.toLowerCase();
    const only = one("ft-only").value;
    const pair = new Set([base.value, other.value]);
    let count = 0;
    for (const card of cards) {
      const won = gain(card);
      const outcome = Math.abs(won) < 1e-12 ? "tie" : won > 0 ? "win" : "loss";
      const keep = (kind.value === "all" || kind.value === outcome) && (!words || card.textContent.toLowerCase().includes(words));
      card.hidden = !keep;
      count += keep;
      for (const answer of all(".ft-answer", card)) answer.hidden = only === "pair" && !answer.dataset.c.split(" ").some((cell) => pair.has(cell));
    }
    shown.textContent = `${count} of ${cards.length} examples`;
  };

  const split = (text) => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) || [];
  const marked = (old, text) => {
    const a = split(old).slice(0, 400), words = split(text), b = words.slice(0, 400);
    const width = b.length + 1, length = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--) for (let j = b.length - 1; j >= 0; j--) {
      length[i * width + j] = a[i] === b[j] ? length[(i + 1) * width + j + 1] + 1 : Math.max(length[(i + 1) * width + j], length[i * width + j + 1]);
    }
    const parts = [];
    const put = (tag, word) => { const last = parts[parts.length - 1]; if (last && last[0] === tag) last[1] += word; else parts.push([tag, word]); };
    let i = 0, j = 0;
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i] === b[j]) { put("span", b[j]); i++; j++; }
      else if (j >= b.length || (i < a.length && length[(i + 1) * width + j] >= length[i * width + j + 1])) { put("del", a[i]); i++; }
      else { put("ins", b[j]); j++; }
    }
    if (words.length > 400) put("span", words.slice(400).join(""));
    return parts;
  };
  const plain = new Map();
  const mark = () => {
    for (const card of cards) {
      if (card.hidden) continue;
      const reference = card.querySelector(".ft-reference .ft-text");
      for (const answer of all(".ft-answer", card)) {
        const text = answer.querySelector(".ft-text");
        if (!text || answer.hidden) continue;
        if (!plain.has(text)) plain.set(text, text.textContent);
        text.textContent = "";
        if (marks.value === "nothing" || !reference) { text.textContent = plain.get(text); continue; }
        for (const [tag, words] of marked(reference.textContent, plain.get(text))) {
          const piece = document.createElement(tag);
          piece.textContent = words;
          text.appendChild(piece);
        }
      }
    }
  };
  const again = () => { sorted(); filtered(); if (plain.size || marks.value !== "nothing") mark(); };
  for (const control of [base, other, order, kind, marks, one("ft-only")]) control.addEventListener("change", again);
  search.addEventListener("input", () => { filtered(); if (marks.value !== "nothing") mark(); });
  again();
  reveal();
})();
