// The contact sheet: every frame of a job, a strip above it that shows all of them at once, and a filter.

import { fillCard, frameCard } from '/assets/card.js';
import { aloud, choice, el, nothing, put, tell } from '/assets/dom.js';
import { count, plural } from '/assets/format.js';
import { moveThrough } from '/assets/keys.js';
import { stripOf } from '/assets/strip.js';
import { virtual } from '/assets/virtual.js';

const CAPTION_PX = 32;
const SIZES = { small: 130, medium: 230, large: 380 };
const SHOWN = [['', 'All'], ['accepted', 'Verified'], ['open', 'Open'], ['failed', 'Failed'], ['flagged', 'Rejected or claimed']];

const FITS = {
  '': () => true,
  accepted: (frame) => frame.status === 'accepted',
  open: (frame) => !['accepted', 'failed'].includes(frame.status),
  failed: (frame) => frame.status === 'failed',
  flagged: (frame) => frame.receipts_rejected > 0 || Boolean(frame.claim),
};

/** Shows the frames of a store in `place`; `open(number)` is called for one that is chosen. */
export function showSheet(place, frames, open) {
  const holder = el('ol', { class: 'sheet', 'aria-label': 'Frames', role: 'list' });
  const none = el('div', { hidden: true });
  const found = el('span', { class: 'muted' });
  let ratio = 16 / 9;
  let width = SIZES.medium;
  let fits = FITS[''];

  const list = virtual(holder, {
    key: (frame) => frame.number,
    number: (card, index, all) => { card.setAttribute('aria-posinset', index + 1); card.setAttribute('aria-setsize', all); },
    handle: (card) => card.querySelector('button'),
    layout: (all) => {
      const gap = width < 200 ? 8 : 14;
      const columns = Math.max(width < 200 ? 2 : 1, Math.round((all + gap) / ((ratio < 1 ? width * 0.7 : width) + gap)));
      const each = (all - gap * (columns - 1)) / columns;
      return { columns, gap, height: Math.round(each / ratio) + CAPTION_PX };
    },
    draw: (frame, index) => frameCard(frame, { current: keys.isCurrent(frame, index), open: opened }),
    settled: fillCard,
    moved: (first, last) => strip.seen(list.items()[first]?.number, list.items()[last - 1]?.number),
  });
  const opened = (number) => { keys.at(frames.get(number)); open(number); };
  const keys = moveThrough(list, {
    name: (frame) => frame.number,
    open: (frame) => open(frame.number),
  });
  const strip = stripOf((frame) => {
    const wanted = list.items().find((other) => other.number >= frame.number) ?? list.items().at(-1);
    if (wanted) { keys.at(wanted); list.bring(wanted.number); }
  });

  const draw = () => {
    const all = frames.sorted();
    const shown = fits === FITS[''] ? all.slice() : all.filter(fits);
    list.set(shown);
    strip.draw(all);
    tools.hidden = !all.length;
    holder.hidden = !shown.length;
    none.hidden = Boolean(shown.length) || !all.length;
    if (!none.hidden) put(none, nothing('No such frame', 'No frame of this job is so at the moment.'));
    tell(found, shown.length === all.length ? plural(all.length, 'frame') : `${count(shown.length)} of ${plural(all.length, 'frame')}`);
  };
  const tools = el('div', { class: 'tools', hidden: true },
    choice('Which frames', SHOWN, '', (which) => { aloud(found); fits = FITS[which]; draw(); }),
    found,
    choice('Size of the pictures', [['small', 'S'], ['medium', 'M'], ['large', 'L']], 'medium', (size) => { width = SIZES[size]; list.reform(); }));
  put(place, strip.element, tools, holder, none);

  return {
    draw,
    /** Takes the shape of the job's frames. */
    shape(job) {
      const now = job.render ? job.render.width_px / job.render.height_px : 16 / 9;
      if (now === ratio) return;
      ratio = now;
      list.reform();
    },
    /** The frame that the reader has come to in the dialog. */
    reached(number) { const frame = frames.get(number); if (frame && list.indexOf(number) >= 0) keys.at(frame); },
    end() { list.end(); keys.end(); strip.end(); },
  };
}
