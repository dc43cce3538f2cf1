import { useState } from 'preact/hooks';
import { nameOf, type OpenApi, resolved, type Schema } from './document.ts';

interface Props {
  readonly schema: Schema;
  readonly document: OpenApi;
}

/** What a schema holds. A named one that is inside is unfolded when it is asked for: it may hold itself. */
export function SchemaView({ schema, document }: Props) {
  const name = nameOf(schema);
  const whole = resolved(schema, document);
  const { properties, items, anyOf, oneOf, allOf, additionalProperties } = whole;
  const choices = anyOf ?? oneOf;
  return (
    <div class="schema">
      <p>
        {name && <strong>{name}</strong>} <Kind schema={whole} />
        {whole.description && ` ${whole.description}`}
      </p>
      {properties && (
        <ul>
          {Object.entries(properties).map(([property, value]) => (
            <Property
              key={property}
              name={property}
              required={whole.required?.includes(property) ?? false}
              schema={value}
              document={document}
            />
          ))}
        </ul>
      )}
      {items && !isPlain(items) && <Inner title="Each item" schema={items} document={document} />}
      {typeof additionalProperties === 'object' && !isPlain(additionalProperties) && (
        <Inner title="Each value" schema={additionalProperties} document={document} />
      )}
      {choices?.map((choice, at) => (
        <Inner key={at} title={`Choice ${at + 1}`} schema={choice} document={document} />
      ))}
      {allOf?.map((part, at) => (
        <Inner key={at} title={nameOf(part) ?? 'And'} schema={part} document={document} />
      ))}
    </div>
  );
}

interface PropertyProps extends Props {
  readonly name: string;
  readonly required: boolean;
}

function Property({ name, required, schema, document }: PropertyProps) {
  // Of a list its items are what one wants to see.
  const inner = schema.$ref === undefined && schema.items ? schema.items : schema;
  return (
    <li>
      <code>{name}</code> <Kind schema={schema} />
      {required && <span class="required"> required</span>}
      {schema.description && <span> {schema.description}</span>}
      {!isPlain(inner) && <Inner title={nameOf(inner) ?? 'Details'} schema={inner} document={document} />}
    </li>
  );
}

function Inner({ title, schema, document }: Props & { title: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{title}</summary>
      {open && <SchemaView schema={schema} document={document} />}
    </details>
  );
}

/** Its type and bounds in a few words. */
export function Kind({ schema }: { schema: Schema }) {
  return <span class="kind">{kindOf(schema)}</span>;
}

function kindOf(schema: Schema): string {
  const { type, items, additionalProperties, enum: values, format, pattern } = schema;
  const { minimum, maximum, maxLength, minItems, maxItems } = schema;
  const named = nameOf(schema);
  if (named !== undefined) return named;
  if (values) return `${values.map((value) => JSON.stringify(value)).join(' | ')}${standard(schema)}`;
  const types = typeof type === 'string' ? [type] : (type ?? []);
  const words = [
    types
      .map((each) => {
        if (each === 'array' && items) return `array of ${kindOf(items)}`;
        if (each === 'object' && typeof additionalProperties === 'object')
          return `object of ${kindOf(additionalProperties)}`;
        return each;
      })
      .join(' | '),
    format ?? '',
    span(minimum, maximum),
    span(minItems, maxItems),
    maxLength !== undefined ? `up to ${maxLength} characters` : '',
    pattern !== undefined && format === undefined ? `/${pattern}/` : '',
  ];
  return `${words.filter((word) => word !== '').join(', ') || 'one of several'}${standard(schema)}`;
}

function standard({ default: value }: Schema): string {
  return value === undefined ? '' : `, default ${JSON.stringify(value)}`;
}

function span(least: number | undefined, most: number | undefined): string {
  if (least === undefined) return most === undefined ? '' : `up to ${most}`;
  return most === undefined ? `from ${least}` : `${least}–${most}`;
}

/** Whether its kind says all there is. */
function isPlain({ $ref, properties, anyOf, oneOf, allOf, items, additionalProperties }: Schema): boolean {
  if ($ref !== undefined || properties || anyOf || oneOf || allOf) return false;
  if (typeof additionalProperties === 'object') return isPlain(additionalProperties);
  return items === undefined || isPlain(items);
}
