// Building the page. All text goes in as text: names come from strangers.

/** An element: el('p', {class: 'note', onclick: f}, 'text', other). Null and false are left out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  put(element, ...children);
  return element;
}

/** Replaces what is in an element. */
export function put(element, ...children) {
  const kept = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  element.replaceChildren(...kept.map((child) => (child instanceof Node ? child : document.createTextNode(String(child)))));
  return element;
}

/** 8 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 && s < 600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.round(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.round((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.round((s % 86400) / 3600)} h`;
}

export function ago(ms) {
  const seconds = Math.max(0, (Date.now() - ms) / 1000);
  if (seconds < 45) return 'just now';
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(ms).toLocaleDateString(undefined, { dateStyle: 'medium' });
}

export function size(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit += 1) bytes /= 1024;
  return `${bytes.toFixed(unit && bytes < 10 ? 1 : 0)} ${units[unit]}`;
}

export const count = (n) => n.toLocaleString('en');

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** Probabilities that only matter by their order of magnitude. */
export function probability(p) {
  if (p >= 0.001) return p.toFixed(3);
  return p === 0 ? '0' : `10${superscript(Math.floor(Math.log10(p)))}`;
}

const superscript = (n) => String(n).replace(/[-\d]/g, (c) => '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'['-0123456789'.indexOf(c)]);

export const state = (word) => el('span', { class: `state ${word}` }, word);

/** How many frames are how far, as one bar. */
export function bar(counts) {
  const parts = ['accepted', 'verifying', 'rendering', 'failed'].map((word) => {
    const part = el('span', { class: `part ${word}` });
    part.style.width = `${counts.all ? (100 * counts[word]) / counts.all : 0}%`;
    return part;
  });
  return el('div', {
    class: 'bar', role: 'progressbar', 'aria-valuemin': 0, 'aria-valuemax': counts.all || 1,
    'aria-valuenow': counts.accepted, 'aria-label': `${counts.accepted} of ${counts.all} frames accepted`,
  }, ...parts);
}

/** A figure with its meaning under it; a bad one is coloured. */
export const figure = (value, meaning, bad = false) => el('div', { class: bad ? 'figure bad' : 'figure' }, el('b', {}, value), el('span', {}, meaning));
