// All frames of a job on one line, coloured by their state: how it fills, and where the reader is.

import { el, put, tell } from '/assets/dom.js';
import { count } from '/assets/format.js';

const HEIGHT = 26;
// The rarer states last: they are painted over the others.
const ORDER = ['waiting', 'accepted', 'verifying', 'rendering', 'failed'];
const NAMES = { accepted: 'verified', verifying: 'being verified', rendering: 'rendering', failed: 'failed', waiting: 'waiting' };

/** `go(frame)` is called for the place that is pointed at. */
export function stripOf(go) {
  const canvas = el('canvas', { height: HEIGHT, 'aria-hidden': 'true', title: 'Every frame, by its state: click to go there' });
  const key = el('p', { class: 'key' });
  const window = el('span', { class: 'window', 'aria-hidden': 'true' });
  const line = el('div', { class: 'line' }, canvas, window);
  const element = el('div', { class: 'strip', hidden: true }, line, key);
  let frames = [];
  let view = [undefined, undefined];

  // The key's own colours are those of the line, in whichever theme.
  const swatches = Object.fromEntries(ORDER.map((word) => [word, el('i', { class: `swatch ${word}` })]));
  const numbers = Object.fromEntries(ORDER.map((word) => [word, el('span')]));
  put(key, ...ORDER.map((word) => el('span', {}, swatches[word], numbers[word])));
  const colours = () => Object.fromEntries(ORDER.map((word) => [word, getComputedStyle(swatches[word]).backgroundColor]));
  const paint = () => {
    const width = line.clientWidth;
    if (!width || !frames.length) return;
    const scale = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    canvas.height = Math.round(HEIGHT * scale);
    const pen = canvas.getContext('2d');
    const paints = colours();
    const each = canvas.width / frames.length;
    const gap = each > 6 * scale ? scale : 0;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    // The rarer states last, so that one frame among thousands is seen: nothing is narrower than a pixel.
    for (const word of ORDER) {
      pen.fillStyle = paints[word];
      frames.forEach((frame, index) => {
        if (frame.status === word) pen.fillRect(index * each, 0, Math.max(scale, each - gap), canvas.height);
      });
    }
    mark();
  };
  const mark = () => {
    const [from, to] = view.map((number) => frames.findIndex((frame) => frame.number === number));
    window.hidden = from < 0 || to < 0 || to - from + 1 >= frames.length;
    if (window.hidden) return;
    window.style.left = `${(100 * from) / frames.length}%`;
    window.style.width = `${(100 * (to - from + 1)) / frames.length}%`;
  };
  const at = (event) => {
    const { left, width } = line.getBoundingClientRect();
    const share = Math.min(0.9999, Math.max(0, (event.clientX - left) / width));
    const frame = frames[Math.floor(share * frames.length)];
    if (frame) go(frame);
  };
  line.addEventListener('pointerdown', (event) => { line.setPointerCapture(event.pointerId); at(event); });
  line.addEventListener('pointermove', (event) => { if (event.buttons) at(event); });
  const sized = new ResizeObserver(paint);
  sized.observe(line);
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', paint);
  const themed = new MutationObserver(paint);
  themed.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });

  return {
    element,
    draw(now) {
      frames = now;
      element.hidden = now.length < 2;
      const counts = Object.fromEntries(ORDER.map((word) => [word, 0]));
      for (const frame of now) counts[frame.status] += 1;
      for (const word of ORDER) {
        tell(numbers[word], `${count(counts[word])} ${NAMES[word]}`);
        numbers[word].parentElement.classList.toggle('none', !counts[word]);
      }
      paint();
    },
    seen(from, to) { view = [from, to]; mark(); },
    end() { sized.disconnect(); themed.disconnect(); system.removeEventListener('change', paint); },
  };
}
