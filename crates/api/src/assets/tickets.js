// Tickets with which machines join: made here, and taken back.

import { get, inWords, post, remove } from '/assets/api.js';
import { ask } from '/assets/ask.js';
import { el, put } from '/assets/dom.js';
import { ago, day } from '/assets/format.js';
import { say, sayNo } from '/assets/say.js';
import { secret } from '/assets/secret.js';

const DAY_S = 86400;

/** A form that makes a ticket, and the tickets there are. */
export function ticketForm() {
  const owner = el('input', { id: 'ticket-owner', maxlength: 100, placeholder: 'each to itself' });
  const kind = el('select', { id: 'ticket-kind' }, el('option', { value: 'worker' }, 'a worker'), el('option', { value: 'verifier' }, 'a verifier'),
    el('option', { value: 'worker verifier' }, 'both'));
  const until = el('select', { id: 'ticket-until' }, el('option', { value: DAY_S }, 'a day'), el('option', { value: 7 * DAY_S }, 'a week'),
    el('option', { value: 30 * DAY_S }, 'a month'), el('option', { value: '' }, 'for ever'));
  const made = el('div');
  const list = el('div');
  const form = el('form', { class: 'inline', 'aria-label': 'Make a ticket' },
    el('label', {}, 'For ', kind), el('label', {}, 'Owner ', owner), el('label', {}, 'Good for ', until), el('button', { class: 'main' }, 'Make a ticket'));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      const { ticket } = await post('/tickets', {
        roles: kind.value.split(' '), owner: owner.value.trim() || null, expires_s: until.value ? Number(until.value) : null,
      });
      put(made, secret('The ticket', ticket, 'Whoever has it may join: give it to the machine’s owner only.'));
      readTickets(list);
    } catch (error) { sayNo(error); }
  });
  const all = el('details', {}, el('summary', {}, 'Tickets that were made'), list);
  all.addEventListener('toggle', () => { if (all.open) readTickets(list); });
  return el('div', {}, form, made, all);
}

async function readTickets(place) {
  let tickets;
  try { tickets = await get('/tickets'); } catch (error) { return put(place, el('p', { class: 'bad' }, inWords(error))); }
  const revoke = async (ticket) => {
    const sure = await ask({ title: 'Take this ticket back?', text: 'Nobody joins with it any more, and the nodes that did have to leave.', yes: 'Take it back', no: 'Leave it', danger: true });
    if (!sure) return;
    try { await remove(`/tickets/${ticket.id}`); say('The ticket is taken back.'); } catch (error) { sayNo(error); }
    readTickets(place);
  };
  const standing = (ticket) => (ticket.revoked ? 'taken back' : ticket.expires_at_ms === null ? 'good for ever'
    : ticket.expires_at_ms < Date.now() ? 'over' : `good until ${day(ticket.expires_at_ms)}`);
  const cells = (tag, texts) => el('tr', {}, ...texts.map((text) => el(tag, tag === 'th' ? { scope: 'col' } : {}, text)));
  put(place, el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Tickets' }, el('table', {},
    el('thead', {}, cells('th', ['Ticket', 'For', 'Owner', 'Made', 'Standing', el('span', { class: 'unseen' }, 'Action')])),
    el('tbody', {}, ...tickets.toReversed().map((ticket) => cells('td', [
      el('code', {}, ticket.id.slice(0, 8)), ticket.manager ? 'a manager' : ticket.roles.join(' and '), ticket.owner ?? 'each to itself',
      ago(ticket.created_at_ms), standing(ticket),
      ticket.revoked ? '' : el('button', { onclick: () => revoke(ticket), 'aria-label': `Take ticket ${ticket.id.slice(0, 8)} back` }, 'Take back'),
    ]))))));
}
