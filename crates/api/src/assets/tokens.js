// Tokens with which people and programs use the manager from elsewhere: made, shown once, taken back.

import { get, inWords, post, remove } from '/assets/api.js';
import { ask } from '/assets/ask.js';
import { el, put } from '/assets/dom.js';
import { ago, day } from '/assets/format.js';
import { say, sayNo } from '/assets/say.js';
import { secret } from '/assets/secret.js';

const DAY_S = 86400;
const KINDS = [['read submit', 'look and submit'], ['read', 'look only'], ['read submit operate', 'do everything']];

export function tokenBoard() {
  const list = el('div');
  const made = el('div');
  const name = el('input', { maxlength: 100, required: true, placeholder: 'ada’s laptop' });
  const user = el('input', { maxlength: 100, placeholder: 'ada' });
  const kind = el('select', {}, ...KINDS.map(([value, text]) => el('option', { value }, text)));
  const until = el('select', {}, el('option', { value: '' }, 'until it is taken back'), el('option', { value: 30 * DAY_S }, 'a month'),
    el('option', { value: 7 * DAY_S }, 'a week'), el('option', { value: DAY_S }, 'a day'));
  const form = el('form', { class: 'inline', 'aria-label': 'Make a token' },
    el('label', {}, 'Name ', name), el('label', {}, 'User ', user), el('label', {}, 'May ', kind), el('label', {}, 'Good ', until),
    el('button', { class: 'main' }, 'Make a token'));
  // Jobs need a name to go by; who only looks, or does everything, needs none.
  const wantUser = () => { user.required = kind.value === 'read submit'; };
  kind.addEventListener('change', wantUser);
  wantUser();
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const request = { name: name.value.trim(), scopes: kind.value.split(' ') };
    if (user.value.trim()) request.user = user.value.trim();
    if (until.value) request.expires_s = Number(until.value);
    try {
      const { token } = await post('/tokens', request);
      put(made, secret('The token', token, 'It is shown this once. Who has it may use the network with it.'));
      form.reset();
      wantUser();
      read(list);
    } catch (error) { sayNo(error); }
  });
  read(list);
  return el('section', { class: 'board wide', 'aria-label': 'Tokens' }, el('h2', {}, 'Tokens'),
    el('p', { class: 'muted' }, 'One for each person, program or machine that uses this manager from elsewhere. Jobs get the name of the token’s user.'),
    form, made, list);
}

async function read(place) {
  let tokens;
  try { tokens = await get('/tokens'); } catch (error) { return put(place, el('p', { class: 'bad' }, inWords(error))); }
  const revoke = async (token) => {
    const sure = await ask({ title: `Take the token “${token.name}” back?`, text: 'Whoever uses it is refused from then on. Jobs that were submitted with it go on.', yes: 'Take it back', no: 'Leave it', danger: true });
    if (!sure) return;
    try { await remove(`/tokens/${token.id}`); say(`The token “${token.name}” is taken back.`); } catch (error) { sayNo(error); }
    read(place);
  };
  const standing = (token) => (token.revoked ? 'taken back' : token.expires_at_ms === null ? 'good until it is taken back'
    : token.expires_at_ms < Date.now() ? 'over' : `good until ${day(token.expires_at_ms)}`);
  const cells = (tag, texts) => el('tr', {}, ...texts.map((text) => el(tag, tag === 'th' ? { scope: 'col' } : {}, text)));
  if (!tokens.length) return put(place, el('p', { class: 'muted' }, 'None was made yet.'));
  put(place, el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Tokens that were made' }, el('table', {},
    el('thead', {}, cells('th', ['Name', 'User', 'Scopes', 'Made', 'Standing', el('span', { class: 'unseen' }, 'Action')])),
    el('tbody', {}, ...tokens.toReversed().map((token) => cells('td', [
      token.name, token.user ?? '–', token.scopes.join(', '), ago(token.created_at_ms), standing(token),
      token.revoked ? '' : el('button', { onclick: () => revoke(token), 'aria-label': `Take the token ${token.name} back` }, 'Take back'),
    ]))))));
}
