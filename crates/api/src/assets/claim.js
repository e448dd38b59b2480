// Bad result claims on a frame: what one costs, how it goes on, what came of it.

import { get, inWords, post } from '/assets/api.js';
import { el, put, state } from '/assets/dom.js';
import { pictures, verificationRow } from '/assets/evidence.js';
import { ago, count, plural, sentence } from '/assets/format.js';
import { own } from '/assets/me.js';

/** What the verdict means, for whoever claimed and for whoever rendered. */
const MEANING = {
  open: () => 'Verifiers that have not seen this frame render all of it again. What they find decides who pays.',
  upheld: () => 'The frame was wrong. It is rendered again by somebody else; its worker gets nothing for it and loses the credit that was withheld.',
  dismissed: (claim) => `The frame is what the scene defines. It stays as it is, its worker keeps its credit, and the claim counts against ${claim.user}.`,
  undecided: () => 'Verifiers could not agree on it. The frame is rendered again, and nobody pays.',
};

/** A claim on this frame, with its verdict once there is one. */
export function claimCard(claim) {
  const inside = el('div');
  const parts = el('details', { 'data-id': `claim ${claim.id}` }, el('summary', {}, 'Verdicts on its parts'), inside);
  parts.addEventListener('toggle', async () => {
    if (!parts.open || inside.childNodes.length) return;
    put(inside, el('p', { class: 'muted' }, 'reading …'));
    try {
      const detail = await get(`/claims/${claim.id}`);
      put(inside, ...detail.verifications.map(verificationRow));
    } catch (error) { put(inside, el('p', { class: 'bad', role: 'alert' }, error.message)); }
  });
  const decided = claim.status !== 'open';
  return el('section', { class: `receipt claimed ${claim.status}`, 'aria-label': `Claim ${claim.id}` },
    el('div', { class: 'head' }, el('h4', {}, `Claim ${claim.id}`), state(claim.status)),
    el('p', {}, MEANING[claim.status](claim)),
    claim.comment && el('blockquote', {}, claim.comment),
    claim.reason && el('p', { class: 'muted' }, sentence(claim.reason)),
    el('p', { class: 'muted' }, `by ${claim.user}, ${ago(claim.made_at_ms)} · receipt ${claim.receipt_id} · ${count(claim.tiles_judged)} of ${plural(claim.tiles, 'tile')} judged`),
    decided ? null : el('progress', { max: claim.tiles, value: claim.tiles_judged, 'aria-label': `${claim.tiles_judged} of ${claim.tiles} tiles judged` }),
    decided && claim.tiles_judged ? pictures(`/claims/${claim.id}`, { what: `frame ${claim.frame}` }) : null,
    decided ? parts : null);
}

/** Lets the reader claim that this frame is wrong; `changed` is called once that is done. */
export function claimForm(job, frame, changed) {
  const { claim_terms: terms } = frame;
  if (!terms) return null;
  const place = el('div', { class: 'claiming' });
  const closed = () => put(place, el('p', {},
    el('button', { onclick: () => { put(place, open()); place.querySelector('textarea').focus(); } }, 'Claim that this frame is wrong …')));
  const open = () => {
    const comment = el('textarea', { id: 'claim-comment', rows: 3, maxlength: 2000 });
    const user = el('input', { id: 'claim-user', value: own() ?? job.user, readonly: own() !== null, required: true, maxlength: 100, autocomplete: 'name' });
    const said = el('p', { class: 'bad', role: 'alert' });
    const send = el('button', { class: 'danger' }, 'Have the frame verified');
    const form = el('form', { class: 'claim', 'aria-label': 'Bad result claim' },
      el('h3', {}, `Claim that frame ${frame.number} is wrong`),
      el('p', {}, `Verifiers that have not seen it render the whole frame again, at least twice over: ${million(terms.render_px)} pixels.`),
      el('ul', {},
        el('li', {}, 'If it is wrong, it is rendered again by somebody else, and its worker pays.'),
        el('li', {}, `If it is right, your claim is dismissed. After ${plural(terms.dismissed_day_max, 'dismissed claim')} within a day no more are taken from you; ${count(terms.day_max)} a day in any case.`),
        el('li', {}, 'A result can be claimed once.')),
      el('label', { for: 'claim-comment' }, 'What is wrong? Others read it.'), comment,
      el('label', { for: 'claim-user' }, 'Who claims'), user, said,
      el('p', { class: 'actions' }, send, el('button', { type: 'button', onclick: () => { closed(); place.querySelector('button').focus(); } }, 'Don’t claim')));
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      send.disabled = true;
      try {
        await post(`/jobs/${job.id}/frames/${frame.number}/claims`, { comment: comment.value, user: user.value });
        form.remove();
        changed();
      } catch (error) {
        send.disabled = false;
        put(said, inWords(error));
      }
    });
    return form;
  };
  closed();
  return place;
}

const million = (px) => (px < 1e6 ? `${count(Math.round(px / 1000))} thousand` : `${(px / 1e6).toFixed(1)} million`);
