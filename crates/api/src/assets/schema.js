// Types of the interface: their names, their fields, and what is said of them.

import { el } from '/assets/dom.js';

const nameOf = (ref) => ref.split('/').at(-1);

/** The schema itself, if it is named elsewhere. */
export const resolve = (schema, description) => (schema?.$ref ? description.components?.schemas?.[nameOf(schema.$ref)] ?? {} : schema ?? {});

/** Several kinds, of which nothing but `null` is left out. */
const kinds = (schema) => (schema.oneOf ?? schema.anyOf)?.filter((one) => one.type !== 'null');
const isOptional = (schema) => [schema.type].flat().includes('null') || (schema.oneOf ?? schema.anyOf)?.some((one) => one.type === 'null');

/** A type in a few words. */
export function typeName(schema = {}) {
  if (schema.$ref) return nameOf(schema.$ref);
  const several = kinds(schema);
  if (several?.length === 1) return typeName(several[0]);
  if (several) return 'one of several';
  if (schema.allOf) return 'object';
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.items) return `list of ${typeName(schema.items)}`;
  if (schema.additionalProperties) return `map of ${typeName(schema.additionalProperties)}`;
  return [schema.type ?? 'anything'].flat().filter((type) => type !== 'null').join(' | ');
}

/** The same, with the way to where it is described. */
export function typeLink(schema = {}, description) {
  const one = kinds(schema)?.length === 1 ? kinds(schema)[0] : schema;
  const inner = one.items ?? one;
  const name = inner.$ref && nameOf(inner.$ref);
  const optional = isOptional(schema) ? ' or null' : '';
  if (name && description.components?.schemas?.[name]) {
    return el('span', { class: 'type' }, one.items ? 'list of ' : '', el('a', { href: `#schema-${name}` }, name), optional);
  }
  return el('span', { class: 'type' }, typeName(one), optional);
}

/** All fields of an object, also those that it takes over: [name, schema, needed]. */
export function flat(schema, description) {
  const one = resolve(schema, description);
  const several = kinds(one);
  if (several?.length === 1) return flat(several[0], description);
  const own = Object.entries(one.properties ?? {}).map(([name, field]) => [name, field, one.required?.includes(name) ?? false]);
  return [...(one.allOf ?? []).flatMap((part) => flat(part, description)), ...own];
}

/** Fields with their types and meaning; of a choice, each kind. */
export function fieldsOf(schema, description) {
  const one = resolve(schema, description);
  const several = kinds(one);
  if (several && several.length > 1) {
    return el('ul', { class: 'kinds' }, ...several.map((kind) => el('li', {}, prose(kind.description), kind.$ref || !kind.properties ? typeLink(kind, description) : fieldsOf(kind, description))));
  }
  const fields = flat(one.items ?? one, description);
  if (!fields.length) return one.enum ? el('p', {}, ...one.enum.flatMap((value) => [el('code', {}, JSON.stringify(value)), ' '])) : null;
  return el('dl', { class: 'fields' }, ...fields.flatMap(([name, field, needed]) => [
    el('dt', {}, el('code', {}, name), ' ', typeLink(field, description), needed ? null : el('span', { class: 'muted' }, ' optional')),
    el('dd', {}, prose(field.description ?? kinds(field)?.[0]?.description)),
  ]));
}

/** Text with `code` in it, paragraph by paragraph; nothing of it becomes an element of its own choosing. */
export function prose(text) {
  if (!text) return null;
  return el('div', { class: 'prose' }, ...text.split(/\n\s*\n/).map((paragraph) => el('p', {},
    ...paragraph.split(/(`[^`]+`)/).filter(Boolean).map((part) => (part[0] === '`' && part.length > 2 ? el('code', {}, part.slice(1, -1)) : part)))));
}
