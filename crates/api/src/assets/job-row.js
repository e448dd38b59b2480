// One job in the list.

import { bar, el, state } from '/assets/dom.js';
import { ago, count, duration, plural } from '/assets/format.js';

/** How a job goes on, in a few words. */
function outlook(job) {
  if (job.waits_for) return el('span', { class: 'warm', title: `waits for ${job.waits_for}` }, `waits for ${job.waits_for}`);
  if (job.status === 'active' && job.time_left_s !== null) return `about ${duration(job.time_left_s)} left`;
  if (job.status === 'completed') return `took ${duration((job.ended_at_ms - job.submitted_at_ms) / 1000)}`;
  if (job.ended_at_ms) return `ended ${ago(job.ended_at_ms)}`;
  return '';
}

function frames({ counts, ended_at_ms: ended }) {
  if (!counts.all) return ended ? 'nothing was rendered' : 'frames not known yet';
  return [`${count(counts.accepted)} of ${plural(counts.all, 'frame')} verified`,
    counts.failed ? el('span', { class: 'bad' }, ` · ${count(counts.failed)} failed`) : null];
}

/** `select(job, event)` is called when its box is clicked. */
export function jobRow(job, { selected, current, mine, select }) {
  const cell = (name, ...inside) => el('span', { role: 'gridcell', class: `cell ${name}` }, ...inside);
  const box = el('input', {
    type: 'checkbox', tabindex: -1, checked: selected, 'aria-label': `Select ${job.name}, job ${job.id}`,
    onclick: (event) => select(job, event),
  });
  return el('div', {
    role: 'row', class: selected ? 'job selected' : 'job', 'aria-selected': String(selected),
    tabindex: current ? 0 : -1, 'data-job': job.id,
  },
  cell('box', el('label', {}, box)),
  cell('name', el('a', { href: `#/jobs/${job.id}`, tabindex: -1, title: job.name }, job.name),
    el('span', { class: 'muted sub' }, mine ? el('b', { class: 'mine' }, 'yours') : job.user, ` · job ${job.id} · ${ago(job.submitted_at_ms)}`)),
  cell('status', state(job.status), job.priority ? el('span', { class: 'priority', title: 'Its priority: higher goes first' }, `${job.priority > 0 ? '+' : '−'}${Math.abs(job.priority)}`) : null),
  cell('progress', job.counts.all ? bar(job.counts) : null, el('span', { class: 'sub' }, ...[frames(job)].flat())),
  cell('outlook', outlook(job)));
}
