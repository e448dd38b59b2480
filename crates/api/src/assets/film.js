// The verified frames of a job as a film: a flip-book that fetches ahead.

import { isPicture } from '/assets/card.js';
import { el, tell } from '/assets/dom.js';
import { filmCache } from '/assets/film-cache.js';
import { downloadFilm } from '/assets/film-file.js';
import { count, plural } from '/assets/format.js';

const FPS_MAX = 120;

/** Opens it, playing; `frames()` gives the frames of the job, `open(number)` is called for one to be looked at closely. */
export function openFilm({ job, frames, onclose, open }) {
  document.querySelector('dialog')?.close();
  const { width_px: width, height_px: height } = job.render;
  const canvas = el('canvas', { width: Math.min(width, 1280), height: Math.round((height * Math.min(width, 1280)) / width), role: 'img' });
  const scrub = el('input', { type: 'range', min: 0, value: 0, step: 1, class: 'scrub', 'aria-label': 'Frame' });
  const said = el('output', { class: 'muted' });
  const fps = el('input', { type: 'number', id: 'fps', min: 1, max: FPS_MAX, step: 'any', value: Number((job.fps ?? 24).toFixed(3)) });
  const toggle = el('button', { class: 'main', onclick: () => play(!playing) });
  const loop = el('input', { type: 'checkbox', checked: true });
  let list = [];
  let index = 0;
  let drawn = null;
  let playing = false;
  let due = 0;
  let tick = 0;

  const cache = filmCache({ width, height }, (url) => { if (url === list[index]?.output.url) show(); else report(); });
  const read = () => {
    const number = list[index]?.number;
    list = frames().filter((frame) => isPicture(frame.output));
    const same = list.findIndex((frame) => frame.number === number);
    index = Math.max(0, same);
    scrub.max = Math.max(0, list.length - 1);
    show();
  };
  const want = () => {
    const urls = [];
    for (let ahead = 0; ahead < Math.min(list.length, cache.held); ahead += 1) urls.push(list[(index + ahead) % list.length].output.url);
    cache.want(urls);
  };
  const report = () => {
    const frame = list[index];
    if (!frame) return;
    const waits = drawn !== frame.output.url;
    const missing = job.counts.all - list.length;
    said.value = `frame ${frame.number} · ${count(index + 1)} of ${plural(list.length, 'verified frame')}${missing > 0 ? `, ${count(missing)} to come` : ''}${waits ? ' · loading' : ''}`;
  };
  const show = () => {
    const frame = list[index];
    if (!frame) return;
    want();
    const { url } = frame.output;
    const picture = cache.get(url);
    if (picture) {
      canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
      canvas.setAttribute('aria-label', `Frame ${frame.number}`);
    }
    if (picture !== undefined) drawn = url;
    scrub.value = index;
    scrub.setAttribute('aria-valuetext', `frame ${frame.number}`);
    report();
  };
  const go = (to) => { index = Math.max(0, Math.min(list.length - 1, to)); show(); };
  const rate = () => Math.min(FPS_MAX, Math.max(1, Number(fps.value) || 24));
  const step = (now) => {
    if (!playing) return;
    tick = requestAnimationFrame(step);
    // What isn't there yet is waited for, so that no frame is left out.
    if (now < due || drawn !== list[index]?.output.url) return;
    due = Math.max(due + 1000 / rate(), now - 100);
    if (index + 1 < list.length) go(index + 1);
    else if (loop.checked) go(0);
    else play(false);
  };
  const play = (is) => {
    playing = is && list.length > 1;
    tell(toggle, playing ? '❚❚ Pause' : '▶ Play');
    cancelAnimationFrame(tick);
    if (!playing) return;
    if (!loop.checked && index === list.length - 1) go(0);
    due = performance.now() + 1000 / rate();
    tick = requestAnimationFrame(step);
  };
  const still = (to) => { play(false); go(to); };
  scrub.addEventListener('input', () => still(Number(scrub.value)));

  const dialog = el('dialog', { class: 'film', 'aria-label': `Film of ${job.name}` },
    el('div', { class: 'screen' }, canvas),
    el('div', { class: 'controls' },
      toggle, scrub,
      el('div', { class: 'row' }, said,
        el('span', { class: 'actions' },
          el('label', { for: 'fps' }, 'Frames a second'), fps,
          el('label', {}, loop, ' Loop'),
          el('button', { onclick: () => { const frame = list[index]; dialog.close(); open(frame.number); } }, 'Look closer'),
          el('button', { onclick: () => { dialog.close(); downloadFilm(job.id); } }, 'MP4'),
          el('button', { 'aria-label': 'Close', onclick: () => dialog.close() }, '×')))));
  dialog.addEventListener('keydown', (event) => {
    const typing = event.target === fps;
    if (event.key === ' ' && !event.target.matches('button, a, [type=checkbox]') && !typing) play(!playing);
    else if (typing || event.target === scrub) return;
    else if (event.key === 'ArrowLeft') still(index - 1);
    else if (event.key === 'ArrowRight') still(index + 1);
    else if (event.key === 'Home') still(0);
    else if (event.key === 'End') still(list.length - 1);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener('close', () => { play(false); cache.end(); dialog.remove(); onclose(); });
  document.body.append(dialog);
  dialog.showModal();
  toggle.focus();
  read();
  play(true);
  return { changed: read };
}
