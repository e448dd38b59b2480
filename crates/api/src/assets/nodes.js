// The nodes: what they are, what they do, and what their record says.

import { calmly, get, watch } from '/assets/api.js';
import { aloud, choice, el, nothing, put, state, tell } from '/assets/dom.js';
import { count, percent, plural } from '/assets/format.js';
import { moveThrough } from '/assets/keys.js';
import { operates } from '/assets/me.js';
import { doing, openNode, wordOf } from '/assets/node.js';
import { ticketForm } from '/assets/tickets.js';
import { virtual } from '/assets/virtual.js';

const KINDS = [['', 'All'], ['worker', 'Workers'], ['verifier', 'Verifiers'], ['busy', 'Busy'], ['away', 'Away'], ['suspended', 'Suspended']];

const isBusy = (node) => node.tasks.length + node.verifications > 0;
const FITS = {
  '': () => true,
  worker: (node) => node.roles.includes('worker'),
  verifier: (node) => node.roles.includes('verifier'),
  busy: isBusy,
  away: (node) => !node.linked,
  suspended: (node) => Boolean(node.suspended),
};

export function showNodes({ main, fail, tellLive }, words) {
  const holder = el('div', { class: 'rows', role: 'grid', 'aria-label': 'Nodes' });
  const none = el('div', { hidden: true });
  const found = el('p', { class: 'found muted' });
  const join = el('section', { class: 'join', 'aria-label': 'Lend a machine', hidden: true });
  let nodes = new Map();
  let kind = '';
  let search = '';
  let ended = false;
  let openOne = null;

  const list = virtual(holder, {
    key: (node) => node.id,
    handle: (row) => row,
    number: (row, index) => row.setAttribute('aria-rowindex', index + 1),
    layout: (width) => ({ columns: 1, height: width < 700 ? 108 : 60, gap: 6 }),
    draw: (node, index) => nodeRow(node, keys.isCurrent(node, index)),
  });
  const open = (node) => {
    keys.at(node);
    openOne = openNode(node, () => { openOne = null; });
  };
  const keys = moveThrough(list, { name: (node) => node.id, open });
  holder.addEventListener('click', (event) => {
    const node = nodes.get(event.target.closest('[data-node]')?.dataset.node);
    if (node) open(node);
  });

  const draw = () => {
    if (ended) return;
    const has = (text) => text?.toLowerCase().includes(search);
    const shown = [...nodes.values()].filter((node) => FITS[kind](node)
      && (!search || [node.name, node.owner, node.device, node.id].some(has)));
    list.set(shown);
    holder.setAttribute('aria-rowcount', shown.length);
    holder.hidden = !shown.length;
    none.hidden = Boolean(shown.length);
    if (!none.hidden) put(none, nodes.size ? nothing('No node matches', 'Try other words or another kind.') : nothing('No nodes yet', 'A machine joins with a ticket.'));
    const connected = [...nodes.values()].filter((node) => node.linked).length;
    tell(found, shown.length === nodes.size ? `${count(connected)} of ${plural(nodes.size, 'node')} connected` : `${count(shown.length)} of ${plural(nodes.size, 'node')}`);
    if (openOne && nodes.has(openOne.id)) openOne.draw(nodes.get(openOne.id));
  };
  const read = async () => {
    try {
      const all = await get('/nodes');
      nodes = new Map(all.map((node) => {
        const old = nodes.get(node.id);
        return [node.id, old && JSON.stringify(old) === JSON.stringify(node) ? old : node];
      }));
      draw();
      if (!ended) tellLive(true);
    } catch (error) { if (!ended) fail(error, readSoon); }
  };
  const readSoon = calmly(1000, () => ended || read());
  const drawSoon = calmly(150, draw);

  put(main,
    el('div', { class: 'head' }, el('h1', {}, 'Nodes'), found,
      el('span', { class: 'actions' }, el('button', { 'aria-expanded': 'false', onclick: (event) => {
        join.hidden = !join.hidden;
        event.currentTarget.setAttribute('aria-expanded', String(!join.hidden));
        if (!join.hidden && !join.childElementCount) put(join, ...howToJoin());
      } }, 'Lend a machine …'))),
    join,
    el('div', { class: 'filters', role: 'search' },
      el('input', {
        type: 'search', 'data-search': true, 'aria-label': 'Search nodes', placeholder: 'Search names, owners, devices  ( / )', maxlength: 200,
        oninput: (event) => { aloud(found); search = event.target.value.trim().toLowerCase(); drawSoon(); },
      }),
      choice('Which nodes', KINDS, '', (value) => { aloud(found); kind = value; draw(); })),
    holder, none);
  const stop = watch('/events', {
    reset: readSoon, frame: readSoon,
    node: (node) => { nodes.set(node.id, node); drawSoon(); },
  }, tellLive);
  // Nodes fall silent without an event.
  const timer = setInterval(readSoon, 10000);
  read().then(() => { const node = nodes.get(words.get('node')); if (node && !ended) open(node); });
  return () => { ended = true; stop(); clearInterval(timer); list.end(); keys.end(); document.querySelector('dialog')?.close(); };
}

function nodeRow(node, current) {
  const cell = (name, ...inside) => el('span', { role: 'gridcell', class: `cell ${name}` }, ...inside);
  const word = wordOf(node);
  const { record } = node;
  const worker = node.roles.includes('worker');
  return el('div', { role: 'row', class: `node ${word}`, tabindex: current ? 0 : -1, 'data-node': node.id },
    cell('name', el('b', {}, node.name), el('span', { class: 'muted sub' }, [node.roles.join(' and '), !node.id.startsWith(node.owner) && node.owner].filter(Boolean).join(' · '))),
    cell('status', state(word)),
    cell('doing', doing(node), el('span', { class: 'muted sub' }, node.device ?? '')),
    cell('number', worker ? el('b', {}, percent(node.check_rate)) : null, worker ? el('span', { class: 'muted sub' }, 'checked') : null),
    cell('number', el('b', {}, count(worker ? record.frames_accepted : record.verifications)), el('span', { class: 'muted sub' }, worker ? 'accepted' : 'verified')),
    cell('number', worker ? el('b', { class: record.frames_rejected ? 'bad' : null }, count(record.frames_rejected)) : el('b', { class: record.verifications_minority ? 'bad' : null }, count(record.verifications_minority)),
      el('span', { class: 'muted sub' }, worker ? 'rejected' : 'in minority')));
}

function howToJoin() {
  const line = (text) => el('pre', { class: 'command' }, text);
  return [
    el('h2', {}, 'Lend a machine'),
    el('p', {}, 'Install the program on it, and let it join with a ticket:'),
    line('candela worker --join TICKET'), line('candela verifier --join TICKET'),
    el('p', { class: 'muted' }, 'Nobody verifies work of their own: tickets that name the same owner make nodes of one owner.'),
    operates() ? ticketForm() : el('p', { class: 'muted' }, 'Ask whoever runs this network for a ticket.'),
  ];
}
