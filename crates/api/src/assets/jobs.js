// The list of jobs.

import { calmly, get, watch } from '/assets/api.js';
import { ago, bar, count, duration, el, plural, put, state } from '/assets/dom.js';

export function showJobs({ main, fail, tellLive }) {
  const jobs = new Map();
  const list = el('ol', { class: 'jobs' });
  const search = el('input', { type: 'search', placeholder: 'Search names', 'aria-label': 'Search jobs by name' });
  const more = el('button', { class: 'more', hidden: true }, 'Older jobs');
  let next = null;
  let ended = false;

  const query = (before) => `/jobs?limit=50&search=${encodeURIComponent(search.value.trim())}${before ? `&before=${before}` : ''}`;

  const draw = () => {
    const sorted = [...jobs.values()].sort((a, b) => b.id - a.id);
    put(list, ...sorted.map(row));
    more.hidden = next === null;
    if (!sorted.length) put(list, nothing(search.value.trim()));
  };
  const drawSoon = calmly(100, () => ended || draw());

  const read = async () => {
    try {
      const page = await get(query());
      if (ended) return;
      jobs.clear();
      for (const job of page.items) jobs.set(job.id, job);
      next = page.next;
      draw();
    } catch (error) { if (!ended) fail(error); }
  };

  search.addEventListener('input', calmly(250, read));
  more.addEventListener('click', async () => {
    try {
      const page = await get(query(next));
      for (const job of page.items) jobs.set(job.id, job);
      next = page.next;
      draw();
    } catch (error) { fail(error); }
  });
  put(main, el('div', { class: 'head' }, el('h1', {}, 'Jobs'), search), list, more);
  const stop = watch('/events', {
    reset: read,
    job: (job) => {
      if (search.value.trim() && !jobs.has(job.id)) return;
      jobs.set(job.id, job);
      drawSoon();
    },
  }, tellLive);
  read();
  return () => { ended = true; stop(); };
}

function nothing(searched) {
  if (searched) return el('li', { class: 'empty' }, el('p', {}, 'No job has that in its name.'));
  return el('li', { class: 'empty' }, el('h2', {}, 'No jobs yet'),
    el('p', {}, 'Submit one with ', el('code', {}, 'candela render scene.blend --frames 1-24'), '.'));
}

function row(job) {
  const { counts } = job;
  const left = job.status === 'active' && job.time_left_s !== null ? `about ${duration(job.time_left_s)} left` : null;
  const took = job.ended_at_ms ? `took ${duration((job.ended_at_ms - job.submitted_at_ms) / 1000)}` : null;
  const failed = counts.failed ? el('span', { class: 'bad' }, `${count(counts.failed)} failed`) : null;
  return el('li', {}, el('a', { class: 'job', href: `#/jobs/${job.id}` },
    el('span', { class: 'title' }, el('span', { class: 'name' }, job.name), state(job.status)),
    counts.all ? bar(counts) : el('span', { class: 'bar none' }),
    el('span', { class: 'facts' },
      el('span', {}, counts.all ? `${count(counts.accepted)} of ${plural(counts.all, 'frame')} verified` : job.ended_at_ms ? 'nothing was rendered' : 'frames not known yet'),
      failed, left && el('span', {}, left), took && el('span', {}, took),
      job.waits_for && el('span', { class: 'warm' }, `waits for ${job.waits_for}`),
      el('span', { class: 'muted' }, `job ${job.id} · ${job.user} · ${ago(job.submitted_at_ms)}`))));
}
