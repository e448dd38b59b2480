// One frame: the picture, the probes on it, who rendered it, what was claimed, and every receipt with its evidence.

import { calmly, get, inWords, passes } from '/assets/api.js';
import { isPicture } from '/assets/card.js';
import { claimCard, claimForm } from '/assets/claim.js';
import { el, put, state } from '/assets/dom.js';
import { verificationRow } from '/assets/evidence.js';
import { ago, count, duration, plural, sentence, size } from '/assets/format.js';
import { mayChange } from '/assets/me.js';

/** Opens a dialog with the frame; arrow keys go to its neighbours. Gives what is to be called when frames change. */
export function openFrame({ job, number, numbers, fail, onclose, onshow }) {
  document.querySelector('dialog')?.close();
  const body = el('div', { class: 'body' });
  const dialog = el('dialog', { class: 'frameview', 'aria-label': 'Frame' }, body);
  let shown = number;
  let ended = false;

  const read = async (wanted, settle) => {
    try {
      const [frame, claims] = await Promise.all([get(`/jobs/${job.id}/frames/${wanted}`), get(`/jobs/${job.id}/claims?limit=1000`)]);
      if (ended || shown !== wanted) return;
      frame.claims = claims.items.filter((claim) => claim.frame === wanted);
      settle(() => put(body, ...describe(job, frame, { step, close: () => dialog.close(), again })));
    } catch (error) {
      if (ended) return;
      if (!passes(error)) dialog.close();
      else if (!body.childElementCount) put(body, el('p', { class: 'bad', role: 'alert' }, inWords(error)));
      fail(error, () => ended || again());
    }
  };
  const show = (wanted) => {
    shown = wanted;
    onshow(wanted);
    return read(wanted, (draw) => { draw(); dialog.scrollTop = 0; });
  };
  // What the reader has opened stays open, and what is being written is not taken away.
  const again = () => (body.querySelector('form') ? null : read(shown, (draw) => {
    const open = [...body.querySelectorAll('details[open]')].map((details) => details.dataset.id);
    const top = dialog.scrollTop;
    draw();
    for (const details of body.querySelectorAll('details')) details.open = open.includes(details.dataset.id);
    dialog.scrollTop = top;
  }));
  const step = (by) => {
    const all = numbers();
    const to = all[all.indexOf(shown) + by];
    if (to !== undefined) show(to);
  };
  dialog.addEventListener('keydown', (event) => {
    if (event.target.matches('input, textarea, .scroll')) return;
    if (event.key === 'ArrowLeft' || event.key === 'k') step(-1);
    if (event.key === 'ArrowRight' || event.key === 'j') step(1);
  });
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener('close', () => { ended = true; dialog.remove(); onclose(); });
  document.body.append(dialog);
  dialog.showModal();
  show(number);
  const soon = calmly(600, () => ended || again());
  return (changed) => { if (changed === undefined || changed === shown) soon(); };
}

function describe(job, frame, { step, close, again }) {
  const accepted = frame.receipts.find((receipt) => receipt.id === frame.receipt_id && receipt.status === 'accepted');
  return [
    el('div', { class: 'head' },
      el('h2', {}, `Frame ${frame.number}`), state(frame.status),
      el('span', { class: 'actions' },
        frame.output && el('a', { class: 'button', href: frame.output.url, download: frame.output.file_name }, `Download ${size(frame.output.bytes)}`),
        el('button', { onclick: () => step(-1), 'aria-label': 'Frame before' }, '‹'),
        el('button', { onclick: () => step(1), 'aria-label': 'Next frame' }, '›'),
        el('button', { onclick: close, 'aria-label': 'Close' }, '×'))),
    isPicture(frame.output) && picture(job, frame, accepted),
    trouble(frame, accepted),
    verdictOf(frame, accepted),
    ...frame.claims.map(claimCard),
    mayChange(job) && claimForm(job, frame, again),
    frame.receipts.length
      ? el('h3', {}, frame.receipts.length === 1 ? 'Its receipt' : 'Its receipts, the newest first')
      : el('p', { class: 'muted' }, 'No worker has sent a receipt for this frame yet.'),
    ...[...frame.receipts].reverse().map(receiptCard),
  ];
}

