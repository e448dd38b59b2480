// The list of jobs: found, selected, acted on; thousands of them.

import { act } from '/assets/actions.js';
import { calmly, watch } from '/assets/api.js';
import { aloud, choice, el, nothing, put, tell } from '/assets/dom.js';
import { count, plural } from '/assets/format.js';
import { jobRow } from '/assets/job-row.js';
import { HELD_MAX, jobStore } from '/assets/jobs-store.js';
import { moveThrough } from '/assets/keys.js';
import { mayChange, own } from '/assets/me.js';
import { selection } from '/assets/selection.js';
import { virtual } from '/assets/virtual.js';

const STATES = [['', 'All'], ['active', 'Active'], ['inspecting', 'Inspecting'], ['completed', 'Completed'],
  ['failed', 'Failed'], ['refused', 'Refused'], ['cancelled', 'Cancelled']];

export function showJobs({ main, fail, tellLive }, words) {
  const query = { search: words.get('search') ?? '', status: words.get('status') ?? '', user: words.get('user') ?? '' };
  const holder = el('div', { class: 'rows', role: 'grid', 'aria-label': 'Jobs', 'aria-multiselectable': 'true' });
  const none = el('div', { hidden: true });
  const found = el('p', { class: 'found muted' });
  const users = el('datalist', { id: 'users' });
  let ended = false;

  const store = jobStore({ own, changed: () => drawSoon() });
  const list = virtual(holder, {
    key: (job) => job.id,
    handle: (row) => row,
    number: (row, index) => row.setAttribute('aria-rowindex', index + 1),
    layout: (width) => ({ columns: 1, height: width < 700 ? 104 : 64, gap: 6 }),
    draw: (job, index) => jobRow(job, {
      selected: chosen.has(job.id), current: keys.isCurrent(job, index), mine: job.user === own(), select,
    }),
  });
  const chosen = selection(list.items, (ids) => { list.again(ids && new Set(ids)); drawChosen(); });
  const select = (job, event) => { keys.at(job); chosen.toggle(job.id, event.shiftKey); };
  // The whole row opens its job; with shift it selects, as its box does.
  holder.addEventListener('click', (event) => {
    const id = Number(event.target.closest('[data-job]')?.dataset.job);
    const job = store.get(id);
    if (!job || event.target.closest('a, label')) return;
    if (event.shiftKey) { getSelection().removeAllRanges(); select(job, event); } else location.hash = `#/jobs/${id}`;
  });
  const keys = moveThrough(list, {
    name: (job) => job.id,
    open: (job) => { location.hash = `#/jobs/${job.id}`; },
    toggle: (job, event, moved) => (moved ? chosen.extend(job.id) : chosen.toggle(job.id, event.shiftKey)),
    clear: () => chosen.clear(),
    all: () => chosen.all(),
  });

  const draw = () => {
    if (ended) return;
    const jobs = store.sorted();
    list.set(jobs);
    holder.setAttribute('aria-rowcount', jobs.length);
    holder.hidden = !jobs.length;
    none.hidden = Boolean(jobs.length) || !store.complete;
    if (!none.hidden) put(none, emptiness(query));
    const all = store.total;
    tell(found, jobs.length >= HELD_MAX ? `the newest ${count(jobs.length)} of ${plural(all, 'job')}: narrow the search for older ones` : plural(all, 'job'));
    put(users, ...[...new Set(jobs.map((job) => job.user))].sort().slice(0, 200).map((user) => el('option', { value: user })));
    drawChosen();
  };
  const drawSoon = calmly(120, draw);

  const chosenBar = el('div', { class: 'chosen', role: 'region', 'aria-label': 'Selected jobs', hidden: true });
  const chosenCount = el('b', { role: 'status' });
  const chosenAll = el('button', { class: 'link', onclick: () => chosen.all() });
  const does = async (action) => {
    const ids = chosen.ids();
    const one = ids.length === 1 ? store.get(ids[0]) : null;
    await act(action, ids, one ?? {});
  };
  put(chosenBar, chosenCount, chosenAll,
    el('span', { class: 'actions' },
      el('button', { onclick: () => does('priority') }, 'Priority …'),
      el('button', { onclick: () => does('retry') }, 'Retry'),
      el('button', { class: 'danger', onclick: () => does('cancel') }, 'Cancel …'),
      el('button', { class: 'quiet', 'aria-label': 'Select none', onclick: () => chosen.clear() }, '×')));
  const drawChosen = () => {
    chosenBar.hidden = !chosen.size;
    tell(chosenCount, `${count(chosen.size)} selected`);
    const jobs = list.items();
    const missing = jobs.some((job) => !chosen.has(job.id));
    chosenAll.hidden = !missing;
    tell(chosenAll, `Select all ${count(jobs.length)}${store.complete ? '' : ' that are read so far'}`);
    // Of one job it is known; of many the manager says what it refused.
    const one = chosen.size === 1 ? store.get(chosen.ids()[0]) : null;
    for (const button of chosenBar.querySelectorAll('.actions button:not(.quiet)')) button.disabled = Boolean(one) && !mayChange(one);
  };

  const read = async (afresh) => {
    try {
      await store.read({ ...query }, afresh);
      if (!ended) tellLive(true);
    } catch (error) { if (!ended) fail(error, read); }
  };
  const lookSoon = calmly(250, () => {
    if (ended) return;
    const kept = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
    history.replaceState(null, '', kept.size ? `#/?${kept}` : '#/');
    aloud(found);
    scrollTo(0, 0);
    read(true);
  });
  // At once: what is selected after the words were written stays selected.
  const lookFor = () => { chosen.clear(); lookSoon(); };
  const input = (name, attributes) => el('input', {
    type: 'search', value: query[name], 'data-filter': name, maxlength: 200, ...attributes,
    oninput: (event) => { query[name] = event.target.value.trim(); lookFor(); },
  });
  const user = input('user', { 'aria-label': 'User', placeholder: 'Any user', list: 'users', class: 'user' });
  const mine = own() && el('button', { class: 'link', onclick: () => { query.user = own(); user.value = own(); lookFor(); } }, 'Only mine');
  put(main,
    el('div', { class: 'head' }, el('h1', {}, 'Jobs'), found),
    el('div', { class: 'filters', role: 'search' },
      input('search', { 'aria-label': 'Search names', placeholder: 'Search names  ( / )', 'data-search': true }), user, users, mine,
      choice('State', STATES, query.status, (status) => { query.status = status; lookFor(); })),
    holder, none, chosenBar);
  const again = calmly(1500, () => ended || read());
  let begun = false;
  const stop = watch('/events', {
    // The stream begins with a reset: the first one is answered by the reading below.
    reset: () => { if (begun) again(); begun = true; },
    job: (job) => store.take(job),
  }, tellLive);
  read(true);
  return () => { ended = true; stop(); list.end(); keys.end(); };
}

function emptiness(query) {
  if (query.search || query.status || query.user) return nothing('No job matches', 'Try other words, another state or another user.');
  return nothing('No jobs yet', el('p', {}, 'Submit one with ', el('code', {}, 'candela render scene.blend --frames 1-24'), ', or from Blender.'));
}
