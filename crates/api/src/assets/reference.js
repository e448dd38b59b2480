// The description of the interface, as the manager itself gives it, for people.

import { el, nothing, put, tell } from '/assets/dom.js';
import { plural } from '/assets/format.js';
import { operation } from '/assets/operation.js';
import { fieldsOf, prose, typeName } from '/assets/schema.js';
import { shell } from '/assets/shell.js';

const main = document.getElementById('main');
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

function all(description) {
  const found = [];
  for (const [path, item] of Object.entries(description.paths)) {
    for (const method of METHODS) if (item[method]) found.push({ method, path, ...item[method], parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])] });
  }
  return found;
}

function groups(description) {
  const operations = all(description);
  const named = (description.tags ?? []).map((tag) => ({ ...tag, operations: operations.filter((one) => one.tags?.[0] === tag.name) }));
  const known = new Set(named.map((group) => group.name));
  const rest = operations.filter((one) => !known.has(one.tags?.[0]));
  return [...named, { name: 'others', description: '', operations: rest }].filter((group) => group.operations.length);
}

const title = (text) => text[0].toUpperCase() + text.slice(1);
const anchor = (one) => `${one.method}-${one.path}`.replaceAll(/[^\w-]+/g, '-');

function schemas(description) {
  const named = Object.entries(description.components?.schemas ?? {}).sort(([a], [b]) => a.localeCompare(b));
  return el('section', { id: 'schemas', class: 'group' }, el('h2', {}, 'Schemas'),
    el('p', { class: 'muted' }, 'What is sent and what comes back, by name. Replies may grow fields; requests with unknown ones are refused.'),
    ...named.map(([name, schema]) => el('details', { id: `schema-${name}`, class: 'schema', 'data-words': name.toLowerCase() },
      el('summary', {}, el('b', {}, name), ' ', el('span', { class: 'muted' }, typeName(schema))), prose(schema.description), fieldsOf(schema, description))));
}

/** Shows what the address names: a type is unfolded. */
function reach() {
  const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!wanted) return;
  if (wanted instanceof HTMLDetailsElement) wanted.open = true;
  wanted.scrollIntoView();
}

function draw(description) {
  const parts = groups(description);
  const found = el('p', { class: 'muted', role: 'status' });
  const link = (one) => el('a', { href: `#${anchor(one)}`, 'data-words': `${one.method} ${one.path} ${one.summary ?? ''}`.toLowerCase() },
    el('span', { class: `method ${one.method}` }, one.method), el('span', { class: 'path' }, ...one.path.replace('/api/v1', '').split(/(?<=.)(?=\/)/).flatMap((part) => [el('wbr'), part])));
  const index = el('nav', { class: 'index', 'aria-label': 'Routes' },
    el('input', { type: 'search', 'data-search': true, placeholder: 'Search routes  ( / )', 'aria-label': 'Search routes and schemas', oninput: (event) => filter(event.target.value) }),
    found,
    ...parts.map((group) => el('div', { class: 'links' }, el('a', { href: `#group-${group.name}`, class: 'title' }, title(group.name)), ...group.operations.map(link))),
    el('div', { class: 'links' }, el('a', { href: '#refusals', class: 'title' }, 'Refusals'), el('a', { href: '#schemas', class: 'title' }, 'Schemas')));
  const text = el('div', { class: 'text' },
    el('h1', {}, `The API of ${description.info.title}`),
    prose(description.info.description),
    el('p', { class: 'muted' }, `Version ${description.info.version} · `, el('a', { href: '/api/v1/openapi.json' }, 'openapi.json'), ' for programs that write clients'),
    ...parts.map((group) => el('section', { id: `group-${group.name}`, class: 'group' },
      el('h2', {}, title(group.name)), group.description ? el('p', { class: 'muted' }, `${group.description}.`) : null,
      ...group.operations.map((one) => operation(one, anchor(one), description)))),
    refusals(), schemas(description));
  const filter = (wanted) => {
    const words = wanted.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let seen = 0;
    for (const one of main.querySelectorAll('[data-words]')) {
      one.hidden = !words.every((word) => one.dataset.words.includes(word));
      if (!one.hidden && one.classList.contains('operation')) seen += 1;
    }
    for (const group of main.querySelectorAll('.group, .links')) {
      const inside = [...group.querySelectorAll('[data-words]')];
      group.hidden = inside.length > 0 && inside.every((one) => one.hidden);
    }
    tell(found, words.length ? plural(seen, 'route') : '');
  };
  put(main, index, text);
  reach();
}

function refusals() {
  return el('section', { id: 'refusals', class: 'group' }, el('h2', {}, 'Refusals'),
    el('p', {}, 'Whatever isn’t done is answered in one form, with a status of 4XX, or 5XX if the manager itself failed:'),
    el('ul', {},
      el('li', {}, el('code', {}, 'code'), ': a stable word for programs, like ', el('code', {}, 'frames_empty'), '.'),
      el('li', {}, el('code', {}, 'message'), ': one sentence for people.'),
      el('li', {}, el('code', {}, 'hint'), ': what to change, if something helps.'),
      el('li', {}, el('code', {}, 'items'), ': what it is about, if it is several things, like hashes of missing blobs.')),
    el('p', {}, 'See ', el('a', { href: '#schema-RefusalInfo' }, 'RefusalInfo'), '. A route names the codes that are its own.'));
}

async function show() {
  try {
    const response = await fetch('/api/v1/openapi.json');
    if (!response.ok) throw new Error(`the manager answered ${response.status}`);
    draw(await response.json());
  } catch (error) {
    put(main, nothing('The description can’t be read', `${title(error.message)}.`,
      el('p', {}, el('button', { onclick: show }, 'Try again'))));
  }
}

addEventListener('hashchange', reach);
shell(main);
show();
