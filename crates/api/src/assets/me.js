// Who the reader is, and so what is offered: the manager decides in any case.

import { get } from '/assets/api.js';

let account = null;

/** Asks who one is; a view does so before it draws. */
export async function readAccount() {
  account = await get('/account');
  return account;
}

export const forgetAccount = () => { account = null; };
export const known = () => account;

/** The user whose jobs are one's own; null for the manager's owner, to whom none belong more than others. */
export const own = () => account?.user ?? null;

/** Whether one may do everything. */
export const operates = () => account?.scopes.includes('operate') ?? false;

/** Whether one may change this job. */
export const mayChange = (job) => operates() || Boolean(account?.scopes.includes('submit') && job.user === account.user);
