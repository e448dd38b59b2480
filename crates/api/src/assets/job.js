// One job: how far it is, and its contact sheet, where frames land as they are verified.

import { calmly, get, isOurs, post, watch } from '/assets/api.js';
import { bar, count, duration, el, figure, plural, put, state } from '/assets/dom.js';
import { openFrame } from '/assets/frame.js';

const PAGE = 500;

export function showJob({ main, fail, tellLive }, id, opened) {
  const frames = new Map();
  const cards = new Map();
  const head = el('section', { class: 'jobhead' });
  const sheet = el('ol', { class: 'sheet', 'aria-label': 'Frames' });
  const more = el('button', { class: 'more', hidden: true }, 'More frames');
  let job = null;
  let next = null;
  let ended = false;
  let tellFrame = () => {};

  const open = (number) => {
    tellFrame = openFrame({
      job, number, numbers: [...frames.keys()].sort((a, b) => a - b), fail,
      onclose: () => { tellFrame = () => {}; history.replaceState(null, '', `#/jobs/${id}`); },
      onshow: (shown) => history.replaceState(null, '', `#/jobs/${id}/frames/${shown}`),
    });
  };

  const drawHead = () => {
    document.title = `${job.name} – Candela`;
    put(head, ...describe(job, act));
    if (job.render) sheet.style.setProperty('--shape', `${job.render.width_px} / ${job.render.height_px}`);
    sheet.classList.toggle('portrait', Boolean(job.render && job.render.height_px > job.render.width_px));
  };

  const drawFrame = (frame) => {
    frames.set(frame.number, frame);
    const old = cards.get(frame.number);
    // The picture of an accepted frame is not loaded again.
    if (old?.dataset.shown === look(frame)) return;
    const card = draw(frame, open);
    cards.set(frame.number, card);
    if (old) return old.replaceWith(card);
    const after = [...frames.keys()].filter((number) => number > frame.number).sort((a, b) => a - b)
      .map((number) => cards.get(number)).find(Boolean);
    sheet.insertBefore(card, after ?? null);
  };

  const readFrames = async (after) => {
    const page = await get(`/jobs/${id}/frames?limit=${PAGE}${after === undefined ? '' : `&after=${after}`}`);
    if (ended) return;
    for (const frame of page.items) drawFrame(frame);
    if (after !== undefined || next === null) next = page.next;
    more.hidden = next === null;
  };

  const readJob = async () => {
    job = await get(`/jobs/${id}`);
    if (!ended) drawHead();
  };

  const attempt = async (steps) => {
    try { await steps(); } catch (error) { if (!ended) fail(error); }
  };
  const read = () => attempt(async () => { await readJob(); await readFrames(); });
  const readJobSoon = calmly(700, () => ended || attempt(readJob));
  const act = (what) => attempt(async () => { await post(`/jobs/${id}/${what}`); await readJob(); });

  more.addEventListener('click', () => attempt(() => readFrames(next)));
  put(main, head, sheet, more);
  const stop = watch(`/jobs/${id}/events`, {
    reset: read,
    frame: ({ frame }) => {
      if (frames.has(frame.number) || next === null || frame.number <= next) drawFrame(frame);
      tellFrame(frame.number);
    },
    job: (summary) => {
      tellFrame();
      const known = job?.counts.all;
      if (job) { Object.assign(job, summary); drawHead(); }
      if (known !== summary.counts.all) attempt(() => readFrames());
      readJobSoon();
    },
  }, tellLive);
  read().then(() => { if (opened !== null && job && !ended) open(opened); });
  return () => { ended = true; stop(); document.querySelector('dialog')?.close(); };
}

