// The jobs that match what is looked for: read in pages, kept up by events.

import { get } from '/assets/api.js';

const PAGE = 1000;

/** The first page is short, so that there is something to see. */
const FIRST = 100;

/** As many are held at most; who looks for older ones narrows the search. */
export const HELD_MAX = 20000;

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** Jobs for a query `{ status, user, search }`; `changed` is called when there is something new to draw. */
export function jobStore({ own, changed }) {
  let jobs = new Map();
  let query = {};
  let total = 0;
  let reading = 0;
  let complete = false;

  const path = (limit, before, user) => {
    const words = new URLSearchParams({ limit });
    for (const [name, value] of Object.entries({ ...query, user: user ?? query.user })) if (value) words.set(name, value);
    if (before) words.set('before', before);
    return `/jobs?${words}`;
  };

  const matches = (job) => (!query.status || job.status === query.status) && (!query.user || job.user === query.user)
    && (!query.search || [job.name, job.user].some((text) => text.toLowerCase().includes(query.search.toLowerCase())));

  const store = {
    get total() { return Math.max(total, jobs.size); },
    get complete() { return complete; },
    get: (id) => jobs.get(id),
    /** One's own first, then the newest first. */
    sorted() {
      const mine = own();
      return [...jobs.values()].sort((a, b) => (mine ? (b.user === mine) - (a.user === mine) : 0) || b.id - a.id);
    },

    /** Reads everything; what is the same as before stays the same object. With `afresh`, what is looked for is new: of what is there only what matches stays. */
    async read(wanted = query, afresh = false) {
      const turn = (reading += 1);
      query = wanted;
      complete = false;
      if (afresh) { jobs = new Map([...jobs].filter(([, job]) => matches(job))); total = 0; }
      const found = new Map();
      const take = (page) => {
        for (const job of page.items) {
          const old = jobs.get(job.id);
          found.set(job.id, old && same(old, job) ? old : job);
        }
      };
      const mine = own() && !query.user ? get(path(PAGE, null, own())) : null;
      const first = await get(path(afresh ? FIRST : PAGE));
      if (mine) take(await mine);
      let page = first;
      for (;;) {
        if (turn !== reading) return;
        take(page);
        total = first.total ?? found.size;
        // What was there before stays until it is known to be gone.
        jobs = new Map([...jobs, ...found]);
        changed();
        if (page.next === null || found.size >= HELD_MAX) break;
        page = await get(path(PAGE, page.next));
      }
      if (turn !== reading) return;
      complete = page.next === null;
      for (const id of jobs.keys()) if (!found.has(id) && id <= (first.items[0]?.id ?? 0)) jobs.delete(id);
      changed();
    },

    /** A job changed. */
    take(job) {
      const old = jobs.get(job.id);
      if (matches(job)) {
        if (!old) total += 1;
        jobs.set(job.id, job);
      } else if (old) {
        total -= 1;
        jobs.delete(job.id);
      } else return;
      changed();
    },
  };
  return store;
}
