// Frames verified in each of the last minutes, as bars; rejected receipts on top of them in their colour.

import { el, svg } from '/assets/dom.js';
import { clock, count, plural } from '/assets/format.js';

const MINUTES = 60;
const [WIDTH, HEIGHT] = [600, 120];

export function chart(history) {
  const most = Math.max(1, ...history.map((minute) => minute.frames_accepted + minute.receipts_rejected));
  const step = WIDTH / MINUTES;
  const bars = history.flatMap((minute, index) => {
    const x = WIDTH - (history.length - index) * step;
    const high = (HEIGHT * minute.frames_accepted) / most;
    const bad = (HEIGHT * minute.receipts_rejected) / most;
    const title = `${clock(minute.at_ms)}: ${plural(minute.frames_accepted, 'frame')} verified, ${plural(minute.receipts_rejected, 'receipt')} rejected`;
    return svg('g', {}, svg('title', {}, title),
      svg('rect', { x, y: 0, width: step, height: HEIGHT, class: 'hit' }),
      svg('rect', { x: x + 1, y: HEIGHT - high, width: step - 2, height: high, rx: 1.5, class: 'good' }),
      bad ? svg('rect', { x: x + 1, y: HEIGHT - high - bad, width: step - 2, height: bad, rx: 1.5, class: 'bad' }) : null);
  });
  const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', class: 'chart', role: 'img',
    'aria-label': `Frames verified in each of the last ${history.length} minutes, ${count(most)} at most` },
  svg('line', { x1: 0, y1: HEIGHT, x2: WIDTH, y2: HEIGHT, class: 'ground' }), ...bars);
  const cells = (tag, texts) => el('tr', {}, ...texts.map((text) => el(tag, tag === 'th' ? { scope: 'col' } : {}, text)));
  const table = el('details', {}, el('summary', {}, 'As a table'), el('table', {},
    el('thead', {}, cells('th', ['Minute from', 'Frames verified', 'Receipts rejected'])),
    el('tbody', {}, ...history.toReversed().map((minute) => cells('td', [clock(minute.at_ms), count(minute.frames_accepted), count(minute.receipts_rejected)])))));
  return el('div', {}, picture, el('p', { class: 'axis muted' }, el('span', {}, 'an hour ago'), el('span', {}, 'now')), table);
}