function describe(job, act) {
  const { counts, render, verification } = job;
  const over = !['inspecting', 'active'].includes(job.status);
  const about = [`job ${job.id}`, job.user, job.main_file, job.engine];
  if (render) about.push(`${render.width_px} × ${render.height_px}`, plural(render.samples, 'sample'), render.format);
  const button = (what, text) => el('button', { onclick: () => act(what) }, text);
  const seconds = over && job.ended_at_ms ? (job.ended_at_ms - job.submitted_at_ms) / 1000 : job.time_left_s;
  const share = verification.share;
  return [
    el('p', { class: 'back' }, el('a', { href: '#/' }, '← All jobs')),
    el('div', { class: 'head' },
      el('h1', {}, job.name), state(job.status),
      el('span', { class: 'actions' },
        !over && button('cancel', 'Cancel'),
        ['failed', 'cancelled'].includes(job.status) && button('retry', 'Try again'))),
    el('p', { class: 'muted about' }, about.join(' · ')),
    job.waits_for && el('p', { class: 'notice warm' }, `Waits for ${job.waits_for}.`),
    ...job.refusals.map((refusal) => el('div', { class: 'notice bad' },
      el('p', {}, refusal.message), refusal.hint && el('p', { class: 'hint' }, refusal.hint))),
    counts.all ? bar(counts) : null,
    counts.all ? el('div', { class: 'figures' },
      figure(`${count(counts.accepted)} / ${count(counts.all)}`, 'frames verified'),
      counts.failed ? figure(count(counts.failed), 'failed') : null,
      figure(duration(seconds), over ? 'in all' : 'left, about'),
      figure(duration(job.frame_s), 'per frame'),
      figure(share === null ? '–' : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`, 'rendered again to verify'),
      figure(count(job.receipts_rejected), job.receipts_rejected === 1 ? 'receipt rejected' : 'receipts rejected')) : null,
    job.excluded.length ? el('p', { class: 'notice bad' },
      `Gets no more of this job, because of a rejected frame: ${job.excluded.map((node) => node.name).join(', ')}.`) : null,
    job.notes.length ? el('details', { class: 'notes' }, el('summary', {}, plural(job.notes.length, 'note')),
      el('ul', {}, ...job.notes.map((note) => el('li', {}, note)))) : null,
  ];
}

/** What a card shows, as a text to compare. */
const look = (frame) => JSON.stringify([frame.status, frame.worker?.name, frame.progress, frame.receipts_rejected, frame.output?.hash, frame.last_error, frame.claim?.status, Boolean(frame.verdict)]);

/** Whether a browser can show the output. */
export const isPicture = (output) => Boolean(output) && isOurs(output.url) && /^image\/(png|jpeg)$/.test(output.media_type);

function draw(frame, open) {
  const picture = isPicture(frame.output)
    ? el('img', {
      src: frame.output.url, alt: '', loading: 'lazy', decoding: 'async',
      onerror: (event) => event.target.replaceWith(el('span', { class: 'blank' }, 'the picture can’t be loaded')),
    })
    : el('span', { class: 'blank' }, frame.output ? `${frame.output.media_type.replace('image/x-', '').toUpperCase()} ready` : words(frame));
  const { progress } = frame;
  const done = el('span', { class: 'done' });
  if (progress?.samples) done.style.width = `${(100 * progress.samples_done) / progress.samples}%`;
  const rejected = frame.receipts_rejected;
  return el('li', { class: `frame ${frame.status}`, 'data-shown': look(frame) },
    el('button', { onclick: () => open(frame.number), 'aria-label': `Frame ${frame.number}, ${frame.status}` },
      el('span', { class: 'picture' }, picture, progress?.samples ? done : null,
        rejected ? el('span', { class: 'flag' }, `${rejected} rejected`) : null,
        frame.claim?.status === 'open' ? el('span', { class: 'flag claim' }, 'claimed') : null),
      el('span', { class: 'caption' },
        el('b', {}, frame.number), el('span', { class: 'who' }, frame.worker?.name ?? ''),
        el('span', { class: `mark ${frame.status}` }, mark(frame)))));
}

function words(frame) {
  if (frame.status === 'rendering' && frame.progress?.samples) {
    return `${frame.progress.samples_done} of ${plural(frame.progress.samples, 'sample')}`;
  }
  return { waiting: 'waiting', rendering: 'rendering', verifying: 'being verified', accepted: 'verified', failed: 'failed' }[frame.status];
}

function mark(frame) {
  if (frame.status === 'accepted') return frame.verdict ? '✓ verified' : '✓ vouched for';
  return frame.status === 'verifying' ? duration(frame.render_s) : '';
}
