// One node: its standing, its record and its credit.

import { el, figure, put, state } from '/assets/dom.js';
import { ago, count, day, percent, plural, samples, size } from '/assets/format.js';

export const wordOf = (node) => (node.suspended ? 'suspended' : !node.linked ? 'away' : node.paused ? 'paused' : 'connected');

/** What it does now, in words. */
export function doing(node) {
  const tasks = node.tasks.map((task) => `job ${task.job_id}, ${task.frames_left === 1 ? `frame ${task.frames[0]}` : `${count(task.frames_left)} frames from ${task.frames[0]} on`}`);
  if (node.verifications) tasks.push(`verifies ${plural(node.verifications, 'receipt')}`);
  if (tasks.length) return tasks.join('; ');
  if (!node.linked) return node.heard_at_ms ? `heard of ${ago(node.heard_at_ms)}` : 'not connected';
  return node.paused ? 'paused by its owner' : 'idle';
}

/** Figures of a node as a worker, as a verifier, and of its credit. */
export function recordOf(node) {
  const { record } = node;
  const worker = node.roles.includes('worker');
  const verifier = node.roles.includes('verifier');
  const group = (label, ...figures) => el('section', { class: 'record' }, el('h3', {}, label), el('div', { class: 'figures' }, ...figures));
  return [
    worker && group('As a worker',
      figure(percent(node.check_rate), 'of its frames are checked now'),
      figure(count(record.verified_in_row), 'verified in a row'),
      figure(count(record.frames_accepted), 'frames accepted'),
      figure(count(record.frames_rejected), 'rejected', record.frames_rejected > 0),
      record.crashes ? figure(count(record.crashes), 'crashes', true) : null),
    worker && group('Its credit, in path-traced samples',
      figure(samples(record.credit_earned), 'earned'),
      figure(samples(record.credit_withheld), 'withheld for a day'),
      figure(samples(record.credit_forfeited), 'forfeited', record.credit_forfeited > 0)),
    verifier && group('As a verifier',
      figure(count(record.verifications), 'verifications'),
      figure(count(record.verifications_confirmed), 'confirmed'),
      figure(count(record.verifications_minority), 'in the minority', record.verifications_minority > 0),
      figure(count(record.canaries_failed), 'canaries failed', record.canaries_failed > 0)),
  ];
}

/** Opens a dialog with a node; `draw` shows it as it is by then. */
export function openNode(node, onclose) {
  document.querySelector('dialog')?.close();
  const body = el('div', { class: 'body' });
  const dialog = el('dialog', { class: 'sidewise', 'aria-label': `Node ${node.name}` }, body);
  const draw = (now) => put(body,
    el('div', { class: 'head' }, el('h2', {}, now.name), state(wordOf(now)),
      el('span', { class: 'actions' }, el('button', { 'aria-label': 'Close', onclick: () => dialog.close() }, '×'))),
    el('p', {}, doing(now)),
    now.suspended && el('p', { class: 'notice bad' }, `Gets no more work: ${now.suspended}.`),
    ...recordOf(now),
    el('h3', {}, 'What it is'),
    el('dl', {}, ...[
      ['Roles', now.roles.join(' and ')],
      ['Device', now.device ?? 'not known while it is away'],
      ['Memory', now.memory_bytes === null ? null : size(now.memory_bytes)],
      ['Tasks at once', count(now.slots)],
      ['Engines', now.engines.join(', ') || 'not known'],
      ['Owner', now.id.startsWith(now.owner) ? 'itself' : now.owner],
      ['Joined', day(now.joined_at_ms)],
      ['Heard of', now.heard_at_ms ? ago(now.heard_at_ms) : 'not since the manager started'],
      ['Key', now.id],
    ].filter(([, value]) => value).flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)])));
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener('close', () => { dialog.remove(); onclose(); });
  document.body.append(dialog);
  draw(node);
  dialog.showModal();
  return { id: node.id, draw };
}
