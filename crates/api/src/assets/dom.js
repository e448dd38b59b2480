// Building the page. All text goes in as text: names come from strangers.

const SVG = 'http://www.w3.org/2000/svg';

/** An element: el('p', {class: 'note', onclick: f}, 'text', other). Null and false are left out. */
export const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

/** The same of a drawing. */
export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function fill(element, attributes = {}, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  return put(element, ...children);
}

/** Replaces what is in an element. */
export function put(element, ...children) {
  const kept = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  element.replaceChildren(...kept.map((child) => (child instanceof Node ? child : document.createTextNode(String(child)))));
  return element;
}

/** Changes a text only if it is another, so that nothing is read aloud twice. */
export function tell(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Has what changes in an element in the next moments be read aloud, because the reader asked for it. */
export function aloud(element) {
  element.setAttribute('role', 'status');
  setTimeout(() => element.removeAttribute('role'), 3000);
}

export const state = (word) => el('span', { class: `state ${word}` }, word);

const PARTS = ['accepted', 'verifying', 'rendering', 'failed'];

/** How many frames are how far, as one bar. */
export function bar(counts) {
  const parts = PARTS.map((word) => {
    const part = el('span', { class: `part ${word}` });
    part.style.width = `${counts.all ? (100 * counts[word]) / counts.all : 0}%`;
    return part;
  });
  return el('span', {
    class: 'bar', role: 'progressbar', 'aria-valuemin': 0, 'aria-valuemax': counts.all || 1,
    'aria-valuenow': counts.accepted, 'aria-label': `${counts.accepted} of ${counts.all} frames verified`,
  }, ...parts);
}

/** A figure with its meaning under it; a bad one is coloured. */
export const figure = (value, meaning, bad = false) => el('div', { class: bad ? 'figure bad' : 'figure' }, el('b', {}, value), el('span', {}, meaning));

/** What is shown where there is nothing: a heading and sentences, or elements. */
export const nothing = (title, ...about) => el('div', { class: 'empty' }, el('h2', {}, title),
  ...about.map((text) => (text instanceof Node ? text : el('p', {}, text))));

/** A choice of one from several, as a row of buttons: `options` are [value, text]. */
export function choice(label, options, chosen, choose) {
  const buttons = options.map(([value, text]) => el('button', {
    type: 'button', 'aria-pressed': String(value === chosen), 'data-value': value,
    onclick: (event) => {
      for (const button of buttons) button.setAttribute('aria-pressed', String(button === event.currentTarget));
      choose(value);
    },
  }, text));
  return el('div', { class: 'choice', role: 'group', 'aria-label': label }, ...buttons);
}
