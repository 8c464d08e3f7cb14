/** Values that a JSON schema describes, and now and then some that it does not. */
import fc from 'fast-check';

export interface Schema {
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  propertyNames?: Schema;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

const MOST_ITEMS = 6;
const MOST_CHARS = 40;
/** Words that lead somewhere: what they name is in the known data, or is special. */
const WORDS = [
  'fa',
  'fb',
  'fault:0001',
  'faults_pool',
  'eps',
  'desc',
  'name',
  'time',
  '__proto__',
  'constructor',
  '',
  ' ',
  ',',
];

export function arbitraryOf(schema: Schema): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 30, arbitrary: sound(schema) }, { weight: 1, arbitrary: fc.jsonValue() });
}

function sound(schema: Schema): fc.Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return fc.oneof(...options.map(arbitraryOf));
  if (Array.isArray(schema.type)) return fc.oneof(...schema.type.map((type) => sound({ ...schema, type })));
  switch (schema.type) {
    case 'object':
      return objectOf(schema);
    case 'array':
      return fc.array(arbitraryOf(schema.items ?? {}), {
        minLength: Math.min(schema.minItems ?? 0, MOST_ITEMS),
        maxLength: Math.min(schema.maxItems ?? MOST_ITEMS, MOST_ITEMS),
      });
    case 'integer':
    case 'number':
      return numberOf(schema);
    case 'string':
      return fc.oneof(
        fc.constantFrom(...WORDS),
        fc.string({
          unit: 'grapheme',
          minLength: schema.minLength ?? 0,
          maxLength: Math.min(schema.maxLength ?? MOST_CHARS, MOST_CHARS),
        }),
      );
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return fc.jsonValue();
  }
}

function objectOf({ properties = {}, required = [], additionalProperties }: Schema): fc.Arbitrary<unknown> {
  const known = fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, arbitraryOf(schema)])),
    { requiredKeys: required.filter((name) => name in properties) },
  );
  if (typeof additionalProperties !== 'object') return known;
  const more = fc.dictionary(
    fc.oneof(fc.constantFrom(...WORDS.filter((word) => word !== '__proto__')), fc.string()),
    arbitraryOf(additionalProperties),
    { maxKeys: MOST_ITEMS },
  );
  return fc.tuple(known, more).map(([a, b]) => ({ ...b, ...a }));
}

function numberOf({ type, minimum, maximum }: Schema): fc.Arbitrary<number> {
  const [min, max] = [minimum ?? -(2 ** 53), maximum ?? 2 ** 53];
  const edges = [minimum, maximum, 0, 1, -1].filter((edge) => edge !== undefined);
  const within =
    type === 'integer'
      ? fc.integer({
          min: Math.ceil(Math.max(min, -(2 ** 53 - 1))),
          max: Math.floor(Math.min(max, 2 ** 53 - 1)),
        })
      : fc.double({ min, max, noNaN: true });
  return fc.oneof(fc.constantFrom(...edges), within);
}