/** What went wrong: the engine's own words as it said them, line by line. */
function trouble(frame, accepted) {
  if (!frame.last_error) return null;
  const attempts = frame.attempts ? `${plural(frame.attempts, 'attempt')} came to nothing` : 'An attempt came to nothing';
  const where = frame.crashed_on.length ? `; the engine fell over on ${frame.crashed_on.map((node) => node.name).join(', ')}` : '';
  const words = el('pre', { class: 'log', tabindex: 0, 'aria-label': 'What was said of it' }, frame.last_error);
  if (accepted || frame.status !== 'failed') return el('details', { class: 'trouble', 'data-id': 'trouble' }, el('summary', {}, `${attempts}${where}`), words);
  return el('section', { class: 'notice bad trouble', 'aria-label': 'Why it failed' }, el('h3', {}, `Given up: ${attempts}${where}`), words);
}

/** The picture with the regions that were probed outlined; of a claim it would be all of it. */
function picture(job, frame, accepted) {
  const probes = new Map();
  for (const task of accepted?.verifications ?? []) {
    if (task.purpose.startsWith('claim')) continue;
    for (const probe of task.verdict?.probes ?? []) probes.set(`${probe.x} ${probe.y}`, probe);
  }
  const { width_px: width, height_px: height } = job.render;
  const marks = [...probes.values()].map((probe) => {
    const mark = el('span', { class: 'probe' });
    mark.style.left = `${(100 * probe.x) / width}%`;
    mark.style.top = `${(100 * probe.y) / height}%`;
    mark.style.width = `${(100 * probe.width) / width}%`;
    mark.style.height = `${(100 * probe.height) / height}%`;
    return mark;
  });
  const image = el('img', { src: frame.output.url, alt: `Frame ${frame.number}`, width, height });
  const shot = el('div', { class: 'shot' }, image, ...marks);
  shot.style.setProperty('--ratio', width / height);
  return el('figure', {}, shot,
    marks.length ? el('figcaption', { class: 'muted' }, `Outlined: ${plural(marks.length, 'probe')} that a verifier rendered again without seeing the worker’s.`) : null);
}

function verdictOf(frame, accepted) {
  const { verdict } = frame;
  if (!accepted) return null;
  const by = `Rendered by ${frame.worker?.name ?? 'a worker'} in ${duration(frame.render_s)}`;
  if (!verdict) {
    return el('p', { class: 'notice good' }, `${by}. Not checked itself: it was drawn that the checked frames of its lease vouch for it, `
      + `as for ${Math.round(100 * (1 - accepted.check_rate))} % of the frames of a worker with this record. If one of them turns out wrong, this one is opened again.`);
  }
  const verifiers = verdict.verifiers.map((node) => node.name).join(', ');
  return el('p', { class: 'notice good' },
    `${by}, verified by ${verifiers}: `
    + `${plural(verdict.probes, 'probe')}, ${count(verdict.informative_agree + verdict.direct_agree)} of `
    + `${count(verdict.informative + verdict.direct)} judged pixels agree. ${sentence(verdict.reason)}`);
}

/** How far the network stands for a receipt, in a few words. */
function standsFor(receipt) {
  const words = [];
  if (receipt.reopened) words.push('opened again after it was accepted');
  if (receipt.checked === true) words.push('checked itself');
  if (receipt.checked === false) words.push('vouched for by its lease');
  if (receipt.checked !== null) words.push(`${Math.round(100 * receipt.check_rate)} % of its worker’s frames were checked then`);
  return words.length ? el('p', { class: 'muted' }, words.join(' · ')) : null;
}

function receiptCard(receipt) {
  return el('section', { class: `receipt ${receipt.status}` },
    el('div', { class: 'head' }, el('h4', {}, `Receipt ${receipt.id}`), state(receipt.status)),
    receipt.reason && el('p', { class: 'reason' }, sentence(receipt.reason)),
    el('p', { class: 'muted' }, [
      `by ${receipt.worker.name}`, receipt.device, receipt.engine, duration(receipt.render_s),
      `${size(receipt.peak_memory_bytes)} at most`, ago(receipt.received_at_ms),
    ].join(' · ')),
    standsFor(receipt),
    ...receipt.verifications.filter((task) => !task.purpose.startsWith('claim')).map(verificationRow));
}
