// What came of an action, in a corner of the page; read aloud once, politely.

import { inWords } from '/assets/api.js';
import { el } from '/assets/dom.js';

const place = document.getElementById('said');
const SHOWN_MS = 8000;

/** Says a sentence; with `kept` it stays until it is put away. Gives a function that changes it. */
export function say(text, { bad = false, kept = false, more = null } = {}) {
  const words = el('p', {}, text);
  const note = el('div', { class: bad ? 'said bad' : 'said' }, words, more,
    el('button', { class: 'quiet', 'aria-label': 'Put this message away', onclick: () => note.remove() }, '×'));
  place.append(note);
  while (place.childElementCount > 4) place.firstElementChild.remove();
  if (!kept && !bad) setTimeout(() => note.remove(), SHOWN_MS);
  return { change: (other) => { words.textContent = other; }, end: () => note.remove() };
}

/** Says why something could not be done. */
export const sayNo = (error) => say(inWords(error), { bad: true });
