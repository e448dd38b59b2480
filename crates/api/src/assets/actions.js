// Cancel, retry and priority, of one job or of thousands.

import { Unreachable, inWords, post } from '/assets/api.js';
import { ask } from '/assets/ask.js';
import { el } from '/assets/dom.js';
import { count, plural } from '/assets/format.js';
import { say, sayNo } from '/assets/say.js';

const AT_ONCE = 1000;

const WORDS = {
  cancel: { doing: 'Cancelling', done: 'Cancelled', nothing: 'Nothing was cancelled.' },
  retry: { doing: 'Retrying', done: 'Trying again:', nothing: 'Nothing is tried again.' },
  priority: { doing: 'Changing the priority of', done: 'Changed the priority of', nothing: 'No priority was changed.' },
};

/** Asks where asking is due, then does it to all of these jobs and says what came of it. */
export async function act(action, jobs, { name = null, priority: before = 0 } = {}) {
  const these = jobs.length === 1 && name ? `“${name}”` : plural(jobs.length, 'job');
  let priority;
  if (action === 'cancel') {
    const sure = await ask({
      title: `Cancel ${these}?`, text: 'Frames that are verified are kept; what is being rendered is given up.',
      yes: 'Cancel it'.replace('it', jobs.length === 1 ? 'it' : 'them'), no: 'Go on rendering', danger: true,
    });
    if (!sure) return false;
  }
  if (action === 'priority') {
    const given = await ask({
      title: `Priority of ${these}`, text: 'Higher goes first. Most jobs have 0.', yes: 'Set it', no: 'Leave it',
      field: { label: 'Priority', type: 'number', value: String(before), step: 1, min: -1000000, max: 1000000, required: true },
    });
    if (given === null) return false;
    priority = Number.parseInt(given, 10);
  }
  return send(action, jobs, priority);
}

async function send(action, jobs, priority) {
  const words = WORDS[action];
  const done = [];
  const refused = [];
  const note = jobs.length > AT_ONCE ? say(`${words.doing} ${plural(jobs.length, 'job')} …`, { kept: true }) : null;
  try {
    for (let from = 0; from < jobs.length; from += AT_ONCE) {
      const part = jobs.slice(from, from + AT_ONCE);
      const reply = await post('/jobs/actions', { action, jobs: part, ...(action === 'priority' ? { priority } : {}) });
      done.push(...reply.done);
      refused.push(...reply.refused);
      note?.change(`${words.doing} jobs: ${count(Math.min(from + AT_ONCE, jobs.length))} of ${count(jobs.length)} …`);
    }
  } catch (error) {
    note?.end();
    if (error instanceof Unreachable) say('The manager does not answer. What it did of this shows once it is back; asking again does no harm.', { bad: true });
    else sayNo(error);
    if (done.length) say(`${words.done} ${plural(done.length, 'job')} before that.`, { bad: true });
    return true;
  }
  note?.end();
  const text = done.length ? `${words.done} ${plural(done.length, 'job')}.` : words.nothing;
  if (!refused.length) say(text);
  else say(`${text} ${plural(refused.length, 'was', 'were')} refused.`.replace(/(\d) (was|were)/, '$1 $2'), { bad: true, more: reasons(refused) });
  return true;
}

/** What was refused, by reason, with the jobs' numbers. */
function reasons(refused) {
  const by = new Map();
  for (const { job, refusal } of refused) {
    // Reasons name the job; what is the same but for the number is one.
    const text = inWords(refusal).replaceAll(new RegExp(`\\b${job}\\b`, 'g'), 'N');
    by.set(text, [...(by.get(text) ?? []), job]);
  }
  const shown = (jobs) => `${jobs.slice(0, 20).join(', ')}${jobs.length > 20 ? ` and ${count(jobs.length - 20)} more` : ''}`;
  return el('ul', {}, ...[...by].map(([text, jobs]) => el('li', {},
    jobs.length === 1 ? text.replaceAll(/\bN\b/g, String(jobs[0])) : `${text} (jobs ${shown(jobs)})`)));
}
