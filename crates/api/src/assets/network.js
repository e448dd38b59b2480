// The network as a whole: what it does a minute, what waits, what checking costs, who decides.

import { get } from '/assets/api.js';
import { chart } from '/assets/chart.js';
import { el, figure, put } from '/assets/dom.js';
import { about, count, percent, plural } from '/assets/format.js';

const PERIOD_MS = 5000;

export function showNetwork({ main, fail, tellLive }) {
  let ended = false;
  let timer = 0;
  const place = el('div', { class: 'boards' });
  put(main, el('div', { class: 'head' }, el('h1', {}, 'Network')), place);
  const read = async () => {
    try {
      const [network, managers] = await Promise.all([get('/network'), get('/managers')]);
      if (ended) return;
      tellLive(true);
      const open = [...place.querySelectorAll('details')].map((details) => details.open);
      const inside = place.contains(document.activeElement);
      put(place, throughput(network), queue(network), nodes(network), verification(network), jobs(network), leaders(managers));
      [...place.querySelectorAll('details')].forEach((details, at) => { details.open = open[at] ?? false; });
      if (inside) place.querySelector('summary')?.focus();
    } catch (error) { if (!ended) fail(error, () => {}); }
    if (!ended) timer = setTimeout(read, PERIOD_MS);
  };
  read();
  return () => { ended = true; clearTimeout(timer); };
}

const board = (title, ...inside) => el('section', { class: 'board', 'aria-label': title }, el('h2', {}, title), ...inside);
const figures = (...all) => el('div', { class: 'figures' }, ...all);

function throughput({ history }) {
  const frames = history.map((minute) => minute.frames_accepted);
  const whole = frames.reduce((sum, n) => sum + n, 0);
  const rejected = history.reduce((sum, minute) => sum + minute.receipts_rejected, 0);
  const last = frames.at(-1) ?? 0;
  return el('section', { class: 'board wide', 'aria-label': 'Throughput' },
    el('h2', {}, 'Frames verified a minute'),
    figures(figure(count(last), 'in the last minute'), figure(count(whole), `in the last ${plural(Math.max(1, history.length), 'minute')}`),
      figure(count(rejected), rejected === 1 ? 'receipt rejected' : 'receipts rejected', rejected > 0)),
    history.length ? chart(history) : el('p', { class: 'muted' }, 'The first minute isn’t over yet.'));
}

function queue({ frames }) {
  return board('Frames', figures(figure(count(frames.waiting), 'waiting'), figure(count(frames.rendering), 'rendering'),
    figure(count(frames.verifying), 'being verified'), figure(count(frames.accepted), 'verified'),
    figure(count(frames.failed), 'failed', frames.failed > 0)));
}

function jobs({ jobs: all }) {
  const link = (status, n, bad) => el('a', { href: `#/?status=${status}`, class: 'figure link' }, el('b', { class: bad && n ? 'bad' : null }, count(n)), el('span', {}, status));
  return board('Jobs', figures(link('active', all.active), link('inspecting', all.inspecting), link('completed', all.completed),
    link('failed', all.failed, true), link('refused', all.refused, true), link('cancelled', all.cancelled)));
}

function nodes({ nodes: all }) {
  const busy = all.slots ? all.busy / all.slots : null;
  const meter = el('meter', { min: 0, max: all.slots || 1, value: all.busy, 'aria-label': `${all.busy} of ${all.slots} slots busy` });
  return board('Nodes', figures(figure(`${count(all.connected)} / ${count(all.known)}`, 'connected'), figure(count(all.workers), all.workers === 1 ? 'worker' : 'workers'),
    figure(count(all.verifiers), all.verifiers === 1 ? 'verifier' : 'verifiers'), all.paused ? figure(count(all.paused), 'paused') : null,
    all.suspended ? figure(count(all.suspended), 'suspended', true) : null),
  meter, el('p', { class: 'muted' }, busy === null ? 'Nobody is connected who could work.' : `${count(all.busy)} of ${plural(all.slots, 'slot')} busy, ${percent(busy)}.`));
}

function verification({ verification: all }) {
  return board('Verification', figures(
    figure(percent(all.share), 'of the pixels rendered again'), figure(about(all.verification_px), 'pixels to verify'), figure(about(all.rendered_px), 'pixels rendered'),
    figure(count(all.receipts_accepted), 'receipts accepted'), figure(count(all.receipts_rejected), 'rejected', all.receipts_rejected > 0)),
  el('h3', {}, 'Bad result claims'),
  figures(figure(count(all.claims_open), 'open'), figure(count(all.claims_upheld), 'upheld'), figure(count(all.claims_dismissed), 'dismissed')));
}

function leaders({ own, leader, term, managers }) {
  const lack = (manager) => (manager.leads ? '' : manager.behind === null || manager.behind === undefined ? 'not known here' : manager.behind === 0 ? 'has everything' : `lacks ${plural(manager.behind, 'entry', 'entries')}`);
  const cells = (tag, texts) => el('tr', {}, ...texts.map((text) => el(tag, tag === 'th' ? { scope: 'col' } : {}, text)));
  return el('section', { class: 'board wide', 'aria-label': 'Managers' }, el('h2', {}, 'Managers'),
    leader === null ? el('p', { class: 'notice bad' }, 'No manager leads: too few of them are there to elect one. Nothing is decided until then, and nothing is lost.') : null,
    el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'The managers' }, el('table', {},
      el('thead', {}, cells('th', ['Manager', 'Role', 'Its copy', 'Reached at'])),
      el('tbody', {}, ...managers.map((manager) => cells('td', [
        `${manager.number}${manager.number === own ? ' (answers here)' : ''}`, manager.leads ? 'leads' : 'follows', lack(manager), manager.addresses.join(', '),
      ]))))),
    el('p', { class: 'muted' }, `Term ${count(term)}: it grows with each election.`));
}
