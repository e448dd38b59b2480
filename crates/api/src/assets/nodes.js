// The nodes: what they do, and what their record says.

import { calmly, get, watch } from '/assets/api.js';
import { ago, count, el, figure, plural, put, size } from '/assets/dom.js';

export function showNodes({ main, fail, tellLive }) {
  const list = el('ul', { class: 'nodes' });
  let ended = false;
  const read = async () => {
    try {
      const nodes = await get('/nodes');
      if (ended) return;
      put(list, ...nodes.map(card));
      if (!nodes.length) put(list, el('li', { class: 'empty' }, el('h2', {}, 'No nodes yet'),
        el('p', {}, 'Let one join with ', el('code', {}, 'candela worker --join TICKET'), '.')));
    } catch (error) { if (!ended) fail(error); }
  };
  const readSoon = calmly(500, () => ended || read());
  put(main, el('div', { class: 'head' }, el('h1', {}, 'Nodes')), list);
  const stop = watch('/events', { reset: read, node: readSoon, frame: readSoon }, tellLive);
  // Nodes fall silent without an event.
  const timer = setInterval(readSoon, 10000);
  read();
  return () => { ended = true; stop(); clearInterval(timer); };
}

function doing(node) {
  const tasks = node.tasks.map((task) => `job ${task.job_id}, ${task.frames_left === 1 ? `frame ${task.frames[0]}` : `${task.frames_left} frames from ${task.frames[0]} on`}`);
  if (node.verifications) tasks.push(`verifies ${plural(node.verifications, 'receipt')}`);
  if (tasks.length) return tasks.join('; ');
  if (!node.linked) return node.heard_at_ms ? `heard of ${ago(node.heard_at_ms)}` : 'not connected';
  return node.paused ? 'paused by its owner' : 'idle';
}

function card(node) {
  const { record } = node;
  const worker = node.roles.includes('worker');
  const verifier = node.roles.includes('verifier');
  const word = node.suspended ? 'suspended' : !node.linked ? 'away' : node.paused ? 'paused' : 'connected';
  const memory = node.memory_bytes === null ? null : size(node.memory_bytes);
  return el('li', { class: `node ${word}` },
    el('div', { class: 'head' }, el('h2', {}, node.name), el('span', { class: `state ${word}` }, word)),
    el('p', { class: 'muted' }, [node.roles.join(' and '), node.device, memory, node.owner && `owner ${node.owner}`].filter(Boolean).join(' · ')),
    el('p', {}, doing(node)),
    node.suspended && el('p', { class: 'notice bad' }, `Gets no more work: ${node.suspended}.`),
    worker ? el('div', { class: 'figures', role: 'group', 'aria-label': 'As a worker' },
      figure(share(node.check_rate), 'of its frames checked now'),
      figure(count(record.verified_in_row), 'verified in a row'),
      figure(count(record.frames_accepted), 'frames accepted'),
      figure(count(record.frames_rejected), 'rejected', record.frames_rejected),
      record.crashes ? figure(count(record.crashes), 'crashes', true) : null) : null,
    worker ? el('div', { class: 'figures', role: 'group', 'aria-label': 'Its credit, in path-traced samples' },
      figure(samples(record.credit_earned), 'samples’ credit earned'),
      figure(samples(record.credit_withheld), 'withheld'),
      figure(samples(record.credit_forfeited), 'forfeited', record.credit_forfeited)) : null,
    verifier ? el('div', { class: 'figures', role: 'group', 'aria-label': 'As a verifier' },
      figure(count(record.verifications), 'verifications'),
      figure(count(record.verifications_confirmed), 'confirmed'),
      figure(count(record.verifications_minority), 'in the minority', record.verifications_minority),
      figure(count(record.canaries_failed), 'canaries failed', record.canaries_failed)) : null,
    el('p', { class: 'muted key' }, node.id));
}

const share = (rate) => (rate === null || rate === undefined ? '–' : `${rate < 0.1 ? (100 * rate).toFixed(1) : Math.round(100 * rate)} %`);

/** Credit is counted in thousands of samples. */
function samples(thousands) {
  if (!thousands) return '0';
  const units = ['thousand', 'million', 'billion', 'trillion'];
  let unit = 0;
  let n = thousands;
  for (; n >= 1000 && unit < units.length - 1; unit += 1) n /= 1000;
  return `${unit && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[unit]}`;
}
