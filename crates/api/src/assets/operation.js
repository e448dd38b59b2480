// One route: what it is asked with, and what it answers.

import { el } from '/assets/dom.js';
import { fieldsOf, flat, prose, typeLink } from '/assets/schema.js';

const STATUS = {
  200: 'done', 201: 'made', 202: 'begun', 204: 'done, nothing to say', 206: 'a part', 304: 'the same as before',
  400: 'not understood', 401: 'no token that counts', 403: 'not allowed', 404: 'no such thing', 409: 'not now', 413: 'too large',
  416: 'no such part', 422: 'can’t be used', 429: 'too much at once', 503: 'not at the moment', 507: 'no space left', '4XX': 'refused', '5XX': 'the manager failed',
};

export function operation(one, id, description) {
  return el('article', { id, class: 'operation', 'data-words': `${one.method} ${one.path} ${one.summary ?? ''}`.toLowerCase() },
    el('h3', {}, el('span', { class: `method ${one.method}` }, one.method), ' ', ...path(one.path)),
    prose([one.summary, one.description].filter(Boolean).join('\n\n')),
    parameters(one.parameters, description), body(one.requestBody, description), answers(one.responses, description), example(one));
}

/** Its variables stand out. */
const path = (text) => text.split(/(\{[^}]+\})/).filter(Boolean).map((part) => (part[0] === '{' ? el('var', {}, part) : el('span', {}, part)));

function parameters(list, description) {
  if (!list?.length) return null;
  return el('section', {}, el('h4', {}, 'Parameters'), el('dl', { class: 'fields' }, ...list.flatMap((one) => [
    el('dt', {}, el('code', {}, one.name), ' ', typeLink(one.schema, description), el('span', { class: 'muted' }, ` ${one.in}${one.required && one.in !== 'path' ? ', needed' : ''}`)),
    el('dd', {}, prose(one.description)),
  ])));
}

function body(request, description) {
  if (!request) return null;
  const [[type, { schema }]] = Object.entries(request.content);
  return el('section', {}, el('h4', {}, 'Body ', el('span', { class: 'muted' }, type)), prose(request.description),
    type === 'application/json' ? [el('p', {}, typeLink(schema, description)), fieldsOf(schema, description)] : el('p', { class: 'muted' }, 'The bytes themselves.'));
}

function answers(responses, description) {
  return el('section', {}, el('h4', {}, 'Answers'), el('dl', { class: 'fields' }, ...Object.entries(responses).flatMap(([status, response]) => {
    const [type, content] = Object.entries(response.content ?? {})[0] ?? [];
    const schema = content?.schema;
    const isOwn = schema && Object.keys(schema).length > 0;
    return [
      el('dt', {}, el('b', { class: /^[45]/.test(status) ? 'bad' : 'ok' }, status), el('span', { class: 'muted' }, ` ${STATUS[status] ?? ''}`)),
      el('dd', {}, prose(response.description), type && type !== 'application/json' ? el('p', {}, el('code', {}, type)) : null,
        isOwn ? el('p', {}, typeLink(schema, description)) : null,
        isOwn && /^2/.test(status) ? folded(schema, description) : null),
    ];
  })));
}

function folded(schema, description) {
  const fields = flat(schema, description);
  return fields.length ? el('details', {}, el('summary', {}, `Its ${fields.length} fields`), fieldsOf(schema, description)) : null;
}

function example(one) {
  const words = ['curl'];
  if (one.method !== 'get') words.push('-X', one.method.toUpperCase());
  const type = Object.keys(one.requestBody?.content ?? {})[0];
  if (type === 'application/json') words.push('--json @request.json');
  else if (type) words.push('--data-binary @FILE');
  words.push("-H 'Authorization: Bearer TOKEN'", `'${location.origin}${one.path}'`);
  return el('pre', { class: 'command', tabindex: 0, role: 'group', 'aria-label': 'As a command' }, words.join(' '));
}
