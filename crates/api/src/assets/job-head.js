// What is said of a job above its frames.

import { el, figure, state } from '/assets/dom.js';
import { downloadFilm } from '/assets/film-file.js';
import { count, duration, percent, plural } from '/assets/format.js';

/** The elements; `does(action)` and `play()` are called by its buttons. */
export function describe(job, { may, does, play }) {
  const { counts, render } = job;
  const over = !['inspecting', 'active'].includes(job.status);
  const about = [`job ${job.id}`, job.user, job.main_file, job.engine];
  if (render) about.push(`${render.width_px} × ${render.height_px}`, plural(render.samples, 'sample'), render.format);
  const button = (action, text, attributes) => may && el('button', { onclick: () => does(action), ...attributes }, text);
  return [
    el('p', { class: 'back' }, el('a', { href: '#/' }, '← All jobs')),
    el('div', { class: 'head' },
      el('h1', {}, job.name), state(job.status),
      el('span', { class: 'actions' },
        counts.all ? el('button', { class: 'main', 'data-play': true, onclick: play }, '▶ Play') : null,
        counts.accepted ? el('button', { onclick: () => downloadFilm(job.id) }, 'Film (MP4)') : null,
        !over && button('priority', `Priority ${String(job.priority).replace('-', '−')} …`),
        ['failed', 'cancelled'].includes(job.status) && button('retry', 'Retry'),
        !over && button('cancel', 'Cancel …', { class: 'danger' }))),
    el('p', { class: 'muted about' }, about.join(' · ')),
    job.waits_for && el('p', { class: 'notice warm' }, `Waits for ${job.waits_for}.`),
    ...job.refusals.map((refusal) => el('div', { class: 'notice bad' },
      el('p', {}, refusal.message), refusal.hint && el('p', { class: 'hint' }, refusal.hint))),
    counts.all ? figures(job, over) : null,
    job.excluded.length ? el('p', { class: 'notice bad' },
      `Gets no more of this job, because of a rejected frame: ${job.excluded.map((node) => node.name).join(', ')}.`) : null,
    job.notes.length ? el('details', { class: 'notes' }, el('summary', {}, plural(job.notes.length, 'note')),
      el('ul', {}, ...job.notes.map((note) => el('li', {}, note)))) : null,
  ];
}

function figures(job, over) {
  const { counts } = job;
  const seconds = over && job.ended_at_ms ? (job.ended_at_ms - job.submitted_at_ms) / 1000 : job.time_left_s;
  return el('div', { class: 'figures' },
    figure(`${count(counts.accepted)} / ${count(counts.all)}`, 'frames verified'),
    counts.failed ? figure(count(counts.failed), 'failed', true) : null,
    figure(duration(seconds), over ? 'in all' : 'left, about'),
    figure(duration(job.frame_s), 'per frame'),
    figure(percent(job.verification.share), 'rendered again to verify'),
    figure(count(job.receipts_rejected), job.receipts_rejected === 1 ? 'receipt rejected' : 'receipts rejected', job.receipts_rejected > 0));
}
