// The frame around the views: which one is shown, whether events arrive, and the question for a token.

import { Refused, post } from '/assets/api.js';
import { el, put } from '/assets/dom.js';
import { showJobs } from '/assets/jobs.js';
import { showJob } from '/assets/job.js';
import { showNodes } from '/assets/nodes.js';

const main = document.getElementById('main');
const live = document.getElementById('live');
let leave = () => {};

function tellLive(is) {
  put(live, is ? 'live' : 'no connection – trying again');
  live.classList.toggle('on', is);
}

/** What went wrong, where the view would be. */
function fail(error) {
  // It passes: what is shown stays, and is read again when events arrive, or in a moment.
  if (!(error instanceof Refused)) return tellLive(false);
  if (error.status === 429 || error.status >= 500) return again();
  leave();
  leave = () => {};
  put(live, '');
  live.classList.add('on');
  if (error.status === 401) return askToken();
  const hint = error.hint ? el('p', { class: 'hint' }, error.hint) : null;
  put(main, el('div', { class: 'empty', role: 'alert' },
    el('h1', {}, 'The manager says no'), el('p', {}, error.message), hint, el('p', {}, el('a', { href: '#/' }, 'All jobs'))));
}

function again() {
  const there = location.hash;
  tellLive(false);
  setTimeout(() => { if (location.hash === there) show(); }, 3000);
}

function askToken() {
  const input = el('input', { type: 'password', id: 'token', autocomplete: 'current-password', required: true });
  const said = el('p', { class: 'bad', role: 'alert' });
  const form = el('form', { class: 'token' },
    el('h1', {}, 'This manager wants a token'),
    el('p', { class: 'muted' }, 'You are not on its own machine. Its owner has the token.'),
    el('label', { for: 'token' }, 'Token'), input, el('button', {}, 'Open'), said);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      await post('/session', { token: input.value });
      show();
    } catch (error) {
      put(said, error.status === 401 ? 'That is not one of its tokens.' : error.message);
    }
  });
  put(main, form);
  input.focus();
}

function show() {
  leave();
  const path = location.hash.replace(/^#\/?/, '');
  const job = /^jobs\/(\d+)(?:\/frames\/(-?\d+))?$/.exec(path);
  const view = path === 'nodes' ? 'nodes' : 'jobs';
  for (const link of document.querySelectorAll('nav a')) {
    if (link.dataset.view === view) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = 'Candela';
  const around = { main, fail, tellLive };
  if (job) leave = showJob(around, Number(job[1]), job[2] === undefined ? null : Number(job[2]));
  else if (view === 'nodes') leave = showNodes(around);
  else leave = showJobs(around);
}

document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener('hashchange', (event) => {
  const job = (url) => /#\/jobs\/(\d+)/.exec(url)?.[1];
  // A frame opened or closed within the job that is shown: its view does that itself.
  if (job(event.newURL) && job(event.newURL) === job(event.oldURL)) return;
  show();
});
show();
