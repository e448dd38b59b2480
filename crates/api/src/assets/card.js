// One frame on the contact sheet.

import { isOurs } from '/assets/api.js';
import { el } from '/assets/dom.js';
import { duration, plural } from '/assets/format.js';

/** Whether a browser can show the output. */
export const isPicture = (output) => Boolean(output) && isOurs(output.url) && /^image\/(png|jpeg)$/.test(output.media_type);

/** As wide as a card gets, on a screen of two pixels for one. */
const small = (url) => `${url}${url.includes('?') ? '&' : '?'}width=640`;

/** Pictures that were loaded once are shown at once. */
const loaded = new Set();

/** `open(number)` is called when it is chosen. The picture is loaded by `fillCard`. */
export function frameCard(frame, { current, open }) {
  const { progress } = frame;
  const done = progress?.samples ? el('span', { class: 'done' }) : null;
  if (done) done.style.width = `${(100 * progress.samples_done) / progress.samples}%`;
  const rejected = frame.receipts_rejected;
  const inside = isPicture(frame.output) ? null : el('span', { class: 'blank' }, words(frame));
  const card = el('li', { class: `frame ${frame.status}` },
    el('button', { tabindex: current ? 0 : -1, onclick: () => open(frame.number), 'aria-label': label(frame), 'data-frame': frame.number },
      el('span', { class: 'picture' }, inside, done,
        rejected ? el('span', { class: 'flag' }, `${rejected} rejected`) : null,
        frame.claim?.status === 'open' ? el('span', { class: 'flag claim' }, 'claimed') : null),
      el('span', { class: 'caption' },
        el('b', {}, frame.number), el('span', { class: 'who' }, frame.worker?.name ?? ''),
        el('span', { class: `mark ${frame.status}` }, mark(frame)))));
  if (frame.output && loaded.has(small(frame.output.url))) fillCard(card, frame);
  return card;
}

/** Loads the picture: called once the card stays on the screen. */
export function fillCard(card, frame) {
  if (!isPicture(frame.output)) return;
  const place = card.querySelector('.picture');
  if (place.querySelector('img')) return;
  const url = small(frame.output.url);
  const image = el('img', {
    src: url, alt: '', decoding: 'async', class: loaded.has(url) ? null : 'landing',
    onload: () => loaded.add(url),
    onerror: () => image.replaceWith(el('span', { class: 'blank' }, 'the picture can’t be loaded')),
  });
  place.prepend(image);
}

const STATES = { waiting: 'waiting', rendering: 'rendering', verifying: 'being verified', accepted: 'verified', failed: 'failed' };

function label(frame) {
  const by = frame.worker ? `, by ${frame.worker.name}` : '';
  return `Frame ${frame.number}, ${STATES[frame.status]}${by}${frame.receipts_rejected ? `, ${frame.receipts_rejected} rejected` : ''}`;
}

function words(frame) {
  if (frame.output) return `${frame.output.media_type.replace('image/x-', '').toUpperCase()} ready`;
  if (frame.status === 'rendering' && frame.progress?.samples) return `${frame.progress.samples_done} of ${plural(frame.progress.samples, 'sample')}`;
  return STATES[frame.status];
}

function mark(frame) {
  const time = frame.render_s === null ? '' : duration(frame.render_s);
  if (frame.status !== 'accepted') return time;
  return [el('span', { class: 'time' }, time), frame.verdict ? ' ✓ verified' : ' ✓ vouched for'];
}
