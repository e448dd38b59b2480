// One frame: the picture, the probes on it, who rendered it, and every receipt with its evidence.

import { get } from '/assets/api.js';
import { ago, count, duration, el, plural, probability, put, size, state } from '/assets/dom.js';
import { isPicture } from '/assets/job.js';

const TILE_PX = 64;

/** Opens a dialog with the frame; arrow keys go to its neighbours. */
export function openFrame({ job, number, numbers, fail, onclose, onshow }) {
  document.querySelector('dialog')?.close();
  const body = el('div', { class: 'body' });
  const dialog = el('dialog', { class: 'frameview', 'aria-label': 'Frame' }, body);
  let shown = number;

  const show = async (wanted) => {
    shown = wanted;
    onshow(wanted);
    try {
      const frame = await get(`/jobs/${job.id}/frames/${wanted}`);
      if (shown === wanted) put(body, ...describe(job, frame, step, () => dialog.close()));
    } catch (error) {
      dialog.close();
      fail(error);
    }
  };
  const step = (by) => {
    const to = numbers[numbers.indexOf(shown) + by];
    if (to !== undefined) show(to);
  };
  dialog.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowLeft') step(-1);
    if (event.key === 'ArrowRight') step(1);
  });
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener('close', () => { dialog.remove(); onclose(); });
  document.body.append(dialog);
  dialog.showModal();
  show(number);
}

function describe(job, frame, step, close) {
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
    frame.last_error && el('p', { class: 'notice bad' }, frame.last_error),
    frame.crashed_on.length ? el('p', { class: 'muted' }, `The engine fell over on ${frame.crashed_on.map((node) => node.name).join(', ')}.`) : null,
    verdictOf(frame),
    frame.receipts.length
      ? el('h3', {}, frame.receipts.length === 1 ? 'Its receipt' : 'Its receipts, the newest first')
      : el('p', { class: 'muted' }, 'No worker has sent a receipt for this frame yet.'),
    ...[...frame.receipts].reverse().map(receiptCard),
  ];
}

/** The picture with the tiles that were probed outlined. */
function picture(job, frame, accepted) {
  const tiles = new Map();
  for (const task of accepted?.verifications ?? []) {
    for (const probe of task.verdict?.probes ?? []) tiles.set(`${probe.column} ${probe.row}`, probe);
  }
  const { width_px: width, height_px: height } = job.render;
  const marks = [...tiles.values()].map((probe) => {
    const mark = el('span', { class: 'probe' });
    const [x, y] = [probe.column * TILE_PX, probe.row * TILE_PX];
    mark.style.left = `${(100 * x) / width}%`;
    mark.style.top = `${(100 * y) / height}%`;
    mark.style.width = `${(100 * Math.min(TILE_PX, width - x)) / width}%`;
    mark.style.height = `${(100 * Math.min(TILE_PX, height - y)) / height}%`;
    return mark;
  });
  const image = el('img', { src: frame.output.url, alt: `Frame ${frame.number}`, width, height });
  return el('figure', {}, el('div', { class: 'shot' }, image, ...marks),
    marks.length ? el('figcaption', { class: 'muted' }, `Outlined: ${plural(marks.length, 'tile')} that a verifier rendered again without seeing the worker’s.`) : null);
}

function verdictOf(frame) {
  const verdict = frame.verdict;
  if (!verdict) return null;
  const verifiers = verdict.verifiers.map((node) => node.name).join(', ');
  return el('p', { class: 'notice good' },
    `Rendered by ${frame.worker?.name ?? 'a worker'} in ${duration(frame.render_s)}, verified by ${verifiers}: `
    + `${plural(verdict.probes, 'probe')}, ${count(verdict.informative_agree + verdict.direct_agree)} of `
    + `${count(verdict.informative + verdict.direct)} judged pixels agree. ${verdict.reason}`);
}

function receiptCard(receipt) {
  return el('section', { class: `receipt ${receipt.status}` },
    el('div', { class: 'head' }, el('h4', {}, `Receipt ${receipt.id}`), state(receipt.status)),
    receipt.reason && el('p', { class: 'reason' }, receipt.reason),
    el('p', { class: 'muted' }, [
      `by ${receipt.worker.name}`, receipt.device, receipt.engine, duration(receipt.render_s),
      `${size(receipt.peak_memory_bytes)} at most`, ago(receipt.received_at_ms),
    ].join(' · ')),
    ...receipt.verifications.map(verificationRow));
}

function verificationRow(task) {
  const what = task.purpose === 'confirm' ? 'Second opinion' : 'Verification';
  const { verdict } = task;
  if (!verdict) {
    const words = { queued: 'waits for a verifier', leased: 'a verifier renders it', judged: 'done; told with the verdict', dropped: 'not needed any more' };
    return el('p', { class: 'muted' }, `${what}, ${plural(task.probes, 'probe')}: ${words[task.status]}`);
  }
  const cells = (probe) => [`${probe.column}, ${probe.row}`, `${count(probe.informative_agree)} of ${count(probe.informative)}`,
    `${count(probe.direct_agree)} of ${count(probe.direct)}`, count(probe.unstable)];
  const rowOf = (tag, texts) => el('tr', {}, ...texts.map((text) => el(tag, {}, text)));
  return el('details', {},
    el('summary', {}, `${what} by ${verdict.verifier.name}: `, state(verdict.outcome)),
    el('p', {}, verdict.reason),
    el('p', { class: 'muted' }, `Probability of this from an honest worker ${probability(verdict.reject_p)}, from the nearest cheat ${probability(verdict.accept_p)}; `
      + `up to ${(100 * verdict.floor).toPrecision(2)} % of pixels may differ between honest workers.`),
    el('div', { class: 'scroll' }, el('table', {},
      el('thead', {}, rowOf('th', ['Tile', 'Informative pixels agree', 'Others agree', 'Left out'])),
      el('tbody', {}, ...verdict.probes.map((probe) => rowOf('td', cells(probe)))))));
}
