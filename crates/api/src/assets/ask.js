// A question in a dialog: yes or no, or for one value.

import { el } from '/assets/dom.js';

/** Gives true or false; with a `field` its value, or null. */
export function ask({ title, text, yes, no = 'Cancel', danger = false, field = null }) {
  return new Promise((answer) => {
    const input = field && el('input', { id: 'asked', ...field, label: null });
    let result = field ? null : false;
    const dialog = el('dialog', { class: 'question', 'aria-label': title },
      el('form', { method: 'dialog', onsubmit: (event) => {
        event.preventDefault();
        result = field ? input.value : true;
        dialog.close();
      } },
      el('h2', {}, title), text && el('p', { class: 'muted' }, text),
      field && el('p', {}, el('label', { for: 'asked' }, field.label), input),
      el('p', { class: 'actions' },
        el('button', { type: 'button', onclick: () => dialog.close() }, no),
        el('button', { class: danger ? 'danger' : 'main' }, yes))));
    dialog.addEventListener('close', () => { dialog.remove(); answer(result); });
    dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    dialog.showModal();
    input?.select();
  });
}
