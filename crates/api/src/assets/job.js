// One job: how far it is, what can be done with it, and its frames.

import { act } from '/assets/actions.js';
import { calmly, get, watch } from '/assets/api.js';
import { el, put } from '/assets/dom.js';
import { openFilm } from '/assets/film.js';
import { openFrame } from '/assets/frame.js';
import { frameStore } from '/assets/frames-store.js';
import { describe } from '/assets/job-head.js';
import { mayChange } from '/assets/me.js';
import { showSheet } from '/assets/sheet.js';

/** `opened` is the number of a frame, `film`, or null. */
export function showJob({ main, fail, tellLive }, id, opened) {
  const head = el('section', { class: 'jobhead', 'aria-label': 'The job' });
  const body = el('section', { 'aria-label': 'Its frames' });
  let job = null;
  let ended = false;
  let tellFrame = () => {};
  let film = null;

  // Who went elsewhere meanwhile stays there: the address may be new before this view is left.
  const isHere = () => !ended && location.hash.split('/')[2] === String(id);
  const at = (path) => { if (isHere()) history.replaceState(null, '', `#/jobs/${id}${path}`); };
  const onclose = () => {
    tellFrame = () => {};
    film = null;
    at('');
  };
  const open = (number) => {
    tellFrame = openFrame({
      job, number, fail, onclose, numbers: () => frames.sorted().map((frame) => frame.number),
      onshow: (shown) => { at(`/frames/${shown}`); sheet.reached(shown); },
    });
  };
  const play = () => {
    at('/film');
    film = openFilm({ job, frames: frames.sorted, onclose, open });
  };

  const frames = frameStore(id, () => { if (!ended) { sheet.draw(); tellFilm(); film?.changed(); } });
  const sheet = showSheet(body, frames, open);
  const tellFilm = () => { const button = head.querySelector('[data-play]'); if (button) button.disabled = !frames.playable(); };

  const does = async (action) => {
    if (await act(action, [id], job)) attempt(readJob);
  };
  const drawHead = () => {
    document.title = `${job.name} – Candela`;
    const folded = head.querySelector('details')?.open ?? false;
    const focus = head.contains(document.activeElement) ? document.activeElement.textContent : null;
    put(head, ...describe(job, { may: mayChange(job), does, play }));
    const details = head.querySelector('details');
    if (details) details.open = folded;
    // Drawn anew under the reader's hands: the focus stays where it was.
    if (focus) [...head.querySelectorAll('button, a, summary')].find((other) => other.textContent === focus)?.focus();
    sheet.shape(job);
    tellFilm();
  };
  const readJob = async () => {
    job = await get(`/jobs/${id}`);
    if (!ended) drawHead();
  };
  const attempt = async (steps) => {
    try { await steps(); } catch (error) { if (!ended) fail(error, read); }
  };
  const read = () => attempt(async () => { await readJob(); await frames.read(); if (!ended) tellLive(true); });
  const readJobSoon = calmly(1000, () => ended || attempt(readJob));
  const readAgain = calmly(1500, () => ended || read());

  put(main, head, body);
  let begun = false;
  const stop = watch(`/jobs/${id}/events`, {
    // The stream begins with a reset: the first one is answered by the reading below.
    reset: () => { if (begun) readAgain(); begun = true; tellFrame(); },
    frame: ({ frame }) => { frames.take(frame); tellFrame(frame.number); },
    job: (summary) => {
      tellFrame();
      const known = job?.counts.all;
      if (job) { Object.assign(job, summary); drawHead(); }
      if (known !== summary.counts.all) attempt(() => frames.read());
      readJobSoon();
    },
  }, tellLive);
  read().then(() => {
    if (ended || !job) return;
    if (opened === 'film' && frames.playable()) play();
    else if (typeof opened === 'number') open(opened);
  });
  return () => { ended = true; stop(); sheet.end(); document.querySelector('dialog')?.close(); };
}
