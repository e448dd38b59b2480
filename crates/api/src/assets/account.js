// Who one is here: scopes, own jobs and nodes, credit; and the tokens, for who may give them out.

import { remove } from '/assets/api.js';
import { el, figure, put, state } from '/assets/dom.js';
import { count, day, duration, samples } from '/assets/format.js';
import { operates, readAccount } from '/assets/me.js';
import { doing, wordOf } from '/assets/node.js';
import { sayNo } from '/assets/say.js';
import { tokenBoard } from '/assets/tokens.js';

const SCOPES = { read: 'look at everything', submit: 'submit jobs and act on their own', operate: 'do everything: others’ jobs, nodes, tokens' };

export function showAccount({ main, fail, tellLive, leaveSession }) {
  let ended = false;
  const draw = async () => {
    let account;
    try { account = await readAccount(); } catch (error) { if (!ended) fail(error, draw); return; }
    if (ended) return;
    tellLive(true);
    const signOut = async () => {
      try { await remove('/session'); leaveSession(); } catch (error) { sayNo(error); }
    };
    put(main,
      el('div', { class: 'head' }, el('h1', {}, account.user ?? 'The owner of this network'),
        el('span', { class: 'actions' }, account.local ? null : el('button', { onclick: signOut }, 'Sign out'))),
      el('p', { class: 'muted' }, who(account)),
      el('div', { class: 'boards three' },
        el('section', { class: 'board', 'aria-label': 'What you may do' }, el('h2', {}, 'What you may do'),
          el('ul', { class: 'plain' }, ...account.scopes.map((scope) => el('li', {}, el('b', {}, scope), ` – ${SCOPES[scope] ?? ''}`))),
          account.token ? el('p', { class: 'muted' }, `Token “${account.token.name}”, ${account.token.expires_at_ms ? `good until ${day(account.token.expires_at_ms)}` : 'good until it is taken back'}.`) : null),
        el('section', { class: 'board', 'aria-label': 'Jobs' }, el('h2', {}, account.user ? 'Your jobs' : 'Everybody’s jobs'),
          el('div', { class: 'figures' }, figure(count(account.jobs_open), 'not over'), figure(count(account.jobs_all), 'in all'),
            figure(count(account.frames_open), 'frames to come'), figure(count(account.frames_accepted), 'frames verified'), figure(duration(account.render_s), 'of rendering')),
          account.user ? el('p', {}, el('a', { href: `#/?user=${encodeURIComponent(account.user)}` }, 'Show them')) : null),
        el('section', { class: 'board', 'aria-label': 'Nodes and credit' }, el('h2', {}, account.user ? 'Your nodes' : 'Nodes and credit'),
          el('div', { class: 'figures' }, figure(samples(account.credit_earned), 'samples of credit earned'), figure(samples(account.credit_withheld), 'withheld for a day')),
          account.nodes.length
            ? el('ul', { class: 'plain' }, ...account.nodes.map((node) => el('li', {}, el('a', { href: `#/nodes?node=${node.id}` }, node.name), ' ', state(wordOf(node)), ` ${doing(node)}`)))
            : el('p', { class: 'muted' }, account.user ? `None: nodes are yours whose tickets name the owner “${account.user}”.` : 'No node is this account’s own.')),
        operates() ? tokenBoard() : null));
  };
  draw();
  return () => { ended = true; };
}

function who(account) {
  if (account.local) return 'You are on the manager’s own machine, which may do everything.';
  if (!account.user) return 'You have the owner’s token, which may do everything.';
  return 'Jobs that you submit have this name.';
}
