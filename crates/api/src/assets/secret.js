// What is shown once: a token or a ticket, with a button that copies it.

import { el, tell } from '/assets/dom.js';

export function secret(title, text, about) {
  const shown = el('input', { readonly: true, value: text, 'aria-label': title, class: 'secret', onfocus: (event) => event.target.select() });
  const copy = el('button', { type: 'button', onclick: async () => {
    shown.select();
    try { await navigator.clipboard.writeText(text); } catch {
      // Over plain HTTP from elsewhere browsers keep the clipboard; the text is selected, and Ctrl-C copies it.
      return tell(copy, 'Press Ctrl-C');
    }
    tell(copy, 'Copied');
    setTimeout(() => tell(copy, 'Copy'), 2000);
  } }, 'Copy');
  return el('div', { class: 'notice good shown' }, el('p', {}, el('b', {}, `${title}.`), ' ', about), el('p', { class: 'copied' }, shown, copy));
}
