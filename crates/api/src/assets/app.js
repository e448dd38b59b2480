// The frame around the views: which one is shown, and whether the manager answers.

import { showAccount } from '/assets/account.js';
import { Refused, passes } from '/assets/api.js';
import { connection } from '/assets/connection.js';
import { el, put } from '/assets/dom.js';
import { showJob } from '/assets/job.js';
import { showJobs } from '/assets/jobs.js';
import { forgetAccount, known, readAccount } from '/assets/me.js';
import { showNetwork } from '/assets/network.js';
import { showNodes } from '/assets/nodes.js';
import { askToken } from '/assets/session.js';
import { shell } from '/assets/shell.js';

const AGAIN_MS = 3000;

const main = document.getElementById('main');
const { tellLive, quiet } = connection();
let leave = () => {};
let turn = 0;

/** What went wrong. What passes leaves the view as it is, and `again` is called in a moment. */
function fail(error, again = show) {
  if (passes(error)) {
    tellLive(false, error instanceof Refused ? error.message : undefined);
    const there = turn;
    return setTimeout(() => { if (turn === there) again(); }, AGAIN_MS);
  }
  end();
  quiet();
  if (error.status === 401) return letIn(error);
  const hint = error.hint ? el('p', { class: 'hint' }, error.hint) : null;
  put(main, el('div', { class: 'empty', role: 'alert' },
    el('h1', {}, 'The manager says no'), el('p', {}, error.message), hint, el('p', {}, el('a', { href: '#/' }, 'All jobs'))));
}

function letIn(error) {
  forgetAccount();
  askToken(main, error, show);
}

function end() {
  turn += 1;
  leave();
  leave = () => {};
}

const VIEWS = { jobs: showJobs, nodes: showNodes, network: showNetwork, account: showAccount };

async function show() {
  end();
  const now = turn;
  const [path, words] = location.hash.replace(/^#\/?/, '').split('?');
  const job = /^jobs\/(\d+)(?:\/frames\/(-?\d+)|\/(film))?$/.exec(path);
  const view = path in VIEWS ? path : 'jobs';
  for (const link of document.querySelectorAll('nav a')) {
    if (link.dataset.view === view) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = job ? 'Candela' : `${view[0].toUpperCase()}${view.slice(1)} – Candela`;
  const around = { main, fail, tellLive, leaveSession: () => letIn() };
  if (!known()) {
    try { await readAccount(); } catch (error) { if (now === turn) fail(error); return; }
    if (now !== turn) return;
  }
  scrollTo(0, 0);
  if (job) leave = showJob(around, Number(job[1]), job[3] ?? (job[2] === undefined ? null : Number(job[2])));
  else leave = VIEWS[view](around, new URLSearchParams(words));
}

addEventListener('hashchange', (event) => {
  const job = (url) => /#\/jobs\/(\d+)/.exec(url)?.[1];
  // A frame opened or closed within the job that is shown: its view does that itself.
  if (job(event.newURL) && job(event.newURL) === job(event.oldURL)) return;
  show();
});
shell(main);
show();
