// What belongs to every view: colours, the list of keys, and getting to the search field.

import { el, put } from '/assets/dom.js';
import { isElsewhere } from '/assets/keys.js';

const THEMES = [
  [null, '◐', 'Colours: as your system has them'],
  ['dark', '☾', 'Colours: dark'],
  ['light', '☀', 'Colours: light'],
];

export function switchTheme() {
  const button = document.getElementById('theme');
  const root = document.documentElement;
  let at = Math.max(0, THEMES.findIndex(([name]) => name === (root.dataset.theme ?? null)));
  const show = () => {
    const [name, sign, words] = THEMES[at];
    if (name) root.dataset.theme = name; else delete root.dataset.theme;
    put(button, sign);
    button.title = words;
    button.setAttribute('aria-label', words);
  };
  button.addEventListener('click', () => {
    at = (at + 1) % THEMES.length;
    show();
    try {
      if (THEMES[at][0]) localStorage.setItem('candela-theme', THEMES[at][0]);
      else localStorage.removeItem('candela-theme');
    } catch { /* Storage is blocked: it holds until the page is left. */ }
  });
  show();
}

const KEYS = [
  ['/', 'search'],
  ['j k, ↓ ↑', 'next, one before; ← → on the contact sheet'],
  ['Enter', 'open'],
  ['Space, x', 'select; with Shift, all from the one before'],
  ['a', 'select all that are listed'],
  ['Esc', 'close, or select none'],
  ['← →', 'in a frame or a film: the frame before, the next'],
  ['Space', 'in a film: play and pause'],
  ['g j, g n, g w, g a', 'to jobs, nodes, network, account'],
  ['?', 'this list'],
];

function showKeys() {
  const dialog = el('dialog', { class: 'question', 'aria-label': 'Keyboard' },
    el('h2', {}, 'Keyboard'),
    el('dl', { class: 'keylist' }, ...KEYS.flatMap(([keys, what]) => [el('dt', {}, el('kbd', {}, keys)), el('dd', {}, what)])),
    el('p', { class: 'actions' }, el('button', { onclick: () => dialog.close() }, 'Close')));
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

const PLACES = { j: '#/', n: '#/nodes', w: '#/network', a: '#/account' };

/** Sets up what is around `main`. */
export function shell(main) {
  switchTheme();
  document.getElementById('keys')?.addEventListener('click', showKeys);
  document.querySelector('.skip').addEventListener('click', (event) => { event.preventDefault(); main.focus(); });
  let going = -Infinity;
  // Before the views hear of it, so that `g j` is no step down a list.
  addEventListener('keydown', (event) => {
    if (event.target.matches?.('input[data-search]') && event.key === 'Escape') {
      // The words stay, as what is listed does: by itself the browser takes them away and tells nobody.
      event.preventDefault();
      return event.target.blur();
    }
    if (isElsewhere(event)) return;
    const search = main.querySelector('[data-search]');
    if (event.timeStamp - going < 1000 && event.key in PLACES) location.hash = PLACES[event.key];
    else if (event.key === 'g') { going = event.timeStamp; return; }
    else if (event.key === '/' && search) { search.focus(); search.select(); }
    else if (event.key === '?') showKeys();
    else return;
    going = -Infinity;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, { capture: true });
}
