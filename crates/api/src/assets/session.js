// The question for a token, for browsers that are not on the manager's own machine.

import { inWords, post } from '/assets/api.js';
import { el, put } from '/assets/dom.js';

/** Asks in place of a view; `letIn` is called once the manager took it. */
export function askToken(main, error, letIn) {
  const input = el('input', { type: 'password', id: 'token', autocomplete: 'current-password', required: true });
  // The first question needs no excuse; a token that was good until now does.
  const said = el('p', { class: 'bad', role: 'alert' }, error && /expired|taken back/.test(error.message) ? inWords(error) : '');
  const form = el('form', { class: 'token' },
    el('h1', {}, 'This manager wants a token'),
    el('p', { class: 'muted' }, 'You are not on its own machine. Its owner gives out tokens, and has one.'),
    el('label', { for: 'token' }, 'Token'), input, el('button', { class: 'main' }, 'Open'), said);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      await post('/session', { token: input.value.trim() });
      letIn();
    } catch (refused) { put(said, inWords(refused)); }
  });
  put(main, form);
  input.focus();
}
