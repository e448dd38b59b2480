// A verdict and what it rests on: the delivered pixels beside the replica, and where they differ.

import { el, put, state } from '/assets/dom.js';
import { count, plural, probability, sentence } from '/assets/format.js';

const PICTURES = [
  ['delivered', 'Delivered', 'what the worker committed to'],
  ['replica', 'Replica', 'what a verifier rendered'],
  ['difference', 'Difference', 'where the two differ'],
];

const LEGEND = 'Path-traced light before denoising, by the sRGB curve alone. The difference is shown 8 times: black is the same, '
  + 'red pixels were judged and disagree, blue ones were left out because honest renders differ there.';

/** Three pictures side by side, of a verification or of a claim: `of` is their path. */
export function pictures(of, { compared = true, what = 'the probes' } = {}) {
  const shown = compared ? PICTURES : [PICTURES[1]];
  const one = ([name, title, about]) => {
    const url = `/api/v1${of}/pictures/${name}`;
    const image = el('img', {
      src: url, alt: `${title}: ${about}, of ${what}`, loading: 'lazy', decoding: 'async',
      onerror: (event) => event.target.closest('a').replaceWith(el('span', { class: 'gone' }, 'This picture is not kept any more.')),
    });
    return el('figure', {}, el('a', { href: url, target: '_blank', rel: 'noopener', 'aria-label': `${title}, in full size` }, image),
      el('figcaption', {}, el('b', {}, title), ` ${about}`));
  };
  return el('div', { class: 'evidence' }, el('div', { class: 'side' }, ...shown.map(one)), el('p', { class: 'muted legend' }, LEGEND));
}

const WHAT = {
  probe: 'Verification', confirm: 'Second opinion', claim: 'Part of the claim', claim_confirm: 'Second opinion on the claim',
};

/** One verification task: folded, with its evidence inside. */
export function verificationRow(task) {
  const what = WHAT[task.purpose] ?? 'Verification';
  const { verdict } = task;
  if (!verdict) {
    const words = { queued: 'waits for a verifier', leased: 'a verifier renders it', judged: 'done; told with the verdict', dropped: 'not needed any more' };
    return el('p', { class: 'muted' }, `${what}, ${plural(task.probes, 'region')}: ${words[task.status]}`);
  }
  const inside = el('div');
  const row = el('details', { 'data-id': `verification ${task.id}` },
    el('summary', {}, `${what} by ${verdict.verifier.name}: `, state(verdict.outcome)), inside);
  // Pictures are made when somebody looks.
  row.addEventListener('toggle', () => { if (row.open && !inside.childNodes.length) put(inside, ...verdictOf(task)); });
  return row;
}

function verdictOf(task) {
  const { verdict } = task;
  const cells = (probe) => [`${probe.x}, ${probe.y}`, `${probe.width} × ${probe.height}`,
    `${count(probe.informative_agree)} of ${count(probe.informative)}`, `${count(probe.direct_agree)} of ${count(probe.direct)}`, count(probe.unstable)];
  const wrong = (probe) => probe.informative_agree + probe.direct_agree < probe.informative + probe.direct;
  const rowOf = (tag, texts, attributes) => el('tr', attributes, ...texts.map((text) => el(tag, tag === 'th' ? { scope: 'col' } : {}, text)));
  return [
    el('p', {}, sentence(verdict.reason)),
    verdict.found_by_manager
      ? el('p', { class: 'muted' }, 'The manager found this itself: what was delivered can’t be this frame.')
      : el('p', { class: 'muted' }, `Probability of this from an honest worker ${probability(verdict.reject_p)}, from the nearest cheat ${probability(verdict.accept_p)}; `
        + `up to ${(100 * verdict.floor).toPrecision(2)} % of pixels may differ between honest workers.`
        + (verdict.developed ? ' The output follows from the layers.' : '')),
    verdict.evidence_hash ? pictures(`/verifications/${task.id}`, {
      compared: Boolean(verdict.worker_tiles_hash), what: plural(verdict.probes.length || task.probes, 'region'),
    }) : null,
    verdict.probes.length ? el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Counts of each region' }, el('table', {},
      el('thead', {}, rowOf('th', ['At x, y', 'Pixels', 'Informative ones agree', 'Others agree', 'Left out'])),
      el('tbody', {}, ...verdict.probes.map((probe) => rowOf('td', cells(probe), { class: wrong(probe) ? 'wrong' : null }))))) : null,
  ];
}
